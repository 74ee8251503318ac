/* Test helpers: random effects and models for the default specification, all strings in the world's own storage. */
#ifndef EDDY_TESTS_OUTPUT_WORLD_H
#define EDDY_TESTS_OUTPUT_WORLD_H

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "codec/output_codec.h"

enum { WORLD_TEXT = 1 << 16, WORLD_LINES = 20, WORLD_VECTORS = 40, WORLD_CLUSTERS = 12, WORLD_POSITIONS = 5 };

struct world {
  struct eddy_rng rng;
  struct eddy_spec spec;
  char text[WORLD_TEXT];
  size_t text_used;
  struct eddy_cart_line lines[WORLD_LINES];
  uint16_t dimensions;
  float floats[WORLD_VECTORS * EDDY_FEATURES_MAX];
  float weights[WORLD_VECTORS];
  uint64_t users[WORLD_VECTORS];
  /* a model */
  float mean[EDDY_FEATURES_MAX], deviation[EDDY_FEATURES_MAX], weight[EDDY_FEATURES_MAX];
  float centroids[WORLD_CLUSTERS * EDDY_FEATURES_MAX];
  struct eddy_segment_card cards[WORLD_CLUSTERS];
  struct eddy_str names[EDDY_FEATURES_MAX];
  double moments[2 * EDDY_FEATURES_MAX], mass[WORLD_CLUSTERS], sse[WORLD_CLUSTERS];
  struct eddy_delta_position positions[WORLD_POSITIONS];
};

static inline void world_init(struct world *world, uint64_t seed) {
  memset(world, 0, sizeof *world);
  eddy_rng_seed(&world->rng, seed);
  eddy_spec_default(&world->spec);
  world->dimensions = eddy_spec_dimensions(&world->spec);
}

static inline uint64_t below(struct world *world, uint64_t bound) {
  return eddy_rng_below(&world->rng, bound);
}
static inline bool chance(struct world *world) {
  return below(world, 2) == 1;
}

/* Text with what makes escaping hard: quotes, control characters, NUL, two to four byte sequences. */
static inline struct eddy_str random_text(struct world *world, size_t pieces_max) {
  static const char *const pieces[] = {"a",
                                       "Z",
                                       "0",
                                       " ",
                                       "\"",
                                       "\\",
                                       "/",
                                       "\n",
                                       "\t",
                                       "\x01",
                                       "\x1f",
                                       "\x7f",
                                       "\xC3\xA9",
                                       "\xE2\x82\xAC",
                                       "\xF0\x9F\x9B\x92",
                                       "cart",
                                       "<b>"};
  size_t count = below(world, pieces_max + 1);
  if (world->text_used + 8 * pieces_max > sizeof world->text) world->text_used = 0;
  char *start = world->text + world->text_used;
  for (size_t i = 0; i < count; i++) {
    const char *piece = pieces[below(world, sizeof pieces / sizeof pieces[0])];
    memcpy(world->text + world->text_used, piece, strlen(piece));
    world->text_used += strlen(piece);
  }
  size_t size = (size_t)(world->text + world->text_used - start);
  return (struct eddy_str){start, (uint32_t)size};
}

static inline struct eddy_str maybe_text(struct world *world, size_t pieces_max) {
  return chance(world) ? random_text(world, pieces_max) : (struct eddy_str){NULL, 0};
}

static inline int64_t random_time(struct world *world) {
  return INT64_C(946684800000) + (int64_t)below(world, INT64_C(3155760000000));
}

static inline float random_float(struct world *world) {
  static const float special[] = {0.0f, -0.0f, 1.0f, 1e-45f, 3.4028235e38f, 16777216.0f, 0.1f, -123456.0f, 1e10f};
  if (below(world, 4) == 0) return special[below(world, sizeof special / sizeof special[0])];
  return (float)((eddy_rng_unit(&world->rng) - 0.5) * 2000);
}

