/* Gaining and losing input partitions. Both run inside eddy_kafka_source_poll() or _close(), on the worker's thread.
 *
 * Gained: paused until restore.c has found its state. Given up: commit first, keep the engine as a standby. Lost: somebody else
 * may own it already, so drop it at once (rule 27).
 */
#ifndef EDDY_DAEMON_TENURE_H
#define EDDY_DAEMON_TENURE_H

#include "daemon/worker_state.h"

int eddy_tenure_begin(struct eddy_worker *worker, rd_kafka_topic_partition_list_t *partitions);
void eddy_tenure_end(struct eddy_worker *worker, const rd_kafka_topic_partition_list_t *partitions, bool lost);

/* Drops whatever is still there: a consumer that was fenced is not told to give anything up. */
void eddy_tenure_drop_all(struct eddy_worker *worker);

/* Puts the standby of a partition in its place if the committed sequence is still its own. True: `partition` is gone, the
 * standby is live. A standby that does not fit is forgotten. */
bool eddy_tenure_wake_standby(struct eddy_worker *worker, struct eddy_partition *partition);
void eddy_tenure_drop_standbys(struct eddy_worker *worker);

/* "partition assigned": it is live, with profiles that are new, restored or those of a standby. */
void eddy_tenure_say(struct eddy_worker *worker, const struct eddy_partition *partition, const char *profiles);

/* Stops reading a partition for one more reason, and tries again after `wait_ms`; what was prefetched is read again then. */
void eddy_tenure_pause(struct eddy_worker *worker, struct eddy_partition *partition, enum eddy_pause reason, int64_t wait_ms);
/* Reads on from partition->position; if that cannot be done now, it is tried again soon. */
void eddy_tenure_resume(struct eddy_worker *worker, struct eddy_partition *partition);
/* Goes on with the paused partitions whose time has come. */
void eddy_tenure_retry(struct eddy_worker *worker, int64_t mono);

#endif
