/* How a model lies in memory: private to model.c (makes it) and assign.c (reads it).
 *
 * One block: the struct, then its arrays. Centroids are kept twice: row by row as they were given, for the views and for single
 * distances, and in tiles for the scan over all of them:
 *
 *   tiles[block][dimension][lane] = centroid 8 * block + lane, that dimension
 *
 * so that one load brings the same dimension of eight centroids and no sum crosses lanes. Both are padded with zeros:
 * dimensions to a multiple of 8, centroids to full tiles.
 */
#ifndef EDDY_CORE_MODEL_LAYOUT_H
#define EDDY_CORE_MODEL_LAYOUT_H

#include "eddy/model.h"

enum { EDDY_TILE = 8 };

#define EDDY_Z_LIMIT 5.0f          /* z is clamped to +- this before the weight */
#define EDDY_DEVIATION_FLOOR 0.05f /* so that a dimension that never varies stays near 0 */

/* Distances of z to all centroids of the model, tile by tile; `distances` has room for whole tiles. */
typedef void eddy_scan(const struct eddy_model *model, const float *z, float *distances);

struct eddy_model_id {
  uint32_t id;
  uint16_t slot;
};

struct eddy_model {
  struct eddy_allocator allocator;
  size_t size; /* of the block */
  uint64_t version;
  int64_t trained_at;
  uint16_t dimensions, clusters;
  uint16_t padded; /* dimensions rounded up to a multiple of 8 */
  eddy_scan *scan; /* the kernel for this CPU */
  float *tiles, *mean, *deviation, *weight, *divisor, *centroids;
  struct eddy_segment_card *cards;
  struct eddy_model_id *ids; /* ascending by id */
};

/* The fastest kernel that this CPU has; all give the same bits. */
eddy_scan *eddy_scan_choose(void);
eddy_scan eddy_scan_plain;
#if defined(__x86_64__)
eddy_scan eddy_scan_avx2; /* only where __builtin_cpu_supports("avx2") */
#endif

#endif
