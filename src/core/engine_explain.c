#include <string.h>

#include "base/assert.h"
#include "core/cart.h"
#include "core/consent.h"
#include "core/engine_state.h"
#include "core/explain_triggers.h"
#include "core/feature.h"

_Static_assert((int)EDDY_EXPLAINED_CARTS_MAX == (int)EDDY_TAIL_CARTS_MAX, "every cart");
_Static_assert((int)EDDY_EXPLAINED_LINES_MAX == (int)EDDY_TAIL_LINES_MAX, "every line: carts share them");

const uint16_t eddy_explained_days[EDDY_EXPLAINED_TIMES] = {0, 1, 2, 4, 7, 14, 30};

/* Features ------------------------------------------------------------------------------------------------------------------*/

static void project_features(const struct eddy_engine *engine, const struct eddy_profile *profile,
                             struct eddy_explanation *explanation) {
  float values[EDDY_FEATURES_MAX];
  for (int i = 0; i < EDDY_EXPLAINED_TIMES; i++) {
    int64_t at = eddy_time_add(explanation->now, eddy_explained_days[i] * EDDY_DAY_MS);
    eddy_features_read(&engine->compiled, profile, at, values);
    for (uint16_t j = 0; j < engine->spec->feature_count; j++) explanation->features[j].values[i] = values[j];
  }
}

/* People want deviations; the weight belongs to the distance. */
static void put_z(const struct eddy_engine *engine, const float *z, struct eddy_explanation *explanation) {
  struct eddy_model_parts parts = eddy_model_parts_of(engine->model);
  for (uint16_t i = 0; i < parts.dimensions; i++) {
    struct eddy_explained_feature *feature = &explanation->features[engine->compiled.dimension_feature[i]];
    feature->has_z = parts.weight[i] > 0;
    feature->z = feature->has_z ? z[i] / parts.weight[i] : 0;
  }
}

/* Segment -------------------------------------------------------------------------------------------------------------------*/

/* Insertion sort of the squared distances, which then become distances. */
static void sort_distances(struct eddy_explanation *explanation) {
  struct eddy_explained_distance *distances = explanation->distances;
  for (uint16_t i = 1; i < explanation->distance_count; i++) {
    struct eddy_explained_distance distance = distances[i];
    uint16_t at = i;
    for (; at > 0 && distances[at - 1].distance > distance.distance; at--) distances[at] = distances[at - 1];
    distances[at] = distance;
  }
  for (uint16_t i = 0; i < explanation->distance_count; i++) {
    distances[i].distance = __builtin_sqrtf(distances[i].distance); /* one instruction: no library */
  }
}

static void measure(const struct eddy_engine *engine, const float *z, struct eddy_explanation *explanation) {
  struct eddy_model_parts parts = eddy_model_parts_of(engine->model);
  for (uint16_t slot = 0; slot < parts.clusters; slot++) {
    uint32_t id = parts.cards[slot].id;
    explanation->distances[slot] = (struct eddy_explained_distance){
        .id = id,
        .slot = slot,
        .current = explanation->has_segment && explanation->segment == id,
        .distance = eddy_model_distance(engine->model, z, slot),
    };
  }
  explanation->distance_count = parts.clusters;
  sort_distances(explanation);
}

/* The rule of engine_decide.c, on the same numbers. */
static enum eddy_verdict judge(const struct eddy_engine *engine, const float *z, const struct eddy_explanation *explanation) {
  if (!explanation->has_segment && explanation->evidence < engine->spec->evidence_min) return EDDY_VERDICT_EVIDENCE;
  struct eddy_nearest nearest = eddy_model_nearest(engine->model, z);
  int current = explanation->has_segment ? eddy_model_slot(engine->model, explanation->segment) : -1;
  if (current == nearest.slot) return EDDY_VERDICT_NEAREST;
  if (current < 0) return EDDY_VERDICT_WAITS;
  float keep = 1 - engine->spec->switch_margin;
  float needed = keep * keep * eddy_model_distance(engine->model, z, (uint16_t)current);
  return nearest.d1 < needed ? EDDY_VERDICT_WAITS : EDDY_VERDICT_MARGIN;
}

