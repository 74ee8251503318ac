#include "core/durable.h"

#include <string.h>

#include "base/assert.h"
#include "base/rules.h"
#include "core/includes.h"
#include "eddy/durable.h"

static bool lists_changes(const struct eddy_engine *engine) {
  return engine->durable.on && !engine->recovery.active;
}

/* Marking -------------------------------------------------------------------------------------------------------------------*/

int eddy_durable_grow(struct eddy_engine *engine, size_t slots) {
  struct eddy_durable *durable = &engine->durable;
  if (eddy_buffer_reserve(&durable->write_now, slots * sizeof(uint32_t)) != 0) return EDDY_E_NOMEM;
  if (eddy_buffer_reserve(&durable->gone, 1 + EDDY_USER_ID_MAX) != 0) return EDDY_E_NOMEM;
  return eddy_buffer_reserve(&durable->markers, sizeof(uint64_t));
}

/* Into room that was reserved. */
static void append(struct eddy_buffer *list, const void *bytes, size_t size) {
  EDDY_ASSERT(size <= list->capacity - list->size);
  memcpy(list->data + list->size, bytes, size);
  list->size += size;
}

void eddy_durable_dirty(struct eddy_engine *engine, struct eddy_profile *profile) {
  if (!engine->durable.on || profile->dirty) return;
  profile->dirty = true;
  engine->durable.dirty++;
}

void eddy_durable_write_now(struct eddy_engine *engine, struct eddy_profile *profile) {
  eddy_durable_dirty(engine, profile);
  if (!lists_changes(engine) || profile->write_now) return;
  profile->write_now = true;
  append(&engine->durable.write_now, &profile->timer.seq, sizeof profile->timer.seq);
}

void eddy_durable_touch(struct eddy_engine *engine, struct eddy_profile *profile) {
  if (engine->durable.on) profile->passes = 0;
}

void eddy_durable_forget(struct eddy_engine *engine, struct eddy_profile *profile) {
  if (profile->dirty) engine->durable.dirty--;
  profile->dirty = profile->write_now = false;
  eddy_includes_forget(engine, profile->timer.seq);
}

void eddy_durable_gone(struct eddy_engine *engine, struct eddy_profile *profile) {
  eddy_durable_forget(engine, profile);
  if (!lists_changes(engine)) return;
  append(&engine->durable.gone, &profile->id_length, 1);
  append(&engine->durable.gone, eddy_profile_id(profile).data, profile->id_length);
}

void eddy_durable_marker(struct eddy_engine *engine, uint64_t hash) {
  if (lists_changes(engine) && EDDY_RULE(ERASED_MARKER)) append(&engine->durable.markers, &hash, sizeof hash);
}

/* Rule 5, by what the engine can know of replay_from. The user's last event came before the hand passed its slot (passes counts
 * from there); let that first pass be in lap n. After the third, in lap n + 2, every slot was last passed in lap n + 1 or
 * later, and where the hand has made one mark of several, that mark is as old as the lap of its slots at most. So replay_from
 * lies at or behind the beginning of lap n + 1, hence behind the first pass, hence behind the event. If everything is saved, it
 * is the position, and no event came since. */
bool eddy_durable_may_evict(const struct eddy_engine *engine, const struct eddy_profile *profile) {
  if (!engine->durable.on || !EDDY_RULE(EVICT_AFTER_REPLAY_FROM)) return true;
  return !profile->dirty && (profile->passes == EDDY_PASSES_MAX || engine->durable.all_saved);
}

void eddy_durable_all_dirty(struct eddy_engine *engine) {
  for (uint32_t slot = 0; slot < engine->table.slab.used; slot++) {
    struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slot);
    if (profile->id_length > 0) eddy_durable_dirty(engine, profile);
  }
}

/* For commits ---------------------------------------------------------------------------------------------------------------*/

uint32_t eddy_engine_slots(const struct eddy_engine *engine) {
  return engine->table.slab.used;
}

static struct eddy_profile *live_at(const struct eddy_engine *engine, uint32_t slot) {
  EDDY_ASSERT(slot < engine->table.slab.used);
  struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slot);
  return profile->id_length > 0 ? profile : NULL;
}

enum eddy_slot_state eddy_engine_slot_state(const struct eddy_engine *engine, uint32_t slot) {
  const struct eddy_profile *profile = live_at(engine, slot);
  if (profile == NULL) return EDDY_SLOT_FREE;
  if (profile->write_now) return EDDY_SLOT_WRITE_NOW;
  return profile->dirty ? EDDY_SLOT_DIRTY : EDDY_SLOT_CLEAN;
}

