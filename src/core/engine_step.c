/* An event: prepare, then commit.
 *
 * prepare does everything that needs memory, on working copies: the slice of other users' deadlines, the user's own deadlines,
 * the fold of its tail, room for effects, the record of a new user. If it fails, everything is taken back and the call has
 * changed nothing (invariant 5). commit cannot fail: it folds the record, puts tails in place, arms timers, decides the
 * segment.
 */
#include <string.h>

#include "base/assert.h"
#include "core/effects.h"
#include "core/engine_decide.h"
#include "core/engine_fold.h"
#include "core/engine_tail.h"
#include "core/trigger.h"

/* Due deadlines of others that each event takes along, so that a wave never holds up live events for long. */
enum { SLICE = 8 };

struct step {
  struct eddy_engine *engine;
  const struct eddy_event *event;
  uint64_t hash;
  int64_t now;
  struct eddy_effects *effects; /* NULL: fold only, decide nothing */
  struct eddy_counters *counters;
  struct eddy_fold_plan plan;
  uint32_t slot; /* EDDY_SLOT_NONE until a new user has a record */
  struct eddy_tail_write own, others[SLICE];
  unsigned other_count;
};

static bool is_supported(const struct eddy_event *event) {
  return (unsigned)event->type < EDDY_EVENT_TYPE_COUNT && event->type != EDDY_USER_MERGED && event->user_id.len >= 1 &&
         event->user_id.len <= EDDY_USER_ID_MAX && event->event_time >= 0 && event->event_time < EDDY_EVENT_TIME_MAX;
}

static struct eddy_profile *profile_of(const struct step *step) {
  return step->slot != EDDY_SLOT_NONE ? eddy_profile_table_at(&step->engine->table, step->slot) : NULL;
}

static bool erases(const struct step *step) {
  return step->event->type == EDDY_USER_ERASED;
}

/* Prepare -------------------------------------------------------------------------------------------------------------------*/

static void advance(struct step *step) {
  struct eddy_engine *engine = step->engine;
  int64_t time = step->event->event_time;
  if (engine->partition_time != EDDY_TIME_NONE && time < engine->partition_time) step->counters->late++;
  if (time > engine->newest_time) engine->newest_time = time;
  eddy_engine_advance(engine, time - engine->spec->allowed_lateness_ms);
}

/* The user's own due timer leaves the queue first: the slice is for others. */
static void take_own_timer(struct step *step) {
  struct eddy_profile *profile = profile_of(step);
  if (profile == NULL || !eddy_timer_armed(&profile->timer) || profile->timer.due > step->engine->partition_time) return;
  step->own.taken_due = profile->timer.due;
  eddy_timer_queue_disarm(&step->engine->timers, &profile->timer);
}

static int fire_others(struct step *step) {
  while (step->other_count < SLICE) {
    int fired = eddy_timer_fire(step->engine, step->now, step->effects, &step->others[step->other_count]);
    if (fired <= 0) return fired;
    step->other_count++;
  }
  return 0;
}

/* Marks do not count: what is folded must not depend on what was published (invariant 1). */
static bool tail_too_large(struct eddy_engine *engine) {
  size_t size = eddy_tail_encode(&engine->scratch->tail, engine->encoded, engine->encoded_capacity);
  return size > engine->encoded_capacity || eddy_tail_folded_size(engine->encoded, size) > engine->spec->limits.tail_bytes;
}

/* False if there is nothing left to do without and it is still too large. */
static bool shrink_tail(struct step *step) {
  while (eddy_fold_shed(&step->engine->compiled, &step->engine->scratch->tail, step->counters)) {
    if (!tail_too_large(step->engine)) return true;
  }
  return false;
}

#ifdef EDDY_CHECK_FOLD
/* Invariant 2 for the tail: folding a copy gives the same bytes. The working tail is left as it was found. */
static void check_tail_fold(struct step *step, const uint8_t *bytes, size_t size) {
  struct eddy_engine *engine = step->engine;
  struct eddy_counters counters = {0};
  size_t sizes[2];
  uint8_t *copy = eddy_resize(NULL, NULL, 0, 2 * engine->encoded_capacity);
  EDDY_ASSERT(copy != NULL);
  for (int i = 0; i < 2; i++) {
    if (size == 0) eddy_tail_clear(&engine->scratch->tail);
    EDDY_ASSERT(size == 0 || eddy_tail_decode(&engine->scratch->tail, bytes, size) == 0);
    eddy_fold_tail(&engine->compiled, &step->plan, step->event, &engine->scratch->tail, &counters);
    uint8_t *out = copy + (size_t)i * engine->encoded_capacity;
    sizes[i] = eddy_tail_encode(&engine->scratch->tail, out, engine->encoded_capacity);
  }
  EDDY_ASSERT(sizes[0] == sizes[1] &&
              (sizes[0] > engine->encoded_capacity || memcmp(copy, copy + engine->encoded_capacity, sizes[0]) == 0));
  eddy_resize(NULL, copy, 2 * engine->encoded_capacity, 0);
  if (size == 0) eddy_tail_clear(&engine->scratch->tail);
  EDDY_ASSERT(size == 0 || eddy_tail_decode(&engine->scratch->tail, bytes, size) == 0);
}
#else
static void check_tail_fold(struct step *step, const uint8_t *bytes, size_t size) {
  (void)step, (void)bytes, (void)size;
}
#endif

