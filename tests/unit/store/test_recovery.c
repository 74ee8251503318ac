/* From records back to an engine: what fits is taken, what does not is refused with a sentence; with a fake engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/recovery.h"
#include "unit/store/commit_world.h"

/* A successor of a world of commits. */
struct successor {
  struct eddy_engine engine;
  struct eddy_recovery *recovery;
  struct eddy_recovery_options options;
  char why[600];
};

static struct successor *succeed(const struct world_of_commits *world) {
  struct successor *next = calloc(1, sizeof *next);
  assert_non_null(next);
  next->options = (struct eddy_recovery_options){
      .changelog = options_for(&next->engine, NULL), .sequence = world->log.sequence, .position = world->log.position};
  return next;
}

static void open_recovery(struct successor *next) {
  if (next->recovery == NULL) assert_int_equal(eddy_recovery_new(&next->recovery, &next->options), 0);
}

static enum eddy_recovery_result take(struct successor *next, const struct log *log, size_t i) {
  const struct log_record *record = &log->items[i];
  open_recovery(next);
  return eddy_recovery_take(next->recovery, record->bytes, record->key_size, log_value(record), record->value_size,
                            (int64_t)i + 1000, next->why, sizeof next->why);
}

/* Everything up to the first answer that is not MORE. */
static enum eddy_recovery_result take_all(struct successor *next, const struct log *log) {
  enum eddy_recovery_result result = EDDY_RECOVERY_MORE;
  open_recovery(next);
  for (size_t i = 0; i < log->committed && result == EDDY_RECOVERY_MORE; i++) result = take(next, log, i);
  return result;
}

static void part(struct successor *next) {
  eddy_recovery_free(next->recovery);
  free(next);
}

static void assert_why(const struct successor *next, const char *part_of_it) {
  if (strstr(next->why, part_of_it) == NULL) fail_msg("\"%s\" is not in \"%s\"", part_of_it, next->why);
  assert_null(strchr(next->why, '\n'));
  assert_non_null(strstr(next->why, "partition 3"));
  assert_non_null(strstr(next->why, "; ")); /* what to do */
}

/* Eight users; two commits, the second with a full lap. */
static struct world_of_commits *two_commits(void) {
  struct world_of_commits *world = begin();
  events(world, 8);
  commit(world);
  events(world, 8);
  fake_publish(&world->engine, 3);
  fake_erase(&world->engine, 5, 77);
  world->commit.full_lap = true;
  commit(world);
  world->commit.full_lap = false;
  return world;
}

/* Round trip ---------------------------------------------------------------------------------------------------------------*/

static void assert_same_profiles(const struct eddy_engine *is, const struct eddy_engine *should) {
  for (unsigned user = 0; user < FAKE_USERS; user++) {
    const struct fake_profile *a = fake_find(is, user), *b = fake_find(should, user);
    assert_int_equal(a != NULL, b != NULL);
    assert_int_equal(is->erased[user], should->erased[user]);
    if (a != NULL) assert_true(a->folded == b->folded && a->published == b->published);
  }
}

static void what_was_written_comes_back(void **state) {
  (void)state;
  struct world_of_commits *world = two_commits();
  struct successor *next = succeed(world);
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_DONE);
  assert_same_profiles(&next->engine, &world->engine);
  assert_int_equal(next->engine.state, world->engine.state);
  assert_int_equal(next->engine.includes[3], world->log.position);
  assert_int_equal(next->engine.erased_includes[5], world->log.position);
  assert_int_equal(next->engine.erased_at[5], 77);
  assert_int_equal(eddy_recovery_records(next->recovery), world->log.count);
  assert_true(eddy_recovery_bytes(next->recovery) > 100);
  assert_int_equal(eddy_recovery_replay_from(next->recovery), world->log.position);
  end(world);
  part(next);
}

