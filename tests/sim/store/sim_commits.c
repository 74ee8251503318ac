/* Random lives of a partition under seeds: events, changes without events, evictions, erasures, refusals, commits that succeed
 * or abort, compaction, and successors that recover from what was committed and go on. After every commit:
 *
 *   a profile that differs from its newest record has all events that are not in the record at or after replay_from (rule 29)
 *   what changed without an event is in the record
 *
 * and every successor has exactly the profiles of its predecessor as of the last commit. The engine is the fake one, whose
 * profiles are hashes of the offsets folded, so that one lost, doubled or reordered event shows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/rng.h"
#include "store/recovery.h"
#include "unit/store/changelog_log.h"
#include "unit/store/fake_engine.h"

enum { SEEDS = 400, STEPS = 600, EVENTS_MAX = 8192, NO_EVENT = -1, USERS = 24 };

struct life {
  uint64_t seed;
  struct eddy_rng rng;
  struct eddy_engine *engine;
  struct eddy_changelog *changelog;
  struct log log;
  int64_t position, mono;
  size_t records_max;
  int64_t flush_interval, flush_events;

  int events[EVENTS_MAX]; /* user of every offset; NO_EVENT: refused */
  /* What is in the newest committed records. */
  struct durable {
    bool exists;
    uint64_t folded, published;
  } records[USERS];
  int64_t unsaved_from[USERS]; /* first event not in the record; INT64_MAX: none */
  int64_t last_event[USERS];
  struct eddy_engine *committed; /* a copy as of the last commit */
  int64_t committed_position;
  struct eddy_rejected room[EDDY_REJECTED_MAX];
};

static bool chance(struct life *life, unsigned percent) {
  return eddy_rng_below(&life->rng, 100) < percent;
}

static struct eddy_changelog_options options_of(const struct life *life, struct eddy_engine *engine) {
  return (struct eddy_changelog_options){.engine = engine,
                                         .partition_count = 1,
                                         .incarnation = 1,
                                         .flush_interval_ms = life->flush_interval,
                                         .flush_events = life->flush_events};
}

static void life_begin(struct life *life, uint64_t seed) {
  memset(life, 0, sizeof *life);
  life->seed = seed;
  eddy_rng_seed(&life->rng, seed);
  life->engine = calloc(1, sizeof *life->engine);
  life->committed = calloc(1, sizeof *life->committed);
  assert_true(life->engine != NULL && life->committed != NULL);
  life->flush_interval = 1 + (int64_t)eddy_rng_below(&life->rng, 200);
  life->flush_events = 1 + (int64_t)eddy_rng_below(&life->rng, 200);
  life->records_max = chance(life, 50) ? SIZE_MAX : (size_t)eddy_rng_below(&life->rng, 4) + 1;
  for (int user = 0; user < USERS; user++) life->unsaved_from[user] = life->last_event[user] = INT64_MAX;
  log_init(&life->log);
  struct eddy_changelog_options options = options_of(life, life->engine);
  struct eddy_changelog_place place = {.partition = 0};
  assert_int_equal(eddy_changelog_new(&life->changelog, &options, &place, NULL, false), 0);
}

static void life_end(struct life *life) {
  eddy_changelog_free(life->changelog);
  log_fini(&life->log);
  free(life->engine);
  free(life->committed);
}

/* What happens -------------------------------------------------------------------------------------------------------------*/

static void an_event(struct life *life) {
  if (life->position == EVENTS_MAX) return;
  /* Few users are frequent, so that some profiles stay untouched for long. */
  unsigned user = (unsigned)eddy_rng_below(&life->rng, chance(life, 70) ? 4 : USERS);
  int64_t offset = life->position++;
  if (chance(life, 4)) {
    life->events[offset] = NO_EVENT;
    assert_int_equal(eddy_changelog_reject(life->changelog, offset), 0);
    return;
  }
  life->events[offset] = (int)user;
  fake_event(life->engine, user, offset);
  if (life->engine->erased[user]) return;
  life->last_event[user] = offset;
  if (life->unsaved_from[user] == INT64_MAX) life->unsaved_from[user] = offset;
}

