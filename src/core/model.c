#include <string.h>

#include "base/fmath.h"
#include "base/memory.h"
#include "core/model_layout.h"

/* Largest magnitude of a centroid's coordinate: keeps every squared distance a finite float. */
#define COORDINATE_MAX 1e6f

static bool is_within(const float *values, size_t count, float low, float high) {
  for (size_t i = 0; i < count; i++) {
    if (!(values[i] >= low && values[i] <= high)) return false; /* also refuses NaN */
  }
  return true;
}

static bool is_valid_card(const struct eddy_segment_card *card) {
  return memchr(card->name, '\0', sizeof card->name) != NULL && card->mass >= 0 && card->mass <= 1e300;
}

static bool is_valid(const struct eddy_model_parts *parts) {
  size_t d = parts->dimensions, k = parts->clusters;
  if (d < 1 || d > EDDY_FEATURES_MAX || k < 1 || k > EDDY_CLUSTERS_MAX) return false;
  if (!parts->mean || !parts->deviation || !parts->weight || !parts->centroids || !parts->cards) return false;
  for (size_t slot = 0; slot < k; slot++) {
    if (!is_valid_card(&parts->cards[slot])) return false;
  }
  return is_within(parts->mean, d, -3e38f, 3e38f) && is_within(parts->deviation, d, 0, 3e38f) &&
         is_within(parts->weight, d, 0, COORDINATE_MAX) && is_within(parts->centroids, k * d, -COORDINATE_MAX, COORDINATE_MAX);
}

/* Hands out the arrays of a block one after the other; with a NULL block it only measures. */
struct carver {
  uint8_t *block;
  size_t used;
};

static void *carve(struct carver *carver, size_t size) {
  size_t at = carver->used;
  carver->used += (size + 31) / 32 * 32; /* a tile's row is 32 bytes */
  return carver->block ? carver->block + at : NULL;
}

/* Sets the model's pointers into the block (offsets from NULL while measuring are never used). */
static void carve_arrays(struct eddy_model *model, struct carver *carver) {
  size_t d = model->dimensions, k = model->clusters, blocks = (k + EDDY_TILE - 1) / EDDY_TILE;
  carve(carver, sizeof *model);
  model->tiles = carve(carver, blocks * model->padded * EDDY_TILE * sizeof(float));
  model->mean = carve(carver, d * sizeof(float));
  model->deviation = carve(carver, d * sizeof(float));
  model->weight = carve(carver, d * sizeof(float));
  model->divisor = carve(carver, d * sizeof(float));
  model->centroids = carve(carver, k * d * sizeof(float));
  model->cards = carve(carver, k * sizeof *model->cards);
  model->ids = carve(carver, k * sizeof *model->ids);
}

static struct eddy_model *allocate(const struct eddy_model_parts *parts, const struct eddy_allocator *allocator) {
  struct eddy_model shape = {.dimensions = parts->dimensions, .clusters = parts->clusters};
  shape.padded = (uint16_t)((parts->dimensions + 7) / 8 * 8);
  struct carver carver = {NULL, 0};
  carve_arrays(&shape, &carver);
  shape.size = carver.used;
  shape.allocator = *allocator;
  struct eddy_model *model = eddy_resize(allocator, NULL, 0, shape.size);
  if (model == NULL) return NULL;
  memset(model, 0, shape.size);
  carver = (struct carver){(uint8_t *)model, 0};
  carve_arrays(&shape, &carver);
  *model = shape;
  return model;
}

static void fill_tiles(struct eddy_model *model) {
  for (size_t slot = 0; slot < model->clusters; slot++) {
    float *tile = model->tiles + slot / EDDY_TILE * model->padded * EDDY_TILE + slot % EDDY_TILE;
    for (size_t i = 0; i < model->dimensions; i++) tile[i * EDDY_TILE] = model->centroids[slot * model->dimensions + i];
  }
}

/* Insertion sort: at most 256 ids, once per version. False if an id occurs twice. */
static bool sort_ids(struct eddy_model *model) {
  for (size_t slot = 0; slot < model->clusters; slot++) {
    uint32_t id = model->cards[slot].id;
    size_t at = slot;
    for (; at > 0 && model->ids[at - 1].id > id; at--) model->ids[at] = model->ids[at - 1];
    if (at > 0 && model->ids[at - 1].id == id) return false;
    model->ids[at] = (struct eddy_model_id){id, (uint16_t)slot};
  }
  return true;
}

static void copy_parts(struct eddy_model *model, const struct eddy_model_parts *parts) {
  size_t d = parts->dimensions, k = parts->clusters;
  model->version = parts->version;
  model->trained_at = parts->trained_at;
  memcpy(model->mean, parts->mean, d * sizeof(float));
  memcpy(model->deviation, parts->deviation, d * sizeof(float));
  memcpy(model->weight, parts->weight, d * sizeof(float));
  memcpy(model->centroids, parts->centroids, k * d * sizeof(float));
  memcpy(model->cards, parts->cards, k * sizeof *model->cards);
  for (size_t i = 0; i < d; i++) {
    model->divisor[i] = parts->deviation[i] > EDDY_DEVIATION_FLOOR ? parts->deviation[i] : EDDY_DEVIATION_FLOOR;
  }
}

struct eddy_model *eddy_model_new(const struct eddy_model_parts *parts, const struct eddy_allocator *allocator) {
  if (allocator == NULL || allocator->resize == NULL) allocator = &eddy_allocator_malloc;
  if (!is_valid(parts)) return NULL;
  struct eddy_model *model = allocate(parts, allocator);
  if (model == NULL) return NULL;
  copy_parts(model, parts);
  fill_tiles(model);
  model->scan = eddy_scan_choose();
  if (!sort_ids(model)) {
    eddy_model_free(model);
    return NULL;
  }
  return model;
}

void eddy_model_free(struct eddy_model *model) {
  if (model == NULL) return;
  struct eddy_allocator allocator = model->allocator; /* outlives the block it frees */
  eddy_resize(&allocator, model, model->size, 0);
}

struct eddy_model_parts eddy_model_parts_of(const struct eddy_model *model) {
  return (struct eddy_model_parts){
      .version = model->version,
      .trained_at = model->trained_at,
      .dimensions = model->dimensions,
      .clusters = model->clusters,
      .mean = model->mean,
      .deviation = model->deviation,
      .weight = model->weight,
      .centroids = model->centroids,
      .cards = model->cards,
  };
}

int eddy_model_slot(const struct eddy_model *model, uint32_t id) {
  size_t low = 0, high = model->clusters;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (model->ids[middle].id < id) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < model->clusters && model->ids[low].id == id ? model->ids[low].slot : -1;
}

float eddy_model_natural_value(const struct eddy_feature_spec *feature, const struct eddy_model_parts *parts,
                               uint16_t dimension, float z) {
  static const double log2_e = 1.4426950408889634;
  double deviation = parts->deviation[dimension] > EDDY_DEVIATION_FLOOR ? (double)parts->deviation[dimension] : 0.05;
  double weight = (double)parts->weight[dimension];
  double x = (double)parts->mean[dimension];
  if (weight > 0) x += (double)z / weight * deviation;
  if (feature->transform == EDDY_TRANSFORM_NONE) return (float)x;
  if (x <= 0) return 0;
  return (float)(eddy_exp2((x < 80 ? x : 80) * log2_e) - 1);
}
