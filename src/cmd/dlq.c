/* eddy dlq: the records that were no valid events, for people: what they are, and back to the input. */
#include "cmd/dlq.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "codec/event_error.h"
#include "daemon/nearest.h"
#include "source/kafka_message.h"

static const char usage[] =
    "usage: eddy dlq list [-c FILE] [--code CODE] [-p PARTITION] [-o WHERE] [-n COUNT] [-f] [-J]\n"
    "       eddy dlq retry [-c FILE] [--code CODE] [-p PARTITION] [-o WHERE] [-n COUNT] [-J] [--dry-run]\n\n"
    "Dead letters are the records of the input that were no valid events, on topic <app>.dlq with the\n"
    "reason.\n\n"
    "list prints one line per letter: where it is, where the record was, the reason, key and size.\n"
    "retry sends the records again to the input topic as they were: key, value and their own headers,\n"
    "and x-eddy-retry-of: topic/partition/offset. For instance after a missing schema was added. It goes\n"
    "up to the end as it was at the start, so letters that come back meanwhile are not sent again.\n"
    "Letters stay on their topic: a second run over the same offsets sends the same again. What was sent\n"
    "is said, and how to go on behind it. Letters that were cut to fit the topic are refused.\n\n"
    "  -c, --config FILE      the configuration (default: built-in)\n"
    "      --code CODE        only letters of this reason, for instance unknown_schema\n"
    "  -p, --partition N      of the dead letters; the same as the input's (default: all)\n"
    "  -o, --offset WHERE     beginning (default), end, an offset of the dead letters, -N: the last N of\n"
    "                         each partition, or s@TIME and e@TIME: from a time on, until a time (ms or\n"
    "                         RFC 3339)\n"
    "  -n, --count N          end after N letters\n"
    "  -f, --follow           list: go on at the end\n"
    "  -J, --json             one JSON object per line: list with the value (as value_base64 if it is no\n"
    "                         UTF-8), retry with the places of letter and record, or why it was refused\n"
    "      --dry-run          retry: only say what would be sent\n\n"
    "Exit codes: 0, 65 a letter was refused, 69 no broker or topic, or a record did not arrive, 78 the\n"
    "configuration.\n";

/* Options -------------------------------------------------------------------------------------------------------------------*/

static const int codes[] = {
#define X(constant, number, name, sentence) number,
    EDDY_EVENT_ERRORS(X)
#undef X
};

static int read_code(const char *text, struct eddy_dlq_request *request) {
  struct eddy_nearest nearest = eddy_nearest_begin(text);
  request->code = text;
  for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
    if (strcmp(text, eddy_event_error_name(codes[i])) == 0) return 0;
    eddy_nearest_offer(&nearest, eddy_event_error_name(codes[i]));
  }
  if (nearest.best) return eddy_cmd_misuse("dlq", "there is no code `%s`; did you mean `%s`?", text, nearest.best);
  return eddy_cmd_misuse("dlq", "there is no code `%s`; `eddy dlq list` shows those of the letters", text);
}

static int read_option(int option, struct eddy_dlq_request *request) {
  uint64_t partition;
  switch (option) {
    case 'c':
      request->config = optarg;
      return 0;
    case 'C':
      return read_code(optarg, request);
    case 'p':
      if (!eddy_cmd_whole(optarg, 0, INT32_MAX, &partition))
        return eddy_cmd_misuse("dlq", "expected the number of a partition, not `%s`", optarg);
      request->partition = (int32_t)partition;
      return 0;
    case 'o':
      if (eddy_cmd_where_parse(optarg, &request->where)) return 0;
      return eddy_cmd_misuse("dlq", "expected " EDDY_CMD_WHERE_FORMS ", not `%s`", optarg);
    case 'n':
      if (eddy_cmd_whole(optarg, 1, UINT64_MAX, &request->count)) return 0;
      return eddy_cmd_misuse("dlq", "expected a whole number from 1, not `%s`", optarg);
    case 'f':
      request->follow = true;
      return 0;
    case 'J':
      request->json = true;
      return 0;
    default:
      request->dry_run = true;
      return 0;
  }
}

