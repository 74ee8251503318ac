/* Assignment: every kernel gives the same bits, the bits are right, ties and NaN are settled, reasons add up. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/assign.h"
#include "core/model_layout.h"

enum { SEED = 20240611, ROUNDS = 300 };

static float uniform(struct eddy_rng *rng, float low, float high) {
  return low + (high - low) * (float)eddy_rng_unit(rng);
}

/* A random model; the values are copied, so static storage may be reused by the next call. */
static struct eddy_model *random_model(struct eddy_rng *rng, uint16_t d, uint16_t k) {
  static float mean[EDDY_FEATURES_MAX], deviation[EDDY_FEATURES_MAX], weight[EDDY_FEATURES_MAX];
  static float centroids[EDDY_CLUSTERS_MAX * EDDY_FEATURES_MAX];
  static struct eddy_segment_card cards[EDDY_CLUSTERS_MAX];
  for (size_t i = 0; i < d; i++) {
    mean[i] = uniform(rng, -2, 2);
    deviation[i] = uniform(rng, 0, 3);
    weight[i] = uniform(rng, 0.3f, 1);
  }
  for (size_t i = 0; i < (size_t)k * d; i++) centroids[i] = uniform(rng, -3, 3);
  for (uint32_t slot = 0; slot < k; slot++) cards[slot].id = slot + 1;
  struct eddy_model_parts parts = {.dimensions = d,
                                   .clusters = k,
                                   .mean = mean,
                                   .deviation = deviation,
                                   .weight = weight,
                                   .centroids = centroids,
                                   .cards = cards};
  struct eddy_model *model = eddy_model_new(&parts, NULL);
  assert_non_null(model);
  return model;
}

static struct eddy_model *next_model(struct eddy_rng *rng) {
  uint16_t d = (uint16_t)(1 + eddy_rng_below(rng, EDDY_FEATURES_MAX));
  uint16_t k = (uint16_t)(1 + eddy_rng_below(rng, EDDY_CLUSTERS_MAX));
  return random_model(rng, d, k);
}

static void random_z(struct eddy_rng *rng, const struct eddy_model *model, float *z) {
  float raw[EDDY_VECTOR_MAX];
  for (size_t i = 0; i < EDDY_VECTOR_MAX; i++) raw[i] = uniform(rng, -6, 6);
  eddy_model_standardise(model, raw, z);
}

static double oracle_distance(const struct eddy_model_parts *parts, const float *z, size_t slot) {
  double sum = 0;
  for (size_t i = 0; i < parts->dimensions; i++) {
    double difference = (double)z[i] - (double)parts->centroids[slot * parts->dimensions + i];
    sum += difference * difference;
  }
  return sum;
}

static void kernels_give_equal_bits(void **state) {
  (void)state;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, SEED);
  for (int round = 0; round < ROUNDS; round++) {
    struct eddy_model *model = next_model(&rng);
    float z[EDDY_VECTOR_MAX], plain[EDDY_CLUSTERS_MAX], chosen[EDDY_CLUSTERS_MAX];
    random_z(&rng, model, z);
    eddy_scan_plain(model, z, plain);
    eddy_scan_choose()(model, z, chosen);
    assert_memory_equal(plain, chosen, model->clusters * sizeof(float));
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
      eddy_scan_avx2(model, z, chosen);
      assert_memory_equal(plain, chosen, model->clusters * sizeof(float));
    }
#endif
    for (uint16_t slot = 0; slot < model->clusters; slot++) {
      float alone = eddy_model_distance(model, z, slot);
      assert_memory_equal(&alone, &plain[slot], sizeof alone);
    }
    eddy_model_free(model);
  }
}

