/* The trainer: when versions appear, what they hold, what is refused, and that a successor continues bit for bit. */
#include "trainer/trainer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trainer/thread.h"
#include "unit/trainer/trainer_world.h"

enum { SEED = 4711 };

static struct eddy_trainer *new_trainer(const struct world *world, uint16_t clusters, uint32_t buffer_min, uint32_t epoch) {
  struct eddy_trainer_options options;
  eddy_trainer_options_default(&options, &world->spec);
  options.clusters = clusters;
  options.buffer_min = buffer_min;
  options.epoch_contributions = epoch;
  struct eddy_trainer *trainer = NULL;
  assert_int_equal(eddy_trainer_new(&trainer, &options), EDDY_OK);
  return trainer;
}

static int feed(struct eddy_trainer *trainer, const struct eddy_model_delta *delta, uint32_t partition, int64_t offset,
                struct eddy_model_record *record) {
  assert_int_equal(eddy_trainer_add(trainer, delta, partition, offset), EDDY_OK);
  return eddy_trainer_step(trainer, record);
}

static void first_version_waits_for_distinct_users(void **state) {
  (void)state;
  static struct world world;
  world_init(&world, 4, 3, 3, 0.5, SEED);
  struct eddy_trainer *trainer = new_trainer(&world, 3, 250, 1000);
  struct eddy_model_record record;
  for (int64_t offset = 0; offset < 5; offset++) { /* the same 100 users again and again */
    world.next_user = 0;
    assert_int_equal(feed(trainer, world_next(&world, 100, 1000), 0, offset, &record), 0);
  }
  assert_int_equal(feed(trainer, world_next(&world, 149, 1000), 0, 5, &record), 0);
  assert_int_equal(feed(trainer, world_next(&world, 1, 1000), 0, 6, &record), 1);
  assert_int_equal(record.parts.version, 1);
  assert_int_equal(record.parts.clusters, 3);
  assert_int_equal(record.parts.trained_at, world.time);
  assert_int_equal(record.trainer.contributions, 650);
  assert_int_equal(record.trainer.next_segment_id, 4);
  double mass = 0;
  for (uint32_t slot = 0; slot < 3; slot++) {
    assert_int_equal(record.parts.cards[slot].id, slot + 1);
    assert_true(record.parts.cards[slot].mass == record.trainer.mass[slot]);
    mass += record.trainer.mass[slot];
  }
  assert_true(fabs(mass - 650) < 1e-6); /* all weights, though one vector per user */
  assert_int_equal(eddy_trainer_step(trainer, &record), 0);
  eddy_trainer_free(trainer);
}

static void waiting_ends_after_a_day_of_event_time(void **state) {
  (void)state;
  static struct world world;
  world_init(&world, 4, 3, 3, 0.5, SEED);
  struct eddy_trainer *trainer = new_trainer(&world, 3, 0, 1000);
  struct eddy_model_record record;
  assert_int_equal(feed(trainer, world_next(&world, 11, 0), 0, 0, &record), 0);
  assert_int_equal(feed(trainer, world_next(&world, 0, 2 * EDDY_DAY_MS), 0, 1, &record), 0); /* nothing contributed */
  world.next_user = 0;
  assert_int_equal(feed(trainer, world_next(&world, 11, EDDY_DAY_MS), 0, 2, &record), 0); /* still 11 users */
  assert_int_equal(feed(trainer, world_next(&world, 1, 0), 0, 3, &record), 1);
  eddy_trainer_free(trainer);
  world_init(&world, 4, 3, 3, 0.5, SEED);
  trainer = new_trainer(&world, 3, 0, 1000);
  assert_int_equal(feed(trainer, world_next(&world, 100, 0), 0, 0, &record), 0);
  assert_int_equal(feed(trainer, world_next(&world, 100, EDDY_DAY_MS - 1), 0, 1, &record), 0);
  assert_int_equal(feed(trainer, world_next(&world, 1, 1), 0, 2, &record), 1);
  eddy_trainer_free(trainer);
}

