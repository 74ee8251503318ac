#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/memory.h"
#include "core/contribution.h"

static void add(struct eddy_reservoir *reservoir, struct eddy_rng *rng, float value, float weight) {
  float vector[2] = {value, 1};
  struct eddy_contribution contribution = {.vector = vector, .weight = weight, .user = (uint64_t)value, .time = (int64_t)value};
  eddy_reservoir_add(reservoir, rng, &contribution);
}

static void test_few_are_kept_as_they_are(void **state) {
  (void)state;
  struct eddy_reservoir reservoir;
  struct eddy_effects effects;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, 1);
  eddy_effects_init(&effects, NULL);
  assert_int_equal(eddy_reservoir_init(&reservoir, &eddy_allocator_malloc, 2), 0);
  for (int i = 1; i <= EDDY_DELTA_VECTORS_MAX; i++) add(&reservoir, &rng, (float)i, 1.0f / (float)i);
  assert_int_equal(eddy_reservoir_take(&reservoir, &effects, 17), 0);
  const struct eddy_model_delta *delta = &effects.items[0].as.delta;
  assert_int_equal(effects.items[0].number, 17);
  assert_int_equal(delta->count, EDDY_DELTA_VECTORS_MAX);
  assert_int_equal(delta->newest_time, EDDY_DELTA_VECTORS_MAX);
  for (int i = 0; i < delta->count; i++) {
    assert_true(delta->vectors[2 * i] == (float)(i + 1) && delta->weights[i] == 1.0f / (float)(i + 1));
    assert_int_equal(delta->users[i], i + 1);
  }
  assert_int_equal(reservoir.count, 0);
  eddy_reservoir_fini(&reservoir);
  eddy_effects_fini(&effects);
}

/* Beyond the room, the chance to stay follows the weight: of 2,000 heavy and 2,000 light ones (4 : 1) the heavy make up 80 % of
 * what is kept, and the weights of what is kept add up to what was offered. */
static void test_chances_follow_weights(void **state) {
  (void)state;
  enum { RUNS = 40, OFFERED = 4000 };
  struct eddy_reservoir reservoir;
  struct eddy_effects effects;
  struct eddy_rng rng;
  int heavy = 0;
  eddy_rng_seed(&rng, 2);
  eddy_effects_init(&effects, NULL);
  assert_int_equal(eddy_reservoir_init(&reservoir, &eddy_allocator_malloc, 2), 0);
  for (int run = 0; run < RUNS; run++) {
    for (int i = 0; i < OFFERED; i++) add(&reservoir, &rng, (float)(i % 2), i % 2 == 1 ? 1.0f : 0.25f);
    assert_int_equal(eddy_reservoir_take(&reservoir, &effects, 0), 0);
    const struct eddy_model_delta *delta = &effects.items[0].as.delta;
    double sum = 0;
    assert_int_equal(delta->count, EDDY_DELTA_VECTORS_MAX);
    assert_int_equal(delta->offered, OFFERED);
    for (int i = 0; i < delta->count; i++) {
      heavy += delta->vectors[2 * i] > 0.5f ? 1 : 0;
      sum += (double)delta->weights[i];
    }
    assert_true(fabs(sum - delta->offered_weight) < 1e-3 && fabs(sum - 2500) < 1e-3);
    eddy_effects_clear(&effects);
  }
  double share = (double)heavy / (RUNS * EDDY_DELTA_VECTORS_MAX);
  if (fabs(share - 0.78) > 0.03) fail_msg("heavy ones make up %.3f", share); /* a little below .8: drawn without replacement */
  eddy_reservoir_fini(&reservoir);
  eddy_effects_fini(&effects);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_few_are_kept_as_they_are),
      cmocka_unit_test(test_chances_follow_weights),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
