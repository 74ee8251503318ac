#include "daemon/commit.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "daemon/clock.h"
#include "daemon/emit.h"
#include "daemon/kafka_conf.h"

enum {
  TRANSACTION_MS = 10000,    /* transaction.timeout.ms: after it the coordinator aborts by itself */
  OUTCOME_MS = 15000,        /* commit and abort: by then the coordinator has decided, if it is there at all */
  CALL_MS = 2000,            /* one try of a call that is repeated */
  ENDING_MS = 5000,          /* for all that, once the worker is to end: what is lost will be read again */
  RETRY_MIN_MS = 20, RETRY_MAX_MS = 1000,
  BLOCKED_MAX_MS = 300000,
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

static void set_state(struct eddy_worker *worker, enum eddy_commit_state next) {
  if (worker->commit_state == next) return;
  EDDY_ASSERT(legal_next[worker->commit_state] & BIT(next));
  eddy_log(worker->logger, EDDY_LOG_DEBUG, "commit", "worker=%u from=%s to=%s", worker->index, state_name(worker->commit_state),
           state_name(next));
  worker->commit_state = next;
}

/* Producer ----------------------------------------------------------------------------------------------------------------- */

/* A dead letter must also pass the producer: one that does not would fail every transaction it is part of. */
static void limit_dead_letters(struct eddy_topics *topics, const rd_kafka_conf_t *conf) {
  char value[32];
  size_t size = sizeof(value);
  if (rd_kafka_conf_get(conf, "message.max.bytes", value, &size) != RD_KAFKA_CONF_OK) return;
  size_t max = strtoul(value, NULL, 10);
  if (max < topics->dead_letter_max) topics->dead_letter_max = max;
}

static int make_sink(struct eddy_worker *worker) {
  char why[512];
  rd_kafka_conf_t *conf = eddy_kafka_conf(worker->config, EDDY_KAFKA_PRODUCER, worker->index, why, sizeof(why));
  if (conf) limit_dead_letters(&worker->topics, conf);
  struct eddy_kafka_sink_options options = {.conf = conf, .topic_count = EDDY_TOPIC_COUNT, .logger = worker->logger};
  for (size_t i = 0; i < EDDY_TOPIC_COUNT; i++) options.topics[i] = worker->topics.names[i];
  if (conf && eddy_kafka_sink_open(&worker->sink, &options, why, sizeof(why)) == 0) return 0;
  eddy_worker_fail(worker, 78, "producer refused", "reason=\"%s\"", why);
  return -1;
}

static void renew_sink(struct eddy_worker *worker) {
  eddy_kafka_sink_close(worker->sink);
  worker->sink = NULL;
}

/* A worker that is to end tries for a while only, and not at all if it has nothing to commit. */
static bool may_try(const struct eddy_worker *worker, int64_t started) {
  if (worker->failed) return false;
  if (!eddy_worker_ending(worker)) return true;
  return worker->outbox.count > 0 && eddy_clock_mono() - started < ENDING_MS;
}

int eddy_commit_open(struct eddy_worker *worker) {
  int64_t started = eddy_clock_mono();
  while (may_try(worker, started)) {
    eddy_worker_beat(worker);
    if (!worker->sink && make_sink(worker) != 0) return -1;
    enum eddy_txn_result result = eddy_kafka_sink_init(worker->sink, CALL_MS);
    if (result == EDDY_TXN_DONE) {
      eddy_worker_say_back(worker);
      return 0;
    }
    eddy_worker_say_away(worker, eddy_kafka_sink_why(worker->sink));
    if (result != EDDY_TXN_RETRY) renew_sink(worker);
    eddy_clock_sleep(RETRY_MIN_MS);
  }
  if (!worker->failed && worker->outbox.count == 0) return -1;
  eddy_worker_fail(worker, 75, "ended without a last commit", "worker=%u reason=\"no broker answers\"", worker->index);
  return -1;
}

/* Outcomes ----------------------------------------------------------------------------------------------------------------- */

static void settle_partition(struct eddy_worker *worker, struct eddy_partition *partition) {
  partition->in_flight = false;
  partition->touched = false;
  partition->meta.sequence++;
  if (worker->redis) {
    /* Until state is durable an engine counts its effects from 0 again after each start: the tenure stands in for the
     * incarnation. */
    eddy_redis_sink_committed(worker->redis, (uint32_t)partition->id, partition->tenure, partition->meta.sequence,
                              partition->effects.items, partition->effects.count, worker->model);
  }
  eddy_effects_clear(&partition->effects);
  partition->encoded = 0;
}

static void committed(struct eddy_worker *worker) {
  eddy_stat_add(&worker->stats.commits, 1);
  eddy_times_add(&worker->stats.commit_time, eddy_clock_mono() - worker->sealed_at);
  if (worker->oldest_record > 0) eddy_times_add(&worker->stats.latency, eddy_clock_wall() - worker->oldest_record);
  worker->oldest_record = 0;
  eddy_stat_add(&worker->stats.outputs, worker->outbox.count);
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (worker->partitions[i] && worker->partitions[i]->in_flight) settle_partition(worker, worker->partitions[i]);
  }
  eddy_outbox_clear(&worker->outbox);
  worker->retry_wait = 0;
  worker->blocked_since = 0;
  set_state(worker, EDDY_COMMIT_IDLE);
}

