/* Which events each profile's record includes, by slot, while an engine is recovered: those before an offset, 0 = none. Empty
 * otherwise. O(1). Thread: the engine's.
 */
#ifndef EDDY_CORE_INCLUDES_H
#define EDDY_CORE_INCLUDES_H

#include "core/engine_state.h"

/* Room to remember it of `slot` and all before it. 0 or EDDY_E_NOMEM. */
int eddy_includes_reserve(struct eddy_engine *engine, uint32_t slot);
void eddy_includes_set(struct eddy_engine *engine, uint32_t slot, int64_t offset);
/* Events before this offset are in the profile; 0 if nothing is known of it. */
int64_t eddy_includes_of(const struct eddy_engine *engine, uint32_t slot);
/* The slot's profile is removed. */
void eddy_includes_forget(struct eddy_engine *engine, uint32_t slot);

#endif
