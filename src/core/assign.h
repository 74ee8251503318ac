/* Assignment of a vector to centroids, and why. Works on an immutable model; no allocation.
 *
 * Sums run over eight fixed accumulators (lane i sums dimensions i, i+8, ...; then ((0+4)+(2+6))+((1+5)+(3+7))), so that every
 * kernel (AVX2, plain) gives the same bits.
 */
#ifndef EDDY_CORE_ASSIGN_H
#define EDDY_CORE_ASSIGN_H

#include "eddy/effect.h"
#include "eddy/model.h"

/* Room for a padded vector. */
enum { EDDY_VECTOR_MAX = EDDY_FEATURES_MAX };

struct eddy_nearest {
  uint16_t slot, second;  /* second == slot if k == 1 */
  float d1, d2;           /* squared distances; ties go to the lower slot */
};

/* z from raw; `z` has room for EDDY_VECTOR_MAX floats, dimensions beyond d up to the padding are set to 0. */
void eddy_model_standardise(const struct eddy_model *model, const float *raw, float *z);
struct eddy_nearest eddy_model_nearest(const struct eddy_model *model, const float *z);
float eddy_model_distance(const struct eddy_model *model, const float *z, uint16_t slot);

/* The dimensions that speak most for slot `to` against slot `from` (from < 0: against the population, z = 0), strongest first,
 * positive ones only. Writes at most EDDY_REASONS_MAX; `feature` is set to the *dimension*, value is left 0. */
uint8_t eddy_model_explain(const struct eddy_model *model, const float *z, int from, uint16_t to,
                           struct eddy_segment_reason *reasons);

#endif
