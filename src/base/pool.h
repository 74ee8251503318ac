/* Blocks of variable size in size classes (32, 48, 64, 96, 128, 192, ... 64 KiB), carved from chunks; freed blocks are reused
 * within their class, last freed first. Overhead: none per block, the caller remembers the size; at most a third of a block
 * of more than 32 bytes is unused. For the variable tails of profiles. All O(1). One thread.
 */
#ifndef EDDY_BASE_POOL_H
#define EDDY_BASE_POOL_H

#include "eddy/types.h"

enum { EDDY_POOL_CLASSES = 23, EDDY_POOL_BLOCK_MAX = 65536 };

struct eddy_pool {
  struct eddy_allocator allocator;
  void *free_heads[EDDY_POOL_CLASSES];
  uint8_t *chunk_at, *chunk_end; /* what is left of the newest chunk */
  void *chunks; /* list of chunks, newest first */
};

void eddy_pool_init(struct eddy_pool *pool, const struct eddy_allocator *allocator);
void eddy_pool_fini(struct eddy_pool *pool); /* frees all blocks; leaves it empty and usable */
/* A block of at least `size` bytes (1..EDDY_POOL_BLOCK_MAX), aligned to 16, not zeroed; NULL if memory is short. */
void *eddy_pool_new(struct eddy_pool *pool, size_t size);
/* `size` = any size of the same class, normally the one asked for. NULL is ignored. */
void eddy_pool_free(struct eddy_pool *pool, void *block, size_t size);

#endif
