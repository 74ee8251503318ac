/* Makes a working tail that was written under another specification one of this specification: triggers in their new places,
 * everything within the limits. Nothing is refused for being too much: what a fold would have dropped under the new limits is
 * dropped now. Consent always stays. Pure.
 */
#ifndef EDDY_CORE_TAIL_FIT_H
#define EDDY_CORE_TAIL_FIT_H

#include "core/layout.h"
#include "core/tail.h"

/* Whether every pair names a trigger that the layout has. */
bool eddy_tail_of_layout(const struct eddy_layout *layout, const struct eddy_tail *tail);
/* Moves armed times to their triggers' places; those of unknown ones go. Times stay where they are: encode the tail before it
 * is folded again. */
void eddy_tail_move_triggers(const struct eddy_layout *layout, struct eddy_tail *tail);

/* Whether the tail keeps more of something than the limits allow; bytes are another matter. */
bool eddy_tail_within_limits(const struct eddy_spec *spec, const struct eddy_tail *tail);
/* Drops the oldest of whatever is too much. */
void eddy_tail_fit_limits(const struct eddy_spec_compiled *compiled, struct eddy_tail *tail);
/* Drops the least important part of what is left; false if that is consent alone. For a tail with too many bytes. */
bool eddy_tail_drop_part(const struct eddy_spec_compiled *compiled, struct eddy_tail *tail);

#endif
