/* The set of erased users: keyed hash of the id -> event time of the erasure. Nothing else is kept of them.
 *
 * An open-addressing table in which every run of entries is in the order of (home, hash), so that the order of a walk follows
 * from the contents alone (invariant 10). Empty and without memory until the first erasure. Cost: O(1) expected; growing is
 * a call of its own, so that what follows cannot fail. Thread: the engine's.
 */
#ifndef EDDY_CORE_ERASED_H
#define EDDY_CORE_ERASED_H

#include "eddy/types.h"

struct eddy_erased_entry {
  uint64_t hash;
  int64_t erased_at; /* EDDY_TIME_NONE: the place is empty */
  int64_t includes;  /* of its record; means something only while an engine is recovered */
};

struct eddy_erased {
  struct eddy_erased_entry *entries;
  size_t count, capacity; /* a power of two, or 0 */
  struct eddy_allocator allocator;
};

void eddy_erased_init(struct eddy_erased *erased, const struct eddy_allocator *allocator);
void eddy_erased_fini(struct eddy_erased *erased);
/* The entry, NULL if there is none. Valid until the set changes. */
struct eddy_erased_entry *eddy_erased_find(const struct eddy_erased *erased, uint64_t hash);
/* Room for one more; 0 or EDDY_E_NOMEM. */
int eddy_erased_reserve(struct eddy_erased *erased);
/* Finds or adds; room must have been reserved. A new entry has the oldest possible time, EDDY_TIME_NONE + 1. */
struct eddy_erased_entry *eddy_erased_put(struct eddy_erased *erased, uint64_t hash);
/* Nothing happens if it is not there. */
void eddy_erased_remove(struct eddy_erased *erased, uint64_t hash);
/* Walks in ascending order of hashes: *at = 0 to start; NULL at the end. */
const struct eddy_erased_entry *eddy_erased_next(const struct eddy_erased *erased, size_t *at);
/* 0, or -1 with the broken invariant in `why`. */
int eddy_erased_validate(const struct eddy_erased *erased, char *why, size_t size);

#endif
