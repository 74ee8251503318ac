#include "sim/protocol/messages.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "source/kafka_message.h"

struct message {
  rd_kafka_message_t base;
  int64_t time;
  uint8_t bytes[];
};

static struct message *make(int partition, int64_t offset, size_t size) {
  struct message *message = calloc(1, sizeof *message + size);
  EDDY_ASSERT(message != NULL);
  message->base.partition = partition;
  message->base.offset = offset;
  return message;
}

rd_kafka_message_t *message_of(const struct kafka_entry *entry, int partition, int64_t offset) {
  struct message *message = make(partition, offset, entry->key_size + entry->value_size);
  message->time = entry->time;
  message->base.key_len = entry->key_size;
  message->base.len = entry->value_size;
  if (entry->key) message->base.key = memcpy(message->bytes, entry->key, entry->key_size);
  if (entry->value) message->base.payload = memcpy(message->bytes + entry->key_size, entry->value, entry->value_size);
  return &message->base;
}

rd_kafka_message_t *message_error(rd_kafka_resp_err_t error, int partition, int64_t offset) {
  struct message *message = make(partition, offset, 0);
  message->base.err = error;
  return &message->base;
}

int64_t eddy_kafka_message_time(const rd_kafka_message_t *message, bool *log_append) {
  *log_append = true;
  return ((const struct message *)(const void *)message)->time;
}

const rd_kafka_headers_t *eddy_kafka_message_headers(const rd_kafka_message_t *message) {
  (void)message;
  return NULL;
}

void eddy_kafka_message_destroy(rd_kafka_message_t *message) {
  free(message);
}
