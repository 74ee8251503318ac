#include "cmd/topic_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/timefmt.h"
#include "cmd/cmd.h"
#include "cmd/topic_find.h"
#include "daemon/clock.h"
#include "source/kafka_message.h"
#include "source/kafka_offsets.h"

enum { LAST_MAX = 1000000000, SILENCE_MAX_MS = 30000 };

static bool parse_offset(const char *text, int64_t *offset) {
  uint64_t value;
  bool last = text[0] == '-';
  if (strcmp(text, "beginning") == 0)
    *offset = RD_KAFKA_OFFSET_BEGINNING;
  else if (strcmp(text, "end") == 0)
    *offset = RD_KAFKA_OFFSET_END;
  else if (!eddy_cmd_whole(text + last, last ? 1 : 0, last ? LAST_MAX : INT64_MAX, &value))
    return false;
  else
    *offset = last ? RD_KAFKA_OFFSET_TAIL((int64_t)value) : (int64_t)value;
  return true;
}

static bool parse_time(const char *text, int64_t *time) {
  uint64_t value;
  if (!eddy_cmd_whole(text, 0, INT64_MAX, &value))
    return eddy_time_parse((struct eddy_str){text, (uint32_t)strlen(text)}, time) == 0 && *time >= 0;
  *time = (int64_t)value;
  return true;
}

bool eddy_cmd_where_parse(const char *text, struct eddy_cmd_where *where) {
  if (strncmp(text, "s@", 2) == 0) return parse_time(text + 2, &where->from);
  if (strncmp(text, "e@", 2) == 0) return parse_time(text + 2, &where->until);
  where->from = EDDY_TIME_NONE;
  return parse_offset(text, &where->offset);
}

/* Opening ------------------------------------------------------------------------------------------------------------------ */

static int find_topic(struct eddy_cmd_topic_reader *reader, const struct eddy_config *config, int topic) {
  if (!reader->name) reader->name = topic == EDDY_TOPIC_INPUT ? reader->topics.input : reader->topics.names[topic];
  int code = eddy_cmd_topic_find(&reader->client, reader->command, config, reader->name, &reader->partition_count);
  if (code || reader->partition < reader->partition_count) return code;
  fprintf(stderr, "eddy %s: topic %s has no partition %d; the last is %d\n", reader->command, reader->name, reader->partition,
          reader->partition_count - 1);
  return EX_USAGE;
}

static rd_kafka_resp_err_t find_time(const struct eddy_cmd_topic_reader *reader, int32_t partition, int64_t time,
                                     int64_t *offset) {
  return eddy_kafka_offset_at_time(reader->client.kafka, reader->name, partition, time, offset, EDDY_CMD_REACH_MS);
}

