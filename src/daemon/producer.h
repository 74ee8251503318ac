/* A worker's transactional producer (DURABILITY rules 11 and 18): made, made anew, and how long it is waited for. */
#ifndef EDDY_DAEMON_PRODUCER_H
#define EDDY_DAEMON_PRODUCER_H

#include "daemon/worker_state.h"

enum {
  EDDY_PRODUCER_CALL_MS = 2000, /* one try of a call that is repeated */
  EDDY_PRODUCER_RETRY_MIN_MS = 20,
  EDDY_PRODUCER_RETRY_MAX_MS = 1000,
};

/* Makes the producer and takes over the transactional.id: blocks until a broker answers. 0, or -1 (the worker ends). */
int eddy_producer_open(struct eddy_worker *worker);
/* Throws it away; eddy_producer_open() makes the next. */
void eddy_producer_renew(struct eddy_worker *worker);

/* Whether to go on with something begun at `started` that nobody has answered yet: a worker that is to end tries for a while
 * only, and not at all if it has nothing to commit. */
bool eddy_producer_may_try(const struct eddy_worker *worker, int64_t started);
/* How long a commit or an abort is waited for: until the coordinator must have decided, less once the worker is to end. */
int eddy_producer_outcome_ms(const struct eddy_worker *worker);

#endif
