#include "daemon/commit.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/rules.h"
#include "daemon/clock.h"
#include "daemon/emit.h"
#include "daemon/kafka_conf.h"
#include "daemon/restore.h"

enum {
  OUTCOME_MORE_MS = 5000, /* commit and abort, beyond the transaction's timeout: the coordinator has decided, if it is there */
  CALL_MS = 2000,         /* one try of a call that is repeated */
  ENDING_MS = 5000,       /* for all that, once the worker is to end: what is lost will be read again */
  RETRY_MIN_MS = 20,
  RETRY_MAX_MS = 1000,
  BLOCKED_MAX_MS = 300000,
  PROOF_TRIES = 5,
  HAND_MIN = 1000, /* records of a partition's hand */
  STATE_BATCH = 256,
  OWED_WAIT_MS = 20, /* between commits while hands are behind */
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

static void set_state(struct eddy_worker *worker, enum eddy_commit_state next) {
  if (worker->commit_state == next) return;
  EDDY_ASSERT(legal_next[worker->commit_state] & BIT(next));
  eddy_log(worker->logger, EDDY_LOG_DEBUG, "commit", "worker=%u from=%s to=%s", worker->index, state_name(worker->commit_state),
           state_name(next));
  worker->commit_state = next;
}

/* Producer ----------------------------------------------------------------------------------------------------------------- */

static int outcome_ms(const struct eddy_worker *worker) {
  return eddy_worker_ending(worker) ? ENDING_MS : (int)eddy_worker_transaction_ms(worker) + OUTCOME_MORE_MS;
}

/* A dead letter must also pass the producer: one that does not would fail every transaction it is part of. */
static void limit_dead_letters(struct eddy_topics *topics, const rd_kafka_conf_t *conf) {
  size_t max = (size_t)eddy_kafka_conf_number(conf, "message.max.bytes", INT64_MAX);
  if (max < topics->dead_letter_max) topics->dead_letter_max = max;
}

static int make_sink(struct eddy_worker *worker) {
  char why[512];
  rd_kafka_conf_t *conf = eddy_kafka_conf(worker->config, EDDY_KAFKA_PRODUCER, worker->index, why, sizeof(why));
  if (conf) worker->transaction_ms = eddy_kafka_conf_number(conf, "transaction.timeout.ms", 10000);
  if (conf) limit_dead_letters(&worker->topics, conf);
  struct eddy_kafka_sink_options options = {.conf = conf, .topic_count = EDDY_TOPIC_COUNT, .logger = worker->logger};
  for (size_t i = 0; i < EDDY_TOPIC_COUNT; i++) options.topics[i] = worker->topics.names[i];
  if (conf && eddy_kafka_sink_open(&worker->sink, &options, why, sizeof(why)) == 0) return 0;
  eddy_worker_fail(worker, 78, "producer refused", "reason=\"%s\"", why);
  return -1;
}

/* What every record and every commit rests on is not allowed, or not possible: somebody has to look at it. */
static void refuse(struct eddy_worker *worker) {
  eddy_worker_fail(worker, 78, "producer refused by the broker",
                   "worker=%u reason=\"%s\" hint=\"rights for the transactional id and "
                   "idempotent writes, and the broker's transaction.max.timeout.ms\"",
                   worker->index, eddy_kafka_sink_why(worker->sink));
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
  int64_t started = eddy_clock_mono(), wait = RETRY_MIN_MS;
  while (may_try(worker, started)) {
    eddy_worker_beat(worker);
    if (!worker->sink && make_sink(worker) != 0) return -1;
    enum eddy_txn_result result = eddy_kafka_sink_init(worker->sink, CALL_MS);
    if (result == EDDY_TXN_DONE) {
      eddy_worker_say_back(worker);
      return 0;
    }
    if (result == EDDY_TXN_REFUSED) {
      refuse(worker);
      return -1;
    }
    eddy_worker_say_away(worker, eddy_kafka_sink_why(worker->sink));
    if (result != EDDY_TXN_RETRY) renew_sink(worker);
    eddy_clock_sleep(wait);
    wait = wait < RETRY_MAX_MS / 2 ? wait * 2 : RETRY_MAX_MS;
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
  set_state(worker, EDDY_COMMIT_IDLE);
}

/* Nothing was cleared, so there is nothing to undo. */
static void aborted(struct eddy_worker *worker) {
  int64_t now = eddy_clock_mono();
  eddy_stat_add(&worker->stats.aborts, 1);
  unwrite(worker);
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
      error = eddy_kafka_source_committed(worker->source, list, CALL_MS);
    } while (error && may_try(worker, started));
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
    result = eddy_kafka_sink_send_offsets(worker->sink, stable, group, CALL_MS);
  } while (result == EDDY_TXN_RETRY && eddy_clock_mono() - started < outcome_ms(worker));
  rd_kafka_consumer_group_metadata_destroy(group);
  enum eddy_txn_result ended = eddy_kafka_sink_abort(worker->sink, outcome_ms(worker));
  if (ended == EDDY_TXN_DONE) return result;
  renew_sink(worker);
  if (ended == EDDY_TXN_FENCED) return EDDY_TXN_FENCED;
  return eddy_commit_open(worker) != 0 || result == EDDY_TXN_STALE ? EDDY_TXN_STALE : EDDY_TXN_RETRY;
}

