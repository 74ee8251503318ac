/* The checksum against its published values and a bit-by-bit oracle, in hardware and by table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"
#include "base/rng.h"

static uint32_t bit_by_bit(uint32_t crc, const uint8_t *bytes, size_t size) {
  crc = ~crc;
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

static void check_published(uint32_t (*crc32c)(uint32_t, const void *, size_t)) {
  uint8_t bytes[32];
  assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
  assert_int_equal(crc32c(0, "", 0), 0);
  memset(bytes, 0, sizeof bytes); /* RFC 3720 B.4 */
  assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
  memset(bytes, 0xff, sizeof bytes);
  assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
  for (uint8_t i = 0; i < sizeof bytes; i++) bytes[i] = i;
  assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x46dd794e);
}

static void both_forms_have_the_published_values(void **state) {
  (void)state;
  check_published(eddy_crc32c);
  check_published(eddy_crc32c_table);
}

/* Every byte at every place of a word of eight: all 2048 entries of the tables. */
static void every_table_entry_is_right(void **state) {
  (void)state;
  for (size_t place = 0; place < 8; place++) {
    for (int byte = 0; byte < 256; byte++) {
      uint8_t word[8] = {0};
      word[place] = (uint8_t)byte;
      assert_int_equal(eddy_crc32c_table(0, word, sizeof word), bit_by_bit(0, word, sizeof word));
    }
  }
}

static void both_forms_agree_at_every_length_and_cut(void **state) {
  (void)state;
  struct eddy_rng rng;
  uint8_t bytes[96];
  eddy_rng_seed(&rng, 9);
  for (size_t size = 0; size < sizeof bytes; size++) {
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)eddy_rng_next(&rng);
    uint32_t whole = bit_by_bit(0, bytes, size);
    for (size_t cut = 0; cut <= size; cut++) {
      assert_int_equal(eddy_crc32c(eddy_crc32c(0, bytes, cut), bytes + cut, size - cut), whole);
      assert_int_equal(eddy_crc32c_table(eddy_crc32c_table(0, bytes, cut), bytes + cut, size - cut), whole);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_forms_have_the_published_values),
      cmocka_unit_test(every_table_entry_is_right),
      cmocka_unit_test(both_forms_agree_at_every_length_and_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
