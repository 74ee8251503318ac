/* The first step of a restore: where the application stands, by the committed offsets of the group (rules 21, 23, 27).
 * Worker's thread; each call asks the broker once and does not wait long.
 */
#ifndef EDDY_DAEMON_RESTORE_FIND_H
#define EDDY_DAEMON_RESTORE_FIND_H

#include "daemon/worker_state.h"

/* Tries to find every partition whose time has come: sets meta and committed, and `found`. True if there were any. */
bool eddy_restore_find(struct eddy_worker *worker);

/* The stable committed offsets of all partitions of the input; NULL if they cannot be had now (*error says why). */
rd_kafka_topic_partition_list_t *eddy_restore_committed(struct eddy_worker *worker, int timeout_ms, rd_kafka_resp_err_t *error);

#endif
