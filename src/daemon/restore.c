#include "daemon/restore.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/rules.h"
#include "daemon/clock.h"
#include "daemon/kafka_conf.h"
#include "daemon/restore_find.h"
#include "daemon/tenure.h"
#include "source/kafka_message.h"

#define RESEND_PRESSURE_MAX 0.5 /* of the memory for what waits for Redis */

enum {
  BATCHES_PER_TURN = 8,
  CALL_MS = 300,
  RETRY_MS = 200,
  ASK_AGAIN_MS = 1000,
  NOMEM_WAIT_MS = 5000,
  SAY_MS = 5000,
  STEP_MAX_MS = 500,
  MARKER_MORE_MS = 20000, /* beyond transaction.timeout.ms: what somebody left open has ended, and that is known everywhere */
  RESEND_MARGIN_MS = 300000, /* clocks of brokers and ours may differ */
};

static void refuse(struct eddy_worker *worker, const struct eddy_partition *partition, const char *topic, const char *why) {
  eddy_worker_fail(worker, 78, "state cannot be restored", "worker=%u topic=%s partition=%d reason=\"%s\"", worker->index,
                   topic, partition->id, why);
}

/* Something has come: what is still missing gets its time anew. */
static void waits_again(struct eddy_partition *partition) {
  partition->restore.waited_ms = 0;
  partition->restore.at_end = false;
}

/* Opens one that is not open yet. The restorer has large queues, for a changelog is long. */
static int open_reader(struct eddy_worker *worker, struct eddy_kafka_reader **reader, enum eddy_kafka_role role, int topic) {
  if (*reader) return 0;
  char why[512];
  const char *name = worker->topics.names[topic];
  rd_kafka_conf_t *conf = eddy_kafka_conf(worker->config, role, worker->index, why, sizeof(why));
  struct eddy_kafka_reader_options options = {
      .conf = conf, .topic = name, .wake_fd = worker->wake_fd, .logger = worker->logger};
  if (conf && eddy_kafka_reader_open(reader, &options, why, sizeof(why)) == 0) return 0;
  eddy_worker_fail(worker, 78, "reader refused", "topic=%s reason=\"%s\"", name, why);
  return -1;
}

/* Live --------------------------------------------------------------------------------------------------------------------- */

static void say_restored(struct eddy_worker *worker, const struct eddy_partition *partition) {
  const struct eddy_recovery *recovery = partition->recovery;
  eddy_log(worker->logger, EDDY_LOG_INFO, "partition restored",
           "worker=%u partition=%d users=%zu records=%" PRIu64 " bytes=%" PRIu64 " replayed=%" PRId64 " ms=%" PRId64,
           worker->index, partition->id, eddy_engine_users(partition->engine), eddy_recovery_records(recovery),
           eddy_recovery_bytes(recovery), partition->position - eddy_recovery_replay_from(recovery),
           eddy_clock_mono() - partition->restore.started);
}

static void enter_live(struct eddy_worker *worker, struct eddy_partition *partition) {
  bool restored = partition->recovery && partition->meta.sequence > 0;
  if (restored) say_restored(worker, partition);
  eddy_tenure_say(worker, partition, restored ? "restored" : "new");
  eddy_recovery_free(partition->recovery);
  partition->recovery = NULL;
  partition->touched = partition->meta.sequence == 0 || partition->restore.elsewhere;
  partition->more_due = true;
  partition->base = *eddy_engine_counters(partition->engine);
  eddy_partition_enter(worker, partition, EDDY_PARTITION_LIVE);
  if (partition->id == 0) eddy_model_watch_train(worker->watch, true);
  eddy_worker_publish_stats(worker);
}

/* Standbys go first. */
static void begin_later(struct eddy_worker *worker, struct eddy_partition *partition) {
  eddy_log(worker->logger, EDDY_LOG_ERROR, "state does not fit", "partition=%d used=%zu hint=\"raise profile.memory_max\"",
           partition->id, worker->budget.used);
  eddy_tenure_drop_standbys(worker);
  eddy_restore_anew(worker, partition, NOMEM_WAIT_MS);
}

/* False: memory is short, it begins anew. */
static bool finish(struct eddy_worker *worker, struct eddy_partition *partition) {
  if (!partition->recovery || eddy_recovery_finish(partition->recovery, &partition->changelog) == 0) return true;
  begin_later(worker, partition);
  return false;
}

