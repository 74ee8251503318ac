/* eddy validate: every error of a configuration file at once, without side effects. */
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "cmd/json_line.h"
#include "daemon/config.h"

static const char usage[] =
    "usage: eddy validate [-J] -c FILE\n\n"
    "Checks a configuration file: every error at once, with its place and a hint, on standard error.\n"
    "Reads the file and what it takes from the environment and from ${file:...}; connects to nothing and\n"
    "changes nothing.\n\n"
    "  -c, --config FILE   the file\n"
    "  -J, --json          a JSON object per error on standard output: file, line, column (from 1; line 0\n"
    "                      is the file as a whole), message, hint\n\n"
    "Exit codes: 0 it may be used, 78 it may not.\n";

struct request {
  const char *path;
  bool json;
};

static int read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {
      {"config", required_argument, NULL, 'c'}, {"json", no_argument, NULL, 'J'}, {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:J", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    if (option == 'c') request->path = optarg;
    if (option == 'J') request->json = true;
  }
  if (!request->path && optind + 1 == argc) request->path = argv[optind++];
  if (request->path && optind == argc) return 0;
  return eddy_cmd_misuse(argv[0], request->path ? "one file, please" : "which file? -c FILE");
}

static void print_summary(const char *path, const struct eddy_config *config) {
  unsigned features = config->spec.feature_count, triggers = config->spec.trigger_count;
  printf("%s: ok (app %s, %u feature%s, %u trigger%s, %u segments, %u worker%s)\n", path, config->app, features,
         features == 1 ? "" : "s", triggers, triggers == 1 ? "" : "s", config->model.segments, config->workers,
         config->workers == 1 ? "" : "s");
}

/* Every error for people; returns how many. */
static int validate(const char *path) {
  struct eddy_config config;
  int errors = eddy_config_load(&config, path, stderr);
  if (errors == 0)
    print_summary(path, &config);
  else
    fprintf(stderr, "%d error%s\n", errors, errors == 1 ? "" : "s");
  eddy_config_free(&config);
  return errors;
}

static void print_error(const char *path, const struct eddy_config_error *error) {
  struct eddy_cmd_json line;
  eddy_cmd_json_begin(&line);
  eddy_cmd_json_text(&line, "file", path);
  eddy_cmd_json_integer(&line, "line", error->place.line);
  eddy_cmd_json_integer(&line, "column", error->place.column);
  eddy_cmd_json_text(&line, "message", error->message);
  eddy_cmd_json_text(&line, "hint", error->hint[0] ? error->hint : NULL);
  eddy_cmd_json_end(&line);
}

/* The same for programs. */
static int validate_json(const char *path) {
  struct eddy_config config;
  struct eddy_config_report report;
  eddy_config_report_init(&report);
  int errors = eddy_config_read(&config, path, &report), kept = eddy_config_report_sort(&report);
  for (int i = 0; i < kept; i++) print_error(path, &report.errors[i]);
  if (errors > kept) fprintf(stderr, "eddy validate: %d more errors\n", errors - kept);
  eddy_config_report_fini(&report);
  eddy_config_free(&config);
  return errors;
}

int eddy_cmd_validate(int argc, char **argv) {
  struct request request = {0};
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int code = read_options(argc, argv, &request);
  if (code) return code;
  int errors = request.json ? validate_json(request.path) : validate(request.path);
  return errors == 0 ? EX_OK : EX_CONFIG;
}