static void nearest_and_second_match_a_double_oracle(void **state) {
  (void)state;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, SEED + 1);
  for (int round = 0; round < ROUNDS; round++) {
    struct eddy_model *model = next_model(&rng);
    struct eddy_model_parts parts = eddy_model_parts_of(model);
    float z[EDDY_VECTOR_MAX];
    random_z(&rng, model, z);
    struct eddy_nearest nearest = eddy_model_nearest(model, z);
    double best = INFINITY, next = INFINITY;
    for (size_t slot = 0; slot < parts.clusters; slot++) {
      double distance = oracle_distance(&parts, z, slot);
      if (distance < best) {
        next = best;
        best = distance;
      } else if (distance < next) {
        next = distance;
      }
    }
    if (parts.clusters == 1) next = best;
    assert_true(fabs((double)nearest.d1 - best) <= 1e-5 * best);
    assert_true(fabs((double)nearest.d2 - next) <= 1e-5 * next);
    assert_true(fabs(oracle_distance(&parts, z, nearest.slot) - best) <= 1e-5 * best);
    assert_true(fabs(oracle_distance(&parts, z, nearest.second) - next) <= 1e-5 * next);
    if (parts.clusters > 1) assert_int_not_equal(nearest.slot, nearest.second);
    eddy_model_free(model);
  }
}

static void standardised_as_documented(void **state) {
  (void)state;
  const float mean[3] = {1, 2, 3}, deviation[3] = {2, 0, 1}, weight[3] = {1, 1, 0.5f}, centroid[3] = {0};
  struct eddy_segment_card card = {.id = 1};
  struct eddy_model_parts parts = {.dimensions = 3,
                                   .clusters = 1,
                                   .mean = mean,
                                   .deviation = deviation,
                                   .weight = weight,
                                   .centroids = centroid,
                                   .cards = &card};
  struct eddy_model *model = eddy_model_new(&parts, NULL);
  float z[EDDY_VECTOR_MAX];
  memset(z, 0x7f, sizeof z);
  eddy_model_standardise(model, (const float[3]){4, 2.1f, 100}, z);
  assert_true(z[0] == 1.5f);
  assert_true(fabsf(z[1] - 2) < 1e-5f); /* the floor of 0.05 */
  assert_true(z[2] == 2.5f);            /* clamped to 5, then weighted */
  for (size_t i = 3; i < 8; i++) assert_true(z[i] == 0);
  eddy_model_standardise(model, (const float[3]){-1e30f, 0, 0}, z);
  assert_true(z[0] == -5 && z[1] == -5 && z[2] == -1.5f);
  eddy_model_free(model);
}

static void ties_go_to_the_lower_slot(void **state) {
  (void)state;
  static float centroids[20], one = 1, zero = 0;
  static struct eddy_segment_card cards[20];
  for (uint32_t slot = 0; slot < 20; slot++) {
    centroids[slot] = slot % 2 ? 1 : -1;
    cards[slot].id = 20 - slot;
  }
  struct eddy_model_parts parts = {.dimensions = 1,
                                   .clusters = 20,
                                   .mean = &zero,
                                   .deviation = &one,
                                   .weight = &one,
                                   .centroids = centroids,
                                   .cards = cards};
  struct eddy_model *model = eddy_model_new(&parts, NULL);
  float z[EDDY_VECTOR_MAX] = {0};
  struct eddy_nearest nearest = eddy_model_nearest(model, z);
  assert_int_equal(nearest.slot, 0);
  assert_int_equal(nearest.second, 1);
  z[0] = 1;
  nearest = eddy_model_nearest(model, z);
  assert_int_equal(nearest.slot, 1);
  assert_int_equal(nearest.second, 3);
  assert_true(nearest.d1 == 0 && nearest.d2 == 0);
  eddy_model_free(model);
}

static void what_is_not_finite_stays_in_range(void **state) {
  (void)state;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, SEED + 2);
  const float bad[] = {NAN, -NAN, INFINITY, -INFINITY, 3e38f, -3e38f};
  for (int round = 0; round < ROUNDS; round++) {
    struct eddy_model *model = next_model(&rng);
    float raw[EDDY_VECTOR_MAX], z[EDDY_VECTOR_MAX];
    for (size_t i = 0; i < EDDY_VECTOR_MAX; i++) raw[i] = bad[eddy_rng_below(&rng, 6)];
    eddy_model_standardise(model, raw, z);
    for (int wild = 0; wild < 2; wild++) { /* once as standardised, once unclamped */
      struct eddy_nearest nearest = eddy_model_nearest(model, wild ? raw : z);
      assert_true(nearest.slot < model->clusters && nearest.second < model->clusters);
      struct eddy_segment_reason reasons[EDDY_REASONS_MAX];
      assert_true(eddy_model_explain(model, wild ? raw : z, -1, nearest.slot, reasons) <= EDDY_REASONS_MAX);
    }
    eddy_model_free(model);
  }
}

