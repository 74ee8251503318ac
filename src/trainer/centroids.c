#include "trainer/centroids.h"

#include <stdlib.h>
#include <string.h>

#include "base/fmath.h"
#include "core/assign.h"
#include "core/kmeans.h"

enum { LLOYD_ITERATIONS = 50 };

/* The moments' half-life in those of the centroids: the scale must move more slowly than what is measured with it. */
#define MOMENTS_HALF_LIFE 4.0
/* As in the model: a deviation counts as at least this, a coordinate is at most that. */
#define DEVIATION_MIN 0.05
#define COORDINATE_MAX 1e6

/* Epoch --------------------------------------------------------------------------------------------------------------------*/

void eddy_epoch_clear(struct eddy_epoch *epoch, uint16_t dimensions) {
  memset(epoch, 0, sizeof *epoch);
  eddy_moments_init(&epoch->moments, dimensions);
}

static void add_vector(struct eddy_epoch *epoch, const struct eddy_model *model, const float *raw, double weight) {
  float z[EDDY_VECTOR_MAX];
  eddy_model_standardise(model, raw, z);
  struct eddy_nearest nearest = eddy_model_nearest(model, z);
  size_t dimensions = epoch->moments.dimensions;
  double *sums = epoch->sums + nearest.slot * dimensions;
  for (size_t i = 0; i < dimensions; i++) sums[i] += weight * (double)z[i];
  epoch->mass[nearest.slot] += weight;
  epoch->sse[nearest.slot] += weight * (double)nearest.d1;
  epoch->weight += weight;
  eddy_moments_add(&epoch->moments, raw, weight);
}

void eddy_epoch_add(struct eddy_epoch *epoch, const struct eddy_model *model, const struct eddy_model_delta *delta) {
  for (size_t i = 0; i < delta->count; i++) {
    add_vector(epoch, model, delta->vectors + i * delta->dimensions, (double)delta->weights[i]);
  }
  epoch->contributions += delta->count;
}

/* Seeding ------------------------------------------------------------------------------------------------------------------*/

/* A model of one group at the mean, for its standardiser. */
static struct eddy_model *make_standardiser(const struct eddy_centroids *centroids) {
  static const float origin[EDDY_FEATURES_MAX];
  static const struct eddy_segment_card card;
  struct eddy_model_parts parts = {
      .dimensions = centroids->dimensions,
      .clusters = 1,
      .mean = centroids->mean,
      .deviation = centroids->deviation,
      .weight = centroids->weight,
      .centroids = origin,
      .cards = &card,
  };
  return eddy_model_new(&parts, NULL);
}

/* The buffered users as a sample for k-means: standardised points, then weights. */
static int standardise_users(const struct eddy_centroids *centroids, const struct eddy_first_users *first, float *points,
                             float *weights) {
  struct eddy_model *model = make_standardiser(centroids);
  if (model == NULL) return EDDY_E_NOMEM;
  for (size_t row = 0; row < first->count; row++) {
    float z[EDDY_VECTOR_MAX];
    eddy_model_standardise(model, first->vectors + row * first->dimensions, z);
    memcpy(points + row * first->dimensions, z, first->dimensions * sizeof *z);
    weights[row] = (float)first->weights[row];
  }
  eddy_model_free(model);
  return EDDY_OK;
}

/* Starts of k-means: as many as about a second pays for (4096 users of 32 dimensions), at least 8. At k 16 that is 32 and lifts
 * the mean ARI of static streams (tests/sim/trainer) from .898 to .917: 8 starts too often leave two groups to one centroid. */
static uint16_t restarts_for(uint16_t clusters) {
  uint16_t affordable = (uint16_t)(512 / clusters);
  return affordable < 8 ? 8 : affordable > 32 ? 32 : affordable;
}

