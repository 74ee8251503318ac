/* The whole of `eddy run`: N workers in one process. Signals are the caller's: block them before start, so that no thread of
 * the pipeline gets one. All functions on one thread, except stats and request_stop: any thread.
 */
#ifndef EDDY_DAEMON_PIPELINE_H
#define EDDY_DAEMON_PIPELINE_H

#include "daemon/config.h"
#include "daemon/stats.h"

struct eddy_pipeline;

/* Says what it will do (one line) and starts the workers; returns at once, whether or not a broker is there. The configuration
 * and the logger must outlive the pipeline. 0 or EDDY_E_NOMEM. */
int eddy_pipeline_start(struct eddy_pipeline **pipeline, const struct eddy_config *config, const struct eddy_logger *logger);
/* Asks all workers to drain, commit and leave. */
void eddy_pipeline_request_stop(struct eddy_pipeline *pipeline);
/* True once every worker has ended: join will not wait. One that fails makes all others leave. */
bool eddy_pipeline_ended(struct eddy_pipeline *pipeline);
/* What all workers have counted. Costs a few microseconds per worker. */
void eddy_pipeline_stats(struct eddy_pipeline *pipeline, struct eddy_pipeline_stats *stats);
/* Waits for the end, says what was done (one line), frees. Returns the exit code: 0, or that of the first worker that
 * failed. */
int eddy_pipeline_join(struct eddy_pipeline *pipeline);

#endif
