#include "daemon/ingest.h"

#include <inttypes.h>
#include <string.h>

#include "codec/event_error.h"
#include "daemon/clock.h"
#include "daemon/commit.h"
#include "daemon/dead_letter.h"
#include "daemon/emit.h"
#include "daemon/restore.h"
#include "daemon/tenure.h"
#include "source/kafka_message.h"

enum { MEMORY_WAIT_MS = 5000, SCHEMA_WAIT_MS = 1000, BACKLOG_WAIT_MS = 200, BACKLOG_FACTOR = 2 };

/* A run: consecutive records of one partition, decoded. Offsets are kept apart, to know how far the run was applied. */
struct run {
  struct eddy_partition *partition;
  size_t count;
  int64_t end; /* offset behind the last record of the run, bad ones included */
  int64_t offsets[EDDY_BATCH_MAX];
};

/* Until C a restored partition only folds (rule 24); ends there at the latest. */
static bool replays(const struct eddy_partition *partition) {
  return partition->state == EDDY_PARTITION_REPLAYING;
}

/* Said once per pause: while it lasts, each tick may run short again. */
static void short_of_memory(struct eddy_worker *worker, struct eddy_partition *partition) {
  if (partition->pauses & EDDY_PAUSE_MEMORY) return;
  eddy_tenure_drop_standbys(worker);
  eddy_log(worker->logger, EDDY_LOG_ERROR, "partition paused: out of memory",
           "partition=%d offset=%" PRId64 " used=%zu hint=\"raise profile.memory_max\"", partition->id, partition->position,
           worker->budget.used);
  eddy_tenure_pause(worker, partition, EDDY_PAUSE_MEMORY, MEMORY_WAIT_MS);
}

/* Applies the run. All-or-nothing per event: what did not fit is read again later. */
static void apply(struct eddy_worker *worker, struct run *run, int64_t now) {
  struct eddy_partition *partition = run->partition;
  if (!partition) return;
  bool live = !replays(partition);
  size_t applied = 0;
  if (run->count > 0 && live) {
    applied = eddy_engine_step_batch(partition->engine, worker->events, run->count, now, &partition->effects);
  } else if (run->count > 0) {
    applied = eddy_engine_recover_events(partition->engine, worker->events, run->offsets, run->count);
  }
  bool all = applied == run->count;
  int64_t position = all ? run->end : run->offsets[applied];
  if (position > partition->position) {
    partition->position = position;
    partition->touched = partition->touched || live;
    eddy_end_clock_moved(&partition->end);
  }
  partition->more_due = live;
  if (!all) short_of_memory(worker, partition);
  if (live) eddy_emit_effects(worker, partition, now);
  run->count = 0;
  run->end = partition->position;
}

/* A replay leaves alone what live operation has refused: its dead letter is there already. */
static void reject(struct eddy_worker *worker, struct eddy_partition *partition, const rd_kafka_message_t *message, int error) {
  if (replays(partition)) {
    if (!partition->restore.refused_said) {
      eddy_log(worker->logger, EDDY_LOG_WARN, "replay refuses an event that was accepted before",
               "partition=%d offset=%" PRId64 " error=%s hint=\"a schema has changed or is missing\"", partition->id,
               message->offset, eddy_event_error_name(error));
    }
    partition->restore.refused_said = true;
    return;
  }
  if (partition->changelog && eddy_changelog_reject(partition->changelog, message->offset) != 0) {
    eddy_worker_fail(worker, 71, "out of memory", "while=\"keeping a refused offset\"");
    return;
  }
  eddy_stat_add(&worker->stats.invalid, 1);
  int reason = EDDY_EVENT_E_EMPTY - error;
  if (reason >= 0 && reason < EDDY_INVALID_REASONS) eddy_stat_add(&worker->stats.invalid_by[reason], 1);
  if (eddy_dead_letter_add(&worker->outbox, &worker->topics, message, error) != 0) {
    eddy_worker_fail(worker, 71, "out of memory", "while=\"keeping a dead letter\"");
  }
}

/* Appends the event to the run, or answers why not. */
static int decode(struct eddy_worker *worker, struct run *run, const rd_kafka_message_t *message) {
  struct eddy_raw_record raw = {
      .key = message->key, .key_size = message->key_len, .value = message->payload, .value_size = message->len};
  raw.record_time = eddy_kafka_message_time(message, &raw.log_append);
  bool clamped = false;
  int error = eddy_event_decoder_run(worker->decoder, &raw, &worker->room, &worker->events[run->count], &clamped);
  if (error) return error;
  run->offsets[run->count++] = message->offset;
  run->end = message->offset + 1;
  if (clamped) eddy_stat_add(&worker->stats.clamped, 1);
  return 0;
}