void eddy_restore_replayed(struct eddy_worker *worker, struct eddy_partition *partition) {
  partition->position = partition->committed;
  EDDY_POINT("replayed");
  if (finish(worker, partition)) enter_live(worker, partition);
}

/* Without a replay the reading begins at C. */
static void begin_live(struct eddy_worker *worker, struct eddy_partition *partition) {
  partition->position = partition->committed;
  if (!finish(worker, partition)) return;
  enter_live(worker, partition);
  eddy_tenure_resume(worker, partition);
}

/* Users that changed since Redis last acknowledged, as they are now; if there is no room for all, everybody later. Those that
 * are gone cannot be found later. */
static void put_changed(struct eddy_worker *worker, struct eddy_partition *partition) {
  size_t cursor = 0;
  struct eddy_str user_id;
  const uint32_t id = (uint32_t)partition->id;
  const struct eddy_offset_meta *meta = &partition->meta;
  bool room = true;
  while (eddy_recovery_next_changed(partition->recovery, &cursor, &user_id)) {
    struct eddy_member member;
    uint32_t slot = eddy_engine_find(partition->engine, user_id);
    if (slot == UINT32_MAX || !eddy_engine_member(partition->engine, slot, &member)) {
      room &= eddy_redis_sink_gone(worker->redis, id, partition->view_incarnation, meta->sequence, user_id);
    } else if (room) {
      room = eddy_redis_sink_put(worker->redis, id, partition->view_incarnation, meta->sequence, &member, worker->model);
    }
  }
  if (!room) partition->resyncing = true;
}

/* Behind the triggers that are sent again: they speak of users that may be gone. */
static void catch_up(struct eddy_worker *worker, struct eddy_partition *partition) {
  if (eddy_recovery_aggregate(partition->recovery) && EDDY_RULE(REDIS_RESENDS)) put_changed(worker, partition);
  if (!partition->resyncing) eddy_redis_sink_complete(worker->redis, (uint32_t)partition->id);
}

static void begin_replay(struct eddy_worker *worker, struct eddy_partition *partition) {
  if (worker->redis) catch_up(worker, partition);
  int64_t from = eddy_recovery_replay_from(partition->recovery);
  if (partition->meta.sequence == 0 || from >= partition->committed) {
    begin_live(worker, partition);
    return;
  }
  partition->position = from;
  partition->restore.replay_started = eddy_clock_mono();
  eddy_partition_enter(worker, partition, EDDY_PARTITION_REPLAYING);
  eddy_tenure_resume(worker, partition);
}

/* Redis -------------------------------------------------------------------------------------------------------------------- */

/* Stays where it is if that cannot be done now. */
static void begin_resend(struct eddy_worker *worker, struct eddy_partition *partition) {
  const struct eddy_aggregate *aggregate = eddy_recovery_aggregate(partition->recovery);
  int64_t offset;
  if (open_reader(worker, &worker->trigger_reader, EDDY_KAFKA_READER, EDDY_OUTPUT_TRIGGER) != 0) return;
  int64_t since = aggregate->redis.since - RESEND_MARGIN_MS;
  rd_kafka_resp_err_t error =
      eddy_kafka_reader_at_time(worker->trigger_reader, partition->id, since > 0 ? since : 0, &offset, CALL_MS);
  if (error || eddy_kafka_reader_start(worker->trigger_reader, partition->id, offset) != 0) {
    eddy_log(worker->logger, EDDY_LOG_INFO, "restore waits for the triggers", "partition=%d reason=\"%s\"", partition->id,
             rd_kafka_err2str(error));
    return;
  }
  waits_again(partition);
  eddy_partition_enter(worker, partition, EDDY_PARTITION_RESENDING);
}

static bool misses_triggers(const struct eddy_aggregate *aggregate) {
  bool newer = aggregate->last_trigger > aggregate->redis.trigger || aggregate->redis.trigger == 0; /* 0: none */
  return EDDY_RULE(REDIS_RESENDS) && aggregate->redis.known && aggregate->has_trigger && newer;
}

/* The view goes on where the predecessor left it (rule 26). */
static void begin_view(struct eddy_worker *worker, struct eddy_partition *partition) {
  const struct eddy_aggregate *aggregate = partition->recovery ? eddy_recovery_aggregate(partition->recovery) : NULL;
  /* A partition without a past: there is nothing that Redis could lack. */
  struct eddy_redis_ack ack = {.known = partition->meta.sequence == 0, .since = eddy_clock_wall()};
  if (aggregate) {
    ack = (struct eddy_redis_ack){.known = aggregate->redis.known,
                                  .sequence = aggregate->redis.sequence,
                                  .trigger = aggregate->redis.known ? aggregate->redis.trigger : aggregate->last_trigger,
                                  .since = aggregate->redis.since};
  }
  eddy_redis_sink_begin(worker->redis, (uint32_t)partition->id, partition->view_incarnation, partition->meta.sequence, &ack);
}

