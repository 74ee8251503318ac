/* What commits write: order, the hand's share, aborts, refused offsets; with a fake engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "unit/store/commit_world.h"

/* Kinds of the records from index `from` on, a letter each; capitals are tombstones. */
static const char *kinds(const struct world_of_commits *world, size_t from) {
  static char text[512];
  size_t length = 0;
  for (size_t i = from; i < world->log.count && length + 1 < sizeof text; i++) {
    const struct log_record *record = &world->log.items[i];
    text[length++] = (char)(record->bytes[0] - (record->tombstone ? 'a' - 'A' : 0));
  }
  text[length] = '\0';
  return text;
}

static struct eddy_aggregate last_aggregate(struct world_of_commits *world, struct eddy_changelog_place *place) {
  struct eddy_changelog_record record;
  assert_true(world->log.count > 0);
  assert_int_equal(log_decode(&world->log.items[world->log.count - 1], world->room, &record), 0);
  assert_int_equal(record.kind, EDDY_CHANGELOG_AGGREGATE);
  if (place != NULL) *place = record.place;
  return record.aggregate;
}

/* Order --------------------------------------------------------------------------------------------------------------------*/

static void records_come_in_order(void **state) {
  (void)state;
  struct world_of_commits *world = begin();
  world->commit.full_lap = true;
  events(world, 4);
  commit(world);
  size_t first = world->log.count;
  fake_erase(&world->engine, 1, 7);
  fake_remove(&world->engine, 2);
  fake_publish(&world->engine, 3);
  fake_event(&world->engine, 0, world->commit.position++);
  commit(world);
  assert_string_equal(kinds(world, first), "PPeppa");
  first = world->log.count;
  fake_consent(&world->engine, 1);
  commit(world);
  assert_string_equal(kinds(world, first), "Epa"); /* the marker's tombstone and the new profile */
  end(world);
}

static void the_layout_is_written_once(void **state) {
  (void)state;
  struct world_of_commits *world = begin();
  write_now(world);
  assert_string_equal(kinds(world, 0), "la");
  log_abort(&world->log, world->changelog);
  commit(world);
  assert_string_equal(kinds(world, 0), "la");
  commit(world);
  assert_string_equal(kinds(world, 0), "laa");
  end(world);
}

static void every_record_names_its_commit(void **state) {
  (void)state;
  struct world_of_commits *world = begin();
  world->commit.full_lap = true;
  events(world, 3);
  commit(world);
  fake_erase(&world->engine, 1, 7);
  fake_publish(&world->engine, 2);
  commit(world);
  size_t first = 5; /* l p p p a */
  assert_string_equal(kinds(world, first), "Pepa");
  for (size_t i = first + 1; i < world->log.count; i++) {
    struct eddy_changelog_record record;
    assert_int_equal(log_decode(&world->log.items[i], world->room, &record), 0);
    assert_int_equal(record.place.partition, 3);
    assert_int_equal(record.place.incarnation, 99);
    assert_int_equal(record.place.sequence, 2);
    assert_int_equal(record.place.position, START + 3);
  }
  assert_int_equal(eddy_changelog_sequence(world->changelog), 2);
  assert_int_equal(eddy_changelog_written(world->changelog), world->log.count);
  end(world);
}

static void a_profile_written_at_once_is_written_once(void **state) {
  (void)state;
  struct world_of_commits *world = begin();
  world->commit.full_lap = true;
  events(world, 5);
  commit(world);
  size_t first = world->log.count;
  for (int i = 0; i < 3; i++) fake_publish(&world->engine, 2); /* three entries of the list */
  fake_publish(&world->engine, 4);
  fake_remove(&world->engine, 4); /* a stale one */
  world->commit.records_max = 0;
  commit(world);
  assert_string_equal(kinds(world, first), "Ppa");
  assert_int_equal(eddy_engine_dirty(&world->engine), 0);
  end(world);
}

/* The hand -----------------------------------------------------------------------------------------------------------------*/

/* Profiles that the last commit wrote. */
static size_t profiles_since(const struct world_of_commits *world, size_t first) {
  const char *text = kinds(world, first);
  size_t count = 0;
  for (; *text != '\0'; text++) count += *text == 'p';
  return count;
}

