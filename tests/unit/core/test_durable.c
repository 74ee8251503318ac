/* What a durable engine says a commit has to write, when it evicts, what it does about erased users, and its way back from
 * records. Numbers are the rules of src/store/README.md. */
#include "base/hash.h"
#include "core/engine_state.h"
#include "durable_fixture.h"

static size_t listed(const struct fixture *fixture) {
  size_t count;
  eddy_engine_write_now(fixture->engine, &count);
  return count;
}

static const struct eddy_effect *only_effect(struct fixture *fixture, enum eddy_effect_kind kind) {
  assert_int_equal(fixture->effects.count, 1);
  assert_int_equal(fixture->effects.items[0].kind, kind);
  return &fixture->effects.items[0];
}

static void tick_to(struct fixture *fixture, int64_t time) {
  while (eddy_engine_tick(fixture->engine, time, EDDY_TIME_NONE, 100, &fixture->effects) > 0) {
  }
}

/* Rules 3 and 4 -------------------------------------------------------------------------------------------------------------*/

static void test_a_fold_makes_dirty_and_the_hand_cleans(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  happen(fixture, EDDY_PAGE_VIEWED, "ann", T0);
  happen(fixture, EDDY_PAGE_VIEWED, "bob", T0);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_DIRTY);
  assert_int_equal(eddy_engine_dirty(fixture->engine), 2);
  assert_false(eddy_engine_has_writes(fixture->engine));
  eddy_engine_mark_passed(fixture->engine, 0, 1);
  commit_now(fixture);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_CLEAN);
  assert_int_equal(state_of(fixture, "bob"), EDDY_SLOT_DIRTY);
  assert_int_equal(eddy_engine_dirty(fixture->engine), 1);
  fixture_free(fixture);
}

static void test_a_duplicate_changes_nothing(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  struct eddy_event event = event_of(EDDY_PAGE_VIEWED, "ann", T0);
  event.event_id = EDDY_STR("e1");
  step(fixture, &event);
  commit_all(fixture, false);
  step(fixture, &event);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_CLEAN);
  event.event_id = EDDY_STR("e2");
  event.event_time = T0 - 500 * EDDY_DAY_MS; /* too old for anything but its id */
  step(fixture, &event);
  assert_int_equal(eddy_engine_counters(fixture->engine)->late_ignored, 1);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_DIRTY);
  fixture_free(fixture);
}

static void test_an_output_is_written_now(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  happen(fixture, EDDY_PRODUCT_ADDED, "ann", T0);
  happen(fixture, EDDY_PRODUCT_ADDED, "bob", T0);
  happen(fixture, EDDY_PRODUCT_ADDED, "cid", T0);
  commit_all(fixture, false);
  happen(fixture, EDDY_PAGE_VIEWED, "ann", T0 + EDDY_DAY_MS); /* her own, and a slice of others */
  assert_int_equal(eddy_engine_counters(fixture->engine)->triggers_fired, 3);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_WRITE_NOW);
  assert_int_equal(state_of(fixture, "bob"), EDDY_SLOT_WRITE_NOW);
  assert_int_equal(listed(fixture), 3);
  assert_int_equal(eddy_engine_dirty(fixture->engine), 3);
  assert_true(eddy_engine_has_writes(fixture->engine));
  happen(fixture, EDDY_PAGE_VIEWED, "ann", T0 + EDDY_DAY_MS + 1);
  assert_int_equal(listed(fixture), 3); /* once is enough */
  commit_now(fixture);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_CLEAN);
  assert_int_equal(eddy_engine_dirty(fixture->engine), 0);
  assert_false(eddy_engine_has_writes(fixture->engine));
  happen(fixture, EDDY_PRODUCT_ADDED, "bob", T0 + 3 * EDDY_DAY_MS);
  commit_all(fixture, false);
  fixture->spec.sweep = false;
  tick_to(fixture, T0 + 4 * EDDY_DAY_MS);
  assert_int_equal(state_of(fixture, "bob"), EDDY_SLOT_WRITE_NOW);
  fixture_free(fixture);
}

