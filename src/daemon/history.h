/* The last minutes of a pipeline, for pictures: its counters every two seconds for ten minutes, the sizes of segments every
 * minute for an hour. One thread takes samples, any other reads; under a lock. Times are arguments.
 */
#ifndef EDDY_DAEMON_HISTORY_H
#define EDDY_DAEMON_HISTORY_H

#include "daemon/stats.h"

enum {
  EDDY_HISTORY_STEP_MS = 2000,
  EDDY_HISTORY_STEPS = 300,
  EDDY_HISTORY_TREND_MS = 60000,
  EDDY_HISTORY_TREND = 60,
};

struct eddy_history;

/* NULL if memory is short. */
struct eddy_history *eddy_history_new(void);
void eddy_history_free(struct eddy_history *history);

/* True if the next sample is due at monotonic time `mono`. */
bool eddy_history_due(struct eddy_history *history, int64_t mono);
/* Takes it. */
void eddy_history_take(struct eddy_history *history, const struct eddy_pipeline_stats *stats, int64_t mono, int64_t wall);

/* What happened in one step. */
struct eddy_history_step {
  double events_per_s, fired_per_s, changes_per_s;
  uint64_t lag;          /* at its end */
  double p50_ms, p99_ms; /* event to commit; NaN if nothing was committed */
};
/* Oldest first; returns how many, and in *until the wall time of the last one's end (0 without any). */
size_t eddy_history_steps(struct eddy_history *history, struct eddy_history_step steps[EDDY_HISTORY_STEPS], int64_t *until);

/* Medians and such of the last seconds up to `now`; NaN if nothing was committed. */
struct eddy_history_times {
  double latency_p50, latency_p99, commit_p50, commit_p99; /* ms */
};
struct eddy_history_times eddy_history_times(struct eddy_history *history, const struct eddy_pipeline_stats *now);

/* Users of a segment, oldest first; returns how many. A minute in which there was no such segment counts as 0. */
size_t eddy_history_trend(struct eddy_history *history, uint32_t segment, uint64_t users[EDDY_HISTORY_TREND]);

#endif
