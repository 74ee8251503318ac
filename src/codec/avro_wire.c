#include "codec/avro_wire.h"

#include "base/bytes.h"

/* The 7-bit groups of up to 8 bytes, pushed together pairwise: 8 of 7, 4 of 14, 2 of 28, 1 of 56 bits. */
static uint64_t join_groups(uint64_t word) {
  word = (word & UINT64_C(0x007F007F007F007F)) | (word & UINT64_C(0x7F007F007F007F00)) >> 1;
  word = (word & UINT64_C(0x00003FFF00003FFF)) | (word & UINT64_C(0x3FFF00003FFF0000)) >> 2;
  return (word & UINT64_C(0x000000000FFFFFFF)) | (word & UINT64_C(0x0FFFFFFF00000000)) >> 4;
}

static int64_t unzigzag(uint64_t bits) {
  return (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
}

static struct eddy_avro_long failed(int error) {
  return (struct eddy_avro_long){NULL, error};
}

static struct eddy_avro_long long_bytewise(const uint8_t *at, const uint8_t *end) {
  uint64_t bits = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (at >= end) return failed(EDDY_EVENT_E_TRUNCATED);
    uint8_t byte = *at++;
    if (shift == 63 && byte > 1) return failed(EDDY_EVENT_E_MALFORMED);
    bits |= (uint64_t)(byte & 0x7F) << shift;
    if (byte < 0x80) return (struct eddy_avro_long){at, unzigzag(bits)};
  }
  return failed(EDDY_EVENT_E_MALFORMED);
}

/* Times are six bytes long: eight at once, up to the first without a continuation bit. */
struct eddy_avro_long eddy_avro_long_slow(const uint8_t *at, const uint8_t *end) {
  if (end - at < 8) return long_bytewise(at, end);
  uint64_t word = eddy_load_u64(at), stops = ~word & UINT64_C(0x8080808080808080);
  if (!stops) return long_bytewise(at, end);
  uint64_t until_stop = stops ^ (stops - 1); /* the bits up to the first stop, included */
  uint64_t bits = join_groups(word & until_stop & UINT64_C(0x7F7F7F7F7F7F7F7F));
  return (struct eddy_avro_long){at + __builtin_ctzll(stops) / 8 + 1, unzigzag(bits)};
}

int eddy_avro_block(struct eddy_avro_cursor *cursor, uint64_t entry_min, uint64_t *count, int64_t *size) {
  int64_t value;
  int error = eddy_avro_long(cursor, &value);
  if (error) return error;
  *size = -1;
  if (value < 0) {
    error = eddy_avro_long(cursor, size);
    if (error) return error;
    if (*size < 0) return EDDY_EVENT_E_MALFORMED;
    if ((uint64_t)*size > eddy_avro_left(cursor)) return EDDY_EVENT_E_TRUNCATED;
  }
  *count = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  if (entry_min > 0 && *count > eddy_avro_left(cursor) / entry_min) return EDDY_EVENT_E_TRUNCATED;
  return 0;
}
