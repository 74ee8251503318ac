/* What all subcommands say in the same words. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cmd.h"

bool eddy_cmd_help(int argc, char **argv, const char *usage) {
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (strcmp(argv[i], "-h") != 0 && strcmp(argv[i], "--help") != 0) continue;
    fputs(usage, stdout);
    return true;
  }
  return false;
}

int eddy_cmd_misuse(const char *command, const char *format, ...) {
  va_list arguments;
  fprintf(stderr, "eddy %s: ", command);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, "\nTry `eddy %s --help`.\n", command);
  return EX_USAGE;
}
