/* A list of effects with an arena of its own.
 *
 * The arena is a list of blocks, newest first, each at least twice as large as the one before: copies never move, and the
 * largest block, which clear() keeps, soon holds a whole batch.
 */
#include "core/effects.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

enum { FIRST_BLOCK = 16 * 1024, BLOCK_GROWTH_MAX = 8 * 1024 * 1024, FIRST_ITEMS = 64 };

struct eddy_arena_block {
  struct eddy_arena_block *next;
  size_t capacity, used; /* bytes behind this header */
};

_Static_assert(sizeof(struct eddy_arena_block) % 8 == 0, "copies are aligned to 8");

static size_t round_up(size_t size) {
  return (size + 7) & ~(size_t)7;
}

const char *eddy_suppression_name(enum eddy_suppression suppression) {
  static const char *const names[EDDY_SUPPRESSION_COUNT] = {
#define X(constant, name, sentence) [EDDY_SUPPRESS_##constant] = (name),
      EDDY_SUPPRESSIONS(X)
#undef X
  };
  return (unsigned)suppression < EDDY_SUPPRESSION_COUNT ? names[suppression] : NULL;
}

void eddy_effects_init(struct eddy_effects *effects, const struct eddy_allocator *allocator) {
  *effects =
      (struct eddy_effects){.allocator = allocator != NULL && allocator->resize != NULL ? *allocator : eddy_allocator_malloc};
}

static void free_block(struct eddy_effects *effects, struct eddy_arena_block *block) {
  eddy_resize(&effects->allocator, block, sizeof *block + block->capacity, 0);
}

void eddy_effects_fini(struct eddy_effects *effects) {
  if (effects == NULL) {
    return;
  }
  while (effects->arena != NULL) {
    struct eddy_arena_block *block = effects->arena;
    effects->arena = block->next;
    free_block(effects, block);
  }
  if (effects->items != NULL) {
    eddy_resize(&effects->allocator, effects->items, effects->capacity * sizeof *effects->items, 0);
  }
  effects->items = NULL;
  effects->count = effects->capacity = 0;
}

void eddy_effects_clear(struct eddy_effects *effects) {
  effects->count = 0;
  struct eddy_arena_block *kept = effects->arena;
  if (kept == NULL) {
    return;
  }
  while (kept->next != NULL) {
    struct eddy_arena_block *block = kept->next;
    kept->next = block->next;
    free_block(effects, block);
  }
  kept->used = 0;
}

static int reserve_items(struct eddy_effects *effects, size_t count) {
  if (effects->capacity - effects->count >= count) {
    return 0;
  }
  size_t capacity = effects->capacity == 0 ? FIRST_ITEMS : effects->capacity;
  while (capacity - effects->count < count) {
    if (capacity > SIZE_MAX / 2 / sizeof *effects->items) {
      return EDDY_E_NOMEM;
    }
    capacity *= 2;
  }
  void *items = eddy_resize(&effects->allocator, effects->items, effects->capacity * sizeof *effects->items,
                            capacity * sizeof *effects->items);
  if (items == NULL) {
    return EDDY_E_NOMEM;
  }
  effects->items = items;
  effects->capacity = capacity;
  return 0;
}

static int reserve_bytes(struct eddy_effects *effects, size_t bytes) {
  const struct eddy_arena_block *newest = effects->arena;
  if (newest != NULL && newest->capacity - newest->used >= bytes) {
    return 0;
  }
  size_t capacity = newest == NULL ? FIRST_BLOCK : newest->capacity;
  if (newest != NULL && capacity < BLOCK_GROWTH_MAX) {
    capacity *= 2;
  }
  if (capacity < bytes) {
    capacity = round_up(bytes);
  }
  struct eddy_arena_block *block = eddy_resize(&effects->allocator, NULL, 0, sizeof *block + capacity);
  if (block == NULL) {
    return EDDY_E_NOMEM;
  }
  *block = (struct eddy_arena_block){.next = effects->arena, .capacity = capacity};
  effects->arena = block;
  return 0;
}

int eddy_effects_reserve(struct eddy_effects *effects, size_t count, size_t bytes) {
  if (bytes > SIZE_MAX / 4) {
    return EDDY_E_NOMEM;
  }
  int error = reserve_items(effects, count);
  return error != 0 ? error : reserve_bytes(effects, bytes);
}

struct eddy_effect *eddy_effects_push(struct eddy_effects *effects) {
  EDDY_ASSERT(effects->count < effects->capacity);
  struct eddy_effect *effect = &effects->items[effects->count++];
  memset(effect, 0, sizeof *effect);
  return effect;
}

void *eddy_effects_copy(struct eddy_effects *effects, const void *bytes, size_t size) {
  struct eddy_arena_block *block = effects->arena;
  size_t taken = round_up(size);
  EDDY_ASSERT(block != NULL && block->capacity - block->used >= taken);
  uint8_t *copy = (uint8_t *)(block + 1) + block->used;
  block->used += taken;
  if (size > 0) {
    memcpy(copy, bytes, size);
  }
  return copy;
}

struct eddy_str eddy_effects_copy_str(struct eddy_effects *effects, struct eddy_str str) {
  if (str.data == NULL) {
    return (struct eddy_str){0};
  }
  return (struct eddy_str){eddy_effects_copy(effects, str.data, str.len), str.len};
}

void eddy_effects_truncate(struct eddy_effects *effects, size_t count) {
  EDDY_ASSERT(count <= effects->count);
  effects->count = count;
}