/* With at most three dimensions every positive contribution is a reason, and swapping the slots shows the negative ones. */
static void all_contributions_sum_to_the_difference_of_distances(void **state) {
  (void)state;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, SEED + 3);
  for (int round = 0; round < 10 * ROUNDS; round++) {
    struct eddy_model *model = random_model(&rng, (uint16_t)(1 + eddy_rng_below(&rng, 3)), 5);
    float z[EDDY_VECTOR_MAX];
    random_z(&rng, model, z);
    uint16_t from = (uint16_t)eddy_rng_below(&rng, 5), to = (uint16_t)eddy_rng_below(&rng, 5);
    struct eddy_segment_reason reasons[EDDY_REASONS_MAX];
    double sum = 0;
    uint8_t count = eddy_model_explain(model, z, from, to, reasons);
    for (size_t i = 0; i < count; i++) sum += (double)reasons[i].contribution;
    count = eddy_model_explain(model, z, to, from, reasons);
    for (size_t i = 0; i < count; i++) sum -= (double)reasons[i].contribution;
    double before = (double)eddy_model_distance(model, z, from), after = (double)eddy_model_distance(model, z, to);
    assert_true(fabs(sum - (before - after)) <= 1e-5 * (before + after));
    eddy_model_free(model);
  }
}

static void reasons_are_the_strongest_dimensions(void **state) {
  (void)state;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, SEED + 4);
  for (int round = 0; round < ROUNDS; round++) {
    struct eddy_model *model = next_model(&rng);
    struct eddy_model_parts parts = eddy_model_parts_of(model);
    float z[EDDY_VECTOR_MAX];
    random_z(&rng, model, z);
    uint16_t to = (uint16_t)eddy_rng_below(&rng, parts.clusters);
    int from = (int)eddy_rng_below(&rng, (uint64_t)parts.clusters + 1) - 1;
    struct eddy_segment_reason reasons[EDDY_REASONS_MAX];
    uint8_t count = eddy_model_explain(model, z, from, to, reasons);
    double sum = 0, all[EDDY_FEATURES_MAX];
    size_t positive = 0;
    for (size_t i = 0; i < parts.dimensions; i++) {
      double new = (double)parts.centroids[(size_t)to * parts.dimensions + i];
      double old = from < 0 ? 0 : (double)parts.centroids[(size_t)from * parts.dimensions + i];
      all[i] = (new - old) * (2 * (double)z[i] - new - old);
      sum += all[i];
      positive += all[i] > 1e-4;
    }
    assert_true(count >= (positive < EDDY_REASONS_MAX ? positive : EDDY_REASONS_MAX));
    for (size_t r = 0; r < count; r++) {
      size_t stronger = 0, dimension = reasons[r].feature;
      assert_true(dimension < parts.dimensions && reasons[r].z == z[dimension] && reasons[r].contribution > 0);
      assert_true(fabs((double)reasons[r].contribution - all[dimension]) <= 1e-4);
      for (size_t i = 0; i < parts.dimensions; i++) stronger += all[i] > all[dimension] + 1e-4;
      assert_true(stronger <= r);
    }
    if (from >= 0) {
      double difference = oracle_distance(&parts, z, (size_t)from) - oracle_distance(&parts, z, to);
      assert_true(fabs(sum - difference) <= 1e-5 * (1 + fabs(difference)));
    }
    eddy_model_free(model);
  }
}

int main(void) {
  printf("seed %d\n", SEED);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernels_give_equal_bits),
      cmocka_unit_test(nearest_and_second_match_a_double_oracle),
      cmocka_unit_test(standardised_as_documented),
      cmocka_unit_test(ties_go_to_the_lower_slot),
      cmocka_unit_test(what_is_not_finite_stays_in_range),
      cmocka_unit_test(all_contributions_sum_to_the_difference_of_distances),
      cmocka_unit_test(reasons_are_the_strongest_dimensions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
