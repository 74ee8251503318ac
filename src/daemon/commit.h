/* The worker's transaction (DURABILITY rules 11-20): outputs, dead letters and input offsets become visible together.
 *
 *   IDLE -> OPEN -> SEALED -> IDLE            the normal course
 *           OPEN, SEALED -> ABORTED -> OPEN   nothing was cleared: the same records are produced again
 *           any -> UNKNOWN -> IDLE | ABORTED  a new producer reads the committed sequence back and decides
 *
 * Calls block while the broker is asked, at most as long as a transaction may last; while no broker answers at all, until one
 * does or the worker is to end.
 */
#ifndef EDDY_DAEMON_COMMIT_H
#define EDDY_DAEMON_COMMIT_H

#include "daemon/worker_state.h"

enum { EDDY_COMMIT_RECORDS_MAX = 50000, EDDY_COMMIT_BYTES_MAX = 64 << 20 };

/* Produces what the outbox holds, beginning a transaction if need be. */
void eddy_commit_produce(struct eddy_worker *worker);
/* True if the interval must end early: the outbox is full. */
bool eddy_commit_is_due(const struct eddy_worker *worker);
/* Commits everything there is. True if nothing is left to commit. `force`: also right after an abort. */
bool eddy_commit_now(struct eddy_worker *worker, bool force);
/* Some partitions are lost: whatever is open must not be committed. What is kept will be produced again. */
void eddy_commit_abort(struct eddy_worker *worker);

#endif
