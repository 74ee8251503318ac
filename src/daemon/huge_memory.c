#include "daemon/huge_memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE ((size_t)256 << 10)
#define PAGE ((size_t)2 << 20)
#define REGION ((size_t)64 << 20)
#define OWN_MAPPING ((size_t)16 << 20)
#define LINE ((size_t)4096)

/* In front of a region's first block. */
struct eddy_huge_region {
  struct eddy_huge_region *next;
};

/* In a block that waits for its next use. */
struct eddy_huge_free {
  struct eddy_huge_free *next;
  size_t size;
};

static size_t round_up(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

/* Address space that begins on a huge page; NULL if there is none left. */
static uint8_t *map(size_t size) {
  size_t mapped = size + PAGE;
  uint8_t *start = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) return NULL;
  size_t before = (PAGE - (uintptr_t)start % PAGE) % PAGE;
  if (before > 0) munmap(start, before);
  munmap(start + before + size, PAGE - before);
  madvise(start + before, size, MADV_HUGEPAGE); /* without it the pages are ordinary ones: slower, not wrong */
  return start + before;
}

static void *cut(struct eddy_huge_memory *memory, size_t size) {
  for (struct eddy_huge_free **at = &memory->free_blocks; *at; at = &(*at)->next) {
    struct eddy_huge_free *block = *at;
    if (block->size != size) continue;
    *at = block->next;
    return block;
  }
  if ((size_t)(memory->end - memory->at) < size) {
    struct eddy_huge_region *region = (struct eddy_huge_region *)(void *)map(REGION);
    if (!region) return NULL;
    region->next = memory->regions;
    memory->regions = region;
    memory->at = (uint8_t *)region + LINE;
    memory->end = (uint8_t *)region + REGION;
  }
  void *block = memory->at;
  memory->at += size;
  return block;
}

static void *allocate(struct eddy_huge_memory *memory, size_t size) {
  if (size < LARGE) return malloc(size);
  return size < OWN_MAPPING ? cut(memory, round_up(size, LINE)) : map(round_up(size, PAGE));
}

static void release(struct eddy_huge_memory *memory, void *block, size_t size) {
  if (size < LARGE) {
    free(block);
  } else if (size >= OWN_MAPPING) {
    munmap(block, round_up(size, PAGE));
  } else {
    struct eddy_huge_free *freed = block;
    freed->next = memory->free_blocks;
    freed->size = round_up(size, LINE);
    memory->free_blocks = freed;
  }
}

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
  struct eddy_huge_memory *memory = ctx;
  if (old && new_size > 0 && old_size < LARGE && new_size < LARGE) return realloc(old, new_size);
  void *block = new_size > 0 ? allocate(memory, new_size) : NULL;
  if (new_size > 0 && !block) return NULL;
  if (old && block) memcpy(block, old, old_size < new_size ? old_size : new_size);
  if (old) release(memory, old, old_size);
  return block;
}

void eddy_huge_memory_init(struct eddy_huge_memory *memory) { memset(memory, 0, sizeof *memory); }

void eddy_huge_memory_fini(struct eddy_huge_memory *memory) {
  while (memory->regions) {
    struct eddy_huge_region *region = memory->regions;
    memory->regions = region->next;
    munmap(region, REGION);
  }
  memset(memory, 0, sizeof *memory);
}

struct eddy_allocator eddy_huge_memory_allocator(struct eddy_huge_memory *memory) {
  return (struct eddy_allocator){resize, memory};
}
