/* Records as values that outlive the trainer's next step: one heap block each. */
#include <stdlib.h>
#include <string.h>

#include "trainer/thread.h"

/* Appends copies to a block; with a NULL block it only measures. */
struct packer {
  uint8_t *block;
  size_t used;
};

static const void *pack(struct packer *packer, const void *from, size_t size) {
  size_t at = packer->used;
  packer->used += (size + 15) / 16 * 16;
  if (packer->block == NULL) return NULL;
  if (size > 0) memcpy(packer->block + at, from, size);
  return packer->block + at;
}

static void pack_parts(struct packer *packer, const struct eddy_model_parts *from, struct eddy_model_parts *to) {
  size_t d = from->dimensions, k = from->clusters;
  to->mean = pack(packer, from->mean, d * sizeof *from->mean);
  to->deviation = pack(packer, from->deviation, d * sizeof *from->deviation);
  to->weight = pack(packer, from->weight, d * sizeof *from->weight);
  to->centroids = pack(packer, from->centroids, k * d * sizeof *from->centroids);
  to->cards = pack(packer, from->cards, k * sizeof *from->cards);
}

static void pack_state(struct packer *packer, const struct eddy_model_record *from, struct eddy_trainer_state *to) {
  size_t d = from->parts.dimensions, k = from->parts.clusters;
  const struct eddy_trainer_state *state = &from->trainer;
  to->moments_mean = pack(packer, state->moments_mean, d * sizeof *state->moments_mean);
  to->moments_m2 = pack(packer, state->moments_m2, d * sizeof *state->moments_m2);
  to->mass = pack(packer, state->mass, k * sizeof *state->mass);
  to->sse = pack(packer, state->sse, k * sizeof *state->sse);
  to->positions = pack(packer, state->positions, state->position_count * sizeof *state->positions);
}

static void pack_names(struct packer *packer, const struct eddy_model_record *from, struct eddy_model_record *to) {
  size_t d = from->parts.dimensions, at = packer->used;
  to->feature_names = pack(packer, from->feature_names, d * sizeof *from->feature_names);
  for (size_t i = 0; i < d; i++) {
    const char *name = pack(packer, from->feature_names[i].data, from->feature_names[i].len);
    if (packer->block) ((struct eddy_str *)(void *)(packer->block + at))[i].data = name;
  }
}

/* The record itself stands at the head of the block. Returns the size. */
static size_t pack_record(const struct eddy_model_record *from, uint8_t *block) {
  struct packer packer = {block, 0};
  struct eddy_model_record to = *from;
  pack(&packer, from, sizeof *from);
  pack_parts(&packer, &from->parts, &to.parts);
  pack_state(&packer, from, &to.trainer);
  pack_names(&packer, from, &to);
  if (block) memcpy(block, &to, sizeof to);
  return packer.used;
}

struct eddy_model_record *eddy_model_record_copy(const struct eddy_model_record *record) {
  uint8_t *block = malloc(pack_record(record, NULL));
  if (block == NULL) return NULL;
  pack_record(record, block);
  return (struct eddy_model_record *)(void *)block;
}

void eddy_model_record_free(struct eddy_model_record *record) {
  free(record);
}
