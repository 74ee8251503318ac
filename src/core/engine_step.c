/* An event: prepare, then commit.
 *
 * prepare does everything that needs memory, on working copies: the slice of other users' deadlines, the user's own deadlines,
 * the fold of its tail, room for effects, the record of a new user. If it fails, everything is taken back and the call has
 * changed nothing (invariant 5). commit cannot fail: it folds the record, puts tails in place, arms timers, decides the
 * segment.
 */
#include <string.h>

#include "base/assert.h"
#include "base/rules.h"
#include "core/consent.h"
#include "core/durable.h"
#include "core/effects.h"
#include "core/engine_decide.h"
#include "core/engine_fold.h"
#include "core/engine_tail.h"
#include "core/includes.h"
#include "core/recovery.h"
#include "core/trigger.h"
#include "eddy/durable.h"

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
  uint32_t slot;         /* EDDY_SLOT_NONE until a new user has a record */
  uint64_t erasure_hash; /* of the user, if it is or was erased */
  bool ignored;          /* the user is erased and stays so */
  bool returns;          /* the user is erased and consents anew */
  uint64_t own_effects;  /* number of the first effect about the user */
  struct eddy_tail_write own, others[SLICE];
  unsigned other_count;
};

bool eddy_engine_supports(const struct eddy_event *event) {
  return (unsigned)event->type < EDDY_EVENT_TYPE_COUNT && event->type != EDDY_USER_MERGED && event->user_id.len >= 1 &&
         event->user_id.len <= EDDY_USER_ID_MAX && event->event_time >= 0 && event->event_time < EDDY_EVENT_TIME_MAX;
}

static struct eddy_profile *profile_of(const struct step *step) {
  return step->slot != EDDY_SLOT_NONE ? eddy_profile_table_at(&step->engine->table, step->slot) : NULL;
}

static bool erases(const struct step *step) {
  return step->event->type == EDDY_USER_ERASED;
}

/* Users without a profile may be erased ones. Costs nothing while nobody is. */
static const struct eddy_erased_entry *find_marker(struct step *step) {
  const struct eddy_engine *engine = step->engine;
  if (!erases(step) && (step->slot != EDDY_SLOT_NONE || engine->erased.count == 0)) return NULL;
  step->erasure_hash = eddy_engine_erasure_hash(engine, step->event->user_id);
  return eddy_erased_find(&engine->erased, step->erasure_hash);
}