static size_t commit_profiles(struct world_of_commits *world, int64_t elapsed, int64_t moved) {
  size_t first = world->log.count;
  world->commit.mono += elapsed;
  world->commit.position += moved;
  commit(world);
  return profiles_since(world, first);
}

/* 30 profiles, all dirty, the hand at the first. */
static struct world_of_commits *begin_dirty(void) {
  struct world_of_commits *world = begin();
  events(world, 30);
  world->commit.full_lap = true;
  commit(world);
  world->commit.full_lap = false;
  events(world, 30);
  return world;
}

static void the_hand_takes_its_share(void **state) {
  (void)state;
  struct world_of_commits *world = begin_dirty();
  size_t written = commit_profiles(world, 0, 0);
  assert_in_range(written, 1, 2); /* 30 of 1000 events, rounded up */
  assert_in_range(commit_profiles(world, INTERVAL_MS / 3, 0), 10, 11);
  assert_in_range(commit_profiles(world, 0, FLUSH_EVENTS / 3), 10, 11);
  assert_in_range(commit_profiles(world, INTERVAL_MS / 10, FLUSH_EVENTS / 100), 3, 4);
  end(world);
}

static void without_time_or_events_it_takes_one(void **state) {
  (void)state;
  struct world_of_commits *world = begin_dirty();
  commit_profiles(world, 0, 0);
  for (int i = 0; i < 5; i++) assert_int_equal(commit_profiles(world, 0, 0), 1);
  end(world);
}

static void a_lap_takes_at_most_the_interval(void **state) {
  (void)state;
  struct world_of_commits *world = begin_dirty();
  int64_t position = world->commit.position;
  for (int i = 0; i < 10; i++) {
    fake_event(&world->engine, 29, world->commit.position++); /* something stays dirty */
    commit_profiles(world, INTERVAL_MS / 10, 0);
  }
  assert_true(eddy_changelog_replay_from(world->changelog) >= position);
  end(world);
}

static void what_records_max_holds_back_is_owed(void **state) {
  (void)state;
  struct world_of_commits *world = begin_dirty();
  world->commit.records_max = 4;
  assert_int_equal(commit_profiles(world, INTERVAL_MS, 0), 4);
  assert_true(eddy_changelog_wants(world->changelog, world->commit.mono));
  assert_int_equal(commit_profiles(world, 0, 0), 4);
  world->commit.records_max = SIZE_MAX;
  assert_int_equal(commit_profiles(world, 0, 0), 22);
  assert_int_equal(commit_profiles(world, 0, 0), 0);
  end(world);
}

static void a_full_lap_saves_everything(void **state) {
  (void)state;
  struct world_of_commits *world = begin_dirty();
  commit_profiles(world, INTERVAL_MS / 2, 0); /* the hand is somewhere in the middle */
  events(world, 30);
  assert_false(eddy_changelog_saved(world->changelog, world->commit.position));
  world->commit.full_lap = true;
  assert_int_equal(commit_profiles(world, 0, 0), 30);
  assert_true(world->engine.all_saved);
  assert_int_equal(eddy_changelog_replay_from(world->changelog), world->commit.position);
  assert_true(eddy_changelog_saved(world->changelog, world->commit.position));
  assert_false(eddy_changelog_saved(world->changelog, world->commit.position + 1));
  fake_publish(&world->engine, 1);
  assert_false(eddy_changelog_saved(world->changelog, world->commit.position));
  end(world);
}

static void nothing_dirty_means_everything_saved(void **state) {
  (void)state;
  struct world_of_commits *world = begin_dirty();
  world->commit.full_lap = true;
  commit_profiles(world, 0, 0);
  world->commit.full_lap = false;
  fake_publish(&world->engine, 3);
  assert_int_equal(commit_profiles(world, 0, 100), 1);
  assert_int_equal(eddy_changelog_replay_from(world->changelog), world->commit.position);
  end(world);
}

