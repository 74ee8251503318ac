/* From assigned to live (DURABILITY rules 21-26): each partition on its own, in small steps, while the others keep working.
 *
 *   FINDING    the stable committed offset C and its sequence N; without an offset: kafka.start. A standby whose sequence is N
 * is taken up again as it is READING    the changelog from its beginning until the aggregate of N was seen RESENDING  triggers
 * that Redis has not acknowledged, back from their topic (only with Redis, only if there are any) REPLAYING  the input from
 * replay_from to C, folded by ingest.c LIVE
 *
 * What does not fit together ends the worker with code 78 and a sentence; what may pass is tried again. Worker's thread.
 */
#ifndef EDDY_DAEMON_RESTORE_H
#define EDDY_DAEMON_RESTORE_H

#include "daemon/worker_state.h"

/* Goes on with every partition that is not live. True if there is more to do without waiting. */
bool eddy_restore_turn(struct eddy_worker *worker);
/* ingest.c has reached C: live from here. */
void eddy_restore_replayed(struct eddy_worker *worker, struct eddy_partition *partition);
/* What is in memory cannot be trusted, or did not fit: forget it and begin anew in `wait_ms`. Its outputs must be out of the
 * outbox. */
void eddy_restore_anew(struct eddy_worker *worker, struct eddy_partition *partition, int64_t wait_ms);
/* The partition goes away: stops reading for it. */
void eddy_restore_cancel(struct eddy_worker *worker, struct eddy_partition *partition);
/* Closes the readers. */
void eddy_restore_close(struct eddy_worker *worker);

#endif
