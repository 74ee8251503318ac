/* Writing and reading bytes: little-endian fixed widths, Avro's zig-zag varints, length-prefixed strings.
 *
 * The writer appends to a fixed buffer and remembers overflow instead of failing each call; the reader never reads past its
 * end and remembers the first failure. Check `overflow` / `failed` once at the end.
 */
#ifndef EDDY_BASE_BYTES_H
#define EDDY_BASE_BYTES_H

#include "eddy/types.h"

/* Little-endian loads from any address; compilers make one instruction of them. */
static inline uint32_t eddy_load_u32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}
static inline uint64_t eddy_load_u64(const uint8_t *at) {
  return (uint64_t)eddy_load_u32(at) | (uint64_t)eddy_load_u32(at + 4) << 32;
}

struct eddy_writer {
  uint8_t *at, *end, *begin;
  bool overflow; /* something did not fit: it and everything after it was left out */
};
void eddy_writer_init(struct eddy_writer *writer, void *buffer, size_t capacity);
size_t eddy_writer_size(const struct eddy_writer *writer);
void eddy_write_bytes(struct eddy_writer *writer, const void *bytes, size_t size);
void eddy_write_u8(struct eddy_writer *writer, uint8_t value);
void eddy_write_u16(struct eddy_writer *writer, uint16_t value);
void eddy_write_u32(struct eddy_writer *writer, uint32_t value);
void eddy_write_u64(struct eddy_writer *writer, uint64_t value);
void eddy_write_f32(struct eddy_writer *writer, float value);
void eddy_write_f64(struct eddy_writer *writer, double value);
void eddy_write_varint(struct eddy_writer *writer, int64_t value); /* Avro int/long: zig-zag, 1-10 bytes */
void eddy_write_string(struct eddy_writer *writer, struct eddy_str value); /* varint length + bytes */

struct eddy_reader {
  const uint8_t *at, *end;
  bool failed; /* ran past the end, or a malformed varint or length; all later reads give 0 */
};
void eddy_reader_init(struct eddy_reader *reader, const void *bytes, size_t size);
size_t eddy_reader_left(const struct eddy_reader *reader);
const uint8_t *eddy_read_bytes(struct eddy_reader *reader, size_t size); /* view, NULL on failure */
uint8_t eddy_read_u8(struct eddy_reader *reader);
uint16_t eddy_read_u16(struct eddy_reader *reader);
uint32_t eddy_read_u32(struct eddy_reader *reader);
uint64_t eddy_read_u64(struct eddy_reader *reader);
float eddy_read_f32(struct eddy_reader *reader);
double eddy_read_f64(struct eddy_reader *reader);
int64_t eddy_read_varint(struct eddy_reader *reader); /* fails beyond 10 bytes or 64 bits; overlong forms pass */
struct eddy_str eddy_read_string(struct eddy_reader *reader); /* view; absent on failure */

#endif