static int read_verb(char **argv, const struct eddy_dlq_request *request, bool *retry) {
  const char *verb = argv[optind];
  if (!verb) return eddy_cmd_misuse(argv[0], "what about them? `eddy dlq list` or `eddy dlq retry`");
  if (argv[optind + 1]) return eddy_cmd_misuse(argv[0], "what is %s? A file needs -c", argv[optind + 1]);
  *retry = strcmp(verb, "retry") == 0;
  if (!*retry && strcmp(verb, "list") != 0) return eddy_cmd_misuse(argv[0], "there is no `%s`, only `list` and `retry`", verb);
  if (*retry && request->follow) return eddy_cmd_misuse(argv[0], "retry ends at the end: -f is for list");
  if (!*retry && request->dry_run) return eddy_cmd_misuse(argv[0], "--dry-run is for retry");
  return 0;
}

static int read_options(int argc, char **argv, struct eddy_dlq_request *request, bool *retry) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                          {"code", required_argument, NULL, 'C'},
                                          {"partition", required_argument, NULL, 'p'},
                                          {"offset", required_argument, NULL, 'o'},
                                          {"count", required_argument, NULL, 'n'},
                                          {"follow", no_argument, NULL, 'f'},
                                          {"json", no_argument, NULL, 'J'},
                                          {"dry-run", no_argument, NULL, 'd'},
                                          {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:p:o:n:fJ", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    int code = read_option(option, request);
    if (code) return code;
  }
  return read_verb(argv, request, retry);
}

/* Letters -------------------------------------------------------------------------------------------------------------------*/

static bool is_wanted(const struct eddy_dlq_request *request, const struct eddy_dead_letter *letter) {
  if (!request->code) return true;
  return letter->code.len == strlen(request->code) && memcmp(letter->code.data, request->code, letter->code.len) == 0;
}

rd_kafka_message_t *eddy_dlq_next(struct eddy_dlq *dlq, int timeout_ms, struct eddy_dead_letter *letter, uint64_t *skipped,
                                  int *code) {
  rd_kafka_message_t *message = eddy_cmd_topic_reader_next(&dlq->reader, timeout_ms, code);
  if (!message) return NULL;
  eddy_dead_letter_read(eddy_kafka_message_headers(message), letter);
  if (is_wanted(dlq->request, letter)) return message;
  ++*skipped;
  rd_kafka_message_destroy(message);
  return NULL;
}

static int run(struct eddy_dlq *dlq, bool retry) {
  dlq->reader =
      (struct eddy_cmd_topic_reader){.command = "dlq", .follow = dlq->request->follow, .partition = dlq->request->partition};
  int code = eddy_cmd_topic_reader_open(&dlq->reader, dlq->config, EDDY_TOPIC_DLQ, &dlq->request->where);
  if (code == 0) code = retry ? eddy_dlq_retry(dlq) : eddy_dlq_list(dlq);
  eddy_cmd_topic_reader_close(&dlq->reader);
  return code;
}

int eddy_cmd_dlq(int argc, char **argv) {
  struct eddy_dlq_request request = {.partition = EDDY_CMD_ALL_PARTITIONS,
                                     .where = {RD_KAFKA_OFFSET_BEGINNING, EDDY_TIME_NONE, EDDY_TIME_NONE}};
  struct eddy_config config;
  struct eddy_dlq dlq = {.request = &request, .config = &config};
  bool retry = false;
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int code = read_options(argc, argv, &request, &retry);
  if (code) return code;
  code = eddy_config_load(&config, request.config, stderr) == 0 ? run(&dlq, retry) : EX_CONFIG;
  eddy_config_free(&config);
  return code;
}
