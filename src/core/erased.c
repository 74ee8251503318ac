#include "core/erased.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"

enum { FIRST_CAPACITY = 16 };

void eddy_erased_init(struct eddy_erased *erased, const struct eddy_allocator *allocator) {
  *erased = (struct eddy_erased){.allocator = *allocator};
}

void eddy_erased_fini(struct eddy_erased *erased) {
  if (erased->entries != NULL) {
    eddy_resize(&erased->allocator, erased->entries, erased->capacity * sizeof *erased->entries, 0);
  }
  erased->entries = NULL;
  erased->count = erased->capacity = 0;
}

/* Places --------------------------------------------------------------------------------------------------------------------*/

static bool is_empty(const struct eddy_erased_entry *entry) {
  return entry->erased_at == EDDY_TIME_NONE;
}

static size_t mask_of(const struct eddy_erased *erased) {
  return erased->capacity - 1;
}

/* By the top bits: homes ascend with the hashes. */
static size_t home_of(const struct eddy_erased *erased, uint64_t hash) {
  return (size_t)(hash / (UINT64_MAX / erased->capacity + 1));
}

/* How far place `at` lies behind the home of `hash`. */
static size_t distance(const struct eddy_erased *erased, size_t at, uint64_t hash) {
  return (at - home_of(erased, hash)) & mask_of(erased);
}

/* Whether a hash that has come as far as `at` belongs before the entry there. */
static bool belongs_before(const struct eddy_erased *erased, uint64_t hash, size_t at) {
  const struct eddy_erased_entry *entry = &erased->entries[at];
  size_t own = distance(erased, at, hash), theirs = distance(erased, at, entry->hash);
  return own != theirs ? own > theirs : hash < entry->hash;
}

/* Where the hash is or would have to be. */
static size_t place_of(const struct eddy_erased *erased, uint64_t hash) {
  size_t at = home_of(erased, hash);
  while (!is_empty(&erased->entries[at]) && erased->entries[at].hash != hash && !belongs_before(erased, hash, at)) {
    at = (at + 1) & mask_of(erased);
  }
  return at;
}

static bool holds(const struct eddy_erased *erased, size_t at, uint64_t hash) {
  return !is_empty(&erased->entries[at]) && erased->entries[at].hash == hash;
}

static void insert(struct eddy_erased *erased, struct eddy_erased_entry entry) {
  size_t at = place_of(erased, entry.hash);
  while (!is_empty(&erased->entries[at])) { /* the rest of the run moves on by one */
    struct eddy_erased_entry next = erased->entries[at];
    erased->entries[at] = entry;
    entry = next;
    at = (at + 1) & mask_of(erased);
  }
  erased->entries[at] = entry;
  erased->count++;
}

/* The set -------------------------------------------------------------------------------------------------------------------*/

struct eddy_erased_entry *eddy_erased_find(const struct eddy_erased *erased, uint64_t hash) {
  if (erased->count == 0) return NULL;
  size_t at = place_of(erased, hash);
  return holds(erased, at, hash) ? &erased->entries[at] : NULL;
}

int eddy_erased_reserve(struct eddy_erased *erased) {
  if ((erased->count + 1) * 5 <= erased->capacity * 4) return 0;
  size_t capacity = erased->capacity > 0 ? 2 * erased->capacity : FIRST_CAPACITY;
  struct eddy_erased grown = {.capacity = capacity, .allocator = erased->allocator};
  grown.entries = eddy_resize(&grown.allocator, NULL, 0, capacity * sizeof *grown.entries);
  if (grown.entries == NULL) return EDDY_E_NOMEM;
  for (size_t i = 0; i < capacity; i++) grown.entries[i] = (struct eddy_erased_entry){.erased_at = EDDY_TIME_NONE};
  for (size_t i = 0; i < erased->capacity; i++) {
    if (!is_empty(&erased->entries[i])) insert(&grown, erased->entries[i]);
  }
  eddy_erased_fini(erased);
  *erased = grown;
  return 0;
}

struct eddy_erased_entry *eddy_erased_put(struct eddy_erased *erased, uint64_t hash) {
  EDDY_ASSERT(erased->count < erased->capacity);
  size_t at = place_of(erased, hash);
  if (!holds(erased, at, hash)) insert(erased, (struct eddy_erased_entry){.hash = hash, .erased_at = EDDY_TIME_NONE + 1});
  return &erased->entries[at];
}

void eddy_erased_remove(struct eddy_erased *erased, uint64_t hash) {
  struct eddy_erased_entry *entry = eddy_erased_find(erased, hash);
  if (entry == NULL) return;
  size_t at = (size_t)(entry - erased->entries), next = (at + 1) & mask_of(erased);
  while (!is_empty(&erased->entries[next]) && distance(erased, next, erased->entries[next].hash) > 0) {
    erased->entries[at] = erased->entries[next];
    at = next;
    next = (next + 1) & mask_of(erased);
  }
  erased->entries[at] = (struct eddy_erased_entry){.erased_at = EDDY_TIME_NONE};
  erased->count--;
}

/* Entries that ran over the end lie in front, but come last. */
const struct eddy_erased_entry *eddy_erased_next(const struct eddy_erased *erased, size_t *at) {
  for (; *at < 2 * erased->capacity; ++*at) {
    size_t place = *at & mask_of(erased);
    const struct eddy_erased_entry *entry = &erased->entries[place];
    bool ran_over = !is_empty(entry) && home_of(erased, entry->hash) > place;
    if (is_empty(entry) || ran_over != (*at >= erased->capacity)) continue;
    ++*at;
    return entry;
  }
  return NULL;
}

int eddy_erased_validate(const struct eddy_erased *erased, char *why, size_t size) {
  size_t at = 0, count = 0;
  const struct eddy_erased_entry *entry, *before = NULL;
  while ((entry = eddy_erased_next(erased, &at)) != NULL) {
    if ((before != NULL && before->hash >= entry->hash) || eddy_erased_find(erased, entry->hash) != entry) {
      snprintf(why, size, "erased users: an entry out of its place");
      return -1;
    }
    before = entry;
    count++;
  }
  if (count == erased->count) return 0;
  snprintf(why, size, "erased users: %zu counted, %zu found", erased->count, count);
  return -1;
}
