/* Index arithmetic of the histogram near every power of two, quantiles, merging. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/histogram.h"

static struct eddy_histogram histogram; /* 18 KB: not on the stack */

static void clear(void) { memset(&histogram, 0, sizeof histogram); }

/* The bucket that a value falls into, and its reported upper edge. */
static unsigned bucket_and_edge(uint64_t value, uint64_t *edge) {
  clear();
  eddy_histogram_add(&histogram, value);
  eddy_histogram_add(&histogram, UINT64_MAX); /* so that max does not cut the edge */
  *edge = eddy_histogram_quantile(&histogram, 0.5);
  for (unsigned i = 0; i < EDDY_HISTOGRAM_BUCKETS; i++) {
    if (histogram.buckets[i] > 0) return i;
  }
  fail_msg("no bucket for %llu", (unsigned long long)value);
  return 0;
}

static void small_values_are_exact(void **state) {
  (void)state;
  for (uint64_t value = 0; value < 128; value++) {
    uint64_t edge;
    assert_int_equal(bucket_and_edge(value, &edge), value);
    assert_int_equal(edge, value);
  }
}

static void check_neighbours(uint64_t value) {
  uint64_t edge, next_edge;
  unsigned bucket = bucket_and_edge(value, &edge), next = bucket_and_edge(value + 1, &next_edge);
  assert_true(edge >= value);
  assert_true((double)(edge - value) <= (double)value / 64);
  assert_int_equal(next, value == edge ? bucket + 1 : bucket); /* no gap, no overlap */
  assert_true(next == bucket ? next_edge == edge : next_edge > edge);
}

static void buckets_join_near_every_power_of_two(void **state) {
  (void)state;
  for (unsigned power = 1; power <= 40; power++) {
    uint64_t at = UINT64_C(1) << power;
    for (uint64_t off = 0; off <= 140; off++) {
      if (at > off) check_neighbours(at - off);
      if (power < 40) check_neighbours(at + off);
    }
  }
}

/* Walks all buckets by their edges: the last starts where the range ends. */
static void every_bucket_is_reached_in_order(void **state) {
  (void)state;
  uint64_t value = 0, edge;
  for (unsigned i = 0; i < EDDY_HISTOGRAM_BUCKETS - 1; i++) {
    assert_int_equal(bucket_and_edge(value, &edge), i);
    value = edge + 1;
  }
  assert_int_equal(bucket_and_edge(value, &edge), EDDY_HISTOGRAM_BUCKETS - 1);
  assert_int_equal(value, (UINT64_C(1) << 41) - (UINT64_C(1) << 34));
  assert_int_equal(edge, UINT64_MAX); /* the last bucket has no upper end */
}

static void quantiles_of_a_known_set(void **state) {
  (void)state;
  clear();
  assert_int_equal(eddy_histogram_quantile(&histogram, 0.5), 0);
  for (uint64_t value = 1; value <= 100000; value++) eddy_histogram_add(&histogram, value);
  assert_true(histogram.sum == 100000.0 * 100001.0 / 2);
  assert_int_equal(eddy_histogram_quantile(&histogram, 0), 1);
  assert_int_equal(eddy_histogram_quantile(&histogram, -1), 1);
  assert_int_equal(eddy_histogram_quantile(&histogram, 1), 100000);
  assert_int_equal(eddy_histogram_quantile(&histogram, 2), 100000);
  for (int percent = 1; percent <= 99; percent++) {
    double found = (double)eddy_histogram_quantile(&histogram, percent / 100.0), exact = percent * 1000.0;
    assert_true(found >= exact - 1 && found <= exact * (1 + 1.0 / 64));
  }
}

static void ranks_are_counted_from_the_smallest(void **state) {
  (void)state;
  clear();
  for (uint64_t value = 1; value <= 4; value++) eddy_histogram_add(&histogram, value);
  assert_int_equal(eddy_histogram_quantile(&histogram, 0.25), 1);
  assert_int_equal(eddy_histogram_quantile(&histogram, 0.26), 2);
  assert_int_equal(eddy_histogram_quantile(&histogram, 0.75), 3);
}

static void merging_is_adding(void **state) {
  (void)state;
  static struct eddy_histogram other, both;
  clear();
  memset(&other, 0, sizeof other);
  memset(&both, 0, sizeof both);
  for (uint64_t i = 0; i < 1000; i++) {
    eddy_histogram_add(i % 3 == 0 ? &histogram : &other, i * i);
    eddy_histogram_add(&both, i * i);
  }
  eddy_histogram_merge(&histogram, &other);
  assert_memory_equal(&histogram, &both, sizeof both);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_values_are_exact),
      cmocka_unit_test(buckets_join_near_every_power_of_two),
      cmocka_unit_test(every_bucket_is_reached_in_order),
      cmocka_unit_test(quantiles_of_a_known_set),
      cmocka_unit_test(ranks_are_counted_from_the_smallest),
      cmocka_unit_test(merging_is_adding),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