/* Rule 5: only once replay_from has passed its last event, and clean. */
static void evict(struct life *life, unsigned user) {
  const struct fake_profile *profile = fake_find(life->engine, user);
  if (profile == NULL || profile->state != EDDY_SLOT_CLEAN || life->last_event[user] == INT64_MAX) return;
  if (life->last_event[user] < eddy_changelog_replay_from(life->changelog)) fake_remove(life->engine, user);
}

/* Counts as an event: before it, there may be ignored ones that a replay must not meet without a record or a marker (rule 7).
 */
static void consent(struct life *life, unsigned user) {
  if (!life->engine->erased[user]) return;
  fake_consent(life->engine, user);
  life->last_event[user] = life->position;
}

static void something(struct life *life) {
  unsigned user = (unsigned)eddy_rng_below(&life->rng, USERS);
  unsigned what = (unsigned)eddy_rng_below(&life->rng, 40);
  if (life->engine->write_now_count > 200 || life->engine->gone_count > 200 || life->engine->marker_count > 200) return;
  if (what < 3) fake_publish(life->engine, user);
  if (what == 3) evict(life, user);
  if (what == 4) fake_erase(life->engine, user, life->position);
  if (what == 5) consent(life, user);
  if (what > 5) an_event(life);
}

/* Commits ------------------------------------------------------------------------------------------------------------------*/

/* Reads what was committed since `from` into the model. */
static void model_records(struct life *life, size_t from) {
  for (size_t i = from; i < life->log.committed; i++) {
    struct eddy_changelog_record record;
    assert_int_equal(log_decode(&life->log.items[i], life->room, &record), 0);
    if (record.kind != EDDY_CHANGELOG_PROFILE) continue;
    struct durable *durable = &life->records[fake_user(record.user_id)];
    *durable = (struct durable){.exists = !record.tombstone};
    if (record.tombstone) continue;
    struct eddy_reader reader;
    eddy_reader_init(&reader, record.bytes, record.size);
    durable->folded = eddy_read_u64(&reader);
    durable->published = eddy_read_u64(&reader);
  }
}

static void check_user(struct life *life, unsigned user) {
  const struct fake_profile *profile = fake_find(life->engine, user);
  const struct durable *durable = &life->records[user];
  int64_t replay_from = eddy_changelog_replay_from(life->changelog);
  bool saved = profile == NULL ? !durable->exists : durable->exists && durable->folded == profile->folded;
  if (profile != NULL && durable->exists && durable->published != profile->published) {
    fail_msg("seed %lu: user %u was published, but not written", (unsigned long)life->seed, user);
  }
  if (saved) life->unsaved_from[user] = INT64_MAX;
  if (!saved && life->unsaved_from[user] < replay_from) {
    fail_msg("seed %lu: event %ld of user %u is not saved, replay_from %ld", (unsigned long)life->seed,
             (long)life->unsaved_from[user], user, (long)replay_from);
  }
  if (!saved && life->unsaved_from[user] == INT64_MAX) fail_msg("seed %lu: user %u lost", (unsigned long)life->seed, user);
}

static void commit(struct life *life, bool full_lap) {
  struct eddy_changelog_commit commit = {
      .position = life->position, .mono = life->mono, .records_max = life->records_max, .full_lap = full_lap};
  size_t from = life->log.count;
  if (chance(life, 5)) life->log.fail_at = (size_t)eddy_rng_below(&life->rng, 6);
  int error = eddy_changelog_write(life->changelog, &commit, log_put, &life->log);
  life->log.fail_at = SIZE_MAX;
  if (error != 0 || chance(life, 25)) {
    log_abort(&life->log, life->changelog);
    return;
  }
  log_commit(&life->log, life->changelog, &commit);
  model_records(life, from);
  for (unsigned user = 0; user < USERS; user++) check_user(life, user);
  if (full_lap && life->records_max == SIZE_MAX) {
    assert_true(eddy_changelog_saved(life->changelog, life->position));
  }
  *life->committed = *life->engine;
  life->committed_position = life->position;
}

