/* The pipeline's numbers in Prometheus' text format 0.0.4. Base units, counters end in _total; one help line per family, from
 * the tables that define the numbers. A pure function of its arguments, any thread.
 */
#ifndef EDDY_DAEMON_METRICS_H
#define EDDY_DAEMON_METRICS_H

#include "base/memory.h"
#include "daemon/stats.h"

#define EDDY_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Appends all families. `started_at`: wall time of the process's start, ms. 0 or EDDY_E_NOMEM. */
int eddy_metrics_write(struct eddy_buffer *out, const struct eddy_pipeline_stats *stats, int64_t started_at);

#endif
