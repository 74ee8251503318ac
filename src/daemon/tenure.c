#include "daemon/tenure.h"

#include <inttypes.h>

#include "base/rules.h"
#include "daemon/clock.h"
#include "daemon/commit.h"
#include "daemon/restore.h"

enum { RESUME_WAIT_MS = 200, LAP_MAX_MS = 60000, STANDBY_MAX_MS = 600000 };

void eddy_tenure_say(struct eddy_worker *worker, const struct eddy_partition *partition, const char *profiles) {
  eddy_log(worker->logger, EDDY_LOG_INFO, "partition assigned",
           "worker=%u topic=%s partition=%d offset=%" PRId64 " sequence=%" PRIu64 " incarnation=%" PRIu64
           " profiles=%s users=%zu",
           worker->index, worker->topics.input, partition->id, partition->position, partition->meta.sequence,
           partition->meta.incarnation, profiles, eddy_engine_users(partition->engine));
}

/* Gaining ------------------------------------------------------------------------------------------------------------------ */

/* A topic that has grown since the start: the table of partitions and the output topics would have to grow with it. */
static int check_range(struct eddy_worker *worker, const rd_kafka_topic_partition_list_t *partitions) {
  for (int i = 0; i < partitions->cnt; i++) {
    if (partitions->elems[i].partition < worker->partition_count) continue;
    eddy_worker_fail(worker, 75, "the input topic has more partitions than at the start",
                     "topic=%s partition=%d hint=\"start again: the output topics must grow, too\"", worker->topics.input,
                     partitions->elems[i].partition);
    return -1;
  }
  return 0;
}

/* Keeps the engine of a partition that was given up in good order: it often comes back (rule 27). */
static void keep_as_standby(struct eddy_worker *worker, struct eddy_partition *partition) {
  eddy_partition_free(worker->standbys[partition->id]);
  worker->standbys[partition->id] = partition;
  partition->idle_since = eddy_clock_mono();
  if (worker->redis) partition->ack = eddy_redis_sink_acked(worker->redis, (uint32_t)partition->id);
}

static void end_one(struct eddy_worker *worker, int32_t id, bool lost) {
  struct eddy_partition *partition = eddy_worker_partition(worker, id);
  if (!partition) return;
  eddy_log(worker->logger, EDDY_LOG_INFO, lost ? "partition lost" : "partition given up",
           "worker=%u topic=%s partition=%d state=%s offset=%" PRId64 " sequence=%" PRIu64, worker->index, worker->topics.input,
           id, eddy_partition_state_name(partition->state), partition->position, partition->meta.sequence);
  if (id == 0) eddy_model_watch_train(worker->watch, false);
  if (worker->outbox.produced == 0) eddy_outbox_drop(&worker->outbox, id);
  if (partition->engine) eddy_worker_retire(worker, partition);
  worker->partitions[id] = NULL;
  bool keep = !lost && !worker->stopping && eddy_partition_is_settled(partition);
  if (keep) keep_as_standby(worker, partition);
  eddy_restore_cancel(worker, partition);
  if (!keep) eddy_partition_free(partition);
}

static int begin_one(struct eddy_worker *worker, int32_t id) {
  if (worker->partitions[id]) end_one(worker, id, true); /* its loss was not told */
  struct eddy_partition *partition = eddy_partition_new(id);
  if (!partition) {
    eddy_worker_fail(worker, 71, "out of memory", "while=\"taking partition %d\"", id);
    return -1;
  }
  partition->pauses = EDDY_PAUSE_RESTORE; /* the source has paused it */
  partition->restore.started = eddy_clock_mono();
  worker->partitions[id] = partition;
  return 0;
}

int eddy_tenure_begin(struct eddy_worker *worker, rd_kafka_topic_partition_list_t *partitions) {
  if (partitions->cnt == 0) return 0;
  if (worker->failed || worker->stopping || check_range(worker, partitions) != 0) return -1;
  int failed = 0;
  for (int i = 0; i < partitions->cnt && !failed; i++) {
    failed = begin_one(worker, partitions->elems[i].partition);
    /* Until it is known: nothing is taken while it is paused. A number, because the answer to a question such as "where is the
     * end" may come after the seek to the right place, and overrule it. */
    partitions->elems[i].offset = 0;
  }
  eddy_worker_more(worker);
  eddy_worker_publish_stats(worker);
  return failed;
}

/* Giving up
 * ------------------------------------------------------------------------------------------------------------------*/

/* Whoever was silent for a whole session has been thrown out, whether or not librdkafka has noticed (its flag can go missing).
 */
static bool was_silent(const struct eddy_worker *worker) {
  return worker->polled_at > 0 && eddy_clock_mono() - worker->polled_at > worker->session_ms;
}

