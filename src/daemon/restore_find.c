#include "daemon/restore_find.h"

#include <inttypes.h>

#include "daemon/clock.h"

enum {
  CALL_MS = 1000,
  RETRY_MS = 200,
  UNSTABLE_MAX_MS = 40000, /* transaction.timeout.ms and 30 s: by then the coordinator has ended what somebody left open */
};

/* The stable committed offsets of all partitions of the input: those of the others tell the incarnation. NULL: not now. */
static rd_kafka_topic_partition_list_t *read_committed(struct eddy_worker *worker, rd_kafka_resp_err_t *error) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(worker->partition_count);
  rd_kafka_topic_partition_list_add_range(list, worker->topics.input, 0, worker->partition_count - 1);
  *error = eddy_kafka_source_committed(worker->source, list, CALL_MS);
  if (!*error) return list;
  rd_kafka_topic_partition_list_destroy(list);
  return NULL;
}

/* The oldest incarnation that any partition knows; 0 if this is the application's first start. */
static uint64_t known_incarnation(const rd_kafka_topic_partition_list_t *committed) {
  uint64_t oldest = 0;
  for (int i = 0; i < committed->cnt; i++) {
    struct eddy_offset_meta meta;
    const rd_kafka_topic_partition_t *at = &committed->elems[i];
    if (at->offset < 0 || eddy_offset_meta_parse(at->metadata, at->metadata_size, &meta) != 0) continue;
    if (oldest == 0 || meta.incarnation < oldest) oldest = meta.incarnation;
  }
  return oldest;
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

static void refuse_foreign(struct eddy_worker *worker, const rd_kafka_topic_partition_t *stable) {
  eddy_worker_fail(worker, 78, "committed offset is not ours",
                   "topic=%s partition=%d offset=%" PRId64
                   " metadata=\"%.*s\" "
                   "hint=\"another program or kafka-consumer-groups has committed to group %s: use another kafka.group, or "
                   "delete the group to begin anew\"",
                   worker->topics.input, stable->partition, stable->offset, stable->metadata ? (int)stable->metadata_size : 0,
                   stable->metadata ? (const char *)stable->metadata : "", worker->config->kafka.group);
}

/* The leader of a partition may be away for a moment, or not elected yet: then it is tried again. */
static void find_one(struct eddy_worker *worker, struct eddy_partition *partition, const rd_kafka_topic_partition_t *stable,
                     uint64_t incarnation) {
  if (stable->offset >= 0) {
    partition->committed = stable->offset;
    partition->found = eddy_offset_meta_parse(stable->metadata, stable->metadata_size, &partition->meta) == 0;
    if (!partition->found) refuse_foreign(worker, stable);
    return;
  }
  partition->meta = (struct eddy_offset_meta){.incarnation = incarnation};
  partition->found = first_offset(worker, partition->id, &partition->committed) == RD_KAFKA_RESP_ERR_NO_ERROR;
  if (!partition->found) partition->retry_at = eddy_clock_mono() + RETRY_MS;
}

static bool is_due(const struct eddy_partition *partition, int64_t mono) {
  return partition && partition->state == EDDY_PARTITION_FINDING && !partition->found && mono >= partition->retry_at;
}

static bool any_due(const struct eddy_worker *worker, int64_t mono) {
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (is_due(worker->partitions[i], mono)) return true;
  }
  return false;
}

/* An answer may be missing because no broker is there, for as long as it takes, or because a transaction that was never
 * finished holds the offsets back: that does not pass by itself. */
static bool broker_answers(struct eddy_worker *worker) {
  int64_t low, high;
  return eddy_kafka_source_bounds(worker->source, 0, &low, &high, CALL_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void try_later(struct eddy_worker *worker, rd_kafka_resp_err_t error) {
  int64_t mono = eddy_clock_mono();
  eddy_log(worker->logger, EDDY_LOG_DEBUG, "committed offsets are not stable", "worker=%u reason=\"%s\"", worker->index,
           rd_kafka_err2str(error));
  if (worker->finding_since == 0 || !broker_answers(worker)) worker->finding_since = mono;
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (is_due(worker->partitions[i], mono)) worker->partitions[i]->retry_at = mono + RETRY_MS;
  }
  if (mono - worker->finding_since < UNSTABLE_MAX_MS) return;
  eddy_worker_fail(worker, 75, "committed offsets cannot be read",
                   "worker=%u group=%s hint=\"a transaction that was never finished holds them back: kafka-transactions.sh "
                   "--bootstrap-server %s find-hanging\"",
                   worker->index, worker->config->kafka.group, worker->config->kafka.brokers);
}

bool eddy_restore_find(struct eddy_worker *worker) {
  int64_t mono = eddy_clock_mono();
  rd_kafka_resp_err_t error;
  if (!any_due(worker, mono)) return false;
  rd_kafka_topic_partition_list_t *committed = read_committed(worker, &error);
  if (!committed) {
    try_later(worker, error);
    return false;
  }
  worker->finding_since = 0;
  uint64_t incarnation = known_incarnation(committed);
  if (incarnation == 0) incarnation = (uint64_t)eddy_clock_wall();
  for (int32_t i = 0; i < worker->partition_count && !worker->failed; i++) {
    if (is_due(worker->partitions[i], mono)) find_one(worker, worker->partitions[i], &committed->elems[i], incarnation);
  }
  rd_kafka_topic_partition_list_destroy(committed);
  return true;
}

bool eddy_restore_still_holds(struct eddy_worker *worker, const struct eddy_partition *partition) {
  rd_kafka_resp_err_t error;
  struct eddy_offset_meta meta = {0};
  rd_kafka_topic_partition_list_t *committed = read_committed(worker, &error);
  if (!committed) return false;
  const rd_kafka_topic_partition_t *stable = &committed->elems[partition->id];
  if (stable->offset >= 0) eddy_offset_meta_parse(stable->metadata, stable->metadata_size, &meta);
  bool holds = meta.sequence == partition->meta.sequence;
  rd_kafka_topic_partition_list_destroy(committed);
  return holds;
}
