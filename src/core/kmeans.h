/* k-means on a small weighted sample: greedy k-means++ seeding (Arthur & Vassilvitskii, SODA 2007; 2 + floor(ln k) trials),
 * Lloyd iterations, restarts. Deterministic for a given generator. Used by the trainer only, but pure.
 */
#ifndef EDDY_CORE_KMEANS_H
#define EDDY_CORE_KMEANS_H

#include "base/rng.h"
#include "eddy/types.h"

struct eddy_sample {
  const float *points;  /* [count][dimensions] */
  const float *weights; /* [count], > 0 */
  uint32_t count;
  uint16_t dimensions;
};

struct eddy_kmeans_options {
  uint16_t clusters;     /* k; lowered to the number of distinct points */
  uint16_t restarts;     /* >= 1; 8 is a good number, more find better optima */
  uint16_t iterations;   /* of Lloyd at most; 50 is plenty */
};

struct eddy_kmeans_result {
  uint16_t clusters;     /* what was found */
  double sse;            /* weighted */
};

/* Writes centroids [k][dimensions] and masses [k] (weight per cluster), sse per cluster [k]. 0 or EDDY_E_NOMEM, EDDY_E_INVALID
 * (nothing to fit, a point that is not finite, a weight that is not in (0, 1e30]). With 4096 points of 32
 * dimensions a start takes about 20 ms at k 16, 140 ms at k 64. */
int eddy_kmeans_fit(const struct eddy_sample *sample, const struct eddy_kmeans_options *options, struct eddy_rng *rng,
                    const struct eddy_allocator *allocator, float *centroids, double *masses, double *sse,
                    struct eddy_kmeans_result *result);

#endif