static void wants_a_commit_when_there_is_work(void **state) {
  (void)state;
  struct world_of_commits *world = begin();
  assert_false(eddy_changelog_wants(world->changelog, 0));
  events(world, 30);
  assert_true(eddy_changelog_wants(world->changelog, 0)); /* the first commit starts the clock */
  commit(world);
  assert_false(eddy_changelog_wants(world->changelog, 1));
  assert_true(eddy_changelog_wants(world->changelog, INTERVAL_MS));
  world->commit.full_lap = true;
  commit(world);
  assert_false(eddy_changelog_wants(world->changelog, INTERVAL_MS));
  fake_remove(&world->engine, 2);
  assert_true(eddy_changelog_wants(world->changelog, 1));
  end(world);
}

/* Aborts -------------------------------------------------------------------------------------------------------------------*/

static void an_abort_leaves_everything_to_the_next_try(void **state) {
  (void)state;
  struct world_of_commits *world = begin_dirty();
  fake_publish(&world->engine, 5);
  fake_erase(&world->engine, 6, 1);
  world->commit.mono += INTERVAL_MS / 2;
  size_t first = world->log.count;
  char before[512];
  write_now(world);
  snprintf(before, sizeof before, "%s", kinds(world, first));
  int64_t replay_from = eddy_changelog_replay_from(world->changelog);
  size_t dirty = eddy_engine_dirty(&world->engine);
  log_abort(&world->log, world->changelog);
  assert_int_equal(eddy_engine_dirty(&world->engine), dirty);
  assert_int_equal(eddy_changelog_replay_from(world->changelog), replay_from);
  write_now(world);
  assert_string_equal(kinds(world, first), before);
  end(world);
}

static void an_error_of_put_ends_the_write(void **state) {
  (void)state;
  for (size_t fail_at = 0; fail_at < 9; fail_at++) {
    struct world_of_commits *world = begin();
    events(world, 3);
    fake_publish(&world->engine, 1);
    fake_erase(&world->engine, 2, 1);
    fake_remove(&world->engine, 0);
    fake_event(&world->engine, 4, world->commit.position++);
    world->log.fail_at = fail_at; /* layout, two tombstones, marker, two profiles, aggregate */
    int result = eddy_changelog_write(world->changelog, &world->commit, log_put, &world->log);
    assert_int_equal(result, fail_at < 7 ? 77 : 0);
    log_abort(&world->log, world->changelog);
    world->log.fail_at = SIZE_MAX;
    commit(world);
    assert_string_equal(kinds(world, 0), "lPPeppa");
    end(world);
  }
}

/* Memory that fails once, at the call `fail_at`. (That of lib/engine_world.h would bring the real engine along.) */
struct failing {
  unsigned calls, fail_at;
  size_t live_bytes;
};

static void *failing_resize(void *ctx, void *old, size_t old_size, size_t new_size) {
  struct failing *failing = ctx;
  if (new_size > 0 && ++failing->calls == failing->fail_at) return NULL;
  failing->live_bytes += new_size - old_size;
  return eddy_resize(NULL, old, old_size, new_size);
}

static void without_memory_nothing_changes(void **state) {
  (void)state;
  unsigned failures = 0;
  for (unsigned fail_at = 1; fail_at < 12; fail_at++) {
    struct failing failing = {.fail_at = fail_at};
    struct eddy_allocator allocator = {.resize = failing_resize, .ctx = &failing};
    struct eddy_engine *engine = calloc(1, sizeof *engine);
    assert_non_null(engine);
    struct eddy_changelog_options options = options_for(engine, &allocator);
    struct eddy_aggregate aggregate = {
        .replay_from = 2, .rejected = (const struct eddy_rejected[]){{2, 3}}, .rejected_count = 1};
    struct eddy_changelog_place place = {.sequence = 4, .position = 9};
    struct eddy_changelog *changelog;
    struct log log;
    log_init(&log);
    int error;
    while ((error = eddy_changelog_new(&changelog, &options, &place, &aggregate, false)) != 0) {
      assert_int_equal(error, EDDY_E_NOMEM);
      assert_int_equal(failing.live_bytes, 0);
      failures++;
    }
    for (int64_t offset = 10; offset < 20; offset += 2) {
      while (eddy_changelog_reject(changelog, offset) != 0) failures++;
      fake_event(engine, 3, offset);
    }
    struct eddy_changelog_commit commit = {.position = 20, .records_max = 100};
    while ((error = eddy_changelog_write(changelog, &commit, log_put, &log)) != 0) {
      assert_int_equal(error, EDDY_E_NOMEM);
      log_abort(&log, changelog);
      failures++;
    }
    assert_int_equal(log.count, 3);
    log_fini(&log);
    eddy_changelog_free(changelog);
    assert_int_equal(failing.live_bytes, 0);
    free(engine);
  }
  assert_true(failures >= 6);
}

