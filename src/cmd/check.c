/* eddy check: would `eddy run` work here? Changes nothing but a key of its own in Redis, which it removes. */
#include "cmd/check.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "cmd/json_line.h"
#include "codec/event_decoder.h"

static const char usage[] =
    "usage: eddy check [-c FILE] [-J]\n\n"
    "Tries everything that `eddy run` needs: configuration, brokers, topics, committed offsets, schemas,\n"
    "schema registry, Redis, clocks. One line per item: ok, warn or fail, and what to do about it.\n"
    "Changes nothing.\n\n"
    "  -c, --config FILE   the configuration (default: built-in)\n"
    "  -J, --json          one JSON object per line: status, item, text, hint\n\n"
    "Exit codes: 0 nothing fails, 69 something does, 78 the configuration.\n";

static const char *const status_names[EDDY_CHECK_STATUSES] = {"ok", "warn", "fail"};

static void say_json(enum eddy_check_status status, const char *item, const char *hint, const char *text) {
  struct eddy_cmd_json line;
  eddy_cmd_json_begin(&line);
  eddy_cmd_json_text(&line, "status", status_names[status]);
  eddy_cmd_json_text(&line, "item", item);
  eddy_cmd_json_text(&line, "text", text);
  eddy_cmd_json_text(&line, "hint", hint);
  eddy_cmd_json_end(&line);
}

void eddy_check_say(struct eddy_check *check, enum eddy_check_status status, const char *item, const char *hint,
                    const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  check->counts[status]++;
  if (check->json) {
    say_json(status, item, hint, text);
  } else {
    printf("%-4s %s: %s%s%s\n", status_names[status], item, text, hint ? "; " : "", hint ? hint : "");
  }
  fflush(stdout); /* the next item may take a while */
}

static void check_schemas(struct eddy_check *check) {
  const char *path = check->config->kafka.schemas;
  struct eddy_schema_folder *folder;
  char why[512];
  if (!path) {
    eddy_check_say(check, EDDY_CHECK_OK, "schemas", NULL, "no folder: events are JSON, or Avro under %s",
                   check->config->registry.url ? "the registry's schemas" : "the built-in schema");
  } else if (eddy_schema_folder_open(&folder, path, why, sizeof(why)) == 0) {
    eddy_check_say(check, EDDY_CHECK_OK, "schemas", NULL, "every file of %s is a schema", path);
    eddy_schema_folder_close(folder);
  } else {
    eddy_check_say(check, EDDY_CHECK_FAIL, "schemas", "repair or remove the file, or change kafka.schemas", "%s", why);
  }
}

static int run(struct eddy_check *check, const char *path) {
  struct eddy_config config;
  int errors = eddy_config_load(&config, path, stderr), code = EX_CONFIG;
  if (errors) {
    eddy_check_say(check, EDDY_CHECK_FAIL, "configuration", "standard error has the places", "%d error%s", errors,
                   errors == 1 ? "" : "s");
  } else {
    check->config = &config;
    code = eddy_check_kafka(check);
  }
  if (code == 0) {
    check_schemas(check);
    eddy_check_registry(check);
    eddy_check_redis(check);
    code = check->counts[EDDY_CHECK_FAIL] ? EX_UNAVAILABLE : EX_OK;
  }
  eddy_config_free(&config);
  return code;
}

int eddy_cmd_check(int argc, char **argv) {
  static const struct option options[] = {
      {"config", required_argument, NULL, 'c'}, {"json", no_argument, NULL, 'J'}, {NULL, 0, NULL, 0}};
  struct eddy_check check = {0};
  const char *path = NULL;
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:J", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    if (option == 'c') path = optarg;
    if (option == 'J') check.json = true;
  }
  if (optind < argc) return eddy_cmd_misuse(argv[0], "what is %s? A file needs -c", argv[optind]);
  return run(&check, path);
}
