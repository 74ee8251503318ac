#include "trainer/sample.h"

#include <stdlib.h>
#include <string.h>

int eddy_newest_init(struct eddy_newest *newest, uint16_t dimensions) {
  *newest = (struct eddy_newest){.dimensions = dimensions};
  newest->heap = malloc(EDDY_SAMPLE_MAX * sizeof *newest->heap);
  newest->vectors = malloc((size_t)EDDY_SAMPLE_MAX * dimensions * sizeof *newest->vectors);
  if (newest->heap && newest->vectors) return EDDY_OK;
  eddy_newest_fini(newest);
  return EDDY_E_NOMEM;
}

void eddy_newest_fini(struct eddy_newest *newest) {
  free(newest->heap);
  free(newest->vectors);
  *newest = (struct eddy_newest){0};
}

void eddy_newest_clear(struct eddy_newest *newest) {
  newest->count = 0;
}

static bool is_older(const struct eddy_sample_key *one, const struct eddy_sample_key *other) {
  if (one->time != other->time) return one->time < other->time;
  if (one->partition != other->partition) return one->partition < other->partition;
  if (one->offset != other->offset) return one->offset < other->offset;
  return one->index < other->index;
}

static void sift_up(struct eddy_sample_key *heap, size_t at, struct eddy_sample_key key) {
  for (; at > 0 && is_older(&key, &heap[(at - 1) / 2]); at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
  heap[at] = key;
}

static void sift_down(struct eddy_sample_key *heap, size_t count, struct eddy_sample_key key) {
  size_t at = 0;
  for (size_t child = 1; child < count; child = 2 * at + 1) {
    if (child + 1 < count && is_older(&heap[child + 1], &heap[child])) child++;
    if (!is_older(&heap[child], &key)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = key;
}

static void offer(struct eddy_newest *newest, struct eddy_sample_key key, const float *vector) {
  if (newest->count < EDDY_SAMPLE_MAX) {
    key.row = (uint16_t)newest->count;
    sift_up(newest->heap, newest->count++, key);
  } else {
    if (is_older(&key, &newest->heap[0])) return;
    key.row = newest->heap[0].row;
    sift_down(newest->heap, newest->count, key);
  }
  memcpy(newest->vectors + (size_t)key.row * newest->dimensions, vector, newest->dimensions * sizeof *vector);
}

void eddy_newest_add(struct eddy_newest *newest, const struct eddy_model_delta *delta, uint32_t partition, int64_t offset) {
  for (uint16_t i = 0; i < delta->count; i++) {
    struct eddy_sample_key key = {.time = delta->newest_time, .offset = offset, .partition = partition, .index = i};
    offer(newest, key, delta->vectors + (size_t)i * newest->dimensions);
  }
}

int64_t eddy_newest_oldest(const struct eddy_newest *newest, uint32_t partition, int64_t none) {
  int64_t oldest = none;
  for (uint32_t i = 0; i < newest->count; i++) {
    const struct eddy_sample_key *key = &newest->heap[i];
    if (key->partition == partition && key->offset < oldest) oldest = key->offset;
  }
  return oldest;
}
