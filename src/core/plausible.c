#include "core/plausible.h"

/* Far beyond what events can add up to, and far from overflow. */
#define LANE_MAX 1e35f

bool eddy_time_plausible(int64_t time) {
  return time == EDDY_TIME_NONE || (time >= -EDDY_EVENT_TIME_MAX && time <= EDDY_EVENT_TIME_MAX);
}

static bool life_ok(const struct eddy_profile *profile) {
  bool stub = profile->last_time == EDDY_TIME_NONE;
  bool times = eddy_time_plausible(profile->first_seen) && eddy_time_plausible(profile->last_time) &&
               eddy_time_plausible(profile->last_contribution) && eddy_time_plausible(profile->segment_since);
  bool order = stub ? profile->first_seen == EDDY_TIME_NONE && !profile->has_segment
                    : profile->first_seen >= 0 && profile->first_seen <= profile->last_time;
  return times && order && (stub || profile->last_time < EDDY_EVENT_TIME_MAX) && profile->evidence >= 0 &&
         profile->evidence <= LANE_MAX;
}

static bool arrays_ok(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile) {
  const int64_t *ages = eddy_profile_ages(compiled, profile);
  for (unsigned i = 0; i < compiled->lane_count; i++) {
    if (!(profile->lanes[i] >= -LANE_MAX && profile->lanes[i] <= LANE_MAX)) return false; /* also refuses NaN */
  }
  for (unsigned i = 0; i < compiled->age_count; i++) {
    if (ages[i] != EDDY_TIME_NONE && (ages[i] < 0 || ages[i] > profile->last_time)) return false;
  }
  unsigned room = compiled->spec->limits.recent_ids;
  return profile->recent_count <= room && (profile->recent_next < room || profile->recent_next == 0);
}

bool eddy_profile_plausible(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile) {
  return life_ok(profile) && arrays_ok(compiled, profile);
}

bool eddy_clock_plausible(const struct eddy_engine *engine) {
  const struct eddy_sweep *sweep = &engine->sweep;
  bool started = engine->partition_time != EDDY_TIME_NONE;
  return eddy_time_plausible(engine->partition_time) && eddy_time_plausible(engine->newest_time) &&
         eddy_time_plausible(sweep->lap_start) && started == (sweep->lap_start != EDDY_TIME_NONE) &&
         sweep->lap_start <= engine->partition_time && (started || engine->newest_time == EDDY_TIME_NONE);
}

/* xoshiro never leaves the state zero. */
bool eddy_rng_plausible(const struct eddy_rng *rng) {
  return (rng->s[0] | rng->s[1] | rng->s[2] | rng->s[3]) != 0;
}