/* Offsets by name become numbers, and what is past the end is not asked for: it would be answered from the beginning. */
static rd_kafka_resp_err_t limit(struct eddy_cmd_topic_reader *reader, int32_t partition, int64_t *offset) {
  struct eddy_cmd_span *span = &reader->spans[partition];
  int64_t low, high, stop;
  rd_kafka_resp_err_t error =
      eddy_kafka_offset_bounds(reader->client.kafka, reader->name, partition, &low, &high, EDDY_CMD_REACH_MS);
  if (!error && reader->until != EDDY_TIME_NONE) {
    error = find_time(reader, partition, reader->until, &stop);
    if (!error && stop < high) high = stop;
  }
  if (error) return error;
  if (*offset == RD_KAFKA_OFFSET_END) *offset = high;
  if (*offset <= RD_KAFKA_OFFSET_TAIL(0)) *offset = high - (RD_KAFKA_OFFSET_TAIL(0) - *offset);
  if (*offset < low) *offset = low;
  span->next = *offset;
  span->end = high;
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t start(struct eddy_cmd_topic_reader *reader, int32_t partition, const struct eddy_cmd_where *where) {
  struct eddy_cmd_span *span = &reader->spans[partition];
  int64_t offset = where->offset;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  if (where->from != EDDY_TIME_NONE) error = find_time(reader, partition, where->from, &offset);
  if (!error && !reader->follow) error = limit(reader, partition, &offset);
  if (error) return error;
  span->open = reader->follow || span->next < span->end;
  if (!span->open) return RD_KAFKA_RESP_ERR_NO_ERROR;
  reader->open++;
  return eddy_cmd_reading_start(&reader->reading, partition, offset);
}

static int start_all(struct eddy_cmd_topic_reader *reader, const struct eddy_cmd_where *where) {
  bool one = reader->partition >= 0;
  int32_t from = one ? reader->partition : 0, to = one ? reader->partition + 1 : reader->partition_count;
  reader->spans = calloc((size_t)reader->partition_count, sizeof(*reader->spans));
  if (!reader->spans) return EX_OSERR;
  rd_kafka_resp_err_t error = eddy_cmd_reading_open(&reader->reading, reader->client.kafka, reader->name);
  for (int32_t i = from; i < to && !error; i++) error = start(reader, i, where);
  if (error) fprintf(stderr, "eddy %s: %s: %s\n", reader->command, reader->name, eddy_cmd_client_why(&reader->client, error));
  return error ? EX_UNAVAILABLE : 0;
}

/* What ends at a time that has passed ends where the log stood then. */
static void set_end(struct eddy_cmd_topic_reader *reader, int64_t until) {
  reader->until = until;
  if (until != EDDY_TIME_NONE && until <= eddy_clock_wall()) reader->follow = false;
}

int eddy_cmd_topic_reader_open(struct eddy_cmd_topic_reader *reader, const struct eddy_config *config, int topic,
                               const struct eddy_cmd_where *where) {
  char why[512] = "out of memory";
  if (eddy_topics_init(&reader->topics, config) != 0 ||
      eddy_cmd_client_open(&reader->client, config, EDDY_KAFKA_READER, why, sizeof(why)) != 0) {
    fprintf(stderr, "eddy %s: %s\n", reader->command, why);
    return EX_CONFIG;
  }
  set_end(reader, where->until);
  int code = find_topic(reader, config, topic);
  return code ? code : start_all(reader, where);
}

void eddy_cmd_topic_reader_close(struct eddy_cmd_topic_reader *reader) {
  eddy_cmd_reading_close(&reader->reading);
  eddy_cmd_client_close(&reader->client);
  eddy_topics_fini(&reader->topics);
  free(reader->spans);
  reader->spans = NULL;
}

/* Reading ------------------------------------------------------------------------------------------------------------------ */

bool eddy_cmd_topic_reader_is_done(const struct eddy_cmd_topic_reader *reader) {
  return reader->open == 0;
}

static void reach_end(struct eddy_cmd_topic_reader *reader, struct eddy_cmd_span *span) {
  if (!span->open) return;
  span->open = false;
  if (span->next < span->end) span->next = span->end;
  reader->open--;
}

/* Is it behind the end, as it was at the start or as a time sets it? */
static bool is_behind(const struct eddy_cmd_topic_reader *reader, const struct eddy_cmd_span *span,
                      const rd_kafka_message_t *message) {
  if (!span->open) return true;
  if (!reader->follow) return message->offset >= span->end;
  bool log_append;
  return reader->until != EDDY_TIME_NONE && eddy_kafka_message_time(message, &log_append) >= reader->until;
}

/* True if the message is one to hand out. */
static bool take(struct eddy_cmd_topic_reader *reader, const rd_kafka_message_t *message, int *code) {
  if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    fprintf(stderr, "eddy %s: partition %d: %s\n", reader->command, message->partition, rd_kafka_message_errstr(message));
    *code = EX_UNAVAILABLE;
    return false;
  }
  struct eddy_cmd_span *span = &reader->spans[message->partition];
  if (message->err ? !reader->follow : is_behind(reader, span, message)) reach_end(reader, span);
  if (message->err || !span->open) return false;
  if (!reader->follow) span->next = message->offset + 1;
  return true;
}

/* Who is followed may be silent until the time that was set; an end that was there does not stay away. */
static void be_patient(struct eddy_cmd_topic_reader *reader, int waited_ms, int *code) {
  reader->idle_ms += waited_ms;
  if (reader->follow && reader->until != EDDY_TIME_NONE && waited_ms > 0 && eddy_clock_wall() >= reader->until)
    reader->open = 0;
  if (reader->follow || reader->idle_ms < SILENCE_MAX_MS) return;
  fprintf(stderr, "eddy %s: %s: nothing came for %d s: %s\n", reader->command, reader->name, SILENCE_MAX_MS / 1000,
          eddy_cmd_client_why(&reader->client, RD_KAFKA_RESP_ERR__TIMED_OUT));
  *code = EX_UNAVAILABLE;
}

rd_kafka_message_t *eddy_cmd_topic_reader_next(struct eddy_cmd_topic_reader *reader, int timeout_ms, int *code) {
  rd_kafka_message_t *message = eddy_cmd_reading_next(&reader->reading, timeout_ms);
  rd_kafka_poll(reader->client.kafka, 0);
  if (!message) {
    be_patient(reader, timeout_ms, code);
    return NULL;
  }
  reader->idle_ms = 0;
  if (take(reader, message, code)) return message;
  rd_kafka_message_destroy(message);
  return NULL;
}
