#include "cmd/input.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/event_schema.h"
#include "cmd/topic_find.h"
#include "codec/container.h"

enum { FULL_WAIT_MS = 100, FLUSH_MS = 60000 };

static int make_prefix(struct eddy_cmd_input *input, const struct eddy_config *config) {
  uint32_t id;
  input->prefix = eddy_prefix_single_object(eddy_event_fingerprint());
  if (input->framing != EDDY_CMD_CONFLUENT) return 0;
  int code = eddy_cmd_event_schema_id(input->command, config, input->topic, &id);
  if (code == 0) input->prefix = eddy_prefix_confluent(id);
  return code;
}

int eddy_cmd_input_open(struct eddy_cmd_input *input, const struct eddy_config *config) {
  char why[512];
  eddy_buffer_init(&input->value, NULL);
  if (!input->topic) input->topic = config->kafka.input;
  if (eddy_cmd_client_open(&input->client, config, EDDY_KAFKA_WRITER, why, sizeof(why)) != 0) {
    fprintf(stderr, "eddy %s: %s\n", input->command, why);
    return EX_CONFIG;
  }
  int code = eddy_cmd_topic_find(&input->client, input->command, config, input->topic, &input->partitions);
  return code ? code : make_prefix(input, config);
}

void eddy_cmd_input_close(struct eddy_cmd_input *input) {
  eddy_cmd_client_close(&input->client);
  eddy_buffer_fini(&input->value);
}

static int encode(struct eddy_cmd_input *input, const struct eddy_event *event) {
  input->value.size = 0;
  if (input->framing == EDDY_CMD_JSON) {
    int error = eddy_event_to_json(event, &input->value);
    if (!error) input->value.size--; /* the line feed */
    return error;
  }
  int error = eddy_buffer_append(&input->value, input->prefix.bytes, input->prefix.size);
  return error ? error : eddy_event_encode(event, &input->value);
}

/* Headers belong to the client once it has taken the record. */
static rd_kafka_resp_err_t offer(struct eddy_cmd_input *input, const struct eddy_cmd_record *record,
                                 struct eddy_cmd_delivery *delivery) {
  const rd_kafka_vu_t fields[] = {
      {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = input->topic},
      {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition},
      {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
      {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {.ptr = (void *)(uintptr_t)record->key, .size = record->key_size}},
      {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {.ptr = (void *)(uintptr_t)record->value, .size = record->value_size}},
      {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = delivery},
      {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = record->headers},
  };
  rd_kafka_error_t *refusal = rd_kafka_produceva(input->client.kafka, fields, record->headers ? 7 : 6);
  rd_kafka_resp_err_t error = rd_kafka_error_code(refusal);
  if (refusal) rd_kafka_error_destroy(refusal);
  return error;
}

/* Room in the queue comes when acknowledgements do. */
static rd_kafka_resp_err_t produce(struct eddy_cmd_input *input, const struct eddy_cmd_record *record,
                                   struct eddy_cmd_delivery *delivery) {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__QUEUE_FULL;
  while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    error = offer(input, record, delivery);
    rd_kafka_poll(input->client.kafka, error ? FULL_WAIT_MS : 0);
  }
  return error;
}

rd_kafka_resp_err_t eddy_cmd_input_send_record(struct eddy_cmd_input *input, const struct eddy_cmd_record *record,
                                               struct eddy_cmd_delivery *delivery) {
  rd_kafka_resp_err_t error = produce(input, record, delivery);
  if (!error) input->sent++;
  if (error && record->headers) rd_kafka_headers_destroy(record->headers);
  return error;
}

int eddy_cmd_input_send(struct eddy_cmd_input *input, const struct eddy_event *event, int32_t partition,
                        struct eddy_cmd_delivery *delivery) {
  if (encode(input, event) != 0) return EX_OSERR;
  const struct eddy_cmd_record record = {.key = event->user_id.data,
                                         .key_size = event->user_id.len,
                                         .value = input->value.data,
                                         .value_size = input->value.size,
                                         .partition = partition,
                                         .headers = input->headers ? rd_kafka_headers_copy(input->headers) : NULL};
  rd_kafka_resp_err_t error = eddy_cmd_input_send_record(input, &record, delivery);
  if (!error) return 0;
  fprintf(stderr, "eddy %s: an event of %.*s: %s\n", input->command, (int)event->user_id.len, event->user_id.data,
          rd_kafka_err2str(error));
  return EX_UNAVAILABLE;
}

int eddy_cmd_input_flush(struct eddy_cmd_input *input) {
  rd_kafka_flush(input->client.kafka, FLUSH_MS);
  uint64_t arrived = input->client.delivered;
  if (arrived == input->sent) return 0;
  fprintf(stderr, "eddy %s: %" PRIu64 " did not arrive: %s\n", input->command, input->sent - arrived,
          eddy_cmd_client_why(&input->client, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT));
  return EX_UNAVAILABLE;
}
