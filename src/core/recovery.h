/* What the way back from records needs besides the state and what each record includes (core/includes.h): layouts.
 * Empty but between eddy_engine_recover_begin() and _end(). Thread: the engine's.
 */
#ifndef EDDY_CORE_RECOVERY_H
#define EDDY_CORE_RECOVERY_H

#include "core/engine_state.h"
#include "core/engine_tail.h"
#include "core/profile_codec.h"

/* The layout of that id, NULL if none was read. */
const struct eddy_layout *eddy_recovery_layout(const struct eddy_engine *engine, uint32_t id);

/* Prepares a tail from a record for a place in this engine: checks it, moves its triggers to where they are now, makes it fit
 * the limits. `write`: slot is left alone. 0, EDDY_E_CORRUPT, EDDY_E_NOMEM. */
int eddy_recovery_tail(struct eddy_engine *engine, const struct eddy_layout *layout, struct eddy_profile_bytes bytes,
                       struct eddy_tail_write *write);

/* The fold of an event that live operation had applied: memory only, see engine_step.c. 0 or EDDY_E_NOMEM. */
int eddy_engine_replay(struct eddy_engine *engine, const struct eddy_event *event, int64_t offset, uint64_t hash);
/* Whether an event may be applied at all. */
bool eddy_engine_supports(const struct eddy_event *event);

#endif