static void test_a_segment_is_written_now(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  struct eddy_model *model = world_model(&fixture->spec, 3);
  assert_int_equal(eddy_engine_set_model(fixture->engine, model), 0);
  for (int i = 0; i < 5; i++) happen(fixture, EDDY_PAGE_VIEWED, "ann", T0 + i);
  assert_int_equal(fixture->effects.count, 1);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_WRITE_NOW);
  struct eddy_member member;
  assert_true(eddy_engine_member(fixture->engine, eddy_engine_find(fixture->engine, EDDY_STR("ann")), &member));
  assert_true(member.has_segment && member.segment == fixture->effects.items[0].as.segment.to);
  assert_true(member.since >= T0 && member.since < T0 + 5);
  fixture_free(fixture);
  eddy_model_free(model);
}

/* A new life clears fired marks and says nothing about it. */
static void test_a_new_life_is_written_now(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  fixture->spec.sweep = false;
  happen(fixture, EDDY_PAGE_VIEWED, "ann", T0);
  commit_all(fixture, false);
  happen(fixture, EDDY_PAGE_VIEWED, "ann", T0 + fixture->spec.idle_ttl_ms + 1);
  assert_int_equal(fixture->effects.count, 0);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_WRITE_NOW);
  fixture_free(fixture);
}

static void test_what_the_sweep_changed_is_written_now(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  happen(fixture, EDDY_PAGE_VIEWED, "ann", T0);
  happen(fixture, EDDY_PAGE_VIEWED, "bob", T0);
  commit_all(fixture, false);
  tick_to(fixture, T0 + 2 * EDDY_DAY_MS); /* both contribute */
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_WRITE_NOW);
  assert_int_equal(state_of(fixture, "bob"), EDDY_SLOT_WRITE_NOW);
  fixture_free(fixture);
}

static void test_nothing_is_kept_unless_durable(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  happen(fixture, EDDY_PRODUCT_ADDED, "ann", T0);
  happen(fixture, EDDY_PAGE_VIEWED, "ann", T0 + EDDY_DAY_MS);
  happen(fixture, EDDY_USER_ERASED, "ann", T0 + EDDY_DAY_MS);
  happen(fixture, EDDY_PAGE_VIEWED, "bob", T0 + EDDY_DAY_MS);
  tick_to(fixture, T0 + 500 * EDDY_DAY_MS);
  tick_to(fixture, T0 + 502 * EDDY_DAY_MS);
  assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 1);
  assert_int_equal(listed(fixture) + gone_count(fixture) + marker_changes(fixture) + eddy_engine_dirty(fixture->engine), 0);
  fixture_free(fixture);
}

static void test_a_slot_used_again_begins_clean(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  happen(fixture, EDDY_PRODUCT_ADDED, "ann", T0);
  tick_to(fixture, T0 + EDDY_DAY_MS / 2);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_WRITE_NOW);
  uint32_t slot = eddy_engine_find(fixture->engine, EDDY_STR("ann"));
  happen(fixture, EDDY_USER_ERASED, "ann", T0 + EDDY_DAY_MS / 2);
  assert_int_equal(eddy_engine_slot_state(fixture->engine, slot), EDDY_SLOT_FREE);
  assert_int_equal(eddy_engine_dirty(fixture->engine), 0);
  happen(fixture, EDDY_PAGE_VIEWED, "bob", T0 + EDDY_DAY_MS / 2);
  assert_int_equal(eddy_engine_find(fixture->engine, EDDY_STR("bob")), slot);
  assert_int_equal(state_of(fixture, "bob"), EDDY_SLOT_DIRTY);
  assert_true(listed(fixture) > 0); /* the slot is listed, but for another user */
  commit_now(fixture);
  assert_int_equal(state_of(fixture, "bob"), EDDY_SLOT_DIRTY); /* nobody wrote him */
  fixture_free(fixture);
}

static void expect_broken(const struct fixture *fixture, const char *number) {
  char why[200] = "";
  assert_int_equal(eddy_engine_validate(fixture->engine, why, sizeof why), EDDY_E_CORRUPT);
  assert_memory_equal(why, number, strlen(number));
}

static void test_validation_sees_wrong_bits(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  happen(fixture, EDDY_PAGE_VIEWED, "ann", T0);
  struct eddy_profile *profile = eddy_profile_table_at(&fixture->engine->table, 0);
  profile->write_now = true;
  expect_broken(fixture, "12:");
  profile->dirty = false;
  expect_broken(fixture, "11:");
  profile->write_now = false;
  expect_broken(fixture, "11:");
  profile->dirty = true;
  assert_int_equal(eddy_erased_reserve(&fixture->engine->erased), 0);
  uint64_t hash = eddy_hash_keyed(erasure_key, "ann", 3);
  eddy_erased_put(&fixture->engine->erased, hash)->erased_at = T0;
  expect_broken(fixture, "13:");
  eddy_erased_remove(&fixture->engine->erased, hash);
  fixture_free(fixture);
}

