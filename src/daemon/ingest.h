/* Input to effects: a batch of records, decoded, applied to the engines, the effects put into the outbox and produced. And
 * time: ticks while events flow and at the end of each partition.
 */
#ifndef EDDY_DAEMON_INGEST_H
#define EDDY_DAEMON_INGEST_H

#include "daemon/worker_state.h"

/* One poll. True if more is likely to wait. */
bool eddy_ingest_poll(struct eddy_worker *worker);
/* Lets time pass: ends of partitions, due deadlines, sweep; at most `budget` per partition. True if more is due. */
bool eddy_ingest_tick(struct eddy_worker *worker, size_t budget);
/* The same without moving time, for the partitions that have more to do. */
bool eddy_ingest_drain(struct eddy_worker *worker, size_t budget);
/* A broker (or all) cannot be reached: no partition is known to be at its end. */
void eddy_ingest_doubt(struct eddy_worker *worker, bool all);

#endif
