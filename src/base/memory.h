/* Memory under a ceiling, and a growable byte buffer.
 *
 * Wherever base takes a `const struct eddy_allocator *`, NULL and an all-zero allocator mean malloc without a ceiling.
 * Whatever fails for want of memory has changed nothing. One thread at a time.
 */
#ifndef EDDY_BASE_MEMORY_H
#define EDDY_BASE_MEMORY_H

#include "eddy/types.h"

/* malloc/realloc/free as an allocator without a ceiling. */
extern const struct eddy_allocator eddy_allocator_malloc;

/* The one call through which memory is got, resized (NULL if short, the old block is untouched) and freed (new_size 0). */
void *eddy_resize(const struct eddy_allocator *allocator, void *old, size_t old_size, size_t new_size);

/* An allocator that counts and refuses beyond `max` bytes (0 = never), on top of another one. */
struct eddy_budget {
  struct eddy_allocator parent;
  size_t used, max;
};
void eddy_budget_init(struct eddy_budget *budget, const struct eddy_allocator *parent, size_t max);
/* A view of the budget as an allocator: the budget must stay where it is while the view is used. */
struct eddy_allocator eddy_budget_allocator(struct eddy_budget *budget);

/* A growable buffer. */
struct eddy_buffer {
  uint8_t *data;
  size_t size, capacity;
  struct eddy_allocator allocator;
};
void eddy_buffer_init(struct eddy_buffer *buffer, const struct eddy_allocator *allocator);
void eddy_buffer_fini(struct eddy_buffer *buffer); /* leaves it empty and usable */
int eddy_buffer_reserve(struct eddy_buffer *buffer, size_t more); /* room for `more` bytes behind size; 0 or EDDY_E_NOMEM */
int eddy_buffer_append(struct eddy_buffer *buffer, const void *bytes, size_t size); /* 0 or EDDY_E_NOMEM */

#endif
