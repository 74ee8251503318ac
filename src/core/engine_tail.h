/* Tails and timers of profiles: a tail is loaded into the working form, changed there, and written in two steps, so that a
 * call that fails between them has changed nothing.
 */
#ifndef EDDY_CORE_ENGINE_TAIL_H
#define EDDY_CORE_ENGINE_TAIL_H

#include "core/engine_state.h"

/* A changed tail that waits for its place. Zeroed: nothing to write. */
struct eddy_tail_write {
  uint32_t slot; /* EDDY_SLOT_NONE while the profile does not exist yet */
  bool pending;
  uint8_t *block; /* NULL: the tail became empty */
  uint32_t size;
  int64_t next_due;  /* INT64_MAX: no deadline */
  int64_t taken_due; /* due time of the timer that was taken out of the queue, EDDY_TIME_NONE if none was */
};

/* Decodes into the working tail; `profile` NULL = empty. */
void eddy_tail_load(struct eddy_engine *engine, const struct eddy_profile *profile);
/* Encodes the working tail into a block of its own. 0 or EDDY_E_NOMEM. */
int eddy_tail_prepare(struct eddy_engine *engine, struct eddy_tail_write *write);
/* Puts it in place, gives the old block back and arms the timer (invariant 8). Cannot fail. */
void eddy_tail_commit(struct eddy_engine *engine, struct eddy_tail_write *write);
/* Takes a write back: block and timer as they were. */
void eddy_tail_abandon(struct eddy_engine *engine, struct eddy_tail_write *write);

/* Whether a timer may be due at partition time; costs nothing while nothing is. */
static inline bool eddy_timers_may_be_due(const struct eddy_engine *engine) {
  return engine->partition_time != EDDY_TIME_NONE && engine->due_bound <= engine->partition_time;
}
void eddy_engine_arm(struct eddy_engine *engine, struct eddy_profile *profile, int64_t due);

/* Decides the triggers of the working tail at partition time. 0 or EDDY_E_NOMEM. */
int eddy_triggers_decide_now(struct eddy_engine *engine, struct eddy_str user_id, int64_t now, struct eddy_effects *effects);
/* Takes the first due timer out of the queue, decides its user's triggers and prepares the tail. 1, 0 if nothing is due,
 * EDDY_E_NOMEM with the queue as before (effects and counters are the caller's to take back). */
int eddy_timer_fire(struct eddy_engine *engine, int64_t now, struct eddy_effects *effects, struct eddy_tail_write *write);
/* As eddy_tail_commit(); the profile was decided about without an event of its own (rule 3). */
void eddy_timer_commit(struct eddy_engine *engine, struct eddy_tail_write *write);

#endif
