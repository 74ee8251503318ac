/* Which clustering dimensions tell the same action over different half-lives. Together they weigh as much as one. */
#ifndef EDDY_TRAINER_GROUPS_H
#define EDDY_TRAINER_GROUPS_H

#include "eddy/spec.h"

/* Both are counts, or sums of the same value, of the same events: opens_7d and opens_30d. */
bool eddy_same_action(const struct eddy_feature_spec *one, const struct eddy_feature_spec *other);
/* 1 / sqrt(number of clustering dimensions of the same action), [dimensions of the spec] (ALGORITHMS 2.1). */
void eddy_group_weights(const struct eddy_spec *spec, float *weights);

#endif
