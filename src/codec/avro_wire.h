/* Avro's binary encoding, the two rules that everything else rests on: zig-zag varints and length prefixes. Hostile bytes:
 * never reads past `end`. Functions return 0 or a code of codec/event_error.h; on error the cursor is worthless.
 */
#ifndef EDDY_CODEC_AVRO_WIRE_H
#define EDDY_CODEC_AVRO_WIRE_H

#include "codec/event_error.h"
#include "eddy/types.h"

struct eddy_avro_cursor {
  const uint8_t *at, *end;
};

/* A long and what lies behind it; or NULL and an error. By value, so that a cursor can live in registers. */
struct eddy_avro_long {
  const uint8_t *behind;
  int64_t value;
};

/* More than one byte, or none left. TRUNCATED, or MALFORMED for more than 64 bits; overlong forms pass as they do in Java. */
struct eddy_avro_long eddy_avro_long_slow(const uint8_t *at, const uint8_t *end);

static inline int eddy_avro_long(struct eddy_avro_cursor *cursor, int64_t *value) {
  if (cursor->at < cursor->end && *cursor->at < 0x80) {
    unsigned byte = *cursor->at++;
    *value = (int64_t)(byte >> 1) ^ -(int64_t)(byte & 1);
    return 0;
  }
  struct eddy_avro_long read = eddy_avro_long_slow(cursor->at, cursor->end);
  *value = read.value;
  if (!read.behind) return (int)read.value;
  cursor->at = read.behind;
  return 0;
}

static inline size_t eddy_avro_left(const struct eddy_avro_cursor *cursor) {
  return (size_t)(cursor->end - cursor->at);
}

/* Steps over `size` bytes. */
static inline int eddy_avro_advance(struct eddy_avro_cursor *cursor, uint64_t size) {
  if (size > eddy_avro_left(cursor)) return EDDY_EVENT_E_TRUNCATED;
  cursor->at += size;
  return 0;
}

/* The length of a string or of bytes, which then lie at the cursor. */
static inline int eddy_avro_length(struct eddy_avro_cursor *cursor, size_t *length) {
  int64_t value;
  int error = eddy_avro_long(cursor, &value);
  if (error) return error;
  if (value < 0) return EDDY_EVENT_E_MALFORMED;
  if ((uint64_t)value > eddy_avro_left(cursor)) return EDDY_EVENT_E_TRUNCATED;
  *length = (size_t)value;
  return 0;
}

/* The header of a block of an array or map: how many entries follow (0 = the end), and their size in bytes if the writer gave
 * it (negative count), else -1. A count is refused if that many entries of `entry_min` bytes cannot follow; entries of no
 * bytes are for the caller to bound. */
int eddy_avro_block(struct eddy_avro_cursor *cursor, uint64_t entry_min, uint64_t *count, int64_t *size);

#endif
