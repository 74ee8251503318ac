/* The way back of a durable engine: from records, markers, state and the events after them (rules 8, 24 and 25 of
 * src/store/README.md). */
#include "durable_fixture.h"

/* An engine that is being recovered, with the state of another one. */
static struct fixture *recovering(const struct fixture *from) {
  struct fixture *fixture = durable_new();
  uint8_t state[EDDY_ENGINE_STATE_MAX];
  assert_int_equal(eddy_engine_recover_begin(fixture->engine), 0);
  size_t size = eddy_engine_encode_state(from->engine, state, sizeof state);
  assert_int_equal(eddy_engine_recover_state(fixture->engine, state, size), 0);
  return fixture;
}

static void recover(struct fixture *fixture, const struct fixture *from, const char *user, int64_t includes) {
  static struct bytes bytes;
  encode_user(from->engine, user, &bytes);
  assert_int_equal(eddy_engine_recover_profile(fixture->engine, name_of(user), includes, bytes.data, bytes.size, NULL), 0);
}

static void replay(struct fixture *fixture, enum eddy_event_type type, const char *user, int64_t time, int64_t offset) {
  struct eddy_event event = event_of(type, user, time);
  assert_int_equal(eddy_engine_recover_events(fixture->engine, &event, &offset, 1), 1);
}

static void test_a_replay_folds_what_is_not_included(void **state) {
  (void)state;
  struct fixture *from = durable_new();
  happen(from, EDDY_PAGE_VIEWED, "ann", T0);
  happen(from, EDDY_PAGE_VIEWED, "bob", T0);
  struct fixture *fixture = recovering(from);
  recover(fixture, from, "ann", 10);
  recover(fixture, from, "bob", 10);
  replay(fixture, EDDY_PRODUCT_ADDED, "ann", T0 + 5, 9);
  replay(fixture, EDDY_PRODUCT_ADDED, "bob", T0 + 5, 10);
  replay(fixture, EDDY_PRODUCT_ADDED, "cid", T0 + EDDY_DAY_MS, 11);
  eddy_engine_recover_end(fixture->engine);
  assert_valid(fixture->engine);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_CLEAN);
  assert_int_equal(state_of(fixture, "bob"), EDDY_SLOT_DIRTY);
  assert_int_equal(state_of(fixture, "cid"), EDDY_SLOT_DIRTY);
  assert_false(eddy_engine_has_writes(fixture->engine));
  struct eddy_user_view view;
  assert_int_equal(eddy_engine_user(fixture->engine, EDDY_STR("ann"), EDDY_TIME_NONE, &view), 0);
  assert_int_equal(view.last_seen, T0);
  assert_int_equal(eddy_engine_user(fixture->engine, EDDY_STR("bob"), EDDY_TIME_NONE, &view), 0);
  assert_int_equal(view.last_seen, T0 + 5);
  assert_int_equal(eddy_engine_partition_time(fixture->engine), eddy_engine_partition_time(from->engine));
  assert_int_equal(eddy_engine_counters(fixture->engine)->events, 2);
  fixture_free(fixture);
  fixture_free(from);
}