static void few_distinct_vectors_lower_k(void **state) {
  (void)state;
  static struct world world;
  world_init(&world, 2, 2, 3, 0, SEED);
  struct eddy_trainer *trainer = new_trainer(&world, 8, 100, 100);
  struct eddy_model_record record;
  assert_int_equal(feed(trainer, world_next(&world, 100, 0), 0, 0, &record), 1);
  assert_int_equal(record.parts.clusters, 2);
  assert_int_equal(feed(trainer, world_next(&world, 100, 0), 0, 1, &record), 1);
  assert_int_equal(record.parts.clusters, 2);
  eddy_trainer_free(trainer);
}

static void a_version_per_epoch(void **state) {
  (void)state;
  static struct world world;
  world_init(&world, 4, 3, 3, 0.5, SEED);
  struct eddy_trainer *trainer = new_trainer(&world, 3, 100, 250);
  struct eddy_model_record record;
  assert_int_equal(feed(trainer, world_next(&world, 100, 1000), 7, 40, &record), 1);
  uint64_t version = 1;
  for (int64_t offset = 41; offset < 71; offset++) {
    int made = feed(trainer, world_next(&world, 100, 1000), 7, offset, &record);
    assert_int_equal(made, (offset - 40) % 3 == 0);
    if (!made) continue;
    assert_int_equal(record.parts.version, ++version);
    assert_int_equal(record.parts.trained_at, world.time);
    assert_int_equal(record.trainer.contributions, 100 * (offset - 39));
    for (uint32_t slot = 0; slot < 3; slot++) assert_int_equal(record.parts.cards[slot].id, slot + 1);
    assert_int_equal(record.trainer.position_count, 1);
    assert_int_equal(record.trainer.positions[0].partition, 7);
    assert_int_equal(record.trainer.positions[0].included, offset + 1);
    assert_int_equal(record.trainer.positions[0].sample_from, 40);
  }
  eddy_trainer_free(trainer);
}

/* One cluster, so that the right answer is a decayed mean of raw vectors, whatever the standardiser does meanwhile. */
static void follows_the_rule_of_the_decayed_update(void **state) {
  (void)state;
  static struct world world;
  world_init(&world, 3, 1, 2, 1.0, SEED);
  struct eddy_trainer_options options;
  eddy_trainer_options_default(&options, &world.spec);
  options.clusters = 1;
  options.buffer_min = 200;
  options.epoch_contributions = 200;
  options.half_life_ms = EDDY_HOUR_MS;
  struct eddy_trainer *trainer = NULL;
  assert_int_equal(eddy_trainer_new(&trainer, &options), EDDY_OK);
  double mean[3] = {0}, mass = 0, population[3] = {0}, population_mass = 0;
  for (int epoch = 0; epoch < 60; epoch++) {
    /* every third epoch the clock rushes ahead: then 200 units of weight per cluster are remembered all the same */
    int64_t passed = epoch % 3 == 2 ? 100 * EDDY_DAY_MS : 10 * EDDY_MINUTE_MS;
    const struct eddy_model_delta *delta = world_next(&world, 200, passed);
    double half_lives = epoch == 0 ? 0 : epoch % 3 == 2 ? 1 : 1 / 6.0, batch[3] = {0};
    for (size_t i = 0; i < 600; i++) { /* nothing so far out that it would be clamped */
      world.vectors[i] = world.centres[i % 3] + fminf(fmaxf(world.vectors[i] - world.centres[i % 3], -3), 3);
      batch[i % 3] += (double)delta->vectors[i] / 200;
    }
    mass *= pow(2, -half_lives);
    population_mass *= pow(2, -half_lives / 4);
    for (size_t i = 0; i < 3; i++) {
      mean[i] += 200 / (mass + 200) * (batch[i] - mean[i]);
      population[i] += 200 / (population_mass + 200) * (batch[i] - population[i]);
    }
    mass += 200;
    population_mass += 200;
    struct eddy_model_record record;
    assert_int_equal(feed(trainer, delta, 0, epoch, &record), 1);
    assert_true(fabs(record.trainer.mass[0] - mass) <= 1e-9 * mass);
    assert_true(fabs(record.trainer.moments_weight - population_mass) <= 1e-9 * population_mass);
    for (size_t i = 0; i < 3; i++) {
      double raw = (double)record.parts.centroids[i] * (double)record.parts.deviation[i] + (double)record.parts.mean[i];
      assert_true(fabs(raw - mean[i]) < 1e-4);
      assert_true(fabs((double)record.parts.mean[i] - population[i]) < 1e-4);
    }
  }
  eddy_trainer_free(trainer);
}

