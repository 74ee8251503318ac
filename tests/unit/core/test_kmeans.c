/* k-means: the optimum of small problems, degenerate samples, equal seeds, refused input, and the bar Q4 on real data. */
#include "core/kmeans.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

enum { SEED = 31337 };

struct fit {
  float centroids[64 * 8];
  double masses[64], sse[64];
  struct eddy_kmeans_result result;
};

static struct eddy_kmeans_options options_of_k(uint16_t clusters) {
  return (struct eddy_kmeans_options){.clusters = clusters, .restarts = 8, .iterations = 50};
}

static int run(const struct eddy_sample *sample, uint16_t clusters, uint64_t seed, struct fit *fit) {
  struct eddy_rng rng;
  eddy_rng_seed(&rng, seed);
  struct eddy_kmeans_options options = options_of_k(clusters);
  memset(fit, 0, sizeof *fit);
  return eddy_kmeans_fit(sample, &options, &rng, NULL, fit->centroids, fit->masses, fit->sse, &fit->result);
}

/* The least weighted sum of squares over all 2^(n-1) splits of a sample on a line. */
static double best_split_in_two(const struct eddy_sample *sample) {
  double best = INFINITY;
  for (uint32_t split = 1; split < 1u << (sample->count - 1); split++) {
    double weight[2] = {0}, sum[2] = {0}, squares[2] = {0};
    for (uint32_t point = 0; point < sample->count; point++) {
      double w = (double)sample->weights[point], x = (double)sample->points[point];
      uint32_t side = split >> point & 1;
      weight[side] += w;
      sum[side] += w * x;
      squares[side] += w * x * x;
    }
    double sse = squares[0] - sum[0] * sum[0] / weight[0] + squares[1] - sum[1] * sum[1] / weight[1];
    if (sse < best) best = sse;
  }
  return best;
}

static void finds_the_best_split(void **state) {
  (void)state;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, SEED);
  for (int round = 0; round < 200; round++) {
    float points[10], weights[10];
    for (int i = 0; i < 10; i++) {
      points[i] = (float)eddy_rng_normal(&rng);
      weights[i] = (float)(0.1 + eddy_rng_unit(&rng));
    }
    struct eddy_sample sample = {.points = points, .weights = weights, .count = 10, .dimensions = 1};
    struct fit fit;
    struct eddy_kmeans_options options = {.clusters = 2, .restarts = 100, .iterations = 50};
    assert_int_equal(eddy_kmeans_fit(&sample, &options, &rng, NULL, fit.centroids, fit.masses, fit.sse, &fit.result), EDDY_OK);
    assert_int_equal(fit.result.clusters, 2);
    double best = best_split_in_two(&sample);
    assert_true(fit.result.sse >= best * (1 - 1e-6) && fit.result.sse <= best * 1.0001);
  }
}

/* Masses, sums of squares and centroids must be those of the nearest-centroid assignment. */
static void result_is_consistent(void **state) {
  (void)state;
  enum { N = 500, D = 3, K = 7 };
  static float points[N * D], weights[N];
  struct eddy_rng rng;
  eddy_rng_seed(&rng, SEED + 1);
  for (int i = 0; i < N * D; i++) points[i] = (float)eddy_rng_normal(&rng);
  for (int i = 0; i < N; i++) weights[i] = (float)(0.1 + eddy_rng_unit(&rng));
  struct eddy_sample sample = {.points = points, .weights = weights, .count = N, .dimensions = D};
  struct fit fit;
  assert_int_equal(run(&sample, K, 1, &fit), EDDY_OK);
  double masses[K] = {0}, sse[K] = {0}, sums[K * D] = {0};
  for (int point = 0; point < N; point++) {
    int nearest = 0;
    double least = INFINITY;
    for (int slot = 0; slot < K; slot++) {
      double distance = 0;
      for (int i = 0; i < D; i++) distance += pow((double)points[point * D + i] - (double)fit.centroids[slot * D + i], 2);
      if (distance < least) {
        least = distance;
        nearest = slot;
      }
    }
    masses[nearest] += (double)weights[point];
    sse[nearest] += (double)weights[point] * least;
    for (int i = 0; i < D; i++) sums[nearest * D + i] += (double)weights[point] * (double)points[point * D + i];
  }
  for (int slot = 0; slot < K; slot++) {
    assert_true(fabs(masses[slot] - fit.masses[slot]) < 1e-6);
    assert_true(fabs(sse[slot] - fit.sse[slot]) < 1e-3);
    for (int i = 0; i < D; i++)
      assert_true(fabs(sums[slot * D + i] / masses[slot] - (double)fit.centroids[slot * D + i]) < 1e-3);
  }
}

