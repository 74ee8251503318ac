/* Appending to a list of effects: reserve first, so that what follows cannot fail. */
#ifndef EDDY_CORE_EFFECTS_H
#define EDDY_CORE_EFFECTS_H

#include "eddy/effect.h"

/* Room for `count` more effects and `bytes` of arena; afterwards the functions below cannot fail within that room. */
int eddy_effects_reserve(struct eddy_effects *effects, size_t count, size_t bytes);
/* A zeroed effect at the end of the list. */
struct eddy_effect *eddy_effects_push(struct eddy_effects *effects);
/* Copies into the arena; bytes are aligned to 8. Each copy uses size rounded up to 8. */
void *eddy_effects_copy(struct eddy_effects *effects, const void *bytes, size_t size);
struct eddy_str eddy_effects_copy_str(struct eddy_effects *effects, struct eddy_str str);
/* Drops the effects from position `count` on (arena space is given back at the next clear). */
void eddy_effects_truncate(struct eddy_effects *effects, size_t count);

#endif