static void offsets_count_once(void **state) {
  (void)state;
  static struct world world;
  world_init(&world, 4, 3, 3, 0.5, SEED);
  struct eddy_trainer *once = new_trainer(&world, 3, 300, 300), *often = new_trainer(&world, 3, 300, 300);
  int versions = 0;
  for (int64_t offset = 0; offset < 40; offset++) {
    uint32_t partition = (uint32_t)offset % 3;
    const struct eddy_model_delta *delta = world_next(&world, 90, 1000);
    struct eddy_model_record first, second;
    int made = feed(once, delta, partition, offset, &first);
    assert_int_equal(feed(often, delta, partition, offset, &second), made);
    if (made) assert_true(same_record(&first, &second));
    versions += made;
    for (int64_t again = offset; again >= 0 && again > offset - 9; again -= 3) {
      assert_int_equal(feed(often, delta, partition, again, &second), 0);
    }
  }
  assert_int_equal(versions, 10); /* 360 contributions each */
  eddy_trainer_free(once);
  eddy_trainer_free(often);
}

static void refuse(struct eddy_trainer *trainer, const struct eddy_model_delta *delta, int64_t offset) {
  assert_int_equal(eddy_trainer_add(trainer, delta, 0, offset), EDDY_E_INVALID);
  struct eddy_model_record record;
  assert_int_equal(eddy_trainer_step(trainer, &record), 0);
}

/* Bad deltas are passed over: the trainer that saw them makes the same model as the one that saw empty ones. */
static void what_cannot_be_true_is_refused(void **state) {
  (void)state;
  static struct world world;
  world_init(&world, 4, 3, 3, 0.5, SEED);
  struct eddy_trainer *clean = new_trainer(&world, 3, 300, 300), *dirty = new_trainer(&world, 3, 300, 300);
  const float numbers[] = {NAN, INFINITY, -INFINITY}, weights[] = {NAN, INFINITY, 0, -1, 1.1e6f};
  int64_t offset = 0;
  for (int round = 0; round < 2; round++) { /* once before, once after the first model */
    const struct eddy_model_delta *good = world_next(&world, 10, 1000);
    struct eddy_model_delta bad = *good, empty = {0};
    for (size_t i = 0; i < 3; i++) {
      float before = world.vectors[39];
      world.vectors[39] = numbers[i];
      refuse(dirty, &bad, offset++);
      world.vectors[39] = before;
    }
    for (size_t i = 0; i < 5; i++) {
      world.weights[9] = weights[i];
      refuse(dirty, &bad, offset++);
      world.weights[9] = 1;
    }
    bad.dimensions = 3;
    refuse(dirty, &bad, offset++);
    bad = *good;
    bad.count = EDDY_DELTA_VECTORS_MAX + 1;
    refuse(dirty, &bad, offset++);
    bad = *good;
    bad.newest_time = EDDY_TIME_NONE;
    refuse(dirty, &bad, offset++);
    bad = *good;
    bad.users = NULL;
    refuse(dirty, &bad, offset++);
    refuse(dirty, good, -2);
    refuse(dirty, good, INT64_MAX);
    struct eddy_model_record first, second;
    assert_int_equal(feed(clean, &empty, 0, offset - 1, &first), 0);
    for (int more = 0; more < 2; more++, offset++) {
      const struct eddy_model_delta *delta = world_next(&world, 200, 1000);
      int made = feed(clean, delta, 0, offset, &first);
      assert_int_equal(feed(dirty, delta, 0, offset, &second), made);
      assert_int_equal(made, more);
      if (made) assert_true(same_record(&first, &second));
    }
  }
  eddy_trainer_free(clean);
  eddy_trainer_free(dirty);
}

