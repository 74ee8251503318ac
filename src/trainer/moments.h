/* Weighted mean and spread of a stream of vectors in double: Welford's update, Chan's merge (ALGORITHMS 2.1). A plain value. */
#ifndef EDDY_TRAINER_MOMENTS_H
#define EDDY_TRAINER_MOMENTS_H

#include "eddy/spec.h"

struct eddy_moments {
  uint16_t dimensions;
  double weight;
  double mean[EDDY_FEATURES_MAX];
  double m2[EDDY_FEATURES_MAX]; /* sum of weighted squares about the mean */
};

void eddy_moments_init(struct eddy_moments *moments, uint16_t dimensions);
/* weight > 0 */
void eddy_moments_add(struct eddy_moments *moments, const float *vector, double weight);
/* Forgets: what was added so far counts `factor` times as much as before. */
void eddy_moments_decay(struct eddy_moments *moments, double factor);
void eddy_moments_merge(struct eddy_moments *moments, const struct eddy_moments *other);
/* Mean and deviation as a model carries them; finite whatever was added. */
void eddy_moments_read(const struct eddy_moments *moments, float *mean, float *deviation);

#endif
