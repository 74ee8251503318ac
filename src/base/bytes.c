#include "base/bytes.h"

#include <string.h>

/* Writer -------------------------------------------------------------------------------------------------------------------*/

void eddy_writer_init(struct eddy_writer *writer, void *buffer, size_t capacity) {
  writer->begin = writer->at = buffer;
  writer->end = capacity > 0 ? writer->begin + capacity : writer->begin; /* NULL + 0 is undefined in C */
  writer->overflow = false;
}

size_t eddy_writer_size(const struct eddy_writer *writer) {
  return (size_t)(writer->at - writer->begin);
}

void eddy_write_bytes(struct eddy_writer *writer, const void *bytes, size_t size) {
  if (writer->overflow || size > (size_t)(writer->end - writer->at)) {
    writer->overflow = true; /* for good: a later, smaller value must not fill the gap */
    return;
  }
  if (size == 0) return;
  memcpy(writer->at, bytes, size);
  writer->at += size;
}

/* Room for `size` bytes, or NULL: then nothing is written any more. Sizes that the compiler knows become single stores. */
static uint8_t *take_room(struct eddy_writer *writer, size_t size) {
  uint8_t *at = writer->at;
  if (writer->overflow || size > (size_t)(writer->end - at)) {
    writer->overflow = true;
    return NULL;
  }
  writer->at = at + size;
  return at;
}

void eddy_write_u8(struct eddy_writer *writer, uint8_t value) {
  uint8_t *at = take_room(writer, 1);
  if (at != NULL) *at = value;
}

void eddy_write_u16(struct eddy_writer *writer, uint16_t value) {
  uint8_t *at = take_room(writer, 2);
  for (size_t i = 0; at != NULL && i < 2; i++) at[i] = (uint8_t)(value >> (8 * i));
}

void eddy_write_u32(struct eddy_writer *writer, uint32_t value) {
  uint8_t *at = take_room(writer, 4);
  for (size_t i = 0; at != NULL && i < 4; i++) at[i] = (uint8_t)(value >> (8 * i));
}

void eddy_write_u64(struct eddy_writer *writer, uint64_t value) {
  uint8_t *at = take_room(writer, 8);
  for (size_t i = 0; at != NULL && i < 8; i++) at[i] = (uint8_t)(value >> (8 * i));
}

void eddy_write_f32(struct eddy_writer *writer, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  eddy_write_u32(writer, bits);
}

void eddy_write_f64(struct eddy_writer *writer, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  eddy_write_u64(writer, bits);
}

/* Straight into the buffer where even the longest fits. */
void eddy_write_varint(struct eddy_writer *writer, int64_t value) {
  uint64_t left = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
  uint8_t bytes[10];
  bool roomy = !writer->overflow && writer->end - writer->at >= (ptrdiff_t)sizeof bytes;
  uint8_t *at = roomy ? writer->at : bytes;
  size_t size = 0;
  for (; left >= 0x80; left >>= 7) at[size++] = (uint8_t)(left | 0x80);
  at[size++] = (uint8_t)left;
  if (roomy) {
    writer->at += size;
  } else {
    eddy_write_bytes(writer, bytes, size);
  }
}

void eddy_write_string(struct eddy_writer *writer, struct eddy_str value) {
  eddy_write_varint(writer, value.len);
  eddy_write_bytes(writer, value.data, value.len);
}

/* Reader -------------------------------------------------------------------------------------------------------------------*/

void eddy_reader_init(struct eddy_reader *reader, const void *bytes, size_t size) {
  reader->at = bytes;
  reader->end = size > 0 ? reader->at + size : reader->at;
  reader->failed = false;
}

size_t eddy_reader_left(const struct eddy_reader *reader) {
  return (size_t)(reader->end - reader->at);
}

static void reader_fail(struct eddy_reader *reader) {
  reader->failed = true;
  reader->at = reader->end;
}

const uint8_t *eddy_read_bytes(struct eddy_reader *reader, size_t size) {
  if (reader->failed || size > eddy_reader_left(reader)) {
    reader_fail(reader);
    return NULL;
  }
  const uint8_t *bytes = reader->at;
  if (size > 0) reader->at += size;
  return bytes;
}

uint8_t eddy_read_u8(struct eddy_reader *reader) {
  const uint8_t *bytes = eddy_read_bytes(reader, 1);
  return bytes != NULL ? bytes[0] : 0;
}

uint16_t eddy_read_u16(struct eddy_reader *reader) {
  const uint8_t *bytes = eddy_read_bytes(reader, 2);
  return bytes != NULL ? (uint16_t)((unsigned)bytes[0] | (unsigned)bytes[1] << 8) : 0;
}

uint32_t eddy_read_u32(struct eddy_reader *reader) {
  const uint8_t *bytes = eddy_read_bytes(reader, 4);
  return bytes != NULL ? eddy_load_u32(bytes) : 0;
}

uint64_t eddy_read_u64(struct eddy_reader *reader) {
  const uint8_t *bytes = eddy_read_bytes(reader, 8);
  return bytes != NULL ? eddy_load_u64(bytes) : 0;
}

float eddy_read_f32(struct eddy_reader *reader) {
  uint32_t bits = eddy_read_u32(reader);
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

double eddy_read_f64(struct eddy_reader *reader) {
  uint64_t bits = eddy_read_u64(reader);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

int64_t eddy_read_varint(struct eddy_reader *reader) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 70 && reader->at < reader->end; shift += 7) {
    uint8_t byte = *reader->at++;
    if (shift == 63 && byte > 1) break; /* bits beyond the 64th, or an eleventh byte */
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return (int64_t)((value >> 1) ^ (0 - (value & 1)));
  }
  reader_fail(reader);
  return 0;
}

struct eddy_str eddy_read_string(struct eddy_reader *reader) {
  int64_t length = eddy_read_varint(reader);
  if (length < 0 || length > UINT32_MAX) reader_fail(reader);
  const uint8_t *bytes = reader->failed ? NULL : eddy_read_bytes(reader, (size_t)length);
  if (bytes == NULL) return (struct eddy_str){0};
  return (struct eddy_str){.data = (const char *)bytes, .len = (uint32_t)length};
}