/* Nothing was cleared, so there is nothing to undo. */
static void aborted(struct eddy_worker *worker) {
  int64_t now = eddy_clock_mono();
  eddy_stat_add(&worker->stats.aborts, 1);
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (worker->partitions[i]) worker->partitions[i]->in_flight = false;
  }
  eddy_outbox_rewind(&worker->outbox);
  worker->retry_wait = worker->retry_wait ? worker->retry_wait * 2 : RETRY_MIN_MS;
  if (worker->retry_wait > RETRY_MAX_MS) worker->retry_wait = RETRY_MAX_MS;
  worker->retry_at = now + worker->retry_wait;
  if (!worker->blocked_since) worker->blocked_since = now;
  set_state(worker, EDDY_COMMIT_ABORTED);
  if (now - worker->blocked_since > BLOCKED_MAX_MS) {
    eddy_worker_fail(worker, 75, "commits fail", "worker=%u reason=\"%s\"", worker->index, eddy_kafka_sink_why(worker->sink));
  }
}

static rd_kafka_topic_partition_list_t *in_flight(const struct eddy_worker *worker) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(worker->partition_count);
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (worker->partitions[i] && worker->partitions[i]->in_flight) {
      rd_kafka_topic_partition_list_add(list, worker->topics.input, i);
    }
  }
  return list;
}

enum { NO_ANSWER = -2, FOREIGN = -1, NOT_COMMITTED = 0, COMMITTED = 1 };

/* Was the transaction that we do not know about committed, or has somebody else committed since? */
static int compare_sequence(const struct eddy_partition *partition, const rd_kafka_topic_partition_t *stable) {
  struct eddy_offset_meta meta = {0};
  if (stable->offset >= 0 && eddy_offset_meta_parse(stable->metadata, stable->metadata_size, &meta) != 0) return FOREIGN;
  if (stable->offset >= 0 && meta.incarnation != partition->meta.incarnation) return FOREIGN;
  if (meta.sequence == partition->meta.sequence) return NOT_COMMITTED;
  return meta.sequence == partition->meta.sequence + 1 ? COMMITTED : FOREIGN;
}