/* Rule 5 --------------------------------------------------------------------------------------------------------------------*/

/* Both are idle, their deadlines decided; the sweep's next lap begins at the tick after. */
static struct fixture *idle_fixture(void) {
  struct fixture *fixture = durable_new();
  happen(fixture, EDDY_PAGE_VIEWED, "ann", T0);
  return fixture;
}

static void sweep_once(struct fixture *fixture, int day) {
  tick_to(fixture, T0 + fixture->spec.idle_ttl_ms + day * EDDY_DAY_MS);
}

static void test_eviction_waits_for_the_hand(void **state) {
  (void)state;
  struct fixture *fixture = idle_fixture();
  sweep_once(fixture, 2);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_WRITE_NOW); /* she contributed instead */
  commit_now(fixture);
  for (int pass = 1; pass <= 3; pass++) {
    sweep_once(fixture, 2 * pass + 2);
    assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 0);
    commit_all(fixture, false);
  }
  sweep_once(fixture, 10);
  assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 1);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_FREE);
  struct eddy_str user_id;
  size_t cursor = 0;
  assert_true(eddy_engine_next_gone(fixture->engine, &cursor, &user_id));
  assert_int_equal(user_id.len, 3);
  assert_memory_equal(user_id.data, "ann", 3);
  assert_false(eddy_engine_next_gone(fixture->engine, &cursor, &user_id));
  assert_true(eddy_engine_has_writes(fixture->engine));
  commit_now(fixture);
  assert_false(eddy_engine_has_writes(fixture->engine));
  fixture_free(fixture);
}

static void test_eviction_once_everything_is_saved(void **state) {
  (void)state;
  struct fixture *fixture = idle_fixture();
  commit_all(fixture, true);
  sweep_once(fixture, 2);
  assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 1);
  fixture_free(fixture);
}

/* An event that changes nothing counts, too: replayed onto nothing it would make a profile. */
static void test_any_event_puts_eviction_off(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  struct eddy_event event = event_of(EDDY_PAGE_VIEWED, "ann", T0);
  event.event_id = EDDY_STR("e1");
  step(fixture, &event);
  for (int i = 0; i < 3; i++) commit_all(fixture, true);
  step(fixture, &event);
  assert_int_equal(eddy_engine_counters(fixture->engine)->duplicates, 1);
  sweep_once(fixture, 2);
  assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 0);
  commit_now(fixture);
  sweep_once(fixture, 4);
  assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 0);
  for (int i = 0; i < 3; i++) commit_all(fixture, false);
  happen(fixture, EDDY_PAGE_VIEWED, "bob", T0); /* others do not matter */
  sweep_once(fixture, 6);
  assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 1);
  fixture_free(fixture);
}

/* "Clean" is part of the rule: what the sweep has just changed is written first. */
static void test_eviction_waits_for_the_commit(void **state) {
  (void)state;
  struct fixture *fixture = idle_fixture();
  for (int i = 0; i < 3; i++) commit_all(fixture, false);
  tick_to(fixture, T0 + 2 * EDDY_DAY_MS);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_WRITE_NOW);
  sweep_once(fixture, 2);
  assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 0);
  commit_now(fixture);
  sweep_once(fixture, 4);
  assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 1);
  fixture_free(fixture);
}

static void test_a_stub_is_written_now(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  happen(fixture, EDDY_EMAIL_UNSUBSCRIBED, "ann", T0);
  commit_all(fixture, true);
  sweep_once(fixture, 2);
  assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 1);
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_WRITE_NOW);
  assert_int_equal(gone_count(fixture), 0);
  fixture_free(fixture);
}

/* Rule 7 --------------------------------------------------------------------------------------------------------------------*/

static uint64_t hash_of(const char *user) {
  return eddy_hash_keyed(erasure_key, user, strlen(user));
}

