/* eddy produce: events that people or scripts write, onto the input topic. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "cmd/input.h"
#include "codec/event_error.h"
#include "source/file_source.h"

static const char usage[] =
    "usage: eddy produce [-c FILE] [-t TOPIC] [-J]\n\n"
    "Reads events as JSON lines from standard input and writes them to a topic: checked as `eddy replay` checks them, keyed "
    "by\n"
    "user_id. Lines that are no event are named and left out.\n\n"
    "  -c, --config FILE   the configuration (default: built-in)\n"
    "  -t, --topic TOPIC   another topic than kafka.input\n"
    "  -J, --json          as JSON instead of Avro single-object encoding\n\n"
    "Exit codes: 0 all events arrived, 65 a line was no event, 69 no broker or topic, or an event did not arrive, 78 the\n"
    "configuration.\n";

struct request {
  const char *config, *topic;
  bool json;
};

struct produce {
  struct eddy_cmd_input input;
  struct eddy_file_source *source;
  uint64_t bad;
};

static int read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                          {"topic", required_argument, NULL, 't'},
                                          {"json", no_argument, NULL, 'J'},
                                          {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:t:J", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_wrong_option(argv, option, options);
    if (option == 'c') request->config = optarg;
    if (option == 't') request->topic = optarg;
    if (option == 'J') request->json = true;
  }
  if (optind == argc) return 0;
  return eddy_cmd_misuse(argv[0], "what is %s? Events come from standard input", argv[optind]);
}

static void name_bad_line(void *ctx, uint64_t number, int error, const char *why) {
  struct produce *produce = ctx;
  produce->bad++;
  fprintf(stderr, "%s %" PRIu64 ": %s: %s\n", eddy_file_source_unit(produce->source), number, eddy_event_error_name(error),
          why[0] ? why : eddy_event_error_text(error));
}

/* One event at a time: what stands in a pipe is sent when it comes. */
static int send_all(struct produce *produce) {
  struct eddy_event event;
  char why[512];
  int count = 0, code = 0;
  while (code == 0 && (count = eddy_file_source_read(produce->source, &event, 1, why, sizeof(why))) > 0) {
    code = eddy_cmd_input_send(&produce->input, &event, NULL);
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

static int run(struct produce *produce, const struct eddy_config *config) {
  char why[512];
  int code = eddy_cmd_input_open(&produce->input, config);
  if (code) return code;
  if (eddy_file_source_open(&produce->source, "-", why, sizeof(why)) != 0) {
    fprintf(stderr, "eddy produce: %s\n", why);
    return EX_NOINPUT;
  }
  eddy_file_source_on_bad(produce->source, name_bad_line, produce);
  return finish(produce, send_all(produce));
}

int eddy_cmd_produce(int argc, char **argv) {
  struct request request = {0};
  struct eddy_config config;
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int code = read_options(argc, argv, &request);
  if (code) return code;
  struct produce produce = {.input = {.command = "produce", .topic = request.topic, .json = request.json}};
  code = eddy_config_load(&config, request.config, stderr) == 0 ? run(&produce, &config) : EX_CONFIG;
  if (produce.source) eddy_file_source_close(produce.source);
  eddy_cmd_input_close(&produce.input);
  eddy_config_free(&config);
  return code;
}
