#include "core/includes.h"

#include <string.h>

#include "base/assert.h"

static int64_t *offsets_of(const struct eddy_engine *engine) {
  return (int64_t *)(void *)engine->recovery.includes.data; /* aligned to 16 */
}

static size_t count_of(const struct eddy_engine *engine) {
  return engine->recovery.includes.size / sizeof(int64_t);
}

int eddy_includes_reserve(struct eddy_engine *engine, uint32_t slot) {
  struct eddy_buffer *includes = &engine->recovery.includes;
  size_t size = ((size_t)slot + 1) * sizeof(int64_t);
  if (size <= includes->size) return 0;
  if (eddy_buffer_reserve(includes, size - includes->size) != 0) return EDDY_E_NOMEM;
  memset(includes->data + includes->size, 0, size - includes->size);
  includes->size = size;
  return 0;
}

void eddy_includes_set(struct eddy_engine *engine, uint32_t slot, int64_t offset) {
  EDDY_ASSERT(slot < count_of(engine));
  offsets_of(engine)[slot] = offset;
}

int64_t eddy_includes_of(const struct eddy_engine *engine, uint32_t slot) {
  return slot < count_of(engine) ? offsets_of(engine)[slot] : 0;
}

void eddy_includes_forget(struct eddy_engine *engine, uint32_t slot) {
  if (slot < count_of(engine)) offsets_of(engine)[slot] = 0;
}