/* Late news of consent does not undo an erasure. */
static void judge_marker(struct step *step, const struct eddy_erased_entry *marker) {
  if (marker == NULL || erases(step)) return;
  step->returns = eddy_consent_given(step->event) && step->event->event_time > marker->erased_at;
  step->ignored = !step->returns;
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

/* What is written down beside profiles. */
static int prepare_lists(struct step *step) {
  int error = eddy_durable_reserve(step->engine, SLICE + 1);
  return error == 0 && erases(step) ? eddy_erased_reserve(&step->engine->erased) : error;
}

static int prepare(struct step *step) {
  int error = prepare_lists(step);
  if (error == 0 && step->effects != NULL) error = fire_others(step);
  step->own_effects = step->engine->next_effect;
  if (error != 0 || step->ignored) return error;
  error = prepare_tail(step);
  if (error == 0) error = reserve_effects(step);
  return error != 0 ? error : prepare_record(step);
}

static void take_back(struct step *step) {
  for (unsigned i = 0; i < step->other_count; i++) eddy_tail_abandon(step->engine, &step->others[i]);
  eddy_tail_abandon(step->engine, &step->own);
}

/* Commit --------------------------------------------------------------------------------------------------------------------*/

static void push_erased(struct step *step, int64_t erased_at) {
  if (step->effects == NULL) return;
  struct eddy_effect *effect = eddy_effects_push(step->effects);
  effect->kind = EDDY_PROFILE_ERASED;
  effect->number = step->engine->next_effect++;
  effect->user_id = eddy_effects_copy_str(step->effects, step->event->user_id);
  effect->as.erased = (struct eddy_profile_erased){
      .erased_at = erased_at,
      .had_profile = step->slot != EDDY_SLOT_NONE,
      .event_id = eddy_effects_copy_str(step->effects, step->event->event_id),
  };
}

static void set_marker(struct step *step) {
  struct eddy_erased_entry *marker = eddy_erased_put(&step->engine->erased, step->erasure_hash);
  if (step->event->event_time > marker->erased_at) marker->erased_at = step->event->event_time;
  eddy_durable_marker(step->engine, step->erasure_hash);
  push_erased(step, marker->erased_at);
}

static void erase(struct step *step) {
  struct eddy_profile *profile = profile_of(step);
  set_marker(step);
  if (profile == NULL) return;
  step->counters->erased++;
  eddy_engine_uncount_segment(step->engine, profile);
  eddy_durable_gone(step->engine, profile);
  eddy_timer_queue_disarm(&step->engine->timers, &profile->timer);
  eddy_profile_table_remove(&step->engine->table, step->slot);
}

static void take_marker(struct step *step) {
  eddy_erased_remove(&step->engine->erased, step->erasure_hash);
  eddy_durable_marker(step->engine, step->erasure_hash);
}

/* Rules 3 and 4. A new life clears fired marks without an effect of its own, so it is written at once, too. */
static void mark(struct step *step) {
  if (!step->engine->durable.on) return;
  struct eddy_profile *profile = profile_of(step);
  bool output = step->engine->next_effect != step->own_effects || step->plan.afresh;
  eddy_durable_touch(step->engine, profile);
  if ((output && EDDY_RULE(WRITE_OUTPUTS_NOW)) || (step->returns && EDDY_RULE(CONSENT_WRITES))) {
    eddy_durable_write_now(step->engine, profile);
  } else if (output || step->plan.action != EDDY_FOLD_DUPLICATE) {
    eddy_durable_dirty(step->engine, profile);
  }
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

static void commit_others(struct step *step) {
  for (unsigned i = 0; i < step->other_count; i++) eddy_timer_commit(step->engine, &step->others[i]);
}

static void commit(struct step *step) {
  commit_others(step);
  eddy_durable_event(step->engine);
  if (step->ignored) {
    step->counters->erased_ignored++;
    return;
  }
  if (step->plan.action != EDDY_FOLD_DUPLICATE) step->counters->events++;
  if (erases(step)) {
    erase(step);
    return;
  }
  if (step->returns) take_marker(step);
  float contribution = eddy_fold_record(&step->engine->compiled, &step->plan, step->event, profile_of(step), step->counters);
  eddy_tail_commit(step->engine, &step->own);
  if (step->effects != NULL) decide(step, contribution);
  mark(step);
}

/* Entry ---------------------------------------------------------------------------------------------------------------------*/

static void look_up(struct step *step) {
  step->slot = eddy_profile_table_find(&step->engine->table, step->hash, step->event->user_id);
  step->own = (struct eddy_tail_write){.slot = step->slot, .taken_due = EDDY_TIME_NONE};
  judge_marker(step, find_marker(step));
}

static int run(struct step *step) {
  if (step->effects != NULL) take_own_timer(step);
  step->plan = eddy_fold_plan(&step->engine->compiled, profile_of(step), step->event);
  int error = prepare(step);
  if (error != 0) {
    take_back(step);
    return error;
  }
  commit(step);
  return 0;
}

static void begin(struct step *step, struct eddy_engine *engine, const struct eddy_event *event, uint64_t hash) {
  step->engine = engine;
  step->event = event;
  step->hash = hash;
  step->other_count = 0;
  step->ignored = step->returns = false;
  look_up(step);
}

static int apply(struct eddy_engine *engine, const struct eddy_event *event, uint64_t hash, int64_t now,
                 struct eddy_effects *effects) {
  if (!eddy_engine_supports(event)) return 0;
  struct step step; /* not initialised as a whole: it is large */
  step.now = now;
  step.effects = effects;
  step.counters = &engine->counters;
  begin(&step, engine, event, hash);
  struct eddy_savepoint savepoint = eddy_savepoint_take(engine, effects);
  advance(&step);
  int error = run(&step);
  if (error != 0) eddy_savepoint_return(engine, effects, &savepoint);
  return error;
}

static uint64_t hash_of(const struct eddy_engine *engine, const struct eddy_event *event) {
  return eddy_engine_supports(event) ? eddy_profile_table_hash(&engine->table, event->user_id) : 0;
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

static int fold_only(struct step *step) {
  struct eddy_counters ignored = {0};
  step->now = EDDY_TIME_NONE;
  step->effects = NULL;
  step->counters = &ignored;
  return run(step);
}

int eddy_engine_fold(struct eddy_engine *engine, const struct eddy_event *event) {
  if (!eddy_engine_supports(event)) return 0;
  struct step step;
  begin(&step, engine, event, hash_of(engine, event));
  return fold_only(&step);
}

/* Replay --------------------------------------------------------------------------------------------------------------------*/

/* Whether the user's record, or its marker, has the event in it. Either way a later replay may meet it again (rule 5). */
static bool is_included(const struct step *step, int64_t offset) {
  if (!EDDY_RULE(REPLAY_SKIPS_INCLUDED)) return false;
  if (step->slot != EDDY_SLOT_NONE) return eddy_includes_of(step->engine, step->slot) > offset;
  if (step->engine->erased.count == 0) return false;
  uint64_t hash = eddy_engine_erasure_hash(step->engine, step->event->user_id);
  const struct eddy_erased_entry *marker = eddy_erased_find(&step->engine->erased, hash);
  return marker != NULL && marker->includes > offset;
}

/* Without the rule a replay decides as live operation does, and what it says is thrown away. */
static int decide_in_vain(struct eddy_engine *engine, const struct eddy_event *event, uint64_t hash) {
  struct eddy_effects effects;
  eddy_effects_init(&effects, NULL);
  struct eddy_savepoint savepoint = eddy_savepoint_take(engine, NULL);
  int error = apply(engine, event, hash, EDDY_TIME_NONE, &effects);
  eddy_savepoint_return(engine, NULL, &savepoint);
  eddy_effects_fini(&effects);
  return error;
}

int eddy_engine_replay(struct eddy_engine *engine, const struct eddy_event *event, int64_t offset, uint64_t hash) {
  struct step step;
  begin(&step, engine, event, hash);
  if (is_included(&step, offset)) {
    if (step.slot != EDDY_SLOT_NONE) eddy_durable_touch(engine, profile_of(&step));
    return 0;
  }
  if (!EDDY_RULE(REPLAY_ONLY_FOLDS)) return decide_in_vain(engine, event, hash);
  int64_t contributed = step.slot != EDDY_SLOT_NONE ? profile_of(&step)->last_contribution : EDDY_TIME_NONE;
  int error = fold_only(&step);
  bool folded = error == 0 && eddy_engine_find(engine, event->user_id) != EDDY_SLOT_NONE;
  if (folded && !EDDY_RULE(CONTRIBUTION_IN_FOLD)) profile_of(&step)->last_contribution = contributed;
  return error;
}
