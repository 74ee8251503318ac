#include "trainer/moments.h"

#include <float.h>

void eddy_moments_init(struct eddy_moments *moments, uint16_t dimensions) {
  *moments = (struct eddy_moments){.dimensions = dimensions};
}

void eddy_moments_add(struct eddy_moments *moments, const float *vector, double weight) {
  moments->weight += weight;
  for (size_t i = 0; i < moments->dimensions; i++) {
    double value = (double)vector[i], before = value - moments->mean[i];
    moments->mean[i] += weight / moments->weight * before;
    moments->m2[i] += weight * before * (value - moments->mean[i]);
  }
}

void eddy_moments_decay(struct eddy_moments *moments, double factor) {
  moments->weight *= factor;
  for (size_t i = 0; i < moments->dimensions; i++) moments->m2[i] *= factor;
}

void eddy_moments_merge(struct eddy_moments *moments, const struct eddy_moments *other) {
  double own = moments->weight, weight = own + other->weight;
  if (!(weight > 0)) return;
  for (size_t i = 0; i < moments->dimensions; i++) {
    double difference = other->mean[i] - moments->mean[i];
    moments->mean[i] += difference * (other->weight / weight);
    moments->m2[i] += other->m2[i] + difference * difference * (own * (other->weight / weight));
  }
  moments->weight = weight;
}

static float to_float(double value) {
  if (value > (double)FLT_MAX / 2) return FLT_MAX / 2;
  if (value < -(double)FLT_MAX / 2) return -FLT_MAX / 2;
  return (float)value;
}

void eddy_moments_read(const struct eddy_moments *moments, float *mean, float *deviation) {
  for (size_t i = 0; i < moments->dimensions; i++) {
    double variance = moments->weight > 0 ? moments->m2[i] / moments->weight : 0;
    mean[i] = to_float(moments->mean[i]);
    deviation[i] = to_float(variance > 0 ? __builtin_sqrt(variance) : 0);
  }
}
