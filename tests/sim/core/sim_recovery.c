/* Seeded runs of a durable engine with commits, failed commits and crashes (rules 1-8, 14, 16, 24, 25 of src/store/README.md).
 * The changelog is an array of records. A successor that is filled from it and from the events since replay_from must be, byte
 * for byte, the engine that committed, and go on like it. A failing seed is printed: EDDY_SEED=<n> runs it alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "eddy/durable.h"
#include "lib/engine_world.h"

enum { USERS = 40, EVENTS = 6000, RECORD_MAX = 32 * 1024, SLOTS_MAX = 4 * USERS, MODELS = 3 };

static const uint64_t erasure_key[2] = {5, 6};

/* The log -------------------------------------------------------------------------------------------------------------------*/

struct record {
  size_t size; /* 0: none */
  int64_t includes;
  uint8_t bytes[RECORD_MAX];
};

struct marker {
  bool set;
  int64_t includes, erased_at;
};

/* What is committed. */
struct changelog {
  struct record profiles[USERS];
  struct marker markers[USERS];
  uint8_t state[EDDY_ENGINE_STATE_MAX];
  size_t state_size;
  int64_t position, replay_from;
};

/* Every user as the engine knew it at the commit, dirty or not. */
struct image {
  struct record profiles[USERS];
  struct eddy_buffer snapshot;
};

struct run {
  struct eddy_spec spec;
  struct eddy_model *models[MODELS];
  struct eddy_rng rng;
  struct eddy_engine *engine;
  struct eddy_engine *shadow; /* never crashed since the last recovery; none while the order of slots tells */
  struct eddy_effects effects, shadow_effects;
  struct changelog log;
  struct image image;
  int64_t position;               /* next event */
  int64_t last_passed[SLOTS_MAX]; /* by the hand */
  uint32_t slots_known, cursor;
  int64_t last_event[USERS], last_committed_event[USERS]; /* offset of the newest one, -1: none */
  uint64_t next_effect;                                   /* of the next committed effect */
  struct {
    unsigned commits, failed, crashes, replayed, evictions, erasures, returns, clean_stops;
    size_t largest;
  } seen;
};

static struct world_event events[EVENTS];

static struct eddy_engine *new_engine(const struct run *run, bool durable) {
  struct eddy_engine_options options = {
      .spec = &run->spec, .seed = 7, .hash_key = {1, 2}, .erasure_key = {erasure_key[0], erasure_key[1]}, .durable = durable};
  struct eddy_engine *engine;
  assert_int_equal(eddy_engine_new(&engine, &options), 0);
  return engine;
}

static void assert_valid(const struct eddy_engine *engine) {
  char why[200];
  if (eddy_engine_validate(engine, why, sizeof why) != 0) fail_msg("%s", why);
}

static bool chance(struct run *run, unsigned percent) {
  return eddy_rng_below(&run->rng, 100) < percent;
}

static unsigned user_number(struct eddy_str id) {
  unsigned user = 0;
  for (uint32_t i = 5; i < id.len && id.data[i] >= '0' && id.data[i] <= '9'; i++) {
    user = user * 10 + (unsigned)(id.data[i] - '0');
  }
  assert_true(user < USERS);
  return user;
}

static struct eddy_str user_name(unsigned user, char *buffer, size_t size) {
  snprintf(buffer, size, user % 3 == 0 ? "user-%u-with-a-rather-long-name@shop" : "user-%u", user);
  return (struct eddy_str){buffer, (uint32_t)strlen(buffer)};
}

static uint64_t hash_of_user(unsigned user) {
  char name[48];
  struct eddy_str id = user_name(user, name, sizeof name);
  return eddy_hash_keyed(erasure_key, id.data, id.len);
}

/* The input -----------------------------------------------------------------------------------------------------------------*/

static void make_input(struct run *run, uint64_t seed) {
  struct world world;
  struct world_options options = {
      .users = USERS,
      .step_ms = EDDY_MINUTE_MS,
      .disorder_ms = 5 * EDDY_MINUTE_MS,
      .percent_duplicate = 10,
      .percent_ancient = 3,
      .percent_gap = 10,
      .gap_ms = 4 * EDDY_DAY_MS,
  };
  world_init(&world, seed, &options);
  for (int i = 0; i < EVENTS; i++) {
    struct eddy_event *event = &events[i].event;
    world_next(&world, &events[i]);
    if (chance(run, 2)) event->type = EDDY_USER_ERASED;
    if (chance(run, 4)) event->type = EDDY_EMAIL_SUBSCRIBED;
    if (chance(run, 4)) event->type = EDDY_CONSENT_CHANGED;
    if (event->type == EDDY_CONSENT_CHANGED) event->consent_state = chance(run, 50) ? EDDY_STR("Granted") : EDDY_STR("denied");
  }
}

