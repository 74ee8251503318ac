#include "core/feature.h"

#include "base/fmath.h"

/* Decay ---------------------------------------------------------------------------------------------------------------------*/

/* 2^(-elapsed / half-life) per class. */
static float class_factor(const struct eddy_spec_compiled *compiled, unsigned class, int64_t elapsed) {
  if (elapsed > compiled->class_dead_ms[class]) return 0;
  return eddy_exp2f((float)(-(double)elapsed * compiled->class_rate[class]));
}

static void all_factors(const struct eddy_spec_compiled *compiled, int64_t elapsed, float *factors) {
  for (unsigned class = 0; class < compiled->class_count; class ++) factors[class] = class_factor(compiled, class, elapsed);
}

/* Nothing that an event counts is ever this small; without it, the lane of a user who is never silent for long would end in
 * denormal numbers, stay there for ever, and make every multiplication slow. */
#define LANE_LEAST 1e-30f

static void decay_lanes(const struct eddy_spec_compiled *compiled, struct eddy_profile *profile, int64_t elapsed) {
  float factors[EDDY_HALF_LIVES_MAX];
  all_factors(compiled, elapsed, factors);
  for (unsigned lane = 0; lane < compiled->lane_count; lane++) {
    float value = profile->lanes[lane] * factors[compiled->lane_class[lane]];
    profile->lanes[lane] = value > LANE_LEAST || value < -LANE_LEAST ? value : 0;
  }
}

/* Minor units of one event; more is a typing error. */
#define MONEY_MAX 1e15

/* What an event adds --------------------------------------------------------------------------------------------------------*/

float eddy_event_weight(const struct eddy_event *event) {
  bool by_machine = event->machine_open == 1 || event->bot_suspected == 1;
  bool counts_people = event->type == EDDY_EMAIL_OPENED || event->type == EDDY_EMAIL_CLICKED;
  return by_machine && counts_people ? 0.0f : 1.0f;
}

/* Money in double: exact to 2^53 minor units, and no sum of 256 items overflows. */
static double items_worth(const struct eddy_event *event) {
  double worth = 0;
  for (uint32_t i = 0; i < event->item_count; i++) {
    const struct eddy_item *item = &event->items[i];
    if (item->has_price) worth += (double)item->price * (double)item->quantity;
  }
  return worth;
}

static double pieces(const struct eddy_event *event) {
  double count = 0;
  for (uint32_t i = 0; i < event->item_count; i++) count += (double)event->items[i].quantity;
  return count;
}

/* An absent currency means the specification's. */
static bool own_currency(const struct eddy_spec *spec, struct eddy_str currency) {
  if (currency.len == 0) return true;
  return currency.len == 3 && currency.data[0] == spec->currency[0] && currency.data[1] == spec->currency[1] &&
         currency.data[2] == spec->currency[2];
}

/* Values of an event by enum eddy_addend. What was paid back goes out of sums again; counts count events. */
static void addends(const struct eddy_spec_compiled *compiled, const struct eddy_event *event, float *values,
                    struct eddy_counters *counters) {
  float weight = eddy_event_weight(event);
  bool paid_back = event->type == EDDY_ORDER_REFUNDED || event->type == EDDY_ORDER_CANCELLED;
  double sign = paid_back ? -1.0 : 1.0, money = 0;
  if (compiled->takes_money[event->type]) {
    if (own_currency(compiled->spec, event->currency)) {
      money = event->has_value ? (double)event->value : items_worth(event);
    } else {
      counters->other_currency++;
    }
  }
  money = money > MONEY_MAX ? MONEY_MAX : money; /* whatever an event claims, a lane stays finite */
  money = money < -MONEY_MAX ? -MONEY_MAX : money;
  values[EDDY_ADD_ONE] = weight;
  values[EDDY_ADD_MONEY] = (float)(sign * money) * weight;
  values[EDDY_ADD_PIECES] = (float)(sign * pieces(event)) * weight;
}

/* Folding -------------------------------------------------------------------------------------------------------------------*/

static void add_to_lanes(const struct eddy_spec_compiled *compiled, struct eddy_profile *profile,
                         const struct eddy_event *event, int64_t behind, struct eddy_counters *counters) {
  const struct eddy_lane_update *update = &compiled->updates[compiled->first_update[event->type]];
  const struct eddy_lane_update *end = &compiled->updates[compiled->first_update[event->type + 1]];
  if (update == end) return;
  float values[EDDY_ADD_PIECES + 1];
  addends(compiled, event, values, counters);
  for (; update < end; update++) {
    float factor = behind == 0 ? 1.0f : class_factor(compiled, compiled->lane_class[update->lane], behind);
    profile->lanes[update->lane] += values[update->addend] * factor;
  }
}

static void refresh_ages(const struct eddy_spec_compiled *compiled, struct eddy_profile *profile,
                         const struct eddy_event *event) {
  int64_t *ages = eddy_profile_ages(compiled, profile);
  for (uint64_t slots = compiled->ages_of[event->type]; slots != 0; slots &= slots - 1) {
    unsigned slot = (unsigned)__builtin_ctzll(slots);
    if (event->event_time > ages[slot]) ages[slot] = event->event_time;
  }
}

