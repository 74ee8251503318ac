/* All or nothing (invariant 5): in a scripted run every single allocation fails once. The call that it hits must leave the
 * engine as it was, and trying again must lead to the same end as a run in which nothing failed. A durable engine keeps lists
 * besides, which nobody empties here, so that they grow.
 */
#include "core/engine_state.h"
#include "eddy/durable.h"
#include "engine_fixture.h"

enum { STEPS = 4000, USERS = 400 };

/* Allocations of the run in which nothing fails, before each turn: they tell which turn a failure will hit. */
static uint64_t calls_before[STEPS + 1];

struct run {
  struct eddy_spec spec;
  struct failing_allocator failing;
  struct eddy_allocator allocator;
  struct eddy_engine *engine;
  struct eddy_effects effects;
  struct eddy_model *model;
  uint64_t hash; /* of all effects */
  unsigned failures;
};

static void start_run(struct run *run, uint64_t fail_at, bool durable) {
  memset(run, 0, sizeof *run);
  world_spec(&run->spec);
  run->failing.fail_at = fail_at;
  run->allocator = failing_allocator(&run->failing);
  run->model = world_model(&run->spec, 3);
  eddy_effects_init(&run->effects, &run->allocator);
  struct eddy_engine_options options = {.spec = &run->spec, .allocator = run->allocator, .seed = 1, .durable = durable};
  int error = eddy_engine_new(&run->engine, &options);
  if (error != 0) {
    assert_int_equal(error, EDDY_E_NOMEM);
    assert_null(run->engine);
    assert_int_equal(run->failing.live_bytes, 0);
    run->failures++;
    assert_int_equal(eddy_engine_new(&run->engine, &options), 0);
  }
  assert_int_equal(eddy_engine_set_model(run->engine, run->model), 0);
}

/* One call of the script; `turn` says which. Ticks go on until nothing is due, so that running out of memory in the middle of
 * one makes no difference. */
static int one_call(struct run *run, unsigned turn, const struct world_event *event) {
  if (turn % 10 == 7)
    return eddy_engine_tick(run->engine, event->event.event_time + EDDY_HOUR_MS, EDDY_TIME_NONE, 7, &run->effects);
  if (turn % 50 == 9) return eddy_engine_take_delta(run->engine, &run->effects);
  return eddy_engine_step(run->engine, &event->event, EDDY_TIME_NONE, &run->effects);
}

/* What is listed for the next commit, in numbers. */
struct listed {
  size_t dirty, write_now, gone, markers;
};

static struct listed listed_by(const struct eddy_engine *engine) {
  struct listed listed = {.dirty = eddy_engine_dirty(engine)};
  struct eddy_str user_id;
  eddy_engine_write_now(engine, &listed.write_now);
  eddy_engine_marker_changes(engine, &listed.markers);
  for (size_t cursor = 0; eddy_engine_next_gone(engine, &cursor, &user_id);) listed.gone++;
  return listed;
}

static void assert_nothing_changed(struct run *run, const struct eddy_buffer *before, size_t effects) {
  struct eddy_buffer after;
  char why[200];
  world_snapshot(run->engine, &after);
  assert_int_equal(before->size, after.size);
  assert_memory_equal(before->data, after.data, after.size);
  assert_int_equal(run->effects.count, effects);
  if (eddy_engine_validate(run->engine, why, sizeof why) != 0) fail_msg("%s", why);
  eddy_buffer_fini(&after);
}

static void do_turn(struct run *run, unsigned turn, const struct world_event *event) {
  int result;
  do {
    struct eddy_buffer before;
    size_t effects = run->effects.count;
    bool may_fail = calls_before[turn] < run->failing.fail_at && run->failing.fail_at <= calls_before[turn + 1];
    struct listed listed = {0}, after;
    if (may_fail) world_snapshot(run->engine, &before);
    if (may_fail) listed = listed_by(run->engine);
    result = one_call(run, turn, event);
    if (result < 0) {
      assert_int_equal(result, EDDY_E_NOMEM);
      assert_true(may_fail);
      run->failures++;
      assert_nothing_changed(run, &before, effects);
      after = listed_by(run->engine);
      assert_memory_equal(&listed, &after, sizeof listed);
    }
    if (may_fail) eddy_buffer_fini(&before);
  } while (result != 0);
  run->hash = world_effects_hash(run->hash, &run->effects, 0);
  eddy_effects_clear(&run->effects);
}

