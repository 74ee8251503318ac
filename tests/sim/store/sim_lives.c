/* The store with the real engine: random events of a few users are committed, aborted, compacted; then the process ends and a
 * successor recovers. Profile by profile, its bytes must be those of the last commit. (sim_commits.c goes further with a fake
 * engine.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/engine_world.h"
#include "store/recovery.h"
#include "unit/store/changelog_log.h"

enum { SEEDS = 12, EVENTS = 2500, USERS = 20, BYTES_MAX = 8192, BATCH = 64 };

/* The profile of a user as of the last commit. */
struct image {
  struct eddy_buffer bytes;
  struct eddy_str user_id;
};

struct life {
  uint64_t seed;
  struct eddy_rng rng;
  struct eddy_spec spec;
  struct eddy_model *model;
  struct eddy_engine *engine;
  struct eddy_effects effects;
  struct eddy_changelog *changelog;
  struct log log;
  int64_t position; /* of the next event */
  int64_t mono;
  struct image images[4 * USERS];
  size_t image_count;
  unsigned recovered;
};

static struct world_event events[EVENTS];

static bool chance(struct life *life, unsigned percent) {
  return eddy_rng_below(&life->rng, 100) < percent;
}

static struct eddy_changelog_options options_of(struct eddy_engine *engine) {
  return (struct eddy_changelog_options){
      .engine = engine, .partition = 2, .partition_count = 4, .incarnation = 1, .flush_interval_ms = 1000, .flush_events = 300};
}

static struct eddy_engine *new_engine(const struct life *life) {
  struct eddy_engine_options options = {
      .spec = &life->spec, .seed = 7, .hash_key = {1, 2}, .erasure_key = {5, 6}, .durable = true};
  struct eddy_engine *engine;
  assert_int_equal(eddy_engine_new(&engine, &options), 0);
  return engine;
}

static void life_begin(struct life *life, uint64_t seed) {
  const struct world_options options = {.users = USERS,
                                        .step_ms = 60000,
                                        .disorder_ms = 600000,
                                        .percent_duplicate = 5,
                                        .percent_ancient = 2,
                                        .percent_gap = 5,
                                        .gap_ms = 4 * EDDY_DAY_MS};
  struct world world;
  memset(life, 0, sizeof *life);
  life->seed = seed;
  eddy_rng_seed(&life->rng, seed);
  world_init(&world, seed, &options);
  for (int i = 0; i < EVENTS; i++) world_next(&world, &events[i]);
  world_spec(&life->spec);
  life->model = world_model(&life->spec, seed);
  life->engine = new_engine(life);
  assert_int_equal(eddy_engine_set_model(life->engine, life->model), 0);
  eddy_effects_init(&life->effects, NULL);
  log_init(&life->log);
  struct eddy_changelog_options changelog = options_of(life->engine);
  struct eddy_changelog_place place = {.partition = 2};
  assert_int_equal(eddy_changelog_new(&life->changelog, &changelog, &place, NULL, false), 0);
}

static void forget_images(struct life *life) {
  for (size_t i = 0; i < life->image_count; i++) eddy_buffer_fini(&life->images[i].bytes);
  life->image_count = 0;
}

static void life_end(struct life *life) {
  forget_images(life);
  eddy_changelog_free(life->changelog);
  log_fini(&life->log);
  eddy_effects_fini(&life->effects);
  eddy_engine_free(life->engine);
  eddy_model_free(life->model);
}

/* Appends id and bytes; the id lies in front of the bytes. */
static void take_image(struct life *life, uint32_t slot) {
  struct image *image = &life->images[life->image_count++];
  struct eddy_str user_id;
  uint8_t bytes[BYTES_MAX];
  assert_true(life->image_count <= sizeof life->images / sizeof life->images[0]);
  size_t size = eddy_engine_encode_profile(life->engine, slot, &user_id, bytes, sizeof bytes);
  assert_true(size <= sizeof bytes);
  eddy_buffer_init(&image->bytes, NULL);
  assert_int_equal(eddy_buffer_append(&image->bytes, user_id.data, user_id.len), 0);
  assert_int_equal(eddy_buffer_append(&image->bytes, bytes, size), 0);
  image->user_id = (struct eddy_str){(const char *)image->bytes.data, user_id.len};
}

static void take_images(struct life *life) {
  forget_images(life);
  for (uint32_t slot = 0; slot < eddy_engine_slots(life->engine); slot++) {
    if (eddy_engine_slot_state(life->engine, slot) != EDDY_SLOT_FREE) take_image(life, slot);
  }
}