static void huge_numbers_break_nothing(void **state) {
  (void)state;
  static struct world world;
  world_init(&world, 2, 1, 1, 1, SEED);
  struct eddy_trainer *trainer = new_trainer(&world, 4, 100, 100);
  for (int64_t offset = 0; offset < 200; offset++) {
    const struct eddy_model_delta *delta = world_next(&world, 100, offset % 5 == 4 ? 10000 * EDDY_DAY_MS : 1);
    for (size_t i = 0; i < 200; i++) world.vectors[i] *= offset % 3 == 2 ? 1e37f : offset % 3 == 1 ? 1e-37f : 1;
    for (size_t i = 0; i < 100; i++) world.weights[i] = offset % 2 ? 1e6f : 1e-40f;
    struct eddy_model_record record;
    assert_int_equal(feed(trainer, delta, 0, offset, &record), 1);
    for (size_t i = 0; i < 2; i++) assert_true(isfinite(record.parts.mean[i]) && isfinite(record.parts.deviation[i]));
  }
  eddy_trainer_free(trainer);
}

/* A log of three partitions of model-delta that can be read again. */
enum { LOG = 240, PARTITIONS = 3, D = 5, COUNT_MAX = 64 };
struct log_entry {
  uint32_t partition;
  int64_t offset, time;
  uint16_t count;
  float vectors[COUNT_MAX * D], weights[COUNT_MAX];
  uint64_t users[COUNT_MAX];
};

static struct eddy_model_delta delta_of(const struct log_entry *entry) {
  return (struct eddy_model_delta){.newest_time = entry->time,
                                   .offered = entry->count,
                                   .count = entry->count,
                                   .dimensions = D,
                                   .vectors = entry->vectors,
                                   .weights = entry->weights,
                                   .users = entry->users};
}

static void write_log(struct log_entry *entries) {
  static struct world world;
  int64_t next[PARTITIONS] = {0, 1000, 5};
  world_init(&world, D, 6, 2, 1, SEED);
  for (size_t i = 0; i < LOG; i++) {
    struct log_entry *entry = &entries[i];
    entry->partition = (uint32_t)eddy_rng_below(&world.rng, PARTITIONS);
    entry->offset = next[entry->partition];
    next[entry->partition] += 1 + (int64_t)eddy_rng_below(&world.rng, 2); /* transactions leave gaps */
    entry->count = (uint16_t)eddy_rng_below(&world.rng, COUNT_MAX + 1);
    world_next(&world, entry->count, 60000);
    entry->time = world.time - 1000 * (int64_t)eddy_rng_below(&world.rng, 5400); /* out of order by more than an epoch */
    for (size_t j = 0; j < entry->count; j++) world.weights[j] = (float)(0.02 + eddy_rng_unit(&world.rng));
    memcpy(entry->vectors, world.vectors, sizeof entry->vectors);
    memcpy(entry->weights, world.weights, sizeof entry->weights);
    memcpy(entry->users, world.users, sizeof entry->users);
  }
}

/* Reads partition after partition from sample_from to `included`, in an order of its own. */
static void read_again(struct eddy_trainer *trainer, const struct log_entry *entries, const struct eddy_model_record *record) {
  for (uint32_t p = 0; p < record->trainer.position_count; p++) {
    const struct eddy_delta_position *position = &record->trainer.positions[record->trainer.position_count - 1 - p];
    for (size_t i = 0; i < LOG; i++) {
      const struct log_entry *entry = &entries[i];
      if (entry->partition != position->partition || entry->offset < position->sample_from) continue;
      if (entry->offset >= position->included) break;
      struct eddy_model_delta delta = delta_of(entry);
      struct eddy_model_record none;
      assert_int_equal(feed(trainer, &delta, entry->partition, entry->offset, &none), 0);
    }
  }
}

