#include <string.h>

#include "base/assert.h"
#include "base/rules.h"
#include "core/durable.h"
#include "core/engine_decide.h"
#include "core/includes.h"
#include "core/plausible.h"
#include "core/recovery.h"
#include "eddy/durable.h"

/* Bytes ---------------------------------------------------------------------------------------------------------------------*/

size_t eddy_engine_profile_bytes_max(const struct eddy_engine *engine) {
  return EDDY_PROFILE_HEAD_MAX + engine->encoded_capacity;
}

size_t eddy_engine_encode_profile(const struct eddy_engine *engine, uint32_t slot, struct eddy_str *user_id, void *buffer,
                                  size_t capacity) {
  EDDY_ASSERT(slot < engine->table.slab.used && eddy_profile_table_live(&engine->table, slot));
  const struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slot);
  *user_id = eddy_profile_id(profile);
  return eddy_profile_encode(&engine->compiled, engine->layout.id, profile, buffer, capacity);
}

uint32_t eddy_engine_layout_id(const struct eddy_engine *engine) {
  return engine->layout.id;
}

size_t eddy_engine_encode_layout(const struct eddy_engine *engine, void *buffer, size_t capacity) {
  return eddy_layout_encode(engine->spec, buffer, capacity);
}

/* Layouts -------------------------------------------------------------------------------------------------------------------*/

/* The newest first: a log has few layouts, and most records are of the newest. */
const struct eddy_layout *eddy_recovery_layout(const struct eddy_engine *engine, uint32_t id) {
  if (id == engine->layout.id) return &engine->layout;
  const struct eddy_layout *layouts = (const void *)engine->recovery.layouts.data;
  for (size_t i = engine->recovery.layouts.size / sizeof *layouts; i-- > 0;) {
    if (layouts[i].id == id) return &layouts[i];
  }
  return NULL;
}

int eddy_engine_recover_layout(struct eddy_engine *engine, const void *bytes, size_t size) {
  struct eddy_layout layout;
  int error = eddy_layout_compile(engine->spec, bytes, size, &layout);
  if (error != 0 || eddy_recovery_layout(engine, layout.id) != NULL) return error;
  return eddy_buffer_append(&engine->recovery.layouts, &layout, sizeof layout);
}

/* Profiles ------------------------------------------------------------------------------------------------------------------*/

int eddy_engine_recover_begin(struct eddy_engine *engine) {
  if (engine->table.slab.used != 0 || engine->partition_time != EDDY_TIME_NONE) return EDDY_E_INVALID;
  engine->recovery.active = true;
  return 0;
}

static void remove_profile(struct eddy_engine *engine, uint32_t slot) {
  struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slot);
  eddy_durable_forget(engine, profile);
  eddy_timer_queue_disarm(&engine->timers, &profile->timer);
  eddy_profile_table_remove(&engine->table, slot);
}

/* Everything but id, tail and timer. No event from replay_from on is known of the user yet, so it may be evicted (rule 5). */
static void put_record(struct eddy_engine *engine, struct eddy_profile *profile, const struct eddy_profile *image) {
  eddy_durable_forget(engine, profile);
  profile->passes = EDDY_PASSES_MAX;
  profile->evidence = image->evidence;
  profile->recent_next = image->recent_next;
  profile->recent_count = image->recent_count;
  profile->has_segment = image->has_segment;
  profile->first_seen = image->first_seen;
  profile->last_time = image->last_time;
  profile->last_contribution = image->last_contribution;
  profile->segment_since = image->segment_since;
  profile->segment = image->segment;
  memcpy(profile->lanes, image->lanes, eddy_profile_size(&engine->compiled) - offsetof(struct eddy_profile, lanes));
}

/* Slot of the user, made if need be; EDDY_SLOT_NONE if memory is short. */
static uint32_t take_slot(struct eddy_engine *engine, struct eddy_str user_id) {
  struct eddy_profile_table *table = &engine->table;
  uint64_t hash = eddy_profile_table_hash(table, user_id);
  uint32_t slot = eddy_profile_table_find(table, hash, user_id);
  if (slot != EDDY_SLOT_NONE) return slot;
  if (eddy_includes_reserve(engine, table->slab.used) != 0 || eddy_profile_table_reserve(table) != 0) return EDDY_SLOT_NONE;
  return eddy_profile_table_insert(table, hash, user_id);
}

