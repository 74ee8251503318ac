#include "core/contribution.h"

#include <string.h>

#include "base/assert.h"
#include "base/fmath.h"
#include "base/memory.h"
#include "core/effects.h"

static size_t vectors_bytes(const struct eddy_reservoir *reservoir) {
  return sizeof(float) * EDDY_DELTA_VECTORS_MAX * reservoir->dimensions;
}

int eddy_reservoir_init(struct eddy_reservoir *reservoir, const struct eddy_allocator *allocator, uint16_t dimensions) {
  memset(reservoir, 0, sizeof *reservoir);
  reservoir->allocator = *allocator;
  reservoir->dimensions = dimensions;
  reservoir->newest_time = EDDY_TIME_NONE;
  if (dimensions == 0) return 0;
  reservoir->vectors = eddy_resize(allocator, NULL, 0, vectors_bytes(reservoir));
  return reservoir->vectors != NULL ? 0 : EDDY_E_NOMEM;
}

void eddy_reservoir_fini(struct eddy_reservoir *reservoir) {
  if (reservoir->vectors != NULL) eddy_resize(&reservoir->allocator, reservoir->vectors, vectors_bytes(reservoir), 0);
  reservoir->vectors = NULL;
}

void eddy_reservoir_clear(struct eddy_reservoir *reservoir) {
  reservoir->count = reservoir->least = 0;
  reservoir->newest_time = EDDY_TIME_NONE;
  reservoir->offered = 0;
  reservoir->offered_weight = 0;
}

void eddy_reservoir_find_least(struct eddy_reservoir *reservoir) {
  reservoir->least = 0;
  for (uint16_t i = 1; i < reservoir->count; i++) {
    if (reservoir->keys[i] < reservoir->keys[reservoir->least]) reservoir->least = i;
  }
}

static void put(struct eddy_reservoir *reservoir, uint16_t at, double key, const struct eddy_contribution *contribution) {
  size_t width = sizeof(float) * reservoir->dimensions;
  reservoir->keys[at] = key;
  reservoir->weights[at] = contribution->weight;
  reservoir->users[at] = contribution->user;
  memcpy(reservoir->vectors + (size_t)at * reservoir->dimensions, contribution->vector, width);
}

/* ln(u) <= u - 1, so a key that is too small can mostly be told without the logarithm. */
static bool surely_too_small(const struct eddy_reservoir *reservoir, double u, double weight) {
  return reservoir->count == EDDY_DELTA_VECTORS_MAX && u - 1.0 <= reservoir->keys[reservoir->least] * weight;
}

void eddy_reservoir_add(struct eddy_reservoir *reservoir, struct eddy_rng *rng, const struct eddy_contribution *contribution) {
  EDDY_ASSERT(contribution->weight > 0 && reservoir->dimensions > 0);
  double u = 1.0 - eddy_rng_unit(rng); /* in (0, 1] */
  reservoir->offered++;
  reservoir->offered_weight += (double)contribution->weight;
  if (contribution->time > reservoir->newest_time) reservoir->newest_time = contribution->time;
  if (surely_too_small(reservoir, u, (double)contribution->weight)) return;
  double key = eddy_ln(u) / (double)contribution->weight;
  if (reservoir->count < EDDY_DELTA_VECTORS_MAX) {
    put(reservoir, reservoir->count++, key, contribution);
    if (reservoir->count == EDDY_DELTA_VECTORS_MAX) eddy_reservoir_find_least(reservoir);
  } else if (key > reservoir->keys[reservoir->least]) {
    put(reservoir, reservoir->least, key, contribution);
    eddy_reservoir_find_least(reservoir);
  }
}

static const float *copy_weights(const struct eddy_reservoir *reservoir, struct eddy_effects *effects) {
  float *weights = eddy_effects_copy(effects, reservoir->weights, sizeof(float) * reservoir->count);
  if (reservoir->offered > reservoir->count) {
    for (uint16_t i = 0; i < reservoir->count; i++) weights[i] = (float)(reservoir->offered_weight / reservoir->count);
  }
  return weights;
}

int eddy_reservoir_take(struct eddy_reservoir *reservoir, struct eddy_effects *effects, uint64_t number) {
  size_t count = reservoir->count, vectors = sizeof(float) * count * reservoir->dimensions;
  int error = eddy_effects_reserve(effects, 1, vectors + count * (sizeof(float) + sizeof(uint64_t)) + 3 * 8);
  if (error != 0) return error;
  struct eddy_effect *effect = eddy_effects_push(effects);
  effect->kind = EDDY_MODEL_DELTA;
  effect->number = number;
  effect->as.delta = (struct eddy_model_delta){
      .newest_time = reservoir->newest_time,
      .offered = reservoir->offered,
      .offered_weight = reservoir->offered_weight,
      .count = reservoir->count,
      .dimensions = reservoir->dimensions,
      .vectors = eddy_effects_copy(effects, reservoir->vectors, vectors),
      .weights = copy_weights(reservoir, effects),
      .users = eddy_effects_copy(effects, reservoir->users, sizeof(uint64_t) * count),
  };
  eddy_reservoir_clear(reservoir);
  return 0;
}