static void fewer_distinct_points_lower_k(void **state) {
  (void)state;
  float points[40], weights[20];
  for (int i = 0; i < 20; i++) {
    points[2 * i] = (float)(i % 3);
    points[2 * i + 1] = 5;
    weights[i] = 1;
  }
  struct eddy_sample sample = {.points = points, .weights = weights, .count = 20, .dimensions = 2};
  struct fit fit;
  for (uint64_t seed = 0; seed < 50; seed++) {
    assert_int_equal(run(&sample, 8, seed, &fit), EDDY_OK);
    assert_int_equal(fit.result.clusters, 3);
    assert_true(fit.result.sse == 0);
    assert_true(fit.masses[0] + fit.masses[1] + fit.masses[2] == 20);
  }
  sample.count = 1;
  assert_int_equal(run(&sample, 8, 1, &fit), EDDY_OK);
  assert_int_equal(fit.result.clusters, 1);
  assert_true(fit.centroids[0] == 0 && fit.centroids[1] == 5 && fit.masses[0] == 1);
}

/* Many copies of few points with very unequal weights: nothing is lost, nothing is NaN. */
static void masses_add_up(void **state) {
  (void)state;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, SEED + 2);
  for (uint64_t round = 0; round < 300; round++) {
    float points[60], weights[60];
    for (int i = 0; i < 60; i++) {
      points[i] = (float)eddy_rng_below(&rng, 12) * (float)eddy_rng_below(&rng, 3);
      weights[i] = (float)(1e-3 + 100 * eddy_rng_unit(&rng) * eddy_rng_unit(&rng));
    }
    struct eddy_sample sample = {.points = points, .weights = weights, .count = 60, .dimensions = 1};
    struct fit fit;
    assert_int_equal(run(&sample, (uint16_t)(1 + eddy_rng_below(&rng, 20)), round, &fit), EDDY_OK);
    double mass = 0, sse = 0, weight = 0;
    for (int slot = 0; slot < fit.result.clusters; slot++) {
      assert_true(fit.masses[slot] >= 0 && fit.sse[slot] >= 0 && isfinite(fit.centroids[slot]));
      mass += fit.masses[slot];
      sse += fit.sse[slot];
    }
    for (int i = 0; i < 60; i++) weight += (double)weights[i];
    assert_true(fabs(mass - weight) < 1e-6 && fabs(sse - fit.result.sse) <= 1e-9 * sse);
  }
}

static void equal_seeds_give_equal_bits(void **state) {
  (void)state;
  enum { N = 300, D = 4 };
  static float points[N * D], weights[N];
  struct eddy_rng rng;
  eddy_rng_seed(&rng, SEED + 3);
  for (int i = 0; i < N * D; i++) points[i] = (float)eddy_rng_normal(&rng);
  for (int i = 0; i < N; i++) weights[i] = 1;
  struct eddy_sample sample = {.points = points, .weights = weights, .count = N, .dimensions = D};
  static struct fit first, second;
  assert_int_equal(run(&sample, 9, 5, &first), EDDY_OK);
  assert_int_equal(run(&sample, 9, 5, &second), EDDY_OK);
  assert_memory_equal(&first, &second, sizeof first);
}

static void bad_samples_are_refused(void **state) {
  (void)state;
  float points[4] = {1, 2, 3, 4}, weights[4] = {1, 1, 1, 1};
  struct eddy_sample sample = {.points = points, .weights = weights, .count = 4, .dimensions = 1};
  struct fit fit;
  assert_int_equal(run(&sample, 0, 1, &fit), EDDY_E_INVALID);
  const float bad_weights[] = {0, -1, NAN, INFINITY};
  for (int i = 0; i < 4; i++) {
    weights[3] = bad_weights[i];
    assert_int_equal(run(&sample, 2, 1, &fit), EDDY_E_INVALID);
  }
  weights[3] = 1;
  points[3] = NAN;
  assert_int_equal(run(&sample, 2, 1, &fit), EDDY_E_INVALID);
  sample.count = 0;
  assert_int_equal(run(&sample, 2, 1, &fit), EDDY_E_INVALID);
}

