/* The inside of daemon/status.h, shared by status*.c alone. All of it on the server's thread, except where it says otherwise.
 */
#ifndef EDDY_DAEMON_STATUS_PARTS_H
#define EDDY_DAEMON_STATUS_PARTS_H

#include <jansson.h>

#include "daemon/history.h"
#include "daemon/status.h"

struct eddy_status {
  struct eddy_http *http;
  struct eddy_pipeline *pipeline;
  const struct eddy_config *config;
  const struct eddy_logger *logger;
  struct eddy_history *history;
  int64_t started_at; /* wall time */
};

/* Who may see personal data. */
enum eddy_access { EDDY_ACCESS_OPEN, EDDY_ACCESS_TOKEN, EDDY_ACCESS_CLOSED };

/* Answers with a document, given up, and a status. */
void eddy_status_put(struct eddy_http_reply *reply, int status, json_t *document);
/* {"error": "unknown_user", "message": "..."} */
void eddy_status_put_error(struct eddy_http_reply *reply, int status, const char *error, const char *message);

/* What is not ready, as sentences; an empty array if all is. */
json_t *eddy_status_missing(const struct eddy_pipeline_stats *stats);

/* The documents of /api/status and /api/segments; NULL if memory is short. Times are wall clock. */
json_t *eddy_status_overview(struct eddy_status *status, const struct eddy_pipeline_stats *stats, enum eddy_access access,
                             int64_t now);
json_t *eddy_status_segments(struct eddy_status *status, const struct eddy_pipeline_stats *stats,
                             const struct eddy_flows *flows, int64_t now);

/* Replies that come by and by. */
void eddy_status_stream(struct eddy_status *status, struct eddy_http_reply *reply);
/* `name`: percent-encoded id of the user. */
void eddy_status_user(struct eddy_status *status, struct eddy_str name, struct eddy_http_reply *reply);

#endif
