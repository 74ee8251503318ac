#include "core/assign.h"

#include <string.h>

#include "base/assert.h"
#include "core/model_layout.h"

/* Eight floats: one register with AVX, two with SSE2 or NEON. The compiler may not reorder the operations on them, so the one
 * scan below, compiled once per instruction set, gives the same bits everywhere. */
typedef float lanes __attribute__((vector_size(EDDY_TILE * sizeof(float))));

/* Distances to the eight centroids of a tile. Accumulator j sums dimensions j, j + 8, ...: the same additions in the same order
 * as eddy_model_distance(), but no sum crosses lanes. That is why centroids lie in tiles: nearest and second at d = 32, k 16 /
 * 64 take 44 / 145 ns with AVX2 (SSE2: 131 / 382 ns) where one centroid a time took 93 / 248 ns (ALGORITHMS 3.6). */
__attribute__((always_inline)) static inline void scan_tile(const float *tile, uint16_t padded, const float *z,
                                                            float *distances) {
  lanes sums[8] = {{0}};
  for (size_t i = 0; i < padded; i += 8) {
    for (size_t j = 0; j < 8; j++) {
      lanes centroid;
      memcpy(&centroid, tile + (i + j) * EDDY_TILE, sizeof centroid);
      lanes difference = z[i + j] - centroid;
      sums[j] += difference * difference;
    }
  }
  lanes total = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
  memcpy(distances, &total, sizeof total);
}

__attribute__((always_inline)) static inline void scan_tiles(const struct eddy_model *model, const float *z, float *distances) {
  for (size_t first = 0; first < model->clusters; first += EDDY_TILE) {
    scan_tile(model->tiles + first * model->padded, model->padded, z, distances + first);
  }
}

void eddy_scan_plain(const struct eddy_model *model, const float *z, float *distances) {
  scan_tiles(model, z, distances);
}

#if defined(__x86_64__)
/* avx2 without fma: a fused multiply-add would round differently. */
__attribute__((target("avx2"))) void eddy_scan_avx2(const struct eddy_model *model, const float *z, float *distances) {
  scan_tiles(model, z, distances);
}

eddy_scan *eddy_scan_choose(void) {
  return __builtin_cpu_supports("avx2") ? eddy_scan_avx2 : eddy_scan_plain;
}
#else
eddy_scan *eddy_scan_choose(void) {
  return eddy_scan_plain;
}
#endif

void eddy_model_standardise(const struct eddy_model *model, const float *raw, float *z) {
  for (size_t i = 0; i < model->dimensions; i++) {
    float value = (raw[i] - model->mean[i]) / model->divisor[i];
    value = value < -EDDY_Z_LIMIT ? -EDDY_Z_LIMIT : value;
    value = value > EDDY_Z_LIMIT ? EDDY_Z_LIMIT : value;
    z[i] = value * model->weight[i];
  }
  for (size_t i = model->dimensions; i < model->padded; i++) z[i] = 0;
}

/* A squared distance is never negative, so its bits order like its value; with the slot below them one comparison also settles
 * ties in favour of the lower slot, without branches. NaN orders behind every number. */
static uint64_t rank(float distance, size_t slot) {
  uint32_t bits;
  memcpy(&bits, &distance, sizeof bits);
  return (uint64_t)bits << 32 | slot;
}

static float ranked_distance(uint64_t rank) {
  uint32_t bits = (uint32_t)(rank >> 32);
  float distance;
  memcpy(&distance, &bits, sizeof distance);
  return distance;
}

struct eddy_nearest eddy_model_nearest(const struct eddy_model *model, const float *z) {
  float distances[EDDY_CLUSTERS_MAX];
  model->scan(model, z, distances);
  uint64_t first = UINT64_MAX, second = UINT64_MAX;
  for (size_t slot = 0; slot < model->clusters; slot++) {
    uint64_t candidate = rank(distances[slot], slot);
    uint64_t loser = candidate > first ? candidate : first;
    first = candidate < first ? candidate : first;
    second = loser < second ? loser : second;
  }
  if (model->clusters == 1) second = first;
  return (struct eddy_nearest){
      .slot = (uint16_t)first,
      .second = (uint16_t)second,
      .d1 = ranked_distance(first),
      .d2 = ranked_distance(second),
  };
}

float eddy_model_distance(const struct eddy_model *model, const float *z, uint16_t slot) {
  EDDY_ASSERT(slot < model->clusters);
  const float *centroid = model->centroids + (size_t)slot * model->dimensions;
  float sums[8] = {0};
  for (size_t i = 0; i < model->dimensions; i++) {
    float difference = z[i] - centroid[i];
    sums[i % 8] += difference * difference;
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/* Keeps `reasons` the strongest `count`, strongest first; equal ones stay in the order of dimensions. Returns the new count. */
static uint8_t insert_reason(struct eddy_segment_reason *reasons, uint8_t count, struct eddy_segment_reason reason) {
  size_t at = count;
  while (at > 0 && reasons[at - 1].contribution < reason.contribution) at--;
  if (at == EDDY_REASONS_MAX) return count;
  if (count < EDDY_REASONS_MAX) count++;
  memmove(reasons + at + 1, reasons + at, (count - 1 - at) * sizeof *reasons);
  reasons[at] = reason;
  return count;
}

/* (z - from)^2 - (z - to)^2 = (to - from)(2 z - to - from) per dimension: sums to d(from) - d(to) exactly (ALGORITHMS 11). */
uint8_t eddy_model_explain(const struct eddy_model *model, const float *z, int from, uint16_t to,
                           struct eddy_segment_reason *reasons) {
  EDDY_ASSERT(from < (int)model->clusters && to < model->clusters);
  size_t d = model->dimensions;
  const float *new = model->centroids + (size_t)to *d;
  const float *old = from < 0 ? NULL : model->centroids + (size_t)from * d;
  uint8_t count = 0;
  for (size_t i = 0; i < d; i++) {
    float before = old ? old[i] : 0;
    float contribution = (new[i] - before) * (2 * z[i] - new[i] - before);
    if (!(contribution > 0)) continue;
    struct eddy_segment_reason reason = {.feature = (uint16_t)i, .z = z[i], .contribution = contribution};
    count = insert_reason(reasons, count, reason);
  }
  return count;
}
