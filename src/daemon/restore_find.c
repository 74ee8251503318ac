#include "daemon/restore_find.h"

#include <inttypes.h>

#include "daemon/clock.h"

enum {
  CALL_MS = 1000,
  RETRY_MS = 200,
  UNSTABLE_MORE_MS = 30000, /* beyond transaction.timeout.ms: by then the coordinator has ended what somebody left open */
  SAY_MS = 5000,
  SHOWN_MAX = 100,
};

/* Partitions whose committed offsets are asked for. */
static rd_kafka_topic_partition_list_t *new_list(const struct eddy_worker *worker) {
  return rd_kafka_topic_partition_list_new(worker->partition_count);
}

/* The oldest incarnation that any partition of the input knows; 0 if none does, which is the application's first start. False:
 * it cannot be told now, for one of them does not answer. */
static bool find_incarnation(struct eddy_worker *worker, uint64_t *incarnation) {
  bool all = true;
  rd_kafka_topic_partition_list_t *list = new_list(worker);
  rd_kafka_topic_partition_list_add_range(list, worker->topics.input, 0, worker->partition_count - 1);
  rd_kafka_resp_err_t error = eddy_kafka_source_committed(worker->source, list, CALL_MS);
  *incarnation = 0;
  for (int i = 0; i < list->cnt; i++) {
    struct eddy_offset_meta meta;
    const rd_kafka_topic_partition_t *at = &list->elems[i];
    all = all && !at->err;
    if (at->err || at->offset < 0 || eddy_offset_meta_parse(at->metadata, at->metadata_size, &meta) != 0) continue;
    if (*incarnation == 0 || meta.incarnation < *incarnation) *incarnation = meta.incarnation;
  }
  rd_kafka_topic_partition_list_destroy(list);
  return *incarnation != 0 || (all && !error);
}

/* Where a first run begins. */
static rd_kafka_resp_err_t first_offset(struct eddy_worker *worker, int32_t partition, int64_t *offset) {
  int64_t low = 0, high = 0;
  if (worker->config->kafka.start == EDDY_START_TIME) {
    return eddy_kafka_source_at_time(worker->source, partition, worker->config->kafka.start_time, offset, CALL_MS);
  }
  rd_kafka_resp_err_t error = eddy_kafka_source_bounds(worker->source, partition, &low, &high, CALL_MS);
  *offset = worker->config->kafka.start == EDDY_START_EARLIEST ? low : high;
  return error;
}

static int shown_size(const rd_kafka_topic_partition_t *stable) {
  if (!stable->metadata) return 0;
  return stable->metadata_size < SHOWN_MAX ? (int)stable->metadata_size : SHOWN_MAX;
}

static void refuse_foreign(struct eddy_worker *worker, const rd_kafka_topic_partition_t *stable) {
  eddy_worker_fail(worker, 78, "committed offset is not ours",
                   "topic=%s partition=%d offset=%" PRId64
                   " metadata=\"%.*s\" "
                   "hint=\"another program or kafka-consumer-groups has committed to group %s: use another kafka.group, or "
                   "delete the group to begin anew\"",
                   worker->topics.input, stable->partition, stable->offset, shown_size(stable),
                   stable->metadata ? (const char *)stable->metadata : "", worker->config->kafka.group);
}

/* The application's incarnation, asked for once where several partitions begin together. */
struct past {
  bool asked, known;
  uint64_t incarnation;
};

static void wait_a_moment(struct eddy_partition *partition) {
  partition->retry_at = eddy_clock_mono() + RETRY_MS;
}

/* The leader of a partition may be away for a moment, or not elected yet: then it is tried again. */
static void begin_first(struct eddy_worker *worker, struct eddy_partition *partition, struct past *past) {
  if (!past->asked) past->known = find_incarnation(worker, &past->incarnation);
  past->asked = true;
  if (!past->known) {
    wait_a_moment(partition);
    return;
  }
  if (past->incarnation == 0) past->incarnation = (uint64_t)eddy_clock_wall();
  partition->meta = (struct eddy_offset_meta){.incarnation = past->incarnation};
  partition->found = first_offset(worker, partition->id, &partition->committed) == RD_KAFKA_RESP_ERR_NO_ERROR;
  if (!partition->found) wait_a_moment(partition);
}

