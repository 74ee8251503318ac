#include "trainer/trainer.h"

#include <stdlib.h>
#include <string.h>

#include "trainer/centroids.h"
#include "trainer/groups.h"
#include "trainer/positions.h"

/* Partition of vectors that come without a topic: in no position, so never asked for again. */
#define NO_PARTITION UINT32_MAX
/* Times beyond this, some 285,000 years, are mistakes; within it differences do not overflow. */
#define TIME_MAX (INT64_C(1) << 53)
#define WEIGHT_MAX 1e6f
/* The centroids remember at least this weight per cluster, however quickly time passes (ALGORITHMS 3.2). */
#define MEMORY_MIN 200.0
/* Users per cluster that make a first model when the wait is over. */
enum { FIRST_USERS_PER_CLUSTER = 4 };
/* Beyond so many half-lives the past has no weight left that could be seen. */
#define HALF_LIVES_MAX 500.0

struct eddy_trainer {
  struct eddy_trainer_options options;
  uint16_t dimensions;
  struct eddy_str names[EDDY_FEATURES_MAX];
  float weight[EDDY_FEATURES_MAX];
  uint64_t contributions;
  int64_t time, first_time; /* newest and first contribution, EDDY_TIME_NONE before */
  struct eddy_positions positions;
  struct eddy_newest newest;
  /* before the first model */
  struct eddy_first_users first;
  /* afterwards */
  struct eddy_model *model; /* the newest version, frozen; NULL before the first */
  struct eddy_centroids centroids, next;
  struct eddy_epoch epoch;
  struct eddy_segment_card cards[EDDY_CLUSTERS_MAX];
};

/* Life ---------------------------------------------------------------------------------------------------------------------*/

void eddy_trainer_options_default(struct eddy_trainer_options *options, const struct eddy_spec *spec) {
  *options = (struct eddy_trainer_options){
      .spec = spec,
      .clusters = 16,
      .half_life_ms = 7 * EDDY_DAY_MS,
      .epoch_contributions = 2000,
      .buffer_wait_ms = EDDY_DAY_MS,
      .seed = 1,
  };
}

static bool are_valid(const struct eddy_trainer_options *options) {
  uint16_t dimensions = eddy_spec_dimensions(options->spec);
  return dimensions >= 1 && dimensions <= EDDY_FEATURES_MAX && options->clusters >= 1 &&
         options->clusters <= EDDY_CLUSTERS_MAX && options->half_life_ms > 0 && options->epoch_contributions > 0 &&
         options->buffer_wait_ms >= 0;
}

uint32_t eddy_trainer_buffer_min(uint16_t clusters) {
  return clusters > 64 ? 64u * clusters : 4096;
}

static void set_features(struct eddy_trainer *trainer) {
  const struct eddy_spec *spec = trainer->options.spec;
  trainer->dimensions = eddy_spec_dimensions(spec);
  for (uint16_t i = 0; i < trainer->dimensions; i++) {
    const char *name = spec->features[eddy_spec_dimension_feature(spec, i)].name;
    trainer->names[i] = (struct eddy_str){name, (uint32_t)strlen(name)};
  }
  eddy_group_weights(spec, trainer->weight);
}

int eddy_trainer_new(struct eddy_trainer **out, const struct eddy_trainer_options *options) {
  if (!are_valid(options)) return EDDY_E_INVALID;
  struct eddy_trainer *trainer = calloc(1, sizeof *trainer);
  if (trainer == NULL) return EDDY_E_NOMEM;
  trainer->options = *options;
  if (options->buffer_min == 0) trainer->options.buffer_min = eddy_trainer_buffer_min(options->clusters);
  trainer->time = trainer->first_time = EDDY_TIME_NONE;
  set_features(trainer);
  eddy_first_users_init(&trainer->first, trainer->dimensions);
  eddy_epoch_clear(&trainer->epoch, trainer->dimensions);
  if (eddy_newest_init(&trainer->newest, trainer->dimensions) != EDDY_OK) {
    eddy_trainer_free(trainer);
    return EDDY_E_NOMEM;
  }
  *out = trainer;
  return EDDY_OK;
}

