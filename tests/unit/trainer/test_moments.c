/* Moments against two passes in double. */
#include "trainer/moments.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

enum { SEED = 5, N = 1000, D = 4 };

static float vectors[N][D];
static double weights[N];

static void draw(void) {
  struct eddy_rng rng;
  eddy_rng_seed(&rng, SEED);
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < D; j++) vectors[i][j] = (float)(1000 * j + (j + 1) * eddy_rng_normal(&rng));
    weights[i] = 0.05 + eddy_rng_unit(&rng);
  }
}

static void assert_matches(const struct eddy_moments *moments) {
  for (int j = 0; j < D; j++) {
    double sum = 0, weight = 0, squares = 0;
    for (int i = 0; i < N; i++) {
      weight += weights[i];
      sum += weights[i] * (double)vectors[i][j];
    }
    for (int i = 0; i < N; i++) squares += weights[i] * pow((double)vectors[i][j] - sum / weight, 2);
    assert_true(fabs(moments->weight - weight) < 1e-9 * weight);
    assert_true(fabs(moments->mean[j] - sum / weight) < 1e-9 * (1 + fabs(sum / weight)));
    assert_true(fabs(moments->m2[j] - squares) < 1e-9 * squares);
  }
}

static void one_by_one_and_merged(void **state) {
  (void)state;
  draw();
  for (int cut = 0; cut <= N; cut += 250) {
    struct eddy_moments first, second;
    eddy_moments_init(&first, D);
    eddy_moments_init(&second, D);
    for (int i = 0; i < N; i++) eddy_moments_add(i < cut ? &first : &second, vectors[i], weights[i]);
    eddy_moments_merge(&first, &second);
    assert_matches(&first);
  }
}

/* Forgetting is the same as having had smaller weights. */
static void decayed(void **state) {
  (void)state;
  draw();
  struct eddy_moments moments;
  eddy_moments_init(&moments, D);
  for (int i = 0; i < N; i++) {
    if (i == N / 2) eddy_moments_decay(&moments, 0.25);
    eddy_moments_add(&moments, vectors[i], weights[i]);
  }
  for (int i = 0; i < N / 2; i++) weights[i] *= 0.25;
  assert_matches(&moments);
}

static void read_out_is_finite(void **state) {
  (void)state;
  struct eddy_moments moments;
  float mean[1], deviation[1];
  eddy_moments_init(&moments, 1);
  eddy_moments_read(&moments, mean, deviation);
  assert_true(mean[0] == 0 && deviation[0] == 0);
  eddy_moments_add(&moments, &(float){3.4e38f}, 1e6);
  eddy_moments_add(&moments, &(float){-3.4e38f}, 1e6);
  eddy_moments_read(&moments, mean, deviation);
  assert_true(isfinite(mean[0]) && isfinite(deviation[0]) && deviation[0] > 1e38f);
}

int main(void) {
  printf("seed %d\n", SEED);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_by_one_and_merged),
      cmocka_unit_test(decayed),
      cmocka_unit_test(read_out_is_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
