/* The newest vectors of the stream: what structure repair will look at, and what a successor reads again.
 *
 * Newest by (time, partition, offset, index), not by arrival: which vectors are held depends on the set of deltas taken in
 * alone. So a successor that reads the partitions one after the other ends up with the same sample as its predecessor. O(log n)
 * per vector.
 */
#ifndef EDDY_TRAINER_SAMPLE_H
#define EDDY_TRAINER_SAMPLE_H

#include "eddy/effect.h"

enum { EDDY_SAMPLE_MAX = 4096 };

/* Where a vector came from. */
struct eddy_sample_key {
  int64_t time, offset;
  uint32_t partition;
  uint16_t index; /* within the delta */
  uint16_t row;   /* of `vectors` */
};

struct eddy_newest {
  uint16_t dimensions;
  uint32_t count;
  struct eddy_sample_key *heap; /* [count], oldest on top */
  float *vectors;               /* [EDDY_SAMPLE_MAX][dimensions] */
};

/* 0 or EDDY_E_NOMEM. */
int eddy_newest_init(struct eddy_newest *newest, uint16_t dimensions);
void eddy_newest_fini(struct eddy_newest *newest);
void eddy_newest_clear(struct eddy_newest *newest);
/* Offers all vectors of a delta. */
void eddy_newest_add(struct eddy_newest *newest, const struct eddy_model_delta *delta, uint32_t partition, int64_t offset);
/* Smallest offset of the partition in the sample, `none` if there is none. */
int64_t eddy_newest_oldest(const struct eddy_newest *newest, uint32_t partition, int64_t none);

#endif