/* All offsets of a transaction are in one partition of the offsets topic: either all were committed or none. */
static int read_outcome(struct eddy_worker *worker) {
  rd_kafka_topic_partition_list_t *list = in_flight(worker);
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  int64_t started = eddy_clock_mono();
  if (list->cnt > 0) {
    do {
      eddy_worker_beat(worker);
      error = eddy_kafka_source_committed(worker->source, list, CALL_MS);
    } while (error && may_try(worker, started));
  }
  int outcome = NOT_COMMITTED;
  for (int i = 0; i < list->cnt && !error; i++) {
    outcome = compare_sequence(worker->partitions[list->elems[i].partition], &list->elems[i]);
    if (outcome == FOREIGN) break;
  }
  rd_kafka_topic_partition_list_destroy(list);
  return error ? NO_ANSWER : outcome;
}

/* Rule 18. */
static void find_out(struct eddy_worker *worker) {
  set_state(worker, EDDY_COMMIT_UNKNOWN);
  eddy_log(worker->logger, EDDY_LOG_INFO, "producer renewed", "worker=%u reason=\"%s\"", worker->index,
           eddy_kafka_sink_why(worker->sink));
  renew_sink(worker);
  if (eddy_commit_open(worker) != 0) return;
  int outcome = read_outcome(worker);
  if (outcome == COMMITTED) {
    committed(worker);
  } else if (outcome == NOT_COMMITTED) {
    aborted(worker);
  } else {
    eddy_worker_fail(worker, 75, "outcome of a commit is unknown", "worker=%u reason=\"%s\"", worker->index,
                     outcome == FOREIGN ? "another member has committed since" : "no broker answers");
  }
}

/* The coordinator fences a producer also when its transaction has lasted too long, for instance while the broker was away. A
 * twin under the same name is noticed by the consumer (group.instance.id), at once. */
static bool may_have_expired(const struct eddy_worker *worker) {
  return eddy_clock_mono() - worker->opened_at >= TRANSACTION_MS / 2;
}

static int outcome_ms(const struct eddy_worker *worker) { return eddy_worker_ending(worker) ? ENDING_MS : OUTCOME_MS; }

static void fenced(struct eddy_worker *worker) {
  if (may_have_expired(worker)) {
    find_out(worker);
    return;
  }
  eddy_worker_fail(worker, 75, "fenced by another producer", "worker=%u hint=\"another process runs under instance %s\"",
                   worker->index, worker->config->instance);
}

static void give_up_transaction(struct eddy_worker *worker) {
  eddy_worker_beat(worker);
  enum eddy_txn_result result = eddy_kafka_sink_abort(worker->sink, outcome_ms(worker));
  if (result == EDDY_TXN_DONE) {
    aborted(worker);
  } else if (result == EDDY_TXN_FENCED) {
    fenced(worker);
  } else {
    find_out(worker);
  }
}

static void settle(struct eddy_worker *worker, enum eddy_txn_result result) {
  switch (result) {
    case EDDY_TXN_DONE:
      committed(worker);
      break;
    case EDDY_TXN_RETRY:
    case EDDY_TXN_ABORT:
      eddy_log(worker->logger, EDDY_LOG_WARN, "transaction aborted", "worker=%u reason=\"%s\"", worker->index,
               eddy_kafka_sink_why(worker->sink));
      give_up_transaction(worker);
      break;
    case EDDY_TXN_FENCED:
      fenced(worker);
      break;
    case EDDY_TXN_RENEW:
      find_out(worker);
      break;
  }
}

/* The course of a commit --------------------------------------------------------------------------------------------------- */

static bool begin(struct eddy_worker *worker) {
  if (worker->commit_state == EDDY_COMMIT_OPEN) return true;
  if (worker->commit_state == EDDY_COMMIT_ABORTED && eddy_clock_mono() < worker->retry_at) return false;
  enum eddy_txn_result result = eddy_kafka_sink_begin(worker->sink);
  if (result != EDDY_TXN_DONE) {
    settle(worker, result);
    return false;
  }
  worker->opened_at = eddy_clock_mono();
  set_state(worker, EDDY_COMMIT_OPEN);
  return true;
}

