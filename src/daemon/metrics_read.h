/* Reads the Prometheus text format (version 0.0.4), as far as somebody needs who knows the names: comments are passed over,
 * timestamps are ignored. What comes is not trusted. Views into the caller's text; any thread.
 */
#ifndef EDDY_DAEMON_METRICS_READ_H
#define EDDY_DAEMON_METRICS_READ_H

#include "eddy/types.h"

struct eddy_metric {
  struct eddy_str name, labels; /* labels: what stands between the braces, empty if there are none */
  double value;                 /* may be NaN or infinite */
};

struct eddy_metrics_reader {
  const char *at, *end;
  int line; /* of the sample read last, from 1 */
};

/* The next sample: 1; 0 at the end; -1 if the line is none. */
int eddy_metrics_next(struct eddy_metrics_reader *reader, struct eddy_metric *metric);
/* The value of a label without its escapes, cut to `size`, in printable ASCII: other bytes become '?'. False if there is no
 * such label. */
bool eddy_metric_label(const struct eddy_metric *metric, const char *name, char *text, size_t size);
bool eddy_metric_is(const struct eddy_metric *metric, const char *name);

/* A histogram: cumulative counts by upper bound, as the text has them, in any order. */
enum { EDDY_METRIC_BUCKETS_MAX = 64 };
struct eddy_metric_histogram {
  int count;
  double bounds[EDDY_METRIC_BUCKETS_MAX], sums[EDDY_METRIC_BUCKETS_MAX]; /* ascending */
};
/* Takes a sample of NAME_bucket; what is no bucket, and one too many, is left out. */
void eddy_metric_histogram_add(struct eddy_metric_histogram *histogram, const struct eddy_metric *metric);
/* The value below which the share `part` of what was counted between two readings lies, linear within its bucket as
 * histogram_quantile() of Prometheus has it; the last finite bound if it lies beyond. NaN if nothing was counted. `before` may
 * be empty, or of a process that has been restarted since. */
double eddy_metric_quantile(const struct eddy_metric_histogram *before, const struct eddy_metric_histogram *after, double part);

#endif
