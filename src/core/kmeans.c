#include "core/kmeans.h"

#include <string.h>

#include "base/memory.h"

/* Largest magnitude of a weight: keeps every weighted sum of squares a finite double. */
#define WEIGHT_MAX 1e30f

/* One set of centroids with its assignment. */
struct solution {
  double *centroids; /* [dimensions][stride]: one point is compared to all centroids side by side */
  uint16_t *labels;  /* [count] */
  double *distances; /* [count] squared, to the own centroid */
  double sse;
  uint16_t clusters; /* found so far */
};

/* All scratch memory of a fit, in one block. */
struct work {
  const struct eddy_sample *sample;
  uint16_t stride; /* clusters asked for: columns of `centroids` */
  struct solution now, best;
  double *candidate, *trial; /* [count] squared distances while seeding: best candidate so far, and the one on trial */
  double *row;               /* [stride] distances of one point */
  double *mass, *sums;       /* [stride], [dimensions][stride] of the points of each cluster */
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

static void carve_solution(struct solution *solution, uint8_t *block, size_t *used, const struct work *work) {
  size_t count = work->sample->count;
  solution->centroids = carve(block, used, (size_t)work->stride * work->sample->dimensions * sizeof(double));
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
  work->row = carve(block, &used, work->stride * sizeof(double));
  work->mass = carve(block, &used, work->stride * sizeof(double));
  work->sums = carve(block, &used, (size_t)work->stride * work->sample->dimensions * sizeof(double));
  return used;
}

/* Seeding (greedy k-means++) -----------------------------------------------------------------------------------------------*/

static double squared_distance(const float *a, const float *b, size_t dimensions) {
  double sum = 0;
  for (size_t i = 0; i < dimensions; i++) {
    double difference = (double)a[i] - (double)b[i];
    sum += difference * difference;
  }
  return sum;
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

static void set_centroid(struct work *work, uint16_t slot, uint32_t point) {
  const float *from = point_at(work->sample, point);
  for (size_t i = 0; i < work->sample->dimensions; i++) work->now.centroids[i * work->stride + slot] = (double)from[i];
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

/* Chooses up to `stride` centres; fewer if there are fewer distinct points (then every distance is exactly 0). */
static void seed(struct work *work, struct eddy_rng *rng) {
  struct solution *now = &work->now;
  double weights = 0;
  for (uint32_t point = 0; point < work->sample->count; point++) weights += (double)work->sample->weights[point];
  uint32_t first = draw_point(work->sample, NULL, weights, rng);
  double total = lower_distances(work->sample, NULL, first, now->distances);
  set_centroid(work, 0, first);
  uint16_t trials = trials_for(work->stride);
  for (now->clusters = 1; now->clusters < work->stride && total > 0; now->clusters++) {
    set_centroid(work, now->clusters, best_of_trials(work, trials, &total, rng));
    memcpy(now->distances, work->candidate, work->sample->count * sizeof(double));
  }
}

/* Lloyd --------------------------------------------------------------------------------------------------------------------*/

/* Nearest centroid of a point; ties go to the lower slot. */
static uint16_t nearest_slot(const struct work *work, uint32_t point, double *distance) {
  const float *x = point_at(work->sample, point);
  uint16_t clusters = work->now.clusters, slot = 0;
  for (size_t j = 0; j < clusters; j++) work->row[j] = 0;
  for (size_t i = 0; i < work->sample->dimensions; i++) {
    const double *centroids = work->now.centroids + i * work->stride;
    for (size_t j = 0; j < clusters; j++) {
      double difference = (double)x[i] - centroids[j];
      work->row[j] += difference * difference;
    }
  }
  for (uint16_t j = 1; j < clusters; j++) {
    if (work->row[j] < work->row[slot]) slot = j;
  }
  *distance = work->row[slot];
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
  double *sums = work->sums;
  memset(sums, 0, (size_t)work->stride * sample->dimensions * sizeof *sums);
  memset(work->mass, 0, work->stride * sizeof *work->mass);
  for (uint32_t point = 0; point < sample->count; point++) {
    uint16_t slot = work->now.labels[point];
    double weight = (double)sample->weights[point];
    const float *x = point_at(sample, point);
    for (size_t i = 0; i < sample->dimensions; i++) sums[i * work->stride + slot] += weight * (double)x[i];
    work->mass[slot] += weight;
  }
  for (size_t i = 0; i < sample->dimensions; i++) {
    for (size_t at = i * work->stride, slot = 0; slot < work->now.clusters; slot++) {
      if (work->mass[slot] > 0) work->now.centroids[at + slot] = sums[at + slot] / work->mass[slot];
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
    for (size_t i = 0; i < dimensions; i++) centroids[slot * dimensions + i] = (float)best->centroids[i * work->stride + slot];
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
  struct work work = {.sample = sample, .stride = options->clusters};
  if (work.stride > sample->count) work.stride = (uint16_t)sample->count;
  size_t size = carve_work(&work, NULL);
  void *block = eddy_resize(allocator, NULL, 0, size);
  if (block == NULL) return EDDY_E_NOMEM;
  carve_work(&work, block);
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
