#include "core/kmeans.h"

#include <string.h>

#include "base/memory.h"

/* Largest magnitude of a weight: keeps every weighted sum of squares a finite double. */
#define WEIGHT_MAX 1e30f

/* Eight centroids side by side, as in core/assign.c: one load brings the same dimension of all eight. */
enum { TILE = 8 };
typedef float lanes __attribute__((vector_size(TILE * sizeof(float))));

/* One set of centroids with its assignment. */
struct solution {
  float *centroids;  /* [tiles][dimensions][TILE] */
  uint16_t *labels;  /* [count] */
  double *distances; /* [count] squared, to the own centroid */
  double sse;
  uint16_t clusters; /* found so far */
};

/* All scratch memory of a fit, in one block. */
struct work {
  const struct eddy_sample *sample;
  uint16_t clusters; /* asked for */
  uint16_t tiles;    /* that hold them */
  struct solution now, best;
  double *candidate, *trial; /* [count] squared distances while seeding: best candidate so far, and the one on trial */
  float *row;                /* [tiles][TILE] distances of one point */
  double *mass, *sums;       /* [clusters], [clusters][dimensions] of the points of each cluster */
};

static const float *point_at(const struct eddy_sample *sample, uint32_t point) {
  return sample->points + (size_t)point * sample->dimensions;
}

/* Memory -------------------------------------------------------------------------------------------------------------------*/

static void *carve(uint8_t *block, size_t *used, size_t size) {
  size_t at = *used;
  *used += (size + 15) / 16 * 16;
  return block ? block + at : NULL;
}

static size_t tile_size(const struct work *work) {
  return work->sample->dimensions * TILE * sizeof(float);
}

static void carve_solution(struct solution *solution, uint8_t *block, size_t *used, const struct work *work) {
  size_t count = work->sample->count;
  solution->centroids = carve(block, used, tile_size(work) * work->tiles);
  solution->labels = carve(block, used, count * sizeof(uint16_t));
  solution->distances = carve(block, used, count * sizeof(double));
}

/* Sets the pointers into `block` and returns the size of all; with NULL it only measures. */
static size_t carve_work(struct work *work, uint8_t *block) {
  size_t used = 0, count = work->sample->count;
  carve_solution(&work->now, block, &used, work);
  carve_solution(&work->best, block, &used, work);
  work->candidate = carve(block, &used, count * sizeof(double));
  work->trial = carve(block, &used, count * sizeof(double));
  work->row = carve(block, &used, (size_t)work->tiles * TILE * sizeof(float));
  work->mass = carve(block, &used, work->clusters * sizeof(double));
  work->sums = carve(block, &used, (size_t)work->clusters * work->sample->dimensions * sizeof(double));
  return used;
}

/* Seeding (greedy k-means++) -----------------------------------------------------------------------------------------------*/

