/* The sample holds exactly the newest vectors, in whatever order they came. */
#include "trainer/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trainer/positions.h"
#include "unit/trainer/trainer_world.h"

enum { SEED = 99, DELTAS = 400, PARTITIONS = 4 };

struct origin {
  int64_t time, offset;
  uint32_t partition;
  uint16_t count;
};

/* A delta whose vectors tell where they are from. */
static void add(struct eddy_newest *newest, const struct origin *origin) {
  static float vectors[EDDY_DELTA_VECTORS_MAX * 3];
  for (uint16_t i = 0; i < origin->count; i++) {
    vectors[3 * i] = (float)origin->partition;
    vectors[3 * i + 1] = (float)origin->offset;
    vectors[3 * i + 2] = (float)i;
  }
  struct eddy_model_delta delta = {.newest_time = origin->time, .count = origin->count, .dimensions = 3, .vectors = vectors};
  eddy_newest_add(newest, &delta, origin->partition, origin->offset);
}

static int newest_first(const void *a, const void *b) {
  const struct origin *x = a, *y = b;
  if (x->time != y->time) return x->time > y->time ? -1 : 1;
  if (x->partition != y->partition) return x->partition > y->partition ? -1 : 1;
  return x->offset > y->offset ? -1 : x->offset < y->offset;
}

static void draw(struct origin *origins, struct eddy_rng *rng) {
  int64_t next[PARTITIONS] = {0};
  for (size_t i = 0; i < DELTAS; i++) {
    uint32_t partition = (uint32_t)eddy_rng_below(rng, PARTITIONS);
    origins[i] = (struct origin){.time = (int64_t)i / 4 + (int64_t)eddy_rng_below(rng, 20),
                                 .offset = next[partition]++,
                                 .partition = partition,
                                 .count = (uint16_t)eddy_rng_below(rng, 60)};
  }
}

static void shuffle(struct origin *origins, struct eddy_rng *rng) {
  for (size_t i = DELTAS - 1; i > 0; i--) {
    size_t j = (size_t)eddy_rng_below(rng, i + 1);
    struct origin swap = origins[i];
    origins[i] = origins[j];
    origins[j] = swap;
  }
}

/* `origins` newest first. Within a delta, later vectors count as newer. */
static void assert_holds_the_newest(const struct eddy_newest *newest, const struct origin *origins) {
  int64_t oldest[PARTITIONS];
  uint32_t left = EDDY_SAMPLE_MAX, last = 0;
  for (size_t p = 0; p < PARTITIONS; p++) oldest[p] = 1 << 20;
  for (size_t i = 0; i < DELTAS && left > 0; i++) {
    uint32_t taken = origins[i].count < left ? origins[i].count : left, found = 0;
    left -= taken;
    for (uint32_t j = 0; j < newest->count; j++) {
      const struct eddy_sample_key *key = &newest->heap[j];
      if (key->partition != origins[i].partition || key->offset != origins[i].offset) continue;
      const float *vector = newest->vectors + 3 * (size_t)key->row;
      assert_true(vector[0] == (float)key->partition && vector[1] == (float)key->offset && vector[2] == (float)key->index);
      assert_true(key->index >= origins[i].count - taken);
      found++;
    }
    assert_int_equal(found, taken);
    last += found;
    if (taken && origins[i].offset < oldest[origins[i].partition]) oldest[origins[i].partition] = origins[i].offset;
  }
  assert_int_equal(last, newest->count);
  for (uint32_t p = 0; p < PARTITIONS; p++) assert_int_equal(eddy_newest_oldest(newest, p, 1 << 20), oldest[p]);
}

static void holds_the_newest_in_any_order(void **state) {
  (void)state;
  static struct origin origins[DELTAS], sorted[DELTAS];
  struct eddy_rng rng;
  eddy_rng_seed(&rng, SEED);
  for (int round = 0; round < 20; round++) {
    struct eddy_newest newest;
    assert_int_equal(eddy_newest_init(&newest, 3), EDDY_OK);
    draw(origins, &rng);
    if (round % 2) shuffle(origins, &rng);
    for (size_t i = 0; i < DELTAS; i++) {
      if (round % 4 > 1 && i >= 60) origins[i].count = 0; /* half of the rounds stay below the limit */
      add(&newest, &origins[i]);
    }
    memcpy(sorted, origins, sizeof sorted);
    qsort(sorted, DELTAS, sizeof *sorted, newest_first);
    assert_holds_the_newest(&newest, sorted);
    eddy_newest_fini(&newest);
  }
}

static void positions_stay_sorted_and_keep_what_is_still_wanted(void **state) {
  (void)state;
  struct eddy_newest newest;
  struct eddy_positions positions = {0};
  assert_int_equal(eddy_newest_init(&newest, 3), EDDY_OK);
  const struct eddy_delta_position rows[] = {{.partition = 9, .included = 50, .sample_from = 40},
                                             {.partition = 2, .included = 30, .sample_from = 30}};
  assert_int_equal(eddy_positions_load(&positions, rows, 2), EDDY_OK);
  for (uint32_t partition = 100; partition > 0; partition--) assert_true(eddy_positions_find(&positions, partition) >= 0);
  assert_int_equal(positions.count, 100);
  for (uint32_t i = 0; i < 100; i++) assert_int_equal(positions.items[i].partition, i + 1);
  int nine = eddy_positions_find(&positions, 9);
  eddy_positions_refresh(&positions, &newest); /* the sample has seen nothing yet: it still wants offset 40 */
  assert_int_equal(positions.items[nine].included, 50);
  assert_int_equal(positions.items[nine].sample_from, 40);
  positions.sampled[nine] = 50;
  add(&newest, &(struct origin){.time = 5, .offset = 44, .partition = 9, .count = 2});
  eddy_positions_refresh(&positions, &newest);
  assert_int_equal(positions.items[nine].sample_from, 44);
  assert_int_equal(positions.items[eddy_positions_find(&positions, 2)].sample_from, 30);
  eddy_positions_fini(&positions);
  eddy_newest_fini(&newest);
}

int main(void) {
  printf("seed %d\n", SEED);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(holds_the_newest_in_any_order),
      cmocka_unit_test(positions_stay_sorted_and_keep_what_is_still_wanted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
