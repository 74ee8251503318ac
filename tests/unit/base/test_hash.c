/* SipHash-1-3 against a straightforward reading of the paper and against CPython, which uses it for str and bytes; golden
 * values of what stands in records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"

/* Oracle: figure 2.1 of the paper, the message padded as a whole first. */
static uint64_t rotl(uint64_t x, int bits) { return (x << bits) | (x >> (64 - bits)); }

static void oracle_rounds(uint64_t v[4], int rounds) {
  while (rounds-- > 0) {
    v[0] += v[1], v[2] += v[3];
    v[1] = rotl(v[1], 13), v[3] = rotl(v[3], 16);
    v[1] ^= v[0], v[3] ^= v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = rotl(v[1], 17), v[3] = rotl(v[3], 21);
    v[1] ^= v[2], v[3] ^= v[0];
    v[2] = rotl(v[2], 32);
  }
}

static uint64_t oracle(const uint64_t key[2], const uint8_t *bytes, size_t size, int c, int d) {
  uint8_t padded[128] = {0};
  size_t words = size / 8 + 1;
  uint64_t v[4] = {key[0], key[1], key[0], key[1]};
  for (int i = 0; i < 4; i++) { /* "somepseudorandomlygeneratedbytes", big-endian */
    for (int j = 0; j < 8; j++) v[i] ^= (uint64_t)(uint8_t) "somepseudorandomlygeneratedbytes"[8 * i + j] << (56 - 8 * j);
  }
  if (size > 0) memcpy(padded, bytes, size);
  padded[8 * words - 1] = (uint8_t)size;
  for (size_t i = 0; i < words; i++) {
    uint64_t m = 0;
    for (int j = 7; j >= 0; j--) m = m << 8 | padded[8 * i + (size_t)j];
    v[3] ^= m;
    oracle_rounds(v, c);
    v[0] ^= m;
  }
  v[2] ^= 0xff;
  oracle_rounds(v, d);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The oracle itself: the worked example of the paper's appendix A is SipHash-2-4 of 00..0e under 00..0f. */
static void oracle_has_the_papers_value(void **state) {
  (void)state;
  static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
  uint8_t bytes[15];
  for (uint8_t i = 0; i < sizeof bytes; i++) bytes[i] = i;
  assert_true(oracle(key, bytes, sizeof bytes, 2, 4) == UINT64_C(0xa129ca6149be45e5));
}

static void keyed_hash_agrees_with_the_oracle(void **state) {
  (void)state;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, 6);
  for (int round = 0; round < 20; round++) {
    uint64_t key[2] = {eddy_rng_next(&rng), eddy_rng_next(&rng)};
    for (size_t size = 0; size < 100; size++) {
      uint8_t *bytes = malloc(size > 0 ? size : 1); /* of that very size, so that a sanitizer sees a byte too far */
      assert_non_null(bytes);
      for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)eddy_rng_next(&rng);
      assert_true(eddy_hash_keyed(key, bytes, size) == oracle(key, bytes, size, 1, 3));
      free(bytes);
    }
  }
}

/* hash(b"...") of CPython 3.11 with PYTHONHASHSEED=0, where the key is zero. */
static void keyed_hash_agrees_with_python(void **state) {
  (void)state;
  static const uint64_t zero[2] = {0, 0};
  assert_true(eddy_hash_keyed(zero, "a", 1) == UINT64_C(4644417185603328019));
  assert_true(eddy_hash_keyed(zero, "abc", 3) == UINT64_C(13851880170939887858));
  assert_true(eddy_hash_keyed(zero, "0123456789abcdefghij", 20) == UINT64_C(14095073027765101786));
}

/* These values stand in records: if this test fails, the function is wrong, not the test. */
static void stable_hash_never_changes(void **state) {
  (void)state;
  assert_true(eddy_hash_stable(NULL, 0) == UINT64_C(0xf259bacf8a39aa5c));
  assert_true(eddy_hash_stable("spend_30d", 9) == UINT64_C(0x398a5287c8486c2f));
  assert_true(eddy_hash_stable("0123456789abcdefghij", 20) == UINT64_C(0xd56fd5b74ff2133c));
}

static void mix_has_murmurs_values_and_mixes(void **state) {
  (void)state;
  assert_true(eddy_hash_mix(0) == 0);
  assert_true(eddy_hash_mix(1) == UINT64_C(0xb456bcfc34c2cb2c));
  int flips = 0;
  for (int bit = 0; bit < 64; bit++) {
    flips += __builtin_popcountll(eddy_hash_mix(12345) ^ eddy_hash_mix(12345 ^ UINT64_C(1) << bit));
  }
  assert_in_range(flips, 64 * 28, 64 * 36);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(oracle_has_the_papers_value),   cmocka_unit_test(keyed_hash_agrees_with_the_oracle),
      cmocka_unit_test(keyed_hash_agrees_with_python), cmocka_unit_test(stable_hash_never_changes),
      cmocka_unit_test(mix_has_murmurs_values_and_mixes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
