/* One input partition while a worker owns it: its engine, how far it was read, what it has to commit.
 *
 * Invariants: position is the offset of the next event to apply; sequence in `meta` is that of the last commit known to have
 * succeeded; effects[0..encoded) are in the outbox. One thread.
 */
#ifndef EDDY_DAEMON_PARTITION_H
#define EDDY_DAEMON_PARTITION_H

#include "daemon/end_clock.h"
#include "daemon/offset_meta.h"
#include "eddy/engine.h"

/* Why a partition is not read now; bits. */
enum eddy_pause { EDDY_PAUSE_MEMORY = 1, EDDY_PAUSE_SCHEMA = 2, EDDY_PAUSE_BACKLOG = 4 };

struct eddy_partition {
  int32_t id;
  unsigned pauses;
  int64_t retry_at;            /* monotonic: when a paused partition is tried again */
  int64_t position;
  bool touched;                /* belongs into the next commit: moved, has outputs, or is new */
  bool in_flight;              /* its offset is part of the transaction whose outcome is awaited */
  bool more_due;               /* the engine has deadlines or sweeps left */
  uint64_t born_in;            /* number of the poll in which it was assigned: older messages of that poll are not its own */
  uint64_t tenure;             /* wall time of the assignment, ms */
  struct eddy_offset_meta meta;
  struct eddy_end_clock end;
  struct eddy_engine *engine;
  struct eddy_effects effects; /* since the last commit */
  size_t encoded;
  struct eddy_spec spec;       /* the configuration's, with publish_after of this partition */
};

struct eddy_partition_options {
  int32_t id;
  int64_t position;
  struct eddy_offset_meta meta;
  const struct eddy_config *config;
  struct eddy_allocator allocator; /* of the engine */
  int64_t wall;
};

/* NULL if memory is short or the specification is refused. */
struct eddy_partition *eddy_partition_new(const struct eddy_partition_options *options);
void eddy_partition_free(struct eddy_partition *partition);

#endif
