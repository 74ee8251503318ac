#include "daemon/dead_letter.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "codec/event_error.h"
#include "source/kafka_message.h"

enum { HEADER_ROOM = 4096 }; /* our own headers and the framing of a record */

static int add_text(rd_kafka_headers_t *headers, const char *name, const char *value) {
  return rd_kafka_header_add(headers, name, -1, value, -1) ? EDDY_E_NOMEM : 0;
}

static int add_number(rd_kafka_headers_t *headers, const char *name, int64_t value) {
  char text[24];
  snprintf(text, sizeof(text), "%lld", (long long)value);
  return add_text(headers, name, text);
}

static int add_why(rd_kafka_headers_t *headers, const char *topic, const rd_kafka_message_t *message, int error) {
  return add_text(headers, "__streams.errors.exception", eddy_event_error_name(error)) |
         add_text(headers, "__streams.errors.message", eddy_event_error_text(error)) |
         add_text(headers, "__streams.errors.topic", topic) |
         add_number(headers, "__streams.errors.partition", message->partition) |
         add_number(headers, "__streams.errors.offset", message->offset) |
         add_text(headers, "x-eddy-error-code", eddy_event_error_name(error));
}

static int add_digest(rd_kafka_headers_t *headers, const char *size_name, const char *digest_name, const void *bytes,
                      size_t size) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  char text[2 * SHA256_DIGEST_LENGTH + 1];
  SHA256(bytes, size, digest);
  for (size_t i = 0; i < sizeof(digest); i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
  return add_number(headers, size_name, (int64_t)size) | add_text(headers, digest_name, text);
}

static size_t headers_size(const rd_kafka_headers_t *headers) {
  size_t total = 0, size;
  const char *name;
  const void *value;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
    total += strlen(name) + size + 10;
  }
  return total;
}

/* The original headers, or an empty list if they alone are too large. */
static rd_kafka_headers_t *start_headers(const rd_kafka_message_t *message, size_t max, size_t *size) {
  const rd_kafka_headers_t *original = eddy_kafka_message_headers(message);
  *size = 0;
  if (!original) return rd_kafka_headers_new(8);
  *size = headers_size(original);
  if (*size <= max) return rd_kafka_headers_copy(original);
  rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
  add_number(headers, "x-eddy-dropped-headers", (int64_t)*size);
  *size = 0;
  return headers;
}

int eddy_dead_letter_add(struct eddy_outbox *outbox, const struct eddy_topics *topics, const rd_kafka_message_t *message,
                         int error) {
  size_t max = topics->dead_letter_max > 2 * HEADER_ROOM ? topics->dead_letter_max - HEADER_ROOM : HEADER_ROOM, used;
  rd_kafka_headers_t *headers = start_headers(message, max, &used);
  struct eddy_kafka_record letter = {.key = message->key,
                                     .key_size = message->key_len,
                                     .value = message->payload,
                                     .value_size = message->len,
                                     .partition = message->partition,
                                     .topic = EDDY_TOPIC_DLQ};
  int failed = add_why(headers, topics->input, message, error);
  if (used + letter.key_size > max) {
    failed |= add_digest(headers, "x-eddy-original-key-size", "x-eddy-original-key-sha256", letter.key, letter.key_size);
    letter.key_size = max - used;
  }
  if (used + letter.key_size + letter.value_size > max) {
    failed |= add_digest(headers, "x-eddy-original-size", "x-eddy-original-sha256", letter.value, letter.value_size);
    letter.value_size = max - used - letter.key_size;
  }
  if (failed) {
    rd_kafka_headers_destroy(headers);
    return EDDY_E_NOMEM;
  }
  return eddy_outbox_add(outbox, &letter, headers, message->partition);
}
