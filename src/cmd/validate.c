/* eddy validate: every error of a configuration file at once, without side effects. */
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "daemon/config.h"

static const char usage[] =
    "usage: eddy validate -c FILE\n\n"
    "Checks a configuration file: every error at once, with its place and a hint, on standard error. Reads the file and what "
    "it\n"
    "takes from the environment and from ${file:...}; connects to nothing and changes nothing. Exit code 0 or 78.\n\n"
    "  -c, --config FILE   the file\n";

/* The file, NULL after a message. */
static const char *read_options(int argc, char **argv, int *code) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
  const char *path = NULL;
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:", options, NULL)) != -1;) {
    if (option == 'c') {
      path = optarg;
    } else {
      *code = eddy_cmd_bad_option(argv, option, options);
      return NULL;
    }
  }
  if (!path && optind + 1 == argc) path = argv[optind++];
  if (path && optind == argc) return path;
  *code = eddy_cmd_misuse(argv[0], path ? "one file, please" : "which file? -c FILE");
  return NULL;
}

static void print_summary(const char *path, const struct eddy_config *config) {
  unsigned features = config->spec.feature_count, triggers = config->spec.trigger_count;
  printf("%s: ok (app %s, %u feature%s, %u trigger%s, %u segments, %u worker%s)\n", path, config->app, features,
         features == 1 ? "" : "s", triggers, triggers == 1 ? "" : "s", config->model.segments, config->workers,
         config->workers == 1 ? "" : "s");
}

int eddy_cmd_validate(int argc, char **argv) {
  struct eddy_config config;
  int code = EX_OK;
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  const char *path = read_options(argc, argv, &code);
  if (!path) return code;
  int errors = eddy_config_load(&config, path, stderr);
  if (errors == 0)
    print_summary(path, &config);
  else
    fprintf(stderr, "%d error%s\n", errors, errors == 1 ? "" : "s");
  eddy_config_free(&config);
  return errors == 0 ? EX_OK : EX_CONFIG;
}
