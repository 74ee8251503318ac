#include "core/profile_table.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"

enum { FIRST_CAPACITY_LOG2 = 8, CAPACITY_LOG2_MAX = 31 };

static const struct eddy_index_entry no_entry = {0, EDDY_SLOT_NONE};

/* Index ---------------------------------------------------------------------------------------------------------------------*/

static uint32_t tag_of(uint64_t hash) {
  return (uint32_t)(hash >> 32);
}

static uint32_t home_of(uint32_t capacity_log2, uint32_t tag) {
  return tag >> (32 - capacity_log2);
}

static uint32_t mask_of(const struct eddy_profile_table *table) {
  return (1u << table->capacity_log2) - 1;
}

static size_t index_bytes(uint32_t capacity_log2) {
  return sizeof(struct eddy_index_entry) << capacity_log2;
}

static struct eddy_index_entry *new_index(const struct eddy_profile_table *table, uint32_t capacity_log2) {
  struct eddy_index_entry *entries = eddy_resize(&table->allocator, NULL, 0, index_bytes(capacity_log2));
  if (entries == NULL) return NULL;
  memset(entries, 0xff, index_bytes(capacity_log2));
  return entries;
}

static void put_entry(struct eddy_index_entry *entries, uint32_t capacity_log2, struct eddy_index_entry entry) {
  uint32_t mask = (1u << capacity_log2) - 1, at = home_of(capacity_log2, entry.tag);
  while (entries[at].slot != EDDY_SLOT_NONE) at = (at + 1) & mask;
  entries[at] = entry;
}

/* Homes keep their order when the table doubles, so this walks both tables from front to back. */
static int grow_index(struct eddy_profile_table *table) {
  uint32_t capacity_log2 = table->capacity_log2 + 1;
  struct eddy_index_entry *entries = capacity_log2 <= CAPACITY_LOG2_MAX ? new_index(table, capacity_log2) : NULL;
  if (entries == NULL) return EDDY_E_NOMEM;
  for (uint32_t i = 0; i <= mask_of(table); i++) {
    if (table->entries[i].slot != EDDY_SLOT_NONE) put_entry(entries, capacity_log2, table->entries[i]);
  }
  eddy_resize(&table->allocator, table->entries, index_bytes(table->capacity_log2), 0);
  table->entries = entries;
  table->capacity_log2 = capacity_log2;
  return 0;
}

/* Closes the gap at `hole` by moving back every entry that the hole lies on the way of (no tombstones). */
static void close_gap(struct eddy_profile_table *table, uint32_t hole) {
  uint32_t mask = mask_of(table);
  for (uint32_t at = (hole + 1) & mask; table->entries[at].slot != EDDY_SLOT_NONE; at = (at + 1) & mask) {
    uint32_t home = home_of(table->capacity_log2, table->entries[at].tag);
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      table->entries[hole] = table->entries[at];
      hole = at;
    }
  }
  table->entries[hole] = no_entry;
}

static bool has_id(const struct eddy_profile_table *table, uint32_t slot, struct eddy_str id) {
  const struct eddy_profile *profile = eddy_profile_table_at(table, slot);
  struct eddy_str own = eddy_profile_id(profile);
  return own.len == id.len && memcmp(own.data, id.data, id.len) == 0;
}

/* Table ---------------------------------------------------------------------------------------------------------------------*/

int eddy_profile_table_init(struct eddy_profile_table *table, const struct eddy_allocator *allocator, uint32_t record_size,
                            const uint64_t key[2]) {
  *table = (struct eddy_profile_table){
      .record_size = record_size,
      .key = {key[0], key[1]},
      .allocator = *allocator,
      .capacity_log2 = FIRST_CAPACITY_LOG2,
  };
  eddy_slab_init(&table->slab, allocator, record_size);
  eddy_pool_init(&table->pool, allocator);
  table->entries = new_index(table, table->capacity_log2);
  return table->entries != NULL ? 0 : EDDY_E_NOMEM;
}

void eddy_profile_table_fini(struct eddy_profile_table *table) {
  if (table->entries != NULL) eddy_resize(&table->allocator, table->entries, index_bytes(table->capacity_log2), 0);
  table->entries = NULL;
  eddy_slab_fini(&table->slab);
  eddy_pool_fini(&table->pool);
}

uint64_t eddy_profile_table_hash(const struct eddy_profile_table *table, struct eddy_str id) {
  return eddy_hash_keyed(table->key, id.data, id.len);
}

uint32_t eddy_profile_table_find(const struct eddy_profile_table *table, uint64_t hash, struct eddy_str id) {
  uint32_t tag = tag_of(hash), mask = mask_of(table);
  for (uint32_t at = home_of(table->capacity_log2, tag); table->entries[at].slot != EDDY_SLOT_NONE; at = (at + 1) & mask) {
    if (table->entries[at].tag == tag && has_id(table, table->entries[at].slot, id)) return table->entries[at].slot;
  }
  return EDDY_SLOT_NONE;
}

int eddy_profile_table_reserve(struct eddy_profile_table *table) {
  uint64_t capacity = UINT64_C(1) << table->capacity_log2;
  return (table->slab.live + UINT64_C(1)) * 5 <= capacity * 4 ? 0 : grow_index(table);
}

