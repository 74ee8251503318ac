/* A model version: the k centroids that say which cluster segment a user is in, with the standardiser that belongs to them.
 * Immutable once made; several engines, on several threads, may read one at a time without locks. The trainer makes them.
 */
#ifndef EDDY_MODEL_H
#define EDDY_MODEL_H

#include "eddy/spec.h"

struct eddy_model; /* opaque: flat arrays, centroids padded to a multiple of 8 dimensions */

struct eddy_segment_card {
  uint32_t id;                  /* stable, never reused */
  char name[2 * EDDY_NAME_MAX]; /* from the strongest features, e.g. "high spend_30d, low opens_7d" */
  double mass;                  /* decayed weight of the contributions */
};

/* What a model is made from. Row-major arrays; z = clamp((x - mean) / max(deviation, 0.05), -5, 5) * weight. */
struct eddy_model_parts {
  uint64_t version;
  int64_t trained_at;      /* event time, ms */
  uint16_t dimensions;     /* d, 1..EDDY_FEATURES_MAX */
  uint16_t clusters;       /* k, 1..EDDY_CLUSTERS_MAX */
  const float *mean, *deviation, *weight; /* [d], of the raw (log1p) vector */
  const float *centroids;  /* [k][d], standardised */
  const struct eddy_segment_card *cards; /* [k] */
};

/* A model from its parts (copied). NULL if memory is short or a part is out of range or not finite. Freed by
 * eddy_model_free(). */
struct eddy_model *eddy_model_new(const struct eddy_model_parts *parts, const struct eddy_allocator *allocator);
void eddy_model_free(struct eddy_model *model);

/* Views of the parts, valid while the model lives. */
struct eddy_model_parts eddy_model_parts_of(const struct eddy_model *model);
/* What a successor of the trainer needs to continue exactly where this version was made. */
struct eddy_delta_position {
  uint32_t partition;  /* of the topic model-delta */
  int64_t included;    /* first offset that this version does not include */
  int64_t sample_from; /* first offset to read again to refill the trainer's sample; <= included */
};
struct eddy_trainer_state {
  double moments_weight;                          /* decayed weight behind the population moments */
  const double *moments_mean, *moments_m2;        /* [d] weighted Welford: mean and sum of squares about it */
  const double *mass, *sse;                       /* [k] */
  uint32_t next_segment_id;
  uint64_t contributions;                         /* ever included */
  const struct eddy_delta_position *positions;
  uint32_t position_count;
};

/* The value of the topic `model`: a model version, the names of its dimensions (a reader whose features differ must not use
 * it), and the trainer's state. */
struct eddy_model_record {
  struct eddy_model_parts parts;
  const struct eddy_str *feature_names; /* [d] */
  struct eddy_trainer_state trainer;
};

/* A centroid's coordinate in natural units: the inverse of z = (x - mean) / max(deviation, 0.05) * weight and of the feature's
 * transform. */
float eddy_model_natural_value(const struct eddy_feature_spec *feature, const struct eddy_model_parts *parts,
                               uint16_t dimension, float z);

/* Slot of a segment id, -1 if the model does not have it. */
int eddy_model_slot(const struct eddy_model *model, uint32_t id);

#endif