static void touch(const struct eddy_spec_compiled *compiled, struct eddy_profile *profile, int64_t time) {
  if (profile->last_time == EDDY_TIME_NONE) {
    profile->first_seen = profile->last_time = time;
    return;
  }
  if (time > profile->last_time) {
    decay_lanes(compiled, profile, time - profile->last_time);
    profile->last_time = time;
  }
  if (time < profile->first_seen) profile->first_seen = time;
}

void eddy_features_fold(const struct eddy_spec_compiled *compiled, struct eddy_profile *profile, const struct eddy_event *event,
                        struct eddy_counters *counters) {
  enum { EVIDENCE_MAX = 1 << 20 }; /* far above every threshold, and sums of whole numbers stay exact */
  touch(compiled, profile, event->event_time);
  float weight = eddy_event_weight(event);
  if (weight == 0) {
    counters->machine_opens++;
    return;
  }
  add_to_lanes(compiled, profile, event, profile->last_time - event->event_time, counters);
  refresh_ages(compiled, profile, event);
  if (profile->evidence < EVIDENCE_MAX) profile->evidence += weight;
}

/* Reading -------------------------------------------------------------------------------------------------------------------*/

/* Decay factors from the newest event to `time`. */
static void factors_at(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, int64_t time,
                       float *factors) {
  int64_t elapsed = profile->last_time != EDDY_TIME_NONE && time > profile->last_time ? time - profile->last_time : 0;
  if (elapsed > 0) {
    all_factors(compiled, elapsed, factors);
  } else {
    for (unsigned class = 0; class < compiled->class_count; class ++) factors[class] = 1;
  }
}

/* Refunds may take a sum below zero: what is read is never negative. */
static float read_lane(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, const float *factors,
                       unsigned lane) {
  float value = profile->lanes[lane] * factors[compiled->lane_class[lane]];
  return value > 0 ? value : 0;
}

static float read_age(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, int64_t time,
                      unsigned slot) {
  int64_t at = eddy_profile_ages(compiled, profile)[slot];
  if (at == EDDY_TIME_NONE || profile->last_time == EDDY_TIME_NONE) return compiled->absent_days;
  int64_t now = time > profile->last_time ? time : profile->last_time;
  float days = (float)((double)(now - at) / (double)EDDY_DAY_MS);
  return days < compiled->absent_days ? days : compiled->absent_days;
}

static float read_feature(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, int64_t time,
                          const float *factors, uint16_t position) {
  const struct eddy_feature_spec *feature = &compiled->spec->features[position];
  if (feature->fold == EDDY_FOLD_AGE) return read_age(compiled, profile, time, compiled->feature_place[position]);
  if (feature->fold == EDDY_FOLD_COUNT || feature->fold == EDDY_FOLD_SUM) {
    return read_lane(compiled, profile, factors, compiled->feature_place[position]);
  }
  float of = read_lane(compiled, profile, factors, compiled->feature_place[feature->of]);
  float to = read_lane(compiled, profile, factors, compiled->feature_place[feature->to]);
  float divisor = feature->fold == EDDY_FOLD_SHARE ? of + to : to;
  if (!(divisor > 0)) return 0;
  float ratio = of / divisor; /* a divisor decayed to almost nothing must not give infinity */
  return ratio < 1e6f ? ratio : 1e6f;
}

void eddy_features_read(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, int64_t time,
                        float *values) {
  float factors[EDDY_HALF_LIVES_MAX];
  factors_at(compiled, profile, time, factors);
  for (uint16_t i = 0; i < compiled->spec->feature_count; i++) values[i] = read_feature(compiled, profile, time, factors, i);
}

float eddy_feature_read(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, int64_t time,
                        uint16_t feature) {
  float factors[EDDY_HALF_LIVES_MAX];
  factors_at(compiled, profile, time, factors);
  return read_feature(compiled, profile, time, factors, feature);
}

/* Once per event, so the loop over lanes has no branch: lanes are not clipped at 0 here. */
static void read_dimensions(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, int64_t time,
                            float *values) {
  float factors[EDDY_HALF_LIVES_MAX];
  factors_at(compiled, profile, time, factors);
  for (unsigned i = 0; i < compiled->lane_dimension_count; i++) {
    struct eddy_lane_dimension at = compiled->lane_dimensions[i];
    values[at.dimension] = profile->lanes[at.lane] * factors[at.class];
  }
  for (unsigned i = 0; i < compiled->computed_dimension_count; i++) {
    unsigned dimension = compiled->computed_dimensions[i];
    values[dimension] = read_feature(compiled, profile, time, factors, compiled->dimension_feature[dimension]);
  }
}

void eddy_features_vector(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, int64_t time,
                          float *raw) {
  float natural[EDDY_FEATURES_MAX];
  read_dimensions(compiled, profile, time, natural);
  eddy_log1pf_many(natural, raw, compiled->dimension_count); /* takes negative values as 0 */
  if (compiled->all_log1p) return;
  for (unsigned i = 0; i < compiled->dimension_count; i++) {
    if (compiled->spec->features[compiled->dimension_feature[i]].transform == EDDY_TRANSFORM_NONE) {
      raw[i] = natural[i] > 0 ? natural[i] : 0;
    }
  }
}