/* The aggregate ------------------------------------------------------------------------------------------------------------*/

static void the_aggregate_tells_what_the_commit_said(void **state) {
  (void)state;
  struct world_of_commits *world = begin();
  struct eddy_changelog_place place;
  uint64_t number;
  world->commit.wall = 1234567;
  world->commit.model_version = 8;
  world->commit.redis_known = true;
  world->commit.redis_sequence = 5;
  world->commit.redis_trigger = 6;
  world->commit.redis_since = 7;
  commit(world);
  assert_false(eddy_changelog_last_trigger(world->changelog, &number));
  struct eddy_aggregate aggregate = last_aggregate(world, &place);
  assert_int_equal(place.position, START);
  assert_int_equal(aggregate.partition_count, 12);
  assert_int_equal(aggregate.erasure_check, 0xabc);
  assert_int_equal(aggregate.model_version, 8);
  assert_int_equal(aggregate.written_at, 1234567);
  assert_true(aggregate.redis.known && aggregate.redis.sequence == 5 && aggregate.redis.trigger == 6);
  assert_int_equal(aggregate.redis.since, 7);
  assert_false(aggregate.has_trigger);
  assert_int_equal(aggregate.state_size, 8);
  end(world);
}

static void the_last_trigger_is_kept(void **state) {
  (void)state;
  struct world_of_commits *world = begin();
  uint64_t number = 0;
  world->commit.has_trigger = true;
  world->commit.last_trigger = 0;
  write_now(world);
  log_abort(&world->log, world->changelog);
  assert_false(eddy_changelog_last_trigger(world->changelog, &number));
  world->commit.last_trigger = 17;
  commit(world);
  world->commit.has_trigger = false;
  world->commit.last_trigger = 0;
  commit(world);
  assert_true(last_aggregate(world, NULL).has_trigger);
  assert_int_equal(last_aggregate(world, NULL).last_trigger, 17);
  assert_true(eddy_changelog_last_trigger(world->changelog, &number));
  assert_int_equal(number, 17);
  end(world);
}

/* Refused offsets ----------------------------------------------------------------------------------------------------------*/

static void refused_offsets_are_kept_while_they_can_be_replayed(void **state) {
  (void)state;
  struct world_of_commits *world = begin_dirty();
  int64_t at = world->commit.position;
  reject(world, at);
  reject(world, at + 1);
  reject(world, at + 1); /* again */
  reject(world, at + 5);
  commit_profiles(world, 0, 0);
  struct eddy_aggregate aggregate = last_aggregate(world, NULL);
  assert_int_equal(aggregate.rejected_count, 2);
  assert_true(aggregate.rejected[0].first == at && aggregate.rejected[0].end == at + 2);
  assert_true(aggregate.rejected[1].first == at + 5 && aggregate.rejected[1].end == at + 6);
  world->commit.full_lap = true;
  write_now(world);
  assert_int_equal(last_aggregate(world, NULL).rejected_count, 0);
  log_abort(&world->log, world->changelog); /* they are still needed */
  world->commit.full_lap = false;
  commit_profiles(world, 0, 0);
  assert_int_equal(last_aggregate(world, NULL).rejected_count, 2);
  end(world);
}

static void many_refused_offsets_force_a_lap(void **state) {
  (void)state;
  struct world_of_commits *world = begin_dirty();
  for (int i = 0; i < EDDY_REJECTED_MAX / 2; i++) reject(world, world->commit.position + 1);
  assert_int_equal(commit_profiles(world, 0, -1 + 1), 30); /* flush_events has passed anyway */
  events(world, 30);
  for (int i = 0; i <= EDDY_REJECTED_MAX / 2; i++) reject(world, world->commit.position + 1);
  assert_true(eddy_changelog_wants(world->changelog, world->commit.mono));
  world->commit.records_max = 10;
  assert_int_equal(commit_profiles(world, 0, 0), 10);
  assert_true(eddy_changelog_wants(world->changelog, world->commit.mono));
  assert_int_equal(commit_profiles(world, 0, 0), 10);
  assert_int_equal(last_aggregate(world, NULL).rejected_count, EDDY_REJECTED_MAX / 2 + 1);
  assert_int_equal(commit_profiles(world, 0, 0), 10);
  assert_int_equal(last_aggregate(world, NULL).rejected_count, 0);
  end(world);
}

