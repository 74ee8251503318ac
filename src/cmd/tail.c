/* eddy tail: records of Kafka's topics for people and scripts. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/clean_text.h"
#include "cmd/cmd.h"
#include "cmd/tail_format.h"
#include "cmd/tail_options.h"
#include "cmd/tail_record.h"

enum { POLL_MS = 200, LAST_DEFAULT = 10, WHY_SHOWN = 500 };

struct tail {
  const struct eddy_tail_request *request;
  struct eddy_topics topics;
  struct eddy_cmd_topic_reader reader;
  struct eddy_tail_record record;
  struct eddy_buffer line;
  bool clean; /* a terminal listens */
  uint64_t printed, bad;
};

/* Which topic ---------------------------------------------------------------------------------------------------------------*/

/* What is known of a topic by its name: its position in daemon/topics.h, or EDDY_TAIL_ANY. */
static int find_kind(const struct eddy_topics *topics, const char *name) {
  int word = eddy_tail_word(name);
  if (word >= 0) return word;
  if (strcmp(name, topics->input) == 0) return EDDY_TOPIC_INPUT;
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    if (i != EDDY_TOPIC_PROFILES && strcmp(name, topics->names[i]) == 0) return i;
  }
  return EDDY_TAIL_ANY;
}

static const char *name_of(const struct tail *tail, int kind) {
  if (kind == EDDY_TAIL_ANY) return tail->request->topic;
  return kind == EDDY_TOPIC_INPUT ? tail->topics.input : tail->topics.names[kind];
}

/* Reading -------------------------------------------------------------------------------------------------------------------*/

/* Appends the value as the request wants it, if it does. */
static int show_value(struct tail *tail, const rd_kafka_message_t *message, char *why, size_t why_size) {
  const struct eddy_tail_request *request = tail->request;
  tail->line.size = 0;
  if (request->format && !eddy_tail_format_has_value(request->format)) return 0;
  return request->wrap ? eddy_tail_record_wrap(&tail->record, message, &tail->line, why, why_size)
                       : eddy_tail_record_print(&tail->record, message, &tail->line, why, why_size);
}

/* A sentence may quote the record. */
static void say_bad(struct tail *tail, const rd_kafka_message_t *message, const char *why) {
  tail->bad++;
  fprintf(stderr, "partition %d offset %" PRId64 ": ", message->partition, message->offset);
  eddy_cmd_put_clean(why, strlen(why), WHY_SHOWN, stderr);
  fputc('\n', stderr);
}

static void print_record(struct tail *tail, const rd_kafka_message_t *message) {
  const char *format = tail->request->format;
  char why[512] = "out of memory";
  tail->printed++;
  if (show_value(tail, message, why, sizeof(why)) != 0) {
    say_bad(tail, message, why);
  } else if (format) { /* a line feed is the format's affair */
    struct eddy_str value = {(const char *)tail->line.data, (uint32_t)(tail->line.size ? tail->line.size - 1 : 0)};
    eddy_tail_format_print(format, message, value, tail->clean, stdout);
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

static int run(struct tail *tail, const struct eddy_config *config) {
  char why[512];
  if (eddy_topics_init(&tail->topics, config) != 0) return EX_OSERR;
  int kind = find_kind(&tail->topics, tail->request->topic);
  tail->reader.name = name_of(tail, kind);
  if (eddy_tail_record_open(&tail->record, config, kind, tail->reader.name, why, sizeof(why)) != 0) {
    fprintf(stderr, "eddy tail: %s\n", why);
    return EX_CONFIG;
  }
  int code = eddy_cmd_topic_reader_open(&tail->reader, config, kind, &tail->request->where);
  return code ? code : follow(tail);
}

int eddy_cmd_tail(int argc, char **argv) {
  struct eddy_tail_request request = {.where = {RD_KAFKA_OFFSET_TAIL(LAST_DEFAULT), EDDY_TIME_NONE, EDDY_TIME_NONE},
                                      .partition = EDDY_CMD_ALL_PARTITIONS};
  struct tail tail = {.request = &request, .clean = isatty(STDOUT_FILENO)};
  struct eddy_config config;
  if (eddy_cmd_help(argc, argv, eddy_tail_usage)) return EX_OK;
  int code = eddy_tail_options(argc, argv, &request);
  if (code) return code;
  eddy_buffer_init(&tail.line, NULL);
  tail.reader =
      (struct eddy_cmd_topic_reader){.command = "tail", .follow = !request.exit_at_end, .partition = request.partition};
  code = eddy_config_load(&config, request.config, stderr) == 0 ? run(&tail, &config) : EX_CONFIG;
  eddy_cmd_topic_reader_close(&tail.reader);
  eddy_tail_record_close(&tail.record);
  eddy_topics_fini(&tail.topics);
  eddy_buffer_fini(&tail.line);
  eddy_config_free(&config);
  return code;
}