static void pause_for_schema(struct eddy_worker *worker, struct eddy_partition *partition, const rd_kafka_message_t *message) {
  eddy_log(worker->logger, EDDY_LOG_WARN, "partition paused: schema cannot be looked up", "partition=%d offset=%" PRId64,
           message->partition, message->offset);
  eddy_tenure_pause(worker, partition, EDDY_PAUSE_SCHEMA, SCHEMA_WAIT_MS);
}

/* What stands before the record is applied first. If that stops short, the record is read again later with the rest: judged now
 * it would become a dead letter twice. */
static void take_in_record(struct eddy_worker *worker, struct run *run, const rd_kafka_message_t *message, int64_t now) {
  int error = decode(worker, run, message);
  if (!error) return;
  apply(worker, run, now);
  if (run->partition->pauses) return;
  if (error == EDDY_DECODE_FULL) {
    eddy_event_room_clear(&worker->room);
    error = decode(worker, run, message);
  }
  if (error == EDDY_DECODE_RETRY) {
    pause_for_schema(worker, run->partition, message);
  } else if (error) {
    reject(worker, run->partition, message, error);
    run->end = message->offset + 1;
  }
}

static void start_run(struct run *run, struct eddy_partition *partition) {
  run->partition = partition;
  run->count = 0;
  run->end = partition ? partition->position : 0;
}

/* C was reached: what follows is live. */
static void end_replay(struct eddy_worker *worker, struct run *run, struct eddy_partition *partition, int64_t now) {
  if (run->partition == partition) {
    apply(worker, run, now);
    run->partition = NULL; /* begins again, at C */
  }
  if (!partition->pauses) eddy_restore_replayed(worker, partition);
}

static void reached_end(struct eddy_worker *worker, struct run *run, struct eddy_partition *partition, int64_t offset,
                        int64_t now) {
  if (run->partition == partition) apply(worker, run, now);
  if (replays(partition) && offset >= partition->committed) end_replay(worker, run, partition, now);
  if (partition->state != EDDY_PARTITION_LIVE) return;
  eddy_end_clock_reached(&partition->end, eddy_clock_mono(), now, eddy_engine_newest_time(partition->engine));
}

/* Not an event: the end of a partition, or an error of it. */
static void take_in_notice(struct eddy_worker *worker, struct run *run, struct eddy_partition *partition,
                           const rd_kafka_message_t *message, int64_t now) {
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    reached_end(worker, run, partition, message->offset, now);
  } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    eddy_worker_fail(worker, 78, "events are missing",
                     "topic=%s partition=%d offset=%" PRId64
                     " reason=\"%s\" "
                     "hint=\"the input no longer holds the committed offset: its retention is too short, or it was made anew\"",
                     worker->topics.input, partition->id, partition->position, rd_kafka_message_errstr(message));
  } else {
    eddy_log(worker->logger, EDDY_LOG_WARN, "input error", "partition=%d reason=\"%s\"", partition->id,
             rd_kafka_message_errstr(message));
    eddy_end_clock_doubt(&partition->end);
  }
}

/* Ours, and of the present tenure: a batch may still hold records from before a rebalance or a pause. */
static bool is_current(const struct eddy_partition *partition) {
  return partition && !partition->pauses;
}

static void take_in(struct eddy_worker *worker, struct run *run, const rd_kafka_message_t *message, int64_t now) {
  struct eddy_partition *partition = eddy_worker_partition(worker, message->partition);
  if (!is_current(partition)) return;
  if (message->err) {
    take_in_notice(worker, run, partition, message, now);
    return;
  }
  if (replays(partition) && message->offset >= partition->committed) end_replay(worker, run, partition, now);
  if (!is_current(partition)) return;
  if (partition != run->partition) {
    apply(worker, run, now);
    start_run(run, partition);
  }
  if (message->offset < run->end) return; /* read twice after a seek */
  if (replays(partition) && eddy_recovery_skip(partition->recovery, message->offset)) return;
  take_in_record(worker, run, message, now);
}

/* While commits fail, what waits for them is bounded: stop reading. */
static void hold_back(struct eddy_worker *worker) {
  const struct eddy_outbox *outbox = &worker->outbox;
  if (outbox->count < BACKLOG_FACTOR * EDDY_COMMIT_RECORDS_MAX && outbox->bytes < BACKLOG_FACTOR * EDDY_COMMIT_BYTES_MAX)
    return;
  for (int32_t i = 0; i < worker->partition_count; i++) {
    struct eddy_partition *partition = eddy_worker_live(worker, i);
    if (partition) eddy_tenure_pause(worker, partition, EDDY_PAUSE_BACKLOG, BACKLOG_WAIT_MS);
  }
}

