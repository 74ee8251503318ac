/* A small world for tests of the trainer: a specification of `d` independent counts, and deltas drawn from Gaussian groups. */
#ifndef EDDY_TESTS_TRAINER_WORLD_H
#define EDDY_TESTS_TRAINER_WORLD_H

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "trainer/trainer.h"

enum { WORLD_GROUPS_MAX = 64 };

struct world {
  struct eddy_spec spec;
  uint16_t d, groups;
  double noise;
  double shares[WORLD_GROUPS_MAX]; /* of the groups; they sum to 1 */
  float centres[WORLD_GROUPS_MAX * EDDY_FEATURES_MAX];
  struct eddy_rng rng;
  uint64_t next_user;
  int64_t time;
  /* the delta in hand */
  struct eddy_model_delta delta;
  float vectors[EDDY_DELTA_VECTORS_MAX * EDDY_FEATURES_MAX], weights[EDDY_DELTA_VECTORS_MAX];
  uint64_t users[EDDY_DELTA_VECTORS_MAX];
  uint16_t labels[EDDY_DELTA_VECTORS_MAX];
};

/* Features f0, f1, ...: counts of pairwise different sets of events, all in the clustering vector. */
static inline void world_spec(struct eddy_spec *spec, uint16_t d) {
  memset(spec, 0, sizeof *spec);
  spec->feature_count = d;
  for (uint16_t i = 0; i < d; i++) {
    struct eddy_feature_spec *feature = &spec->features[i];
    snprintf(feature->name, sizeof feature->name, "f%u", i);
    feature->on = (eddy_event_mask)i + 1;
    feature->half_life_ms = 7 * EDDY_DAY_MS;
    feature->cluster = true;
  }
}

static inline void world_init(struct world *world, uint16_t d, uint16_t groups, double spread, double noise, uint64_t seed) {
  memset(world, 0, sizeof *world);
  world_spec(&world->spec, d);
  world->d = d;
  world->groups = groups;
  world->noise = noise;
  world->time = 1700000000000;
  for (size_t i = 0; i < groups; i++) world->shares[i] = 1.0 / groups;
  eddy_rng_seed(&world->rng, seed);
  for (size_t i = 0; i < (size_t)groups * d; i++) world->centres[i] = (float)(spread * eddy_rng_normal(&world->rng));
}

/* A group drawn by its share. */
static inline uint16_t world_group(struct world *world) {
  double left = eddy_rng_unit(&world->rng);
  uint16_t group = 0;
  while (group + 1 < world->groups && (left -= world->shares[group]) >= 0) group++;
  return group;
}

/* The next `count` contributions, `step_ms` later, of new users; weights 1. Valid until the next call. */
static inline const struct eddy_model_delta *world_next(struct world *world, uint16_t count, int64_t step_ms) {
  world->time += step_ms;
  for (uint16_t i = 0; i < count; i++) {
    world->labels[i] = world_group(world);
    const float *centre = world->centres + (size_t)world->labels[i] * world->d;
    for (uint16_t j = 0; j < world->d; j++) {
      world->vectors[i * world->d + j] = centre[j] + (float)(world->noise * eddy_rng_normal(&world->rng));
    }
    world->weights[i] = 1;
    world->users[i] = world->next_user++;
  }
  world->delta = (struct eddy_model_delta){.newest_time = world->time,
                                           .offered = count,
                                           .offered_weight = count,
                                           .count = count,
                                           .dimensions = world->d,
                                           .vectors = world->vectors,
                                           .weights = world->weights,
                                           .users = world->users};
  return &world->delta;
}

static inline bool same_bytes(const void *one, const void *other, size_t size) {
  return memcmp(one, other, size) == 0;
}

/* Bit for bit, all parts of two records. */
static inline bool same_record(const struct eddy_model_record *a, const struct eddy_model_record *b) {
  const struct eddy_model_parts *p = &a->parts, *q = &b->parts;
  const struct eddy_trainer_state *s = &a->trainer, *t = &b->trainer;
  size_t d = p->dimensions, k = p->clusters;
  if (p->version != q->version || p->trained_at != q->trained_at || d != q->dimensions || k != q->clusters) return false;
  if (s->moments_weight < t->moments_weight || s->moments_weight > t->moments_weight) return false;
  if (s->next_segment_id != t->next_segment_id || s->contributions != t->contributions) return false;
  if (s->position_count != t->position_count) return false;
  for (size_t i = 0; i < s->position_count; i++) {
    const struct eddy_delta_position *x = &s->positions[i], *y = &t->positions[i];
    if (x->partition != y->partition || x->included != y->included || x->sample_from != y->sample_from) return false;
  }
  for (size_t slot = 0; slot < k; slot++) {
    if (p->cards[slot].id != q->cards[slot].id || strcmp(p->cards[slot].name, q->cards[slot].name) != 0) return false;
    if (!same_bytes(&p->cards[slot].mass, &q->cards[slot].mass, sizeof(double))) return false;
  }
  for (size_t i = 0; i < d; i++) {
    if (a->feature_names[i].len != b->feature_names[i].len) return false;
    if (!same_bytes(a->feature_names[i].data, b->feature_names[i].data, a->feature_names[i].len)) return false;
  }
  return same_bytes(p->mean, q->mean, d * sizeof(float)) && same_bytes(p->deviation, q->deviation, d * sizeof(float)) &&
         same_bytes(p->weight, q->weight, d * sizeof(float)) && same_bytes(p->centroids, q->centroids, k * d * sizeof(float)) &&
         same_bytes(s->moments_mean, t->moments_mean, d * sizeof(double)) &&
         same_bytes(s->moments_m2, t->moments_m2, d * sizeof(double)) && same_bytes(s->mass, t->mass, k * sizeof(double)) &&
         same_bytes(s->sse, t->sse, k * sizeof(double));
}

#endif
