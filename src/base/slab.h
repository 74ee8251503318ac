/* A slab of equal records addressed by u32 slots. Records never move. Freed slots are reused last freed first; otherwise the
 * lowest slot never used comes next. The order is a function of the calls alone.
 *
 * Records live in chunks of at most 1 MiB (a power of two of records each), aligned to 64 bytes: a record whose size is a
 * multiple of 64 starts on a cache line. A freed record is zero behind the 4 bytes of its link. Allocation may fail (ceiling);
 * it has then changed nothing. All O(1). One thread.
 *
 * To rebuild a slab with the same future order (snapshots): new `used` records, then free the free ones starting with the
 * last of the free list.
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

/* record_size in 1..1 MiB. */
void eddy_slab_init(struct eddy_slab *slab, const struct eddy_allocator *allocator, uint32_t record_size);
void eddy_slab_fini(struct eddy_slab *slab); /* leaves it empty and usable; zeroed memory is fine, too */
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