/* Changelog ---------------------------------------------------------------------------------------------------------------- */

static int64_t flush_events_of(const struct eddy_worker *worker) {
  uint32_t owned = 0;
  for (int32_t i = 0; i < worker->partition_count; i++) owned += worker->partitions[i] ? 1 : 0;
  return worker->config->state.flush_events / (owned > 0 ? owned : 1);
}

static struct eddy_changelog_options changelog_options(const struct eddy_worker *worker,
                                                       const struct eddy_partition *partition) {
  struct eddy_changelog_options options = {.engine = partition->engine,
                                           .partition = (uint32_t)partition->id,
                                           .partition_count = (uint32_t)worker->partition_count,
                                           .incarnation = partition->meta.incarnation,
                                           .flush_interval_ms = worker->config->state.flush_interval_ms,
                                           .flush_events = flush_events_of(worker)};
  uint64_t key[2];
  eddy_erasure_key(worker->config, key);
  options.erasure_check = eddy_hash_mix(key[0] ^ eddy_hash_mix(key[1]));
  return options;
}

static int open_engine(struct eddy_worker *worker, struct eddy_partition *partition) {
  struct eddy_partition_options options = {
      .config = worker->config, .allocator = eddy_budget_allocator(&worker->budget), .wall = eddy_clock_wall()};
  int error = eddy_partition_open(partition, &options);
  if (!error && worker->model) error = eddy_engine_set_model(partition->engine, worker->model);
  return error;
}

static void begin_reading(struct eddy_worker *worker, struct eddy_partition *partition) {
  struct eddy_restore_progress *progress = &partition->restore;
  struct eddy_recovery_options options = {.changelog = changelog_options(worker, partition),
                                          .expect_nothing = partition->meta.sequence == 0,
                                          .sequence = partition->meta.sequence,
                                          .position = partition->committed,
                                          .adopt_newest = worker->config->state.offsets_from_profiles};
  if (eddy_kafka_reader_bounds(worker->reader, partition->id, &progress->changelog_first, &progress->changelog_end, CALL_MS) ||
      eddy_recovery_new(&partition->recovery, &options) != 0 ||
      eddy_kafka_reader_start(worker->reader, partition->id, RD_KAFKA_OFFSET_BEGINNING) != 0) {
    eddy_restore_anew(worker, partition, RETRY_MS);
    return;
  }
  progress->changelog_at = progress->changelog_first;
  waits_again(partition);
  eddy_partition_enter(worker, partition, EDDY_PARTITION_READING);
}

static void found(struct eddy_worker *worker, struct eddy_partition *partition) {
  partition->found = false;
  if (eddy_tenure_wake_standby(worker, partition)) return;
  if (open_engine(worker, partition) != 0) {
    begin_later(worker, partition);
  } else if (!worker->config->state.keep) {
    if (worker->redis) begin_view(worker, partition);
    begin_live(worker, partition);
  } else if (open_reader(worker, &worker->reader, EDDY_KAFKA_RESTORER, EDDY_TOPIC_PROFILES) == 0) {
    begin_reading(worker, partition);
  }
}

/* The changelog is read: does the log still have what is to be replayed (rule 23)? */
static bool check_log(struct eddy_worker *worker, struct eddy_partition *partition) {
  int64_t low, high;
  char why[400];
  rd_kafka_resp_err_t error = eddy_kafka_source_bounds(worker->source, partition->id, &low, &high, CALL_MS);
  if (error) {
    eddy_log(worker->logger, EDDY_LOG_INFO, "restore waits for the input", "partition=%d reason=\"%s\"", partition->id,
             rd_kafka_err2str(error));
    return false;
  }
  bool accept_loss = worker->config->state.accept_loss;
  if (eddy_recovery_check_log(partition->recovery, low, high, accept_loss, why, sizeof(why)) == 0) {
    int64_t position = eddy_recovery_position(partition->recovery); /* further on, if what is in between was given up */
    partition->restore.elsewhere = partition->restore.elsewhere || position != partition->committed;
    partition->committed = position;
    return true;
  }
  refuse(worker, partition, worker->topics.input, why);
  return false;
}

