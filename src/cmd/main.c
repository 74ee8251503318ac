/* eddy COMMAND ...: finds the row and calls it. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "daemon/nearest.h"

static const struct eddy_command commands[] = {
    {"demo", eddy_cmd_demo, "run the whole pipeline with an embedded broker and invented shoppers"},
    {"run", eddy_cmd_run, "read events from Kafka, publish segment changes and triggers"},
    {"validate", eddy_cmd_validate, "check a configuration file without side effects"},
    {"replay", eddy_cmd_replay, "read events from a file, print what would have been published"},
    {"generate", eddy_cmd_generate, "print invented events"},
    {"check", eddy_cmd_check, "try everything that `eddy run` needs, say what is missing"},
    {"produce", eddy_cmd_produce, "write events from standard input to the input topic"},
    {"tail", eddy_cmd_tail, "print the records of a topic as JSON lines"},
    {"dlq", eddy_cmd_dlq, "list the records that were no valid events, send them to the input again"},
    {"top", eddy_cmd_top, "watch a running instance: rates, lag, segments, latency"},
    {"explain", eddy_cmd_explain, "what a running instance knows about one user, and why it decided as it did"},
    {"topics", eddy_cmd_topics, "create the topics that are missing, say how the others differ"},
    {"forget", eddy_cmd_forget, "erase users: profile, timers, Redis"},
    {"redis", eddy_cmd_redis, "remove the view in Redis, so that it is written anew"},
    {"config", eddy_cmd_config, "a configuration to begin with, what a file comes to, all keys"},
    {"version", eddy_cmd_version, "versions of eddy and its libraries"},
    {"man", eddy_cmd_man, NULL},
    {"completion", eddy_cmd_completion, NULL},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

const struct eddy_command *eddy_commands(size_t *count) {
  *count = COMMAND_COUNT;
  return commands;
}

static const char examples[] =
    "eddy reads customer events, keeps a profile per user, and publishes segment changes and triggers.\n\n"
    "  eddy demo                          see it work, nothing to set up\n"
    "  eddy run -c eddy.yaml              the daemon\n"
    "  eddy replay -c eddy.yaml FILE      what would have been published for a file of events\n\n"
    "`eddy help` lists all commands.\n";

static void print_help(void) {
  fputs("usage: eddy COMMAND [OPTIONS]\n\n", stdout);
  for (int i = 0; i < COMMAND_COUNT; i++) {
    if (commands[i].summary) printf("  %-10s %s\n", commands[i].name, commands[i].summary);
  }
  fputs("\n`eddy COMMAND --help` explains one of them.\n", stdout);
}

static const struct eddy_command *find_command(const char *name) {
  for (int i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(commands[i].name, name) == 0) return &commands[i];
  return NULL;
}

static int unknown_command(const char *name) {
  struct eddy_nearest nearest = eddy_nearest_begin(name);
  for (int i = 0; i < COMMAND_COUNT; i++) eddy_nearest_offer(&nearest, commands[i].name);
  fprintf(stderr, "eddy: there is no command `%s`", name);
  if (nearest.best) fprintf(stderr, "; did you mean `%s`?", nearest.best);
  fputs("\n`eddy help` lists all commands.\n", stderr);
  return EX_USAGE;
}

static int help_on(char *name) {
  char help[] = "--help";
  char *arguments[] = {name, help, NULL};
  const struct eddy_command *command = find_command(name);
  return command ? command->call(2, arguments) : unknown_command(name);
}

static int dispatch(int argc, char **argv) {
  if (argc < 2) {
    fputs(examples, stdout);
    return EX_OK;
  }
  const char *name = argv[1];
  bool help = strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
  if (help && argc > 2) return help_on(argv[2]);
  if (help) {
    print_help();
    return EX_OK;
  }
  if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) name = "version";
  const struct eddy_command *command = find_command(name);
  return command ? command->call(argc - 1, argv + 1) : unknown_command(name);
}

int main(int argc, char **argv) {
  int code = dispatch(argc, argv);
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  return code == EX_OK ? EX_IOERR : code; /* data that did not arrive is no success */
}