static void the_successor_goes_on(void **state) {
  (void)state;
  struct world_of_commits *world = begin();
  events(world, 30);
  reject(world, world->commit.position);
  world->commit.has_trigger = true;
  world->commit.last_trigger = 9;
  commit(world);
  struct successor *next = succeed(world);
  struct eddy_changelog *changelog;
  uint64_t number;
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_DONE);
  assert_int_equal(eddy_recovery_aggregate(next->recovery)->last_trigger, 9);
  for (int64_t offset = eddy_recovery_replay_from(next->recovery); offset < world->log.position; offset++) {
    if (!eddy_recovery_skip(next->recovery, offset)) fake_replay(&next->engine, (unsigned)(offset - START), offset);
  }
  assert_int_equal(eddy_recovery_finish(next->recovery, &changelog), 0);
  eddy_recovery_free(next->recovery);
  next->recovery = NULL;
  assert_true(next->engine.live);
  assert_same_profiles(&next->engine, &world->engine);
  assert_int_equal(eddy_changelog_sequence(changelog), 1);
  assert_int_equal(eddy_changelog_replay_from(changelog), eddy_changelog_replay_from(world->changelog)); /* rule 25 */
  assert_true(eddy_changelog_last_trigger(changelog, &number) && number == 9);
  size_t first = world->log.count;
  assert_int_equal(eddy_changelog_write(changelog, &world->commit, log_put, &world->log), 0);
  assert_int_not_equal(world->log.items[first].bytes[0], 'l'); /* the layout is there already */
  struct eddy_changelog_record record;
  assert_int_equal(log_decode(&world->log.items[world->log.count - 1], world->room, &record), 0);
  assert_int_equal(record.place.sequence, 2);
  assert_int_equal(record.aggregate.rejected_count, 1);
  eddy_changelog_free(changelog);
  end(world);
  part(next);
}

static void of_each_key_the_newest_counts(void **state) {
  (void)state;
  struct world_of_commits *world = begin();
  world->commit.full_lap = true;
  for (int i = 0; i < 20; i++) {
    events(world, 8);
    if (i % 5 == 1) fake_erase(&world->engine, 2, i);
    if (i % 5 == 3) fake_consent(&world->engine, 2);
    if (i % 3 == 1) fake_remove(&world->engine, 4);
    commit(world);
    if (i == 11) log_compact(&world->log, 0, world->log.count - 3);
  }
  struct successor *next = succeed(world);
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_DONE);
  assert_same_profiles(&next->engine, &world->engine);
  end(world);
  part(next);
}

static void it_ends_at_the_committed_sequence(void **state) {
  (void)state;
  struct world_of_commits *world = begin();
  for (int i = 0; i < 3; i++) {
    events(world, 4);
    commit(world);
  }
  struct successor *next = succeed(world);
  next->options.sequence = 4; /* its marker has not arrived */
  next->options.position = world->log.position + 4;
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_MORE);
  assert_int_equal(eddy_recovery_at_end(next->recovery, next->why, sizeof next->why), EDDY_RECOVERY_MORE);
  part(next);
  next = succeed(world);
  next->options.sequence = 1;
  next->options.position = START + 4;
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_DONE);
  assert_true(eddy_recovery_records(next->recovery) < world->log.count);
  part(next);
  log_compact(&world->log, 0, world->log.count); /* the aggregate of commit 1 is gone */
  next = succeed(world);
  next->options.sequence = 1;
  next->options.position = START + 4;
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_NEWER);
  part(next);
  end(world);
}

static void short_memory_changes_nothing(void **state) {
  (void)state;
  struct world_of_commits *world = two_commits();
  struct successor *next = succeed(world);
  open_recovery(next);
  enum eddy_recovery_result result = EDDY_RECOVERY_MORE;
  unsigned failures = 0;
  for (size_t i = 0; i < world->log.count; i++) {
    next->engine.error = EDDY_E_NOMEM;
    result = take(next, &world->log, i);
    if (result == EDDY_RECOVERY_NOMEM) result = take(next, &world->log, i), failures++;
    next->engine.error = 0;
    assert_int_equal(result, i + 1 < world->log.count ? EDDY_RECOVERY_MORE : EDDY_RECOVERY_DONE);
  }
  assert_true(failures >= 6);
  assert_int_equal(eddy_recovery_records(next->recovery), world->log.count);
  assert_same_profiles(&next->engine, &world->engine);
  end(world);
  part(next);
}

/* Refusals -----------------------------------------------------------------------------------------------------------------*/

/* What a successor says of two commits with `change` applied to its options or to the log. */
static void refuses(void (*change)(struct successor *, struct world_of_commits *), const char *part_of_why) {
  struct world_of_commits *world = two_commits();
  struct successor *next = succeed(world);
  change(next, world);
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_REFUSED);
  assert_why(next, part_of_why);
  end(world);
  part(next);
}

