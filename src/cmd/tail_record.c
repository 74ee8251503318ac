#include "cmd/tail_record.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/json_bytes.h"
#include "codec/container.h"
#include "source/kafka_message.h"

enum { NOT_SHOWN = -1 };

/* A command may wait for the answer. */
static const char *ask_registry(void *ctx, uint32_t id, size_t *size, bool *retry) {
  struct eddy_tail_record *record = ctx;
  free(record->answer.schema);
  eddy_registry_schema(record->registry, id, &record->answer);
  *retry = record->answer.result == EDDY_REGISTRY_AWAY;
  *size = record->answer.size;
  return record->answer.schema;
}

static int open_schemas(struct eddy_tail_record *record, const struct eddy_config *config, char *why, size_t why_size) {
  const char *folder = config->kafka.schemas;
  struct eddy_registry_client_options options = eddy_registry_options(config);
  if (folder && eddy_schema_folder_open(&record->folder, folder, why, why_size) != 0) return -1;
  if (folder) record->schemas.first = eddy_schema_folder_source(record->folder);
  if (options.urls && eddy_registry_client_open(&record->registry, &options, why, why_size) != 0) return -1;
  if (options.urls) record->schemas.second = (struct eddy_schema_source){.find_id = ask_registry, .ctx = record};
  return 0;
}

static int open_outputs(struct eddy_tail_record *record, int output) {
  return eddy_output_reader_new(&record->outputs, (enum eddy_output)output) ? -1 : 0;
}

/* The output that a topic of another application has by its name; -1 = none. */
static int output_by_name(const char *name) {
  const char *dot = strrchr(name, '.');
  for (int i = 0; dot && i < EDDY_OUTPUT_COUNT; i++) {
    if (strcmp(dot + 1, eddy_topics_suffix(i)) == 0) return i;
  }
  return -1;
}

int eddy_tail_record_open(struct eddy_tail_record *record, const struct eddy_config *config, int topic, const char *name,
                          char *why, size_t why_size) {
  *record = (struct eddy_tail_record){.topic = topic};
  eddy_event_room_init(&record->room);
  snprintf(why, why_size, "out of memory");
  if (topic < EDDY_OUTPUT_COUNT) return open_outputs(record, topic);
  if (topic == EDDY_TOPIC_DLQ) return 0;
  int output = topic == EDDY_TAIL_ANY ? output_by_name(name) : -1;
  if (output >= 0 && open_outputs(record, output) != 0) return -1;
  if (open_schemas(record, config, why, why_size) != 0) return -1;
  struct eddy_schema_source source = eddy_schema_pair_source(&record->schemas);
  return eddy_event_decoder_new(&record->events, &source) ? -1 : 0;
}

void eddy_tail_record_close(struct eddy_tail_record *record) {
  eddy_output_reader_free(record->outputs);
  eddy_event_decoder_free(record->events);
  if (record->folder) eddy_schema_folder_close(record->folder);
  eddy_registry_client_close(record->registry);
  free(record->answer.schema);
  eddy_event_room_fini(&record->room);
  *record = (struct eddy_tail_record){0};
}

/* Dead letters --------------------------------------------------------------------------------------------------------------*/

static void put_header(struct eddy_json_out *out, const rd_kafka_headers_t *headers, const char *name, const char *as) {
  const void *value = NULL;
  size_t size = 0;
  if (headers) rd_kafka_header_get_last(headers, name, &value, &size);
  eddy_cmd_json_bytes(out, as, value, size);
}

static int print_dead_letter(const rd_kafka_message_t *message, struct eddy_buffer *line) {
  static const char *const shown[][2] = {{"x-eddy-error-code", "error"},
                                         {"__streams.errors.message", "message"},
                                         {"__streams.errors.topic", "topic"},
                                         {"__streams.errors.partition", "partition"},
                                         {"__streams.errors.offset", "offset"}};
  rd_kafka_headers_t *headers = NULL;
  struct eddy_json_out out;
  rd_kafka_message_headers(message, &headers);
  eddy_json_begin(&out, line);
  eddy_json_open(&out, '{');
  eddy_json_key(&out, "type");
  eddy_json_literal(&out, "dead_letter");
  eddy_cmd_json_bytes(&out, "key", message->key, message->key_len);
  for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++) put_header(&out, headers, shown[i][0], shown[i][1]);
  eddy_cmd_json_bytes(&out, "value", message->payload, message->len);
  eddy_json_close(&out, '}');
  return eddy_json_end(&out);
}

/* Events --------------------------------------------------------------------------------------------------------------------*/

/* Outside of strings a line feed is only space, and inside there is none in JSON; other control characters stand inside: DEL
 * and U+0080-009F, which the parser lets pass and terminals obey. */
static int put_tame(const char *text, size_t size, struct eddy_buffer *line) {
  int error = 0;
  for (size_t i = 0; i < size && !error; i++) {
    unsigned char byte = (unsigned char)text[i], next = i + 1 < size ? (unsigned char)text[i + 1] : 0;
    bool wide = byte == 0xC2 && next >= 0x80 && next < 0xA0;
    char escape[8];
    if (byte == 0x7F || wide) {
      snprintf(escape, sizeof(escape), "\\u%04x", wide ? next : byte);
      error = eddy_buffer_append(line, escape, 6);
      i += wide;
    } else {
      error = eddy_buffer_append(line, byte == '\n' || byte == '\r' ? " " : &text[i], 1);
    }
  }
  return error;
}

