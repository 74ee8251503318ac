/* The trainer: merges the contributions of all partitions into versioned models (ALGORITHMS 3.2-3.5, DESIGN section 7).
 *
 * Deterministic: the same deltas in the same order give the same models, bit for bit. One owner at a time; not thread-safe
 * (trainer/thread.h runs one on a thread of its own).
 */
#ifndef EDDY_TRAINER_TRAINER_H
#define EDDY_TRAINER_TRAINER_H

#include "eddy/effect.h"
#include "eddy/model.h"

struct eddy_trainer;

struct eddy_trainer_options {
  const struct eddy_spec *spec;   /* for the features' names, half-life groups and dimensions; must outlive the trainer */
  uint16_t clusters;              /* k, default 16 */
  int64_t half_life_ms;           /* of the centroids, default 7 d; the moments' is 4 x */
  uint32_t epoch_contributions;   /* a version per this many, default 2000 */
  uint32_t buffer_min;            /* distinct users before the first model; default 0 = max(4096, 64 k); lower for small worlds */
  int64_t buffer_wait_ms;         /* event time after which fewer distinct users (>= 4 k) will do; default 1 d */
  uint64_t seed;
};

void eddy_trainer_options_default(struct eddy_trainer_options *options, const struct eddy_spec *spec);
/* 0, EDDY_E_NOMEM or EDDY_E_INVALID (an option out of range, no clustering dimension). */
int eddy_trainer_new(struct eddy_trainer **trainer, const struct eddy_trainer_options *options);
void eddy_trainer_free(struct eddy_trainer *trainer);

/* Takes in one delta of topic model-delta at (partition, offset); a delta at an offset that is already included is ignored.
 * Pass offset = -1 without a topic (replay). 0; EDDY_E_NOMEM, then nothing has changed; EDDY_E_INVALID for a delta that cannot be
 * true (dimensions, not finite, weights outside (0, 1e6]): its offset is passed, nothing else changes. */
int eddy_trainer_add(struct eddy_trainer *trainer, const struct eddy_model_delta *delta, uint32_t partition, int64_t offset);

/* To be called after every add, so that versions do not depend on anything but the deltas. If an epoch is complete: updates (or,
 * the first time, seeds) the centroids and returns 1; `record` then views the new version until the next call.
 * 0 if there is nothing to do yet; EDDY_E_NOMEM, then nothing has changed. The first time takes up to a second (k-means), later
 * ones well under a millisecond. */
int eddy_trainer_step(struct eddy_trainer *trainer, struct eddy_model_record *record);

/* Continues from a published version, exactly: positions, moments, masses, next id, and its number of clusters whatever the
 * options say. Deltas are then to be read again from each position's sample_from (they refill the sample and change nothing else
 * until `included`). 0; EDDY_E_INVALID if the features or their weights differ or a number is out of range, EDDY_E_NOMEM: then
 * the trainer is as it was. */
int eddy_trainer_resume(struct eddy_trainer *trainer, const struct eddy_model_record *record);

/* Distinct users before the first model of that many clusters, where the options say 0. */
uint32_t eddy_trainer_buffer_min(uint16_t clusters);

/* A human name for a segment, from its strongest features: "high spend_30d, low opens_7d"; unique within
 * the model if `size` has room for the id. O(k d). */
void eddy_segment_name(const struct eddy_spec *spec, const struct eddy_model_parts *parts, uint16_t slot, char *name, size_t size);

#endif