static void play(struct run *run) {
  struct world world;
  static struct world_event event;
  struct world_options options = {.users = USERS,
                                  .step_ms = 10 * EDDY_SECOND_MS,
                                  .disorder_ms = EDDY_MINUTE_MS,
                                  .percent_gap = 1,
                                  .gap_ms = 4 * EDDY_DAY_MS};
  world_init(&world, 42, &options);
  for (unsigned turn = 0; turn < STEPS; turn++) {
    world_next(&world, &event);
    if (run->failing.fail_at == 0) calls_before[turn] = run->failing.calls;
    do_turn(run, turn, &event);
  }
  if (run->failing.fail_at == 0) calls_before[STEPS] = run->failing.calls;
}

static void end_run(struct run *run) {
  eddy_engine_free(run->engine);
  eddy_effects_fini(&run->effects);
  eddy_model_free(run->model);
  assert_int_equal(run->failing.live_bytes, 0); /* nothing leaks */
}

static void fail_every_allocation(bool durable, unsigned least) {
  static struct run reference, run;
  struct eddy_buffer expected, actual;
  start_run(&reference, 0, durable);
  play(&reference);
  world_snapshot(reference.engine, &expected);
  unsigned failures = 0;
  for (uint64_t fail_at = 1; fail_at <= reference.failing.calls; fail_at++) {
    start_run(&run, fail_at, durable);
    play(&run);
    world_snapshot(run.engine, &actual);
    assert_int_equal(expected.size, actual.size);
    assert_memory_equal(expected.data, actual.data, actual.size);
    assert_int_equal(reference.hash, run.hash);
    failures += run.failures;
    eddy_buffer_fini(&actual);
    end_run(&run);
  }
  print_message("%llu allocations, %u calls failed\n", (unsigned long long)reference.failing.calls, failures);
  assert_true(failures >= least);
  assert_true(eddy_engine_counters(reference.engine)->triggers_fired > 0);
  assert_true(!durable || listed_by(reference.engine).markers > 8);
  eddy_buffer_fini(&expected);
  end_run(&reference);
}

static void test_every_allocation_fails_once(void **state) {
  (void)state;
  fail_every_allocation(false, 8);
}

static void test_every_allocation_of_a_durable_engine_fails_once(void **state) {
  (void)state;
  fail_every_allocation(true, 9); /* lists that cannot double may still get what they need */
}

/* The pool of tails takes memory in large chunks, so its shortage hardly ever shows above. Here it is squeezed before every
 * call to a few blocks, also in the middle of a slice of other users' deadlines.
 */

static void squeeze(struct run *run, struct eddy_pool *saved, struct eddy_rng *rng) {
  struct eddy_pool *pool = &run->engine->table.pool;
  *saved = *pool;
  memset(pool->free_heads, 0, sizeof pool->free_heads);
  size_t left = (size_t)(pool->chunk_end - pool->chunk_at), keep = (size_t)eddy_rng_below(rng, 12) * 256;
  if (keep < left) pool->chunk_end = pool->chunk_at + keep;
  run->failing.fail_at = run->failing.calls + 1;
}

/* Blocks that were freed under the squeeze stay lost in their chunk until the engine is freed. */
static void relax(struct run *run, const struct eddy_pool *saved, bool changed) {
  struct eddy_pool *pool = &run->engine->table.pool;
  if (!changed) {
    *pool = *saved;
  } else {
    memcpy(pool->free_heads, saved->free_heads, sizeof pool->free_heads);
    if (pool->chunks == saved->chunks) pool->chunk_end = saved->chunk_end;
  }
  run->failing.fail_at = 0;
}