void eddy_trainer_free(struct eddy_trainer *trainer) {
  if (trainer == NULL) return;
  eddy_positions_fini(&trainer->positions);
  eddy_newest_fini(&trainer->newest);
  eddy_first_users_fini(&trainer->first);
  eddy_model_free(trainer->model);
  free(trainer);
}

/* Add ----------------------------------------------------------------------------------------------------------------------*/

static bool is_credible(const struct eddy_trainer *trainer, const struct eddy_model_delta *delta) {
  if (delta->count == 0) return true;
  if (delta->count > EDDY_DELTA_VECTORS_MAX || delta->dimensions != trainer->dimensions) return false;
  if (!delta->vectors || !delta->weights || !delta->users) return false;
  if (delta->newest_time < -TIME_MAX || delta->newest_time > TIME_MAX) return false;
  for (size_t i = 0; i < (size_t)delta->count * delta->dimensions; i++) {
    if (!__builtin_isfinite(delta->vectors[i])) return false;
  }
  for (size_t i = 0; i < delta->count; i++) {
    if (!(delta->weights[i] > 0 && delta->weights[i] <= WEIGHT_MAX)) return false;
  }
  return true;
}

/* Everything that a delta changes besides positions; room is reserved. */
static void take_in(struct eddy_trainer *trainer, const struct eddy_model_delta *delta) {
  if (delta->count == 0) return;
  if (trainer->first_time == EDDY_TIME_NONE) trainer->first_time = delta->newest_time;
  if (trainer->time < delta->newest_time) trainer->time = delta->newest_time;
  trainer->contributions += delta->count;
  if (trainer->model) {
    eddy_epoch_add(&trainer->epoch, trainer->model, delta);
  } else {
    eddy_first_users_add(&trainer->first, delta);
  }
}

static int reserve(struct eddy_trainer *trainer, const struct eddy_model_delta *delta) {
  return trainer->model ? EDDY_OK : eddy_first_users_reserve(&trainer->first, delta->count);
}

static int add_without_topic(struct eddy_trainer *trainer, const struct eddy_model_delta *delta) {
  if (!is_credible(trainer, delta)) return EDDY_E_INVALID;
  int error = reserve(trainer, delta);
  if (error) return error;
  eddy_newest_add(&trainer->newest, delta, NO_PARTITION, (int64_t)trainer->contributions);
  take_in(trainer, delta);
  return EDDY_OK;
}

int eddy_trainer_add(struct eddy_trainer *trainer, const struct eddy_model_delta *delta, uint32_t partition, int64_t offset) {
  if (offset == -1) return add_without_topic(trainer, delta);
  if (offset < 0 || offset == INT64_MAX || partition == NO_PARTITION) return EDDY_E_INVALID;
  bool credible = is_credible(trainer, delta);
  if (credible && reserve(trainer, delta) != EDDY_OK) return EDDY_E_NOMEM;
  int at = eddy_positions_find(&trainer->positions, partition);
  if (at < 0) return EDDY_E_NOMEM;
  bool sampled = offset < trainer->positions.sampled[at], included = offset < trainer->positions.items[at].included;
  if (!sampled) trainer->positions.sampled[at] = offset + 1;
  if (!included) trainer->positions.items[at].included = offset + 1;
  if (!credible) return EDDY_E_INVALID;
  if (!sampled) eddy_newest_add(&trainer->newest, delta, partition, offset);
  if (!included) take_in(trainer, delta);
  return EDDY_OK;
}

/* Step ---------------------------------------------------------------------------------------------------------------------*/

static bool has_first_users(const struct eddy_trainer *trainer) {
  uint32_t users = trainer->first.count;
  if (users == 0) return false;
  if (users >= trainer->options.buffer_min) return true;
  return users >= FIRST_USERS_PER_CLUSTER * (uint32_t)trainer->options.clusters &&
         trainer->time - trainer->first_time >= trainer->options.buffer_wait_ms;
}