/* With --offsets-from-profiles the aggregate says where to go on. */
static void adopt_offset(const struct eddy_worker *worker, struct eddy_partition *partition) {
  struct eddy_changelog_place place;
  if (partition->meta.sequence > 0 || !eddy_recovery_adopted(partition->recovery, &place)) return;
  struct eddy_offset_meta meta = {.incarnation = place.incarnation, .sequence = place.sequence};
  eddy_partition_adopt(partition, worker->config, &meta);
  partition->restore.elsewhere = true;
  partition->committed = place.position;
}

/* Steps that ask a broker: where one does not answer now, they are tried again without reading everything anew. */
static void go_on(struct eddy_worker *worker, struct eddy_partition *partition) {
  struct eddy_restore_progress *progress = &partition->restore;
  const struct eddy_aggregate *aggregate = eddy_recovery_aggregate(partition->recovery);
  partition->retry_at = eddy_clock_mono() + ASK_AGAIN_MS;
  if (partition->meta.sequence > 0 && !check_log(worker, partition)) return;
  if (worker->redis && !progress->viewed) begin_view(worker, partition);
  progress->viewed = true;
  if (!worker->redis || !aggregate || !misses_triggers(aggregate)) {
    begin_replay(worker, partition);
  } else {
    begin_resend(worker, partition);
  }
}

static void changelog_read(struct eddy_worker *worker, struct eddy_partition *partition) {
  eddy_kafka_reader_stop(worker->reader, partition->id);
  partition->restore.read = true;
  adopt_offset(worker, partition);
  EDDY_POINT("changelog_read");
  go_on(worker, partition);
}

/* The contradiction may be that somebody else has committed since we asked. */
static void refuse_if_it_holds(struct eddy_worker *worker, struct eddy_partition *partition, const char *why) {
  if (eddy_restore_still_holds(worker, partition)) {
    refuse(worker, partition, worker->topics.names[EDDY_TOPIC_PROFILES], why);
  } else {
    eddy_restore_anew(worker, partition, RETRY_MS);
  }
}

static void judge(struct eddy_worker *worker, struct eddy_partition *partition, enum eddy_recovery_result result,
                  const char *why) {
  switch (result) {
    case EDDY_RECOVERY_MORE:
      break;
    case EDDY_RECOVERY_DONE:
      changelog_read(worker, partition);
      break;
    case EDDY_RECOVERY_NEWER:
      eddy_log(worker->logger, EDDY_LOG_INFO, "somebody else has committed meanwhile", "partition=%d", partition->id);
      eddy_restore_anew(worker, partition, RETRY_MS);
      break;
    case EDDY_RECOVERY_NOMEM:
      begin_later(worker, partition);
      break;
    case EDDY_RECOVERY_REFUSED:
      refuse_if_it_holds(worker, partition, why);
      break;
  }
}

/* Everything that is decided was read, and the aggregate was not among it: its marker may be on the way. */
static void miss_aggregate(struct eddy_worker *worker, struct eddy_partition *partition) {
  int64_t low, high;
  if (eddy_kafka_reader_bounds(worker->reader, partition->id, &low, &high, CALL_MS) || high > partition->restore.changelog_at) {
    waits_again(partition); /* nobody answers, or there is more */
    return;
  }
  char why[300];
  snprintf(why, sizeof(why),
           "offset %" PRId64 " of sequence %" PRIu64
           " is committed, but the changelog has no aggregate of it up to offset %" PRId64
           ": it was deleted or made anew. Bring it back, or begin anew under another app name",
           partition->committed, partition->meta.sequence, partition->restore.changelog_at);
  refuse_if_it_holds(worker, partition, why);
}

static void say_error(struct eddy_worker *worker, const struct eddy_partition *partition, const rd_kafka_message_t *message) {
  eddy_log(worker->logger, EDDY_LOG_WARN, "state cannot be read", "topic=%s partition=%d reason=\"%s\"",
           worker->topics.names[EDDY_TOPIC_PROFILES], partition->id, rd_kafka_err2str(message->err));
}

