#include "cmd/tail_options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/tail_format.h"
#include "daemon/nearest.h"

const char eddy_tail_usage[] =
    "usage: eddy tail [-c FILE] [-t] TOPIC [-o WHERE] [-p N] [-n N] [-e] [-J | -f FMT]\n\n"
    "Prints the records of a topic as JSON lines, committed ones only. TOPIC is events (the input), segment-changes,\n"
    "triggers, suppressed, receipts, model-delta, model, segments or dlq, or the whole name of any other topic. Goes on\n"
    "until it is interrupted. Avro is read in both framings, with kafka.schemas and registry.url of the configuration.\n\n"
    "  -t, --topic TOPIC   the same as TOPIC, letters as kcat has them\n"
    "  -c, --config FILE   the configuration (default: built-in); -c NUMBER is -n NUMBER, as kcat has it\n"
    "  -o, --offset WHERE  beginning, end, an offset, or -N: the last N offsets (commits take some) of each partition;\n"
    "                      s@TIME: records of that time and later, e@TIME: those before it (ms or RFC 3339), also both;\n"
    "                      default -10\n"
    "  -p, --partition N   only this partition\n"
    "  -n, --count N       end after N records\n"
    "  -e, --exit          end at the end of the topic\n"
    "  -J, --json          with topic, partition, offset, time, headers and key around each record\n"
    "  -f, --format FMT    %s value as JSON, %k key, %t topic, %p partition, %o offset, %T time in ms, %h headers,\n"
    "                      %S bytes of the value, %K of the key (-1: none), %%, \\n \\r \\t \\\\ \\xNN\n\n"
    "Exit codes: 0, 65 if a record could not be read (standard error says which), 69 no broker or topic, 78 the\n"
    "configuration.\n";

int eddy_tail_word(const char *name) {
  for (int i = 0; i < EDDY_TOPIC_ALL; i++) {
    if (i == EDDY_TOPIC_PROFILES) continue; /* nothing for people */
    if (strcmp(name, i == EDDY_TOPIC_INPUT ? "events" : eddy_topics_suffix(i)) == 0) return i;
  }
  return -1;
}

/* A word with a typo is told from a whole name before a broker is asked; -t takes anything. */
static int check_word(const char *command, const char *name) {
  struct eddy_nearest nearest = eddy_nearest_begin(name);
  if (eddy_tail_word(name) >= 0) return 0;
  eddy_nearest_offer(&nearest, "events");
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    if (i != EDDY_TOPIC_PROFILES) eddy_nearest_offer(&nearest, eddy_topics_suffix(i));
  }
  if (!nearest.best) return 0;
  return eddy_cmd_misuse(command, "there is no topic `%s`; did you mean `%s`? If not, -t %s", name, nearest.best, name);
}

static int read_topic(int argc, char **argv, struct eddy_tail_request *request) {
  if (optind == argc && request->topic) return 0;
  if (optind == argc) return eddy_cmd_misuse(argv[0], "which topic? For instance triggers");
  if (request->topic || optind + 1 < argc) return eddy_cmd_misuse(argv[0], "one topic, please");
  request->topic = argv[optind];
  return check_word(argv[0], request->topic);
}

static int read_number(const char *command, const char *text, struct eddy_tail_request *request) {
  if (eddy_cmd_whole(text, 1, UINT64_MAX, &request->count)) return 0;
  return eddy_cmd_misuse(command, "expected a whole number from 1, not `%s`", text);
}

static int read_partition(const char *command, const char *text, struct eddy_tail_request *request) {
  uint64_t partition;
  if (!eddy_cmd_whole(text, 0, INT32_MAX, &partition))
    return eddy_cmd_misuse(command, "expected the number of a partition, not `%s`", text);
  request->partition = (int32_t)partition;
  return 0;
}

static int read_format(const char *command, const char *text, struct eddy_tail_request *request) {
  char why[256];
  request->format = text;
  return eddy_tail_format_check(text, why, sizeof(why)) ? 0 : eddy_cmd_misuse(command, "%s", why);
}

enum { CONFIG = 256 }; /* --config takes a file of any name, -c a number, too */

static bool is_number(const char *text) {
  return text[0] && text[strspn(text, "0123456789")] == '\0';
}

static int read_option(int option, const char *command, struct eddy_tail_request *request) {
  if (option == 'c' && is_number(optarg)) option = 'n';
  if (option == 'c' || option == CONFIG) request->config = optarg;
  if (option == 't') request->topic = optarg;
  if (option == 'e') request->exit_at_end = true;
  if (option == 'J') request->wrap = true;
  if (option == 'n') return read_number(command, optarg, request);
  if (option == 'p') return read_partition(command, optarg, request);
  if (option == 'f') return read_format(command, optarg, request);
  if (option == 'o' && !eddy_cmd_where_parse(optarg, &request->where))
    return eddy_cmd_misuse(command, "expected " EDDY_CMD_WHERE_FORMS ", not `%s`", optarg);
  return 0;
}

int eddy_tail_options(int argc, char **argv, struct eddy_tail_request *request) {
  static const struct option options[] = {{"config", required_argument, NULL, CONFIG},
                                          {"topic", required_argument, NULL, 't'},
                                          {"offset", required_argument, NULL, 'o'},
                                          {"partition", required_argument, NULL, 'p'},
                                          {"count", required_argument, NULL, 'n'},
                                          {"exit", no_argument, NULL, 'e'},
                                          {"json", no_argument, NULL, 'J'},
                                          {"format", required_argument, NULL, 'f'},
                                          {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:t:o:p:n:eJf:", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    int code = read_option(option, argv[0], request);
    if (code) return code;
  }
  if (request->wrap && request->format) return eddy_cmd_misuse(argv[0], "-J or -f, not both");
  return read_topic(argc, argv, request);
}