/* Folds into the working tail. If that makes it too large, the limit is counted and it is made smaller, or stays as it was if
 * that does not help. `decided`: the working tail is no longer that of the profile, so its bytes are kept aside to come back
 * to. */
static void fold_tail(struct step *step, bool decided) {
  struct eddy_engine *engine = step->engine;
  const struct eddy_profile *profile = profile_of(step);
  const uint8_t *bytes = profile != NULL ? profile->tail : NULL;
  size_t size = profile != NULL ? profile->tail_size : 0;
  if (decided) {
    size = eddy_tail_encode(&engine->scratch->tail, engine->decided, engine->encoded_capacity);
    EDDY_ASSERT(size <= engine->encoded_capacity);
    bytes = engine->decided;
  }
  check_tail_fold(step, bytes, size);
  eddy_fold_tail(&engine->compiled, &step->plan, step->event, &engine->scratch->tail, step->counters);
  if (!tail_too_large(engine)) return;
  step->counters->limit_tail_bytes++;
  if (shrink_tail(step)) return;
  eddy_tail_clear(&engine->scratch->tail);
  int error = size > 0 ? eddy_tail_decode(&engine->scratch->tail, bytes, size) : 0;
  EDDY_ASSERT(error == 0);
  if (step->plan.afresh) eddy_tail_keep_consent(&engine->scratch->tail);
}

static int decide_triggers(struct step *step) {
  return eddy_triggers_decide_now(step->engine, step->event->user_id, step->now, step->effects);
}

/* Deadlines that are due fire before the event is folded (invariant 3), and once more after it: a late event may arm one that
 * is due already. */
static int prepare_tail(struct step *step) {
  const struct eddy_profile *profile = profile_of(step);
  uint32_t tail_size = profile != NULL ? profile->tail_size : 0;
  bool due = step->own.taken_due != EDDY_TIME_NONE;
  bool folds = !erases(step) && eddy_fold_needs_tail(&step->engine->compiled, &step->plan, step->event, tail_size);
  if (!due && !folds) return 0;
  eddy_tail_load(step->engine, profile);
  int error = due ? decide_triggers(step) : 0;
  if (error != 0 || erases(step)) return error;
  if (folds) fold_tail(step, due);
  if (step->effects != NULL && folds) {
    bool due_again = eddy_triggers_next_due(step->engine->spec, &step->engine->scratch->tail) <= step->engine->partition_time;
    error = due_again ? decide_triggers(step) : 0;
    if (error != 0) return error;
  }
  return eddy_tail_prepare(step->engine, &step->own);
}

/* The record of a new user comes last: the slab remembers that it once handed out a slot. */
static int prepare_record(struct step *step) {
  if (step->slot != EDDY_SLOT_NONE || erases(step)) return 0;
  struct eddy_profile_table *table = &step->engine->table;
  if (eddy_profile_table_reserve(table) != 0) return EDDY_E_NOMEM;
  step->slot = eddy_profile_table_insert(table, step->hash, step->event->user_id);
  if (step->slot == EDDY_SLOT_NONE) return EDDY_E_NOMEM;
  step->own.slot = step->slot;
  eddy_profile_empty(&step->engine->compiled, profile_of(step));
  profile_of(step)->segment_since = EDDY_TIME_NONE;
  return 0;
}

static int reserve_effects(struct step *step) {
  if (step->effects == NULL) return 0;
  size_t bytes = EDDY_SEGMENT_EFFECTS * EDDY_SEGMENT_EFFECT_BYTES;
  if (erases(step)) bytes += step->event->event_id.len + sizeof(uint64_t);
  return eddy_effects_reserve(step->effects, EDDY_SEGMENT_EFFECTS, bytes);
}

static int prepare(struct step *step) {
  int error = step->effects != NULL ? fire_others(step) : 0;
  if (error == 0) error = prepare_tail(step);
  if (error == 0) error = reserve_effects(step);
  return error != 0 ? error : prepare_record(step);
}

static void take_back(struct step *step) {
  for (unsigned i = 0; i < step->other_count; i++) eddy_tail_abandon(step->engine, &step->others[i]);
  eddy_tail_abandon(step->engine, &step->own);
}

/* Commit --------------------------------------------------------------------------------------------------------------------*/

