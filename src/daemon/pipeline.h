/* The whole of `eddy run`: N workers in one process. Signals are the caller's: block them before start, so that no thread of
 * the pipeline gets one. All functions on one thread, except request_stop and those that read numbers or ask: any thread, until
 * join.
 */
#ifndef EDDY_DAEMON_PIPELINE_H
#define EDDY_DAEMON_PIPELINE_H

#include "daemon/config.h"
#include "daemon/question.h"
#include "daemon/recent.h"
#include "daemon/stats.h"

struct eddy_pipeline;

/* Says what it will do (one line) and starts the workers; returns at once, whether or not a broker is there. The configuration
 * and the logger must outlive the pipeline. 0 or EDDY_E_NOMEM. */
int eddy_pipeline_start(struct eddy_pipeline **pipeline, const struct eddy_config *config, const struct eddy_logger *logger);
/* Gives all workers what is live of a configuration that is the pipeline's own in everything else. It is copied. */
void eddy_pipeline_retune(struct eddy_pipeline *pipeline, const struct eddy_config *config);

/* How the configuration was read last, at the start or since. */
struct eddy_reload_outcome {
  bool ok;    /* a file that was refused changed nothing */
  int64_t at; /* wall time */
};
void eddy_pipeline_set_reloaded(struct eddy_pipeline *pipeline, struct eddy_reload_outcome outcome);

/* Asks all workers to drain, commit and leave. */
void eddy_pipeline_request_stop(struct eddy_pipeline *pipeline);
/* True once every worker has ended: join will not wait. One that fails makes all others leave. */
bool eddy_pipeline_ended(struct eddy_pipeline *pipeline);
/* What all workers have counted. Costs a few microseconds per worker. */
void eddy_pipeline_stats(struct eddy_pipeline *pipeline, struct eddy_pipeline_stats *stats);
uint32_t eddy_pipeline_workers(const struct eddy_pipeline *pipeline);

/* How far somebody has read the fired triggers; all zero: nothing yet. */
struct eddy_trigger_cursor {
  uint64_t seen[EDDY_WORKERS_MAX];
  uint64_t skipped; /* what nobody keeps any more */
};
/* The triggers since then, of each worker oldest first; moves the cursor on. Returns how many, at most `max`. */
size_t eddy_pipeline_triggers(struct eddy_pipeline *pipeline, struct eddy_trigger_cursor *cursor,
                              struct eddy_board_trigger *triggers, size_t max);
/* Who moved between segments since flows->since (all else zero), largest first; that time is moved on to where all workers
 * still have everything. */
void eddy_pipeline_flows(struct eddy_pipeline *pipeline, struct eddy_flows *flows);
/* Asks all workers; made for eddy_pipeline_workers() of them. */
void eddy_pipeline_ask(struct eddy_pipeline *pipeline, struct eddy_question *question);

/* Waits for the end, says what was done (one line), frees. Returns the exit code: 0, or that of the first worker that
 * failed. */
int eddy_pipeline_join(struct eddy_pipeline *pipeline);

#endif
