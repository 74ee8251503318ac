/* Avro's binary encoding straight into a growable buffer (Avro specification 1.11, "Binary Encoding").
 *
 * Each put checks the room that is left and grows the buffer if need be; when memory is short the first failure is remembered
 * and all later puts do nothing. eddy_avro_end() takes over what was written, or nothing at all. A few nanoseconds per put,
 * which is why they are inline.
 */
#ifndef EDDY_CODEC_AVRO_OUT_H
#define EDDY_CODEC_AVRO_OUT_H

#include <string.h>

#include "base/memory.h"

struct eddy_avro_out {
  uint8_t *at, *end;
  struct eddy_buffer *buffer;
  bool failed;
};

enum { EDDY_AVRO_LONG_MAX = 10 }; /* bytes of the longest varint */

/* Starts writing behind what the buffer holds. */
void eddy_avro_begin(struct eddy_avro_out *out, struct eddy_buffer *buffer);
/* 0, or EDDY_E_NOMEM and the buffer holds what it held at the beginning. */
int eddy_avro_end(struct eddy_avro_out *out);
/* The slow half of eddy_avro_room(). */
bool eddy_avro_grow(struct eddy_avro_out *out, size_t size);

/* True if `size` more bytes fit now. */
static inline bool eddy_avro_room(struct eddy_avro_out *out, size_t size) {
  return __builtin_expect((size_t)(out->end - out->at) >= size, 1) || eddy_avro_grow(out, size);
}

/* Zig-zag varint without a check: 10 bytes must fit. */
static inline uint8_t *eddy_avro_varint(uint8_t *at, int64_t value) {
  uint64_t rest = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
  while (rest >= 0x80) {
    *at++ = (uint8_t)(rest | 0x80);
    rest >>= 7;
  }
  *at++ = (uint8_t)rest;
  return at;
}

/* int and long; also the length of an array block and the branch of a union. */
static inline void eddy_avro_long(struct eddy_avro_out *out, int64_t value) {
  if (eddy_avro_room(out, EDDY_AVRO_LONG_MAX)) out->at = eddy_avro_varint(out->at, value);
}

static inline void eddy_avro_byte(struct eddy_avro_out *out, uint8_t value) {
  if (eddy_avro_room(out, 1)) *out->at++ = value;
}

static inline void eddy_avro_bool(struct eddy_avro_out *out, bool value) {
  eddy_avro_byte(out, value ? 1 : 0);
}

static inline void eddy_avro_bytes(struct eddy_avro_out *out, const void *bytes, size_t size) {
  if (size == 0 || !eddy_avro_room(out, size)) return;
  memcpy(out->at, bytes, size);
  out->at += size;
}

static inline void eddy_avro_string(struct eddy_avro_out *out, struct eddy_str value) {
  if (!eddy_avro_room(out, EDDY_AVRO_LONG_MAX + (size_t)value.len)) return;
  out->at = eddy_avro_varint(out->at, value.len);
  if (value.len) memcpy(out->at, value.data, value.len);
  out->at += value.len;
}

static inline void eddy_avro_literal(struct eddy_avro_out *out, const char *text) {
  eddy_avro_string(out, (struct eddy_str){text, (uint32_t)strlen(text)});
}

static inline void eddy_avro_float(struct eddy_avro_out *out, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (!eddy_avro_room(out, sizeof bits)) return;
  for (int i = 0; i < 4; i++) out->at[i] = (uint8_t)(bits >> (8 * i)); /* one store after optimisation */
  out->at += 4;
}

static inline void eddy_avro_double(struct eddy_avro_out *out, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (!eddy_avro_room(out, sizeof bits)) return;
  for (int i = 0; i < 8; i++) out->at[i] = (uint8_t)(bits >> (8 * i));
  out->at += 8;
}

/* Unions ["null", X]. */
static inline void eddy_avro_optional_long(struct eddy_avro_out *out, bool present, int64_t value) {
  eddy_avro_byte(out, present ? 2 : 0);
  if (present) eddy_avro_long(out, value);
}

static inline void eddy_avro_optional_string(struct eddy_avro_out *out, struct eddy_str value) {
  eddy_avro_byte(out, value.data ? 2 : 0);
  if (value.data) eddy_avro_string(out, value);
}

static inline void eddy_avro_optional_double(struct eddy_avro_out *out, bool present, double value) {
  eddy_avro_byte(out, present ? 2 : 0);
  if (present) eddy_avro_double(out, value);
}

/* Around the items of an array or map that is written as one block: begin only if it is not empty. */
static inline void eddy_avro_block(struct eddy_avro_out *out, size_t count) {
  if (count) eddy_avro_long(out, (int64_t)count);
}
static inline void eddy_avro_block_end(struct eddy_avro_out *out) {
  eddy_avro_byte(out, 0);
}

/* Whole arrays. */
static inline void eddy_avro_floats(struct eddy_avro_out *out, const float *values, size_t count) {
  eddy_avro_block(out, count);
  for (size_t i = 0; i < count; i++) eddy_avro_float(out, values[i]);
  eddy_avro_block_end(out);
}

static inline void eddy_avro_doubles(struct eddy_avro_out *out, const double *values, size_t count) {
  eddy_avro_block(out, count);
  for (size_t i = 0; i < count; i++) eddy_avro_double(out, values[i]);
  eddy_avro_block_end(out);
}

#endif
