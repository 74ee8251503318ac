#include "sim/protocol/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "daemon/worker_state.h"
#include "eddy/engine.h"
#include "sim/protocol/sim.h"

struct moves {
  struct journal_move *items;
  size_t count, capacity;
};

/* What an engine did since its last commit. */
struct pending {
  struct pending *next;
  const struct eddy_engine *engine;
  uint64_t number; /* another one for each new engine */
  struct moves moves;
};

/* What a transaction would make true. */
struct note {
  struct {
    uint64_t number;
    size_t count;
  } sent[KAFKA_PARTITIONS_MAX];
};

struct journal {
  struct pending *pending;
  uint64_t numbers;
  struct moves committed[KAFKA_PARTITIONS_MAX];
};

static void add(struct moves *moves, struct journal_move move) {
  if (moves->count == moves->capacity) {
    moves->capacity = moves->capacity ? 2 * moves->capacity : 16;
    moves->items = realloc(moves->items, moves->capacity * sizeof *moves->items);
    EDDY_ASSERT(moves->items != NULL);
  }
  moves->items[moves->count++] = move;
}

static struct pending *pending_of(struct journal *journal, const struct eddy_engine *engine) {
  for (struct pending *at = journal->pending; at; at = at->next) {
    if (at->engine == engine) return at;
  }
  struct pending *made = calloc(1, sizeof *made);
  EDDY_ASSERT(made != NULL);
  *made = (struct pending){.next = journal->pending, .engine = engine, .number = ++journal->numbers};
  return journal->pending = made;
}

void journal_sent(struct life *life, struct kafka_txn *txn) {
  struct journal *journal = life->sim->journal;
  struct note *note = calloc(1, sizeof *note);
  EDDY_ASSERT(note != NULL);
  for (int i = 0; i < life->sim->partitions; i++) {
    const struct eddy_partition *partition = eddy_worker_partition(life->worker, i);
    if (!txn->offsets[i].set || !partition || !partition->engine) continue;
    struct pending *pending = pending_of(journal, partition->engine);
    note->sent[i].number = pending->number;
    note->sent[i].count = pending->moves.count;
  }
  free(txn->note);
  txn->note = note;
}

static void commit_moves(struct journal *journal, int partition, uint64_t number, size_t count) {
  for (struct pending *at = journal->pending; at && count > 0; at = at->next) {
    if (at->number != number) continue;
    EDDY_ASSERT(count <= at->moves.count);
    for (size_t i = 0; i < count; i++) add(&journal->committed[partition], at->moves.items[i]);
    at->moves.count -= count;
    memmove(at->moves.items, at->moves.items + count, at->moves.count * sizeof *at->moves.items);
  }
}

static void on_decided(void *ctx, struct kafka_txn *txn) {
  struct sim *sim = ctx;
  const struct note *note = txn->note;
  sim_trace(sim, "%c: transaction %s, offsets %lld '%s', %lld '%s'", 'a' + txn->process,
            txn->state == KAFKA_TXN_COMMITTED ? "committed" : "aborted", (long long)txn->offsets[0].offset,
            txn->offsets[0].metadata, (long long)txn->offsets[1].offset, txn->offsets[1].metadata);
  for (int i = 0; note && i < sim->partitions && txn->state == KAFKA_TXN_COMMITTED; i++) {
    if (note->sent[i].count > 0) commit_moves(sim->journal, i, note->sent[i].number, note->sent[i].count);
  }
  free(txn->note);
  txn->note = NULL;
}

struct journal *journal_new(struct sim *sim) {
  struct journal *journal = calloc(1, sizeof *journal);
  EDDY_ASSERT(journal != NULL);
  sim->kafka.decided = on_decided;
  sim->kafka.ctx = sim;
  return journal;
}

void journal_free(struct journal *journal) {
  while (journal->pending) {
    struct pending *pending = journal->pending;
    journal->pending = pending->next;
    free(pending->moves.items);
    free(pending);
  }
  for (int i = 0; i < KAFKA_PARTITIONS_MAX; i++) free(journal->committed[i].items);
  free(journal);
}

void journal_settle(struct sim *sim, int partition, const struct eddy_engine *engine) {
  struct pending *pending = pending_of(sim->journal, engine);
  commit_moves(sim->journal, partition, pending->number, pending->moves.count);
}

const struct journal_move *journal_moves(const struct sim *sim, int partition, size_t *count) {
  *count = sim->journal->committed[partition].count;
  return sim->journal->committed[partition].items;
}

/* Engines ----------------------------------------------------------------------------------------------------------------- */

int __real_eddy_engine_new(struct eddy_engine **engine, const struct eddy_engine_options *options);
int __wrap_eddy_engine_new(struct eddy_engine **engine, const struct eddy_engine_options *options);
int __real_eddy_engine_tick(struct eddy_engine *engine, int64_t partition_time, int64_t now, size_t budget,
                            struct eddy_effects *effects);
int __wrap_eddy_engine_tick(struct eddy_engine *engine, int64_t partition_time, int64_t now, size_t budget,
                            struct eddy_effects *effects);

/* An engine at an address where another one was. */
int __wrap_eddy_engine_new(struct eddy_engine **engine, const struct eddy_engine_options *options) {
  int error = __real_eddy_engine_new(engine, options);
  if (error || !life_now()) return error;
  struct pending *pending = pending_of(life_now()->sim->journal, *engine);
  pending->number = ++life_now()->sim->journal->numbers;
  pending->moves.count = 0;
  return 0;
}

static int64_t position_of(const struct eddy_worker *worker, const struct eddy_engine *engine) {
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (worker->partitions[i] && worker->partitions[i]->engine == engine) return worker->partitions[i]->position;
  }
  EDDY_ASSERT(!"a tick of nobody's engine");
  return 0;
}

int __wrap_eddy_engine_tick(struct eddy_engine *engine, int64_t partition_time, int64_t now, size_t budget,
                            struct eddy_effects *effects) {
  int64_t before = eddy_engine_partition_time(engine);
  int result = __real_eddy_engine_tick(engine, partition_time, now, budget, effects);
  int64_t after = eddy_engine_partition_time(engine);
  struct life *life = life_now();
  if (!life || after == before) return result;
  add(&pending_of(life->sim->journal, engine)->moves,
      (struct journal_move){.position = position_of(life->worker, engine), .time = after});
  return result;
}