static void take_changelog(struct eddy_worker *worker, struct eddy_partition *partition, const rd_kafka_message_t *message) {
  char why[400] = "";
  if (partition->restore.read) return; /* what stands behind the aggregate */
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    partition->restore.at_end = true;
    /* Behind the last record stand the marks of transactions. */
    if (message->offset > partition->restore.changelog_at) partition->restore.changelog_at = message->offset;
    judge(worker, partition, eddy_recovery_at_end(partition->recovery, why, sizeof(why)), why);
    return;
  }
  if (message->err) {
    say_error(worker, partition, message);
    return;
  }
  if (message->offset < partition->restore.changelog_at) return;
  partition->restore.changelog_at = message->offset + 1;
  waits_again(partition);
  judge(worker, partition,
        eddy_recovery_take(partition->recovery, message->key, message->key_len, message->payload, message->len, message->offset,
                           why, sizeof(why)),
        why);
}

static void take_trigger(struct eddy_worker *worker, struct eddy_partition *partition, const rd_kafka_message_t *message) {
  const struct eddy_aggregate *aggregate = eddy_recovery_aggregate(partition->recovery);
  uint64_t number;
  partition->restore.at_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
  if (message->err || !eddy_redis_sink_trigger_number(worker->redis, message->payload, message->len, &number)) return;
  waits_again(partition);
  if (number <= aggregate->last_trigger) {
    eddy_redis_sink_resend(worker->redis, (uint32_t)partition->id, partition->view_incarnation, message->payload, message->len);
  }
  if (number < aggregate->last_trigger) return;
  eddy_kafka_reader_stop(worker->trigger_reader, partition->id);
  begin_replay(worker, partition);
}

/* Triggers are read no faster than Redis takes them; while it is away their memory is bounded all the same. */
static bool may_resend(const struct eddy_worker *worker) {
  if (!worker->trigger_reader) return false;
  return !eddy_redis_sink_stats(worker->redis).connected || eddy_redis_sink_pressure(worker->redis) < RESEND_PRESSURE_MAX;
}

typedef void (*take_fn)(struct eddy_worker *, struct eddy_partition *, const rd_kafka_message_t *);

/* One batch. True if more is likely to wait. */
static bool poll_reader(struct eddy_worker *worker, struct eddy_kafka_reader *reader, enum eddy_partition_state state,
                        take_fn take) {
  size_t count = eddy_kafka_reader_poll(reader, worker->messages, EDDY_BATCH_MAX);
  for (size_t i = 0; i < count; i++) {
    struct eddy_partition *partition = eddy_worker_partition(worker, worker->messages[i]->partition);
    if (partition && partition->state == state && !worker->failed) take(worker, partition, worker->messages[i]);
    eddy_kafka_message_destroy(worker->messages[i]);
  }
  return count == EDDY_BATCH_MAX;
}

static bool read_changelog(struct eddy_worker *worker) {
  bool more = worker->reader != NULL;
  for (int i = 0; i < BATCHES_PER_TURN && more && !worker->failed; i++) {
    more = poll_reader(worker, worker->reader, EDDY_PARTITION_READING, take_changelog);
  }
  return more;
}

static bool read_triggers(struct eddy_worker *worker) {
  bool more = true;
  for (int i = 0; i < BATCHES_PER_TURN && more && may_resend(worker) && !worker->failed; i++) {
    more = poll_reader(worker, worker->trigger_reader, EDDY_PARTITION_RESENDING, take_trigger);
  }
  return more && may_resend(worker);
}

/* Progress ----------------------------------------------------------------------------------------------------------------- */

static void say_progress(struct eddy_worker *worker, struct eddy_partition *partition, int64_t mono) {
  struct eddy_restore_progress *progress = &partition->restore;
  if (mono - progress->said_at < SAY_MS || mono - progress->started < SAY_MS || !partition->recovery) return;
  progress->said_at = mono;
  bool replays = partition->state == EDDY_PARTITION_REPLAYING;
  int64_t first = replays ? eddy_recovery_replay_from(partition->recovery) : progress->changelog_first;
  int64_t at = replays ? partition->position : progress->changelog_at;
  int64_t end = replays ? partition->committed : progress->changelog_end;
  double seconds = (double)(mono - (replays ? progress->replay_started : progress->started)) / 1000;
  double done = end > first ? (double)(at - first) / (double)(end - first) : 1;
  eddy_log(worker->logger, EDDY_LOG_INFO, "partition is being restored",
           "partition=%d state=%s done=%.0f%% records=%" PRIu64 " mb_per_s=%.1f left_s=%.0f", partition->id,
           eddy_partition_state_name(partition->state), done * 100, eddy_recovery_records(partition->recovery),
           seconds > 0 ? (double)eddy_recovery_bytes(partition->recovery) / 1e6 / seconds : 0,
           done > 0 ? seconds * (1 - done) / done : 0);
}

