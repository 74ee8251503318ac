#include "daemon/outcome.h"

#include <inttypes.h>

#include "base/assert.h"
#include "base/rules.h"
#include "daemon/clock.h"
#include "daemon/producer.h"
#include "daemon/restore.h"

enum {
  BLOCKED_MAX_MS = 300000,
  PROOF_TRIES = 5,
  HEARTBEAT_MS = 4000,
};

static const char *state_name(enum eddy_commit_state state) {
  static const char *const names[] = {"idle", "open", "sealed", "aborted", "unknown"};
  return names[state];
}

#define BIT(state) (1u << (state))
static const unsigned legal_next[] = {
    [EDDY_COMMIT_IDLE] = BIT(EDDY_COMMIT_OPEN) | BIT(EDDY_COMMIT_ABORTED) | BIT(EDDY_COMMIT_UNKNOWN),
    [EDDY_COMMIT_OPEN] = BIT(EDDY_COMMIT_SEALED) | BIT(EDDY_COMMIT_ABORTED) | BIT(EDDY_COMMIT_UNKNOWN),
    [EDDY_COMMIT_SEALED] = BIT(EDDY_COMMIT_IDLE) | BIT(EDDY_COMMIT_ABORTED) | BIT(EDDY_COMMIT_UNKNOWN),
    [EDDY_COMMIT_ABORTED] = BIT(EDDY_COMMIT_OPEN) | BIT(EDDY_COMMIT_IDLE) | BIT(EDDY_COMMIT_UNKNOWN),
    [EDDY_COMMIT_UNKNOWN] = BIT(EDDY_COMMIT_IDLE) | BIT(EDDY_COMMIT_ABORTED),
};

void eddy_outcome_enter(struct eddy_worker *worker, enum eddy_commit_state next) {
  if (worker->commit_state == next) return;
  EDDY_ASSERT(legal_next[worker->commit_state] & BIT(next));
  eddy_log(worker->logger, EDDY_LOG_DEBUG, "commit", "worker=%u from=%s to=%s", worker->index, state_name(worker->commit_state),
           state_name(next));
  worker->commit_state = next;
}

/* Committed and aborted ---------------------------------------------------------------------------------------------------- */

static void settle_partition(struct eddy_worker *worker, struct eddy_partition *partition) {
  partition->in_flight = false;
  partition->touched = false;
  partition->meta.sequence++;
  if (partition->written) eddy_changelog_committed(partition->changelog);
  EDDY_ASSERT(!partition->written || eddy_changelog_sequence(partition->changelog) == partition->meta.sequence); /* rule 29 */
  partition->written = false;
  if (worker->redis) {
    uint64_t version = EDDY_RULE(REDIS_VERSION) ? partition->meta.sequence : (uint64_t)partition->position;
    eddy_redis_sink_committed(worker->redis, (uint32_t)partition->id, partition->view_incarnation, version,
                              partition->effects.items, partition->effects.count, worker->model);
  }
  eddy_effects_clear(&partition->effects);
  partition->encoded = 0;
  partition->committed = partition->position;
}

/* The records go, the state that they were made from stays: next time they are made anew (rule 17). */
static void unwrite(struct eddy_worker *worker) {
  for (int32_t i = 0; i < worker->partition_count; i++) {
    struct eddy_partition *partition = worker->partitions[i];
    if (!partition) continue;
    partition->in_flight = false;
    if (partition->written) eddy_changelog_aborted(partition->changelog);
    partition->written = false;
  }
  eddy_outbox_clear(&worker->state);
}

static void committed(struct eddy_worker *worker) {
  eddy_stat_add(&worker->stats.commits, 1);
  eddy_times_add(&worker->stats.commit_time, eddy_clock_mono() - worker->sealed_at);
  if (worker->oldest_record > 0) eddy_times_add(&worker->stats.latency, eddy_clock_wall() - worker->oldest_record);
  worker->oldest_record = 0;
  eddy_stat_add(&worker->stats.outputs, worker->outbox.count);
  eddy_stat_add(&worker->stats.state_records, worker->state.count);
  EDDY_POINT("committed");
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (worker->partitions[i] && worker->partitions[i]->in_flight) settle_partition(worker, worker->partitions[i]);
  }
  eddy_outbox_clear(&worker->outbox);
  eddy_outbox_clear(&worker->state);
  worker->retry_wait = 0;
  worker->blocked_since = 0;
  eddy_outcome_enter(worker, EDDY_COMMIT_IDLE);
}

