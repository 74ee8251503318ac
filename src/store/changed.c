#include "store/changed.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

enum { GONE_BYTES_MAX = 64 << 20, LENGTH_AT = 8, ID_AT = 9 };

void eddy_changed_init(struct eddy_changed *changed, const struct eddy_allocator *allocator) {
  *changed = (struct eddy_changed){.sequences = NULL};
  eddy_buffer_init(&changed->gone, allocator);
}

void eddy_changed_fini(struct eddy_changed *changed) {
  if (changed->sequences != NULL) {
    eddy_resize(&changed->gone.allocator, changed->sequences, changed->sequences_count * sizeof *changed->sequences, 0);
  }
  changed->sequences = NULL;
  changed->sequences_count = 0;
  eddy_buffer_fini(&changed->gone);
}

/* Profiles -----------------------------------------------------------------------------------------------------------------*/

int eddy_changed_reserve(struct eddy_changed *changed, uint32_t slots) {
  const size_t size = sizeof *changed->sequences, old_count = changed->sequences_count, needed = (size_t)slots + 1;
  if (needed <= old_count) return 0;
  size_t count = needed > 2 * old_count ? needed : 2 * old_count;
  void *sequences = eddy_resize(&changed->gone.allocator, changed->sequences, old_count * size, count * size);
  if (sequences == NULL) return EDDY_E_NOMEM;
  changed->sequences = sequences;
  changed->sequences_count = count;
  memset(changed->sequences + old_count, 0, (count - old_count) * size);
  return 0;
}

void eddy_changed_profile(struct eddy_changed *changed, uint32_t slot, uint64_t sequence) {
  EDDY_ASSERT(slot < changed->sequences_count);
  changed->sequences[slot] = sequence;
}

/* Tombstones ---------------------------------------------------------------------------------------------------------------*/

static size_t entry_size(const struct eddy_changed *changed, size_t at) {
  return ID_AT + (size_t)changed->gone.data[at + LENGTH_AT];
}

static void overflow(struct eddy_changed *changed) {
  changed->overflow = true;
  changed->undated = 0;
  eddy_buffer_fini(&changed->gone);
}

int eddy_changed_gone(struct eddy_changed *changed, struct eddy_str user_id) {
  struct eddy_writer writer;
  size_t size = ID_AT + (size_t)user_id.len;
  EDDY_ASSERT(user_id.len <= UINT8_MAX);
  if (!changed->overflow && changed->gone.size + size > GONE_BYTES_MAX) overflow(changed);
  if (changed->overflow) return 0;
  if (eddy_buffer_reserve(&changed->gone, size) != 0) return EDDY_E_NOMEM;
  eddy_writer_init(&writer, changed->gone.data + changed->gone.size, size);
  eddy_write_u64(&writer, 0);
  eddy_write_u8(&writer, (uint8_t)user_id.len);
  eddy_write_bytes(&writer, user_id.data, user_id.len);
  changed->gone.size += size;
  return 0;
}

void eddy_changed_date(struct eddy_changed *changed, uint64_t sequence) {
  struct eddy_writer writer;
  while (changed->undated < changed->gone.size) {
    eddy_writer_init(&writer, changed->gone.data + changed->undated, LENGTH_AT);
    eddy_write_u64(&writer, sequence);
    changed->undated += entry_size(changed, changed->undated);
  }
}

/* Reading out --------------------------------------------------------------------------------------------------------------*/

static bool profile_changed(const struct eddy_changed *changed, const struct eddy_engine *engine, uint64_t acknowledged,
                            size_t slot, struct eddy_str *user_id) {
  struct eddy_member member;
  bool newer = slot < changed->sequences_count && changed->sequences[slot] > acknowledged;
  if (!newer && !changed->overflow) return false;
  if (!eddy_engine_member(engine, (uint32_t)slot, &member)) return false;
  *user_id = member.user_id;
  return true;
}

/* A user that has come again is among the profiles: its record is newer than the tombstone. */
static bool still_gone(const struct eddy_changed *changed, const struct eddy_engine *engine, uint64_t acknowledged, size_t at,
                       struct eddy_str *user_id) {
  const uint8_t *entry = changed->gone.data + at;
  *user_id = (struct eddy_str){(const char *)entry + ID_AT, entry[LENGTH_AT]};
  return eddy_load_u64(entry) > acknowledged && eddy_engine_find(engine, *user_id) == UINT32_MAX;
}

bool eddy_changed_next(const struct eddy_changed *changed, const struct eddy_engine *engine, uint64_t acknowledged,
                       size_t *cursor, struct eddy_str *user_id) {
  const size_t slots = eddy_engine_slots(engine);
  while (*cursor < slots) {
    if (profile_changed(changed, engine, acknowledged, (*cursor)++, user_id)) return true;
  }
  while (*cursor - slots < changed->gone.size) {
    size_t at = *cursor - slots;
    *cursor += entry_size(changed, at);
    if (still_gone(changed, engine, acknowledged, at, user_id)) return true;
  }
  return false;
}