static int seed_next(struct eddy_trainer *trainer) {
  trainer->next.dimensions = trainer->dimensions;
  memcpy(trainer->next.weight, trainer->weight, sizeof trainer->weight);
  return eddy_centroids_seed(&trainer->next, &trainer->first, trainer->options.clusters, trainer->options.seed);
}

/* How much the past has faded since the newest version: by time, but no faster than MEMORY_MIN per cluster is replaced. */
static double half_lives_passed(const struct eddy_trainer *trainer, int64_t trained_at) {
  double by_time = (double)(trainer->time - trained_at) / (double)trainer->options.half_life_ms;
  double by_weight = trainer->epoch.weight / (MEMORY_MIN * trainer->centroids.clusters);
  double half_lives = by_time < by_weight ? by_time : by_weight;
  return half_lives < HALF_LIVES_MAX ? half_lives : HALF_LIVES_MAX;
}

static void update_next(struct eddy_trainer *trainer) {
  trainer->next = trainer->centroids;
  double half_lives = half_lives_passed(trainer, eddy_model_parts_of(trainer->model).trained_at);
  eddy_centroids_update(&trainer->next, &trainer->epoch, half_lives);
}

static struct eddy_model_parts parts_of(const struct eddy_trainer *trainer, const struct eddy_centroids *centroids) {
  return (struct eddy_model_parts){
      .version = trainer->model ? eddy_model_parts_of(trainer->model).version + 1 : 1,
      .trained_at = trainer->time,
      .dimensions = centroids->dimensions,
      .clusters = centroids->clusters,
      .mean = centroids->mean,
      .deviation = centroids->deviation,
      .weight = centroids->weight,
      .centroids = centroids->points,
      .cards = trainer->cards,
  };
}

static struct eddy_model *make_model(struct eddy_trainer *trainer, const struct eddy_centroids *centroids) {
  struct eddy_model_parts parts = parts_of(trainer, centroids);
  for (uint16_t slot = 0; slot < centroids->clusters; slot++) {
    trainer->cards[slot] = (struct eddy_segment_card){.id = centroids->ids[slot], .mass = centroids->mass[slot]};
  }
  for (uint16_t slot = 0; slot < centroids->clusters; slot++) {
    struct eddy_segment_card *card = &trainer->cards[slot];
    eddy_segment_name(trainer->options.spec, &parts, slot, card->name, sizeof card->name);
  }
  return eddy_model_new(&parts, NULL);
}

static void adopt(struct eddy_trainer *trainer, struct eddy_model *model, const struct eddy_centroids *centroids) {
  eddy_model_free(trainer->model);
  trainer->model = model;
  trainer->centroids = *centroids;
  eddy_epoch_clear(&trainer->epoch, trainer->dimensions);
  eddy_first_users_fini(&trainer->first);
}

static void view(struct eddy_trainer *trainer, struct eddy_model_record *record) {
  const struct eddy_centroids *centroids = &trainer->centroids;
  eddy_positions_refresh(&trainer->positions, &trainer->newest);
  record->parts = eddy_model_parts_of(trainer->model);
  record->feature_names = trainer->names;
  record->trainer = (struct eddy_trainer_state){
      .moments_weight = centroids->moments.weight,
      .moments_mean = centroids->moments.mean,
      .moments_m2 = centroids->moments.m2,
      .mass = centroids->mass,
      .sse = centroids->sse,
      .next_segment_id = centroids->next_id,
      .contributions = trainer->contributions,
      .positions = trainer->positions.items,
      .position_count = trainer->positions.count,
  };
}

int eddy_trainer_step(struct eddy_trainer *trainer, struct eddy_model_record *record) {
  if (trainer->model) {
    if (trainer->epoch.contributions < trainer->options.epoch_contributions) return 0;
    update_next(trainer);
  } else {
    if (!has_first_users(trainer)) return 0;
    int error = seed_next(trainer);
    if (error) return error;
  }
  struct eddy_model *model = make_model(trainer, &trainer->next);
  if (model == NULL) return EDDY_E_NOMEM;
  adopt(trainer, model, &trainer->next);
  view(trainer, record);
  return 1;
}

/* Resume -------------------------------------------------------------------------------------------------------------------*/

