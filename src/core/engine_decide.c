#include "core/engine_decide.h"

#include <string.h>

#include "base/assert.h"
#include "core/effects.h"
#include "core/feature.h"

/* Sizes ---------------------------------------------------------------------------------------------------------------------*/

static int size_slot(const struct eddy_engine *engine, uint32_t id) {
  if (engine->model != NULL) return eddy_model_slot(engine->model, id);
  for (int slot = 0; slot < engine->sizes.count; slot++) {
    if (engine->sizes.ids[slot] == id) return slot;
  }
  return -1;
}

static uint64_t *users_of(struct eddy_engine *engine, uint32_t id) {
  int slot = size_slot(engine, id);
  return slot >= 0 ? &engine->sizes.users[slot] : &engine->sizes.elsewhere;
}

void eddy_engine_uncount_segment(struct eddy_engine *engine, const struct eddy_profile *profile) {
  if (!profile->has_segment || engine->recovery.active) return; /* counted at the end of a recovery */
  uint64_t *users = users_of(engine, profile->segment);
  EDDY_ASSERT(*users > 0);
  --*users;
}

static void list_ids(const struct eddy_engine *engine, struct eddy_segment_sizes *sizes) {
  if (engine->model == NULL) {
    *sizes = engine->sizes;
    memset(sizes->users, 0, sizeof sizes->users);
    sizes->elsewhere = 0;
    return;
  }
  struct eddy_model_parts parts = eddy_model_parts_of(engine->model);
  memset(sizes, 0, sizeof *sizes);
  sizes->count = parts.clusters;
  for (uint16_t slot = 0; slot < parts.clusters; slot++) sizes->ids[slot] = parts.cards[slot].id;
}

void eddy_engine_count_segments(const struct eddy_engine *engine, struct eddy_segment_sizes *sizes) {
  list_ids(engine, sizes);
  for (uint32_t slot = 0; slot < engine->table.slab.used; slot++) {
    const struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slot);
    if (profile->id_length == 0 || !profile->has_segment) continue;
    int at = size_slot(engine, profile->segment);
    ++*(at >= 0 ? &sizes->users[at] : &sizes->elsewhere);
  }
}

/* Carries the sizes over by id; false if a new id may have users that were counted elsewhere. */
static bool carry_sizes(const struct eddy_segment_sizes *old, struct eddy_segment_sizes *new) {
  new->elsewhere = old->elsewhere;
  bool any_new = false;
  bool found[EDDY_CLUSTERS_MAX] = {false};
  for (uint16_t slot = 0; slot < new->count; slot++) {
    uint16_t was = 0;
    while (was < old->count && old->ids[was] != new->ids[slot]) was++;
    if (was == old->count) {
      any_new = true;
      continue;
    }
    found[was] = true;
    new->users[slot] = old->users[was];
  }
  for (uint16_t was = 0; was < old->count; was++) new->elsewhere += found[was] ? 0 : old->users[was];
  return !any_new || old->elsewhere == 0;
}

void eddy_engine_recount_segments(struct eddy_engine *engine) {
  if (engine->model == NULL) return; /* the old model's ids go on being counted */
  struct eddy_segment_sizes sizes;
  list_ids(engine, &sizes);
  if (!carry_sizes(&engine->sizes, &sizes)) eddy_engine_count_segments(engine, &sizes);
  engine->sizes = sizes;
}

/* Segments ------------------------------------------------------------------------------------------------------------------*/

static struct eddy_segment_changed *push_change(struct eddy_engine *engine, const struct eddy_profile *profile, int64_t time,
                                                struct eddy_effects *effects) {
  struct eddy_effect *effect = eddy_effects_push(effects);
  effect->kind = EDDY_SEGMENT_CHANGED;
  effect->number = engine->next_effect++;
  effect->user_id = eddy_effects_copy_str(effects, eddy_profile_id(profile));
  effect->as.segment = (struct eddy_segment_changed){
      .has_from = profile->has_segment,
      .from = profile->has_segment ? profile->segment : 0,
      .model_version = engine->model != NULL ? eddy_model_parts_of(engine->model).version : 0,
      .event_time = time,
  };
  engine->counters.segment_changes++;
  return &effect->as.segment;
}

