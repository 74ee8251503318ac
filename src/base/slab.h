/* A slab of equal records addressed by u32 slots: records never move, slots are reused in a canonical order (lowest free
 * slot first is not needed; last freed first is, and the free list is part of a snapshot).
 *
 * Records live in chunks of 1 MiB, zeroed when allocated anew. Allocation may fail (ceiling); it has then changed nothing.
 */
#ifndef EDDY_BASE_SLAB_H
#define EDDY_BASE_SLAB_H

#include "eddy/types.h"

#define EDDY_SLOT_NONE UINT32_MAX

struct eddy_slab {
  struct eddy_allocator allocator;
  uint8_t **chunks;
  uint32_t chunk_count, chunk_capacity;
  uint32_t record_size, records_per_chunk_log2; /* record_size is rounded up to 16 bytes */
  uint32_t used;      /* slots handed out at least once: 0..used-1 */
  uint32_t live;
  uint32_t free_head; /* list through the first 4 bytes of freed records, EDDY_SLOT_NONE at the end */
};

void eddy_slab_init(struct eddy_slab *slab, const struct eddy_allocator *allocator, uint32_t record_size);
void eddy_slab_fini(struct eddy_slab *slab);
/* A zeroed record; EDDY_SLOT_NONE if memory is short. */
uint32_t eddy_slab_new(struct eddy_slab *slab);
void eddy_slab_free(struct eddy_slab *slab, uint32_t slot);
/* The record of a slot in [0, used). */
static inline void *eddy_slab_at(const struct eddy_slab *slab, uint32_t slot) {
  uint32_t chunk = slot >> slab->records_per_chunk_log2;
  uint32_t within = slot & ((1u << slab->records_per_chunk_log2) - 1);
  return slab->chunks[chunk] + (size_t)within * slab->record_size;
}

#endif
