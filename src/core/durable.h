/* What a commit has to write: the engine's side of rules 3-5 and 7 of the recovery protocol (store/README.md).
 *
 * A profile is clean (as in its record), dirty (folded fields have changed; written when the hand comes by) or belongs into the
 * next commit. The bits lie in the record; beside them the engine keeps a list of the slots of the next commit, the ids of
 * users that are gone, and the markers that were set or taken away. Room in the lists is reserved before a call changes
 * anything, so that marking cannot fail (invariant 5).
 *
 * Does nothing and keeps nothing unless options.durable. While an engine is recovered, profiles become dirty and nothing is
 * listed. Cost: O(1). Thread: the engine's.
 */
#ifndef EDDY_CORE_DURABLE_H
#define EDDY_CORE_DURABLE_H

#include "core/engine_state.h"

/* Room for `slots` slots, and for one user that is gone and its marker. 0 or EDDY_E_NOMEM. */
int eddy_durable_grow(struct eddy_engine *engine, size_t slots);
static inline bool eddy_durable_has_room(const struct eddy_buffer *list, size_t more) {
  return list->capacity - list->size >= more;
}
static inline int eddy_durable_reserve(struct eddy_engine *engine, size_t slots) {
  const struct eddy_durable *durable = &engine->durable;
  bool enough = !durable->on || (eddy_durable_has_room(&durable->write_now, slots * sizeof(uint32_t)) &&
                                 eddy_durable_has_room(&durable->gone, 1 + EDDY_USER_ID_MAX) &&
                                 eddy_durable_has_room(&durable->markers, sizeof(uint64_t)));
  return enough ? 0 : eddy_durable_grow(engine, slots);
}

/* Changes of a live profile. */
void eddy_durable_dirty(struct eddy_engine *engine, struct eddy_profile *profile);
void eddy_durable_write_now(struct eddy_engine *engine, struct eddy_profile *profile);
/* An event of the profile's user came, whether it changed anything or not: a replay may meet it again. */
void eddy_durable_touch(struct eddy_engine *engine, struct eddy_profile *profile);
/* Any event at all came. */
static inline void eddy_durable_event(struct eddy_engine *engine) {
  engine->durable.all_saved = false;
}

/* The profile is about to be removed: it becomes one of those that are gone, its bits leave the count. */
void eddy_durable_gone(struct eddy_engine *engine, struct eddy_profile *profile);
void eddy_durable_forget(struct eddy_engine *engine, struct eddy_profile *profile);
/* The marker of an erased user was set or taken away. */
void eddy_durable_marker(struct eddy_engine *engine, uint64_t hash);

/* Whether replay_from has passed the user's last event (rule 5). */
bool eddy_durable_may_evict(const struct eddy_engine *engine, const struct eddy_profile *profile);

/* After a snapshot was read: nothing of it has a record. */
void eddy_durable_all_dirty(struct eddy_engine *engine);

#endif