static void produce_or_commit(struct eddy_worker *worker) {
  eddy_commit_produce(worker);
  if (!eddy_commit_is_due(worker)) return;
  eddy_commit_now(worker, false);
  hold_back(worker);
}

/* The first record of a batch stands for all of it: nothing is measured per event. */
static void note_oldest(struct eddy_worker *worker) {
  bool log_append;
  if (worker->messages[0]->err) return;
  int64_t time = eddy_kafka_message_time(worker->messages[0], &log_append);
  if (time > 0 && (worker->oldest_record == 0 || time < worker->oldest_record)) worker->oldest_record = time;
}

bool eddy_ingest_poll(struct eddy_worker *worker) {
  int64_t begun = eddy_clock_mono_us();
  size_t count = eddy_kafka_source_poll(worker->source, worker->messages, EDDY_BATCH_MAX);
  worker->polled_at = begun / 1000; /* whoever stands still within a poll was silent, too */
  if (count == 0) return false;
  int64_t polled = eddy_clock_mono_us();
  eddy_stage_add(&worker->stats, EDDY_STAGE_POLL, polled - begun);
  eddy_worker_say_back(worker);
  note_oldest(worker);
  struct run run;
  start_run(&run, NULL);
  int64_t now = eddy_clock_wall();
  for (size_t i = 0; i < count; i++) take_in(worker, &run, worker->messages[i], now);
  apply(worker, &run, now);
  for (size_t i = 0; i < count; i++) eddy_kafka_message_destroy(worker->messages[i]);
  eddy_event_room_clear(&worker->room);
  eddy_stage_add(&worker->stats, EDDY_STAGE_APPLY, eddy_clock_mono_us() - polled);
  produce_or_commit(worker);
  return count == EDDY_BATCH_MAX;
}

static bool tick_one(struct eddy_worker *worker, struct eddy_partition *partition, int64_t time, int64_t now, size_t budget) {
  int result = eddy_engine_tick(partition->engine, time, now, budget, &partition->effects);
  if (result < 0) short_of_memory(worker, partition);
  partition->more_due = result > 0;
  eddy_emit_effects(worker, partition, now);
  return partition->more_due;
}

/* Where librdkafka has told the end once and for all, reading again from the own position makes it tell anew. */
static void probe_end(struct eddy_worker *worker, struct eddy_partition *partition, int64_t mono) {
  if (!partition->pauses && eddy_end_clock_probe_due(&partition->end, mono)) {
    eddy_kafka_source_seek(worker->source, partition->id, partition->position);
  }
}

bool eddy_ingest_tick(struct eddy_worker *worker, size_t budget) {
  int64_t mono = eddy_clock_mono(), now = eddy_clock_wall();
  bool more = false;
  struct eddy_end_rule rule = {.at_end = worker->config->time.at_end,
                               .scale = worker->config->time.scale,
                               .lateness_ms = worker->config->spec.allowed_lateness_ms};
  for (int32_t i = 0; i < worker->partition_count; i++) {
    struct eddy_partition *partition = eddy_worker_live(worker, i);
    if (!partition) continue;
    probe_end(worker, partition, mono);
    int64_t time = eddy_end_clock_time(&partition->end, &rule, mono, now, eddy_engine_newest_time(partition->engine));
    more |= tick_one(worker, partition, time, now, budget);
  }
  produce_or_commit(worker);
  return more;
}

bool eddy_ingest_drain(struct eddy_worker *worker, size_t budget) {
  bool more = false;
  int64_t now = eddy_clock_wall();
  for (int32_t i = 0; i < worker->partition_count; i++) {
    struct eddy_partition *partition = eddy_worker_live(worker, i);
    if (partition && partition->more_due) more |= tick_one(worker, partition, EDDY_TIME_NONE, now, budget);
  }
  produce_or_commit(worker);
  return more;
}

void eddy_ingest_doubt(struct eddy_worker *worker, bool all) {
  bool started = worker->partitions != NULL; /* until then worker 0 speaks for all */
  if (all && (started || worker->index == 0)) eddy_worker_say_away(worker, "all brokers are down");
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (worker->partitions[i]) eddy_end_clock_doubt(&worker->partitions[i]->end);
  }
}
