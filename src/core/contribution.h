/* What an engine tells the trainer: a weighted reservoir of raw vectors, at most EDDY_DELTA_VECTORS_MAX of them.
 *
 * A-Res (Efraimidis & Spirakis, Weighted random sampling with a reservoir, Information Processing Letters 97(5), 2006): each
 * vector gets the key u^(1/w), u uniform in (0, 1]; the largest keys stay. Keys are kept as ln(u) / w. A reservoir that
 * overflowed holds each vector with a chance proportional to its weight, so there each kept one stands for an equal share of
 * the weight offered; before that each keeps its own weight.
 *
 * All memory is taken at init: adding cannot fail. Cost: one random number; a logarithm and a scan over 256
 * keys when one is replaced.
 */
#ifndef EDDY_CORE_CONTRIBUTION_H
#define EDDY_CORE_CONTRIBUTION_H

#include "base/rng.h"
#include "eddy/effect.h"

struct eddy_reservoir {
  uint16_t count, dimensions;
  uint16_t least; /* position of the smallest key; meaningful when full */
  int64_t newest_time;
  uint64_t offered;
  double offered_weight;
  double keys[EDDY_DELTA_VECTORS_MAX];
  float weights[EDDY_DELTA_VECTORS_MAX];
  uint64_t users[EDDY_DELTA_VECTORS_MAX];
  float *vectors; /* [EDDY_DELTA_VECTORS_MAX][dimensions] */
  struct eddy_allocator allocator;
};

int eddy_reservoir_init(struct eddy_reservoir *reservoir, const struct eddy_allocator *allocator, uint16_t dimensions);
void eddy_reservoir_fini(struct eddy_reservoir *reservoir);
void eddy_reservoir_clear(struct eddy_reservoir *reservoir);
/* Sets `least` after the keys were filled in by hand (restore). */
void eddy_reservoir_find_least(struct eddy_reservoir *reservoir);

struct eddy_contribution {
  const float *vector;
  float weight; /* > 0 */
  uint64_t user;
  int64_t time;
};
void eddy_reservoir_add(struct eddy_reservoir *reservoir, struct eddy_rng *rng, const struct eddy_contribution *contribution);

/* Appends the contents as one MODEL_DELTA with this number and clears the reservoir. 0, or EDDY_E_NOMEM with nothing changed.
 */
int eddy_reservoir_take(struct eddy_reservoir *reservoir, struct eddy_effects *effects, uint64_t number);

#endif
