/* The passing of time without events: due deadlines, and the idle sweep that visits every profile once per day of partition
 * time (ALGORITHMS 0.1 and 3.4: idle users teach the centroids and move between them, too).
 *
 * Each deadline and each visit is all-or-nothing. A tick that runs out of memory after it did something says "more is due"; the
 * next one then fails at its first piece of work and has changed nothing (invariant 5).
 */
#include "base/assert.h"
#include "base/rules.h"
#include "core/durable.h"
#include "core/effects.h"
#include "core/engine_decide.h"
#include "core/engine_fold.h"
#include "core/engine_tail.h"

/* Deadlines -----------------------------------------------------------------------------------------------------------------*/

/* 1 if a deadline was handled, 0 if none is due, EDDY_E_NOMEM. */
static int fire_next(struct eddy_engine *engine, int64_t now, struct eddy_effects *effects) {
  struct eddy_savepoint savepoint = eddy_savepoint_take(engine, effects);
  struct eddy_tail_write write;
  if (eddy_durable_reserve(engine, 1) != 0) return EDDY_E_NOMEM;
  int fired = eddy_timer_fire(engine, now, effects, &write);
  if (fired < 0) eddy_savepoint_return(engine, effects, &savepoint);
  if (fired > 0) eddy_timer_commit(engine, &write);
  return fired;
}

/* Sweep ---------------------------------------------------------------------------------------------------------------------*/

/* Slots of this lap that should have been visited by now. */
static uint32_t sweep_target(const struct eddy_engine *engine) {
  uint32_t used = engine->table.slab.used;
  if (!engine->spec->sweep || engine->sweep.lap_start == EDDY_TIME_NONE) return 0;
  int64_t elapsed = engine->partition_time - engine->sweep.lap_start;
  return elapsed >= EDDY_DAY_MS ? used : (uint32_t)((uint64_t)used * (uint64_t)elapsed / (uint64_t)EDDY_DAY_MS);
}

/* A lap that is done is followed by the next. Days that were skipped altogether are not made up for: a second visit at the same
 * time would see nothing new. */
static void begin_lap_if_due(struct eddy_engine *engine) {
  struct eddy_sweep *sweep = &engine->sweep;
  if (!engine->spec->sweep || sweep->lap_start == EDDY_TIME_NONE || sweep->cursor < engine->table.slab.used) return;
  int64_t days = (engine->partition_time - sweep->lap_start) / EDDY_DAY_MS;
  if (days < 1) return;
  sweep->lap_start += days * EDDY_DAY_MS;
  sweep->cursor = 0;
}

static bool sweep_is_due(const struct eddy_engine *engine) {
  return engine->sweep.cursor < sweep_target(engine);
}

/* Drops an idle profile; one that knows a consent stays as a stub. The segment is left with an effect either way. */
static int evict(struct eddy_engine *engine, struct eddy_profile *profile, struct eddy_effects *effects) {
  struct eddy_tail_write write = {.slot = profile->timer.seq, .taken_due = EDDY_TIME_NONE};
  eddy_tail_load(engine, profile);
  eddy_tail_keep_consent(&engine->scratch->tail);
  bool stub = !eddy_tail_empty(&engine->scratch->tail);
  if (stub && eddy_tail_prepare(engine, &write) != 0) return EDDY_E_NOMEM;
  eddy_engine_leave_segment(engine, profile, engine->partition_time, effects);
  engine->counters.evicted++;
  if (!stub) {
    eddy_durable_gone(engine, profile);
    eddy_profile_table_remove(&engine->table, write.slot);
    return 0;
  }
  eddy_profile_empty(&engine->compiled, profile);
  eddy_tail_commit(engine, &write);
  eddy_durable_write_now(engine, profile);
  return 0;
}

/* What changed without an event could not be found again from events (rule 3). */
static void mark_swept(struct eddy_engine *engine, struct eddy_profile *profile) {
  if (EDDY_RULE(WRITE_SWEPT_NOW)) {
    eddy_durable_write_now(engine, profile);
  } else {
    eddy_durable_dirty(engine, profile);
  }
}

static void reassess(struct eddy_engine *engine, struct eddy_profile *profile, struct eddy_effects *effects) {
  int64_t time = engine->partition_time > profile->last_time ? engine->partition_time : profile->last_time;
  struct eddy_subject_user user = {
      .profile = profile,
      .hash = eddy_profile_table_hash(&engine->table, eddy_profile_id(profile)),
      .time = engine->partition_time,
      .read_at = time,
      .contribution = eddy_profile_contribute(profile, time),
  };
  uint64_t number = engine->next_effect;
  eddy_engine_decide(engine, &user, effects);
  if (user.contribution > 0 || engine->next_effect != number) mark_swept(engine, profile);
}

static int visit(struct eddy_engine *engine, uint32_t slot, struct eddy_effects *effects) {
  struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slot);
  if (profile->id_length == 0 || profile->last_time == EDDY_TIME_NONE) return 0;
  if (eddy_durable_reserve(engine, 1) != 0 ||
      eddy_effects_reserve(effects, EDDY_SEGMENT_EFFECTS, EDDY_SEGMENT_EFFECTS * EDDY_SEGMENT_EFFECT_BYTES) != 0) {
    return EDDY_E_NOMEM;
  }
  bool idle = engine->partition_time - profile->last_time > engine->spec->idle_ttl_ms;
  if (idle && !eddy_timer_armed(&profile->timer) && eddy_durable_may_evict(engine, profile))
    return evict(engine, profile, effects);
  reassess(engine, profile, effects);
  return 0;
}

/* As fire_next(). */
static int sweep_next(struct eddy_engine *engine, struct eddy_effects *effects) {
  if (!sweep_is_due(engine)) return 0;
  int error = visit(engine, engine->sweep.cursor, effects);
  if (error != 0) return error;
  engine->sweep.cursor++;
  begin_lap_if_due(engine);
  return 1;
}

/* Tick ----------------------------------------------------------------------------------------------------------------------*/

/* Deadlines come first: someone waits for them. */
static int work(struct eddy_engine *engine, int64_t now, struct eddy_effects *effects) {
  int done = fire_next(engine, now, effects);
  return done != 0 ? done : sweep_next(engine, effects);
}

int eddy_engine_tick(struct eddy_engine *engine, int64_t partition_time, int64_t now, size_t budget,
                     struct eddy_effects *effects) {
  struct eddy_savepoint savepoint = eddy_savepoint_take(engine, effects);
  if (partition_time != EDDY_TIME_NONE) {
    int64_t time = partition_time < EDDY_EVENT_TIME_MAX ? partition_time : EDDY_EVENT_TIME_MAX;
    eddy_engine_advance(engine, time > -EDDY_EVENT_TIME_MAX ? time : -EDDY_EVENT_TIME_MAX);
  }
  if (engine->partition_time == EDDY_TIME_NONE) return 0;
  uint32_t cursor = engine->sweep.cursor;
  begin_lap_if_due(engine);
  for (size_t done = 0; done < budget; done++) {
    int result = work(engine, now, effects);
    if (result == 0) return 0;
    if (result > 0) continue;
    if (done > 0) return 1;
    engine->sweep.cursor = cursor;
    eddy_savepoint_return(engine, effects, &savepoint);
    return result;
  }
  return eddy_timers_may_be_due(engine) || sweep_is_due(engine);
}
