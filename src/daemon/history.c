#include "daemon/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/metrics_read.h"

enum { TIMES_STEPS = 5 }; /* "the last seconds" */

/* Counters as they stood. */
struct snapshot {
  int64_t wall, mono;
  uint64_t events, fired, changes, lag;
  struct eddy_times latency, commit;
};

struct sizes {
  uint16_t count;
  uint32_t ids[EDDY_CLUSTERS_MAX];
  uint64_t users[EDDY_CLUSTERS_MAX];
};

struct eddy_history {
  pthread_mutex_t lock;
  uint64_t taken; /* snapshots ever; a step lies between two */
  struct snapshot snapshots[EDDY_HISTORY_STEPS + 1];
  uint64_t trends;
  int64_t trend_at; /* monotonic: of the newest */
  struct sizes sizes[EDDY_HISTORY_TREND];
};

struct eddy_history *eddy_history_new(void) {
  struct eddy_history *history = calloc(1, sizeof(*history));
  if (history) pthread_mutex_init(&history->lock, NULL);
  return history;
}

void eddy_history_free(struct eddy_history *history) {
  if (!history) return;
  pthread_mutex_destroy(&history->lock);
  free(history);
}

/* Taking ------------------------------------------------------------------------------------------------------------------- */

static struct snapshot *snapshot_at(struct eddy_history *history, uint64_t number) {
  return &history->snapshots[number % (EDDY_HISTORY_STEPS + 1)];
}

bool eddy_history_due(struct eddy_history *history, int64_t mono) {
  pthread_mutex_lock(&history->lock);
  bool due = history->taken == 0 || mono - snapshot_at(history, history->taken - 1)->mono >= EDDY_HISTORY_STEP_MS;
  pthread_mutex_unlock(&history->lock);
  return due;
}

static void take_sizes(struct eddy_history *history, const struct eddy_pipeline_stats *stats) {
  struct sizes *sizes = &history->sizes[history->trends++ % EDDY_HISTORY_TREND];
  sizes->count = stats->segment_count;
  for (uint16_t i = 0; i < stats->segment_count; i++) {
    sizes->ids[i] = stats->segments[i].id;
    sizes->users[i] = stats->segments[i].users;
  }
}

void eddy_history_take(struct eddy_history *history, const struct eddy_pipeline_stats *stats, int64_t mono, int64_t wall) {
  pthread_mutex_lock(&history->lock);
  *snapshot_at(history, history->taken++) = (struct snapshot){.wall = wall,
                                                              .mono = mono,
                                                              .events = stats->events,
                                                              .fired = stats->triggers_fired,
                                                              .changes = stats->segment_changes,
                                                              .lag = stats->lag,
                                                              .latency = stats->latency,
                                                              .commit = stats->commit_time};
  /* None without a model: a trend begins with the first sizes. */
  if (stats->segment_count > 0 && (history->trends == 0 || mono - history->trend_at >= EDDY_HISTORY_TREND_MS)) {
    take_sizes(history, stats);
    history->trend_at = mono;
  }
  pthread_mutex_unlock(&history->lock);
}

/* Reading ------------------------------------------------------------------------------------------------------------------ */

static struct eddy_metric_histogram cumulative(const struct eddy_times *times) {
  static const int bounds[EDDY_TIMES - 1] = EDDY_TIME_BOUNDS;
  struct eddy_metric_histogram histogram = {.count = EDDY_TIMES};
  double sum = 0;
  for (int i = 0; i < EDDY_TIMES; i++) {
    sum += (double)times->classes[i];
    histogram.bounds[i] = i < EDDY_TIMES - 1 ? bounds[i] : (double)INFINITY;
    histogram.sums[i] = sum;
  }
  return histogram;
}

static double quantile(const struct eddy_times *before, const struct eddy_times *after, double part) {
  struct eddy_metric_histogram from = cumulative(before), to = cumulative(after);
  return eddy_metric_quantile(&from, &to, part);
}

/* Counters of workers that have ended stay; one that goes back all the same is a restart of something. */
static double rate(uint64_t before, uint64_t after, double seconds) {
  return after > before && seconds > 0 ? (double)(after - before) / seconds : 0;
}

static struct eddy_history_step step_between(const struct snapshot *from, const struct snapshot *to) {
  double seconds = (double)(to->mono - from->mono) / 1000;
  return (struct eddy_history_step){.events_per_s = rate(from->events, to->events, seconds),
                                    .fired_per_s = rate(from->fired, to->fired, seconds),
                                    .changes_per_s = rate(from->changes, to->changes, seconds),
                                    .lag = to->lag,
                                    .p50_ms = quantile(&from->latency, &to->latency, 0.5),
                                    .p99_ms = quantile(&from->latency, &to->latency, 0.99)};
}

size_t eddy_history_steps(struct eddy_history *history, struct eddy_history_step steps[EDDY_HISTORY_STEPS], int64_t *until) {
  pthread_mutex_lock(&history->lock);
  uint64_t count = history->taken > 0 ? history->taken - 1 : 0;
  if (count > EDDY_HISTORY_STEPS) count = EDDY_HISTORY_STEPS;
  uint64_t first = history->taken - count;
  for (uint64_t i = 0; i < count; i++) {
    steps[i] = step_between(snapshot_at(history, first + i - 1), snapshot_at(history, first + i));
  }
  *until = history->taken > 0 ? snapshot_at(history, history->taken - 1)->wall : 0;
  pthread_mutex_unlock(&history->lock);
  return (size_t)count;
}

struct eddy_history_times eddy_history_times(struct eddy_history *history, const struct eddy_pipeline_stats *now) {
  static const struct snapshot none;
  struct snapshot before = none;
  pthread_mutex_lock(&history->lock);
  uint64_t back = history->taken < TIMES_STEPS ? history->taken : TIMES_STEPS;
  if (back > 0) before = *snapshot_at(history, history->taken - back);
  pthread_mutex_unlock(&history->lock);
  return (struct eddy_history_times){.latency_p50 = quantile(&before.latency, &now->latency, 0.5),
                                     .latency_p99 = quantile(&before.latency, &now->latency, 0.99),
                                     .commit_p50 = quantile(&before.commit, &now->commit_time, 0.5),
                                     .commit_p99 = quantile(&before.commit, &now->commit_time, 0.99)};
}

static uint64_t users_of(const struct sizes *sizes, uint32_t segment) {
  for (uint16_t i = 0; i < sizes->count; i++) {
    if (sizes->ids[i] == segment) return sizes->users[i];
  }
  return 0;
}

size_t eddy_history_trend(struct eddy_history *history, uint32_t segment, uint64_t users[EDDY_HISTORY_TREND]) {
  pthread_mutex_lock(&history->lock);
  uint64_t count = history->trends < EDDY_HISTORY_TREND ? history->trends : EDDY_HISTORY_TREND;
  for (uint64_t i = 0; i < count; i++) {
    users[i] = users_of(&history->sizes[(history->trends - count + i) % EDDY_HISTORY_TREND], segment);
  }
  pthread_mutex_unlock(&history->lock);
  return (size_t)count;
}
