#include "cmd/tail_record.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/json_bytes.h"
#include "codec/container.h"

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

int eddy_tail_record_open(struct eddy_tail_record *record, const struct eddy_config *config, int topic, char *why,
                          size_t why_size) {
  *record = (struct eddy_tail_record){.topic = topic};
  eddy_event_room_init(&record->room);
  snprintf(why, why_size, "out of memory");
  if (topic < EDDY_OUTPUT_COUNT) return eddy_output_reader_new(&record->outputs, (enum eddy_output)topic) ? -1 : 0;
  if (topic == EDDY_TOPIC_DLQ) return 0;
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

/* As it came, on one line: outside of strings a line feed is only space, and inside there is none in JSON. */
static int print_json(const rd_kafka_message_t *message, struct eddy_buffer *line, char *why, size_t why_size) {
  json_error_t error;
  json_t *parsed = json_loadb(message->payload, message->len, 0, &error);
  if (!parsed) {
    snprintf(why, why_size, "no JSON: %s", error.text);
    return NOT_SHOWN;
  }
  json_decref(parsed);
  size_t start = line->size;
  if (eddy_buffer_append(line, message->payload, message->len) || eddy_buffer_append(line, "\n", 1)) return EDDY_E_NOMEM;
  for (size_t i = start; i + 1 < line->size; i++) {
    if (line->data[i] == '\n' || line->data[i] == '\r') line->data[i] = ' ';
  }
  return 0;
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

int eddy_tail_record_print(struct eddy_tail_record *record, const rd_kafka_message_t *message, struct eddy_buffer *line,
                           char *why, size_t why_size) {
  if (record->topic == EDDY_TOPIC_DLQ) return print_dead_letter(message, line);
  if (record->topic == EDDY_TOPIC_INPUT) return print_event(record, message, line, why, why_size);
  int error = eddy_output_reader_json(record->outputs, message->payload, message->payload ? message->len : 0, line);
  if (error) snprintf(why, why_size, "%s", eddy_strerror(error));
  return error ? NOT_SHOWN : 0;
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
