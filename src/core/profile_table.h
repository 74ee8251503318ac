/* All profiles of an engine: a slab of fixed records, a pool of variable blocks, and a hash index from user id to slot.
 *
 * The index is an open-addressing table of 8-byte entries (tag = upper half of the keyed hash, slot), at most 4/5 full. An
 * entry's home is given by the top bits of its tag, so the table grows without touching a single profile. It is a hint of
 * nothing: it holds exactly the live slots (invariant 7) and is not part of a snapshot.
 *
 * Inserting is two steps, eddy_profile_table_reserve() and then _insert(), so that a caller can put its own reservations
 * between. Cost: find touches one line of the index and the record. Thread: the engine's.
 */
#ifndef EDDY_CORE_PROFILE_TABLE_H
#define EDDY_CORE_PROFILE_TABLE_H

#include "base/pool.h"
#include "base/slab.h"
#include "core/profile.h"

struct eddy_index_entry {
  uint32_t tag, slot; /* slot EDDY_SLOT_NONE: empty */
};

struct eddy_profile_table {
  struct eddy_slab slab;
  struct eddy_pool pool;
  struct eddy_index_entry *entries;
  uint32_t capacity_log2;
  uint32_t record_size;
  uint64_t key[2];
  struct eddy_allocator allocator;
};

int eddy_profile_table_init(struct eddy_profile_table *table, const struct eddy_allocator *allocator, uint32_t record_size,
                            const uint64_t key[2]);
void eddy_profile_table_fini(struct eddy_profile_table *table);

uint64_t eddy_profile_table_hash(const struct eddy_profile_table *table, struct eddy_str id);
/* Slot of a user or EDDY_SLOT_NONE. */
uint32_t eddy_profile_table_find(const struct eddy_profile_table *table, uint64_t hash, struct eddy_str id);
/* Room for one more user; 0 or EDDY_E_NOMEM. */
int eddy_profile_table_reserve(struct eddy_profile_table *table);
/* A record that is zero but for its id and timer.seq. The user must not be there and room must have been reserved. Slot, or
 * EDDY_SLOT_NONE if memory is short: then nothing has changed. */
uint32_t eddy_profile_table_insert(struct eddy_profile_table *table, uint64_t hash, struct eddy_str id);
/* Gives back the record, its id and its tail; the timer must not be armed. */
void eddy_profile_table_remove(struct eddy_profile_table *table, uint32_t slot);

static inline struct eddy_profile *eddy_profile_table_at(const struct eddy_profile_table *table, uint32_t slot) {
  return eddy_slab_at(&table->slab, slot);
}
static inline bool eddy_profile_table_live(const struct eddy_profile_table *table, uint32_t slot) {
  return eddy_profile_table_at(table, slot)->id_length != 0;
}

/* Batched look-up hides the misses: first the index line of a user some events ahead, some events later its record. */
void eddy_profile_table_prefetch_entry(const struct eddy_profile_table *table, uint64_t hash);
void eddy_profile_table_prefetch_record(const struct eddy_profile_table *table, uint64_t hash);

/* A tail's block: NULL if memory is short. */
uint8_t *eddy_profile_table_new_block(struct eddy_profile_table *table, size_t size);
void eddy_profile_table_free_block(struct eddy_profile_table *table, uint8_t *block, size_t size);

/* 0, or -1 with the broken invariant in `why`. O(capacity). */
int eddy_profile_table_validate(const struct eddy_profile_table *table, char *why, size_t size);

#endif
