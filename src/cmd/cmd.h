/* Subcommands: one file each, one row each in cmd/main.c. argv[0] is the subcommand's name. Each returns the exit code
 * (sysexits.h: 64 usage, 65 data, 69 unavailable, 70 internal, 75 try again, 78 configuration). Data goes to stdout, messages go
 * to stderr.
 */
#ifndef EDDY_CMD_CMD_H
#define EDDY_CMD_CMD_H

#include <stdbool.h>

int eddy_cmd_run(int argc, char **argv);
int eddy_cmd_demo(int argc, char **argv);
int eddy_cmd_validate(int argc, char **argv);
int eddy_cmd_replay(int argc, char **argv);
int eddy_cmd_generate(int argc, char **argv);
int eddy_cmd_config(int argc, char **argv);
int eddy_cmd_version(int argc, char **argv);

/* If an argument before `--` is -h or --help: prints `usage` on stdout and returns true. */
bool eddy_cmd_help(int argc, char **argv, const char *usage);

/* "eddy validate: what is wrong" and where the help is, on stderr. Returns 64. */
int eddy_cmd_misuse(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