static void test_erasure(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  happen(fixture, EDDY_PRODUCT_ADDED, "ann", T0);
  commit_all(fixture, false);
  struct eddy_event event = event_of(EDDY_USER_ERASED, "ann", T0 + 5);
  event.event_id = EDDY_STR("forget-1");
  step(fixture, &event);
  const struct eddy_effect *effect = only_effect(fixture, EDDY_PROFILE_ERASED);
  assert_int_equal(effect->as.erased.erased_at, T0 + 5);
  assert_true(effect->as.erased.had_profile);
  assert_int_equal(effect->as.erased.event_id.len, 8);
  assert_int_equal(eddy_engine_users(fixture->engine), 0);
  assert_int_equal(eddy_engine_next_due(fixture->engine), EDDY_TIME_NONE);
  assert_int_equal(gone_count(fixture), 1);
  assert_int_equal(marker_changes(fixture), 1);
  size_t count;
  assert_int_equal(eddy_engine_marker_changes(fixture->engine, &count)[0], hash_of("ann"));
  int64_t erased_at;
  assert_true(eddy_engine_erased(fixture->engine, hash_of("ann"), &erased_at));
  assert_int_equal(erased_at, T0 + 5);
  assert_false(eddy_engine_erased(fixture->engine, hash_of("bob"), NULL));
  fixture_free(fixture);
}

static void test_erased_users_are_ignored(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  happen(fixture, EDDY_PRODUCT_ADDED, "bob", T0);
  happen(fixture, EDDY_USER_ERASED, "ann", T0);
  assert_false(only_effect(fixture, EDDY_PROFILE_ERASED)->as.erased.had_profile);
  assert_int_equal(gone_count(fixture), 0);
  assert_int_equal(marker_changes(fixture), 1);
  assert_int_equal(eddy_engine_counters(fixture->engine)->erased, 0);
  commit_all(fixture, false);
  eddy_effects_clear(&fixture->effects);
  uint64_t events = eddy_engine_counters(fixture->engine)->events;
  happen(fixture, EDDY_PRODUCT_ADDED, "ann", T0 + EDDY_DAY_MS);
  assert_int_equal(eddy_engine_counters(fixture->engine)->erased_ignored, 1);
  assert_int_equal(eddy_engine_counters(fixture->engine)->events, events);
  assert_int_equal(eddy_engine_users(fixture->engine), 1);
  assert_int_equal(eddy_engine_newest_time(fixture->engine), T0 + EDDY_DAY_MS);
  only_effect(fixture, EDDY_TRIGGER_FIRED); /* time went on for bob */
  assert_int_equal(marker_changes(fixture), 0);
  fixture_free(fixture);
}

static void test_a_second_erasure(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  happen(fixture, EDDY_USER_ERASED, "ann", T0 + 10);
  commit_all(fixture, false);
  eddy_effects_clear(&fixture->effects);
  happen(fixture, EDDY_USER_ERASED, "ann", T0);
  const struct eddy_effect *effect = only_effect(fixture, EDDY_PROFILE_ERASED);
  assert_int_equal(effect->number, 1);
  assert_int_equal(effect->as.erased.erased_at, T0 + 10);
  assert_int_equal(marker_changes(fixture), 1);
  happen(fixture, EDDY_USER_ERASED, "ann", T0 + 20);
  int64_t erased_at;
  assert_true(eddy_engine_erased(fixture->engine, hash_of("ann"), &erased_at));
  assert_int_equal(erased_at, T0 + 20);
  fixture_free(fixture);
}

static void consent(struct fixture *fixture, const char *word, int64_t time) {
  struct eddy_event event = event_of(EDDY_CONSENT_CHANGED, "ann", time);
  event.consent_state = name_of(word);
  step(fixture, &event);
}

