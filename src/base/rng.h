/* A seeded generator: xoshiro256** (Blackman & Vigna 2018), seeded by splitmix64. State is a plain value (copy to snapshot). */
#ifndef EDDY_BASE_RNG_H
#define EDDY_BASE_RNG_H

#include <stdint.h>

struct eddy_rng {
  uint64_t s[4];
};

void eddy_rng_seed(struct eddy_rng *rng, uint64_t seed);
uint64_t eddy_rng_next(struct eddy_rng *rng);
/* Uniform in [0, bound), bound > 0, unbiased. */
uint64_t eddy_rng_below(struct eddy_rng *rng, uint64_t bound);
/* Uniform in [0, 1), 53 bits. */
double eddy_rng_unit(struct eddy_rng *rng);
/* Standard normal (polar method; deterministic: uses eddy_ln from base/fmath). */
double eddy_rng_normal(struct eddy_rng *rng);

#endif