/* Any long, with all lengths of varints. */
static inline int64_t random_long(struct world *world) {
  uint64_t bits = eddy_rng_next(&world->rng) >> below(world, 64);
  return chance(world) ? (int64_t)bits : -(int64_t)(bits >> 1);
}

static inline void random_segment_change(struct world *world, struct eddy_effect *effect) {
  struct eddy_segment_changed *change = &effect->as.segment;
  effect->kind = EDDY_SEGMENT_CHANGED;
  change->has_from = chance(world);
  change->has_to = chance(world);
  change->from = (uint32_t)(eddy_rng_next(&world->rng) >> below(world, 32));
  change->to = (uint32_t)below(world, 20);
  change->model_version = below(world, UINT64_C(1) << 40);
  change->event_time = random_time(world);
  change->distance = random_float(world);
  change->runner_up = random_float(world);
  change->reason_count = (uint8_t)below(world, EDDY_REASONS_MAX + 1);
  for (int i = 0; i < change->reason_count; i++) {
    struct eddy_segment_reason *reason = &change->reasons[i];
    *reason = (struct eddy_segment_reason){(uint16_t)below(world, world->spec.feature_count), random_float(world),
                                           random_float(world), random_float(world)};
  }
}

static inline void random_lines(struct world *world, struct eddy_trigger_fired *fired) {
  fired->line_count = (uint16_t)below(world, WORLD_LINES + 1);
  fired->lines = world->lines;
  for (int i = 0; i < fired->line_count; i++)
    world->lines[i] = (struct eddy_cart_line){.product_id = random_text(world, 5),
                                              .name = maybe_text(world, 9),
                                              .category = maybe_text(world, 3),
                                              .price = random_long(world),
                                              .quantity = (int32_t)random_long(world),
                                              .has_price = chance(world),
                                              .added_at = random_time(world)};
  fired->cart_value = random_long(world);
  fired->currency = maybe_text(world, 3);
}

static inline void random_trigger(struct world *world, struct eddy_effect *effect, bool suppressed) {
  struct eddy_trigger_fired *fired = &effect->as.trigger;
  effect->kind = suppressed ? EDDY_TRIGGER_SUPPRESSED : EDDY_TRIGGER_FIRED;
  fired->suppression = suppressed ? (enum eddy_suppression)(1 + below(world, EDDY_SUPPRESSION_COUNT - 1)) : EDDY_SUPPRESS_NONE;
  fired->trigger = (uint16_t)below(world, world->spec.trigger_count);
  fired->step = (uint8_t)below(world, world->spec.triggers[fired->trigger].step_count);
  fired->trigger_id[0] = eddy_rng_next(&world->rng);
  fired->trigger_id[1] = eddy_rng_next(&world->rng);
  fired->subject = maybe_text(world, 4);
  fired->armed_at = random_time(world);
  fired->armed_by = (enum eddy_event_type)below(world, EDDY_EVENT_TYPE_COUNT);
  fired->due_at = fired->armed_at + EDDY_HOUR_MS;
  fired->fired_at = random_time(world);
  fired->published_at = random_time(world);
  fired->expires_at = chance(world) ? random_time(world) : EDDY_TIME_NONE;
  fired->late = chance(world);
  fired->cause_count = (uint8_t)below(world, EDDY_CAUSES_MAX + 1);
  for (int i = 0; i < fired->cause_count; i++) fired->cause_event_ids[i] = random_text(world, 12);
  random_lines(world, fired);
}

static inline void random_delta(struct world *world, struct eddy_effect *effect) {
  effect->kind = EDDY_MODEL_DELTA;
  effect->user_id = (struct eddy_str){NULL, 0};
  struct eddy_model_delta *delta = &effect->as.delta;
  *delta = (struct eddy_model_delta){.newest_time = random_time(world),
                                     .offered = below(world, 1000),
                                     .offered_weight = eddy_rng_unit(&world->rng) * 500,
                                     .count = (uint16_t)below(world, WORLD_VECTORS + 1),
                                     .dimensions = world->dimensions,
                                     .vectors = world->floats,
                                     .weights = world->weights,
                                     .users = world->users};
  for (int i = 0; i < delta->count; i++) {
    world->weights[i] = (float)eddy_rng_unit(&world->rng);
    world->users[i] = eddy_rng_next(&world->rng);
    for (int j = 0; j < world->dimensions; j++) world->floats[i * world->dimensions + j] = random_float(world);
  }
}