/* Successors ---------------------------------------------------------------------------------------------------------------*/

static void recover(struct life *life, struct eddy_recovery *recovery) {
  enum eddy_recovery_result result = EDDY_RECOVERY_MORE;
  char why[400] = "";
  for (size_t i = 0; i < life->log.committed; i++) {
    const struct log_record *record = &life->log.items[i];
    assert_int_equal(result, EDDY_RECOVERY_MORE);
    result = eddy_recovery_take(recovery, record->bytes, record->key_size, log_value(record), record->value_size, (int64_t)i,
                                why, sizeof why);
  }
  if (result != EDDY_RECOVERY_DONE) fail_msg("seed %lu: result %d, %s", (unsigned long)life->seed, (int)result, why);
}

static void compare(const struct life *life, const struct eddy_engine *is) {
  for (unsigned user = 0; user < USERS; user++) {
    const struct fake_profile *a = fake_find(is, user), *b = fake_find(life->committed, user);
    bool same = (a != NULL) == (b != NULL) && is->erased[user] == life->committed->erased[user];
    if (same && a != NULL) same = a->folded == b->folded && a->published == b->published;
    if (!same) fail_msg("seed %lu: user %u is not what was committed", (unsigned long)life->seed, user);
  }
}

/* The process ends; what was not committed is read again by the successor. */
static void succeed(struct life *life) {
  struct eddy_engine *engine = calloc(1, sizeof *engine);
  struct eddy_recovery *recovery;
  assert_non_null(engine);
  if (life->log.sequence == 0) {
    free(engine);
    return;
  }
  struct eddy_recovery_options options = {
      .changelog = options_of(life, engine), .sequence = life->log.sequence, .position = life->committed_position};
  assert_int_equal(eddy_recovery_new(&recovery, &options), 0);
  recover(life, recovery);
  for (int64_t offset = eddy_recovery_replay_from(recovery); offset < life->committed_position; offset++) {
    bool refused = life->events[offset] == NO_EVENT;
    if (eddy_recovery_skip(recovery, offset) != refused)
      fail_msg("seed %lu: refused offsets differ", (unsigned long)life->seed);
    if (!refused) fake_replay(engine, (unsigned)life->events[offset], offset);
  }
  compare(life, engine);
  eddy_changelog_free(life->changelog);
  assert_int_equal(eddy_recovery_finish(recovery, &life->changelog), 0);
  eddy_recovery_free(recovery);
  free(life->engine);
  life->engine = engine;
  life->position = life->committed_position;
  for (int user = 0; user < USERS; user++) {
    if (life->unsaved_from[user] >= life->position) life->unsaved_from[user] = INT64_MAX;
    if (life->last_event[user] >= life->position) life->last_event[user] = life->position - 1; /* at most */
  }
}

static void live(uint64_t seed) {
  static struct life life;
  life_begin(&life, seed);
  for (int step = 0; step < STEPS; step++) {
    life.mono += (int64_t)eddy_rng_below(&life.rng, 10);
    for (uint64_t n = eddy_rng_below(&life.rng, 12); n > 0; n--) something(&life);
    if (chance(&life, 40)) commit(&life, chance(&life, 3));
    if (chance(&life, 5)) log_compact(&life.log, 0, (size_t)eddy_rng_below(&life.rng, life.log.count + 1));
    if (chance(&life, 3)) succeed(&life);
  }
  life_end(&life);
}

static void nothing_is_lost_and_nothing_is_doubled(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) live(seed);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost_and_nothing_is_doubled)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
