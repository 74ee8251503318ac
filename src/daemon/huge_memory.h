/* Memory for the engines of one worker: large blocks on huge pages, so that a random profile costs its cache misses and not a
 * walk through the page table as well (with 2 M users that is a fifth of an event's time).
 *
 * Blocks from 256 KiB on are cut one behind the other from regions of 64 MiB, aligned and advised MADV_HUGEPAGE; a freed block
 * serves the next request of its size (slabs ask for equal chunks); still larger ones are mapped on their own. What is smaller
 * comes from malloc. Regions go back to the system at fini. One thread.
 */
#ifndef EDDY_DAEMON_HUGE_MEMORY_H
#define EDDY_DAEMON_HUGE_MEMORY_H

#include "eddy/types.h"

struct eddy_huge_region;
struct eddy_huge_free;

struct eddy_huge_memory {
  struct eddy_huge_region *regions;
  uint8_t *at, *end; /* of the newest region */
  struct eddy_huge_free *free_blocks;
};

void eddy_huge_memory_init(struct eddy_huge_memory *memory);
/* Every block must have been freed. */
void eddy_huge_memory_fini(struct eddy_huge_memory *memory);
struct eddy_allocator eddy_huge_memory_allocator(struct eddy_huge_memory *memory);

#endif
