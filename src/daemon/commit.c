#include "daemon/commit.h"

#include <string.h>

#include "base/rules.h"
#include "daemon/clock.h"
#include "daemon/emit.h"
#include "daemon/outcome.h"
#include "daemon/producer.h"

enum {
  HAND_MIN = 1000, /* records of a partition's hand */
  STATE_BATCH = 256,
  OWED_WAIT_MS = 20, /* between commits while hands are behind */
};

/* Outputs ------------------------------------------------------------------------------------------------------------------ */

static bool begin(struct eddy_worker *worker) {
  if (worker->commit_state == EDDY_COMMIT_OPEN) return true;
  if (worker->commit_state == EDDY_COMMIT_ABORTED && eddy_clock_mono() < worker->retry_at) return false;
  if (!worker->sink || eddy_kafka_sink_state(worker->sink) != EDDY_TXN_READY) return false; /* the worker is to end */
  enum eddy_txn_result result = eddy_kafka_sink_begin(worker->sink);
  if (result != EDDY_TXN_DONE) {
    eddy_outcome_settle(worker, result);
    return false;
  }
  worker->opened_at = eddy_clock_mono();
  eddy_outcome_enter(worker, EDDY_COMMIT_OPEN);
  return true;
}

/* False if the transaction had to be given up. */
static bool produce(struct eddy_worker *worker) {
  struct eddy_outbox *outbox = &worker->outbox;
  while (outbox->produced < outbox->count) {
    enum eddy_txn_result result = eddy_kafka_sink_produce(worker->sink, &outbox->records[outbox->produced].record);
    if (result != EDDY_TXN_DONE) {
      eddy_outcome_settle(worker, result);
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
    eddy_outcome_settle(worker, result);
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

/* The course of a commit --------------------------------------------------------------------------------------------------- */

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
    result = eddy_kafka_sink_send_offsets(worker->sink, list, group, EDDY_PRODUCER_CALL_MS);
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

/* Everything into the open transaction: rules 12-15. False if it had to be given up. */
static bool fill(struct eddy_worker *worker, int64_t mono) {
  EDDY_POINT("begun");
  if (!produce(worker)) return false;
  EDDY_POINT("outputs");
  if (write_state(worker, mono) != 0) {
    eddy_log(worker->logger, EDDY_LOG_ERROR, "transaction aborted", "worker=%u reason=\"no memory for changelog records\"",
             worker->index);
    eddy_outcome_give_up(worker);
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
  if (worker->stale && closed && (eddy_clock_mono() < worker->retry_at || !eddy_outcome_look_around(worker))) return false;
  int64_t mono = eddy_clock_mono();
  eddy_emit_deltas(worker, eddy_clock_wall());
  eddy_emit_model(worker);
  if (!anything_to_commit(worker, mono)) {
    /* After an abort all that was open may have been dropped. */
    if (worker->commit_state == EDDY_COMMIT_ABORTED) eddy_outcome_enter(worker, EDDY_COMMIT_IDLE);
    worker->retry_wait = worker->blocked_since = 0;
    return true;
  }
  if (worker->failed || !begin(worker) || !fill(worker, mono)) return false;
  eddy_outcome_enter(worker, EDDY_COMMIT_SEALED);
  worker->sealed_at = eddy_clock_mono();
  enum eddy_txn_result result = send_offsets(worker);
  EDDY_POINT("offsets");
  eddy_worker_beat(worker);
  if (result == EDDY_TXN_DONE) result = eddy_kafka_sink_commit(worker->sink, eddy_producer_outcome_ms(worker));
  eddy_outcome_settle(worker, result);
  return worker->commit_state == EDDY_COMMIT_IDLE;
}

void eddy_commit_abort(struct eddy_worker *worker) {
  if (worker->commit_state != EDDY_COMMIT_OPEN || !worker->sink) return;
  if (worker->failed) {
    eddy_kafka_sink_abort(worker->sink, EDDY_PRODUCER_CALL_MS); /* spares others the wait until the transaction expires */
  } else {
    eddy_outcome_give_up(worker);
  }
}
