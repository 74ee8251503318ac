#include "core/spec_compiled.h"

#include <string.h>

#include "base/assert.h"
#include "core/facts.h"
#include "core/trigger.h"

static bool owns_lane(const struct eddy_feature_spec *feature) {
  return feature->fold == EDDY_FOLD_COUNT || feature->fold == EDDY_FOLD_SUM;
}

/* The class of a half-life, a new one if it is the first of its kind. `half_lives` are those seen so far. */
static uint8_t class_of(struct eddy_spec_compiled *compiled, int64_t *half_lives, int64_t half_life_ms) {
  uint8_t at = 0;
  while (at < compiled->class_count && half_lives[at] != half_life_ms) at++;
  if (at == compiled->class_count) {
    EDDY_ASSERT(at < EDDY_HALF_LIVES_MAX);
    half_lives[at] = half_life_ms;
    compiled->class_rate[at] = 1.0 / (double)half_life_ms;
    compiled->class_dead_ms[at] = EDDY_DECAY_HALF_LIVES * half_life_ms;
    compiled->class_count++;
  }
  return at;
}

static void place_features(struct eddy_spec_compiled *compiled) {
  int64_t half_lives[EDDY_HALF_LIVES_MAX];
  for (uint16_t i = 0; i < compiled->spec->feature_count; i++) {
    const struct eddy_feature_spec *feature = &compiled->spec->features[i];
    if (owns_lane(feature)) {
      compiled->lane_class[compiled->lane_count] = class_of(compiled, half_lives, feature->half_life_ms);
      compiled->feature_place[i] = (uint8_t)compiled->lane_count++;
    } else if (feature->fold == EDDY_FOLD_AGE) {
      compiled->feature_place[i] = (uint8_t)compiled->age_count++;
    }
  }
}

static enum eddy_addend addend_of(const struct eddy_feature_spec *feature) {
  if (feature->fold == EDDY_FOLD_COUNT) return EDDY_ADD_ONE;
  return feature->value == EDDY_VALUE_MONEY ? EDDY_ADD_MONEY : EDDY_ADD_PIECES;
}

static void list_updates_of(struct eddy_spec_compiled *compiled, unsigned type, uint16_t *count) {
  for (uint16_t i = 0; i < compiled->spec->feature_count; i++) {
    const struct eddy_feature_spec *feature = &compiled->spec->features[i];
    if ((feature->on & EDDY_EVENT_BIT(type)) == 0) continue;
    if (owns_lane(feature)) {
      enum eddy_addend addend = addend_of(feature);
      compiled->updates[(*count)++] = (struct eddy_lane_update){compiled->feature_place[i], (uint8_t)addend};
      if (addend == EDDY_ADD_MONEY) compiled->takes_money[type] = true;
    } else if (feature->fold == EDDY_FOLD_AGE) {
      compiled->ages_of[type] |= UINT64_C(1) << compiled->feature_place[i];
    }
  }
}

static void list_updates(struct eddy_spec_compiled *compiled) {
  uint16_t count = 0;
  for (unsigned type = 0; type < EDDY_EVENT_TYPE_COUNT; type++) {
    compiled->first_update[type] = count;
    list_updates_of(compiled, type, &count);
  }
  compiled->first_update[EDDY_EVENT_TYPE_COUNT] = count;
}

static void sort_dimension(struct eddy_spec_compiled *compiled, uint16_t dimension, uint16_t position) {
  if (!owns_lane(&compiled->spec->features[position])) {
    compiled->computed_dimensions[compiled->computed_dimension_count++] = (uint8_t)dimension;
    return;
  }
  uint8_t lane = compiled->feature_place[position];
  compiled->lane_dimensions[compiled->lane_dimension_count++] =
      (struct eddy_lane_dimension){.dimension = (uint8_t)dimension, .lane = lane, .class = compiled->lane_class[lane]};
}

static void list_dimensions(struct eddy_spec_compiled *compiled) {
  compiled->all_log1p = true;
  for (uint16_t i = 0; i < compiled->spec->feature_count; i++) {
    const struct eddy_feature_spec *feature = &compiled->spec->features[i];
    if (!feature->cluster) continue;
    uint16_t at = compiled->dimension_count++;
    compiled->dimension_feature[at] = (uint8_t)i;
    sort_dimension(compiled, at, i);
    if (feature->transform != EDDY_TRANSFORM_LOG1P) compiled->all_log1p = false;
  }
}

void eddy_spec_compile(const struct eddy_spec *spec, struct eddy_spec_compiled *compiled) {
  memset(compiled, 0, sizeof *compiled);
  compiled->spec = spec;
  compiled->tail_types = eddy_triggers_mask(spec) | eddy_facts_mask(spec);
  compiled->oldest_matters_ms = spec->idle_ttl_ms;
  compiled->absent_days = (float)((double)spec->idle_ttl_ms / (double)EDDY_DAY_MS);
  place_features(compiled);
  list_updates(compiled);
  list_dimensions(compiled);
}
