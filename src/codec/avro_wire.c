#include "codec/avro_wire.h"

int eddy_avro_long_slow(struct eddy_avro_cursor *cursor, int64_t *value) {
  uint64_t bits = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (cursor->at >= cursor->end) return EDDY_EVENT_E_TRUNCATED;
    uint8_t byte = *cursor->at++;
    if (shift == 63 && byte > 1) return EDDY_EVENT_E_MALFORMED;
    bits |= (uint64_t)(byte & 0x7F) << shift;
    if (byte < 0x80) {
      *value = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
      return 0;
    }
  }
  return EDDY_EVENT_E_MALFORMED;
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
