/* What `eddy top` takes from one reading of /metrics, and what lies between two of them. Plain values. */
#ifndef EDDY_CMD_TOP_SAMPLE_H
#define EDDY_CMD_TOP_SAMPLE_H

#include "daemon/metrics_read.h"

/* X(NUMBER, metric, label or NULL, its value): series that match are summed up. */
#define EDDY_TOP_NUMBERS(X)                                     \
  X(EVENTS, "eddy_events_total", NULL, NULL)                    \
  X(INVALID, "eddy_invalid_total", NULL, NULL)                  \
  X(LATE, "eddy_late_events_total", NULL, NULL)                 \
  X(CHANGES, "eddy_segment_changes_total", NULL, NULL)          \
  X(FIRED, "eddy_triggers_total", "outcome", "fired")           \
  X(SUPPRESSED, "eddy_triggers_total", "outcome", "suppressed") \
  X(OUTPUTS, "eddy_outputs_total", NULL, NULL)                  \
  X(COMMITS, "eddy_commits_total", NULL, NULL)                  \
  X(ABORTS, "eddy_aborts_total", NULL, NULL)                    \
  X(LAG, "eddy_lag_records", NULL, NULL)                        \
  X(PARTITIONS, "eddy_partitions", NULL, NULL)                  \
  X(PAUSED, "eddy_partitions_paused", NULL, NULL)               \
  X(RESTORING, "eddy_partitions_restoring", NULL, NULL)         \
  X(USERS, "eddy_users", NULL, NULL)                            \
  X(MEMORY, "eddy_state_bytes", NULL, NULL)                     \
  X(MODEL, "eddy_model_version", NULL, NULL)                    \
  X(REDIS_UP, "eddy_redis_connections", NULL, NULL)             \
  X(REDIS_WRITTEN, "eddy_redis_written_total", NULL, NULL)      \
  X(REDIS_PENDING, "eddy_redis_pending_bytes", NULL, NULL)      \
  X(REDIS_ERRORS, "eddy_redis_errors_total", NULL, NULL)        \
  X(WORKERS, "eddy_workers", NULL, NULL)                        \
  X(WORKERS_AWAY, "eddy_workers_without_broker", NULL, NULL)    \
  X(STARTED, "process_start_time_seconds", NULL, NULL)

enum eddy_top_number {
#define X(number, metric, label, value) EDDY_TOP_##number,
  EDDY_TOP_NUMBERS(X)
#undef X
      EDDY_TOP_NUMBER_COUNT
};

enum { EDDY_TOP_PARTITIONS_MAX = 512, EDDY_TOP_SEGMENTS_MAX = 256, EDDY_TOP_TEXT_MAX = 64 };

struct eddy_top_partition {
  char id[12];
  double lag;
  bool paused;
};

struct eddy_top_segment {
  char id[12], name[EDDY_TOP_TEXT_MAX];
  double users;
};

struct eddy_top_sample {
  int64_t taken_at;                             /* monotonic ms */
  double numbers[EDDY_TOP_NUMBER_COUNT];        /* NaN = not on the page */
  struct eddy_metric_histogram commit, latency; /* seconds */
  int partition_count, segment_count;
  struct eddy_top_partition partitions[EDDY_TOP_PARTITIONS_MAX]; /* most lag first */
  struct eddy_top_segment segments[EDDY_TOP_SEGMENTS_MAX];       /* largest first */
  char version[EDDY_TOP_TEXT_MAX];
};

/* 0, or -1 with a sentence if the text is no page of eddy's. Large: keep it off small stacks. */
int eddy_top_sample_read(struct eddy_top_sample *sample, const char *text, size_t size, int64_t now, char *why,
                         size_t why_size);

/* Per second between two readings; a counter that went back has begun anew. NaN without a reading before (NULL). */
double eddy_top_rate(const struct eddy_top_sample *before, const struct eddy_top_sample *sample, enum eddy_top_number number);

/* Quantiles in ms between two readings, since the start of the process without one before. NaN: nothing was counted. */
struct eddy_top_times {
  double p50, p99;
};
struct eddy_top_times eddy_top_commit(const struct eddy_top_sample *before, const struct eddy_top_sample *sample);
struct eddy_top_times eddy_top_latency(const struct eddy_top_sample *before, const struct eddy_top_sample *sample);

#endif
