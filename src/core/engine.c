#include "eddy/engine.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "core/cart.h"
#include "core/effects.h"
#include "core/engine_decide.h"
#include "core/engine_tail.h"
#include "core/feature.h"

/* Life ----------------------------------------------------------------------------------------------------------------------*/

static int take_working_memory(struct eddy_engine *engine) {
  engine->encoded_capacity = engine->spec->limits.tail_bytes + (size_t)EDDY_TAIL_SLACK;
  engine->scratch = eddy_resize(&engine->allocator, NULL, 0, sizeof *engine->scratch);
  engine->encoded = eddy_resize(&engine->allocator, NULL, 0, engine->encoded_capacity);
  engine->decided = eddy_resize(&engine->allocator, NULL, 0, engine->encoded_capacity);
  if (engine->scratch == NULL || engine->encoded == NULL || engine->decided == NULL) return EDDY_E_NOMEM;
  return eddy_reservoir_init(&engine->reservoir, &engine->allocator, engine->compiled.dimension_count);
}

static void give_back(struct eddy_engine *engine, void *block, size_t size) {
  if (block != NULL) eddy_resize(&engine->allocator, block, size, 0);
}

void eddy_engine_free(struct eddy_engine *engine) {
  if (engine == NULL) return;
  eddy_reservoir_fini(&engine->reservoir);
  eddy_erased_fini(&engine->erased);
  eddy_buffer_fini(&engine->durable.write_now);
  eddy_buffer_fini(&engine->durable.gone);
  eddy_buffer_fini(&engine->durable.markers);
  eddy_buffer_fini(&engine->recovery.includes);
  eddy_buffer_fini(&engine->recovery.layouts);
  eddy_profile_table_fini(&engine->table);
  give_back(engine, engine->scratch, sizeof *engine->scratch);
  give_back(engine, engine->encoded, engine->encoded_capacity);
  give_back(engine, engine->decided, engine->encoded_capacity);
  struct eddy_allocator parent = engine->budget.parent; /* outlives the block it frees */
  eddy_resize(&parent, engine, sizeof *engine, 0);
}

static void start_lists(struct eddy_engine *engine) {
  eddy_erased_init(&engine->erased, &engine->allocator);
  eddy_buffer_init(&engine->durable.write_now, &engine->allocator);
  eddy_buffer_init(&engine->durable.gone, &engine->allocator);
  eddy_buffer_init(&engine->durable.markers, &engine->allocator);
  eddy_buffer_init(&engine->recovery.includes, &engine->allocator);
  eddy_buffer_init(&engine->recovery.layouts, &engine->allocator);
}

static int start(struct eddy_engine *engine, const struct eddy_engine_options *options) {
  engine->spec = options->spec;
  eddy_spec_compile(options->spec, &engine->compiled);
  eddy_rng_seed(&engine->rng, options->seed);
  eddy_timer_queue_init(&engine->timers);
  engine->partition_time = engine->newest_time = engine->sweep.lap_start = EDDY_TIME_NONE;
  engine->due_bound = INT64_MAX;
  memcpy(engine->erasure_key, options->erasure_key, sizeof engine->erasure_key);
  engine->durable.on = options->durable;
  eddy_layout_own(options->spec, &engine->layout);
  start_lists(engine);
  uint32_t record_size = (uint32_t)eddy_profile_size(&engine->compiled);
  int error = eddy_profile_table_init(&engine->table, &engine->allocator, record_size, options->hash_key);
  return error != 0 ? error : take_working_memory(engine);
}

int eddy_engine_new(struct eddy_engine **engine, const struct eddy_engine_options *options) {
  *engine = NULL;
  if (options->spec == NULL || eddy_spec_check(options->spec, NULL, 0) != 0) return EDDY_E_INVALID;
  struct eddy_budget budget;
  eddy_budget_init(&budget, &options->allocator, options->memory_max);
  struct eddy_allocator allocator = eddy_budget_allocator(&budget);
  struct eddy_engine *new = eddy_resize(&allocator, NULL, 0, sizeof *new);
  if (new == NULL) return EDDY_E_NOMEM;
  memset(new, 0, sizeof *new);
  new->budget = budget; /* the engine itself counts, too */
  new->allocator = eddy_budget_allocator(&new->budget);
  int error = start(new, options);
  if (error != 0) {
    eddy_engine_free(new);
    return error;
  }
  *engine = new;
  return 0;
}

/* State ---------------------------------------------------------------------------------------------------------------------*/

void eddy_savepoint_return(struct eddy_engine *engine, struct eddy_effects *effects, const struct eddy_savepoint *savepoint) {
  engine->partition_time = savepoint->partition_time;
  engine->newest_time = savepoint->newest_time;
  engine->sweep.lap_start = savepoint->lap_start;
  engine->next_effect = savepoint->next_effect;
  engine->counters = savepoint->counters;
  if (effects != NULL) eddy_effects_truncate(effects, savepoint->effect_count);
}

