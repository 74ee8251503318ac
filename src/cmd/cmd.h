/* Subcommands: one file each, one row each in cmd/main.c. argv[0] is the subcommand's name. Each returns the exit code
 * (sysexits.h: 64 usage, 65 data, 66 no input, 69 unavailable, 70 internal, 71 system, 73 cannot create, 74 output,
 * 75 try again, 77 no permission, 78 configuration). Data goes to stdout, messages go to stderr.
 */
#ifndef EDDY_CMD_CMD_H
#define EDDY_CMD_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int eddy_cmd_run(int argc, char **argv);
int eddy_cmd_demo(int argc, char **argv);
int eddy_cmd_validate(int argc, char **argv);
int eddy_cmd_replay(int argc, char **argv);
int eddy_cmd_generate(int argc, char **argv);
int eddy_cmd_check(int argc, char **argv);
int eddy_cmd_produce(int argc, char **argv);
int eddy_cmd_tail(int argc, char **argv);
int eddy_cmd_dlq(int argc, char **argv);
int eddy_cmd_top(int argc, char **argv);
int eddy_cmd_explain(int argc, char **argv);
int eddy_cmd_topics(int argc, char **argv);
int eddy_cmd_forget(int argc, char **argv);
int eddy_cmd_redis(int argc, char **argv);
int eddy_cmd_config(int argc, char **argv);
int eddy_cmd_version(int argc, char **argv);
int eddy_cmd_man(int argc, char **argv);
int eddy_cmd_completion(int argc, char **argv);

struct eddy_command {
  const char *name;
  int (*call)(int argc, char **argv);
  const char *summary; /* NULL: not for people, `eddy help` leaves it out */
};
/* All of them, in the order in which people read of them. */
const struct eddy_command *eddy_commands(size_t *count);

/* If an argument before `--` is -h or --help: prints `usage` on stdout and returns true. With --help=man and --help=bash in the
 * forms of cmd/usage_form.h. */
bool eddy_cmd_help(int argc, char **argv, const char *usage);

/* A whole number in digits from `min` to `max`; any number from `min` to `max`. */
bool eddy_cmd_whole(const char *text, uint64_t min, uint64_t max, uint64_t *value);
bool eddy_cmd_number(const char *text, double min, double max, double *value);

/* What getopt_long() with a leading ':' answered with ':' or '?': says so on stderr, with the long option that was probably
 * meant (`options` as getopt_long() got them). Returns 64. */
struct option;
int eddy_cmd_bad_option(char **argv, int option, const struct option *options);
/* "eddy validate: what is wrong" and where the help is, on stderr. Returns 64. */
int eddy_cmd_misuse(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
