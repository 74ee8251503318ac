#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/metrics.h"
#include "daemon/page.h"
#include "daemon/status_parts.h"

enum { FLOWS_MS = 600000 };

/* Answers ------------------------------------------------------------------------------------------------------------------ */

void eddy_status_put(struct eddy_http_reply *reply, int status, json_t *document) {
  char *text = document ? json_dumps(document, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
  reply->status = text ? status : 500;
  reply->type = "application/json";
  if (text && (eddy_buffer_append(&reply->body, text, strlen(text)) || eddy_buffer_append(&reply->body, "\n", 1))) {
    reply->status = 500;
  }
  free(text);
  json_decref(document);
}

void eddy_status_put_error(struct eddy_http_reply *reply, int status, const char *error, const char *message) {
  eddy_status_put(reply, status, json_pack("{s:s, s:s}", "error", error, "message", message));
}

static void answer_metrics(const struct eddy_pipeline_stats *stats, int64_t mono, int64_t started_at,
                           struct eddy_http_reply *reply) {
  (void)mono;
  reply->type = EDDY_METRICS_TYPE;
  if (eddy_metrics_write(&reply->body, stats, started_at) != 0) reply->status = 500;
}

static void answer_health(const struct eddy_pipeline_stats *stats, int64_t mono, int64_t started_at,
                          struct eddy_http_reply *reply) {
  (void)started_at;
  json_t *stuck = json_array();
  for (uint32_t i = 0; i < stats->workers; i++) {
    if (mono - (int64_t)stats->heartbeats[i] > EDDY_STUCK_MS) json_array_append_new(stuck, json_integer(i));
  }
  bool healthy = json_array_size(stuck) == 0;
  eddy_status_put(reply, healthy ? 200 : 503, json_pack("{s:b, s:o}", "healthy", healthy, "stuck_workers", stuck));
}

/* Members of the group without a partition are ready, too: they stand by. */
json_t *eddy_status_missing(const struct eddy_pipeline_stats *stats) {
  json_t *missing = json_array();
  if (stats->away > 0) json_array_append_new(missing, json_string("a broker that can be reached"));
  if (stats->workers == 0 || stats->joined < stats->workers) {
    json_array_append_new(missing, json_string("membership in the consumer group"));
  }
  if (stats->paused > 0) json_array_append_new(missing, json_string("paused partitions: see the log for the reason"));
  if (stats->restoring > 0) json_array_append_new(missing, json_string("partitions whose state is still being restored"));
  return missing;
}

static void answer_ready(const struct eddy_pipeline_stats *stats, int64_t mono, int64_t started_at,
                         struct eddy_http_reply *reply) {
  (void)mono;
  (void)started_at;
  json_t *missing = eddy_status_missing(stats);
  bool ready = json_array_size(missing) == 0;
  eddy_status_put(
      reply, ready ? 200 : 503,
      json_pack("{s:b, s:o, s:I, s:I, s:I}", "ready", ready, "missing", missing, "partitions", (json_int_t)stats->partitions,
                "paused", (json_int_t)stats->paused, "restoring", (json_int_t)stats->restoring));
}

static bool is(struct eddy_str path, const char *word) {
  return path.len == strlen(word) && memcmp(path.data, word, path.len) == 0;
}

void eddy_status_answer(struct eddy_str path, const struct eddy_pipeline_stats *stats, int64_t mono, int64_t started_at,
                        struct eddy_http_reply *reply) {
  static const struct {
    const char *path;
    void (*answer)(const struct eddy_pipeline_stats *, int64_t mono, int64_t started_at, struct eddy_http_reply *);
  } routes[] = {{"/metrics", answer_metrics}, {"/healthz", answer_health}, {"/readyz", answer_ready}};
  static const char none[] =
      "there is /, /metrics, /healthz, /readyz, /api/status, /api/segments, /api/triggers and /api/users/ID\n";
  for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
    if (!is(path, routes[i].path)) continue;
    routes[i].answer(stats, mono, started_at, reply);
    return;
  }
  reply->status = eddy_buffer_append(&reply->body, none, sizeof(none) - 1) ? 500 : 404;
}

/* Access ------------------------------------------------------------------------------------------------------------------- */

static enum eddy_access access_of(const struct eddy_status *status) {
  if (status->config->http.token) return EDDY_ACCESS_TOKEN;
  return eddy_http_is_loopback(status->http) ? EDDY_ACCESS_OPEN : EDDY_ACCESS_CLOSED;
}

/* True if whoever asks may see personal data; answers why not otherwise. */
static bool may_see(const struct eddy_status *status, const struct eddy_http_request *request, struct eddy_http_reply *reply) {
  enum eddy_access access = access_of(status);
  if (access == EDDY_ACCESS_OPEN) return true;
  if (access == EDDY_ACCESS_CLOSED) {
    eddy_status_put_error(reply, 403, "forbidden",
                          "personal data leaves this machine with a token only: set http.token in the configuration");
    return false;
  }
  if (eddy_http_bearer_is(request->authorization, status->config->http.token)) return true;
  reply->headers = "WWW-Authenticate: Bearer\r\n";
  eddy_status_put_error(reply, 401, "unauthorized",
                        "this needs the header `Authorization: Bearer TOKEN` with the token of http.token");
  return false;
}