void eddy_engine_prefetch(const struct eddy_engine *engine, uint32_t slot) {
  const uint8_t *record = eddy_slab_at(&engine->table.slab, slot);
  for (uint32_t at = 0; at < engine->table.slab.record_size; at += 64) __builtin_prefetch(record + at);
}

uint32_t eddy_engine_next_dirty(const struct eddy_engine *engine, uint32_t from, uint32_t to) {
  enum { AHEAD = 16 };
  const struct eddy_profile_table *table = &engine->table;
  EDDY_ASSERT(to <= table->slab.used);
  for (uint32_t slot = from; slot < to; slot++) {
    if (to - slot > AHEAD) __builtin_prefetch(eddy_slab_at(&table->slab, slot + AHEAD));
    const struct eddy_profile *profile = eddy_profile_table_at(table, slot);
    if (profile->id_length != 0 && profile->dirty && !profile->write_now) return slot;
  }
  return to;
}

size_t eddy_engine_dirty(const struct eddy_engine *engine) {
  return engine->durable.dirty;
}

const uint32_t *eddy_engine_write_now(const struct eddy_engine *engine, size_t *count) {
  *count = engine->durable.write_now.size / sizeof(uint32_t);
  return (const uint32_t *)(const void *)engine->durable.write_now.data; /* aligned to 16 */
}

bool eddy_engine_next_gone(const struct eddy_engine *engine, size_t *cursor, struct eddy_str *user_id) {
  const struct eddy_buffer *gone = &engine->durable.gone;
  if (*cursor >= gone->size) return false;
  uint8_t length = gone->data[*cursor];
  *user_id = (struct eddy_str){(const char *)gone->data + *cursor + 1, length};
  *cursor += 1u + length;
  return true;
}

const uint64_t *eddy_engine_marker_changes(const struct eddy_engine *engine, size_t *count) {
  *count = engine->durable.markers.size / sizeof(uint64_t);
  return (const uint64_t *)(const void *)engine->durable.markers.data;
}

bool eddy_engine_erased(const struct eddy_engine *engine, uint64_t hash, int64_t *erased_at) {
  const struct eddy_erased_entry *entry = eddy_erased_find(&engine->erased, hash);
  if (entry != NULL && erased_at != NULL) *erased_at = entry->erased_at;
  return entry != NULL;
}

bool eddy_engine_has_writes(const struct eddy_engine *engine) {
  const struct eddy_durable *durable = &engine->durable;
  return durable->write_now.size > 0 || durable->gone.size > 0 || durable->markers.size > 0;
}

static void clean(struct eddy_engine *engine, struct eddy_profile *profile) {
  if (profile->dirty) engine->durable.dirty--;
  profile->dirty = profile->write_now = false;
}

void eddy_engine_mark_passed(struct eddy_engine *engine, uint32_t from, uint32_t to) {
  EDDY_ASSERT(from <= to && to <= engine->table.slab.used);
  for (uint32_t slot = from; slot < to; slot++) {
    struct eddy_profile *profile = live_at(engine, slot);
    if (profile == NULL) continue;
    clean(engine, profile);
    if (profile->passes < EDDY_PASSES_MAX) profile->passes++;
  }
}

void eddy_engine_mark_committed(struct eddy_engine *engine, bool all_saved) {
  struct eddy_durable *durable = &engine->durable;
  size_t count;
  const uint32_t *slots = eddy_engine_write_now(engine, &count);
  for (size_t i = 0; i < count; i++) {
    struct eddy_profile *profile = live_at(engine, slots[i]);
    if (profile != NULL && profile->write_now) clean(engine, profile); /* else it is another user's by now */
  }
  durable->write_now.size = durable->gone.size = durable->markers.size = 0;
  durable->all_saved = all_saved;
}

/* Views ---------------------------------------------------------------------------------------------------------------------*/

bool eddy_engine_member(const struct eddy_engine *engine, uint32_t slot, struct eddy_member *member) {
  const struct eddy_profile *profile = live_at(engine, slot);
  if (profile == NULL) return false;
  *member = (struct eddy_member){
      .user_id = eddy_profile_id(profile),
      .has_segment = profile->has_segment,
      .segment = profile->has_segment ? profile->segment : 0,
      .since = profile->has_segment ? profile->segment_since : EDDY_TIME_NONE,
  };
  return true;
}

uint32_t eddy_engine_find(const struct eddy_engine *engine, struct eddy_str user_id) {
  if (user_id.len == 0) return EDDY_SLOT_NONE;
  return eddy_profile_table_find(&engine->table, eddy_profile_table_hash(&engine->table, user_id), user_id);
}
