/* Models: what is refused, what the views show, ids. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "eddy/model.h"

enum { D = 5, K = 3 };

struct fixture {
  float mean[D], deviation[D], weight[D], centroids[K * D];
  struct eddy_segment_card cards[K];
  struct eddy_model_parts parts;
};

static void fixture_init(struct fixture *f) {
  memset(f, 0, sizeof *f);
  for (int i = 0; i < D; i++) {
    f->mean[i] = (float)i;
    f->deviation[i] = 1 + (float)i;
    f->weight[i] = 1;
  }
  for (int i = 0; i < K * D; i++) f->centroids[i] = (float)i / 4;
  for (uint32_t slot = 0; slot < K; slot++) {
    f->cards[slot].id = 30 - 10 * slot;
    snprintf(f->cards[slot].name, sizeof f->cards[slot].name, "segment %u", slot);
  }
  f->parts = (struct eddy_model_parts){.version = 7,
                                       .trained_at = 1234,
                                       .dimensions = D,
                                       .clusters = K,
                                       .mean = f->mean,
                                       .deviation = f->deviation,
                                       .weight = f->weight,
                                       .centroids = f->centroids,
                                       .cards = f->cards};
}

static void is_copied_and_viewed(void **state) {
  (void)state;
  struct fixture f, original;
  fixture_init(&f);
  fixture_init(&original);
  struct eddy_model *model = eddy_model_new(&f.parts, &eddy_allocator_malloc);
  assert_non_null(model);
  memset(f.mean, 0xff, sizeof f.mean);
  memset(f.centroids, 0xff, sizeof f.centroids);
  memset(f.cards, 0xff, sizeof f.cards);
  struct eddy_model_parts parts = eddy_model_parts_of(model);
  assert_int_equal(parts.version, 7);
  assert_int_equal(parts.trained_at, 1234);
  assert_int_equal(parts.dimensions, D);
  assert_int_equal(parts.clusters, K);
  assert_memory_equal(parts.mean, original.mean, sizeof original.mean);
  assert_memory_equal(parts.deviation, original.deviation, sizeof original.deviation);
  assert_memory_equal(parts.weight, original.weight, sizeof original.weight);
  assert_memory_equal(parts.centroids, original.centroids, sizeof original.centroids);
  assert_memory_equal(parts.cards, original.cards, sizeof original.cards);
  eddy_model_free(model);
  eddy_model_free(NULL);
}

static void slots_are_found_by_id(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f);
  struct eddy_model *model = eddy_model_new(&f.parts, NULL);
  assert_non_null(model);
  assert_int_equal(eddy_model_slot(model, 30), 0);
  assert_int_equal(eddy_model_slot(model, 20), 1);
  assert_int_equal(eddy_model_slot(model, 10), 2);
  assert_int_equal(eddy_model_slot(model, 0), -1);
  assert_int_equal(eddy_model_slot(model, 15), -1);
  assert_int_equal(eddy_model_slot(model, UINT32_MAX), -1);
  eddy_model_free(model);
}

static void assert_refused(const struct fixture *f) {
  assert_null(eddy_model_new(&f->parts, &eddy_allocator_malloc));
}

static void numbers_out_of_range_are_refused(void **state) {
  (void)state;
  const float bad[] = {NAN, INFINITY, -INFINITY};
  for (size_t b = 0; b < 3; b++) {
    struct fixture f;
    fixture_init(&f);
    f.mean[D - 1] = bad[b];
    assert_refused(&f);
    fixture_init(&f);
    f.deviation[D - 1] = bad[b];
    assert_refused(&f);
    fixture_init(&f);
    f.weight[D - 1] = bad[b];
    assert_refused(&f);
    fixture_init(&f);
    f.centroids[K * D - 1] = bad[b];
    assert_refused(&f);
    fixture_init(&f);
    f.cards[K - 1].mass = (double)bad[b];
    assert_refused(&f);
  }
  struct fixture f;
  fixture_init(&f);
  f.deviation[0] = -1;
  assert_refused(&f);
  fixture_init(&f);
  f.centroids[0] = 2e6f;
  assert_refused(&f);
}

static void shapes_out_of_range_are_refused(void **state) {
  (void)state;
  struct fixture f;
  const uint16_t dimensions[] = {0, EDDY_FEATURES_MAX + 1, UINT16_MAX}, clusters[] = {0, EDDY_CLUSTERS_MAX + 1, UINT16_MAX};
  for (size_t i = 0; i < 3; i++) {
    fixture_init(&f);
    f.parts.dimensions = dimensions[i];
    assert_refused(&f);
    fixture_init(&f);
    f.parts.clusters = clusters[i];
    assert_refused(&f);
  }
  fixture_init(&f);
  f.parts.centroids = NULL;
  assert_refused(&f);
  fixture_init(&f);
  f.cards[2].id = f.cards[0].id;
  assert_refused(&f);
  fixture_init(&f);
  memset(f.cards[1].name, 'x', sizeof f.cards[1].name); /* no terminator */
  assert_refused(&f);
}

static void largest_model_sorts_its_ids(void **state) {
  (void)state;
  static float row[EDDY_FEATURES_MAX], centroids[EDDY_CLUSTERS_MAX * EDDY_FEATURES_MAX];
  static struct eddy_segment_card cards[EDDY_CLUSTERS_MAX];
  struct eddy_rng rng;
  eddy_rng_seed(&rng, 11);
  for (size_t i = 0; i < EDDY_FEATURES_MAX; i++) row[i] = 1;
  for (size_t slot = 0; slot < EDDY_CLUSTERS_MAX; slot++) cards[slot].id = (uint32_t)eddy_rng_next(&rng);
  struct eddy_model_parts parts = {.dimensions = EDDY_FEATURES_MAX,
                                   .clusters = EDDY_CLUSTERS_MAX,
                                   .mean = row,
                                   .deviation = row,
                                   .weight = row,
                                   .centroids = centroids,
                                   .cards = cards};
  struct eddy_model *model = eddy_model_new(&parts, NULL);
  assert_non_null(model);
  for (int slot = 0; slot < EDDY_CLUSTERS_MAX; slot++) assert_int_equal(eddy_model_slot(model, cards[slot].id), slot);
  eddy_model_free(model);
}

static void one_block_counted_and_given_back(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f);
  struct eddy_budget budget;
  eddy_budget_init(&budget, &eddy_allocator_malloc, 0);
  struct eddy_allocator allocator = eddy_budget_allocator(&budget);
  struct eddy_model *model = eddy_model_new(&f.parts, &allocator);
  assert_non_null(model);
  size_t size = budget.used;
  eddy_model_free(model);
  assert_int_equal(budget.used, 0);
  eddy_budget_init(&budget, &eddy_allocator_malloc, size - 1);
  allocator = eddy_budget_allocator(&budget);
  assert_null(eddy_model_new(&f.parts, &allocator));
  assert_int_equal(budget.used, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_copied_and_viewed),
      cmocka_unit_test(slots_are_found_by_id),
      cmocka_unit_test(numbers_out_of_range_are_refused),
      cmocka_unit_test(shapes_out_of_range_are_refused),
      cmocka_unit_test(largest_model_sorts_its_ids),
      cmocka_unit_test(one_block_counted_and_given_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