/* Nothing was cleared, so there is nothing to undo. */
static void aborted(struct eddy_worker *worker) {
  int64_t now = eddy_clock_mono();
  eddy_stat_add(&worker->stats.aborts, 1);
  unwrite(worker);
  eddy_outbox_rewind(&worker->outbox);
  worker->retry_wait = worker->retry_wait ? worker->retry_wait * 2 : EDDY_PRODUCER_RETRY_MIN_MS;
  if (worker->retry_wait > EDDY_PRODUCER_RETRY_MAX_MS) worker->retry_wait = EDDY_PRODUCER_RETRY_MAX_MS;
  worker->retry_at = now + worker->retry_wait;
  if (!worker->blocked_since) worker->blocked_since = now;
  eddy_outcome_enter(worker, EDDY_COMMIT_ABORTED);
  if (now - worker->blocked_since > BLOCKED_MAX_MS) {
    eddy_worker_fail(worker, 75, "commits fail", "worker=%u reason=\"%s\"", worker->index, eddy_kafka_sink_why(worker->sink));
  }
}

/* Whose the partitions are ------------------------------------------------------------------------------------------------- */

/* Our live partitions, or those of the transaction in flight. */
static rd_kafka_topic_partition_list_t *list_ours(const struct eddy_worker *worker, bool in_flight) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(worker->partition_count);
  for (int32_t i = 0; i < worker->partition_count; i++) {
    const struct eddy_partition *partition = eddy_worker_live(worker, i);
    if (partition && (partition->in_flight || !in_flight)) rd_kafka_topic_partition_list_add(list, worker->topics.input, i);
  }
  return list;
}

/* By how many commits the group is ahead of what we know of a partition; UINT64_MAX: by something that is not ours at all. */
static uint64_t commits_ahead(const struct eddy_partition *partition, const rd_kafka_topic_partition_t *stable) {
  struct eddy_offset_meta meta = {0};
  if (stable->offset >= 0 && eddy_offset_meta_parse(stable->metadata, stable->metadata_size, &meta) != 0) return UINT64_MAX;
  if (stable->offset >= 0 && meta.incarnation != partition->meta.incarnation) return UINT64_MAX;
  return meta.sequence - partition->meta.sequence;
}

/* A partition that somebody else has committed for since: nothing that we hold of it counts any more. */
static void disown(struct eddy_worker *worker, struct eddy_partition *partition) {
  eddy_log(worker->logger, EDDY_LOG_WARN, "partition was committed by somebody else",
           "worker=%u partition=%d sequence=%" PRIu64 " hint=\"its state is restored\"", worker->index, partition->id,
           partition->meta.sequence);
  if (partition->written) eddy_changelog_aborted(partition->changelog);
  partition->written = false;
  eddy_restore_anew(worker, partition, 0);
}

/* Gives up the partitions that the group is not `ahead` commits ahead of. `published`: what they wanted to say is out already.
 */
static void disown_others(struct eddy_worker *worker, const rd_kafka_topic_partition_list_t *stable, uint64_t ahead,
                          bool published) {
  if (!published) eddy_outbox_rewind(&worker->outbox);
  for (int i = 0; i < stable->cnt; i++) {
    struct eddy_partition *partition = worker->partitions[stable->elems[i].partition];
    if (commits_ahead(partition, &stable->elems[i]) == ahead) continue;
    if (!published) eddy_outbox_drop(&worker->outbox, partition->id);
    disown(worker, partition);
  }
}

