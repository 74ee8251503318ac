/* The set of erased users, against an array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/rng.h"
#include "core/erased.h"
#include "lib/engine_world.h"

enum { HASHES = 300, STEPS = 20000 };

static void assert_same_set(const struct eddy_erased *erased, const uint64_t *hashes, const int64_t *times) {
  char why[200];
  size_t count = 0, at = 0;
  if (eddy_erased_validate(erased, why, sizeof why) != 0) fail_msg("%s", why);
  for (unsigned i = 0; i < HASHES; i++) {
    const struct eddy_erased_entry *entry = eddy_erased_find(erased, hashes[i]);
    assert_int_equal(entry != NULL, times[i] != EDDY_TIME_NONE);
    if (entry == NULL) continue;
    assert_int_equal(entry->erased_at, times[i]);
    count++;
  }
  assert_int_equal(erased->count, count);
  const struct eddy_erased_entry *entry;
  uint64_t before = 0;
  for (; (entry = eddy_erased_next(erased, &at)) != NULL; count--) {
    assert_true(entry->hash > before || before == 0);
    before = entry->hash;
  }
  assert_int_equal(count, 0);
}

/* `clustered`: the hashes that a hostile log would send, all in one run that goes over the end. */
static void check_against_array(uint64_t seed, bool clustered) {
  uint64_t hashes[HASHES];
  int64_t times[HASHES];
  struct eddy_erased erased;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, seed);
  eddy_erased_init(&erased, &eddy_allocator_malloc);
  for (unsigned i = 0; i < HASHES; i++) {
    hashes[i] = clustered ? UINT64_MAX - i : eddy_rng_next(&rng);
    times[i] = EDDY_TIME_NONE;
  }
  for (unsigned step = 0; step < STEPS; step++) {
    unsigned i = (unsigned)eddy_rng_below(&rng, HASHES);
    if (eddy_rng_below(&rng, 100) < (step / 2000 % 2 == 0 ? 70u : 30u)) {
      assert_int_equal(eddy_erased_reserve(&erased), 0);
      struct eddy_erased_entry *entry = eddy_erased_put(&erased, hashes[i]);
      assert_int_equal(entry->erased_at, times[i] != EDDY_TIME_NONE ? times[i] : EDDY_TIME_NONE + 1);
      entry->erased_at = times[i] = step;
    } else {
      eddy_erased_remove(&erased, hashes[i]);
      times[i] = EDDY_TIME_NONE;
    }
    if (step % 100 == 0) assert_same_set(&erased, hashes, times);
  }
  eddy_erased_fini(&erased);
}

static void test_against_an_array(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 5; seed++) check_against_array(seed, false);
  check_against_array(1, true);
}

static void test_nothing_is_lost_for_want_of_memory(void **state) {
  (void)state;
  struct failing_allocator failing = {0};
  struct eddy_allocator allocator = failing_allocator(&failing);
  struct eddy_erased erased;
  eddy_erased_init(&erased, &allocator);
  assert_null(eddy_erased_find(&erased, 5));
  unsigned failures = 0;
  for (uint64_t hash = 0; hash < 200; hash++) {
    failing.fail_at = failing.calls + 1;
    if (eddy_erased_reserve(&erased) != 0) {
      failures++;
      assert_int_equal(erased.count, hash);
      assert_int_equal(eddy_erased_reserve(&erased), 0);
    }
    eddy_erased_put(&erased, hash * UINT64_C(0x9e3779b97f4a7c15))->erased_at = (int64_t)hash;
  }
  for (uint64_t hash = 0; hash < 200; hash++) {
    assert_int_equal(eddy_erased_find(&erased, hash * UINT64_C(0x9e3779b97f4a7c15))->erased_at, hash);
  }
  assert_true(failures >= 4);
  eddy_erased_fini(&erased);
  assert_int_equal(failing.live_bytes, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_an_array),
      cmocka_unit_test(test_nothing_is_lost_for_want_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
