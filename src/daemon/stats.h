/* What a worker counts. Each field has one writer, the worker; anyone may read. Relaxed atomics: a reader sees each number as
 * it was a moment ago, not all of the same moment. The parts that are text (newest triggers, segments) sit behind a mutex that
 * the worker takes per fired trigger and a few times a second, and nobody holds for longer than it takes to copy them.
 */
#ifndef EDDY_DAEMON_STATS_H
#define EDDY_DAEMON_STATS_H

#include <pthread.h>
#include <stdatomic.h>

#include "eddy/engine.h"
#include "sink/redis_sink.h"
#include "source/schema_registry.h"

/* Summed over workers. X(field, name for Prometheus, help): a name that ends in _total is a counter, else a gauge; NULL: shown
 * in parts (metrics.c). */
#define EDDY_STATS(X)                                                                                 \
  X(events, "eddy_events_total", "events applied")                                                    \
  X(invalid, NULL, "records sent to the dead-letter topic")                                           \
  X(clamped, "eddy_clamped_total", "future stamps clamped")                                           \
  X(late, "eddy_late_events_total", "events older than partition time when they arrived")             \
  X(duplicates, "eddy_duplicates_total", "events ignored because their id was seen")                  \
  X(other_currency, "eddy_other_currency_total", "values skipped because of their currency")          \
  X(segment_changes, "eddy_segment_changes_total", "segment changes")                                 \
  X(triggers_fired, NULL, "triggers fired")                                                           \
  X(triggers_suppressed, NULL, "triggers suppressed")                                                 \
  X(outputs, "eddy_outputs_total", "records committed to output topics")                              \
  X(commits, "eddy_commits_total", "transactions committed")                                          \
  X(aborts, "eddy_aborts_total", "transactions aborted")                                              \
  X(models, "eddy_models_total", "model versions published")                                          \
  X(partitions, "eddy_partitions", "input partitions owned now")                                      \
  X(partitions_at_end, "eddy_partitions_at_end", "input partitions at their end")                     \
  X(paused, "eddy_partitions_paused", "input partitions that are paused")                             \
  X(restoring, "eddy_partitions_restoring", "input partitions whose state is being restored")         \
  X(state_records, "eddy_state_records_total", "records written to the changelog")                    \
  X(joined, "eddy_workers_joined", "workers that are members of the consumer group")                  \
  X(away, "eddy_workers_without_broker", "workers that reach no broker")                              \
  X(users, "eddy_users", "profiles in memory")                                                        \
  X(memory, "eddy_state_bytes", "bytes of state")                                                     \
  X(lag, "eddy_lag_records", "records in the input that are not read yet")                            \
  X(redis_connected, "eddy_redis_connections", "Redis connections that are up")                       \
  X(redis_written, "eddy_redis_written_total", "entries written to Redis")                            \
  X(redis_refused, "eddy_redis_refused_total", "writes refused by Redis as older")                    \
  X(redis_coalesced, "eddy_redis_coalesced_total", "changes replaced by newer ones before the write") \
  X(redis_dropped, "eddy_redis_dropped_total", "trigger entries dropped for want of room")            \
  X(redis_errors, "eddy_redis_errors_total", "errors of Redis")                                       \
  X(redis_pending, "eddy_redis_pending_bytes", "bytes that wait for Redis")

enum {
  EDDY_INVALID_REASONS = 18, /* rows of EDDY_EVENT_ERRORS */
  EDDY_BOARD_TRIGGERS = 8,   /* shown at once ... */
  EDDY_BOARD_RING = 64,      /* ... and kept for those who come by now and then */
  EDDY_STRONGEST_MAX = 5,
  EDDY_BOARD_TEXT = 128,
  EDDY_BOARD_PARTITIONS = 512, /* shown one by one; the sums above count all */
  EDDY_WORKERS_MAX = 64,
  EDDY_TIMES = 12,
};

/* How long something took: the upper bounds of the classes, in ms for what happens once per commit, in us for the stages that a
 * batch goes through; the last class has none. */
#define EDDY_TIME_BOUNDS \
  { 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000 }
#define EDDY_STAGE_BOUNDS \
  { 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 1000000 }
struct eddy_worker_times {
  _Atomic uint64_t classes[EDDY_TIMES], sum;
};
struct eddy_times {
  uint64_t classes[EDDY_TIMES], sum;
};

/* X(constant, name, what one of its times covers) */
#define EDDY_STAGES(X)                                                         \
  X(POLL, "poll", "taking a batch of records from librdkafka")                 \
  X(APPLY, "apply", "decoding a batch, applying it, encoding what came of it") \
  X(PRODUCE, "produce", "handing a batch's outputs over to librdkafka")
enum eddy_stage {
#define X(constant, name, help) EDDY_STAGE_##constant,
  EDDY_STAGES(X)
#undef X
      EDDY_STAGE_COUNT
};

/* A trigger as a person wants to see it. */
struct eddy_board_trigger {
  uint64_t trigger_id[2];
  char trigger[EDDY_NAME_MAX + 1];
  char user[EDDY_USER_ID_MAX + 1]; /* whole: people look it up; "": erased since */
  char subject[EDDY_BOARD_TEXT];
  char cart[EDDY_BOARD_TEXT];   /* "2 x shoe, 1 x hat" */
  char reason[EDDY_BOARD_TEXT]; /* "product_added at ..., then no order_completed for 1h" */
  int64_t due_at, fired_at, published_at, value;
  char currency[4];
};

