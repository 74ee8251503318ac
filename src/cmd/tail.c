/* eddy tail: records of eddy's topics for people and scripts. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/tail_record.h"
#include "daemon/nearest.h"

static const char usage[] =
    "usage: eddy tail [-c FILE] TOPIC [-o WHERE] [-n N] [-e] [-J]\n\n"
    "Prints the records of a topic as JSON lines, committed ones only. TOPIC is events (the input), segment-changes, "
    "triggers,\n"
    "suppressed, receipts, model-delta, model, segments or dlq. Goes on until it is interrupted.\n\n"
    "  -c, --config FILE   the configuration (default: built-in)\n"
    "  -o, --offset WHERE  beginning, end, an offset, or -N: the last N offsets (commits take some) of each partition;\n"
    "                      default -10\n"
    "  -n, --count N       end after N records\n"
    "  -e, --exit          end at the end of the topic\n"
    "  -J, --json          with topic, partition, offset, time and key around each record\n\n"
    "Exit codes: 0, 65 if a record could not be read (standard error says which), 69 no broker or topic, 78 the "
    "configuration.\n";

enum { POLL_MS = 200, LAST_DEFAULT = 10, EVENTS_MAX = 1000000000 };

struct request {
  const char *config, *topic;
  int64_t offset;
  uint64_t count; /* 0 = all */
  bool exit_at_end, wrap;
};

struct tail {
  const struct request *request;
  struct eddy_cmd_client client;
  struct eddy_cmd_reading reading;
  struct eddy_topics topics;
  struct eddy_tail_record record;
  struct eddy_buffer line;
  uint64_t printed, bad;
  int at_end; /* partitions */
};

/* Options -------------------------------------------------------------------------------------------------------------------*/

static bool read_offset(const char *text, int64_t *offset) {
  uint64_t value;
  bool last = text[0] == '-';
  if (strcmp(text, "beginning") == 0)
    *offset = RD_KAFKA_OFFSET_BEGINNING;
  else if (strcmp(text, "end") == 0)
    *offset = RD_KAFKA_OFFSET_END;
  else if (!eddy_cmd_whole(text + last, last ? 1 : 0, last ? EVENTS_MAX : INT64_MAX, &value))
    return false;
  else
    *offset = last ? RD_KAFKA_OFFSET_TAIL((int64_t)value) : (int64_t)value;
  return true;
}

static int read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"offset", required_argument, NULL, 'o'},
                                          {"count", required_argument, NULL, 'n'},  {"exit", no_argument, NULL, 'e'},
                                          {"json", no_argument, NULL, 'J'},         {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:o:n:eJ", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option);
    if (option == 'c') request->config = optarg;
    if (option == 'e') request->exit_at_end = true;
    if (option == 'J') request->wrap = true;
    if (option == 'o' && !read_offset(optarg, &request->offset))
      return eddy_cmd_misuse(argv[0], "expected beginning, end, an offset or -N, not `%s`", optarg);
    if (option == 'n' && !eddy_cmd_whole(optarg, 1, UINT64_MAX, &request->count))
      return eddy_cmd_misuse(argv[0], "expected a whole number from 1, not `%s`", optarg);
  }
  if (optind + 1 != argc)
    return eddy_cmd_misuse(argv[0], optind < argc ? "one topic, please" : "which topic? For instance triggers");
  request->topic = argv[optind];
  return 0;
}

/* Its position in daemon/topics.h, or -1 after a message. */
static int find_topic(const char *name) {
  struct eddy_nearest nearest = eddy_nearest_begin(name);
  for (int i = 0; i < EDDY_TOPIC_ALL; i++) {
    if (i == EDDY_TOPIC_PROFILES) continue; /* nothing for people */
    const char *suffix = i == EDDY_TOPIC_INPUT ? "events" : eddy_topics_suffix(i);
    if (strcmp(name, suffix) == 0) return i;
    eddy_nearest_offer(&nearest, suffix);
  }
  fprintf(stderr, "eddy tail: there is no topic `%s`", name);
  if (nearest.best) fprintf(stderr, "; did you mean `%s`?", nearest.best);
  fputs("\nTry `eddy tail --help`.\n", stderr);
  return -1;
}

/* Reading -------------------------------------------------------------------------------------------------------------------*/