int eddy_engine_recover_profile(struct eddy_engine *engine, struct eddy_str user_id, int64_t includes, const void *bytes,
                                size_t size, uint32_t *slot) {
  EDDY_ASSERT(engine->recovery.active);
  struct eddy_profile_bytes record = {bytes, size}, tail;
  uint32_t layout_id;
  if (user_id.len < 1 || user_id.len > EDDY_USER_ID_MAX || includes < 0) return EDDY_E_CORRUPT;
  const struct eddy_layout *layout =
      eddy_profile_layout_id(record, &layout_id) ? eddy_recovery_layout(engine, layout_id) : NULL;
  union eddy_profile_image image;
  if (layout == NULL || eddy_profile_decode(&engine->compiled, layout, record, &image, &tail) != 0) return EDDY_E_CORRUPT;
  struct eddy_tail_write write = {.slot = EDDY_SLOT_NONE, .taken_due = EDDY_TIME_NONE};
  int error = eddy_recovery_tail(engine, layout, tail, &write);
  if (error != 0) return error;
  write.slot = take_slot(engine, user_id);
  if (write.slot == EDDY_SLOT_NONE) {
    eddy_tail_abandon(engine, &write);
    return EDDY_E_NOMEM;
  }
  put_record(engine, eddy_profile_table_at(&engine->table, write.slot), &image.profile);
  eddy_includes_set(engine, write.slot, includes);
  if (slot != NULL) *slot = write.slot;
  eddy_tail_commit(engine, &write);
  return 0;
}

void eddy_engine_recover_gone(struct eddy_engine *engine, struct eddy_str user_id) {
  EDDY_ASSERT(engine->recovery.active);
  uint32_t slot = eddy_engine_find(engine, user_id);
  if (slot != EDDY_SLOT_NONE) remove_profile(engine, slot);
}

/* Markers -------------------------------------------------------------------------------------------------------------------*/

int eddy_engine_recover_erased(struct eddy_engine *engine, uint64_t hash, int64_t includes, int64_t erased_at) {
  EDDY_ASSERT(engine->recovery.active);
  if (includes < 0 || !eddy_time_plausible(erased_at) || erased_at == EDDY_TIME_NONE) return EDDY_E_CORRUPT;
  if (eddy_erased_reserve(&engine->erased) != 0) return EDDY_E_NOMEM;
  struct eddy_erased_entry *entry = eddy_erased_put(&engine->erased, hash);
  entry->erased_at = erased_at;
  entry->includes = includes;
  return 0;
}

void eddy_engine_recover_not_erased(struct eddy_engine *engine, uint64_t hash) {
  EDDY_ASSERT(engine->recovery.active);
  eddy_erased_remove(&engine->erased, hash);
}

/* Events --------------------------------------------------------------------------------------------------------------------*/

size_t eddy_engine_recover_events(struct eddy_engine *engine, const struct eddy_event *events, const int64_t *offsets,
                                  size_t count) {
  EDDY_ASSERT(engine->recovery.active);
  /* As in eddy_engine_step_batch(). */
  enum { ENTRY_AHEAD = 24, RECORD_AHEAD = 12, RING = 32 };
  uint64_t hashes[RING] = {0};
  for (size_t i = 0; i < count + ENTRY_AHEAD; i++) {
    if (i < count && eddy_engine_supports(&events[i])) {
      hashes[i % RING] = eddy_profile_table_hash(&engine->table, events[i].user_id);
      eddy_profile_table_prefetch_entry(&engine->table, hashes[i % RING]);
    }
    if (i >= ENTRY_AHEAD - RECORD_AHEAD && i < count + ENTRY_AHEAD - RECORD_AHEAD) {
      eddy_profile_table_prefetch_record(&engine->table, hashes[(i - (ENTRY_AHEAD - RECORD_AHEAD)) % RING]);
    }
    if (i < ENTRY_AHEAD) continue;
    size_t at = i - ENTRY_AHEAD;
    if (!eddy_engine_supports(&events[at])) continue;
    if (eddy_engine_replay(engine, &events[at], offsets[at], hashes[at % RING]) != 0) return at;
  }
  return count;
}

/* End -----------------------------------------------------------------------------------------------------------------------*/

/* A log that an engine wrote knows no user with both; any other may. */
static void drop_markers_of_profiles(struct eddy_engine *engine) {
  for (uint32_t slot = 0; slot < engine->table.slab.used && engine->erased.count > 0; slot++) {
    const struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slot);
    if (profile->id_length == 0) continue;
    eddy_erased_remove(&engine->erased, eddy_engine_erasure_hash(engine, eddy_profile_id(profile)));
  }
}

void eddy_engine_recover_end(struct eddy_engine *engine) {
  EDDY_ASSERT(engine->recovery.active);
  EDDY_ASSERT(engine->next_effect == engine->recovery.next_effect); /* rule 24 */
  drop_markers_of_profiles(engine);
  /* Users have other slots now. Who is visited twice in this lap, or not at all, tells the trainer the same in the end. */
  if (engine->sweep.cursor > engine->table.slab.used) engine->sweep.cursor = engine->table.slab.used;
  eddy_engine_count_segments(engine, &engine->sizes);
  engine->due_bound = eddy_timer_queue_next(&engine->timers); /* older records of a user had other deadlines */
  eddy_buffer_fini(&engine->recovery.includes);
  eddy_buffer_fini(&engine->recovery.layouts);
  engine->recovery.active = false;
}
