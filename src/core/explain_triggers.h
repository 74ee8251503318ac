/* The triggers' part of an explanation: what is pending, what was decided, and how each trigger stands. Pure; the working
 * tail's marks are used up. Thread: the engine's.
 */
#ifndef EDDY_CORE_EXPLAIN_TRIGGERS_H
#define EDDY_CORE_EXPLAIN_TRIGGERS_H

#include "core/profile.h"
#include "core/tail.h"
#include "eddy/explain.h"

/* What the answers rest on. */
struct eddy_known {
  const struct eddy_spec_compiled *compiled;
  const struct eddy_profile *profile;
  struct eddy_tail *tail;               /* the profile's */
  int64_t partition_time, published_at; /* of what is due: EDDY_TIME_NONE = partition time */
};

/* `now`, the features and the lines of the carts are in the explanation already. */
void eddy_explain_triggers(const struct eddy_known *known, struct eddy_explanation *explanation);

#endif
