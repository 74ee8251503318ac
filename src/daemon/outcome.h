/* How a worker's transaction ended (DURABILITY rules 16-19): what follows from a commit, an abort, a fence, and how it is found
 * out when nobody said. The states are those of commit.h.
 */
#ifndef EDDY_DAEMON_OUTCOME_H
#define EDDY_DAEMON_OUTCOME_H

#include "daemon/worker_state.h"

/* The next state; one that cannot follow is a bug. */
void eddy_outcome_enter(struct eddy_worker *worker, enum eddy_commit_state next);

/* What the last call about the transaction said, carried through: afterwards the worker is IDLE (committed), ABORTED, or ends.
 * May block as long as a transaction may last. */
void eddy_outcome_settle(struct eddy_worker *worker, enum eddy_txn_result result);
/* Aborts what is open; nothing was cleared, the same records are produced again. */
void eddy_outcome_give_up(struct eddy_worker *worker);

/* The group went on without us for a while: whoever had one of our partitions may have committed for it (rule 19), and what we
 * hold of those is given up. False: nobody answers, try again. */
bool eddy_outcome_look_around(struct eddy_worker *worker);

#endif