static bool store_id(struct eddy_profile_table *table, struct eddy_profile *profile, struct eddy_str id) {
  char *bytes = profile->id.bytes;
  if (id.len > EDDY_ID_INLINE) {
    bytes = eddy_pool_new(&table->pool, id.len);
    if (bytes == NULL) return false;
    profile->id.pointer = bytes;
  }
  memcpy(bytes, id.data, id.len);
  profile->id_length = (uint8_t)id.len;
  return true;
}

/* The block for a long id comes first: a slab that has once handed out a slot does not forget it. */
static bool prepare_pool(struct eddy_profile_table *table, struct eddy_str id) {
  if (id.len <= EDDY_ID_INLINE) return true;
  void *block = eddy_pool_new(&table->pool, id.len);
  if (block == NULL) return false;
  eddy_pool_free(&table->pool, block, id.len);
  return true;
}

uint32_t eddy_profile_table_insert(struct eddy_profile_table *table, uint64_t hash, struct eddy_str id) {
  EDDY_ASSERT(id.len >= 1 && id.len <= EDDY_USER_ID_MAX);
  if (!prepare_pool(table, id)) return EDDY_SLOT_NONE;
  uint32_t slot = eddy_slab_new(&table->slab);
  if (slot == EDDY_SLOT_NONE) return EDDY_SLOT_NONE;
  struct eddy_profile *profile = eddy_profile_table_at(table, slot);
  bool stored = store_id(table, profile, id);
  EDDY_ASSERT(stored);
  profile->timer.seq = slot;
  put_entry(table->entries, table->capacity_log2, (struct eddy_index_entry){tag_of(hash), slot});
  return slot;
}

void eddy_profile_table_remove(struct eddy_profile_table *table, uint32_t slot) {
  struct eddy_profile *profile = eddy_profile_table_at(table, slot);
  EDDY_ASSERT(!eddy_timer_armed(&profile->timer));
  struct eddy_str id = eddy_profile_id(profile);
  uint32_t at = home_of(table->capacity_log2, tag_of(eddy_profile_table_hash(table, id)));
  while (table->entries[at].slot != slot) {
    EDDY_ASSERT(table->entries[at].slot != EDDY_SLOT_NONE); /* invariant 7 */
    at = (at + 1) & mask_of(table);
  }
  close_gap(table, at);
  eddy_profile_table_free_block(table, profile->tail, profile->tail_size);
  if (profile->id_length > EDDY_ID_INLINE) {
    eddy_profile_table_free_block(table, (uint8_t *)profile->id.pointer, profile->id_length);
  }
  eddy_slab_free(&table->slab, slot);
}

/* Prefetch ------------------------------------------------------------------------------------------------------------------*/

void eddy_profile_table_prefetch_entry(const struct eddy_profile_table *table, uint64_t hash) {
  __builtin_prefetch(&table->entries[home_of(table->capacity_log2, tag_of(hash))]);
}

void eddy_profile_table_prefetch_record(const struct eddy_profile_table *table, uint64_t hash) {
  enum { LINE = 64 };
  uint32_t tag = tag_of(hash), mask = mask_of(table), at = home_of(table->capacity_log2, tag);
  while (table->entries[at].slot != EDDY_SLOT_NONE && table->entries[at].tag != tag) at = (at + 1) & mask;
  if (table->entries[at].slot == EDDY_SLOT_NONE) return;
  const char *record = (const char *)eddy_profile_table_at(table, table->entries[at].slot);
  for (uint32_t offset = 0; offset < table->record_size; offset += LINE) __builtin_prefetch(record + offset, 1);
}

/* Blocks --------------------------------------------------------------------------------------------------------------------*/

uint8_t *eddy_profile_table_new_block(struct eddy_profile_table *table, size_t size) {
  return eddy_pool_new(&table->pool, size);
}

void eddy_profile_table_free_block(struct eddy_profile_table *table, uint8_t *block, size_t size) {
  if (block == NULL) return;
  memset(block, 0, size); /* nothing of an erased user stays in memory */
  eddy_pool_free(&table->pool, block, size);
}

/* Validation ----------------------------------------------------------------------------------------------------------------*/

static int broken(char *why, size_t size, const char *what, uint32_t slot) {
  snprintf(why, size, "profile table: %s (slot %u)", what, slot);
  return -1;
}

int eddy_profile_table_validate(const struct eddy_profile_table *table, char *why, size_t size) {
  uint32_t entries = 0, live = 0;
  for (uint32_t at = 0; at <= mask_of(table); at++) {
    uint32_t slot = table->entries[at].slot;
    if (slot == EDDY_SLOT_NONE) continue;
    entries++;
    if (slot >= table->slab.used || !eddy_profile_table_live(table, slot))
      return broken(why, size, "an entry without a profile", slot);
    struct eddy_str id = eddy_profile_id(eddy_profile_table_at(table, slot));
    uint64_t hash = eddy_profile_table_hash(table, id);
    if (eddy_profile_table_find(table, hash, id) != slot) return broken(why, size, "a profile that is not found", slot);
  }
  for (uint32_t slot = 0; slot < table->slab.used; slot++) {
    live += eddy_profile_table_live(table, slot) ? 1 : 0;
    if (eddy_profile_table_live(table, slot) && eddy_profile_table_at(table, slot)->timer.seq != slot) {
      return broken(why, size, "a timer that belongs to another slot", slot);
    }
  }
  if (entries != live || live != table->slab.live) return broken(why, size, "index, slab and profiles differ in number", live);
  return 0;
}