/* Routes ------------------------------------------------------------------------------------------------------------------- */

static void answer_page(struct eddy_http_reply *reply) {
  struct eddy_str page = eddy_page();
  reply->type = "text/html; charset=utf-8";
  reply->headers = eddy_page_headers();
  if (!reply->headers || eddy_buffer_append(&reply->body, page.data, page.len) != 0) reply->status = 500;
}

static void answer_segments(struct eddy_status *status, const struct eddy_pipeline_stats *stats,
                            struct eddy_http_reply *reply) {
  int64_t now = eddy_clock_wall();
  struct eddy_flows *flows = calloc(1, sizeof(*flows));
  if (!flows) {
    reply->status = 500;
    return;
  }
  flows->since = now - FLOWS_MS;
  eddy_pipeline_flows(status->pipeline, flows);
  eddy_status_put(reply, 200, eddy_status_segments(status, stats, flows, now));
  free(flows);
}

static void answer_numbers(struct eddy_status *status, struct eddy_str path, struct eddy_http_reply *reply) {
  struct eddy_pipeline_stats *stats = malloc(sizeof(*stats));
  if (!stats) {
    reply->status = 500;
    return;
  }
  eddy_pipeline_stats(status->pipeline, stats);
  if (is(path, "/api/status"))
    eddy_status_put(reply, 200, eddy_status_overview(status, stats, access_of(status), eddy_clock_wall()));
  else if (is(path, "/api/segments"))
    answer_segments(status, stats, reply);
  else
    eddy_status_answer(path, stats, eddy_clock_mono(), status->started_at, reply);
  free(stats);
}

static void on_request(void *ctx, const struct eddy_http_request *request, struct eddy_http_reply *reply) {
  static const char users[] = "/api/users/";
  const size_t length = sizeof(users) - 1;
  struct eddy_status *status = ctx;
  struct eddy_str path = request->path;
  if (is(path, "/")) {
    answer_page(reply);
  } else if (is(path, "/api/triggers")) {
    if (may_see(status, request, reply)) eddy_status_stream(status, reply);
  } else if (path.len > length && memcmp(path.data, users, length) == 0) {
    struct eddy_str name = {path.data + length, path.len - (uint32_t)length};
    if (may_see(status, request, reply)) eddy_status_user(status, name, reply);
  } else {
    answer_numbers(status, path, reply);
  }
}

/* Life --------------------------------------------------------------------------------------------------------------------- */

static int open_http(struct eddy_http **http, const struct eddy_config *config, const struct eddy_logger *logger) {
  char why[256];
  if (eddy_http_open(http, config->http.listen, why, sizeof(why)) == 0) return 0;
  bool asked_for = config->http.listen_set;
  eddy_log(logger, asked_for ? EDDY_LOG_ERROR : EDDY_LOG_WARN, asked_for ? "http.listen failed" : "goes on without HTTP",
           "key=http.listen address=%s reason=\"%s\" hint=\"set http.listen to another port, or to none\"", config->http.listen,
           why);
  *http = NULL;
  return asked_for ? -1 : 0;
}

int eddy_status_open(struct eddy_status **out, const struct eddy_config *config, const struct eddy_logger *logger) {
  struct eddy_http *http = NULL;
  *out = NULL;
  if (config->http.listen && open_http(&http, config, logger) != 0) return -1;
  if (!http) return 0;
  struct eddy_status *status = calloc(1, sizeof(*status));
  struct eddy_history *history = eddy_history_new();
  if (!status || !history) {
    free(status);
    eddy_history_free(history);
    eddy_http_close(http);
    return -1;
  }
  *status = (struct eddy_status){
      .http = http, .config = config, .logger = logger, .history = history, .started_at = eddy_clock_wall()};
  *out = status;
  return 0;
}

int eddy_status_start(struct eddy_status *status, struct eddy_pipeline *pipeline) {
  if (!status) return 0;
  status->pipeline = pipeline;
  eddy_log(status->logger, EDDY_LOG_INFO, "HTTP listens", "address=%s page=http://%s/", eddy_http_address(status->http),
           eddy_http_address(status->http));
  return eddy_http_start(status->http, on_request, status);
}

void eddy_status_turn(struct eddy_status *status, int64_t mono) {
  if (!status || !status->pipeline || !eddy_history_due(status->history, mono)) return;
  struct eddy_pipeline_stats *stats = malloc(sizeof(*stats));
  if (!stats) return;
  eddy_pipeline_stats(status->pipeline, stats);
  eddy_history_take(status->history, stats, mono, eddy_clock_wall());
  free(stats);
}

const char *eddy_status_address(const struct eddy_status *status) {
  return status ? eddy_http_address(status->http) : NULL;
}

void eddy_status_close(struct eddy_status *status) {
  if (!status) return;
  eddy_http_close(status->http);
  eddy_history_free(status->history);
  free(status);
}
