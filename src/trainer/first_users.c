#include "trainer/first_users.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

void eddy_first_users_init(struct eddy_first_users *first, uint16_t dimensions) {
  *first = (struct eddy_first_users){.dimensions = dimensions};
}

void eddy_first_users_fini(struct eddy_first_users *first) {
  free(first->users);
  free(first->weights);
  free(first->vectors);
  free(first->index);
  eddy_first_users_init(first, first->dimensions);
}

/* The cell of a user, or the free one where it belongs. At most half of the cells are taken. */
static uint32_t *find_cell(const struct eddy_first_users *first, uint64_t user) {
  uint64_t mask = 2 * (uint64_t)first->capacity - 1;
  uint64_t at = eddy_hash_mix(user) & mask;
  while (first->index[at] && first->users[first->index[at] - 1] != user) at = (at + 1) & mask;
  return &first->index[at];
}

static bool grow_array(void **array, size_t count, size_t size) {
  void *grown = realloc(*array, count * size);
  if (grown) *array = grown;
  return grown != NULL;
}

int eddy_first_users_reserve(struct eddy_first_users *first, uint32_t more) {
  if (more <= first->capacity - first->count) return EDDY_OK;
  uint64_t capacity = first->capacity ? first->capacity : 1024; /* a power of two */
  while (capacity < (uint64_t)first->count + more) capacity *= 2;
  if (capacity > UINT32_MAX / 2) return EDDY_E_NOMEM;
  if (!grow_array((void **)&first->users, capacity, sizeof *first->users) ||
      !grow_array((void **)&first->weights, capacity, sizeof *first->weights) ||
      !grow_array((void **)&first->vectors, capacity, first->dimensions * sizeof *first->vectors)) {
    return EDDY_E_NOMEM;
  }
  uint32_t *index = calloc(2 * capacity, sizeof *index);
  if (index == NULL) return EDDY_E_NOMEM;
  free(first->index);
  first->index = index;
  first->capacity = (uint32_t)capacity;
  for (uint32_t row = 0; row < first->count; row++) *find_cell(first, first->users[row]) = row + 1;
  return EDDY_OK;
}

void eddy_first_users_add(struct eddy_first_users *first, const struct eddy_model_delta *delta) {
  for (uint16_t i = 0; i < delta->count; i++) {
    uint32_t *cell = find_cell(first, delta->users[i]);
    if (*cell == 0) {
      EDDY_ASSERT(first->count < first->capacity);
      first->users[first->count] = delta->users[i];
      first->weights[first->count] = 0;
      *cell = ++first->count;
    }
    uint32_t row = *cell - 1;
    first->weights[row] += (double)delta->weights[i];
    memcpy(first->vectors + (size_t)row * first->dimensions, delta->vectors + (size_t)i * first->dimensions,
           first->dimensions * sizeof *first->vectors);
  }
}
