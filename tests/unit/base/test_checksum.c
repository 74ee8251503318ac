/* CRC-32C and the histogram. The source is included to reach both forms of the checksum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/base/crc32c.c"
#include "base/histogram.h"
#include "base/rng.h"

static void test_crc_has_the_published_value(void **state) {
  (void)state;
  assert_int_equal(eddy_crc32c(0, "123456789", 9), 0xE3069283);
  assert_int_equal(~crc_plain(~UINT32_C(0), (const uint8_t *)"123456789", 9), 0xE3069283);
  assert_int_equal(eddy_crc32c(0, "", 0), 0);
}

static void test_crc_is_the_same_in_pieces_and_in_software(void **state) {
  struct eddy_rng rng;
  uint8_t bytes[300];
  (void)state;
  eddy_rng_seed(&rng, 9);
  for (int round = 0; round < 500; round++) {
    size_t size = (size_t)eddy_rng_below(&rng, sizeof bytes), cut = size ? (size_t)eddy_rng_below(&rng, size) : 0;
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)eddy_rng_next(&rng);
    uint32_t whole = eddy_crc32c(0, bytes, size);
    assert_int_equal(whole, ~crc_plain(~UINT32_C(0), bytes, size));
    assert_int_equal(whole, eddy_crc32c(eddy_crc32c(0, bytes, cut), bytes + cut, size - cut));
  }
}

static void test_histogram_quantiles_are_close(void **state) {
  static struct eddy_histogram histogram, twice;
  (void)state;
  for (uint64_t power = 0; power < 40; power++) {
    for (int64_t off = -1; off <= 1; off++) {
      uint64_t value = (uint64_t)((int64_t)(UINT64_C(1) << power) + off);
      memset(&histogram, 0, sizeof histogram);
      eddy_histogram_add(&histogram, value);
      eddy_histogram_add(&histogram, UINT64_C(1) << 41);
      uint64_t found = eddy_histogram_quantile(&histogram, 0.5);
      assert_true(found >= value && (double)found <= (double)value * 1.016 + 1);
    }
  }
  memset(&histogram, 0, sizeof histogram);
  for (uint64_t i = 1; i <= 100000; i++) eddy_histogram_add(&histogram, i);
  eddy_histogram_merge(&twice, &histogram);
  eddy_histogram_merge(&twice, &histogram);
  assert_int_equal(twice.count, 200000);
  for (int q = 1; q <= 99; q++) {
    double found = (double)eddy_histogram_quantile(&twice, q / 100.0);
    assert_true(found >= q * 1000 && found <= q * 1000 * 1.017);
  }
  assert_int_equal(eddy_histogram_quantile(&twice, 1), 100000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_crc_has_the_published_value),
      cmocka_unit_test(test_crc_is_the_same_in_pieces_and_in_software),
      cmocka_unit_test(test_histogram_quantiles_are_close),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