static void miss_triggers(struct eddy_worker *worker, struct eddy_partition *partition) {
  eddy_log(worker->logger, EDDY_LOG_WARN, "triggers cannot be read back",
           "topic=%s partition=%d hint=\"its retention is too short\"", worker->topics.names[EDDY_OUTPUT_TRIGGER],
           partition->id);
  eddy_kafka_reader_stop(worker->trigger_reader, partition->id);
  begin_replay(worker, partition);
}

/* Time counts only while we were there to see what came, and after the end of what is decided was told: a broker that is away
 * is waited for. */
static void watch_partition(struct eddy_worker *worker, struct eddy_partition *partition, int64_t mono) {
  struct eddy_restore_progress *progress = &partition->restore;
  int64_t step = mono - progress->watched_at;
  progress->waited_ms += progress->watched_at == 0 ? 0 : step < STEP_MAX_MS ? step : STEP_MAX_MS;
  progress->watched_at = mono;
  say_progress(worker, partition, mono);
  if (progress->read && partition->state == EDDY_PARTITION_READING) {
    if (mono >= partition->retry_at) go_on(worker, partition);
    return;
  }
  if (!progress->at_end) progress->waited_ms = 0;
  if (progress->waited_ms < eddy_worker_transaction_ms(worker) + MARKER_MORE_MS) return;
  if (partition->state == EDDY_PARTITION_READING && partition->meta.sequence > 0) miss_aggregate(worker, partition);
  if (partition->state == EDDY_PARTITION_RESENDING) miss_triggers(worker, partition);
}

static bool any_unfinished(const struct eddy_worker *worker) {
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (worker->partitions[i] && worker->partitions[i]->state != EDDY_PARTITION_LIVE) return true;
  }
  return false;
}

static bool any_finding(const struct eddy_worker *worker) {
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (worker->partitions[i] && worker->partitions[i]->state == EDDY_PARTITION_FINDING) return true;
  }
  return false;
}

bool eddy_restore_turn(struct eddy_worker *worker) {
  if (!any_finding(worker)) worker->finding_since = 0;
  if (!any_unfinished(worker)) {
    eddy_restore_close(worker);
    return false;
  }
  bool more = eddy_restore_find(worker);
  for (int32_t i = 0; more && i < worker->partition_count && !worker->failed; i++) {
    if (worker->partitions[i] && worker->partitions[i]->found) found(worker, worker->partitions[i]);
  }
  more |= read_changelog(worker);
  more |= read_triggers(worker);
  int64_t mono = eddy_clock_mono();
  for (int32_t i = 0; i < worker->partition_count && !worker->failed; i++) {
    if (worker->partitions[i] && worker->partitions[i]->state != EDDY_PARTITION_LIVE)
      watch_partition(worker, worker->partitions[i], mono);
  }
  return more;
}

/* Ends
 * -----------------------------------------------------------------------------------------------------------------------*/

void eddy_restore_cancel(struct eddy_worker *worker, struct eddy_partition *partition) {
  if (partition->state == EDDY_PARTITION_READING) eddy_kafka_reader_stop(worker->reader, partition->id);
  if (partition->state == EDDY_PARTITION_RESENDING) eddy_kafka_reader_stop(worker->trigger_reader, partition->id);
  if (worker->redis && partition->state != EDDY_PARTITION_FINDING) eddy_redis_sink_end(worker->redis, (uint32_t)partition->id);
}

void eddy_restore_anew(struct eddy_worker *worker, struct eddy_partition *partition, int64_t wait_ms) {
  int64_t started = partition->restore.started;
  eddy_restore_cancel(worker, partition);
  if (!partition->pauses) eddy_kafka_source_pause(worker->source, partition->id);
  partition->pauses = EDDY_PAUSE_RESTORE;
  if (partition->id == 0) eddy_model_watch_train(worker->watch, false);
  if (partition->engine) eddy_worker_retire(worker, partition);
  eddy_partition_enter(worker, partition, EDDY_PARTITION_FINDING);
  eddy_partition_reset(partition);
  partition->restore.started = started != 0 ? started : eddy_clock_mono();
  partition->retry_at = eddy_clock_mono() + wait_ms;
}

void eddy_restore_close(struct eddy_worker *worker) {
  eddy_kafka_reader_close(worker->reader);
  eddy_kafka_reader_close(worker->trigger_reader);
  worker->reader = worker->trigger_reader = NULL;
}