/* What sets a segment apart: a feature's position in the spec, how far its centroid is from the average user in deviations, and
 * what that is in natural units. */
struct eddy_board_strength {
  uint16_t feature;
  float z, typical;
};
struct eddy_board_segment {
  uint32_t id;
  char name[2 * EDDY_NAME_MAX];
  uint64_t users;
  uint16_t strongest_count;
  struct eddy_board_strength strongest[EDDY_STRONGEST_MAX]; /* by |z| */
};

struct eddy_board_partition {
  int32_t id;
  bool paused;
  uint64_t lag;
  int64_t time; /* partition time, or EDDY_TIME_NONE */
};

struct eddy_board {
  uint16_t partition_count;
  struct eddy_board_partition partitions[EDDY_BOARD_PARTITIONS];
  uint64_t model_version; /* 0: none yet */
  int64_t trained_at;     /* event time */
  uint16_t segment_count;
  struct eddy_board_segment segments[EDDY_CLUSTERS_MAX];
  uint64_t trigger_count; /* ever; the newest stands at (trigger_count - 1) % EDDY_BOARD_RING */
  struct eddy_board_trigger triggers[EDDY_BOARD_RING];
};

struct eddy_worker_stats {
#define X(name, metric, help) _Atomic uint64_t name;
  EDDY_STATS(X)
#undef X
  _Atomic uint64_t invalid_by[EDDY_INVALID_REASONS]; /* by -101 - error */
  _Atomic uint64_t suppressed_by[EDDY_SUPPRESSION_COUNT];
  _Atomic uint64_t heartbeat; /* monotonic ms: the loop turned, or a wait for the broker made its next try */
  struct eddy_worker_times commit_time, latency, stages[EDDY_STAGE_COUNT];
  pthread_mutex_t lock; /* of board */
  struct eddy_board board;
};

static inline void eddy_stat_add(_Atomic uint64_t *stat, uint64_t more) {
  atomic_store_explicit(stat, atomic_load_explicit(stat, memory_order_relaxed) + more, memory_order_relaxed);
}
static inline void eddy_stat_set(_Atomic uint64_t *stat, uint64_t value) {
  atomic_store_explicit(stat, value, memory_order_relaxed);
}
static inline uint64_t eddy_stat_get(const _Atomic uint64_t *stat) {
  return atomic_load_explicit(stat, memory_order_relaxed);
}

/* The sum over workers. Large: keep it off small stacks. */
struct eddy_pipeline_stats {
#define X(name, metric, help) uint64_t name;
  EDDY_STATS(X)
#undef X
  uint64_t invalid_by[EDDY_INVALID_REASONS], suppressed_by[EDDY_SUPPRESSION_COUNT];
  struct eddy_times commit_time; /* from the last record to the broker's word */
  struct eddy_times latency;     /* from the timestamp of a transaction's oldest record to its commit */
  struct eddy_times stages[EDDY_STAGE_COUNT];
  uint32_t workers;
  uint64_t heartbeats[EDDY_WORKERS_MAX]; /* by worker */
  uint16_t partition_count;
  struct eddy_board_partition board_partitions[EDDY_BOARD_PARTITIONS];
  uint64_t model_version; /* 0: none yet */
  int64_t trained_at;     /* event time of the newest contribution to it */
  uint16_t segment_count;
  struct eddy_board_segment segments[EDDY_CLUSTERS_MAX]; /* largest first */
  uint16_t trigger_count;
  struct eddy_board_trigger triggers[EDDY_BOARD_TRIGGERS]; /* newest first */
  bool has_registry;
  struct eddy_registry_stats registry;
  bool reload_ok;    /* what the newest reading of the configuration came to, that of the start included ... */
  int64_t reload_at; /* ... and its wall time */
};

void eddy_worker_stats_init(struct eddy_worker_stats *stats);
void eddy_worker_stats_fini(struct eddy_worker_stats *stats);
/* Adds one worker's numbers to `sum` (zeroed before the first), then the result has to be put in order by _finish(). */
void eddy_stats_merge(struct eddy_pipeline_stats *sum, struct eddy_worker_stats *worker);
void eddy_stats_finish(struct eddy_pipeline_stats *sum);

/* Counts one duration in ms; a negative one (clocks that disagree) counts as 0. */
void eddy_times_add(struct eddy_worker_times *times, int64_t ms);
/* The same in microseconds. */
void eddy_stage_add(struct eddy_worker_stats *stats, enum eddy_stage stage, int64_t us);

/* Replaces the partitions. */
void eddy_board_partitions(struct eddy_worker_stats *stats, const struct eddy_board_partition *partitions, size_t count);
/* Puts a fired trigger on the board. */
void eddy_board_show(struct eddy_worker_stats *stats, const struct eddy_spec *spec, const struct eddy_effect *effect);
/* The user is erased: its triggers are shown no more. */
void eddy_board_forget(struct eddy_worker_stats *stats, struct eddy_str user_id);
/* The triggers since *cursor (0: from the first one on), oldest first, at most `max`: moves the cursor on, returns how many.
 * What the ring no longer had is added to *skipped. */
size_t eddy_board_triggers(struct eddy_worker_stats *stats, uint64_t *cursor, struct eddy_board_trigger *triggers, size_t max,
                           uint64_t *skipped);
/* Replaces the segments: sizes[i] = users of slot i of `model` (NULL = no model). */
void eddy_board_segments(struct eddy_worker_stats *stats, const struct eddy_spec *spec, const struct eddy_model *model,
                         const uint64_t *sizes);

#endif