static inline void random_receipt(struct world *world, struct eddy_effect *effect) {
  effect->kind = EDDY_PROFILE_ERASED;
  effect->as.erased = (struct eddy_profile_erased){
      .erased_at = random_time(world), .had_profile = chance(world), .event_id = maybe_text(world, 12)};
}

static inline void random_effect(struct world *world, struct eddy_effect *effect) {
  memset(effect, 0, sizeof *effect);
  effect->number = below(world, UINT64_C(1) << 50);
  effect->user_id = random_text(world, 20);
  switch (below(world, 5)) {
    case 0:
      random_segment_change(world, effect);
      break;
    case 1:
      random_trigger(world, effect, false);
      break;
    case 2:
      random_trigger(world, effect, true);
      break;
    case 3:
      random_receipt(world, effect);
      break;
    default:
      random_delta(world, effect);
      break;
  }
}

static inline void random_centroids(struct world *world, struct eddy_model_record *record) {
  for (int slot = 0; slot < record->parts.clusters; slot++) {
    world->cards[slot].id = (uint32_t)(slot * 7 + 1);
    snprintf(world->cards[slot].name, sizeof world->cards[slot].name, "high spend_30d, low opens_7d %d", slot);
    world->cards[slot].mass = world->mass[slot] = eddy_rng_unit(&world->rng) * 1e6;
    world->sse[slot] = eddy_rng_unit(&world->rng) * 1e3;
    for (int i = 0; i < world->dimensions; i++) world->centroids[slot * world->dimensions + i] = random_float(world);
  }
}

static inline void random_model(struct world *world, struct eddy_model_record *record) {
  memset(record, 0, sizeof *record);
  for (uint16_t i = 0; i < world->dimensions; i++) {
    const char *name = world->spec.features[eddy_spec_dimension_feature(&world->spec, i)].name;
    world->names[i] = (struct eddy_str){name, (uint32_t)strlen(name)};
    world->mean[i] = (float)eddy_rng_unit(&world->rng);
    world->deviation[i] = (float)eddy_rng_unit(&world->rng);
    world->weight[i] = 0.5f;
    world->moments[i] = eddy_rng_unit(&world->rng);
    world->moments[EDDY_FEATURES_MAX + i] = eddy_rng_unit(&world->rng);
  }
  record->feature_names = world->names;
  record->parts = (struct eddy_model_parts){.version = below(world, 1000),
                                            .trained_at = random_time(world),
                                            .dimensions = world->dimensions,
                                            .clusters = (uint16_t)(1 + below(world, WORLD_CLUSTERS)),
                                            .mean = world->mean,
                                            .deviation = world->deviation,
                                            .weight = world->weight,
                                            .centroids = world->centroids,
                                            .cards = world->cards};
  random_centroids(world, record);
  record->trainer = (struct eddy_trainer_state){.moments_weight = eddy_rng_unit(&world->rng) * 1e5,
                                                .moments_mean = world->moments,
                                                .moments_m2 = world->moments + EDDY_FEATURES_MAX,
                                                .mass = world->mass,
                                                .sse = world->sse,
                                                .next_segment_id = (uint32_t)below(world, UINT32_MAX),
                                                .contributions = below(world, UINT64_C(1) << 60),
                                                .positions = world->positions,
                                                .position_count = (uint32_t)below(world, WORLD_POSITIONS + 1)};
  for (uint32_t i = 0; i < record->trainer.position_count; i++)
    world->positions[i] =
        (struct eddy_delta_position){(uint32_t)below(world, 64), INT64_C(1) << (i * 9), INT64_C(1) << (i * 8)};
}

#endif