static void too_many_refused_offsets_ignore_records_max(void **state) {
  (void)state;
  struct world_of_commits *world = begin_dirty();
  world->commit.records_max = 1;
  for (int i = 0; i <= EDDY_REJECTED_MAX; i++) reject(world, world->commit.position + 1);
  assert_int_equal(commit_profiles(world, 0, 0), 30);
  assert_int_equal(last_aggregate(world, NULL).rejected_count, 0);
  assert_int_equal(eddy_changelog_replay_from(world->changelog), world->commit.position);
  end(world);
}

static void a_changelog_goes_on_from_its_aggregate(void **state) {
  (void)state;
  struct eddy_engine *engine = calloc(1, sizeof *engine);
  assert_non_null(engine);
  struct eddy_changelog_options options = options_for(engine, NULL);
  const struct eddy_rejected runs[] = {{10, 14}, {20, 30}, {40, 41}};
  struct eddy_aggregate aggregate = {
      .replay_from = 25, .rejected = runs, .rejected_count = 3, .has_trigger = true, .last_trigger = 4};
  struct eddy_changelog_place place = {.sequence = 6, .position = 50};
  struct eddy_changelog *changelog;
  struct eddy_changelog_record record;
  struct eddy_rejected room[EDDY_REJECTED_MAX];
  struct log log;
  uint64_t number;
  log_init(&log);
  assert_int_equal(eddy_changelog_new(&changelog, &options, &place, &aggregate, true), 0);
  assert_int_equal(eddy_changelog_sequence(changelog), 6);
  assert_int_equal(eddy_changelog_replay_from(changelog), 25);
  assert_true(eddy_changelog_last_trigger(changelog, &number) && number == 4);
  fake_event(engine, 1, 49);
  fake_event(engine, 2, 49);
  struct eddy_changelog_commit commit = {.position = 50, .records_max = 1};
  assert_int_equal(eddy_changelog_write(changelog, &commit, log_put, &log), 0);
  assert_int_equal(log.count, 2); /* no layout */
  assert_int_equal(log_decode(&log.items[1], room, &record), 0);
  assert_int_equal(record.place.sequence, 7);
  assert_int_equal(record.aggregate.replay_from, 25);
  assert_int_equal(record.aggregate.rejected_count, 2); /* from 25 on */
  assert_true(record.aggregate.rejected[0].first == 25 && record.aggregate.rejected[1].first == 40);
  log_fini(&log);
  eddy_changelog_free(changelog);
  free(engine);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_come_in_order),
      cmocka_unit_test(the_layout_is_written_once),
      cmocka_unit_test(every_record_names_its_commit),
      cmocka_unit_test(a_profile_written_at_once_is_written_once),
      cmocka_unit_test(the_hand_takes_its_share),
      cmocka_unit_test(without_time_or_events_it_takes_one),
      cmocka_unit_test(a_lap_takes_at_most_the_interval),
      cmocka_unit_test(what_records_max_holds_back_is_owed),
      cmocka_unit_test(a_full_lap_saves_everything),
      cmocka_unit_test(nothing_dirty_means_everything_saved),
      cmocka_unit_test(wants_a_commit_when_there_is_work),
      cmocka_unit_test(an_abort_leaves_everything_to_the_next_try),
      cmocka_unit_test(an_error_of_put_ends_the_write),
      cmocka_unit_test(without_memory_nothing_changes),
      cmocka_unit_test(the_aggregate_tells_what_the_commit_said),
      cmocka_unit_test(the_last_trigger_is_kept),
      cmocka_unit_test(refused_offsets_are_kept_while_they_can_be_replayed),
      cmocka_unit_test(many_refused_offsets_force_a_lap),
      cmocka_unit_test(too_many_refused_offsets_ignore_records_max),
      cmocka_unit_test(a_changelog_goes_on_from_its_aggregate),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
