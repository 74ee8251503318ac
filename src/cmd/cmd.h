/* Subcommands: one file each, one row each in cmd/main.c. argv[0] is the subcommand's name. Each returns the exit code
 * (sysexits.h: 64 usage, 65 data, 69 unavailable, 70 internal, 75 try again, 78 configuration).
 */
#ifndef EDDY_CMD_CMD_H
#define EDDY_CMD_CMD_H

int eddy_cmd_run(int argc, char **argv);
int eddy_cmd_demo(int argc, char **argv);
int eddy_cmd_validate(int argc, char **argv);
int eddy_cmd_replay(int argc, char **argv);
int eddy_cmd_generate(int argc, char **argv);
int eddy_cmd_config(int argc, char **argv);
int eddy_cmd_version(int argc, char **argv);

#endif