static void test_new_consent(void **state) {
  (void)state;
  const char *words[] = {"granted", "Subscribed", "OPTED_IN", "given"};
  for (unsigned i = 0; i < 5; i++) {
    struct fixture *fixture = durable_new();
    happen(fixture, EDDY_PAGE_VIEWED, "ann", T0);
    happen(fixture, EDDY_USER_ERASED, "ann", T0 + 10);
    consent(fixture, "denied", T0 + 20);
    consent(fixture, "", T0 + 20);
    consent(fixture, "granted", T0 + 10); /* not later than the erasure */
    happen(fixture, EDDY_EMAIL_SUBSCRIBED, "ann", T0 + 5);
    assert_int_equal(eddy_engine_counters(fixture->engine)->erased_ignored, 4);
    commit_now(fixture);
    if (i < 4) consent(fixture, words[i], T0 + 11);
    if (i == 4) happen(fixture, EDDY_EMAIL_SUBSCRIBED, "ann", T0 + 11);
    assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_WRITE_NOW);
    assert_false(eddy_engine_erased(fixture->engine, hash_of("ann"), NULL));
    assert_int_equal(marker_changes(fixture), 1);
    struct eddy_user_view view;
    assert_int_equal(eddy_engine_user(fixture->engine, EDDY_STR("ann"), EDDY_TIME_NONE, &view), 0);
    assert_int_equal(view.first_seen, T0 + 11);
    happen(fixture, EDDY_PAGE_VIEWED, "ann", T0 + 12);
    assert_int_equal(eddy_engine_counters(fixture->engine)->erased_ignored, 4);
    fixture_free(fixture);
  }
}

static void test_a_tombstone_comes_before_the_new_profile(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  happen(fixture, EDDY_PAGE_VIEWED, "ann", T0);
  commit_all(fixture, false);
  happen(fixture, EDDY_USER_ERASED, "ann", T0 + 1);
  happen(fixture, EDDY_EMAIL_SUBSCRIBED, "ann", T0 + 2);
  assert_int_equal(gone_count(fixture), 1);
  assert_int_equal(marker_changes(fixture), 2); /* the same one twice; what counts is what it is now */
  assert_int_equal(state_of(fixture, "ann"), EDDY_SLOT_WRITE_NOW);
  fixture_free(fixture);
}

/* Snapshots -----------------------------------------------------------------------------------------------------------------*/

static void test_snapshots_know_the_erased(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  char name[16];
  for (unsigned i = 0; i < 50; i++) {
    snprintf(name, sizeof name, "user-%u", i);
    happen(fixture, EDDY_USER_ERASED, name, T0 + i);
  }
  happen(fixture, EDDY_PAGE_VIEWED, "ann", T0);
  struct eddy_buffer bytes, again;
  world_snapshot(fixture->engine, &bytes);
  struct eddy_engine *other = durable_engine(&fixture->spec);
  assert_int_equal(eddy_engine_restore(other, bytes.data, bytes.size), 0);
  assert_valid(other);
  assert_int_equal(eddy_engine_dirty(other), 1); /* nothing has a record */
  int64_t erased_at;
  assert_true(eddy_engine_erased(other, hash_of("user-7"), &erased_at));
  assert_int_equal(erased_at, T0 + 7);
  world_snapshot(other, &again);
  assert_int_equal(bytes.size, again.size);
  assert_memory_equal(bytes.data, again.data, again.size);
  eddy_buffer_fini(&bytes);
  eddy_buffer_fini(&again);
  eddy_engine_free(other);
  fixture_free(fixture);
}

/* The way back --------------------------------------------------------------------------------------------------------------*/

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
  sweep_once(fixture, 2);
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
      cmocka_unit_test(test_a_fold_makes_dirty_and_the_hand_cleans),
      cmocka_unit_test(test_a_duplicate_changes_nothing),
      cmocka_unit_test(test_an_output_is_written_now),
      cmocka_unit_test(test_a_segment_is_written_now),
      cmocka_unit_test(test_a_new_life_is_written_now),
      cmocka_unit_test(test_what_the_sweep_changed_is_written_now),
      cmocka_unit_test(test_nothing_is_kept_unless_durable),
      cmocka_unit_test(test_a_slot_used_again_begins_clean),
      cmocka_unit_test(test_validation_sees_wrong_bits),
      cmocka_unit_test(test_eviction_waits_for_the_hand),
      cmocka_unit_test(test_eviction_once_everything_is_saved),
      cmocka_unit_test(test_any_event_puts_eviction_off),
      cmocka_unit_test(test_eviction_waits_for_the_commit),
      cmocka_unit_test(test_a_stub_is_written_now),
      cmocka_unit_test(test_erasure),
      cmocka_unit_test(test_erased_users_are_ignored),
      cmocka_unit_test(test_a_second_erasure),
      cmocka_unit_test(test_new_consent),
      cmocka_unit_test(test_a_tombstone_comes_before_the_new_profile),
      cmocka_unit_test(test_snapshots_know_the_erased),
      cmocka_unit_test(test_a_replay_folds_what_is_not_included),
      cmocka_unit_test(test_records_replace_each_other),
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