/* As it came, on one line. */
static int print_json(const rd_kafka_message_t *message, struct eddy_buffer *line, char *why, size_t why_size) {
  json_error_t error;
  json_t *parsed = json_loadb(message->payload, message->len, 0, &error);
  if (!parsed) {
    snprintf(why, why_size, "no JSON: %s", error.text);
    return NOT_SHOWN;
  }
  json_decref(parsed);
  size_t before = line->size;
  if (put_tame(message->payload, message->len, line) == 0 && eddy_buffer_append(line, "\n", 1) == 0) return 0;
  line->size = before;
  return EDDY_E_NOMEM;
}

static int print_event(struct eddy_tail_record *record, const rd_kafka_message_t *message, struct eddy_buffer *line, char *why,
                       size_t why_size) {
  struct eddy_event event;
  bool clamped;
  if (message->len > 0 && ((const char *)message->payload)[0] == '{') return print_json(message, line, why, why_size);
  struct eddy_raw_record raw = {.key = message->key,
                                .key_size = message->key_len,
                                .value = message->payload,
                                .value_size = message->len,
                                .record_time = EDDY_TIME_NONE};
  eddy_event_room_clear(&record->room);
  int error = eddy_event_decoder_run(record->events, &raw, &record->room, &event, &clamped);
  if (!error) return eddy_event_to_json(&event, line);
  snprintf(why, why_size, "%s", error == EDDY_DECODE_RETRY ? record->answer.why : eddy_event_decoder_why(record->events));
  return NOT_SHOWN;
}

/* Any -----------------------------------------------------------------------------------------------------------------------*/

static int print_output(struct eddy_tail_record *record, const rd_kafka_message_t *message, struct eddy_buffer *line, char *why,
                        size_t why_size) {
  int error = eddy_output_reader_json(record->outputs, message->payload, message->payload ? message->len : 0, line);
  if (error) snprintf(why, why_size, "%s", eddy_strerror(error));
  return error ? NOT_SHOWN : 0;
}

/* What it is like, as far as that can be told; else its bytes. Only a registry that is away is an error. */
static int print_any(struct eddy_tail_record *record, const rd_kafka_message_t *message, struct eddy_buffer *line, char *why,
                     size_t why_size) {
  struct eddy_json_out out;
  record->answer.result = EDDY_REGISTRY_FOUND;
  if (record->outputs && print_output(record, message, line, why, why_size) == 0) return 0;
  if (message->payload && print_event(record, message, line, why, why_size) == 0) return 0;
  if (record->answer.result == EDDY_REGISTRY_AWAY) return NOT_SHOWN;
  eddy_json_begin(&out, line);
  eddy_cmd_json_bytes_value(&out, message->payload, message->len);
  return eddy_json_end(&out);
}

int eddy_tail_record_print(struct eddy_tail_record *record, const rd_kafka_message_t *message, struct eddy_buffer *line,
                           char *why, size_t why_size) {
  if (record->topic == EDDY_TOPIC_DLQ) return print_dead_letter(message, line);
  if (record->topic == EDDY_TOPIC_INPUT) return print_event(record, message, line, why, why_size);
  if (record->topic == EDDY_TAIL_ANY) return print_any(record, message, line, why, why_size);
  return print_output(record, message, line, why, why_size);
}

static void put_headers(const rd_kafka_message_t *message, struct eddy_json_out *out) {
  const rd_kafka_headers_t *headers = eddy_kafka_message_headers(message);
  const char *name;
  const void *value;
  size_t size;
  eddy_json_key(out, "headers");
  eddy_json_open(out, '[');
  for (size_t i = 0; headers && !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
    eddy_json_literal(out, name);
    eddy_cmd_json_bytes_value(out, value, size);
  }
  eddy_json_close(out, ']');
}

static int put_place(const rd_kafka_message_t *message, struct eddy_buffer *line) {
  struct eddy_json_out out;
  eddy_json_begin(&out, line);
  eddy_json_open(&out, '{');
  eddy_json_key(&out, "topic");
  eddy_json_literal(&out, rd_kafka_topic_name(message->rkt));
  eddy_json_key(&out, "partition");
  eddy_json_integer(&out, message->partition);
  eddy_json_key(&out, "offset");
  eddy_json_integer(&out, message->offset);
  eddy_json_key(&out, "ts");
  eddy_json_integer(&out, rd_kafka_message_timestamp(message, NULL));
  put_headers(message, &out);
  eddy_cmd_json_bytes(&out, "key", message->key, message->key_len);
  eddy_json_key(&out, "payload");
  return eddy_json_end(&out);
}

int eddy_tail_record_wrap(struct eddy_tail_record *record, const rd_kafka_message_t *message, struct eddy_buffer *line,
                          char *why, size_t why_size) {
  size_t before = line->size;
  snprintf(why, why_size, "out of memory");
  int error = put_place(message, line);
  if (error) return error;
  line->size--; /* the line goes on */
  error = eddy_tail_record_print(record, message, line, why, why_size);
  if (!error) {
    line->size--;
    error = eddy_buffer_append(line, "}\n", 2);
  }
  if (error) line->size = before;
  return error;
}