/* The shadow ----------------------------------------------------------------------------------------------------------------*/

/* A set: of two timers of one instant the one in the lower slot goes first. */
static uint64_t meaning(const struct eddy_effects *effects) {
  uint64_t sum = 0;
  for (size_t i = 0; i < effects->count; i++) {
    struct eddy_effect copy = effects->items[i];
    copy.number = 0;
    struct eddy_effects one = {.items = &copy, .count = 1};
    sum += world_effects_hash(1, &one, 0);
  }
  return sum;
}

static void compare_with_shadow(struct run *run, size_t before) {
  if (run->shadow == NULL) return;
  struct eddy_effects since = {.items = run->effects.items + before, .count = run->effects.count - before};
  assert_int_equal(since.count, run->shadow_effects.count);
  assert_int_equal(meaning(&since), meaning(&run->shadow_effects));
  assert_int_equal(eddy_engine_next_due(run->engine), eddy_engine_next_due(run->shadow));
  eddy_effects_clear(&run->shadow_effects);
}

/* Commits -------------------------------------------------------------------------------------------------------------------*/

static size_t encode(const struct eddy_engine *engine, uint32_t slot, struct record *record, unsigned *user) {
  struct eddy_str id;
  record->size = eddy_engine_encode_profile(engine, slot, &id, record->bytes, RECORD_MAX);
  assert_true(record->size > 0 && record->size <= eddy_engine_profile_bytes_max(engine));
  *user = user_number(id);
  return record->size;
}

static void write_slot(struct run *run, struct changelog *log, uint32_t slot) {
  static struct record record;
  unsigned user;
  size_t size = encode(run->engine, slot, &record, &user);
  record.includes = run->position;
  memcpy(&log->profiles[user], &record, offsetof(struct record, bytes) + size);
  if (size > run->seen.largest) run->seen.largest = size;
}

/* Rule 29: a key becomes absent only when no replay meets its events again, but for the erasure itself. */
static void write_gone(struct run *run, struct changelog *log) {
  struct eddy_str id;
  for (size_t cursor = 0; eddy_engine_next_gone(run->engine, &cursor, &id);) {
    unsigned user = user_number(id);
    log->profiles[user].size = 0;
    bool erased = false;
    for (int64_t i = run->log.position; i < run->position; i++) {
      erased = erased || (events[i].event.type == EDDY_USER_ERASED && user_number(events[i].event.user_id) == user);
    }
    if (erased) continue;
    run->seen.evictions++;
    assert_true(run->last_committed_event[user] < run->log.replay_from);
  }
}

static void write_markers(struct run *run, struct changelog *log) {
  size_t count;
  const uint64_t *changes = eddy_engine_marker_changes(run->engine, &count);
  for (size_t i = 0; i < count; i++) {
    unsigned user = 0;
    while (hash_of_user(user) != changes[i]) assert_true(++user < USERS);
    struct marker *marker = &log->markers[user];
    bool was_set = marker->set;
    marker->set = eddy_engine_erased(run->engine, changes[i], &marker->erased_at);
    marker->includes = run->position;
    run->seen.erasures += marker->set ? 1 : 0;
    run->seen.returns += was_set && !marker->set ? 1 : 0;
  }
}

static void write_records(struct run *run, struct changelog *log, uint32_t to) {
  size_t count;
  const uint32_t *now = eddy_engine_write_now(run->engine, &count);
  write_gone(run, log);
  write_markers(run, log);
  for (size_t i = 0; i < count; i++) {
    if (eddy_engine_slot_state(run->engine, now[i]) == EDDY_SLOT_WRITE_NOW) write_slot(run, log, now[i]);
  }
  for (uint32_t slot = run->cursor; slot < to; slot++) {
    if (eddy_engine_slot_state(run->engine, slot) == EDDY_SLOT_DIRTY) write_slot(run, log, slot);
  }
}

/* Slots handed out since the last commit had no event before it. */
static void know_slots(struct run *run) {
  uint32_t slots = eddy_engine_slots(run->engine);
  assert_true(slots <= SLOTS_MAX);
  for (; run->slots_known < slots; run->slots_known++) run->last_passed[run->slots_known] = run->log.position;
}

static int64_t replay_from(const struct run *run) {
  int64_t from = run->position;
  for (uint32_t slot = 0; slot < run->slots_known; slot++) {
    if (run->last_passed[slot] < from) from = run->last_passed[slot];
  }
  return from;
}