static void erase(struct step *step) {
  struct eddy_profile *profile = profile_of(step);
  if (step->effects != NULL) {
    struct eddy_effect *effect = eddy_effects_push(step->effects);
    effect->kind = EDDY_PROFILE_ERASED;
    effect->number = step->engine->next_effect++;
    effect->user_id = eddy_effects_copy_str(step->effects, step->event->user_id);
    effect->as.erased = (struct eddy_profile_erased){
        .erased_at = step->event->event_time,
        .had_profile = profile != NULL,
        .event_id = eddy_effects_copy_str(step->effects, step->event->event_id),
    };
  }
  if (profile == NULL) return;
  step->counters->erased++;
  eddy_engine_uncount_segment(step->engine, profile);
  eddy_timer_queue_disarm(&step->engine->timers, &profile->timer);
  eddy_profile_table_remove(&step->engine->table, step->slot);
}

static void decide(struct step *step, float contribution) {
  struct eddy_profile *profile = profile_of(step);
  if (step->plan.afresh) eddy_engine_leave_segment(step->engine, profile, step->event->event_time, step->effects);
  if (step->plan.action != EDDY_FOLD_EVENT) return;
  struct eddy_subject_user user = {
      .profile = profile,
      .hash = step->hash,
      .time = step->event->event_time,
      .read_at = profile->last_time,
      .contribution = contribution,
  };
  eddy_engine_decide(step->engine, &user, step->effects);
}

static void commit(struct step *step) {
  for (unsigned i = 0; i < step->other_count; i++) eddy_tail_commit(step->engine, &step->others[i]);
  if (step->plan.action != EDDY_FOLD_DUPLICATE) step->counters->events++;
  if (erases(step)) {
    erase(step);
    return;
  }
  float contribution = eddy_fold_record(&step->engine->compiled, &step->plan, step->event, profile_of(step), step->counters);
  eddy_tail_commit(step->engine, &step->own);
  if (step->effects != NULL) decide(step, contribution);
}

/* Entry ---------------------------------------------------------------------------------------------------------------------*/

static int run(struct step *step) {
  struct eddy_engine *engine = step->engine;
  step->slot = eddy_profile_table_find(&engine->table, step->hash, step->event->user_id);
  step->own = (struct eddy_tail_write){.slot = step->slot, .taken_due = EDDY_TIME_NONE};
  if (step->effects != NULL) take_own_timer(step);
  step->plan = eddy_fold_plan(&engine->compiled, profile_of(step), step->event);
  int error = prepare(step);
  if (error != 0) {
    take_back(step);
    return error;
  }
  commit(step);
  return 0;
}

static int apply(struct eddy_engine *engine, const struct eddy_event *event, uint64_t hash, int64_t now,
                 struct eddy_effects *effects) {
  if (!is_supported(event)) return 0;
  struct step step;
  step.engine = engine;
  step.event = event;
  step.hash = hash;
  step.now = now;
  step.effects = effects;
  step.counters = &engine->counters;
  step.other_count = 0;
  struct eddy_savepoint savepoint = eddy_savepoint_take(engine, effects);
  advance(&step);
  int error = run(&step);
  if (error != 0) eddy_savepoint_return(engine, effects, &savepoint);
  return error;
}

static uint64_t hash_of(const struct eddy_engine *engine, const struct eddy_event *event) {
  return is_supported(event) ? eddy_profile_table_hash(&engine->table, event->user_id) : 0;
}

int eddy_engine_step(struct eddy_engine *engine, const struct eddy_event *event, int64_t now, struct eddy_effects *effects) {
  return apply(engine, event, hash_of(engine, event), now, effects);
}

size_t eddy_engine_step_batch(struct eddy_engine *engine, const struct eddy_event *events, size_t count, int64_t now,
                              struct eddy_effects *effects) {
  /* Index lines come in 24 events ahead, records 12: a miss takes longer than one event. */
  enum { ENTRY_AHEAD = 24, RECORD_AHEAD = 12, RING = 32 };
  uint64_t hashes[RING];
  for (size_t i = 0; i < count + ENTRY_AHEAD; i++) {
    if (i < count) {
      hashes[i % RING] = hash_of(engine, &events[i]);
      eddy_profile_table_prefetch_entry(&engine->table, hashes[i % RING]);
    }
    if (i >= ENTRY_AHEAD - RECORD_AHEAD && i < count + ENTRY_AHEAD - RECORD_AHEAD) {
      eddy_profile_table_prefetch_record(&engine->table, hashes[(i - (ENTRY_AHEAD - RECORD_AHEAD)) % RING]);
    }
    if (i < ENTRY_AHEAD) continue;
    size_t at = i - ENTRY_AHEAD;
    if (apply(engine, &events[at], hashes[at % RING], now, effects) != 0) return at;
  }
  return count;
}

int eddy_engine_fold(struct eddy_engine *engine, const struct eddy_event *event) {
  if (!is_supported(event)) return 0;
  struct eddy_counters ignored = {0};
  struct step step = {
      .engine = engine,
      .event = event,
      .hash = hash_of(engine, event),
      .now = EDDY_TIME_NONE,
      .counters = &ignored,
  };
  return run(&step);
}