static int fit(struct eddy_centroids *centroids, const struct eddy_first_users *first, uint16_t clusters, uint64_t seed,
               float *points) {
  float *weights = points + (size_t)first->count * first->dimensions;
  int error = standardise_users(centroids, first, points, weights);
  if (error) return error;
  struct eddy_sample sample = {.points = points, .weights = weights, .count = first->count, .dimensions = first->dimensions};
  struct eddy_kmeans_options options = {
      .clusters = clusters, .restarts = restarts_for(clusters), .iterations = LLOYD_ITERATIONS};
  struct eddy_kmeans_result result = {0};
  struct eddy_rng rng;
  eddy_rng_seed(&rng, seed);
  error = eddy_kmeans_fit(&sample, &options, &rng, NULL, centroids->points, centroids->mass, centroids->sse, &result);
  centroids->clusters = result.clusters;
  return error;
}

int eddy_centroids_seed(struct eddy_centroids *centroids, const struct eddy_first_users *first, uint16_t clusters,
                        uint64_t seed) {
  eddy_moments_init(&centroids->moments, first->dimensions);
  for (size_t row = 0; row < first->count; row++) {
    eddy_moments_add(&centroids->moments, first->vectors + row * first->dimensions, first->weights[row]);
  }
  eddy_moments_read(&centroids->moments, centroids->mean, centroids->deviation);
  float *points = malloc((size_t)first->count * (first->dimensions + 1u) * sizeof *points);
  if (points == NULL) return EDDY_E_NOMEM;
  int error = fit(centroids, first, clusters, seed, points);
  free(points);
  for (uint32_t slot = 0; slot < centroids->clusters; slot++) centroids->ids[slot] = slot + 1;
  centroids->next_id = centroids->clusters + 1u;
  return error;
}

/* Update -------------------------------------------------------------------------------------------------------------------*/

static void update_slot(struct eddy_centroids *centroids, const struct eddy_epoch *epoch, size_t slot, double fade) {
  double mass = centroids->mass[slot] * fade, added = epoch->mass[slot];
  centroids->mass[slot] = mass + added;
  centroids->sse[slot] = centroids->sse[slot] * fade + epoch->sse[slot];
  if (!(added > 0)) return;
  float *point = centroids->points + slot * centroids->dimensions;
  const double *sums = epoch->sums + slot * centroids->dimensions;
  for (size_t i = 0; i < centroids->dimensions; i++) {
    double before = (double)point[i];
    point[i] = (float)(before + added / (mass + added) * (sums[i] / added - before));
  }
}

static double usable_deviation(float deviation) {
  return (double)deviation > DEVIATION_MIN ? (double)deviation : DEVIATION_MIN;
}

/* The same place in the raw space: c' = (c sigma + mu - mu') / sigma', apart from the group's weight. */
static void restandardise(struct eddy_centroids *centroids, const float *mean, const float *deviation) {
  for (size_t at = 0; at < (size_t)centroids->clusters * centroids->dimensions; at++) {
    size_t i = at % centroids->dimensions;
    double weight = (double)centroids->weight[i];
    double shift = (double)centroids->mean[i] - (double)mean[i];
    double raw = (double)centroids->points[at] / weight * usable_deviation(centroids->deviation[i]) + shift;
    double point = raw / usable_deviation(deviation[i]) * weight;
    if (point > COORDINATE_MAX) point = COORDINATE_MAX;
    if (point < -COORDINATE_MAX) point = -COORDINATE_MAX;
    centroids->points[at] = (float)point;
  }
}

void eddy_centroids_update(struct eddy_centroids *centroids, const struct eddy_epoch *epoch, double half_lives) {
  double fade = eddy_exp2(-half_lives);
  for (size_t slot = 0; slot < centroids->clusters; slot++) update_slot(centroids, epoch, slot, fade);
  eddy_moments_decay(&centroids->moments, eddy_exp2(-half_lives / MOMENTS_HALF_LIFE));
  eddy_moments_merge(&centroids->moments, &epoch->moments);
  float mean[EDDY_FEATURES_MAX], deviation[EDDY_FEATURES_MAX];
  eddy_moments_read(&centroids->moments, mean, deviation);
  restandardise(centroids, mean, deviation);
  memcpy(centroids->mean, mean, centroids->dimensions * sizeof *mean);
  memcpy(centroids->deviation, deviation, centroids->dimensions * sizeof *deviation);
}