static void commit(struct life *life) {
  struct eddy_changelog_commit commit = {.position = life->position,
                                         .mono = life->mono,
                                         .records_max = chance(life, 30) ? 3 : SIZE_MAX,
                                         .full_lap = chance(life, 5)};
  assert_int_equal(eddy_changelog_write(life->changelog, &commit, log_put, &life->log), 0);
  if (chance(life, 25)) {
    log_abort(&life->log, life->changelog);
    return;
  }
  log_commit(&life->log, life->changelog, &commit);
  eddy_effects_clear(&life->effects);
  take_images(life);
}

static void compare(const struct life *life, struct eddy_engine *engine) {
  assert_int_equal(eddy_engine_users(engine), life->image_count);
  for (size_t i = 0; i < life->image_count; i++) {
    const struct image *image = &life->images[i];
    struct eddy_str user_id;
    uint8_t bytes[BYTES_MAX];
    uint32_t slot = eddy_engine_find(engine, image->user_id);
    if (slot == UINT32_MAX) fail_msg("seed %lu: a user is missing", (unsigned long)life->seed);
    size_t size = eddy_engine_encode_profile(engine, slot, &user_id, bytes, sizeof bytes);
    bool same =
        size == image->bytes.size - image->user_id.len && memcmp(bytes, image->bytes.data + image->user_id.len, size) == 0;
    if (!same) fail_msg("seed %lu: %.*s differs", (unsigned long)life->seed, (int)user_id.len, user_id.data);
  }
}

static void replay(struct eddy_engine *engine, int64_t from, int64_t to) {
  struct eddy_event batch[BATCH];
  int64_t offsets[BATCH];
  while (from < to) {
    size_t count = 0;
    for (; count < BATCH && from < to; count++, from++) {
      batch[count] = events[from].event;
      offsets[count] = from;
    }
    assert_int_equal(eddy_engine_recover_events(engine, batch, offsets, count), count);
  }
}

/* The process ends; its successor goes on from what was committed. */
static void succeed(struct life *life) {
  struct eddy_engine *engine = new_engine(life);
  struct eddy_recovery_options options = {
      .changelog = options_of(engine), .sequence = life->log.sequence, .position = life->log.position};
  struct eddy_recovery *recovery;
  enum eddy_recovery_result result = EDDY_RECOVERY_MORE;
  char why[400] = "";
  assert_int_equal(eddy_recovery_new(&recovery, &options), 0);
  for (size_t i = 0; i < life->log.committed; i++) {
    const struct log_record *record = &life->log.items[i];
    result = eddy_recovery_take(recovery, record->bytes, record->key_size, log_value(record), record->value_size, (int64_t)i,
                                why, sizeof why);
  }
  if (result != EDDY_RECOVERY_DONE) fail_msg("seed %lu: %s", (unsigned long)life->seed, why);
  replay(engine, eddy_recovery_replay_from(recovery), life->log.position);
  compare(life, engine);
  eddy_changelog_free(life->changelog);
  eddy_engine_free(life->engine);
  life->engine = engine;
  assert_int_equal(eddy_recovery_finish(recovery, &life->changelog), 0);
  eddy_recovery_free(recovery);
  assert_int_equal(eddy_engine_validate(engine, why, sizeof why), 0);
  assert_int_equal(eddy_engine_set_model(engine, life->model), 0);
  eddy_effects_clear(&life->effects);
  life->position = life->log.position;
  life->recovered++;
}

static void live(uint64_t seed) {
  static struct life life;
  life_begin(&life, seed);
  for (unsigned step = 0; life.position < EVENTS && step < 4 * EVENTS; step++) {
    life.mono += (int64_t)eddy_rng_below(&life.rng, 20);
    for (uint64_t n = eddy_rng_below(&life.rng, 20); n > 0 && life.position < EVENTS; n--) {
      assert_int_equal(eddy_engine_step(life.engine, &events[life.position++].event, EDDY_TIME_NONE, &life.effects), 0);
    }
    if (chance(&life, 10)) eddy_engine_tick(life.engine, EDDY_TIME_NONE, EDDY_TIME_NONE, 8, &life.effects);
    if (chance(&life, 40)) commit(&life);
    if (chance(&life, 5)) log_compact(&life.log, 0, (size_t)eddy_rng_below(&life.rng, life.log.count + 1));
    if (chance(&life, 4) && life.log.sequence > 0) succeed(&life);
  }
  assert_true(life.recovered > 0);
  life_end(&life);
}

static void successors_have_the_committed_profiles(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) live(seed);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(successors_have_the_committed_profiles)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