static void take_image(struct run *run) {
  static struct record record;
  for (unsigned user = 0; user < USERS; user++) run->image.profiles[user].size = 0;
  for (uint32_t slot = 0; slot < eddy_engine_slots(run->engine); slot++) {
    unsigned user;
    if (eddy_engine_slot_state(run->engine, slot) == EDDY_SLOT_FREE) continue;
    encode(run->engine, slot, &record, &user);
    memcpy(&run->image.profiles[user], &record, offsetof(struct record, bytes) + record.size);
  }
  eddy_buffer_fini(&run->image.snapshot);
  world_snapshot(run->engine, &run->image.snapshot);
}

static void release_effects(struct run *run) {
  for (size_t i = 0; i < run->effects.count; i++) assert_int_equal(run->effects.items[i].number, run->next_effect++);
  eddy_effects_clear(&run->effects);
}

static void confirm(struct run *run, struct changelog *log, uint32_t to) {
  uint32_t slots = eddy_engine_slots(run->engine);
  for (uint32_t slot = run->cursor; slot < to; slot++) run->last_passed[slot] = run->position;
  eddy_engine_mark_passed(run->engine, run->cursor, to);
  run->cursor = to == slots ? 0 : to;
  size_t now = 0;
  for (uint32_t slot = 0; slot < slots; slot++) {
    now += eddy_engine_slot_state(run->engine, slot) == EDDY_SLOT_WRITE_NOW ? 1 : 0;
  }
  bool all_saved = eddy_engine_dirty(run->engine) == now;
  if (all_saved) {
    for (uint32_t slot = 0; slot < slots; slot++) run->last_passed[slot] = run->position;
    run->seen.clean_stops++;
  }
  eddy_engine_mark_committed(run->engine, all_saved);
  assert_false(eddy_engine_has_writes(run->engine));
  assert_true(!all_saved || eddy_engine_dirty(run->engine) == 0);
  log->position = run->position;
  log->replay_from = replay_from(run);
  assert_true(log->replay_from >= run->log.replay_from); /* rule 29 */
  run->log = *log;
  memcpy(run->last_committed_event, run->last_event, sizeof run->last_event);
  release_effects(run);
  take_image(run);
}

static void commit(struct run *run) {
  static struct changelog log;
  log = run->log;
  size_t before = run->effects.count;
  assert_int_equal(eddy_engine_take_delta(run->engine, &run->effects), 0);
  if (run->shadow != NULL) assert_int_equal(eddy_engine_take_delta(run->shadow, &run->shadow_effects), 0);
  compare_with_shadow(run, before);
  know_slots(run);
  uint32_t slots = eddy_engine_slots(run->engine), left = slots - run->cursor;
  uint32_t to = run->cursor + (uint32_t)eddy_rng_below(&run->rng, left / 4 + 2);
  to = chance(run, 3) ? slots : to < slots ? to : slots;
  write_records(run, &log, to);
  log.state_size = eddy_engine_encode_state(run->engine, log.state, sizeof log.state);
  assert_true(log.state_size != SIZE_MAX);
  if (chance(run, 20)) { /* rule 17: nothing was cleared, so there is nothing to undo */
    run->seen.failed++;
    return;
  }
  run->seen.commits++;
  confirm(run, &log, to);
}

/* Crashes -------------------------------------------------------------------------------------------------------------------*/

static void read_log(struct run *run, struct eddy_engine *engine) {
  char name[48];
  uint8_t layout[EDDY_LAYOUT_MAX];
  size_t layout_size = eddy_engine_encode_layout(engine, layout, sizeof layout);
  assert_int_equal(eddy_engine_recover_begin(engine), 0);
  assert_int_equal(eddy_engine_recover_layout(engine, layout, layout_size), 0);
  unsigned first = (unsigned)eddy_rng_below(&run->rng, USERS); /* any order */
  for (unsigned i = 0; i < USERS; i++) {
    unsigned user = (first + i) % USERS;
    struct eddy_str id = user_name(user, name, sizeof name);
    const struct record *record = &run->log.profiles[user];
    const struct marker *marker = &run->log.markers[user];
    if (record->size > 0) {
      assert_int_equal(eddy_engine_recover_profile(engine, id, record->includes, record->bytes, record->size, NULL), 0);
    }
    if (marker->set) {
      assert_int_equal(eddy_engine_recover_erased(engine, hash_of_user(user), marker->includes, marker->erased_at), 0);
    }
  }
  assert_int_equal(eddy_engine_recover_state(engine, run->log.state, run->log.state_size), 0);
}

