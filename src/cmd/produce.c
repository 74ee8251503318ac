/* eddy produce: events that people or scripts write, onto the input topic. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/clean_text.h"
#include "cmd/cmd.h"
#include "cmd/input.h"
#include "codec/event_error.h"
#include "source/file_source.h"

static const char usage[] =
    "usage: eddy produce [-c FILE] [-t TOPIC] [-J | --framing NAME] [-H NAME=VALUE]...\n\n"
    "Reads events as JSON lines (or an Avro container file) from standard input and writes them to a\n"
    "topic: checked as `eddy replay` checks them, keyed by user_id. Lines that are no event are named and\n"
    "left out.\n\n"
    "  -c, --config FILE    the configuration (default: built-in)\n"
    "  -t, --topic TOPIC    another topic than kafka.input\n"
    "      --framing NAME   single-object: Avro as its specification frames it; confluent: Avro under an\n"
    "                       id of the schema registry, where the schema of events is looked up, or\n"
    "                       registered, under TOPIC-value; json. Default: confluent if registry.url is\n"
    "                       configured, else single-object\n"
    "  -J, --json           the same as --framing json\n"
    "  -H, --header NAME=VALUE  a header of every record, also several; without =VALUE it is null\n\n"
    "Exit codes: 0 all events arrived, 65 a line was no event, 69 no broker, topic or registry, or an\n"
    "event did not arrive, 78 the configuration, or the registry refuses the schema.\n";

enum { FRAMING_DEFAULT = -1, WHY_SHOWN = 500 };

struct request {
  const char *config, *topic;
  int framing; /* enum eddy_cmd_framing, or FRAMING_DEFAULT */
  rd_kafka_headers_t *headers;
};

struct produce {
  struct eddy_cmd_input input;
  struct eddy_file_source *source;
  uint64_t bad;
};

/* Options -------------------------------------------------------------------------------------------------------------------*/

static int read_framing(const char *command, const char *name, struct request *request) {
  static const char *const names[] = {
      [EDDY_CMD_SINGLE_OBJECT] = "single-object", [EDDY_CMD_CONFLUENT] = "confluent", [EDDY_CMD_JSON] = "json"};
  for (int i = 0; i < (int)(sizeof(names) / sizeof(*names)); i++) {
    if (strcmp(name, names[i]) != 0) continue;
    request->framing = i;
    return 0;
  }
  return eddy_cmd_misuse(command, "expected single-object, confluent or json, not `%s`", name);
}

static int add_header(const char *command, const char *text, struct request *request) {
  const char *sign = strchr(text, '=');
  size_t size = sign ? (size_t)(sign - text) : strlen(text);
  if (size == 0) return eddy_cmd_misuse(command, "a header needs a name: NAME=VALUE, not `%s`", text);
  if (!request->headers) request->headers = rd_kafka_headers_new(8);
  rd_kafka_resp_err_t error =
      rd_kafka_header_add(request->headers, text, (ssize_t)size, sign ? sign + 1 : NULL, sign ? (ssize_t)strlen(sign + 1) : 0);
  return error ? EX_OSERR : 0;
}

static int read_option(int option, const char *command, struct request *request) {
  if (option == 'c') request->config = optarg;
  if (option == 't') request->topic = optarg;
  if (option == 'J') request->framing = EDDY_CMD_JSON;
  if (option == 'F') return read_framing(command, optarg, request);
  return option == 'H' ? add_header(command, optarg, request) : 0;
}

static int read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"topic", required_argument, NULL, 't'},
                                          {"json", no_argument, NULL, 'J'},         {"framing", required_argument, NULL, 'F'},
                                          {"header", required_argument, NULL, 'H'}, {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:t:JH:", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    int code = read_option(option, argv[0], request);
    if (code) return code;
  }
  if (optind == argc) return 0;
  return eddy_cmd_misuse(argv[0], "what is %s? Events come from standard input", argv[optind]);
}

/* The work ------------------------------------------------------------------------------------------------------------------*/

/* A sentence may quote the line. */
static void name_bad_line(void *ctx, uint64_t number, int error, const char *why) {
  struct produce *produce = ctx;
  const char *text = why[0] ? why : eddy_event_error_text(error);
  produce->bad++;
  fprintf(stderr, "%s %" PRIu64 ": %s: ", eddy_file_source_unit(produce->source), number, eddy_event_error_name(error));
  eddy_cmd_put_clean(text, strlen(text), WHY_SHOWN, stderr);
  fputc('\n', stderr);
}

/* One event at a time: what stands in a pipe is sent when it comes. */
static int send_all(struct produce *produce) {
  struct eddy_event event;
  char why[512];
  int count = 0, code = 0;
  while (code == 0 && (count = eddy_file_source_read(produce->source, &event, 1, why, sizeof(why))) > 0) {
    code = eddy_cmd_input_send(&produce->input, &event, RD_KAFKA_PARTITION_UA, NULL);
  }
  if (count < 0) {
    fprintf(stderr, "eddy produce: %s\n", why);
    code = EX_DATAERR;
  }
  return code;
}

static int finish(struct produce *produce, int code) {
  int flushed = eddy_cmd_input_flush(&produce->input);
  uint64_t arrived = produce->input.client.delivered;
  fprintf(stderr, "%" PRIu64 " event%s to %s\n", arrived, arrived == 1 ? "" : "s", produce->input.topic);
  if (flushed) return flushed;
  return code ? code : produce->bad ? EX_DATAERR : EX_OK;
}

static int run(struct produce *produce, const struct eddy_config *config, const struct request *request) {
  char why[512];
  int framing = request->framing;
  if (framing == FRAMING_DEFAULT) framing = config->registry.url ? EDDY_CMD_CONFLUENT : EDDY_CMD_SINGLE_OBJECT;
  produce->input.framing = (enum eddy_cmd_framing)framing;
  int code = eddy_cmd_input_open(&produce->input, config);
  if (code) return code;
  if (eddy_file_source_open(&produce->source, "-", why, sizeof(why)) != 0) {
    fprintf(stderr, "eddy produce: %s\n", why);
    return EX_NOINPUT;
  }
  eddy_file_source_on_bad(produce->source, name_bad_line, produce);
  return finish(produce, send_all(produce));
}

static int load_and_run(const struct request *request) {
  struct eddy_config config;
  struct produce produce = {.input = {.command = "produce", .topic = request->topic, .headers = request->headers}};
  int code = eddy_config_load(&config, request->config, stderr) == 0 ? run(&produce, &config, request) : EX_CONFIG;
  if (produce.source) eddy_file_source_close(produce.source);
  eddy_cmd_input_close(&produce.input);
  eddy_config_free(&config);
  return code;
}

int eddy_cmd_produce(int argc, char **argv) {
  struct request request = {.framing = FRAMING_DEFAULT};
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int code = read_options(argc, argv, &request);
  if (code == 0) code = load_and_run(&request);
  if (request.headers) rd_kafka_headers_destroy(request.headers);
  return code;
}