/* False if the transaction had to be given up. */
static bool produce(struct eddy_worker *worker) {
  struct eddy_outbox *outbox = &worker->outbox;
  while (outbox->produced < outbox->count) {
    enum eddy_txn_result result = eddy_kafka_sink_produce(worker->sink, &outbox->records[outbox->produced].record);
    if (result != EDDY_TXN_DONE) {
      settle(worker, result);
      return false;
    }
    outbox->produced++;
  }
  return true;
}

void eddy_commit_produce(struct eddy_worker *worker) {
  if (worker->outbox.produced < worker->outbox.count && !worker->failed && begin(worker)) produce(worker);
}

bool eddy_commit_is_due(const struct eddy_worker *worker) {
  return worker->outbox.count >= EDDY_COMMIT_RECORDS_MAX || worker->outbox.bytes >= EDDY_COMMIT_BYTES_MAX;
}

static void add_offset(rd_kafka_topic_partition_list_t *list, const char *topic, struct eddy_partition *partition) {
  struct eddy_offset_meta next = partition->meta;
  next.sequence++;
  char text[EDDY_OFFSET_META_TEXT];
  eddy_offset_meta_format(&next, text);
  rd_kafka_topic_partition_t *offset = rd_kafka_topic_partition_list_add(list, topic, partition->id);
  offset->offset = partition->position;
  offset->metadata = strdup(text);
  offset->metadata_size = offset->metadata ? strlen(text) : 0;
  partition->in_flight = true;
}

static rd_kafka_topic_partition_list_t *offsets_to_send(struct eddy_worker *worker) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(worker->partition_count);
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (worker->partitions[i] && worker->partitions[i]->touched) add_offset(list, worker->topics.input, worker->partitions[i]);
  }
  return list;
}

/* Group metadata is fetched now: the generation in it is what fences a member that was thrown out. */
static enum eddy_txn_result send_offsets(struct eddy_worker *worker) {
  rd_kafka_topic_partition_list_t *list = offsets_to_send(worker);
  rd_kafka_consumer_group_metadata_t *group = eddy_kafka_source_group(worker->source);
  enum eddy_txn_result result;
  do {
    eddy_worker_beat(worker);
    result = eddy_kafka_sink_send_offsets(worker->sink, list, group, CALL_MS);
  } while (result == EDDY_TXN_RETRY && eddy_clock_mono() - worker->opened_at < TRANSACTION_MS && !eddy_worker_ending(worker));
  rd_kafka_consumer_group_metadata_destroy(group);
  rd_kafka_topic_partition_list_destroy(list);
  return result;
}

static bool anything_to_commit(const struct eddy_worker *worker) {
  if (worker->outbox.count > 0) return true;
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (worker->partitions[i] && worker->partitions[i]->touched) return true;
  }
  return false;
}

bool eddy_commit_now(struct eddy_worker *worker, bool force) {
  if (!worker->sink || worker->failed) return false;
  if (force) worker->retry_at = 0;
  eddy_emit_deltas(worker, eddy_clock_wall());
  eddy_emit_model(worker);
  if (!anything_to_commit(worker)) {
    /* After an abort all that was open may have been dropped. */
    if (worker->commit_state == EDDY_COMMIT_ABORTED) set_state(worker, EDDY_COMMIT_IDLE);
    return true;
  }
  if (worker->failed || !begin(worker) || !produce(worker)) return false;
  set_state(worker, EDDY_COMMIT_SEALED);
  worker->sealed_at = eddy_clock_mono();
  enum eddy_txn_result result = send_offsets(worker);
  if (result == EDDY_TXN_DONE) result = eddy_kafka_sink_commit(worker->sink, outcome_ms(worker));
  settle(worker, result);
  return worker->commit_state == EDDY_COMMIT_IDLE;
}

void eddy_commit_abort(struct eddy_worker *worker) {
  if (worker->commit_state != EDDY_COMMIT_OPEN || !worker->sink) return;
  if (worker->failed) {
    eddy_kafka_sink_abort(worker->sink, CALL_MS); /* spares others the wait until the transaction expires */
  } else {
    give_up_transaction(worker);
  }
}
