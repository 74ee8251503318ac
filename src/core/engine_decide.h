/* decide, the half with effects: cluster segments and contributions (ALGORITHMS 3.4, 4). Triggers decide in core/trigger.h.
 *
 * Nothing here can fail: the caller has reserved EDDY_SEGMENT_EFFECTS effects before. Published fields change only together
 * with an effect (invariant 1).
 */
#ifndef EDDY_CORE_ENGINE_DECIDE_H
#define EDDY_CORE_ENGINE_DECIDE_H

#include "core/engine_state.h"

/* What one call may append: a user that begins a new life leaves its old segment and may enter another. */
enum { EDDY_SEGMENT_EFFECTS = 2, EDDY_SEGMENT_EFFECT_BYTES = 256 };

/* Who is decided about, and when. */
struct eddy_subject_user {
  struct eddy_profile *profile;
  uint64_t hash;      /* of the id, under the engine's key */
  int64_t time;       /* of the event, or of the sweep: stands in effects */
  int64_t read_at;    /* features are read as of this time */
  float contribution; /* weight, 0 for none */
};

/* Re-assigns the user if there is a model, and adds the contribution. */
void eddy_engine_decide(struct eddy_engine *engine, const struct eddy_subject_user *user, struct eddy_effects *effects);

/* The user leaves its segment, if it has one. */
void eddy_engine_leave_segment(struct eddy_engine *engine, struct eddy_profile *profile, int64_t time,
                               struct eddy_effects *effects);

/* The user is about to vanish without an effect of its own about the segment. */
void eddy_engine_uncount_segment(struct eddy_engine *engine, const struct eddy_profile *profile);

/* Makes the sizes those of the current model. O(1) per slot where the old sizes say enough, else O(users). */
void eddy_engine_recount_segments(struct eddy_engine *engine);
/* Counts from scratch. */
void eddy_engine_count_segments(const struct eddy_engine *engine, struct eddy_segment_sizes *sizes);

#endif
