/* What a running pipeline tells over HTTP: the live page at /, /metrics, /healthz, /readyz, and /api/... in JSON.
 *
 *   /                        daemon/page.h
 *   /metrics                 daemon/metrics.h
 *   /healthz, /readyz        here
 *   /api/status, /segments   status_json.c: numbers, no personal data
 *   /api/triggers            status_stream.c: each trigger as it is decided (server-sent events); personal
 *   /api/users/ID            status_user.c: asks the workers (daemon/question.h); personal
 *
 * Personal data goes to those who send the token of http.token; without a token, to whoever asks on this machine.
 */
#ifndef EDDY_DAEMON_STATUS_H
#define EDDY_DAEMON_STATUS_H

#include "daemon/http.h"
#include "daemon/pipeline.h"

/* A worker that has not turned for this long is stuck. Longer than the longest single call that waits for a broker (15 s): a
 * broker that is away is no reason to restart eddy. */
enum { EDDY_STUCK_MS = 20000 };

struct eddy_status;

/* Takes the address (http.listen). 0; -1, after a logged message if the address is taken, without one if memory is short. Without http.listen, or where the
 * default's port is taken: 0 and *status NULL. */
int eddy_status_open(struct eddy_status **status, const struct eddy_config *config, const struct eddy_logger *logger);
/* From now on it answers; the pipeline must outlive it. 0 or -1. NULL is fine: nothing. */
int eddy_status_start(struct eddy_status *status, struct eddy_pipeline *pipeline);
/* To be called a few times a second by whoever watches over the pipeline: keeps the history. NULL is fine. */
void eddy_status_turn(struct eddy_status *status, int64_t mono);
/* "127.0.0.1:8377", or NULL without a server. */
const char *eddy_status_address(const struct eddy_status *status);
void eddy_status_close(struct eddy_status *status);

/* The answer to /metrics, /healthz or /readyz at monotonic time `mono`; 404 for any other path. */
void eddy_status_answer(struct eddy_str path, const struct eddy_pipeline_stats *stats, int64_t mono, int64_t started_at,
                        struct eddy_http_reply *reply);

#endif
