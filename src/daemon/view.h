/* Writing everybody to Redis again, when it no longer has what it acknowledged (flushed, failed over, switched on later): user
 * by user from memory, no faster than Redis takes it, beside normal work. Worker's thread.
 */
#ifndef EDDY_DAEMON_VIEW_H
#define EDDY_DAEMON_VIEW_H

#include "daemon/worker_state.h"

/* Redis has lost what it had of a partition; ctx = worker. */
void eddy_view_lost(void *ctx, uint32_t partition);
/* Goes on with a bounded number of users. True if there is more to do at once. */
bool eddy_view_turn(struct eddy_worker *worker);

#endif
