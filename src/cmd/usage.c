/* What all subcommands say in the same words. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "cmd/usage_form.h"
#include "daemon/nearest.h"

static void put_plain(const char *usage, FILE *out) {
  fputs(usage, out);
}

static const struct {
  const char *option;
  void (*put)(const char *usage, FILE *out);
} forms[] = {{"-h", put_plain}, {"--help", put_plain}, {"--help=man", eddy_usage_man}, {"--help=bash", eddy_usage_bash}};

bool eddy_cmd_help(int argc, char **argv, const char *usage) {
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
    for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
      if (strcmp(argv[i], forms[form].option) != 0) continue;
      forms[form].put(usage, stdout);
      return true;
    }
  }
  return false;
}

bool eddy_cmd_whole(const char *text, uint64_t min, uint64_t max, uint64_t *value) {
  char *end;
  errno = 0;
  unsigned long long parsed = strtoull(text, &end, 10);
  if (errno || *end != '\0' || text[0] < '0' || text[0] > '9' || parsed < min || parsed > max) return false;
  *value = parsed;
  return true;
}

bool eddy_cmd_number(const char *text, double min, double max, double *value) {
  char *end;
  *value = strtod(text, &end);
  return end != text && *end == '\0' && *value >= min && *value <= max;
}

/* Within a group of letters (-xy) getopt has not moved on yet and only optopt knows which it is; for a long option that does
 * not exist optopt is 0. */
int eddy_cmd_bad_option(char **argv, int option, const struct option *options) {
  const char *last = argv[optind - 1];
  char letter[] = {'-', (char)optopt, '\0'};
  if (option == ':') return eddy_cmd_misuse(argv[0], "%s needs a value", last);
  bool is_long = optopt == 0 || (strncmp(last, "--", 2) == 0 && strchr(last, '='));
  if (!is_long) return eddy_cmd_misuse(argv[0], "unknown option %s", letter);
  char name[64] = "";
  snprintf(name, sizeof name, "%.*s", (int)strcspn(last + 2, "="), last + 2);
  struct eddy_nearest nearest = eddy_nearest_begin(name);
  eddy_nearest_offer(&nearest, "help");
  for (; options->name; options++) eddy_nearest_offer(&nearest, options->name);
  if (!nearest.best) return eddy_cmd_misuse(argv[0], "unknown option %s", last);
  return eddy_cmd_misuse(argv[0], "unknown option %s; did you mean --%s?", last, nearest.best);
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