/* Four sums, so that one addition need not wait for the one before. */
static double squared_distance(const float *a, const float *b, size_t dimensions) {
  double sums[4] = {0};
  for (size_t i = 0; i < dimensions; i++) {
    double difference = (double)a[i] - (double)b[i];
    sums[i % 4] += difference * difference;
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static uint16_t trials_for(uint16_t clusters) {
  uint16_t trials = 2;
  for (double power = 2.718281828459045; power <= clusters; power *= 2.718281828459045) trials++;
  return trials; /* 2 + floor(ln k) */
}

/* A point drawn with probability weight * distance (weight alone if `distances` is NULL); `total` is the sum of that. */
static uint32_t draw_point(const struct eddy_sample *sample, const double *distances, double total, struct eddy_rng *rng) {
  double left = eddy_rng_unit(rng) * total;
  uint32_t last = 0;
  for (uint32_t point = 0; point < sample->count; point++) {
    double share = (double)sample->weights[point] * (distances ? distances[point] : 1);
    if (!(share > 0)) continue;
    last = point;
    left -= share;
    if (left < 0) break;
  }
  return last; /* the last possible one if rounding left a rest */
}

/* distances_out[i] = min(distances[i], to `centre`); returns the weighted sum. */
static double lower_distances(const struct eddy_sample *sample, const double *distances, uint32_t centre,
                              double *distances_out) {
  double total = 0;
  for (uint32_t point = 0; point < sample->count; point++) {
    double distance = squared_distance(point_at(sample, point), point_at(sample, centre), sample->dimensions);
    if (distances && distances[point] < distance) distance = distances[point];
    distances_out[point] = distance;
    total += (double)sample->weights[point] * distance;
  }
  return total;
}

/* A coordinate of a centroid. */
static float *coordinate(const struct work *work, const struct solution *solution, size_t slot, size_t dimension) {
  return solution->centroids + (slot / TILE * work->sample->dimensions + dimension) * TILE + slot % TILE;
}

static void set_centroid(struct work *work, uint16_t slot, uint32_t point) {
  const float *from = point_at(work->sample, point);
  for (size_t i = 0; i < work->sample->dimensions; i++) *coordinate(work, &work->now, slot, i) = from[i];
}

/* The centre among `trials` draws that lowers the weighted sum of distances most. Leaves the distances in work->candidate. */
static uint32_t best_of_trials(struct work *work, uint16_t trials, double *total, struct eddy_rng *rng) {
  double *distances = work->now.distances, best_total = -1;
  uint32_t best = 0;
  for (uint16_t trial = 0; trial < trials; trial++) {
    uint32_t centre = draw_point(work->sample, distances, *total, rng);
    double lowered = lower_distances(work->sample, distances, centre, work->trial);
    if (best_total >= 0 && lowered >= best_total) continue;
    best = centre;
    best_total = lowered;
    double *swap = work->candidate;
    work->candidate = work->trial;
    work->trial = swap;
  }
  *total = best_total;
  return best;
}

/* Chooses up to `clusters` centres; fewer if there are fewer distinct points (then every distance is exactly 0). */
static void seed(struct work *work, struct eddy_rng *rng) {
  struct solution *now = &work->now;
  double weights = 0;
  for (uint32_t point = 0; point < work->sample->count; point++) weights += (double)work->sample->weights[point];
  uint32_t first = draw_point(work->sample, NULL, weights, rng);
  double total = lower_distances(work->sample, NULL, first, now->distances);
  set_centroid(work, 0, first);
  uint16_t trials = trials_for(work->clusters);
  for (now->clusters = 1; now->clusters < work->clusters && total > 0; now->clusters++) {
    set_centroid(work, now->clusters, best_of_trials(work, trials, &total, rng));
    memcpy(now->distances, work->candidate, work->sample->count * sizeof(double));
  }
}

/* Lloyd --------------------------------------------------------------------------------------------------------------------*/

/* Squared distances of a point to the centroids of a tile. */
static void scan_tile(const float *tile, const float *x, size_t dimensions, float *distances) {
  lanes sums = {0};
  for (size_t i = 0; i < dimensions; i++) {
    lanes centroid;
    memcpy(&centroid, tile + i * TILE, sizeof centroid);
    lanes difference = x[i] - centroid;
    sums += difference * difference;
  }
  memcpy(distances, &sums, sizeof sums);
}

/* Nearest centroid of a point; ties go to the lower slot. */
static uint16_t nearest_slot(const struct work *work, uint32_t point, double *distance) {
  const float *x = point_at(work->sample, point);
  size_t dimensions = work->sample->dimensions;
  uint16_t slot = 0;
  for (size_t tile = 0; tile < work->tiles; tile++) {
    scan_tile(work->now.centroids + tile * dimensions * TILE, x, dimensions, work->row + tile * TILE);
  }
  for (uint16_t j = 1; j < work->now.clusters; j++) {
    if (work->row[j] < work->row[slot]) slot = j;
  }
  *distance = (double)work->row[slot];
  return slot;
}

/* Labels every point; returns whether a label changed. */
static bool assign_points(struct work *work) {
  bool changed = false;
  for (uint32_t point = 0; point < work->sample->count; point++) {
    uint16_t slot = nearest_slot(work, point, &work->now.distances[point]);
    changed |= slot != work->now.labels[point];
    work->now.labels[point] = slot;
  }
  return changed;
}

/* A cluster that lost all its points stays where it was, with mass 0. (After greedy seeding this hardly ever happens.) */
static void move_to_means(struct work *work) {
  const struct eddy_sample *sample = work->sample;
  size_t dimensions = sample->dimensions;
  memset(work->sums, 0, work->clusters * dimensions * sizeof *work->sums);
  memset(work->mass, 0, work->clusters * sizeof *work->mass);
  for (uint32_t point = 0; point < sample->count; point++) {
    double *sums = work->sums + work->now.labels[point] * dimensions, weight = (double)sample->weights[point];
    const float *x = point_at(sample, point);
    for (size_t i = 0; i < dimensions; i++) sums[i] += weight * (double)x[i];
    work->mass[work->now.labels[point]] += weight;
  }
  for (size_t slot = 0; slot < work->now.clusters; slot++) {
    if (!(work->mass[slot] > 0)) continue;
    for (size_t i = 0; i < dimensions; i++) {
      *coordinate(work, &work->now, slot, i) = (float)(work->sums[slot * dimensions + i] / work->mass[slot]);
    }
  }
}

static void lloyd(struct work *work, uint16_t iterations) {
  memset(work->now.labels, 0xff, work->sample->count * sizeof *work->now.labels); /* no slot: the first round is a change */
  assign_points(work);
  for (uint16_t round = 0; round < iterations; round++) {
    move_to_means(work);
    if (!assign_points(work)) break;
  }
  work->now.sse = 0;
  for (uint32_t point = 0; point < work->sample->count; point++) {
    work->now.sse += (double)work->sample->weights[point] * work->now.distances[point];
  }
}

/* Fit ----------------------------------------------------------------------------------------------------------------------*/

static bool is_valid(const struct eddy_sample *sample, const struct eddy_kmeans_options *options) {
  if (sample->count == 0 || sample->dimensions == 0) return false;
  if (options->clusters == 0 || options->restarts == 0 || options->clusters == UINT16_MAX) return false;
  size_t values = (size_t)sample->count * sample->dimensions;
  for (size_t i = 0; i < values; i++) {
    if (!__builtin_isfinite(sample->points[i])) return false;
  }
  for (uint32_t point = 0; point < sample->count; point++) {
    if (!(sample->weights[point] > 0 && sample->weights[point] <= WEIGHT_MAX)) return false;
  }
  return true;
}

static void write_result(const struct work *work, float *centroids, double *masses, double *sse) {
  const struct solution *best = &work->best;
  size_t dimensions = work->sample->dimensions;
  for (size_t slot = 0; slot < best->clusters; slot++) {
    for (size_t i = 0; i < dimensions; i++) centroids[slot * dimensions + i] = *coordinate(work, best, slot, i);
    masses[slot] = sse[slot] = 0;
  }
  for (uint32_t point = 0; point < work->sample->count; point++) {
    double weight = (double)work->sample->weights[point];
    masses[best->labels[point]] += weight;
    sse[best->labels[point]] += weight * best->distances[point];
  }
}

int eddy_kmeans_fit(const struct eddy_sample *sample, const struct eddy_kmeans_options *options, struct eddy_rng *rng,
                    const struct eddy_allocator *allocator, float *centroids, double *masses, double *sse,
                    struct eddy_kmeans_result *result) {
  if (!is_valid(sample, options)) return EDDY_E_INVALID;
  struct work work = {.sample = sample, .clusters = options->clusters};
  if (work.clusters > sample->count) work.clusters = (uint16_t)sample->count;
  work.tiles = (uint16_t)((work.clusters + TILE - 1) / TILE);
  size_t size = carve_work(&work, NULL);
  void *block = eddy_resize(allocator, NULL, 0, size);
  if (block == NULL) return EDDY_E_NOMEM;
  carve_work(&work, block);
  memset(work.now.centroids, 0, tile_size(&work) * work.tiles);
  memset(work.best.centroids, 0, tile_size(&work) * work.tiles);
  for (uint16_t restart = 0; restart < options->restarts; restart++) {
    seed(&work, rng);
    lloyd(&work, options->iterations);
    if (restart > 0 && work.now.sse >= work.best.sse) continue;
    struct solution swap = work.best;
    work.best = work.now;
    work.now = swap;
  }
  write_result(&work, centroids, masses, sse);
  *result = (struct eddy_kmeans_result){.clusters = work.best.clusters, .sse = work.best.sse};
  eddy_resize(allocator, block, size, 0);
  return EDDY_OK;
}