static bool is_saved(const struct eddy_worker *worker) {
  for (int32_t i = 0; i < worker->partition_count; i++) {
    const struct eddy_partition *partition = eddy_worker_live(worker, i);
    if (partition && partition->changelog && !eddy_changelog_saved(partition->changelog, partition->position)) return false;
  }
  return true;
}

/* Commits what is in hand; when the worker leaves for good, with a full lap: its successor has nothing to replay (rule 28). */
static void commit_all(struct eddy_worker *worker) {
  int64_t started = eddy_clock_mono();
  int failures = 0;
  worker->full_lap = worker->stopping;
  while (!worker->failed && failures < 3 && eddy_clock_mono() - started < LAP_MAX_MS) {
    if (!eddy_commit_now(worker, true)) {
      failures++;
      eddy_clock_sleep(20);
    } else if (!worker->full_lap || is_saved(worker)) {
      break;
    }
  }
  worker->full_lap = false;
}

void eddy_tenure_end(struct eddy_worker *worker, const rd_kafka_topic_partition_list_t *partitions, bool lost) {
  if (was_silent(worker)) lost = worker->stale = true;
  if (!lost) commit_all(worker);
  eddy_commit_abort(worker);
  for (int i = 0; i < partitions->cnt; i++) end_one(worker, partitions->elems[i].partition, lost);
  eddy_worker_publish_stats(worker);
}

void eddy_tenure_drop_all(struct eddy_worker *worker) {
  eddy_commit_abort(worker);
  for (int32_t i = 0; i < worker->partition_count; i++) end_one(worker, i, true);
  eddy_tenure_drop_standbys(worker);
}

/* Standbys ----------------------------------------------------------------------------------------------------------------- */

void eddy_tenure_drop_standbys(struct eddy_worker *worker) {
  for (int32_t i = 0; i < worker->partition_count; i++) {
    eddy_partition_free(worker->standbys[i]);
    worker->standbys[i] = NULL;
  }
}

bool eddy_tenure_wake_standby(struct eddy_worker *worker, struct eddy_partition *partition) {
  struct eddy_partition *standby = worker->standbys[partition->id];
  if (!standby) return false;
  bool same = EDDY_RULE(STANDBY_BY_SEQUENCE) ? standby->meta.incarnation == partition->meta.incarnation &&
                                                   standby->meta.sequence == partition->meta.sequence
                                             : standby->position == partition->committed;
  worker->standbys[partition->id] = NULL;
  if (!same) {
    eddy_partition_free(standby);
    return false;
  }
  standby->pauses = EDDY_PAUSE_RESTORE;
  standby->restore = partition->restore;
  standby->end = (struct eddy_end_clock){0};
  standby->more_due = true;
  standby->base = *eddy_engine_counters(standby->engine);
  worker->partitions[partition->id] = standby;
  eddy_tenure_say(worker, standby, "standby");
  if (worker->redis) {
    standby->resync_slot = 0; /* what Redis lacks is not known any more: everybody */
    standby->resyncing = eddy_redis_sink_begin(worker->redis, (uint32_t)standby->id, standby->view_incarnation,
                                               standby->meta.sequence, &standby->ack);
  }
  if (standby->id == 0) eddy_model_watch_train(worker->watch, true);
  eddy_partition_free(partition);
  eddy_tenure_resume(worker, standby);
  return true;
}

static void forget_old_standbys(struct eddy_worker *worker, int64_t mono) {
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (!worker->standbys[i] || mono - worker->standbys[i]->idle_since < STANDBY_MAX_MS) continue;
    eddy_partition_free(worker->standbys[i]);
    worker->standbys[i] = NULL;
  }
}

/* Pauses ------------------------------------------------------------------------------------------------------------------- */

void eddy_tenure_pause(struct eddy_worker *worker, struct eddy_partition *partition, enum eddy_pause reason, int64_t wait_ms) {
  if (!partition->pauses) eddy_kafka_source_pause(worker->source, partition->id);
  partition->pauses |= (unsigned)reason;
  partition->retry_at = eddy_clock_mono() + wait_ms;
  eddy_end_clock_moved(&partition->end);
}

void eddy_tenure_resume(struct eddy_worker *worker, struct eddy_partition *partition) {
  if (eddy_kafka_source_begin(worker->source, partition->id, partition->position) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    partition->pauses = 0;
  } else {
    partition->retry_at = eddy_clock_mono() + RESUME_WAIT_MS;
  }
}

void eddy_tenure_retry(struct eddy_worker *worker, int64_t mono) {
  forget_old_standbys(worker, mono);
  for (int32_t i = 0; i < worker->partition_count; i++) {
    struct eddy_partition *partition = worker->partitions[i];
    if (!partition || !partition->pauses || partition->state < EDDY_PARTITION_REPLAYING || mono < partition->retry_at) continue;
    eddy_tenure_resume(worker, partition);
  }
}