static bool has_these_features(const struct eddy_trainer *trainer, const struct eddy_model_record *record) {
  if (record->parts.dimensions != trainer->dimensions) return false;
  for (size_t i = 0; i < trainer->dimensions; i++) {
    struct eddy_str own = trainer->names[i], other = record->feature_names[i];
    if (own.len != other.len || memcmp(own.data, other.data, own.len) != 0) return false;
    if (record->parts.weight[i] < trainer->weight[i] || record->parts.weight[i] > trainer->weight[i]) return false;
  }
  return true;
}

static bool are_amounts(const double *values, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!(values[i] >= 0 && __builtin_isfinite(values[i]))) return false;
  }
  return true;
}

/* What eddy_model_new() does not look at. */
static bool is_consistent(const struct eddy_model_record *record) {
  const struct eddy_trainer_state *state = &record->trainer;
  size_t d = record->parts.dimensions, k = record->parts.clusters;
  if (record->parts.trained_at < -TIME_MAX || record->parts.trained_at > TIME_MAX || record->parts.version == 0) return false;
  if (!are_amounts(&state->moments_weight, 1) || !are_amounts(state->moments_m2, d)) return false;
  if (!are_amounts(state->mass, k) || !are_amounts(state->sse, k)) return false;
  for (size_t i = 0; i < d; i++) {
    if (!__builtin_isfinite(state->moments_mean[i])) return false;
  }
  for (size_t slot = 0; slot < k; slot++) {
    if (record->parts.cards[slot].id >= state->next_segment_id) return false;
  }
  return true;
}

static void load(struct eddy_centroids *centroids, const struct eddy_model_record *record) {
  const struct eddy_model_parts *parts = &record->parts;
  const struct eddy_trainer_state *state = &record->trainer;
  size_t d = parts->dimensions, k = parts->clusters;
  centroids->dimensions = parts->dimensions;
  centroids->clusters = parts->clusters;
  memcpy(centroids->mean, parts->mean, d * sizeof *parts->mean);
  memcpy(centroids->deviation, parts->deviation, d * sizeof *parts->deviation);
  memcpy(centroids->weight, parts->weight, d * sizeof *parts->weight);
  memcpy(centroids->points, parts->centroids, k * d * sizeof *parts->centroids);
  memcpy(centroids->mass, state->mass, k * sizeof *state->mass);
  memcpy(centroids->sse, state->sse, k * sizeof *state->sse);
  for (size_t slot = 0; slot < k; slot++) centroids->ids[slot] = parts->cards[slot].id;
  centroids->next_id = state->next_segment_id;
  eddy_moments_init(&centroids->moments, parts->dimensions);
  centroids->moments.weight = state->moments_weight;
  memcpy(centroids->moments.mean, state->moments_mean, d * sizeof *state->moments_mean);
  memcpy(centroids->moments.m2, state->moments_m2, d * sizeof *state->moments_m2);
}

int eddy_trainer_resume(struct eddy_trainer *trainer, const struct eddy_model_record *record) {
  const struct eddy_model_parts *parts = &record->parts;
  if (!has_these_features(trainer, record) || parts->clusters < 1 || parts->clusters > EDDY_CLUSTERS_MAX) return EDDY_E_INVALID;
  if (!is_consistent(record)) return EDDY_E_INVALID;
  struct eddy_positions positions = {0};
  int error = eddy_positions_load(&positions, record->trainer.positions, record->trainer.position_count);
  struct eddy_model *model = error ? NULL : eddy_model_new(parts, NULL);
  if (model == NULL) {
    eddy_positions_fini(&positions);
    return error ? error : EDDY_E_INVALID; /* parts out of range; a lack of memory would say the same */
  }
  load(&trainer->next, record);
  adopt(trainer, model, &trainer->next);
  eddy_positions_fini(&trainer->positions);
  trainer->positions = positions;
  eddy_newest_clear(&trainer->newest);
  trainer->time = trainer->first_time = parts->trained_at;
  trainer->contributions = record->trainer.contributions;
  return EDDY_OK;
}
