/* Features: folding an event into the lanes and ages of a profile, and reading them out.
 *
 * Decayed sums are kept by forward decay (Cormode, Shkapenyuk, Srivastava, Xu: Forward decay, ICDE 2009): all lanes are valid
 * at the profile's own newest event time (invariant 6). A newer event decays them once, with one exponential per half-life; an
 * older one adds v * 2^(-(last - t) / h) and lands exactly where it would have, so the order of arrival does not matter.
 *
 * Pure functions of profile and event. Cost: O(half-lives) exponentials, O(lanes) multiplications.
 */
#ifndef EDDY_CORE_FEATURE_H
#define EDDY_CORE_FEATURE_H

#include "core/profile.h"
#include "eddy/engine.h"

/* 0 for opens and clicks of machines (ALGORITHMS 2), else 1. */
float eddy_event_weight(const struct eddy_event *event);

/* Folds the event into lanes, ages, first_seen, last_time and evidence. A profile with last_time == EDDY_TIME_NONE is new. */
void eddy_features_fold(const struct eddy_spec_compiled *compiled, struct eddy_profile *profile, const struct eddy_event *event,
                        struct eddy_counters *counters);

/* All features in natural units at `time`; a time before the newest event reads as at the newest event. */
void eddy_features_read(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, int64_t time,
                        float *values);

/* One feature, see eddy_features_read(). */
float eddy_feature_read(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, int64_t time,
                        uint16_t feature);

/* The clustering vector before standardising: transformed read-outs at `time`. Room for EDDY_FEATURES_MAX. */
void eddy_features_vector(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, int64_t time,
                          float *raw);

#endif
