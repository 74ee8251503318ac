/* What a worker counts. Each field has one writer, the worker; anyone may read. Relaxed atomics: a reader sees each number as
 * it was a moment ago, not all of the same moment. The parts that are text (newest triggers, segments) sit behind a mutex that
 * the worker takes once per commit at most.
 */
#ifndef EDDY_DAEMON_STATS_H
#define EDDY_DAEMON_STATS_H

#include <pthread.h>
#include <stdatomic.h>

#include "eddy/engine.h"
#include "sink/redis_sink.h"

/* Summed over workers. */
#define EDDY_STATS(X)                                              \
  X(events, "events applied")                                      \
  X(invalid, "records sent to the dead-letter topic")              \
  X(clamped, "future stamps clamped")                              \
  X(late, "events older than partition time when they arrived")    \
  X(duplicates, "events ignored because their id was seen")        \
  X(segment_changes, "segment changes")                            \
  X(triggers_fired, "triggers fired")                              \
  X(triggers_suppressed, "triggers suppressed")                    \
  X(outputs, "records committed to output topics")                 \
  X(commits, "transactions committed")                             \
  X(aborts, "transactions aborted")                                \
  X(models, "model versions published")                            \
  X(partitions, "input partitions owned now")                      \
  X(partitions_at_end, "of these, at their end")                   \
  X(paused, "of these, paused")                                    \
  X(users, "profiles in memory")                                   \
  X(memory, "bytes of state")                                      \
  X(lag, "records in the input that are not read yet")             \
  X(redis_connected, "Redis connections that are up")              \
  X(redis_written, "entries written to Redis")                     \
  X(redis_refused, "writes refused by Redis as older")             \
  X(redis_coalesced, "changes replaced by newer ones before the write") \
  X(redis_dropped, "trigger entries dropped for want of room")     \
  X(redis_errors, "errors of Redis")                               \
  X(redis_pending, "bytes that wait for Redis")

enum { EDDY_BOARD_TRIGGERS = 8, EDDY_BOARD_TEXT = 128 };

/* A trigger as a person wants to see it. */
struct eddy_board_trigger {
  char trigger[EDDY_NAME_MAX + 1];
  char user[EDDY_BOARD_TEXT];
  char subject[EDDY_BOARD_TEXT];
  char cart[EDDY_BOARD_TEXT];   /* "2 x shoe, 1 x hat" */
  char reason[EDDY_BOARD_TEXT]; /* "product_added at ..., then no order_completed for 1h" */
  int64_t due_at, fired_at, published_at, value;
  char currency[4];
};

struct eddy_board_segment {
  uint32_t id;
  char name[2 * EDDY_NAME_MAX];
  uint64_t users;
};

struct eddy_board {
  uint64_t model_version;
  uint16_t segment_count;
  struct eddy_board_segment segments[EDDY_CLUSTERS_MAX];
  uint64_t trigger_count; /* ever; the newest stands at (trigger_count - 1) % EDDY_BOARD_TRIGGERS */
  struct eddy_board_trigger triggers[EDDY_BOARD_TRIGGERS];
};

struct eddy_worker_stats {
#define X(name, help) _Atomic uint64_t name;
  EDDY_STATS(X)
#undef X
  pthread_mutex_t lock; /* of board */
  struct eddy_board board;
};

static inline void eddy_stat_add(_Atomic uint64_t *stat, uint64_t more) {
  atomic_store_explicit(stat, atomic_load_explicit(stat, memory_order_relaxed) + more, memory_order_relaxed);
}
static inline void eddy_stat_set(_Atomic uint64_t *stat, uint64_t value) {
  atomic_store_explicit(stat, value, memory_order_relaxed);
}
static inline uint64_t eddy_stat_get(const _Atomic uint64_t *stat) { return atomic_load_explicit(stat, memory_order_relaxed); }

/* The sum over workers. Large: keep it off small stacks. */
struct eddy_pipeline_stats {
#define X(name, help) uint64_t name;
  EDDY_STATS(X)
#undef X
  uint64_t model_version;
  uint16_t segment_count;
  struct eddy_board_segment segments[EDDY_CLUSTERS_MAX]; /* largest first */
  uint16_t trigger_count;
  struct eddy_board_trigger triggers[EDDY_BOARD_TRIGGERS]; /* newest first */
};

void eddy_worker_stats_init(struct eddy_worker_stats *stats);
void eddy_worker_stats_fini(struct eddy_worker_stats *stats);
/* Adds one worker's numbers to `sum` (zeroed before the first), then the result has to be put in order by _finish(). */
void eddy_stats_merge(struct eddy_pipeline_stats *sum, struct eddy_worker_stats *worker);
void eddy_stats_finish(struct eddy_pipeline_stats *sum);

/* Puts a fired trigger on the board. */
void eddy_board_show(struct eddy_worker_stats *stats, const struct eddy_spec *spec, const struct eddy_effect *effect);
/* Replaces the segments: sizes[i] = users of slot i of `model` (NULL = no model). */
void eddy_board_segments(struct eddy_worker_stats *stats, const struct eddy_model *model, const uint64_t *sizes);

#endif