static void explain_segment(const struct eddy_engine *engine, const struct eddy_profile *profile,
                            struct eddy_explanation *explanation) {
  float *z = engine->scratch->z;
  explanation->model = engine->model;
  explanation->verdict = EDDY_VERDICT_NO_MODEL;
  if (profile->last_time == EDDY_TIME_NONE) explanation->verdict = EDDY_VERDICT_FORGOTTEN;
  if (engine->model == NULL || profile->last_time == EDDY_TIME_NONE) return;
  eddy_features_vector(&engine->compiled, profile, explanation->now, engine->scratch->raw);
  eddy_model_standardise(engine->model, engine->scratch->raw, z);
  put_z(engine, z, explanation);
  measure(engine, z, explanation);
  explanation->verdict = judge(engine, z, explanation);
}

/* Carts and consent ---------------------------------------------------------------------------------------------------------*/

/* Just after `now`, so that what happened at that very time counts. */
static int64_t after(int64_t now) {
  return now < EDDY_EVENT_TIME_MAX ? eddy_time_add(now, 1) : EDDY_EVENT_TIME_MAX;
}

static void read_carts(const struct eddy_engine *engine, const struct eddy_tail *tail, struct eddy_explanation *explanation) {
  for (uint16_t i = 0; i < tail->cart_count; i++) {
    struct eddy_explained_cart *cart = &explanation->carts[explanation->cart_count];
    cart->cart_id = tail->carts[i].cart_id;
    cart->first_line = explanation->line_count;
    cart->line_count = eddy_cart_read(engine->spec, tail, cart->cart_id, after(explanation->now), engine->scratch->lines,
                                      &cart->value, &cart->currency);
    if (cart->line_count == 0) continue;
    EDDY_ASSERT(cart->first_line + cart->line_count <= EDDY_EXPLAINED_LINES_MAX);
    memcpy(&explanation->lines[cart->first_line], engine->scratch->lines, cart->line_count * sizeof explanation->lines[0]);
    explanation->line_count = (uint16_t)(explanation->line_count + cart->line_count);
    explanation->cart_count++;
  }
}

static void read_consent(const struct eddy_tail *tail, struct eddy_explanation *explanation) {
  explanation->unsubscribed_at = tail->unsubscribed_at;
  explanation->subscribed_at = tail->subscribed_at;
  explanation->consent_withdrawn = eddy_consent_withdrawn(tail, after(explanation->now));
}

static void explain_tail(const struct eddy_engine *engine, const struct eddy_profile *profile, int64_t published_at,
                         struct eddy_explanation *explanation) {
  struct eddy_tail *tail = &engine->scratch->tail;
  int error = eddy_tail_decode(tail, profile->tail, profile->tail_size);
  EDDY_ASSERT(error == 0);
  read_carts(engine, tail, explanation);
  read_consent(tail, explanation);
  struct eddy_known known = {.compiled = &engine->compiled,
                             .profile = profile,
                             .tail = tail,
                             .partition_time = engine->partition_time,
                             .published_at = published_at};
  eddy_explain_triggers(&known, explanation);
}

/* All of it -----------------------------------------------------------------------------------------------------------------*/

/* Not the arrays: what counts in them is counted. */
static void begin(const struct eddy_engine *engine, const struct eddy_profile *profile, struct eddy_explanation *explanation) {
  explanation->user_id = eddy_profile_id(profile);
  explanation->now = engine->partition_time > profile->last_time ? engine->partition_time : profile->last_time;
  explanation->last_seen = profile->last_time;
  explanation->first_seen = profile->last_time != EDDY_TIME_NONE ? profile->first_seen : EDDY_TIME_NONE;
  explanation->has_segment = profile->has_segment;
  explanation->segment = profile->segment;
  explanation->segment_since = profile->segment_since;
  explanation->evidence = profile->evidence;
  explanation->distance_count = explanation->cart_count = explanation->line_count = 0;
  explanation->pending_count = explanation->pending_left_out = explanation->decided_count = 0;
  memset(explanation->features, 0, sizeof explanation->features);
}

int eddy_engine_explain(const struct eddy_engine *engine, struct eddy_str user_id, int64_t published_at,
                        struct eddy_explanation *explanation) {
  if (user_id.len == 0) return EDDY_E_NOT_FOUND;
  uint32_t slot = eddy_profile_table_find(&engine->table, eddy_profile_table_hash(&engine->table, user_id), user_id);
  if (slot == EDDY_SLOT_NONE) return EDDY_E_NOT_FOUND;
  const struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slot);
  begin(engine, profile, explanation);
  project_features(engine, profile, explanation);
  explain_segment(engine, profile, explanation);
  explain_tail(engine, profile, published_at, explanation);
  return 0;
}
