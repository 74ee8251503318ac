/* The generator's published sequence, and the shapes of its distributions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

static void sequence_is_xoshiro256_starstar(void **state) {
  (void)state;
  struct eddy_rng rng = {{1, 2, 3, 4}};
  static const uint64_t expected[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
  for (int i = 0; i < 4; i++) assert_true(eddy_rng_next(&rng) == expected[i]);
}

static void seeds_are_spread_by_splitmix64(void **state) {
  (void)state;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, 0);
  assert_true(rng.s[0] == UINT64_C(0xe220a8397b1dcdaf));
  assert_true(rng.s[1] == UINT64_C(0x6e789e6aa1b965f4));
  assert_true(rng.s[2] == UINT64_C(0x06c45d188009454f));
  assert_true(rng.s[3] == UINT64_C(0xf88bb8a8724c81ec));
}

static void a_copy_goes_on_like_the_original(void **state) {
  (void)state;
  struct eddy_rng rng, copy;
  eddy_rng_seed(&rng, 42);
  for (int i = 0; i < 10; i++) eddy_rng_normal(&rng);
  copy = rng;
  for (int i = 0; i < 100; i++) assert_true(eddy_rng_normal(&rng) == eddy_rng_normal(&copy));
}

static void below_is_in_range_and_even(void **state) {
  (void)state;
  static const uint64_t bounds[] = {1, 2, 3, 7, UINT64_C(1) << 63, (UINT64_C(1) << 63) + 1, UINT64_MAX};
  struct eddy_rng rng;
  eddy_rng_seed(&rng, 1);
  for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
    for (int i = 0; i < 1000; i++) assert_true(eddy_rng_below(&rng, bounds[b]) < bounds[b]);
  }
  int counts[3] = {0}; /* a bound of 3/4 of the range: without rejection the remainders would come up as 2:1:1 */
  for (int i = 0; i < 30000; i++) counts[eddy_rng_below(&rng, UINT64_C(3) << 62) % 3]++;
  for (int i = 0; i < 3; i++) assert_in_range(counts[i], 9600, 10400); /* 10000, standard deviation 82 */
}

static void unit_is_uniform(void **state) {
  (void)state;
  struct eddy_rng rng;
  double sum = 0, squares = 0;
  eddy_rng_seed(&rng, 2);
  for (int i = 0; i < 100000; i++) {
    double u = eddy_rng_unit(&rng);
    assert_true(u >= 0 && u < 1);
    sum += u;
    squares += u * u;
  }
  assert_true(sum > 49500 && sum < 50500);
  assert_true(squares > 32900 && squares < 33770);
}

static void normal_has_the_moments_of_a_normal(void **state) {
  (void)state;
  struct eddy_rng rng;
  double moments[5] = {0};
  enum { DRAWS = 200000 };
  eddy_rng_seed(&rng, 3);
  for (int i = 0; i < DRAWS; i++) {
    double x = eddy_rng_normal(&rng), power = 1;
    for (int k = 1; k <= 4; k++) moments[k] += (power *= x) / DRAWS;
  }
  assert_true(moments[1] > -0.01 && moments[1] < 0.01);
  assert_true(moments[2] > 0.98 && moments[2] < 1.02);
  assert_true(moments[3] > -0.04 && moments[3] < 0.04);
  assert_true(moments[4] > 2.9 && moments[4] < 3.1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sequence_is_xoshiro256_starstar),  cmocka_unit_test(seeds_are_spread_by_splitmix64),
      cmocka_unit_test(a_copy_goes_on_like_the_original), cmocka_unit_test(below_is_in_range_and_even),
      cmocka_unit_test(unit_is_uniform),                  cmocka_unit_test(normal_has_the_moments_of_a_normal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
