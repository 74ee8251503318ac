/* What a durable engine says a commit has to write, when it evicts, and what it does about erased users. Numbers are the rules
 * of src/store/README.md. */
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
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