/* Of each key the newest counts; a tombstone ends it. */
static void test_records_replace_each_other(void **state) {
  (void)state;
  struct fixture *from = durable_new();
  happen(from, EDDY_PRODUCT_ADDED, "ann", T0);
  happen(from, EDDY_PAGE_VIEWED, "bob", T0);
  struct fixture *fixture = recovering(from);
  recover(fixture, from, "ann", 1);
  recover(fixture, from, "bob", 9);
  assert_int_equal(eddy_engine_next_due(fixture->engine), T0 + EDDY_HOUR_MS);
  happen(from, EDDY_ORDER_COMPLETED, "ann", T0 + 20 * EDDY_SECOND_MS);
  recover(fixture, from, "ann", 2);
  eddy_engine_recover_gone(fixture->engine, EDDY_STR("bob"));
  eddy_engine_recover_gone(fixture->engine, EDDY_STR("nobody"));
  replay(fixture, EDDY_PAGE_VIEWED, "ann", T0 + EDDY_MINUTE_MS, 1);
  replay(fixture, EDDY_PAGE_VIEWED, "cid", T0, 3);
  replay(fixture, EDDY_PAGE_VIEWED, "cid", T0 + 7, 4); /* in bob's old slot, of which nothing is included */
  eddy_engine_recover_end(fixture->engine);
  assert_valid(fixture->engine);
  assert_int_equal(eddy_engine_users(fixture->engine), 2);
  assert_int_equal(state_of(fixture, "cid"), EDDY_SLOT_DIRTY);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_CLEAN);
  struct eddy_user_view view;
  assert_int_equal(eddy_engine_user(fixture->engine, EDDY_STR("cid"), EDDY_TIME_NONE, &view), 0);
  assert_int_equal(view.last_seen, T0 + 7);
  static struct bytes left, right;
  encode_user(from->engine, "ann", &left);
  encode_user(fixture->engine, "ann", &right);
  assert_int_equal(left.size, right.size);
  assert_memory_equal(left.data, right.data, left.size);
  fixture_free(fixture);
  fixture_free(from);
}

/* The deadline of an older record is nobody's any more. */
static void test_deadlines_of_older_records(void **state) {
  (void)state;
  struct fixture *from = durable_new(), *fixture = durable_new();
  uint8_t bytes[EDDY_ENGINE_STATE_MAX];
  fixture->spec.sweep = from->spec.sweep = false;
  assert_int_equal(eddy_engine_recover_begin(fixture->engine), 0);
  happen(from, EDDY_PRODUCT_ADDED, "ann", T0);
  recover(fixture, from, "ann", 1);
  happen(from, EDDY_ORDER_COMPLETED, "ann", T0 + EDDY_MINUTE_MS);
  happen(from, EDDY_PAGE_VIEWED, "ann", T0 + EDDY_DAY_MS);
  recover(fixture, from, "ann", 3);
  size_t size = eddy_engine_encode_state(from->engine, bytes, sizeof bytes);
  assert_int_equal(eddy_engine_recover_state(fixture->engine, bytes, size), 0);
  eddy_engine_recover_end(fixture->engine);
  assert_int_equal(eddy_engine_next_due(fixture->engine), EDDY_TIME_NONE);
  assert_int_equal(eddy_engine_tick(fixture->engine, EDDY_TIME_NONE, EDDY_TIME_NONE, 0, &fixture->effects), 0);
  fixture_free(fixture);
  fixture_free(from);
}

static void test_a_replay_and_the_erased(void **state) {
  (void)state;
  struct fixture *from = durable_new();
  happen(from, EDDY_PAGE_VIEWED, "dan", T0);
  struct fixture *fixture = recovering(from);
  assert_int_equal(eddy_engine_recover_erased(fixture->engine, hash_of("ann"), 10, T0), 0);
  assert_int_equal(eddy_engine_recover_erased(fixture->engine, hash_of("bob"), 10, T0), 0);
  assert_int_equal(eddy_engine_recover_erased(fixture->engine, hash_of("cid"), 10, T0), 0);
  eddy_engine_recover_not_erased(fixture->engine, hash_of("cid"));
  eddy_engine_recover_not_erased(fixture->engine, hash_of("nobody"));
  recover(fixture, from, "dan", 3);
  replay(fixture, EDDY_EMAIL_SUBSCRIBED, "ann", T0 + 5, 9); /* the marker includes it */
  replay(fixture, EDDY_PAGE_VIEWED, "bob", T0 + 5, 10);
  replay(fixture, EDDY_EMAIL_SUBSCRIBED, "bob", T0 + 5, 11);
  replay(fixture, EDDY_PAGE_VIEWED, "cid", T0 + 5, 10);
  replay(fixture, EDDY_USER_ERASED, "dan", T0 + 5, 10);
  replay(fixture, EDDY_PAGE_VIEWED, "dan", T0 + 6, 11);
  eddy_engine_recover_end(fixture->engine);
  assert_valid(fixture->engine);
  assert_true(eddy_engine_erased(fixture->engine, hash_of("ann"), NULL));
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_FREE);
  assert_int_equal(state_of(fixture, "bob"), EDDY_SLOT_DIRTY);
  assert_int_equal(state_of(fixture, "cid"), EDDY_SLOT_DIRTY);
  assert_int_equal(state_of(fixture, "dan"), EDDY_SLOT_FREE);
  assert_true(eddy_engine_erased(fixture->engine, hash_of("dan"), NULL));
  assert_int_equal(eddy_engine_next_effect(fixture->engine), 0);
  assert_false(eddy_engine_has_writes(fixture->engine));
  fixture_free(fixture);
  fixture_free(from);
}

