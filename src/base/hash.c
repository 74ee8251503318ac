#include "base/hash.h"

#include "base/bytes.h"

struct sip {
  uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t x, unsigned bits) { return x << bits | x >> (64 - bits); }

static inline void sip_round(struct sip *s) {
  s->v0 += s->v1;
  s->v1 = rotate_left(s->v1, 13) ^ s->v0;
  s->v0 = rotate_left(s->v0, 32);
  s->v2 += s->v3;
  s->v3 = rotate_left(s->v3, 16) ^ s->v2;
  s->v0 += s->v3;
  s->v3 = rotate_left(s->v3, 21) ^ s->v0;
  s->v2 += s->v1;
  s->v1 = rotate_left(s->v1, 17) ^ s->v2;
  s->v2 = rotate_left(s->v2, 32);
}

static inline void sip_absorb(struct sip *s, uint64_t word) {
  s->v3 ^= word;
  sip_round(s); /* one round a word: the 1 of 1-3 */
  s->v0 ^= word;
}

/* The last word: the bytes left over (0..7), and the length modulo 256 on top. */
static inline uint64_t last_word(const uint8_t *at, size_t left, size_t size) {
  uint64_t word = (uint64_t)size << 56;
  if (left & 4) word |= (uint64_t)eddy_load_u32(at);
  for (size_t i = left & 4; i < left; i++) word |= (uint64_t)at[i] << (8 * i);
  return word;
}

uint64_t eddy_hash_keyed(const uint64_t key[2], const void *bytes, size_t size) {
  struct sip s = {
      .v0 = key[0] ^ UINT64_C(0x736f6d6570736575),
      .v1 = key[1] ^ UINT64_C(0x646f72616e646f6d),
      .v2 = key[0] ^ UINT64_C(0x6c7967656e657261),
      .v3 = key[1] ^ UINT64_C(0x7465646279746573),
  };
  const uint8_t *at = bytes;
  size_t left = size;
  for (; left >= 8; left -= 8, at += 8) sip_absorb(&s, eddy_load_u64(at));
  sip_absorb(&s, last_word(at, left, size));
  s.v2 ^= 0xff;
  for (int i = 0; i < 3; i++) sip_round(&s);
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t eddy_hash_mix(uint64_t x) {
  x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
  x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
  return x ^ x >> 33;
}

uint64_t eddy_hash_stable(const void *bytes, size_t size) {
  static const uint64_t key[2] = {UINT64_C(0x6174732d79646465), UINT64_C(0x687361682d656c62)}; /* "eddy-stable-hash" */
  return eddy_hash_keyed(key, bytes, size);
}
