/* eddy tail: records of eddy's topics for people and scripts. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "cmd/tail_record.h"
#include "cmd/topic_reader.h"
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

enum { POLL_MS = 200, LAST_DEFAULT = 10 };

struct request {
  const char *config, *topic;
  int64_t offset;
  uint64_t count; /* 0 = all */
  bool exit_at_end, wrap;
};

struct tail {
  const struct request *request;
  struct eddy_cmd_topic_reader reader;
  struct eddy_tail_record record;
  struct eddy_buffer line;
  uint64_t printed, bad;
};

/* Options -------------------------------------------------------------------------------------------------------------------*/

static int read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"offset", required_argument, NULL, 'o'},
                                          {"count", required_argument, NULL, 'n'},  {"exit", no_argument, NULL, 'e'},
                                          {"json", no_argument, NULL, 'J'},         {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:o:n:eJ", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_wrong_option(argv, option, options);
    if (option == 'c') request->config = optarg;
    if (option == 'e') request->exit_at_end = true;
    if (option == 'J') request->wrap = true;
    if (option == 'o' && !eddy_cmd_offset(optarg, &request->offset))
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

static bool is_done(const struct tail *tail) {
  bool enough = tail->request->count && tail->printed >= tail->request->count;
  return enough || ferror(stdout) || eddy_cmd_topic_reader_is_done(&tail->reader);
}

static int follow(struct tail *tail) {
  int code = 0;
  while (code == 0 && !is_done(tail)) {
    rd_kafka_message_t *message = eddy_cmd_topic_reader_next(&tail->reader, 0, &code);
    if (!message && code == 0 && !is_done(tail)) {
      fflush(stdout);
      message = eddy_cmd_topic_reader_next(&tail->reader, POLL_MS, &code);
    }
    if (!message) continue;
    print_record(tail, message);
    rd_kafka_message_destroy(message);
  }
  return code ? code : tail->bad ? EX_DATAERR : EX_OK;
}

static int run(struct tail *tail, const struct eddy_config *config, int topic) {
  char why[512];
  if (eddy_tail_record_open(&tail->record, config, topic, why, sizeof(why)) != 0) {
    fprintf(stderr, "eddy tail: %s\n", why);
    return EX_CONFIG;
  }
  int code = eddy_cmd_topic_reader_open(&tail->reader, config, topic, tail->request->offset);
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
  tail.reader =
      (struct eddy_cmd_topic_reader){.command = "tail", .follow = !request.exit_at_end, .partition = EDDY_CMD_ALL_PARTITIONS};
  code = eddy_config_load(&config, request.config, stderr) == 0 ? run(&tail, &config, topic) : EX_CONFIG;
  eddy_cmd_topic_reader_close(&tail.reader);
  eddy_tail_record_close(&tail.record);
  eddy_buffer_fini(&tail.line);
  eddy_config_free(&config);
  return code;
}