static void a_successor_continues_bit_for_bit(void **state) {
  (void)state;
  static struct log_entry entries[LOG];
  static struct world world;
  static struct eddy_model_record *records[LOG]; /* by the entry that completed them */
  write_log(entries);
  world_init(&world, D, 1, 1, 1, 1); /* for its specification */
  struct eddy_trainer *trainer = new_trainer(&world, 4, 300, 300);
  bool cut = false;
  for (size_t i = 0; i < LOG; i++) {
    struct eddy_model_delta delta = delta_of(&entries[i]);
    struct eddy_model_record record;
    records[i] = NULL;
    if (feed(trainer, &delta, entries[i].partition, entries[i].offset, &record) != 1) continue;
    records[i] = eddy_model_record_copy(&record);
    cut |= record.trainer.positions[0].sample_from > 0;
  }
  eddy_trainer_free(trainer);
  assert_true(cut); /* the sample ran over, else its order would not be tested */
  size_t successors = 0, versions = 0;
  for (size_t start = 0; start < LOG; start++) {
    if (!records[start]) continue;
    struct eddy_trainer *successor = new_trainer(&world, 9, 300, 300);
    assert_int_equal(eddy_trainer_resume(successor, records[start]), EDDY_OK);
    read_again(successor, entries, records[start]);
    for (size_t i = start + 1; i < LOG; i++) {
      struct eddy_model_delta delta = delta_of(&entries[i]);
      struct eddy_model_record record;
      int made = feed(successor, &delta, entries[i].partition, entries[i].offset, &record);
      assert_int_equal(made, records[i] != NULL);
      if (made) assert_true(same_record(&record, records[i]));
      versions += (size_t)made;
    }
    eddy_trainer_free(successor);
    successors++;
  }
  assert_true(successors > 10 && versions > 50);
  for (size_t i = 0; i < LOG; i++) eddy_model_record_free(records[i]);
}

static void a_record_that_does_not_fit_is_refused(void **state) {
  (void)state;
  static struct world world, other;
  world_init(&world, 4, 3, 3, 0.5, SEED);
  struct eddy_trainer *trainer = new_trainer(&world, 3, 100, 100), *successor = new_trainer(&world, 3, 100, 100);
  struct eddy_model_record record, none;
  assert_int_equal(feed(trainer, world_next(&world, 100, 1000), 0, 0, &record), 1);
  struct eddy_model_record bad = record;
  struct eddy_delta_position twice[2] = {{.partition = 3, .included = 9}, {.partition = 3, .included = 9}};
  bad.trainer.positions = twice;
  bad.trainer.position_count = 2;
  assert_int_equal(eddy_trainer_resume(successor, &bad), EDDY_E_INVALID);
  twice[1] = (struct eddy_delta_position){.partition = 4, .included = 8, .sample_from = 9};
  assert_int_equal(eddy_trainer_resume(successor, &bad), EDDY_E_INVALID);
  bad = record;
  bad.trainer.moments_weight = (double)NAN;
  assert_int_equal(eddy_trainer_resume(successor, &bad), EDDY_E_INVALID);
  bad = record;
  bad.trainer.next_segment_id = 3;
  assert_int_equal(eddy_trainer_resume(successor, &bad), EDDY_E_INVALID);
  bad = record;
  bad.parts.trained_at = INT64_MAX;
  assert_int_equal(eddy_trainer_resume(successor, &bad), EDDY_E_INVALID);
  bad = record;
  const double masses[3] = {1, -1, 1};
  bad.trainer.mass = masses;
  assert_int_equal(eddy_trainer_resume(successor, &bad), EDDY_E_INVALID);
  bad = record;
  const float wild[12] = {0, 0, NAN};
  bad.parts.centroids = wild;
  assert_int_equal(eddy_trainer_resume(successor, &bad), EDDY_E_INVALID);
  assert_int_equal(eddy_trainer_step(successor, &none), 0);
  world_init(&other, 4, 3, 3, 0.5, SEED);
  memcpy(other.spec.features[2].name, "gx", 3);
  struct eddy_trainer *stranger = new_trainer(&other, 3, 100, 100);
  assert_int_equal(eddy_trainer_resume(stranger, &record), EDDY_E_INVALID);
  eddy_trainer_free(stranger);
  world_init(&other, 4, 3, 3, 0.5, SEED);
  other.spec.features[1].on = other.spec.features[0].on; /* two lanes of one action: other weights */
  stranger = new_trainer(&other, 3, 100, 100);
  assert_int_equal(eddy_trainer_resume(stranger, &record), EDDY_E_INVALID);
  eddy_trainer_free(stranger);
  assert_int_equal(eddy_trainer_resume(successor, &record), EDDY_OK);
  eddy_trainer_free(trainer);
  eddy_trainer_free(successor);
}