static void memory_is_asked_once_and_given_back(void **state) {
  (void)state;
  float points[4] = {1, 2, 3, 4}, weights[4] = {1, 1, 1, 1};
  struct eddy_sample sample = {.points = points, .weights = weights, .count = 4, .dimensions = 1};
  struct eddy_kmeans_options options = options_of_k(2);
  struct eddy_rng rng;
  eddy_rng_seed(&rng, 1);
  struct fit fit;
  for (size_t max = 1; max < 10000; max += 9998) {
    struct eddy_budget budget;
    eddy_budget_init(&budget, &eddy_allocator_malloc, max);
    struct eddy_allocator allocator = eddy_budget_allocator(&budget);
    int expected = max == 1 ? EDDY_E_NOMEM : EDDY_OK;
    assert_int_equal(eddy_kmeans_fit(&sample, &options, &rng, &allocator, fit.centroids, fit.masses, fit.sse, &fit.result),
                     expected);
    assert_int_equal(budget.used, 0);
  }
}

/* Q4 ----------------------------------------------------------------------------------------------------------------------*/

enum { SESSIONS = 12330, COLUMNS = 10 };

/* The ten numeric columns as log1p, standardised. False if the file is not there. */
static bool read_sessions(float *points) {
  FILE *file = fopen(EDDY_SOURCE_DIR "/../shared/data/online_shoppers_intention.csv", "r");
  if (file == NULL) return false;
  char line[1024];
  assert_non_null(fgets(line, sizeof line, file));
  double mean[COLUMNS] = {0}, squares[COLUMNS] = {0};
  static double values[SESSIONS * COLUMNS];
  for (int row = 0; row < SESSIONS; row++) {
    char *at = fgets(line, sizeof line, file);
    assert_non_null(at);
    for (int column = 0; column < COLUMNS; column++, at++) {
      double value = log1p(strtod(at, &at));
      values[row * COLUMNS + column] = value;
      mean[column] += value / SESSIONS;
    }
  }
  fclose(file);
  for (int i = 0; i < SESSIONS * COLUMNS; i++) squares[i % COLUMNS] += pow(values[i] - mean[i % COLUMNS], 2);
  for (int i = 0; i < SESSIONS * COLUMNS; i++) {
    points[i] = (float)((values[i] - mean[i % COLUMNS]) / sqrt(squares[i % COLUMNS] / SESSIONS));
  }
  return true;
}

static void reaches_the_best_sse_on_real_sessions(void **state) {
  (void)state;
  static float points[SESSIONS * COLUMNS], weights[SESSIONS];
  if (!read_sessions(points)) {
    print_message("shared/data/online_shoppers_intention.csv is missing: bar Q4 not checked\n");
    skip();
  }
  for (int i = 0; i < SESSIONS; i++) weights[i] = 1;
  struct eddy_sample sample = {.points = points, .weights = weights, .count = SESSIONS, .dimensions = COLUMNS};
  const uint16_t clusters[] = {4, 8};
  const double best[] = {51342.7, 30771.1}, gate[] = {1.01, 1.015};
  for (int which = 0; which < 2; which++) {
    static struct eddy_rng rng;
    static float centroids[8 * COLUMNS];
    double masses[8], sse[8];
    struct eddy_kmeans_result result;
    struct eddy_kmeans_options options = options_of_k(clusters[which]);
    eddy_rng_seed(&rng, SEED);
    assert_int_equal(eddy_kmeans_fit(&sample, &options, &rng, NULL, centroids, masses, sse, &result), EDDY_OK);
    print_message("k %d: SSE %.1f = %.4f of the best\n", clusters[which], result.sse, result.sse / best[which]);
    assert_true(result.sse <= gate[which] * best[which]);
  }
}

int main(void) {
  printf("seed %d\n", SEED);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_the_best_split),
      cmocka_unit_test(result_is_consistent),
      cmocka_unit_test(fewer_distinct_points_lower_k),
      cmocka_unit_test(masses_add_up),
      cmocka_unit_test(equal_seeds_give_equal_bits),
      cmocka_unit_test(bad_samples_are_refused),
      cmocka_unit_test(memory_is_asked_once_and_given_back),
      cmocka_unit_test(reaches_the_best_sse_on_real_sessions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