static void other_partition(struct successor *next, struct world_of_commits *world) {
  (void)world;
  next->options.changelog.partition = 3;
  for (size_t i = 0; i < world->log.count; i++) log_drop(&world->log, 0);
  world->log.committed = 0;
  struct eddy_changelog_place place = {.partition = 4, .incarnation = 99, .sequence = 1, .position = 1};
  struct eddy_buffer value;
  eddy_buffer_init(&value, NULL);
  assert_int_equal(eddy_changelog_encode_erased(&place, EDDY_STR("e12345678"), 1, &value), 0);
  log_put(&world->log, EDDY_STR("e12345678"), value.data, value.size);
  world->log.committed = 1;
  eddy_buffer_fini(&value);
}
static void other_incarnation(struct successor *next, struct world_of_commits *world) {
  (void)world;
  next->options.changelog.incarnation = 98;
}
static void older_offset(struct successor *next, struct world_of_commits *world) {
  (void)world;
  next->options.position = START + 1;
}
static void newer_offset(struct successor *next, struct world_of_commits *world) {
  (void)world;
  next->options.position++;
}
static void other_partition_count(struct successor *next, struct world_of_commits *world) {
  (void)world;
  next->options.changelog.partition_count = 16;
}
static void other_erasure_key(struct successor *next, struct world_of_commits *world) {
  (void)world;
  next->options.changelog.erasure_check++;
}
static void damaged_record(struct successor *next, struct world_of_commits *world) {
  (void)next;
  world->log.items[1].bytes[world->log.items[1].key_size + 9] ^= 1;
}
static void newer_version(struct successor *next, struct world_of_commits *world) {
  (void)next;
  world->log.items[1].bytes[world->log.items[1].key_size] = EDDY_CHANGELOG_VERSION + 1;
}
static void swapped_order(struct successor *next, struct world_of_commits *world) {
  (void)next;
  struct log_record last = world->log.items[world->log.count - 1];
  world->log.items[world->log.count - 1] = world->log.items[0];
  world->log.items[0] = last;
  world->log.sequence = 3;
}
static void engine_finds_damage(struct successor *next, struct world_of_commits *world) {
  (void)world;
  open_recovery(next);
  next->engine.error = EDDY_E_CORRUPT;
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  refuses(other_partition, "belongs to partition 4");
  refuses(other_incarnation, "is of incarnation 99, not 98");
  refuses(older_offset, "but offset 501 is committed");
  refuses(newer_offset, "commit 2 is of position 516, but offset 517 is committed");
  refuses(other_partition_count, "had 12 partitions when the state was written and has 16 now");
  refuses(other_erasure_key, "the erasure key is another one");
  refuses(damaged_record, "changelog offset 1001: the checksum does not match");
  refuses(newer_version, "written by a newer eddy");
  refuses(engine_finds_damage, "changelog offset 1000: the bytes of a layout are damaged");
}

static void commits_out_of_order_are_refused(void **state) {
  (void)state;
  struct world_of_commits *world = two_commits();
  struct successor *next = succeed(world);
  next->options.sequence = 3;
  swapped_order(next, world);
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_REFUSED);
  assert_why(next, "commit 1 of position 508 follows on commit 2 of position 516");
  end(world);
  part(next);
}

/* Offsets that are gone ----------------------------------------------------------------------------------------------------*/

static struct successor *without_offset(const struct world_of_commits *world, bool adopt) {
  struct successor *next = succeed(world);
  next->options.expect_nothing = true;
  next->options.adopt_newest = adopt;
  next->options.sequence = 0;
  next->options.position = 40;
  next->options.changelog.incarnation = 123456; /* a new one */
  return next;
}

static void nothing_expected_and_nothing_found(void **state) {
  (void)state;
  for (int adopt = 0; adopt < 2; adopt++) {
    struct world_of_commits *world = begin();
    struct successor *next = without_offset(world, adopt == 1);
    struct eddy_changelog *changelog;
    struct eddy_changelog_place place;
    open_recovery(next);
    assert_int_equal(eddy_recovery_at_end(next->recovery, next->why, sizeof next->why), EDDY_RECOVERY_DONE);
    assert_null(eddy_recovery_aggregate(next->recovery));
    assert_false(eddy_recovery_adopted(next->recovery, &place));
    assert_int_equal(eddy_recovery_replay_from(next->recovery), 40);
    assert_int_equal(eddy_recovery_check_log(next->recovery, 40, 90, false, next->why, sizeof next->why), 0);
    assert_int_equal(eddy_recovery_finish(next->recovery, &changelog), 0);
    assert_int_equal(eddy_changelog_sequence(changelog), 0);
    assert_int_equal(eddy_changelog_replay_from(changelog), 40);
    eddy_changelog_free(changelog);
    end(world);
    part(next);
  }
}