void eddy_engine_leave_segment(struct eddy_engine *engine, struct eddy_profile *profile, int64_t time,
                               struct eddy_effects *effects) {
  if (!profile->has_segment) return;
  push_change(engine, profile, time, effects);
  eddy_engine_uncount_segment(engine, profile);
  profile->has_segment = false;
  profile->segment = 0;
  profile->segment_since = EDDY_TIME_NONE;
}

/* The reasons' dimensions become features, with the value in natural units. */
static void fill_reasons(const struct eddy_engine *engine, const struct eddy_subject_user *user,
                         struct eddy_segment_changed *change) {
  for (uint8_t i = 0; i < change->reason_count; i++) {
    struct eddy_segment_reason *reason = &change->reasons[i];
    reason->feature = engine->compiled.dimension_feature[reason->feature];
    reason->value = eddy_feature_read(&engine->compiled, user->profile, user->read_at, reason->feature);
  }
}

static void enter_segment(struct eddy_engine *engine, const struct eddy_subject_user *user, const struct eddy_nearest *nearest,
                          int from_slot, struct eddy_effects *effects) {
  struct eddy_profile *profile = user->profile;
  struct eddy_segment_changed *change = push_change(engine, profile, user->time, effects);
  change->has_to = true;
  change->to = eddy_model_parts_of(engine->model).cards[nearest->slot].id;
  change->distance = nearest->d1;
  change->runner_up = nearest->d2;
  change->reason_count = eddy_model_explain(engine->model, engine->scratch->z, from_slot, nearest->slot, change->reasons);
  fill_reasons(engine, user, change);
  eddy_engine_uncount_segment(engine, profile);
  profile->has_segment = true;
  profile->segment = change->to;
  profile->segment_since = user->time;
  engine->sizes.users[nearest->slot]++;
}

/* Switch only past the margin (ALGORITHMS 4): sqrt(d_want) < (1 - margin) sqrt(d_current), squared. */
static bool wants_switch(struct eddy_engine *engine, const struct eddy_nearest *nearest, int current) {
  float keep = 1 - engine->spec->switch_margin;
  if (nearest->d1 < keep * keep * eddy_model_distance(engine->model, engine->scratch->z, (uint16_t)current)) return true;
  engine->counters.kept_by_margin++;
  return false;
}

static void assign(struct eddy_engine *engine, const struct eddy_subject_user *user, struct eddy_effects *effects) {
  struct eddy_profile *profile = user->profile;
  if (!profile->has_segment && profile->evidence < engine->spec->evidence_min) return;
  eddy_model_standardise(engine->model, engine->scratch->raw, engine->scratch->z);
  struct eddy_nearest nearest = eddy_model_nearest(engine->model, engine->scratch->z);
  EDDY_ASSERT(nearest.d1 >= 0); /* lanes and models are finite */
  int current = profile->has_segment ? eddy_model_slot(engine->model, profile->segment) : -1;
  if (current == nearest.slot) return;
  if (current >= 0 && !wants_switch(engine, &nearest, current)) return;
  enter_segment(engine, user, &nearest, current, effects);
}

void eddy_engine_decide(struct eddy_engine *engine, const struct eddy_subject_user *user, struct eddy_effects *effects) {
  bool contributes = user->contribution > 0 && engine->compiled.dimension_count > 0;
  if (engine->model == NULL && !contributes) return;
  eddy_features_vector(&engine->compiled, user->profile, user->read_at, engine->scratch->raw);
  if (engine->model != NULL) assign(engine, user, effects);
  if (!contributes) return;
  struct eddy_contribution contribution = {
      .vector = engine->scratch->raw,
      .weight = user->contribution,
      .user = user->hash,
      .time = user->time,
  };
  eddy_reservoir_add(&engine->reservoir, &engine->rng, &contribution);
  engine->counters.contributions++;
}