static void find_one(struct eddy_worker *worker, struct eddy_partition *partition, const rd_kafka_topic_partition_t *stable,
                     struct past *past) {
  if (stable->offset < 0) {
    begin_first(worker, partition, past);
    return;
  }
  partition->committed = stable->offset;
  partition->found = eddy_offset_meta_parse(stable->metadata, stable->metadata_size, &partition->meta) == 0;
  if (!partition->found) refuse_foreign(worker, stable);
}

static bool is_due(const struct eddy_partition *partition, int64_t mono) {
  return partition && partition->state == EDDY_PARTITION_FINDING && !partition->found && mono >= partition->retry_at;
}

/* An answer may be missing because no broker is there, for as long as it takes, or because a transaction that was never
 * finished holds the offsets back: that does not pass by itself. */
static bool broker_answers(struct eddy_worker *worker, int32_t partition) {
  int64_t offset;
  return eddy_kafka_source_at_time(worker->source, partition, eddy_clock_wall(), &offset, CALL_MS) ==
         RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void try_later(struct eddy_worker *worker, const rd_kafka_topic_partition_list_t *list, rd_kafka_resp_err_t error) {
  int64_t mono = eddy_clock_mono();
  bool long_ago = worker->finding_since > 0 && mono - worker->finding_since > SAY_MS;
  eddy_log(worker->logger, long_ago ? EDDY_LOG_WARN : EDDY_LOG_DEBUG, "committed offsets are not stable",
           "worker=%u partition=%d reason=\"%s\"", worker->index, list->elems[0].partition, rd_kafka_err2str(error));
  if (worker->finding_since == 0 || !broker_answers(worker, list->elems[0].partition)) worker->finding_since = mono;
  for (int i = 0; i < list->cnt; i++) worker->partitions[list->elems[i].partition]->retry_at = mono + RETRY_MS;
  if (mono - worker->finding_since < eddy_worker_transaction_ms(worker) + UNSTABLE_MORE_MS) return;
  eddy_worker_fail(worker, 75, "committed offsets cannot be read",
                   "worker=%u group=%s hint=\"a transaction that was never finished holds them back: kafka-transactions.sh "
                   "--bootstrap-server %s find-hanging\"",
                   worker->index, worker->config->kafka.group, worker->config->kafka.brokers);
}

bool eddy_restore_find(struct eddy_worker *worker) {
  int64_t mono = eddy_clock_mono();
  rd_kafka_topic_partition_list_t *list = new_list(worker);
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (is_due(worker->partitions[i], mono)) rd_kafka_topic_partition_list_add(list, worker->topics.input, i);
  }
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  bool any = list->cnt > 0;
  if (any) error = eddy_kafka_source_committed(worker->source, list, CALL_MS);
  if (error) {
    try_later(worker, list, error);
  } else if (any) {
    struct past past = {0};
    worker->finding_since = 0;
    eddy_worker_say_back(worker);
    for (int i = 0; i < list->cnt && !worker->failed; i++) {
      find_one(worker, worker->partitions[list->elems[i].partition], &list->elems[i], &past);
    }
  }
  rd_kafka_topic_partition_list_destroy(list);
  return any && !error;
}

bool eddy_restore_still_holds(struct eddy_worker *worker, const struct eddy_partition *partition) {
  struct eddy_offset_meta meta = {0};
  rd_kafka_topic_partition_list_t *list = new_list(worker);
  rd_kafka_topic_partition_list_add(list, worker->topics.input, partition->id);
  rd_kafka_resp_err_t error = eddy_kafka_source_committed(worker->source, list, CALL_MS);
  const rd_kafka_topic_partition_t *stable = &list->elems[0];
  if (!error && stable->offset >= 0) eddy_offset_meta_parse(stable->metadata, stable->metadata_size, &meta);
  bool holds = !error && meta.sequence == partition->meta.sequence;
  rd_kafka_topic_partition_list_destroy(list);
  return holds;
}
