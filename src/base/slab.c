#include "base/slab.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

enum { CHUNK_BYTES = 1 << 20, CHUNK_ALIGN = 64, CHUNKS_MIN = 8 };

void eddy_slab_init(struct eddy_slab *slab, const struct eddy_allocator *allocator, uint32_t record_size) {
  EDDY_ASSERT(record_size > 0 && record_size <= CHUNK_BYTES);
  *slab = (struct eddy_slab){.record_size = (record_size + 15) & ~15u, .free_head = EDDY_SLOT_NONE};
  if (allocator != NULL) slab->allocator = *allocator;
  while (slab->record_size << (slab->records_per_chunk_log2 + 1) <= CHUNK_BYTES) slab->records_per_chunk_log2++;
}

/* Chunks ---------------------------------------------------------------------------------------------------------------------
 *
 *   raw (16-aligned)    chunk (64-aligned)
 *   | 8..56 bytes unused | raw, 8 bytes | records ...
 */
static size_t chunk_size(const struct eddy_slab *slab) {
  return ((size_t)slab->record_size << slab->records_per_chunk_log2) + CHUNK_ALIGN;
}

static uint8_t *chunk_new(struct eddy_slab *slab) {
  uint8_t *raw = eddy_resize(&slab->allocator, NULL, 0, chunk_size(slab));
  if (raw == NULL) return NULL;
  uint8_t *chunk = raw + CHUNK_ALIGN - (uintptr_t)raw % CHUNK_ALIGN;
  memcpy(chunk - sizeof raw, &raw, sizeof raw);
  return chunk;
}

static void chunk_free(struct eddy_slab *slab, uint8_t *chunk) {
  uint8_t *raw;
  memcpy(&raw, chunk - sizeof raw, sizeof raw);
  eddy_resize(&slab->allocator, raw, chunk_size(slab), 0);
}

static bool reserve_chunk_pointer(struct eddy_slab *slab) {
  if (slab->chunk_count < slab->chunk_capacity) return true;
  uint32_t capacity = slab->chunk_capacity > 0 ? 2 * slab->chunk_capacity : CHUNKS_MIN;
  size_t size = sizeof slab->chunks[0];
  uint8_t **chunks = eddy_resize(&slab->allocator, slab->chunks, slab->chunk_capacity * size, capacity * size);
  if (chunks == NULL) return false;
  slab->chunks = chunks;
  slab->chunk_capacity = capacity;
  return true;
}

static bool add_chunk(struct eddy_slab *slab) {
  if (!reserve_chunk_pointer(slab)) return false;
  uint8_t *chunk = chunk_new(slab);
  if (chunk == NULL) return false;
  slab->chunks[slab->chunk_count++] = chunk;
  return true;
}

void eddy_slab_fini(struct eddy_slab *slab) {
  if (slab == NULL) return;
  for (uint32_t i = 0; i < slab->chunk_count; i++) chunk_free(slab, slab->chunks[i]);
  if (slab->chunks != NULL) {
    eddy_resize(&slab->allocator, slab->chunks, slab->chunk_capacity * sizeof slab->chunks[0], 0);
  }
  slab->chunks = NULL;
  slab->chunk_count = slab->chunk_capacity = slab->used = slab->live = 0;
  slab->free_head = EDDY_SLOT_NONE;
}

/* Slots --------------------------------------------------------------------------------------------------------------------*/

static uint32_t reuse_slot(struct eddy_slab *slab) {
  uint32_t slot = slab->free_head;
  EDDY_ASSERT(slot < slab->used);
  void *record = eddy_slab_at(slab, slot);
  memcpy(&slab->free_head, record, sizeof slab->free_head);
  memset(record, 0, sizeof slab->free_head); /* the rest was zeroed when it was freed */
  slab->live++;
  return slot;
}

uint32_t eddy_slab_new(struct eddy_slab *slab) {
  if (slab->free_head != EDDY_SLOT_NONE) return reuse_slot(slab);
  if (slab->used == EDDY_SLOT_NONE) return EDDY_SLOT_NONE;
  if (slab->used >> slab->records_per_chunk_log2 == slab->chunk_count && !add_chunk(slab)) return EDDY_SLOT_NONE;
  uint32_t slot = slab->used++;
  memset(eddy_slab_at(slab, slot), 0, slab->record_size); /* one record at a time: untouched pages cost nothing */
  slab->live++;
  return slot;
}

void eddy_slab_free(struct eddy_slab *slab, uint32_t slot) {
  EDDY_ASSERT(slot < slab->used && slab->live > 0);
  void *record = eddy_slab_at(slab, slot);
  memset(record, 0, slab->record_size); /* nothing of an erased user stays in memory */
  memcpy(record, &slab->free_head, sizeof slab->free_head);
  slab->free_head = slot;
  slab->live--;
}