static void print_record(struct tail *tail, const rd_kafka_message_t *message) {
  char why[512] = "out of memory";
  tail->line.size = 0;
  int error = tail->request->wrap ? eddy_tail_record_wrap(&tail->record, message, &tail->line, why, sizeof(why))
                                  : eddy_tail_record_print(&tail->record, message, &tail->line, why, sizeof(why));
  tail->printed++;
  if (error) {
    tail->bad++;
    fprintf(stderr, "partition %d offset %" PRId64 ": %s\n", message->partition, message->offset, why);
  } else {
    fwrite(tail->line.data, 1, tail->line.size, stdout);
  }
}

/* 0, or 69 after a message. */
static int take(struct tail *tail, const rd_kafka_message_t *message) {
  if (!message->err) {
    print_record(tail, message);
  } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    tail->at_end++;
  } else {
    fprintf(stderr, "eddy tail: partition %d: %s\n", message->partition, rd_kafka_message_errstr(message));
    return EX_UNAVAILABLE;
  }
  return 0;
}

static bool is_done(const struct tail *tail) {
  bool enough = tail->request->count && tail->printed >= tail->request->count;
  return enough || ferror(stdout) || (tail->request->exit_at_end && tail->at_end >= tail->reading.partitions->cnt);
}

static int follow(struct tail *tail) {
  int code = 0;
  while (code == 0 && !is_done(tail)) {
    rd_kafka_message_t *message = eddy_cmd_reading_next(&tail->reading, 0);
    if (!message) {
      fflush(stdout);
      message = eddy_cmd_reading_next(&tail->reading, POLL_MS);
    }
    rd_kafka_poll(tail->client.kafka, 0);
    if (!message) continue;
    code = take(tail, message);
    rd_kafka_message_destroy(message);
  }
  return code ? code : tail->bad ? EX_DATAERR : EX_OK;
}

/* Set-up --------------------------------------------------------------------------------------------------------------------*/

static int start(struct tail *tail, const struct eddy_config *config, int topic) {
  int32_t found[EDDY_TOPIC_ALL];
  const char *name = topic == EDDY_TOPIC_INPUT ? tail->topics.input : tail->topics.names[topic];
  rd_kafka_resp_err_t error = eddy_topics_survey(&tail->topics, tail->client.kafka, EDDY_CMD_REACH_MS, found);
  if (error) {
    fprintf(stderr, "eddy tail: no broker at %s: %s\n", config->kafka.brokers, eddy_cmd_client_why(&tail->client, error));
    return EX_UNAVAILABLE;
  }
  if (found[topic] == 0) {
    fprintf(stderr, "eddy tail: topic %s does not exist; `eddy topics create` makes it\n", name);
    return EX_UNAVAILABLE;
  }
  error = eddy_cmd_reading_open(&tail->reading, tail->client.kafka, name);
  for (int32_t i = 0; i < found[topic] && !error; i++) error = eddy_cmd_reading_start(&tail->reading, i, tail->request->offset);
  if (error) fprintf(stderr, "eddy tail: %s: %s\n", name, rd_kafka_err2str(error));
  return error ? EX_UNAVAILABLE : 0;
}

static int run(struct tail *tail, const struct eddy_config *config, int topic) {
  char why[512] = "out of memory";
  if (eddy_topics_init(&tail->topics, config) != 0 ||
      eddy_tail_record_open(&tail->record, config, topic, why, sizeof(why)) != 0 ||
      eddy_cmd_client_open(&tail->client, config, EDDY_KAFKA_READER, why, sizeof(why)) != 0) {
    fprintf(stderr, "eddy tail: %s\n", why);
    return EX_CONFIG;
  }
  int code = start(tail, config, topic);
  return code ? code : follow(tail);
}

int eddy_cmd_tail(int argc, char **argv) {
  struct request request = {.offset = RD_KAFKA_OFFSET_TAIL(LAST_DEFAULT)};
  struct tail tail = {.request = &request};
  struct eddy_config config;
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int code = read_options(argc, argv, &request), topic = code ? -1 : find_topic(request.topic);
  if (topic < 0) return EX_USAGE;
  eddy_buffer_init(&tail.line, NULL);
  code = eddy_config_load(&config, request.config, stderr) == 0 ? run(&tail, &config, topic) : EX_CONFIG;
  eddy_cmd_reading_close(&tail.reading);
  eddy_cmd_client_close(&tail.client);
  eddy_tail_record_close(&tail.record);
  eddy_topics_fini(&tail.topics);
  eddy_buffer_fini(&tail.line);
  eddy_config_free(&config);
  return code;
}