static void lanes_of_one_action_share_their_weight(void **state) {
  (void)state;
  static struct world world;
  world_init(&world, 5, 3, 3, 0.5, SEED);
  for (size_t i = 1; i < 3; i++) world.spec.features[i].on = world.spec.features[0].on; /* three lanes of one action */
  struct eddy_trainer *trainer = new_trainer(&world, 3, 100, 100);
  struct eddy_model_record record;
  assert_int_equal(feed(trainer, world_next(&world, 100, 1000), 0, 0, &record), 1);
  for (size_t i = 0; i < 5; i++) {
    double expected = i < 3 ? 1 / sqrt(3) : 1;
    assert_true(fabs((double)record.parts.weight[i] - expected) < 1e-6);
  }
  eddy_trainer_free(trainer);
}

static void options_out_of_range_are_refused(void **state) {
  (void)state;
  static struct world world;
  world_init(&world, 4, 3, 3, 0.5, SEED);
  struct eddy_trainer_options options;
  struct eddy_trainer *trainer;
  const uint16_t clusters[] = {0, EDDY_CLUSTERS_MAX + 1};
  for (size_t i = 0; i < 2; i++) {
    eddy_trainer_options_default(&options, &world.spec);
    options.clusters = clusters[i];
    assert_int_equal(eddy_trainer_new(&trainer, &options), EDDY_E_INVALID);
  }
  eddy_trainer_options_default(&options, &world.spec);
  options.epoch_contributions = 0;
  assert_int_equal(eddy_trainer_new(&trainer, &options), EDDY_E_INVALID);
  eddy_trainer_options_default(&options, &world.spec);
  options.half_life_ms = 0;
  assert_int_equal(eddy_trainer_new(&trainer, &options), EDDY_E_INVALID);
  world.spec.feature_count = 0;
  eddy_trainer_options_default(&options, &world.spec);
  assert_int_equal(eddy_trainer_new(&trainer, &options), EDDY_E_INVALID);
  eddy_trainer_free(NULL);
}

int main(void) {
  printf("seed %d\n", SEED);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(first_version_waits_for_distinct_users), cmocka_unit_test(waiting_ends_after_a_day_of_event_time),
      cmocka_unit_test(few_distinct_vectors_lower_k),           cmocka_unit_test(a_version_per_epoch),
      cmocka_unit_test(follows_the_rule_of_the_decayed_update), cmocka_unit_test(offsets_count_once),
      cmocka_unit_test(what_cannot_be_true_is_refused),         cmocka_unit_test(huge_numbers_break_nothing),
      cmocka_unit_test(a_successor_continues_bit_for_bit),      cmocka_unit_test(a_record_that_does_not_fit_is_refused),
      cmocka_unit_test(lanes_of_one_action_share_their_weight), cmocka_unit_test(options_out_of_range_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
