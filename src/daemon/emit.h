/* From effects to outbox: encodes what an engine decided, shows it on the board, remembers what Redis will want. */
#ifndef EDDY_DAEMON_EMIT_H
#define EDDY_DAEMON_EMIT_H

#include "daemon/worker_state.h"

/* Encodes the partition's effects that are not in the outbox yet. `now` = wall time. A shortage of memory fails the worker. */
void eddy_emit_effects(struct eddy_worker *worker, struct eddy_partition *partition, int64_t now);
/* The contributions since the last commit, as one record per partition. */
void eddy_emit_deltas(struct eddy_worker *worker, int64_t now);
/* A finished model version and the cards of its segments, if there is one and partition 0 is ours. */
void eddy_emit_model(struct eddy_worker *worker);

#endif
