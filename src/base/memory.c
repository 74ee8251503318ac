#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static void *malloc_resize(void *ctx, void *old, size_t old_size, size_t new_size) {
  (void)ctx;
  (void)old_size;
  if (new_size > 0) return realloc(old, new_size);
  free(old);
  return NULL;
}

const struct eddy_allocator eddy_allocator_malloc = {.resize = malloc_resize};

static struct eddy_allocator allocator_or_malloc(const struct eddy_allocator *allocator) {
  return allocator != NULL && allocator->resize != NULL ? *allocator : eddy_allocator_malloc;
}

void *eddy_resize(const struct eddy_allocator *allocator, void *old, size_t old_size, size_t new_size) {
  struct eddy_allocator from = allocator_or_malloc(allocator);
  return from.resize(from.ctx, old, old_size, new_size);
}

/* Budget -------------------------------------------------------------------------------------------------------------------*/

static bool budget_allows(const struct eddy_budget *budget, size_t old_size, size_t new_size) {
  if (new_size <= old_size) return true; /* giving back is always allowed */
  size_t ceiling = budget->max > 0 ? budget->max : SIZE_MAX;
  return budget->used <= ceiling && new_size - old_size <= ceiling - budget->used;
}

static void *budget_resize(void *ctx, void *old, size_t old_size, size_t new_size) {
  struct eddy_budget *budget = ctx;
  EDDY_ASSERT(budget->used >= old_size);
  if (!budget_allows(budget, old_size, new_size)) return NULL;
  void *block = eddy_resize(&budget->parent, old, old_size, new_size);
  if (block != NULL || new_size == 0) budget->used = budget->used - old_size + new_size;
  return block;
}

void eddy_budget_init(struct eddy_budget *budget, const struct eddy_allocator *parent, size_t max) {
  *budget = (struct eddy_budget){.parent = allocator_or_malloc(parent), .max = max};
}

struct eddy_allocator eddy_budget_allocator(struct eddy_budget *budget) {
  return (struct eddy_allocator){.resize = budget_resize, .ctx = budget};
}

/* Buffer -------------------------------------------------------------------------------------------------------------------*/

enum { BUFFER_CAPACITY_MIN = 64 };

void eddy_buffer_init(struct eddy_buffer *buffer, const struct eddy_allocator *allocator) {
  *buffer = (struct eddy_buffer){.allocator = allocator_or_malloc(allocator)};
}

void eddy_buffer_fini(struct eddy_buffer *buffer) {
  if (buffer == NULL) return;
  if (buffer->data != NULL) eddy_resize(&buffer->allocator, buffer->data, buffer->capacity, 0);
  buffer->data = NULL;
  buffer->size = buffer->capacity = 0;
}

static int buffer_grow(struct eddy_buffer *buffer, size_t capacity) {
  uint8_t *data = eddy_resize(&buffer->allocator, buffer->data, buffer->capacity, capacity);
  if (data == NULL) return EDDY_E_NOMEM;
  buffer->data = data;
  buffer->capacity = capacity;
  return 0;
}

int eddy_buffer_reserve(struct eddy_buffer *buffer, size_t more) {
  if (more <= buffer->capacity - buffer->size) return 0;
  if (more > SIZE_MAX / 2 - buffer->size) return EDDY_E_NOMEM;
  size_t needed = buffer->size + more;
  size_t doubled = 2 * buffer->capacity > BUFFER_CAPACITY_MIN ? 2 * buffer->capacity : BUFFER_CAPACITY_MIN;
  if (doubled > needed && buffer_grow(buffer, doubled) == 0) return 0;
  return buffer_grow(buffer, needed); /* close to a ceiling the exact size may still fit */
}

int eddy_buffer_append(struct eddy_buffer *buffer, const void *bytes, size_t size) {
  if (size == 0) return 0;
  if (eddy_buffer_reserve(buffer, size) != 0) return EDDY_E_NOMEM;
  memcpy(buffer->data + buffer->size, bytes, size);
  buffer->size += size;
  return 0;
}
