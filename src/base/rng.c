#include "base/rng.h"

#include "base/assert.h"
#include "base/fmath.h"

static uint64_t splitmix64(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

void eddy_rng_seed(struct eddy_rng *rng, uint64_t seed) {
  for (int i = 0; i < 4; i++) rng->s[i] = splitmix64(&seed);
}

static inline uint64_t rotate_left(uint64_t x, unsigned bits) { return x << bits | x >> (64 - bits); }

uint64_t eddy_rng_next(struct eddy_rng *rng) {
  uint64_t *s = rng->s;
  uint64_t result = rotate_left(s[1] * 5, 7) * 9;
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate_left(s[3], 45);
  return result;
}

/* Multiply and reject (Lemire, ACM TOMACS 29(1), 2019): the high word of next * bound is uniform once those low words are
 * refused that would make some results come up once more often than others. */
uint64_t eddy_rng_below(struct eddy_rng *rng, uint64_t bound) {
  EDDY_ASSERT(bound > 0);
  uint64_t refused = (0 - bound) % bound;
  for (;;) {
    unsigned __int128 product = (unsigned __int128)eddy_rng_next(rng) * bound;
    if ((uint64_t)product >= refused) return (uint64_t)(product >> 64);
  }
}

double eddy_rng_unit(struct eddy_rng *rng) { return (double)(eddy_rng_next(rng) >> 11) * 0x1p-53; }

double eddy_rng_normal(struct eddy_rng *rng) {
  for (;;) {
    double u = 2 * eddy_rng_unit(rng) - 1;
    double v = 2 * eddy_rng_unit(rng) - 1;
    double s = u * u + v * v;
    /* The second deviate, v times the factor, is thrown away: keeping it would be state beside s[4]. */
    if (s > 0 && s < 1) return u * __builtin_sqrt(-2 * eddy_ln(s) / s);
  }
}
