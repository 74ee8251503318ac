#include "daemon/dead_letter_read.h"

#include <stdio.h>
#include <string.h>

/* eddy's are the last of their name: the record may have brought its own. */
static struct eddy_str header(const rd_kafka_headers_t *headers, const char *name) {
  const void *value = NULL;
  size_t size = 0;
  if (!headers || rd_kafka_header_get_last(headers, name, &value, &size) || !value) return (struct eddy_str){0};
  return (struct eddy_str){value, (uint32_t)(size > UINT32_MAX ? UINT32_MAX : size)};
}

void eddy_dead_letter_read(const rd_kafka_headers_t *headers, struct eddy_dead_letter *letter) {
  *letter = (struct eddy_dead_letter){
      .code = header(headers, "x-eddy-error-code"),
      .message = header(headers, "__streams.errors.message"),
      .topic = header(headers, "__streams.errors.topic"),
      .partition = header(headers, "__streams.errors.partition"),
      .offset = header(headers, "__streams.errors.offset"),
      .cut_size = header(headers, "x-eddy-original-size"),
      .key_cut = header(headers, "x-eddy-original-key-size").data != NULL,
      .headers_dropped = header(headers, "x-eddy-dropped-headers").data != NULL,
  };
}

const char *eddy_dead_letter_flaw(const struct eddy_dead_letter *letter) {
  if (!letter->code.data || !letter->topic.data || !letter->partition.data || !letter->offset.data)
    return "it does not say why and from where it came: eddy has not written it";
  if (letter->cut_size.data) return "its value was cut to fit the topic; the record itself is where it was";
  if (letter->key_cut) return "its key was cut to fit the topic; the record itself is where it was";
  if (letter->headers_dropped) return "its headers did not fit the topic; the record itself is where it was";
  return NULL;
}

static bool begins_with(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int add_retry_of(rd_kafka_headers_t *headers, const struct eddy_dead_letter *letter) {
  enum { PLACE_PART_MAX = 300 };
  char text[3 * PLACE_PART_MAX];
  const struct eddy_str parts[] = {letter->topic, letter->partition, letter->offset};
  size_t size = 0;
  for (int i = 0; i < 3; i++) {
    uint32_t length = parts[i].len < PLACE_PART_MAX - 1 ? parts[i].len : PLACE_PART_MAX - 1;
    if (i > 0) text[size++] = '/';
    if (length > 0) memcpy(text + size, parts[i].data, length);
    size += length;
  }
  return rd_kafka_header_add(headers, "x-eddy-retry-of", -1, text, (ssize_t)size) ? -1 : 0;
}

rd_kafka_headers_t *eddy_dead_letter_retry_headers(const rd_kafka_headers_t *headers, const struct eddy_dead_letter *letter) {
  const char *name;
  const void *value;
  size_t size;
  rd_kafka_headers_t *copy = rd_kafka_headers_new(8);
  int failed = copy ? 0 : -1;
  for (size_t i = 0; headers && !failed && !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
    if (begins_with(name, "__streams.errors.") || begins_with(name, "x-eddy-")) continue;
    failed = rd_kafka_header_add(copy, name, -1, value, (ssize_t)size) ? -1 : 0;
  }
  if (!failed) failed = add_retry_of(copy, letter);
  if (!failed) return copy;
  if (copy) rd_kafka_headers_destroy(copy);
  return NULL;
}
