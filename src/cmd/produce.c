/* eddy produce: events that people or scripts write, onto the input topic. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/memory.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "codec/container.h"
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

enum { HEADER_BYTES = 10, FULL_WAIT_MS = 100, FLUSH_MS = 60000 };

struct request {
  const char *config, *topic;
  bool json;
};

struct produce {
  const struct request *request;
  const char *topic;
  struct eddy_cmd_client client;
  struct eddy_file_source *source;
  struct eddy_buffer value;
  uint64_t sent, bad;
};

static int read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                          {"topic", required_argument, NULL, 't'},
                                          {"json", no_argument, NULL, 'J'},
                                          {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:t:J", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option);
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

static int encode(struct produce *produce, const struct eddy_event *event) {
  uint8_t header[HEADER_BYTES];
  produce->value.size = 0;
  if (produce->request->json) {
    int error = eddy_event_to_json(event, &produce->value);
    if (!error) produce->value.size--; /* the line feed */
    return error;
  }
  eddy_event_header(header);
  int error = eddy_buffer_append(&produce->value, header, sizeof(header));
  return error ? error : eddy_event_encode(event, &produce->value);
}

/* Waits while the client's queue is full. 0 or 69 after a message. */
static int send_event(struct produce *produce, const struct eddy_event *event) {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__QUEUE_FULL;
  if (encode(produce, event) != 0) return EX_OSERR;
  while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    error = rd_kafka_producev(produce->client.kafka, RD_KAFKA_V_TOPIC(produce->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_KEY(event->user_id.data, event->user_id.len),
                              RD_KAFKA_V_VALUE(produce->value.data, produce->value.size), RD_KAFKA_V_END);
    rd_kafka_poll(produce->client.kafka, error ? FULL_WAIT_MS : 0);
  }
  if (!error) {
    produce->sent++;
    return 0;
  }
  fprintf(stderr, "eddy produce: an event of %.*s: %s\n", (int)event->user_id.len, event->user_id.data,
          rd_kafka_err2str(error));
  return EX_UNAVAILABLE;
}

/* One event at a time: what stands in a pipe is sent when it comes. */
static int send_all(struct produce *produce) {
  struct eddy_event event;
  char why[512];
  int count = 0, code = 0;
  while (code == 0 && (count = eddy_file_source_read(produce->source, &event, 1, why, sizeof(why))) > 0) {
    code = send_event(produce, &event);
  }
  if (count < 0) {
    fprintf(stderr, "eddy produce: %s\n", why);
    code = EX_DATAERR;
  }
  return code;
}

static int finish(struct produce *produce, int code) {
  rd_kafka_flush(produce->client.kafka, FLUSH_MS);
  uint64_t arrived = produce->client.delivered;
  fprintf(stderr, "%" PRIu64 " event%s to %s\n", arrived, arrived == 1 ? "" : "s", produce->topic);
  if (arrived < produce->sent) {
    fprintf(stderr, "eddy produce: %" PRIu64 " did not arrive: %s\n", produce->sent - arrived,
            eddy_cmd_client_why(&produce->client, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT));
    return EX_UNAVAILABLE;
  }
  return code ? code : produce->bad ? EX_DATAERR : EX_OK;
}

/* Asks for all topics: asking for one could make it. 0 or 69 after a message. */
static int look_for_topic(struct produce *produce, const struct eddy_config *config) {
  const struct rd_kafka_metadata *metadata;
  rd_kafka_resp_err_t error = rd_kafka_metadata(produce->client.kafka, 1, NULL, &metadata, EDDY_CMD_REACH_MS);
  if (error) {
    fprintf(stderr, "eddy produce: no broker at %s: %s\n", config->kafka.brokers, eddy_cmd_client_why(&produce->client, error));
    return EX_UNAVAILABLE;
  }
  bool found = false;
  for (int i = 0; i < metadata->topic_cnt; i++) found = found || strcmp(metadata->topics[i].topic, produce->topic) == 0;
  rd_kafka_metadata_destroy(metadata);
  if (found) return 0;
  fprintf(stderr, "eddy produce: topic %s does not exist; `eddy topics create` makes it\n", produce->topic);
  return EX_UNAVAILABLE;
}

static int run(struct produce *produce, const struct eddy_config *config) {
  char why[512];
  produce->topic = produce->request->topic ? produce->request->topic : config->kafka.input;
  if (eddy_cmd_client_open(&produce->client, config, EDDY_KAFKA_WRITER, why, sizeof(why)) != 0) {
    fprintf(stderr, "eddy produce: %s\n", why);
    return EX_CONFIG;
  }
  int code = look_for_topic(produce, config);
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
  struct produce produce = {.request = &request};
  struct eddy_config config;
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int code = read_options(argc, argv, &request);
  if (code) return code;
  eddy_buffer_init(&produce.value, NULL);
  code = eddy_config_load(&config, request.config, stderr) == 0 ? run(&produce, &config) : EX_CONFIG;
  if (produce.source) eddy_file_source_close(produce.source);
  eddy_cmd_client_close(&produce.client);
  eddy_buffer_fini(&produce.value);
  eddy_config_free(&config);
  return code;
}