static void state_without_an_offset_is_refused(void **state) {
  (void)state;
  struct world_of_commits *world = two_commits();
  struct successor *next = without_offset(world, false);
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_MORE);
  assert_int_equal(eddy_recovery_at_end(next->recovery, next->why, sizeof next->why), EDDY_RECOVERY_REFUSED);
  assert_why(next, "state up to position 516, commit 2");
  assert_why(next, "--offsets-from-profiles");
  end(world);
  part(next);
}

static void state_without_an_offset_can_be_adopted(void **state) {
  (void)state;
  struct world_of_commits *world = two_commits();
  struct successor *next = without_offset(world, true);
  struct eddy_changelog_place place;
  struct eddy_changelog *changelog;
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_MORE);
  assert_int_equal(eddy_recovery_at_end(next->recovery, next->why, sizeof next->why), EDDY_RECOVERY_DONE);
  assert_true(eddy_recovery_adopted(next->recovery, &place));
  assert_int_equal(place.position, 516);
  assert_int_equal(place.sequence, 2);
  assert_int_equal(place.incarnation, 99);
  assert_same_profiles(&next->engine, &world->engine);
  assert_int_equal(eddy_recovery_finish(next->recovery, &changelog), 0);
  assert_int_equal(eddy_changelog_sequence(changelog), 2);
  eddy_changelog_free(changelog);
  end(world);
  part(next);
}

static void a_commit_without_aggregate_is_not_adopted(void **state) {
  (void)state;
  struct world_of_commits *world = two_commits();
  log_drop(&world->log, world->log.count - 1);
  world->log.committed = world->log.count;
  struct successor *next = without_offset(world, true);
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_MORE);
  assert_int_equal(eddy_recovery_at_end(next->recovery, next->why, sizeof next->why), EDDY_RECOVERY_REFUSED);
  assert_why(next, "commit in the changelog, 2, has no aggregate");
  end(world);
  part(next);
}

/* The log of the input -----------------------------------------------------------------------------------------------------*/

static void the_log_must_have_what_is_replayed(void **state) {
  (void)state;
  enum { FROM = START, AT = START + 30 };
  static const struct {
    int64_t start, end;
    bool accept_loss;
    const char *why;
    int64_t replay_from;
  } cases[] = {
      {0, 1000, false, NULL, FROM},
      {FROM, AT, false, NULL, FROM},
      {FROM + 1, AT, false, "events from offset 500 on are needed, but the input begins at 501", 0},
      {FROM + 1, AT, true, NULL, FROM + 1},
      {AT + 7, AT + 9, true, NULL, AT + 7},
      {AT + 7, AT + 9, false, "the input begins at 537", 0},
      {0, AT - 1, true, "offset 530 is committed, but the input ends at 529", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct world_of_commits *world = begin();
    events(world, 30);
    commit(world);
    struct successor *next = succeed(world);
    assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_DONE);
    int result = eddy_recovery_check_log(next->recovery, cases[i].start, cases[i].end, cases[i].accept_loss, next->why,
                                         sizeof next->why);
    assert_int_equal(result, cases[i].why != NULL ? -1 : 0);
    if (cases[i].why != NULL) {
      assert_why(next, cases[i].why);
    } else {
      struct eddy_changelog *changelog;
      assert_int_equal(eddy_recovery_replay_from(next->recovery), cases[i].replay_from);
      assert_int_equal(eddy_recovery_position(next->recovery), cases[i].start > AT ? cases[i].start : AT);
      assert_int_equal(eddy_recovery_finish(next->recovery, &changelog), 0);
      assert_int_equal(eddy_changelog_replay_from(changelog), cases[i].replay_from);
      eddy_changelog_free(changelog);
    }
    end(world);
    part(next);
  }
}