/* A log that no engine wrote: the profile wins. */
static void test_a_profile_of_an_erased_user(void **state) {
  (void)state;
  struct fixture *from = durable_new();
  happen(from, EDDY_PAGE_VIEWED, "ann", T0);
  struct fixture *fixture = recovering(from);
  recover(fixture, from, "ann", 3);
  assert_int_equal(eddy_engine_recover_erased(fixture->engine, hash_of("ann"), 10, T0), 0);
  eddy_engine_recover_end(fixture->engine);
  assert_valid(fixture->engine);
  assert_false(eddy_engine_erased(fixture->engine, hash_of("ann"), NULL));
  fixture_free(fixture);
  fixture_free(from);
}

/* What a replay met may be met again by the next one; what it did not meet may be evicted at once. */
static void test_eviction_after_a_recovery(void **state) {
  (void)state;
  struct fixture *from = durable_new();
  happen(from, EDDY_PAGE_VIEWED, "ann", T0);
  happen(from, EDDY_PAGE_VIEWED, "bob", T0);
  struct fixture *fixture = recovering(from);
  recover(fixture, from, "ann", 10);
  recover(fixture, from, "bob", 10);
  replay(fixture, EDDY_PAGE_VIEWED, "ann", T0, 5);
  eddy_engine_recover_end(fixture->engine);
  tick_to(fixture, T0 + fixture->spec.idle_ttl_ms + 2 * EDDY_DAY_MS);
  assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 1);
  assert_int_equal(state_of(fixture, "bob"), EDDY_SLOT_FREE);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_WRITE_NOW);
  fixture_free(fixture);
  fixture_free(from);
}

static void test_segments_are_counted_at_the_end(void **state) {
  (void)state;
  struct fixture *from = durable_new();
  struct eddy_model *model = world_model(&from->spec, 3);
  assert_int_equal(eddy_engine_set_model(from->engine, model), 0);
  for (int i = 0; i < 5; i++) happen(from, EDDY_PAGE_VIEWED, "ann", T0 + i);
  for (int i = 0; i < 5; i++) happen(from, EDDY_PAGE_VIEWED, "bob", T0 + i);
  struct fixture *fixture = recovering(from);
  assert_int_equal(eddy_engine_set_model(fixture->engine, model), 0);
  recover(fixture, from, "ann", 1);
  recover(fixture, from, "ann", 2);
  recover(fixture, from, "bob", 2);
  replay(fixture, EDDY_USER_ERASED, "bob", T0 + 9, 3);
  eddy_engine_recover_end(fixture->engine);
  assert_valid(fixture->engine);
  uint64_t sizes[EDDY_CLUSTERS_MAX], users = 0;
  eddy_engine_segment_sizes(fixture->engine, sizes);
  for (int i = 0; i < EDDY_CLUSTERS_MAX; i++) users += sizes[i];
  assert_int_equal(users, 1);
  fixture_free(fixture);
  fixture_free(from);
  eddy_model_free(model);
}

