/* Which moves of time have become true: at the end of the input a worker moves partition time by its wall clock, and these
 * moves count only if the transaction that follows is committed. The oracle repeats them. */
#ifndef EDDY_SIM_PROTOCOL_JOURNAL_H
#define EDDY_SIM_PROTOCOL_JOURNAL_H

#include "sim/protocol/kafka.h"

struct sim;
struct life;
struct journal;
struct eddy_engine;

/* Before the event at `position` partition time became `time`. */
struct journal_move {
  int64_t position, time;
};

struct journal *journal_new(struct sim *sim);
void journal_free(struct journal *journal);
/* A life has sent its offsets: what its engines did so far is part of this transaction. */
void journal_sent(struct life *life, struct kafka_txn *txn);
/* At rest: what an engine did without any need to commit counts, too. */
void journal_settle(struct sim *sim, int partition, const struct eddy_engine *engine);
/* Committed moves of a partition, in order. */
const struct journal_move *journal_moves(const struct sim *sim, int partition, size_t *count);

#endif
