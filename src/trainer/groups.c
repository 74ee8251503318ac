#include "trainer/groups.h"

bool eddy_same_action(const struct eddy_feature_spec *one, const struct eddy_feature_spec *other) {
  if (one == other) return true;
  if (one->fold != other->fold || one->on != other->on) return false;
  return one->fold == EDDY_FOLD_COUNT || (one->fold == EDDY_FOLD_SUM && one->value == other->value);
}

static float group_weight(const struct eddy_spec *spec, const struct eddy_feature_spec *feature) {
  double lanes = 0;
  for (size_t i = 0; i < spec->feature_count; i++)
    lanes += spec->features[i].cluster && eddy_same_action(feature, &spec->features[i]);
  return (float)(1 / __builtin_sqrt(lanes));
}

void eddy_group_weights(const struct eddy_spec *spec, float *weights) {
  for (size_t i = 0; i < spec->feature_count; i++) {
    if (spec->features[i].cluster) *weights++ = group_weight(spec, &spec->features[i]);
  }
}
