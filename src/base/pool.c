#include "base/pool.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

enum { CHUNK_BYTES = 256 * 1024, CHUNK_HEADER = 16, BLOCK_MIN_LOG2 = 5, CLASSES_PER_DOUBLING = 2 };

/* Size classes ---------------------------------------------------------------------------------------------------------------
 * Even classes are 32 << (class / 2), odd ones lie half way to the next power of two.
 */
static size_t class_bytes(unsigned class) {
  size_t base = (size_t)1 << (BLOCK_MIN_LOG2 + class / CLASSES_PER_DOUBLING);
  return class % CLASSES_PER_DOUBLING == 0 ? base : base + base / 2;
}

static unsigned class_of(size_t size) {
  EDDY_ASSERT(size > 0 && size <= EDDY_POOL_BLOCK_MAX);
  if (size <= class_bytes(0)) return 0;
  unsigned below = 63 - (unsigned)__builtin_clzll(size - 1); /* 2^below < size <= 2^(below + 1) */
  unsigned class = CLASSES_PER_DOUBLING * (below - BLOCK_MIN_LOG2) + 1;
  return size <= class_bytes(class) ? class : class + 1;
}

/* Free lists: linked through the first 8 bytes of the blocks. */
static void push(struct eddy_pool *pool, unsigned class, void *block) {
  memcpy(block, &pool->free_heads[class], sizeof(void *));
  pool->free_heads[class] = block;
}

static void *pop(struct eddy_pool *pool, unsigned class) {
  void *block = pool->free_heads[class];
  if (block != NULL) memcpy(&pool->free_heads[class], block, sizeof(void *));
  return block;
}

/* Chunks: linked through their first 8 bytes. -------------------------------------------------------------------------------*/

static size_t chunk_left(const struct eddy_pool *pool) { return (size_t)(pool->chunk_end - pool->chunk_at); }

static void *carve(struct eddy_pool *pool, size_t bytes) {
  void *block = pool->chunk_at;
  pool->chunk_at += bytes;
  return block;
}

/* What is left of a chunk becomes free blocks, the largest that fit first. */
static void retire_chunk(struct eddy_pool *pool) {
  for (unsigned class = EDDY_POOL_CLASSES; class-- > 0;) {
    while (chunk_left(pool) >= class_bytes(class)) push(pool, class, carve(pool, class_bytes(class)));
  }
}

static bool add_chunk(struct eddy_pool *pool) {
  uint8_t *chunk = eddy_resize(&pool->allocator, NULL, 0, CHUNK_BYTES);
  if (chunk == NULL) return false;
  if (pool->chunks != NULL) retire_chunk(pool);
  memcpy(chunk, &pool->chunks, sizeof(void *));
  pool->chunks = chunk;
  pool->chunk_at = chunk + CHUNK_HEADER;
  pool->chunk_end = chunk + CHUNK_BYTES;
  return true;
}

void eddy_pool_init(struct eddy_pool *pool, const struct eddy_allocator *allocator) {
  *pool = (struct eddy_pool){0};
  if (allocator != NULL) pool->allocator = *allocator;
}

void eddy_pool_fini(struct eddy_pool *pool) {
  if (pool == NULL) return;
  void *chunk = pool->chunks;
  while (chunk != NULL) {
    void *next;
    memcpy(&next, chunk, sizeof next);
    eddy_resize(&pool->allocator, chunk, CHUNK_BYTES, 0);
    chunk = next;
  }
  *pool = (struct eddy_pool){.allocator = pool->allocator};
}

/* Blocks -------------------------------------------------------------------------------------------------------------------*/

void *eddy_pool_new(struct eddy_pool *pool, size_t size) {
  unsigned class = class_of(size);
  void *block = pop(pool, class);
  if (block != NULL) return block;
  size_t bytes = class_bytes(class);
  if ((pool->chunks == NULL || chunk_left(pool) < bytes) && !add_chunk(pool)) return NULL;
  return carve(pool, bytes);
}

void eddy_pool_free(struct eddy_pool *pool, void *block, size_t size) {
  if (block != NULL) push(pool, class_of(size), block);
}
