/* The numbers of one model version, and the three things that happen to them: seeding, the decayed mini-batch update, and a
 * change of the standardiser (ALGORITHMS 3.2, 3.3, 2.1). A plain value: a step works on a copy and commits it by assignment.
 */
#ifndef EDDY_TRAINER_CENTROIDS_H
#define EDDY_TRAINER_CENTROIDS_H

#include "eddy/model.h"
#include "trainer/first_users.h"
#include "trainer/moments.h"

struct eddy_centroids {
  uint16_t dimensions, clusters;
  float mean[EDDY_FEATURES_MAX], deviation[EDDY_FEATURES_MAX], weight[EDDY_FEATURES_MAX];
  float points[EDDY_CLUSTERS_MAX * EDDY_FEATURES_MAX]; /* [clusters][dimensions], standardised */
  double mass[EDDY_CLUSTERS_MAX], sse[EDDY_CLUSTERS_MAX];
  uint32_t ids[EDDY_CLUSTERS_MAX], next_id;
  struct eddy_moments moments; /* of the raw vectors */
};

/* What was contributed since the version was made, summed against it, frozen. */
struct eddy_epoch {
  uint32_t contributions;
  double weight;
  double sums[EDDY_CLUSTERS_MAX * EDDY_FEATURES_MAX]; /* [clusters][dimensions] */
  double mass[EDDY_CLUSTERS_MAX], sse[EDDY_CLUSTERS_MAX];
  struct eddy_moments moments;
};

void eddy_epoch_clear(struct eddy_epoch *epoch, uint16_t dimensions);
/* Adds a delta, assigned by the frozen version. */
void eddy_epoch_add(struct eddy_epoch *epoch, const struct eddy_model *model, const struct eddy_model_delta *delta);

/* k-means++ with restarts on the buffered users, at most `clusters` of them; ids from 1. `weight` is set before. Deterministic
 * for a seed. 0 or EDDY_E_NOMEM. */
int eddy_centroids_seed(struct eddy_centroids *centroids, const struct eddy_first_users *first, uint16_t clusters,
                        uint64_t seed);
/* Moves the centroids by an epoch after the past has faded by 2^-half_lives, its moments by 2^-(half_lives / 4). */
void eddy_centroids_update(struct eddy_centroids *centroids, const struct eddy_epoch *epoch, double half_lives);

#endif