static void replay(struct run *run, struct eddy_engine *engine) {
  enum { BATCH = 100 };
  struct eddy_event batch[BATCH];
  int64_t offsets[BATCH];
  for (int64_t at = run->log.replay_from; at < run->log.position;) {
    size_t count = 0;
    for (; count < BATCH && at < run->log.position; count++, at++) {
      batch[count] = events[at].event;
      offsets[count] = at;
    }
    assert_int_equal(eddy_engine_recover_events(engine, batch, offsets, count), count);
    run->seen.replayed += (unsigned)count;
  }
  eddy_engine_recover_end(engine);
}

static void assert_same_profiles(const struct run *run, const struct eddy_engine *engine) {
  static struct record record;
  size_t users = 0;
  for (unsigned user = 0; user < USERS; user++) users += run->image.profiles[user].size > 0 ? 1 : 0;
  assert_int_equal(eddy_engine_users(engine), users);
  for (uint32_t slot = 0; slot < eddy_engine_slots(engine); slot++) {
    unsigned user;
    if (eddy_engine_slot_state(engine, slot) == EDDY_SLOT_FREE) continue;
    encode(engine, slot, &record, &user);
    assert_int_equal(record.size, run->image.profiles[user].size);
    assert_memory_equal(record.bytes, run->image.profiles[user].bytes, record.size);
  }
}

/* Partition time, number, generator and counters; the sweep's place is another one where the slots are. */
static void assert_same_state(const struct run *run, const struct eddy_engine *engine) {
  uint8_t state[EDDY_ENGINE_STATE_MAX];
  enum { CURSOR_AT = 1 + 8 + 8 + 8 + 32 + 8 };
  assert_int_equal(eddy_engine_encode_state(engine, state, sizeof state), run->log.state_size);
  memcpy(state + CURSOR_AT, run->log.state + CURSOR_AT, 4);
  assert_memory_equal(state, run->log.state, run->log.state_size);
  assert_int_equal(eddy_engine_next_effect(engine), run->next_effect);
  for (unsigned user = 0; user < USERS; user++) {
    assert_int_equal(eddy_engine_erased(engine, hash_of_user(user), NULL), run->log.markers[user].set);
  }
}

/* What the successor is compared with from here on: the engine that committed, restored from a snapshot. */
static void start_shadow(struct run *run, const struct eddy_model *model) {
  eddy_engine_free(run->shadow);
  eddy_effects_clear(&run->shadow_effects);
  run->shadow = NULL;
  if (run->spec.sweep) return; /* it goes by slots */
  run->shadow = new_engine(run, false);
  const struct eddy_buffer *snapshot = &run->image.snapshot;
  assert_int_equal(eddy_engine_restore(run->shadow, snapshot->data, snapshot->size), 0);
  assert_int_equal(eddy_engine_set_model(run->shadow, model), 0);
}

static void crash(struct run *run) {
  if (run->seen.commits == 0) return;
  run->seen.crashes++;
  struct eddy_engine *successor = new_engine(run, true);
  read_log(run, successor);
  replay(run, successor);
  assert_valid(successor);
  assert_same_profiles(run, successor);
  assert_same_state(run, successor);
  assert_false(eddy_engine_has_writes(successor));
  eddy_engine_free(run->engine);
  run->engine = successor;
  eddy_effects_clear(&run->effects);
  run->position = run->log.position;
  memcpy(run->last_event, run->last_committed_event, sizeof run->last_event);
  run->slots_known = eddy_engine_slots(successor);
  run->cursor = 0;
  for (uint32_t slot = 0; slot < run->slots_known; slot++) run->last_passed[slot] = run->log.replay_from; /* rule 25 */
  const struct eddy_model *model = run->models[eddy_rng_below(&run->rng, MODELS)];
  assert_int_equal(eddy_engine_set_model(successor, model), 0);
  start_shadow(run, model);
}

/* Live ----------------------------------------------------------------------------------------------------------------------*/

static void do_events(struct run *run) {
  enum { BATCH = 30 };
  struct eddy_event batch[BATCH];
  size_t count = 0, before = run->effects.count, wanted = 1 + (size_t)eddy_rng_below(&run->rng, BATCH);
  for (; count < wanted && run->position + (int64_t)count < EVENTS; count++) {
    batch[count] = events[run->position + (int64_t)count].event;
    bool counts = batch[count].type != EDDY_USER_MERGED; /* not supported: as if it had not come */
    if (counts) run->last_event[user_number(batch[count].user_id)] = run->position + (int64_t)count;
  }
  assert_int_equal(eddy_engine_step_batch(run->engine, batch, count, EDDY_TIME_NONE, &run->effects), count);
  if (run->shadow != NULL) {
    assert_int_equal(eddy_engine_step_batch(run->shadow, batch, count, EDDY_TIME_NONE, &run->shadow_effects), count);
  }
  run->position += (int64_t)count;
  compare_with_shadow(run, before);
}