static void do_squeezed_turn(struct run *run, unsigned turn, const struct world_event *event, struct eddy_rng *rng) {
  struct eddy_pool saved;
  struct eddy_buffer before;
  size_t effects = run->effects.count;
  world_snapshot(run->engine, &before);
  squeeze(run, &saved, rng);
  int result = one_call(run, turn, event);
  relax(run, &saved, result >= 0);
  if (result < 0) {
    assert_int_equal(result, EDDY_E_NOMEM);
    run->failures++;
    assert_nothing_changed(run, &before, effects);
  }
  eddy_buffer_fini(&before);
  if (result != 0) do_turn(run, turn, event);
}

static void test_tails_find_no_room(void **state) {
  (void)state;
  enum { TURNS = 3000 };
  static struct run plain, squeezed;
  static struct world_event event;
  struct world world;
  struct eddy_rng rng;
  struct world_options options = {.users = 60, .step_ms = 30 * EDDY_SECOND_MS, .percent_gap = 20, .gap_ms = EDDY_DAY_MS};
  memset(calls_before, 0, sizeof calls_before);
  eddy_rng_seed(&rng, 1);
  world_init(&world, 17, &options);
  start_run(&plain, 0, false);
  start_run(&squeezed, 0, false);
  for (unsigned turn = 0; turn < TURNS; turn++) {
    world_next(&world, &event);
    do_turn(&plain, turn % 50, &event);
    do_squeezed_turn(&squeezed, turn % 50, &event, &rng);
  }
  struct eddy_buffer left, right;
  world_snapshot(plain.engine, &left);
  world_snapshot(squeezed.engine, &right);
  assert_int_equal(left.size, right.size);
  assert_memory_equal(left.data, right.data, left.size);
  squeezed.hash = world_effects_hash(squeezed.hash, &squeezed.effects, 0); /* those of the last turns */
  assert_int_equal(plain.hash, squeezed.hash);
  print_message("%u calls failed\n", squeezed.failures);
  assert_true(squeezed.failures > 100);
  eddy_buffer_fini(&left);
  eddy_buffer_fini(&right);
  end_run(&plain);
  end_run(&squeezed);
}

static void test_a_ceiling_stops_growth_and_nothing_else(void **state) {
  (void)state;
  struct eddy_spec spec;
  struct eddy_effects effects;
  eddy_spec_default(&spec);
  eddy_effects_init(&effects, NULL);
  struct eddy_engine *engine;
  struct eddy_engine_options options = {.spec = &spec, .memory_max = 8 * 1024 * 1024};
  assert_int_equal(eddy_engine_new(&engine, &options), 0);
  char user[16];
  int users = 0;
  for (int error = 0; error == 0; users += error == 0 ? 1 : 0) {
    snprintf(user, sizeof user, "u%d", users);
    struct eddy_event event = event_of(EDDY_PRODUCT_VIEWED, user, T0 + users);
    error = eddy_engine_step(engine, &event, EDDY_TIME_NONE, &effects);
    assert_true(error == 0 || error == EDDY_E_NOMEM);
    eddy_effects_clear(&effects);
  }
  assert_true(users > 5000);
  assert_true(eddy_engine_memory(engine) <= options.memory_max);
  assert_int_equal(eddy_engine_users(engine), users);
  struct eddy_event known = event_of(EDDY_PRODUCT_VIEWED, "u1", T0 + EDDY_DAY_MS);
  assert_int_equal(eddy_engine_step(engine, &known, EDDY_TIME_NONE, &effects), 0); /* those who are there live on */
  known = event_of(EDDY_USER_ERASED, "u2", T0 + EDDY_DAY_MS);
  assert_int_equal(eddy_engine_step(engine, &known, EDDY_TIME_NONE, &effects), 0);
  known = event_of(EDDY_PRODUCT_VIEWED, user, T0 + EDDY_DAY_MS);
  assert_int_equal(eddy_engine_step(engine, &known, EDDY_TIME_NONE, &effects), 0); /* and leave room for the refused one */
  eddy_effects_fini(&effects);
  eddy_engine_free(engine);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_allocation_fails_once),
      cmocka_unit_test(test_every_allocation_of_a_durable_engine_fails_once),
      cmocka_unit_test(test_tails_find_no_room),
      cmocka_unit_test(test_a_ceiling_stops_growth_and_nothing_else),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
