/* What tests of the engine share: random events of a few users, models, snapshots in memory, an allocator that fails on demand,
 * and a fingerprint of effects that tells any two lists apart.
 */
#ifndef EDDY_TESTS_ENGINE_WORLD_H
#define EDDY_TESTS_ENGINE_WORLD_H

#include "base/memory.h"
#include "base/rng.h"
#include "eddy/eddy.h"

/* Random events -------------------------------------------------------------------------------------------------------------*/

struct world_event {
  struct eddy_event event; /* points into this struct: do not copy */
  char user[48], id[64], cart[8], products[3][8];
  struct eddy_item items[3];
};

struct world_options {
  unsigned users;
  int64_t step_ms;                                          /* mean time between events */
  int64_t disorder_ms;                                      /* events are stamped up to this before the clock */
  unsigned percent_duplicate, percent_ancient, percent_gap; /* gap: the clock jumps by gap_ms */
  int64_t gap_ms;
};

struct world {
  struct world_options options;
  struct eddy_rng rng;
  int64_t clock; /* ms */
  uint64_t serial;
};

void world_init(struct world *world, uint64_t seed, const struct world_options *options);
/* Fills in the next event and moves the clock. */
void world_next(struct world *world, struct world_event *out);

/* A specification with short limits and two triggers with several steps, so that small runs reach the corners. */
void world_spec(struct eddy_spec *spec);

/* A random model for the specification; some ids are shared between models of different seeds. */
struct eddy_model *world_model(const struct eddy_spec *spec, uint64_t seed);

/* Snapshots -----------------------------------------------------------------------------------------------------------------*/

/* Into a new buffer (malloc); fini it. */
void world_snapshot(const struct eddy_engine *engine, struct eddy_buffer *bytes);

/* Effects -------------------------------------------------------------------------------------------------------------------*/

/* Continues a hash over everything that effects from position `from` on say. */
uint64_t world_effects_hash(uint64_t hash, const struct eddy_effects *effects, size_t from);

/* Memory --------------------------------------------------------------------------------------------------------------------*/

/* Fails the call number `fail_at` (from 1), once. Freeing never fails and does not count. */
struct failing_allocator {
  uint64_t calls, fail_at;
  uint64_t live_bytes;
};
struct eddy_allocator failing_allocator(struct failing_allocator *failing);

#endif
