/* How far each partition of the topic model-delta was read: by the centroids (`included`), and by the sample, which a successor
 * fills again from an earlier offset. Sorted by partition.
 */
#ifndef EDDY_TRAINER_POSITIONS_H
#define EDDY_TRAINER_POSITIONS_H

#include "eddy/model.h"
#include "trainer/sample.h"

struct eddy_positions {
  struct eddy_delta_position *items; /* sample_from is brought up to date by eddy_positions_refresh() */
  int64_t *sampled;                  /* [count] first offset that the sample has not seen */
  uint32_t count, capacity;
};

void eddy_positions_fini(struct eddy_positions *positions);
/* Index of the partition's row, made (at offset 0) if missing; EDDY_E_NOMEM. */
int eddy_positions_find(struct eddy_positions *positions, uint32_t partition);
/* The rows of a record, for a successor: the sample is at sample_from. 0, EDDY_E_NOMEM, EDDY_E_INVALID (twice the same
 * partition, negative or crossed offsets). `positions` is empty before; on failure it is to be given back as usual. */
int eddy_positions_load(struct eddy_positions *positions, const struct eddy_delta_position *rows, uint32_t count);
/* Sets sample_from of all rows from what the sample holds. */
void eddy_positions_refresh(struct eddy_positions *positions, const struct eddy_newest *newest);

#endif