void eddy_engine_advance(struct eddy_engine *engine, int64_t partition_time) {
  if (partition_time > engine->partition_time) engine->partition_time = partition_time; /* EDDY_TIME_NONE is the least */
  if (engine->sweep.lap_start == EDDY_TIME_NONE) engine->sweep.lap_start = engine->partition_time;
}

void eddy_engine_catch_up(struct eddy_engine *engine) {
  if (engine->newest_time == EDDY_TIME_NONE) return;
  eddy_engine_advance(engine, engine->newest_time - engine->spec->allowed_lateness_ms);
}

uint64_t eddy_engine_erasure_hash(const struct eddy_engine *engine, struct eddy_str user_id) {
  return eddy_hash_keyed(engine->erasure_key, user_id.data, user_id.len);
}

int eddy_engine_set_model(struct eddy_engine *engine, const struct eddy_model *model) {
  if (model != NULL && eddy_model_parts_of(model).dimensions != engine->compiled.dimension_count) return EDDY_E_INVALID;
  engine->model = model;
  eddy_engine_recount_segments(engine);
  return 0;
}

int eddy_engine_take_delta(struct eddy_engine *engine, struct eddy_effects *effects) {
  if (engine->reservoir.count == 0) return 0;
  int error = eddy_reservoir_take(&engine->reservoir, effects, engine->next_effect);
  if (error == 0) engine->next_effect++;
  return error;
}

/* Getters -------------------------------------------------------------------------------------------------------------------*/

int64_t eddy_engine_partition_time(const struct eddy_engine *engine) {
  return engine->partition_time;
}

int64_t eddy_engine_newest_time(const struct eddy_engine *engine) {
  return engine->newest_time;
}

uint64_t eddy_engine_next_effect(const struct eddy_engine *engine) {
  return engine->next_effect;
}

int64_t eddy_engine_next_due(const struct eddy_engine *engine) {
  int64_t due = eddy_timer_queue_next(&engine->timers);
  return due != INT64_MAX ? due : EDDY_TIME_NONE;
}

const struct eddy_counters *eddy_engine_counters(const struct eddy_engine *engine) {
  return &engine->counters;
}

size_t eddy_engine_users(const struct eddy_engine *engine) {
  return engine->table.slab.live;
}

size_t eddy_engine_memory(const struct eddy_engine *engine) {
  return engine->budget.used;
}

void eddy_engine_segment_sizes(const struct eddy_engine *engine, uint64_t *sizes) {
  memcpy(sizes, engine->sizes.users, sizeof engine->sizes.users);
}

/* One user ------------------------------------------------------------------------------------------------------------------*/

/* What the tail holds as of `time`, counted. */
static void count_tail(const struct eddy_engine *engine, const struct eddy_profile *profile, int64_t time,
                       struct eddy_user_view *view) {
  if (profile->tail_size == 0) return;
  struct eddy_scratch *scratch = engine->scratch;
  int error = eddy_tail_decode(&scratch->tail, profile->tail, profile->tail_size);
  EDDY_ASSERT(error == 0);
  view->cart_lines = eddy_cart_read(engine->spec, &scratch->tail, (struct eddy_str){0}, time, scratch->lines, NULL, NULL);
  view->viewed_items = scratch->tail.viewed_count;
  view->attributes = scratch->tail.attribute_count;
}

int eddy_engine_user(const struct eddy_engine *engine, struct eddy_str user_id, int64_t time, struct eddy_user_view *view) {
  if (user_id.len == 0) return EDDY_E_NOT_FOUND;
  uint32_t slot = eddy_profile_table_find(&engine->table, eddy_profile_table_hash(&engine->table, user_id), user_id);
  if (slot == EDDY_SLOT_NONE) return EDDY_E_NOT_FOUND;
  const struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slot);
  memset(view, 0, sizeof *view);
  int64_t at = time > profile->last_time ? time : profile->last_time;
  *view = (struct eddy_user_view){
      .user_id = eddy_profile_id(profile),
      .first_seen = profile->first_seen,
      .last_seen = profile->last_time,
      .has_segment = profile->has_segment,
      .segment = profile->segment,
      .segment_since = profile->segment_since,
      .next_due = eddy_timer_armed(&profile->timer) ? profile->timer.due : EDDY_TIME_NONE,
  };
  count_tail(engine, profile, at < EDDY_EVENT_TIME_MAX ? at + 1 : EDDY_EVENT_TIME_MAX, view);
  eddy_features_read(&engine->compiled, profile, at, view->features);
  return 0;
}
