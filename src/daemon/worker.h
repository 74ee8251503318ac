/* A worker: one thread, one libuv loop, one consumer (member of the group), one transactional producer, one Redis connection,
 * and the engines of the input partitions it was assigned. Workers share nothing but the read-only configuration and the
 * schema registry; their numbers are read through relaxed atomics, and others hand them questions and new settings.
 *
 * Reading order: worker.c (start, loop, stop), tenure.c (gaining and losing partitions), ingest.c (events to effects), commit.c
 * (effects to Kafka, then Redis), outcome.c (how that ended); all work on worker_state.h.
 */
#ifndef EDDY_DAEMON_WORKER_H
#define EDDY_DAEMON_WORKER_H

#include "daemon/config.h"
#include "daemon/question.h"
#include "daemon/recent.h"
#include "daemon/stats.h"
#include "source/schema_registry.h"

struct eddy_worker;

struct eddy_worker_options {
  const struct eddy_config *config; /* both must outlive the worker; never written to meanwhile */
  const struct eddy_logger *logger;
  struct eddy_schema_registry *registry; /* of the process, must outlive the worker; NULL: none */
  uint32_t index;                        /* 0.. */
  void (*ended)(void *ctx);              /* called from the worker's thread just before it ends */
  void *ctx;
};

/* Starts the thread. 0 or EDDY_E_NOMEM. */
int eddy_worker_start(struct eddy_worker **worker, const struct eddy_worker_options *options);
/* Takes over what is live (daemon/config_diff.h) of a configuration that has the same lists, soon, between two batches. Any
 * thread; the configuration is copied. */
void eddy_worker_retune(struct eddy_worker *worker, const struct eddy_config *config);
/* Asks it to drain, commit and leave. Any thread, any number of times. */
void eddy_worker_request_stop(struct eddy_worker *worker);
/* Waits for the end of the thread; its numbers stay readable. */
void eddy_worker_await(struct eddy_worker *worker);
/* After await: frees it, returns its exit code (0 = left in good order). */
int eddy_worker_free(struct eddy_worker *worker);
struct eddy_worker_stats *eddy_worker_stats_of(struct eddy_worker *worker);
struct eddy_recent *eddy_worker_recent_of(struct eddy_worker *worker);
struct eddy_mailbox *eddy_worker_mailbox_of(struct eddy_worker *worker);

#endif