static void test_state_of_other_versions(void **state) {
  (void)state;
  struct fixture *from = durable_new();
  enum { COUNTERS_AT = 1 + 8 + 8 + 8 + 32 + 8 + 4 };
  uint8_t bytes[EDDY_ENGINE_STATE_MAX + 16] = {0};
  happen(from, EDDY_PRODUCT_ADDED, "ann", T0);
  happen(from, EDDY_PAGE_VIEWED, "ann", T0 + EDDY_DAY_MS);
  size_t size = eddy_engine_encode_state(from->engine, bytes, EDDY_ENGINE_STATE_MAX);
  assert_int_equal(eddy_engine_encode_state(from->engine, bytes, size - 1), SIZE_MAX);
  eddy_engine_encode_state(from->engine, bytes, size);
  uint8_t count = bytes[COUNTERS_AT];
  for (int more = -2; more <= 2; more += 2) { /* written by a program with fewer, as many, or more counters */
    struct eddy_engine *engine = durable_engine(&from->spec);
    assert_int_equal(eddy_engine_recover_begin(engine), 0);
    bytes[COUNTERS_AT] = (uint8_t)(count + more);
    assert_int_equal(eddy_engine_recover_state(engine, bytes, size + (size_t)(8 * more)), 0);
    eddy_engine_recover_end(engine);
    assert_valid(engine);
    assert_int_equal(eddy_engine_counters(engine)->triggers_fired, 1);
    assert_int_equal(eddy_engine_next_effect(engine), eddy_engine_next_effect(from->engine));
    assert_int_equal(eddy_engine_newest_time(engine), T0 + EDDY_DAY_MS);
    eddy_engine_free(engine);
  }
  bytes[COUNTERS_AT] = count;
  for (size_t short_size = 0; short_size <= size + 1; short_size++) {
    if (short_size == size) continue;
    struct eddy_engine *engine = durable_engine(&from->spec);
    assert_int_equal(eddy_engine_recover_begin(engine), 0);
    assert_int_equal(eddy_engine_recover_state(engine, bytes, short_size), EDDY_E_CORRUPT);
    eddy_engine_free(engine);
  }
  bytes[0]++;
  assert_int_equal(eddy_engine_recover_begin(from->engine), EDDY_E_INVALID); /* it is not empty */
  struct eddy_engine *engine = durable_engine(&from->spec);
  assert_int_equal(eddy_engine_recover_begin(engine), 0);
  assert_int_equal(eddy_engine_recover_state(engine, bytes, size), EDDY_E_VERSION);
  eddy_engine_free(engine);
  fixture_free(from);
}

/* Partition time is the record's, or later where the allowed lateness became shorter. */
static void test_time_does_not_go_back(void **state) {
  (void)state;
  struct fixture *from = durable_new();
  uint8_t bytes[EDDY_ENGINE_STATE_MAX];
  happen(from, EDDY_PAGE_VIEWED, "ann", T0);
  size_t size = eddy_engine_encode_state(from->engine, bytes, sizeof bytes);
  struct eddy_spec changed = from->spec;
  changed.allowed_lateness_ms = 1;
  struct eddy_engine *engine = durable_engine(&changed);
  assert_int_equal(eddy_engine_recover_begin(engine), 0);
  assert_int_equal(eddy_engine_recover_state(engine, bytes, size), 0);
  eddy_engine_recover_end(engine);
  assert_valid(engine);
  assert_int_equal(eddy_engine_partition_time(engine), T0 - 1);
  eddy_engine_free(engine);
  fixture_free(from);
}

/* Memory --------------------------------------------------------------------------------------------------------------------*/

enum { MANY = 600 };

/* Repeats a call of a recovery while memory is short; nothing of it may have happened before. */
#define UNTIL_DONE(call)                        \
  do {                                          \
    int result;                                 \
    while ((result = (call)) == EDDY_E_NOMEM) { \
      failures++;                               \
      assert_valid(engine);                     \
    }                                           \
    assert_int_equal(result, 0);                \
  } while (0)

