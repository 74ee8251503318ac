/* eddy config: a configuration to begin with, what a file comes to, and every key; from the table that also reads the file. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "cmd/config_init.h"
#include "daemon/config.h"
#include "daemon/nearest.h"

static const char usage[] =
    "usage: eddy config init [PATH]\n"
    "       eddy config show --effective [-c FILE]\n"
    "       eddy config reference\n\n"
    "init writes a commented configuration to begin with (default: eddy.yaml, - is standard output);\n"
    "never over a file that is there.\n"
    "show prints the configuration as eddy understands it: every key with its value, defaults and the\n"
    "environment filled in, passwords and keys replaced by `(secret)`. What has no value is a comment.\n"
    "The output is a configuration again.\n"
    "reference prints every key with its form, range, default and meaning, as Markdown.\n\n"
    "  -c, --config FILE   the configuration (default: built-in)\n"
    "      --effective     what show does in any case\n\n"
    "Exit codes: 0, 73 the file is there already or cannot be written, 78 the configuration.\n";

struct request {
  const char *config;
  bool effective;
};

static int init(int count, char **arguments) {
  if (count > 1) return eddy_cmd_misuse("config", "one file, please");
  return eddy_config_init(count == 1 ? arguments[0] : "eddy.yaml");
}

static int show(const char *path) {
  struct eddy_config config;
  int errors = eddy_config_load(&config, path, stderr);
  if (errors == 0) {
    printf("# As eddy understands %s%s. Secrets are not shown; what has no value is a comment.\n\n",
           path ? path : "no file at all", path ? "" : ": the defaults");
    eddy_config_show(&config, stdout);
  }
  eddy_config_free(&config);
  return errors == 0 ? EX_OK : EX_CONFIG;
}

static int unknown_verb(const char *verb) {
  static const char *const verbs[] = {"init", "show", "reference"};
  struct eddy_nearest nearest = eddy_nearest_begin(verb);
  for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) eddy_nearest_offer(&nearest, verbs[i]);
  if (nearest.best) return eddy_cmd_misuse("config", "there is no `%s`; did you mean `%s`?", verb, nearest.best);
  return eddy_cmd_misuse("config", "there is no `%s`, only `init`, `show` and `reference`", verb);
}

static int read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {
      {"config", required_argument, NULL, 'c'}, {"effective", no_argument, NULL, 'e'}, {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    if (option == 'c') request->config = optarg;
    if (option == 'e') request->effective = true;
  }
  if (optind == argc) return eddy_cmd_misuse(argv[0], "what about it? `eddy config init`, `show` or `reference`");
  return 0;
}

int eddy_cmd_config(int argc, char **argv) {
  struct request request = {0};
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int code = read_options(argc, argv, &request);
  if (code) return code;
  const char *verb = argv[optind];
  int count = argc - optind - 1;
  bool shows = strcmp(verb, "show") == 0;
  if (!shows && (request.config || request.effective)) return eddy_cmd_misuse(argv[0], "%s: takes no option", verb);
  if (strcmp(verb, "init") == 0) return init(count, argv + optind + 1);
  if (!shows && strcmp(verb, "reference") != 0) return unknown_verb(verb);
  if (count > 0) return eddy_cmd_misuse(argv[0], "what is %s?%s", argv[optind + 1], shows ? " A file needs -c" : "");
  if (shows) return show(request.config);
  eddy_config_reference(stdout);
  return EX_OK;
}