static void refused_offsets_are_skipped(void **state) {
  (void)state;
  struct world_of_commits *world = begin();
  events(world, 30);
  for (int64_t offset = 530; offset < 560; offset++) {
    if (offset % 10 < 3) reject(world, offset);
  }
  world->commit.position = 565;
  commit(world);
  struct successor *next = succeed(world);
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_DONE);
  for (int64_t offset = eddy_recovery_replay_from(next->recovery); offset < 565; offset++) {
    assert_int_equal(eddy_recovery_skip(next->recovery, offset), offset >= 530 && offset < 560 && offset % 10 < 3);
  }
  end(world);
  part(next);
}

/* Redis --------------------------------------------------------------------------------------------------------------------*/

/* Bit mask of the users that are told. */
static uint64_t changed_users(const struct successor *next) {
  uint64_t users = 0;
  size_t cursor = 0;
  struct eddy_str user_id;
  while (eddy_recovery_next_changed(next->recovery, &cursor, &user_id)) {
    uint64_t bit = UINT64_C(1) << fake_user(user_id);
    assert_true((users & bit) == 0);
    users |= bit;
  }
  return users;
}

#define USER(n) (UINT64_C(1) << (n))

/* Commit 1: users 0-7. 2: user 1 written. 3: users 2 and 3 gone. 4: user 3 again, user 4 written. */
static struct world_of_commits *four_commits(bool redis_known, uint64_t acknowledged) {
  struct world_of_commits *world = begin();
  world->commit.full_lap = true;
  events(world, 8);
  commit(world);
  fake_publish(&world->engine, 1);
  commit(world);
  fake_remove(&world->engine, 2);
  fake_remove(&world->engine, 3);
  commit(world);
  fake_event(&world->engine, 3, world->commit.position++);
  fake_publish(&world->engine, 4);
  world->commit.redis_known = redis_known;
  world->commit.redis_sequence = acknowledged;
  commit(world);
  return world;
}

static void redis_is_told_what_it_has_not_acknowledged(void **state) {
  (void)state;
  static const uint64_t expected[] = {
      USER(0) | USER(1) | USER(2) | USER(3) | USER(4) | USER(5) | USER(6) | USER(7),
      USER(1) | USER(2) | USER(3) | USER(4),
      USER(2) | USER(3) | USER(4),
      USER(3) | USER(4),
      0,
  };
  for (uint64_t acknowledged = 0; acknowledged <= 4; acknowledged++) {
    struct world_of_commits *world = four_commits(true, acknowledged);
    struct successor *next = succeed(world);
    assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_DONE);
    assert_true(changed_users(next) == expected[acknowledged]);
    part(next);
    end(world);
  }
}

/* Compaction takes the aggregates between; a tombstone then lies right behind records of much older commits. */
static void compaction_hides_no_deletion(void **state) {
  (void)state;
  struct world_of_commits *world = four_commits(true, 2);
  log_compact(&world->log, 0, world->log.count);
  struct successor *next = succeed(world);
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_DONE);
  assert_int_equal(changed_users(next), USER(2) | USER(3) | USER(4));
  part(next);
  end(world);
}

static void of_an_unknown_redis_nothing_is_told(void **state) {
  (void)state;
  struct world_of_commits *world = four_commits(false, 1);
  struct successor *next = succeed(world);
  assert_int_equal(take_all(next, &world->log), EDDY_RECOVERY_DONE);
  assert_int_equal(changed_users(next), 0);
  part(next);
  end(world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_written_comes_back),
      cmocka_unit_test(the_successor_goes_on),
      cmocka_unit_test(of_each_key_the_newest_counts),
      cmocka_unit_test(it_ends_at_the_committed_sequence),
      cmocka_unit_test(short_memory_changes_nothing),
      cmocka_unit_test(what_does_not_fit_is_refused),
      cmocka_unit_test(commits_out_of_order_are_refused),
      cmocka_unit_test(nothing_expected_and_nothing_found),
      cmocka_unit_test(state_without_an_offset_is_refused),
      cmocka_unit_test(state_without_an_offset_can_be_adopted),
      cmocka_unit_test(a_commit_without_aggregate_is_not_adopted),
      cmocka_unit_test(the_log_must_have_what_is_replayed),
      cmocka_unit_test(refused_offsets_are_skipped),
      cmocka_unit_test(redis_is_told_what_it_has_not_acknowledged),
      cmocka_unit_test(compaction_hides_no_deletion),
      cmocka_unit_test(of_an_unknown_redis_nothing_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
