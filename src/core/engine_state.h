/* The inside of an engine, shared by the engine_*.c files, snapshot.c, restore.c and validate.c alone.
 *
 *   engine.c         life, getters, what is known about a user
 *   engine_explain.c the same and why, for people; explain_triggers.c is its other half
 *   engine_step.c    an event: prepare (may fail, changes nothing), then commit (cannot fail)
 *   engine_tick.c    passing of time: due deadlines, the idle sweep
 *   engine_fold.c    the pure half: profile x event
 *   engine_decide.c  the other half: clusters and contributions
 *   engine_tail.c    tails and timers: load, prepare, commit; due deadlines
 *   durable.c        what a commit has to write
 *   recover.c        the way back from records; recover_tail.c, recover_state.c
 */
#ifndef EDDY_CORE_ENGINE_STATE_H
#define EDDY_CORE_ENGINE_STATE_H

#include "base/memory.h"
#include "base/timer_queue.h"
#include "core/assign.h"
#include "core/contribution.h"
#include "core/erased.h"
#include "core/layout.h"
#include "core/profile_table.h"
#include "core/tail.h"

/* Room that the published half of a tail may need beyond limits.tail_bytes: marks are bounded by number, and a decision that
 * was made must be kept. */
enum { EDDY_TAIL_SLACK = 13 * 1024 };
_Static_assert(EDDY_TAIL_MARKS_MAX * 32 <= EDDY_TAIL_SLACK, "a mark takes at most 32 bytes");

/* Working memory of the engine's one thread; nothing in it outlives a call. */
struct eddy_scratch {
  struct eddy_tail tail;
  struct eddy_cart_line lines[EDDY_TAIL_LINES_MAX];
  float raw[EDDY_VECTOR_MAX], z[EDDY_VECTOR_MAX];
};

/* Users per slot of the newest model. */
struct eddy_segment_sizes {
  uint32_t ids[EDDY_CLUSTERS_MAX];
  uint64_t users[EDDY_CLUSTERS_MAX];
  uint16_t count;
  uint64_t elsewhere; /* users whose segment is not among the ids */
};

/* The idle sweep: every slot once per day of partition time. */
struct eddy_sweep {
  int64_t lap_start; /* EDDY_TIME_NONE before the first partition time */
  uint32_t cursor;   /* next slot of this lap */
};

/* What the next commit has to write, see core/durable.h. Zero and without memory unless `on`. */
struct eddy_durable {
  bool on;
  bool all_saved;               /* by the last commit, and no event came since */
  size_t dirty;                 /* profiles with the bit */
  struct eddy_buffer write_now; /* u32 slots, each profile with the bit at least once */
  struct eddy_buffer gone;      /* ids: length u8, bytes */
  struct eddy_buffer markers;   /* u64 keyed hashes */
};

/* What is only known while an engine is filled from records, see core/recovery.h. */
struct eddy_recovery {
  bool active;
  uint64_t next_effect;
  struct eddy_buffer includes; /* i64 per slot */
  struct eddy_buffer layouts;  /* struct eddy_layout */
};

struct eddy_engine {
  struct eddy_budget budget;
  struct eddy_allocator allocator;
  const struct eddy_spec *spec;
  struct eddy_spec_compiled compiled;
  const struct eddy_model *model;

  /* state, in a snapshot */
  struct eddy_profile_table table;
  struct eddy_reservoir reservoir;
  int64_t partition_time, newest_time;
  uint64_t next_effect;
  struct eddy_rng rng;
  struct eddy_counters counters;
  struct eddy_sweep sweep;
  struct eddy_erased erased;
  uint64_t erasure_key[2]; /* of its hashes; not state */

  /* derived from the state */
  struct eddy_timer_queue timers;
  int64_t due_bound; /* no timer is due before it */
  struct eddy_segment_sizes sizes;
  struct eddy_durable durable;
  struct eddy_recovery recovery;
  struct eddy_layout layout; /* the specification's own */

  struct eddy_scratch *scratch;
  uint8_t *encoded, *decided; /* two tails' bytes */
  size_t encoded_capacity;
};

/* What a failing call takes back besides profiles. */
struct eddy_savepoint {
  int64_t partition_time, newest_time, lap_start;
  uint64_t next_effect;
  size_t effect_count;
  struct eddy_counters counters;
};

static inline struct eddy_savepoint eddy_savepoint_take(const struct eddy_engine *engine, const struct eddy_effects *effects) {
  return (struct eddy_savepoint){
      .partition_time = engine->partition_time,
      .newest_time = engine->newest_time,
      .lap_start = engine->sweep.lap_start,
      .next_effect = engine->next_effect,
      .effect_count = effects != NULL ? effects->count : 0,
      .counters = engine->counters,
  };
}
void eddy_savepoint_return(struct eddy_engine *engine, struct eddy_effects *effects, const struct eddy_savepoint *savepoint);

/* Moves partition time on; it never goes back (invariant 3). */
void eddy_engine_advance(struct eddy_engine *engine, int64_t partition_time);
/* As far as the newest event demands: after reading state, for the allowed lateness may have become shorter since. */
void eddy_engine_catch_up(struct eddy_engine *engine);

/* The hash under which an erased user is remembered. */
uint64_t eddy_engine_erasure_hash(const struct eddy_engine *engine, struct eddy_str user_id);

#endif
