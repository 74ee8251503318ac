/* The first step of a restore: where the application stands, by the committed offsets of the group (rules 21, 23, 27).
 * Worker's thread; each call asks the broker once and does not wait long.
 */
#ifndef EDDY_DAEMON_RESTORE_FIND_H
#define EDDY_DAEMON_RESTORE_FIND_H

#include "daemon/worker_state.h"

/* Tries to find every partition whose time has come: sets meta and committed, and `found`. True if there were any. */
bool eddy_restore_find(struct eddy_worker *worker);

/* Whether what was found still holds: nobody has committed for the partition since. False also if nobody answers. */
bool eddy_restore_still_holds(struct eddy_worker *worker, const struct eddy_partition *partition);

#endif
