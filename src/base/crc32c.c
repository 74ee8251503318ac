#include "base/crc32c.h"

#include "base/bytes.h"

/* Slicing by 8 (Kounavis & Berry, IEEE Trans. Computers 57(11), 2008): table[n][b] is the remainder of byte b followed by n
 * zero bytes. A remainder is linear over GF(2), so each table of 256 follows from those of the eight bytes with one bit: the
 * compiler makes the tables from the 64 numbers below (reflected polynomial 0x82f63b78). */
#define ENTRY(b, r0, r1, r2, r3, r4, r5, r6, r7)                                                                          \
  (((b) & 1 ? r0 : 0) ^ ((b) & 2 ? r1 : 0) ^ ((b) & 4 ? r2 : 0) ^ ((b) & 8 ? r3 : 0) ^ ((b) & 16 ? r4 : 0) ^              \
   ((b) & 32 ? r5 : 0) ^ ((b) & 64 ? r6 : 0) ^ ((b) & 128 ? r7 : 0))
#define ENTRIES_4(b, ...) \
  ENTRY(b, __VA_ARGS__), ENTRY((b) + 1, __VA_ARGS__), ENTRY((b) + 2, __VA_ARGS__), ENTRY((b) + 3, __VA_ARGS__)
#define ENTRIES_16(b, ...)                                                                                                \
  ENTRIES_4(b, __VA_ARGS__), ENTRIES_4((b) + 4, __VA_ARGS__), ENTRIES_4((b) + 8, __VA_ARGS__), ENTRIES_4((b) + 12, __VA_ARGS__)
#define ENTRIES_64(b, ...)                                                                                                \
  ENTRIES_16(b, __VA_ARGS__), ENTRIES_16((b) + 16, __VA_ARGS__), ENTRIES_16((b) + 32, __VA_ARGS__),                       \
      ENTRIES_16((b) + 48, __VA_ARGS__)
#define TABLE(...) \
  { ENTRIES_64(0, __VA_ARGS__), ENTRIES_64(64, __VA_ARGS__), ENTRIES_64(128, __VA_ARGS__), ENTRIES_64(192, __VA_ARGS__) }

static const uint32_t table[8][256] = {
    TABLE(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78),
    TABLE(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9),
    TABLE(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743),
    TABLE(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f),
    TABLE(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae, 0x6ea2d55c),
    TABLE(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb, 0x1c08b7d6),
    TABLE(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a, 0xf56e0ef4),
    TABLE(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32, 0x34019664),
};

static uint32_t step_byte(uint32_t crc, uint8_t byte) { return crc >> 8 ^ table[0][(crc ^ byte) & 0xff]; }

static uint32_t step_8(uint32_t crc, const uint8_t *at) {
  uint64_t x = eddy_load_u64(at) ^ crc;
  crc = 0;
  for (int i = 0; i < 8; i++) crc ^= table[7 - i][x >> (8 * i) & 0xff];
  return crc;
}

uint32_t eddy_crc32c_table(uint32_t crc, const void *bytes, size_t size) {
  const uint8_t *at = bytes;
  crc = ~crc;
  for (; size >= 8; size -= 8, at += 8) crc = step_8(crc, at);
  for (; size > 0; size--) crc = step_byte(crc, *at++);
  return ~crc;
}

#ifdef __x86_64__

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *bytes, size_t size) {
  const uint8_t *at = bytes;
  uint64_t wide = (uint32_t)~crc;
  for (; size >= 8; size -= 8, at += 8) wide = __builtin_ia32_crc32di(wide, eddy_load_u64(at));
  crc = (uint32_t)wide;
  for (; size > 0; size--) crc = __builtin_ia32_crc32qi(crc, *at++);
  return ~crc;
}

uint32_t eddy_crc32c(uint32_t crc, const void *bytes, size_t size) {
  if (__builtin_cpu_supports("sse4.2")) return crc32c_sse42(crc, bytes, size);
  return eddy_crc32c_table(crc, bytes, size);
}

#else

uint32_t eddy_crc32c(uint32_t crc, const void *bytes, size_t size) { return eddy_crc32c_table(crc, bytes, size); }

#endif