/* DONE: proved; STALE: disproved. The sink is as good as new after both. */
static enum eddy_txn_result prove_membership(struct eddy_worker *worker, const rd_kafka_topic_partition_list_t *stable) {
  enum eddy_txn_result result = EDDY_TXN_RETRY;
  for (int tries = 0; tries < PROOF_TRIES && !worker->failed; tries++) {
    result = try_membership(worker, stable);
    if (result == EDDY_TXN_DONE || result == EDDY_TXN_STALE || result == EDDY_TXN_FENCED) break;
    if (worker->sink && eddy_kafka_sink_state(worker->sink) == EDDY_TXN_READY) continue;
    renew_sink(worker);
    if (eddy_commit_open(worker) != 0) break;
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
  set_state(worker, EDDY_COMMIT_UNKNOWN);
  eddy_log(worker->logger, EDDY_LOG_INFO, "producer renewed", "worker=%u reason=\"%s\"", worker->index,
           eddy_kafka_sink_why(worker->sink));
  renew_sink(worker);
  if (eddy_commit_open(worker) != 0) return;
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
    eddy_clock_sleep(RETRY_MIN_MS);
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
    case EDDY_TXN_STALE:
    case EDDY_TXN_ABORT:
      worker->stale = worker->stale || result == EDDY_TXN_STALE;
      eddy_log(worker->logger, EDDY_LOG_WARN, "transaction aborted", "worker=%u reason=\"%s\"", worker->index,
               eddy_kafka_sink_why(worker->sink));
      give_up_transaction(worker);
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

/* The course of a commit --------------------------------------------------------------------------------------------------- */

static bool begin(struct eddy_worker *worker) {
  if (worker->commit_state == EDDY_COMMIT_OPEN) return true;
  if (worker->commit_state == EDDY_COMMIT_ABORTED && eddy_clock_mono() < worker->retry_at) return false;
  if (!worker->sink || eddy_kafka_sink_state(worker->sink) != EDDY_TXN_READY) return false; /* the worker is to end */
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

/* The records of the state stand partition by partition, without headers. False if the transaction had to be given up. */
static bool produce_state(struct eddy_worker *worker) {
  struct eddy_outbox *state = &worker->state;
  while (state->produced < state->count) {
    rd_kafka_message_t messages[STATE_BATCH];
    size_t count = 0;
    int32_t partition = state->records[state->produced].record.partition;
    while (count < STATE_BATCH && state->produced < state->count &&
           state->records[state->produced].record.partition == partition) {
      const struct eddy_kafka_record *record = &state->records[state->produced++].record;
      messages[count++] = (rd_kafka_message_t){.payload = (void *)(uintptr_t)record->value,
                                               .len = record->value_size,
                                               .key = (void *)(uintptr_t)record->key,
                                               .key_len = record->key_size};
    }
    enum eddy_txn_result result = eddy_kafka_sink_produce_batch(worker->sink, EDDY_TOPIC_PROFILES, partition, messages, count);
    if (result == EDDY_TXN_DONE) continue;
    settle(worker, result);
    return false;
  }
  return true;
}

void eddy_commit_produce(struct eddy_worker *worker) {
  if (worker->outbox.produced == worker->outbox.count || !worker->sink || worker->failed || worker->stale) return;
  if (worker->commit_state == EDDY_COMMIT_UNKNOWN) return;
  if (!begin(worker)) return;
  int64_t begun = eddy_clock_mono_us();
  produce(worker);
  eddy_stage_add(&worker->stats, EDDY_STAGE_PRODUCE, eddy_clock_mono_us() - begun);
}

bool eddy_commit_is_due(const struct eddy_worker *worker) {
  size_t records = worker->outbox.count;
  bool owes = false;
  for (int32_t i = 0; i < worker->partition_count; i++) {
    const struct eddy_partition *partition = eddy_worker_live(worker, i);
    size_t count = 0;
    if (partition && partition->changelog) {
      eddy_engine_write_now(partition->engine, &count);
      owes = owes || eddy_changelog_owes(partition->changelog);
    }
    records += count;
  }
  if (owes && worker->commit_state != EDDY_COMMIT_ABORTED && eddy_clock_mono() - worker->sealed_at > OWED_WAIT_MS) return true;
  return records >= EDDY_COMMIT_RECORDS_MAX || worker->outbox.bytes >= EDDY_COMMIT_BYTES_MAX;
}

/* Rule 11. */
static bool takes_part(const struct eddy_worker *worker, int32_t id, int64_t mono) {
  const struct eddy_partition *partition = eddy_worker_live(worker, id);
  if (!partition || partition->touched || !partition->changelog) return partition && partition->touched;
  return eddy_changelog_wants(partition->changelog, mono) ||
         (worker->full_lap && !eddy_changelog_saved(partition->changelog, partition->position));
}

/* State -------------------------------------------------------------------------------------------------------------------- */

struct state_put {
  struct eddy_worker *worker;
  int32_t partition;
};

static int put_state(void *ctx, struct eddy_str key, const void *value, size_t value_size) {
  const struct state_put *put = ctx;
  struct eddy_kafka_record record = {.topic = EDDY_TOPIC_PROFILES,
                                     .partition = put->partition,
                                     .key = key.data,
                                     .key_size = key.len,
                                     .value = value,
                                     .value_size = value_size};
  return eddy_outbox_add(&put->worker->state, &record, NULL, put->partition);
}

/* For the hands of all partitions together (rule 20); each goes on a little in every commit. */
static size_t room_for_records(const struct eddy_worker *worker) {
  size_t used = worker->outbox.count + worker->state.count;
  bool full = used + HAND_MIN >= EDDY_COMMIT_RECORDS_MAX || worker->outbox.bytes + worker->state.bytes >= EDDY_COMMIT_BYTES_MAX;
  return full ? HAND_MIN : EDDY_COMMIT_RECORDS_MAX - used;
}

static struct eddy_changelog_commit describe_commit(const struct eddy_worker *worker, const struct eddy_partition *partition) {
  struct eddy_changelog_commit commit = {.position = partition->position,
                                         .mono = eddy_clock_mono(),
                                         .wall = eddy_clock_wall(),
                                         .records_max = room_for_records(worker),
                                         .full_lap = worker->full_lap,
                                         .model_version = worker->model ? eddy_model_parts_of(worker->model).version : 0,
                                         .has_trigger = partition->has_trigger,
                                         .last_trigger = partition->last_trigger};
  if (!worker->redis) return commit;
  struct eddy_redis_ack ack = eddy_redis_sink_acked(worker->redis, (uint32_t)partition->id);
  commit.redis_known = ack.known;
  commit.redis_sequence = ack.sequence;
  commit.redis_trigger = ack.trigger;
  commit.redis_since = ack.since;
  return commit;
}

static int write_partition(struct eddy_worker *worker, struct eddy_partition *partition) {
  struct state_put put = {worker, partition->id};
  struct eddy_changelog_commit commit = describe_commit(worker, partition);
  partition->in_flight = true;
  if (!partition->changelog) return 0;
  partition->written = true;
  return eddy_changelog_write(partition->changelog, &commit, put_state, &put);
}

/* Makes the records of every partition that takes part, as they are now (rules 13-15). 0 or EDDY_E_NOMEM. */
static int write_state(struct eddy_worker *worker, int64_t mono) {
  int error = 0;
  int32_t count = worker->partition_count, first = worker->first_written;
  for (int32_t i = 0; i < count && !error; i++) {
    int32_t id = (first + i) % count;
    if (takes_part(worker, id, mono)) error = write_partition(worker, worker->partitions[id]);
  }
  worker->first_written = (first + 1) % count; /* whoever found no room has it next time */
  return error;
}

static void add_offset(rd_kafka_topic_partition_list_t *list, const char *topic, const struct eddy_partition *partition) {
  struct eddy_offset_meta next = partition->meta;
  next.sequence++;
  char text[EDDY_OFFSET_META_TEXT];
  eddy_offset_meta_format(&next, text);
  rd_kafka_topic_partition_t *offset = rd_kafka_topic_partition_list_add(list, topic, partition->id);
  offset->offset = partition->position;
  offset->metadata = strdup(text);
  offset->metadata_size = offset->metadata ? strlen(text) : 0;
}

static rd_kafka_topic_partition_list_t *offsets_to_send(struct eddy_worker *worker) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(worker->partition_count);
  for (int32_t i = 0; i < worker->partition_count; i++) {
    const struct eddy_partition *partition = worker->partitions[i];
    if (!partition || !partition->in_flight) continue;
    bool sends = EDDY_RULE(OFFSETS_ALWAYS) || partition->position != partition->committed;
    if (sends) add_offset(list, worker->topics.input, partition);
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
  } while (result == EDDY_TXN_RETRY && eddy_clock_mono() - worker->opened_at < eddy_worker_transaction_ms(worker) &&
           !eddy_worker_ending(worker));
  rd_kafka_consumer_group_metadata_destroy(group);
  rd_kafka_topic_partition_list_destroy(list);
  return result;
}

static bool anything_to_commit(const struct eddy_worker *worker, int64_t mono) {
  if (worker->outbox.count > 0) return true;
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (takes_part(worker, i, mono)) return true;
  }
  return false;
}

/* The group went on without us for a while: whoever had one of our partitions may have committed for it (rule 19). False:
 * nobody answers, try again. */
static bool look_around(struct eddy_worker *worker) {
  rd_kafka_topic_partition_list_t *list = list_ours(worker, false);
  rd_kafka_resp_err_t error =
      list->cnt > 0 ? eddy_kafka_source_committed(worker->source, list, CALL_MS) : RD_KAFKA_RESP_ERR_NO_ERROR;
  if (!error) disown_others(worker, list, 0, false);
  worker->stale = error != RD_KAFKA_RESP_ERR_NO_ERROR;
  if (error) worker->retry_at = eddy_clock_mono() + RETRY_MAX_MS;
  rd_kafka_topic_partition_list_destroy(list);
  return !error;
}

/* Everything into the open transaction: rules 12-15. False if it had to be given up. */
static bool fill(struct eddy_worker *worker, int64_t mono) {
  EDDY_POINT("begun");
  if (!produce(worker)) return false;
  EDDY_POINT("outputs");
  if (write_state(worker, mono) != 0) {
    eddy_log(worker->logger, EDDY_LOG_ERROR, "transaction aborted", "worker=%u reason=\"no memory for changelog records\"",
             worker->index);
    give_up_transaction(worker);
    return false;
  }
  if (!produce_state(worker)) return false;
  EDDY_POINT("state");
  return true;
}

bool eddy_commit_now(struct eddy_worker *worker, bool force) {
  /* Still unknown: the worker is to end, and no broker has answered. */
  if (!worker->sink || worker->failed || worker->commit_state == EDDY_COMMIT_UNKNOWN) return false;
  if (force) worker->retry_at = 0;
  bool closed = worker->commit_state == EDDY_COMMIT_ABORTED || worker->commit_state == EDDY_COMMIT_IDLE;
  if (worker->stale && closed && (eddy_clock_mono() < worker->retry_at || !look_around(worker))) return false;
  int64_t mono = eddy_clock_mono();
  eddy_emit_deltas(worker, eddy_clock_wall());
  eddy_emit_model(worker);
  if (!anything_to_commit(worker, mono)) {
    /* After an abort all that was open may have been dropped. */
    if (worker->commit_state == EDDY_COMMIT_ABORTED) set_state(worker, EDDY_COMMIT_IDLE);
    worker->retry_wait = worker->blocked_since = 0;
    return true;
  }
  if (worker->failed || !begin(worker) || !fill(worker, mono)) return false;
  set_state(worker, EDDY_COMMIT_SEALED);
  worker->sealed_at = eddy_clock_mono();
  enum eddy_txn_result result = send_offsets(worker);
  EDDY_POINT("offsets");
  eddy_worker_beat(worker);
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