bool eddy_outcome_look_around(struct eddy_worker *worker) {
  rd_kafka_topic_partition_list_t *list = list_ours(worker, false);
  rd_kafka_resp_err_t error =
      list->cnt > 0 ? eddy_kafka_source_committed(worker->source, list, EDDY_PRODUCER_CALL_MS) : RD_KAFKA_RESP_ERR_NO_ERROR;
  if (!error) disown_others(worker, list, 0, false);
  worker->stale = error != RD_KAFKA_RESP_ERR_NO_ERROR;
  if (error) worker->retry_at = eddy_clock_mono() + EDDY_PRODUCER_RETRY_MAX_MS;
  rd_kafka_topic_partition_list_destroy(list);
  return !error;
}

/* When nobody said --------------------------------------------------------------------------------------------------------- */

/* All offsets of a transaction are in one partition of the offsets topic: either all were committed or none. */
static bool was_committed(const struct eddy_worker *worker, const rd_kafka_topic_partition_list_t *stable) {
  for (int i = 0; i < stable->cnt; i++) {
    if (commits_ahead(worker->partitions[stable->elems[i].partition], &stable->elems[i]) == 1) return true;
  }
  return false;
}

/* The committed offsets of our partitions; NULL if nobody answers. */
static rd_kafka_topic_partition_list_t *read_back(struct eddy_worker *worker, rd_kafka_topic_partition_list_t *list) {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  int64_t started = eddy_clock_mono();
  if (list->cnt > 0) {
    do {
      eddy_worker_beat(worker);
      error = eddy_kafka_source_committed(worker->source, list, EDDY_PRODUCER_CALL_MS);
    } while (error && eddy_producer_may_try(worker, started));
  }
  if (!error) return list;
  rd_kafka_topic_partition_list_destroy(list);
  return NULL;
}

/* Whether nobody else can have owned our partitions meanwhile: the coordinator takes offsets only under the present generation,
 * and a new one begins only after we were told. Nothing is committed. */
static enum eddy_txn_result try_membership(struct eddy_worker *worker, const rd_kafka_topic_partition_list_t *stable) {
  enum eddy_txn_result result = eddy_kafka_sink_begin(worker->sink);
  if (result != EDDY_TXN_DONE) return result;
  rd_kafka_consumer_group_metadata_t *group = eddy_kafka_source_group(worker->source);
  int64_t started = eddy_clock_mono();
  do {
    eddy_worker_beat(worker);
    result = eddy_kafka_sink_send_offsets(worker->sink, stable, group, EDDY_PRODUCER_CALL_MS);
  } while (result == EDDY_TXN_RETRY && eddy_clock_mono() - started < eddy_producer_outcome_ms(worker));
  rd_kafka_consumer_group_metadata_destroy(group);
  enum eddy_txn_result ended = eddy_kafka_sink_abort(worker->sink, eddy_producer_outcome_ms(worker));
  if (ended == EDDY_TXN_DONE) return result;
  eddy_producer_renew(worker);
  if (ended == EDDY_TXN_FENCED) return EDDY_TXN_FENCED;
  return eddy_producer_open(worker) != 0 || result == EDDY_TXN_STALE ? EDDY_TXN_STALE : EDDY_TXN_RETRY;
}

/* DONE: proved; STALE: disproved. The sink is as good as new after both. */
static enum eddy_txn_result prove_membership(struct eddy_worker *worker, const rd_kafka_topic_partition_list_t *stable) {
  enum eddy_txn_result result = EDDY_TXN_RETRY;
  for (int tries = 0; tries < PROOF_TRIES && !worker->failed; tries++) {
    result = try_membership(worker, stable);
    if (result == EDDY_TXN_DONE || result == EDDY_TXN_STALE || result == EDDY_TXN_FENCED) break;
    if (worker->sink && eddy_kafka_sink_state(worker->sink) == EDDY_TXN_READY) continue;
    eddy_producer_renew(worker);
    if (eddy_producer_open(worker) != 0) break;
  }
  return result;
}

/* One commit ahead: ours, if nobody else can have made it. */
static void resolve(struct eddy_worker *worker, const rd_kafka_topic_partition_list_t *stable) {
  if (!was_committed(worker, stable)) {
    disown_others(worker, stable, 0, false);
    aborted(worker);
    return;
  }
  enum eddy_txn_result proof = prove_membership(worker, stable);
  if (worker->failed) return;
  if (proof == EDDY_TXN_DONE) {
    disown_others(worker, stable, 1, true);
    committed(worker);
  } else if (proof == EDDY_TXN_STALE) {
    disown_others(worker, stable, UINT64_MAX - 1, false); /* all of them */
    aborted(worker);
  } else {
    eddy_worker_fail(worker, 75, "outcome of a commit is unknown", "worker=%u reason=\"%s\"", worker->index,
                     worker->sink ? eddy_kafka_sink_why(worker->sink) : "fenced by another producer");
  }
}

