/* Whether what was read from bytes of unknown origin is something that an engine could have written. Shared by restore.c
 * (snapshots) and recover.c (records). Pure but for the working tail.
 */
#ifndef EDDY_CORE_PLAUSIBLE_H
#define EDDY_CORE_PLAUSIBLE_H

#include "core/engine_state.h"

/* A time that an event or a clock can have set, or none. */
bool eddy_time_plausible(int64_t time);
/* The fixed record of a profile. */
bool eddy_profile_plausible(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile);
/* Partition time, newest time and the sweep's lap. */
bool eddy_clock_plausible(const struct eddy_engine *engine);
bool eddy_rng_plausible(const struct eddy_rng *rng);

#endif
