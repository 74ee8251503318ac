/* A specification turned into the tables that the hot path walks. Made once per engine; immutable afterwards.
 *
 * Every COUNT and SUM feature owns a lane, every AGE feature a time ("age slot"), both in the order of the features. Lanes of
 * equal half-life form a class, so that a step computes one decay factor per class. Cost: O(features x types) once.
 */
#ifndef EDDY_CORE_SPEC_COMPILED_H
#define EDDY_CORE_SPEC_COMPILED_H

#include "eddy/spec.h"

/* Every silence longer than this many half-lives empties a lane (ALGORITHMS 2): 2^-64 of anything is 0. */
enum { EDDY_DECAY_HALF_LIVES = 64 };

/* What an event adds to a lane. */
enum eddy_addend { EDDY_ADD_ONE, EDDY_ADD_MONEY, EDDY_ADD_PIECES };

struct eddy_lane_update {
  uint8_t lane, addend; /* enum eddy_addend */
};

struct eddy_lane_dimension {
  uint8_t dimension, lane, class;
};

/* Events with a time outside this range are not events: sums of a time and the longest spans stay far from overflow. */
#define EDDY_EVENT_TIME_MAX (INT64_C(1) << 46)

struct eddy_spec_compiled {
  const struct eddy_spec *spec;
  uint16_t lane_count, age_count, class_count, dimension_count;
  eddy_event_mask tail_types; /* events that may change the tail */
  int64_t oldest_matters_ms;  /* an event that far behind its user's newest one belongs to a life that ended */
  float absent_days;          /* read-out of an age without an event */

  double class_rate[EDDY_HALF_LIVES_MAX]; /* 1 / half-life, per ms */
  int64_t class_dead_ms[EDDY_HALF_LIVES_MAX];
  uint8_t lane_class[EDDY_FEATURES_MAX];
  uint8_t feature_place[EDDY_FEATURES_MAX]; /* lane or age slot of a feature that owns one */

  /* Updates of type t: updates[first_update[t]] .. updates[first_update[t + 1] - 1]. */
  uint16_t first_update[EDDY_EVENT_TYPE_COUNT + 1];
  struct eddy_lane_update updates[EDDY_EVENT_TYPE_COUNT * EDDY_FEATURES_MAX];
  uint64_t ages_of[EDDY_EVENT_TYPE_COUNT]; /* age slots that a type refreshes, one bit each */
  bool takes_money[EDDY_EVENT_TYPE_COUNT];

  uint8_t dimension_feature[EDDY_FEATURES_MAX];
  struct eddy_lane_dimension lane_dimensions[EDDY_FEATURES_MAX]; /* dimensions that are the read-out of a lane */
  uint8_t computed_dimensions[EDDY_FEATURES_MAX];                /* all others */
  uint16_t lane_dimension_count, computed_dimension_count;
  bool all_log1p;
};

/* The specification must have passed eddy_spec_check(). */
void eddy_spec_compile(const struct eddy_spec *spec, struct eddy_spec_compiled *compiled);

#endif