static void do_tick(struct run *run) {
  int64_t newest = eddy_engine_newest_time(run->engine), time = EDDY_TIME_NONE;
  size_t before = run->effects.count, budget = (size_t)eddy_rng_below(&run->rng, 60);
  if (newest != EDDY_TIME_NONE && chance(run, 50)) time = newest + (int64_t)eddy_rng_below(&run->rng, 2 * EDDY_HOUR_MS);
  int more = eddy_engine_tick(run->engine, time, EDDY_TIME_NONE, budget, &run->effects);
  if (run->shadow != NULL) {
    assert_int_equal(eddy_engine_tick(run->shadow, time, EDDY_TIME_NONE, budget, &run->shadow_effects), more);
  }
  compare_with_shadow(run, before);
}

static void do_model(struct run *run) {
  const struct eddy_model *model = chance(run, 10) ? NULL : run->models[eddy_rng_below(&run->rng, MODELS)];
  assert_int_equal(eddy_engine_set_model(run->engine, model), 0);
  if (run->shadow != NULL) assert_int_equal(eddy_engine_set_model(run->shadow, model), 0);
}

static void start(struct run *run, uint64_t seed) {
  memset(run, 0, sizeof *run);
  world_spec(&run->spec);
  eddy_rng_seed(&run->rng, seed);
  run->spec.sweep = seed % 3 != 0;
  run->spec.limits.viewed_items = seed % 2 == 0 ? 3 : 0;
  assert_int_equal(eddy_spec_check(&run->spec, NULL, 0), 0);
  for (unsigned i = 0; i < MODELS; i++) run->models[i] = world_model(&run->spec, seed + i);
  for (unsigned i = 0; i < USERS; i++) run->last_event[i] = run->last_committed_event[i] = -1;
  eddy_effects_init(&run->effects, NULL);
  eddy_effects_init(&run->shadow_effects, NULL);
  eddy_buffer_init(&run->image.snapshot, NULL);
  run->engine = new_engine(run, true);
  make_input(run, seed);
}

static void end(struct run *run) {
  eddy_engine_free(run->engine);
  eddy_engine_free(run->shadow);
  eddy_effects_fini(&run->effects);
  eddy_effects_fini(&run->shadow_effects);
  eddy_buffer_fini(&run->image.snapshot);
  for (unsigned i = 0; i < MODELS; i++) eddy_model_free(run->models[i]);
}

static void play(struct run *run, uint64_t seed) {
  start(run, seed);
  while (run->position < EVENTS) {
    uint64_t what = eddy_rng_below(&run->rng, 100);
    if (what < 55) {
      do_events(run);
    } else if (what < 70) {
      do_tick(run);
    } else if (what < 73) {
      do_model(run);
    } else if (what < 97) {
      commit(run);
    } else {
      crash(run);
    }
    if (chance(run, 5)) assert_valid(run->engine);
  }
  end(run);
}

static void test_successors_are_what_was_committed(void **state) {
  (void)state;
  static struct run run;
  const char *one = getenv("EDDY_SEED");
  unsigned replayed = 0, crashes = 0, evictions = 0, erasures = 0, returns = 0, clean_stops = 0;
  for (unsigned i = 0; i < (one != NULL ? 1u : 60u); i++) {
    uint64_t seed = one != NULL ? strtoull(one, NULL, 10) : 1000 + i;
    print_message("recovery: EDDY_SEED=%llu\n", (unsigned long long)seed);
    play(&run, seed);
    replayed += run.seen.replayed;
    crashes += run.seen.crashes;
    evictions += run.seen.evictions;
    erasures += run.seen.erasures;
    returns += run.seen.returns;
    clean_stops += run.seen.clean_stops;
  }
  print_message("recovery: %u crashes, %u events replayed, %u evictions, %u erasures, %u returns, %u times all saved\n",
                crashes, replayed, evictions, erasures, returns, clean_stops);
  if (one == NULL) assert_true(crashes > 0 && replayed > 0 && evictions > 0 && erasures > 0 && returns > 0 && clean_stops > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_successors_are_what_was_committed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