/* Rule 18. */
static void find_out(struct eddy_worker *worker) {
  eddy_outcome_enter(worker, EDDY_COMMIT_UNKNOWN);
  eddy_log(worker->logger, EDDY_LOG_INFO, "producer renewed", "worker=%u reason=\"%s\"", worker->index,
           eddy_kafka_sink_why(worker->sink));
  eddy_producer_renew(worker);
  if (eddy_producer_open(worker) != 0) return;
  EDDY_POINT("renewed");
  if (!EDDY_RULE(ASK_BACK)) {
    aborted(worker);
    return;
  }
  rd_kafka_topic_partition_list_t *stable = read_back(worker, list_ours(worker, true));
  if (!stable) {
    eddy_worker_fail(worker, 75, "outcome of a commit is unknown", "worker=%u reason=\"no broker answers\"", worker->index);
    return;
  }
  resolve(worker, stable);
  rd_kafka_topic_partition_list_destroy(stable);
}

/* Every end ---------------------------------------------------------------------------------------------------------------- */

/* The coordinator fences a producer also when its transaction has lasted too long, for instance while the broker was away. A
 * twin under the same name is noticed by the consumer (group.instance.id), at once. */
static bool may_have_expired(const struct eddy_worker *worker) {
  return eddy_clock_mono() - worker->opened_at >= eddy_worker_transaction_ms(worker) / 2;
}

/* A process that stood still may have been replaced by one of the same name: a new producer would throw that one out. The
 * consumer learns it with its next heartbeat. */
static bool was_replaced(const struct eddy_worker *worker) {
  int64_t started = eddy_clock_mono();
  bool stood_still = worker->polled_at > 0 && started - worker->polled_at > eddy_worker_transaction_ms(worker) / 2;
  while (stood_still && !eddy_kafka_source_fenced(worker->source) && eddy_clock_mono() - started < HEARTBEAT_MS) {
    eddy_clock_sleep(EDDY_PRODUCER_RETRY_MIN_MS);
  }
  return eddy_kafka_source_fenced(worker->source);
}

static void fenced(struct eddy_worker *worker) {
  if (may_have_expired(worker) && !was_replaced(worker)) {
    find_out(worker);
    return;
  }
  eddy_worker_fail(worker, 75, "fenced by another producer",
                   "worker=%u hint=\"another process runs under instance %s: give each its own `instance`\"", worker->index,
                   worker->config->instance);
}

void eddy_outcome_give_up(struct eddy_worker *worker) {
  eddy_worker_beat(worker);
  enum eddy_txn_result result = eddy_kafka_sink_abort(worker->sink, eddy_producer_outcome_ms(worker));
  if (result == EDDY_TXN_DONE) {
    aborted(worker);
  } else if (result == EDDY_TXN_FENCED) {
    fenced(worker);
  } else {
    find_out(worker);
  }
}

void eddy_outcome_settle(struct eddy_worker *worker, enum eddy_txn_result result) {
  switch (result) {
    case EDDY_TXN_DONE:
      committed(worker);
      break;
    case EDDY_TXN_RETRY:
    case EDDY_TXN_STALE:
    case EDDY_TXN_ABORT:
      worker->stale = worker->stale || result == EDDY_TXN_STALE;
      eddy_log(worker->logger, EDDY_LOG_WARN, "transaction aborted", "worker=%u reason=\"%s\"", worker->index,
               eddy_kafka_sink_why(worker->sink));
      eddy_outcome_give_up(worker);
      break;
    case EDDY_TXN_FENCED:
      fenced(worker);
      break;
    case EDDY_TXN_REFUSED:
    case EDDY_TXN_RENEW:
      find_out(worker);
      break;
  }
}
