#include "daemon/tenure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/commit.h"

enum {
  CALL_MS = 2000,
  UNSTABLE_MAX_MS = 40000, /* transaction.timeout.ms and 30 s: by then the coordinator has ended what somebody left open */
};

/* An answer may be missing because no broker is there, for as long as it takes, or because a transaction that was never
 * finished holds the offsets back: that does not pass by itself. */
static bool broker_answers(struct eddy_worker *worker) {
  int64_t low, high;
  return eddy_kafka_source_bounds(worker->source, 0, &low, &high, CALL_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* The stable committed offsets of all partitions of the input: those of the others tell the application's incarnation. */
static rd_kafka_topic_partition_list_t *read_committed(struct eddy_worker *worker) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(worker->partition_count);
  rd_kafka_topic_partition_list_add_range(list, worker->topics.input, 0, worker->partition_count - 1);
  int64_t started = eddy_clock_mono();
  while (!eddy_worker_ending(worker) && eddy_clock_mono() - started < UNSTABLE_MAX_MS) {
    eddy_worker_beat(worker);
    rd_kafka_resp_err_t error = eddy_kafka_source_committed(worker->source, list, CALL_MS);
    if (!error) return list;
    eddy_log(worker->logger, EDDY_LOG_DEBUG, "committed offsets are not stable", "worker=%u reason=\"%s\"", worker->index,
             rd_kafka_err2str(error));
    if (!broker_answers(worker)) started = eddy_clock_mono();
    eddy_clock_sleep(50);
  }
  rd_kafka_topic_partition_list_destroy(list);
  eddy_worker_fail(worker, 75, "committed offsets cannot be read",
                   "worker=%u group=%s hint=\"a transaction that was never finished holds them back: kafka-transactions.sh "
                   "--bootstrap-server %s find-hanging\"",
                   worker->index, worker->config->kafka.group, worker->config->kafka.brokers);
  return NULL;
}

/* A topic that has grown since the start: the table of partitions grows with it. */
static int make_room(struct eddy_worker *worker, const rd_kafka_topic_partition_list_t *partitions) {
  for (int i = 0; i < partitions->cnt; i++) {
    if (partitions->elems[i].partition < worker->partition_count) continue;
    eddy_worker_fail(worker, 75, "the input topic has more partitions than at the start",
                     "topic=%s partition=%d hint=\"start again: the output topics must grow, too\"", worker->topics.input,
                     partitions->elems[i].partition);
    return -1;
  }
  return 0;
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

static rd_kafka_resp_err_t ask_first(struct eddy_worker *worker, int32_t partition, int64_t *offset) {
  int64_t low = 0, high = 0;
  if (worker->config->kafka.start == EDDY_START_TIME) {
    return eddy_kafka_source_at_time(worker->source, partition, worker->config->kafka.start_time, offset, CALL_MS);
  }
  rd_kafka_resp_err_t error = eddy_kafka_source_bounds(worker->source, partition, &low, &high, CALL_MS);
  *offset = worker->config->kafka.start == EDDY_START_EARLIEST ? low : high;
  return error;
}

/* The leader of a partition may be away for a moment, or not elected yet. */
static int first_offset(struct eddy_worker *worker, int32_t partition, int64_t *offset) {
  int64_t started = eddy_clock_mono();
  rd_kafka_resp_err_t error;
  while ((error = ask_first(worker, partition, offset)) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (eddy_worker_ending(worker) || eddy_clock_mono() - started >= UNSTABLE_MAX_MS) break;
    eddy_clock_sleep(50);
  }
  if (!error) return 0;
  eddy_worker_fail(worker, 75, "first offset cannot be found", "topic=%s partition=%d reason=\"%s\"", worker->topics.input,
                   partition, rd_kafka_err2str(error));
  return -1;
}

static int find_start(struct eddy_worker *worker, const rd_kafka_topic_partition_t *stable, uint64_t incarnation,
                      struct eddy_partition_options *start) {
  start->id = stable->partition;
  if (stable->offset < 0) {
    start->meta = (struct eddy_offset_meta){.incarnation = incarnation};
    return first_offset(worker, stable->partition, &start->position);
  }
  start->position = stable->offset;
  if (eddy_offset_meta_parse(stable->metadata, stable->metadata_size, &start->meta) == 0) return 0;
  eddy_worker_fail(worker, 78, "committed offset is not ours",
                   "topic=%s partition=%d offset=%" PRId64 " metadata=\"%.*s\" "
                   "hint=\"another program or kafka-consumer-groups has committed to group %s: use another kafka.group, or "
                   "delete the group to begin anew\"",
                   worker->topics.input, stable->partition, stable->offset,
                   stable->metadata ? (int)stable->metadata_size : 0, stable->metadata ? (const char *)stable->metadata : "",
                   worker->config->kafka.group);
  return -1;
}

static int begin_one(struct eddy_worker *worker, const rd_kafka_topic_partition_t *stable, uint64_t incarnation, int64_t wall) {
  struct eddy_partition_options start = {
      .config = worker->config, .wall = wall, .allocator = eddy_budget_allocator(&worker->budget)};
  if (find_start(worker, stable, incarnation, &start) != 0) return -1;
  struct eddy_partition *partition = eddy_partition_new(&start);
  if (!partition || (worker->model && eddy_engine_set_model(partition->engine, worker->model) != 0)) {
    eddy_partition_free(partition);
    eddy_worker_fail(worker, 71, "engine could not be made", "partition=%d hint=\"profile.memory_max\"", start.id);
    return -1;
  }
  partition->born_in = worker->poll_number;
  worker->partitions[start.id] = partition;
  eddy_log(worker->logger, EDDY_LOG_INFO, "partition assigned",
           "worker=%u topic=%s partition=%d offset=%" PRId64 " sequence=%" PRIu64 " incarnation=%" PRIu64 " profiles=empty",
           worker->index, worker->topics.input, start.id, start.position, start.meta.sequence, start.meta.incarnation);
  return 0;
}

int eddy_tenure_begin(struct eddy_worker *worker, rd_kafka_topic_partition_list_t *partitions) {
  if (partitions->cnt == 0) return 0;
  if (worker->failed || make_room(worker, partitions) != 0) return -1;
  rd_kafka_topic_partition_list_t *committed = read_committed(worker);
  if (!committed) return -1;
  int64_t wall = eddy_clock_wall();
  uint64_t incarnation = known_incarnation(committed);
  if (incarnation == 0) incarnation = (uint64_t)wall;
  int failed = 0;
  for (int i = 0; i < partitions->cnt && !failed; i++) {
    int32_t id = partitions->elems[i].partition;
    if (worker->partitions[id]) continue;
    failed = begin_one(worker, &committed->elems[id], incarnation, wall);
    if (!failed) partitions->elems[i].offset = worker->partitions[id]->position;
  }
  rd_kafka_topic_partition_list_destroy(committed);
  if (eddy_worker_partition(worker, 0)) eddy_model_watch_train(worker->watch, true);
  eddy_worker_publish_stats(worker);
  return failed;
}

static void add_counters(struct eddy_counters *sum, const struct eddy_counters *more) {
#define X(name, help) sum->name += more->name;
  EDDY_COUNTERS(X)
#undef X
}

static void end_one(struct eddy_worker *worker, int32_t id, bool lost) {
  struct eddy_partition *partition = eddy_worker_partition(worker, id);
  if (!partition) return;
  eddy_log(worker->logger, EDDY_LOG_INFO, lost ? "partition lost" : "partition given up",
           "worker=%u topic=%s partition=%d offset=%" PRId64 " sequence=%" PRIu64, worker->index, worker->topics.input, id,
           partition->position, partition->meta.sequence);
  if (id == 0) eddy_model_watch_train(worker->watch, false);
  if (worker->outbox.produced == 0) eddy_outbox_drop(&worker->outbox, id);
  add_counters(&worker->retired, eddy_engine_counters(partition->engine));
  worker->partitions[id] = NULL;
  eddy_partition_free(partition);
}

void eddy_tenure_end(struct eddy_worker *worker, const rd_kafka_topic_partition_list_t *partitions, bool lost) {
  if (lost) {
    eddy_commit_abort(worker);
  } else {
    for (int tries = 0; tries < 3 && !worker->failed && !eddy_commit_now(worker, true); tries++) eddy_clock_sleep(20);
    eddy_commit_abort(worker);
  }
  for (int i = 0; i < partitions->cnt; i++) end_one(worker, partitions->elems[i].partition, lost);
  eddy_worker_publish_stats(worker);
}

void eddy_tenure_drop_all(struct eddy_worker *worker) {
  eddy_commit_abort(worker);
  for (int32_t i = 0; i < worker->partition_count; i++) end_one(worker, i, true);
}

void eddy_tenure_pause(struct eddy_worker *worker, struct eddy_partition *partition, enum eddy_pause reason, int64_t wait_ms) {
  if (!partition->pauses) eddy_kafka_source_pause(worker->source, partition->id);
  partition->pauses |= (unsigned)reason;
  partition->retry_at = eddy_clock_mono() + wait_ms;
  eddy_end_clock_moved(&partition->end);
}

void eddy_tenure_retry(struct eddy_worker *worker, int64_t mono) {
  for (int32_t i = 0; i < worker->partition_count; i++) {
    struct eddy_partition *partition = worker->partitions[i];
    if (!partition || !partition->pauses || mono < partition->retry_at) continue;
    partition->pauses = 0;
    eddy_kafka_source_resume(worker->source, i);
    eddy_kafka_source_seek(worker->source, i, partition->position);
  }
}