static unsigned recover_all(struct eddy_engine *engine, const struct fixture *from, const struct eddy_event *events,
                            const int64_t *offsets, size_t count) {
  static struct bytes bytes;
  unsigned failures = 0;
  assert_int_equal(eddy_engine_recover_begin(engine), 0);
  bytes.size = eddy_engine_encode_layout(from->engine, bytes.data, EDDY_LAYOUT_MAX);
  UNTIL_DONE(eddy_engine_recover_layout(engine, bytes.data, bytes.size));
  bytes.data[bytes.size - 1] ^= 1;
  UNTIL_DONE(eddy_engine_recover_layout(engine, bytes.data, bytes.size));
  for (uint32_t slot = 0; slot < eddy_engine_slots(from->engine); slot++) {
    struct eddy_str id;
    if (eddy_engine_slot_state(from->engine, slot) == EDDY_SLOT_FREE) continue;
    encode_slot(from->engine, slot, &id, &bytes);
    UNTIL_DONE(eddy_engine_recover_profile(engine, id, 1, bytes.data, bytes.size, NULL));
    UNTIL_DONE(eddy_engine_recover_erased(engine, eddy_hash_stable(id.data, id.len), 1, T0));
  }
  bytes.size = eddy_engine_encode_state(from->engine, bytes.data, EDDY_ENGINE_STATE_MAX);
  UNTIL_DONE(eddy_engine_recover_state(engine, bytes.data, bytes.size));
  for (size_t done = 0; done < count;) {
    size_t handled = eddy_engine_recover_events(engine, events + done, offsets + done, count - done);
    if (done + handled < count) failures++;
    done += handled;
  }
  eddy_engine_recover_end(engine);
  assert_valid(engine);
  return failures;
}

static void test_memory_is_short(void **state) {
  (void)state;
  struct fixture *from = durable_new();
  static char names[2 * MANY][48];
  static struct eddy_event events[MANY];
  static int64_t offsets[MANY];
  for (unsigned i = 0; i < 2 * MANY; i++) snprintf(names[i], sizeof names[i], "user-%u-with-a-rather-long-name@shop", i);
  for (unsigned i = 0; i < MANY; i++) {
    happen(from, EDDY_PRODUCT_ADDED, names[i], T0);
    events[i] = event_of(EDDY_PRODUCT_ADDED, names[i + MANY / 2], T0 + 1);
    offsets[i] = i + 1;
  }
  struct eddy_buffer expected = {0};
  unsigned failures = 0;
  for (uint64_t fail_at = 0;; fail_at++) {
    struct failing_allocator failing = {0};
    struct eddy_engine_options options = {
        .spec = &from->spec, .allocator = failing_allocator(&failing), .seed = 7, .hash_key = {3, 4}, .durable = true};
    struct eddy_engine *engine;
    assert_int_equal(eddy_engine_new(&engine, &options), 0);
    failing.fail_at = fail_at > 0 ? failing.calls + fail_at : 0;
    failures += recover_all(engine, from, events, offsets, MANY);
    bool reached = failing.calls >= failing.fail_at;
    struct eddy_buffer bytes;
    world_snapshot(engine, &bytes);
    if (fail_at == 0) {
      expected = bytes;
    } else {
      assert_int_equal(bytes.size, expected.size);
      assert_memory_equal(bytes.data, expected.data, bytes.size);
      eddy_buffer_fini(&bytes);
    }
    eddy_engine_free(engine);
    assert_int_equal(failing.live_bytes, 0);
    if (!reached) break;
  }
  print_message("%u calls failed\n", failures);
  assert_true(failures >= 8);
  eddy_buffer_fini(&expected);
  fixture_free(from);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_replay_folds_what_is_not_included),
      cmocka_unit_test(test_records_replace_each_other),
      cmocka_unit_test(test_deadlines_of_older_records),
      cmocka_unit_test(test_a_replay_and_the_erased),
      cmocka_unit_test(test_a_profile_of_an_erased_user),
      cmocka_unit_test(test_eviction_after_a_recovery),
      cmocka_unit_test(test_segments_are_counted_at_the_end),
      cmocka_unit_test(test_state_of_other_versions),
      cmocka_unit_test(test_time_does_not_go_back),
      cmocka_unit_test(test_memory_is_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
