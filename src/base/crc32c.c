#include "base/crc32c.h"

#include <string.h>

/* Reflected polynomial 0x82F63B78, one byte at a time by a table of 16 (a nibble a step): small, for machines without SSE4.2. */
static uint32_t crc_plain(uint32_t crc, const uint8_t *at, size_t size) {
  static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                     0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
  for (size_t i = 0; i < size; i++) {
    crc ^= at[i];
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const uint8_t *at, size_t size) {
  uint64_t wide = crc;
  for (; size >= 8; at += 8, size -= 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = (uint32_t)wide;
  for (; size > 0; at++, size--) crc = _mm_crc32_u8(crc, *at);
  return crc;
}
#endif

uint32_t eddy_crc32c(uint32_t crc, const void *bytes, size_t size) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~crc_sse42(~crc, bytes, size);
#endif
  return ~crc_plain(~crc, bytes, size);
}
