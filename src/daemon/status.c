#include "daemon/status.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/metrics.h"

struct eddy_status {
  struct eddy_http *http;
  struct eddy_pipeline *pipeline;
  const struct eddy_logger *logger;
  int64_t started_at; /* wall time */
};

/* Gives the JSON up. */
static void put_json(struct eddy_http_reply *reply, int status, json_t *json) {
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  reply->status = text ? status : 500;
  reply->type = "application/json";
  if (text && (eddy_buffer_append(&reply->body, text, strlen(text)) || eddy_buffer_append(&reply->body, "\n", 1))) {
    reply->status = 500;
  }
  free(text);
  json_decref(json);
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
  put_json(reply, healthy ? 200 : 503, json_pack("{s:b, s:o}", "healthy", healthy, "stuck_workers", stuck));
}

/* Members of the group without a partition are ready, too: they stand by. */
static void answer_ready(const struct eddy_pipeline_stats *stats, int64_t mono, int64_t started_at,
                         struct eddy_http_reply *reply) {
  (void)mono;
  (void)started_at;
  json_t *missing = json_array();
  if (stats->away > 0) json_array_append_new(missing, json_string("a broker that can be reached"));
  if (stats->workers == 0 || stats->joined < stats->workers) {
    json_array_append_new(missing, json_string("membership in the consumer group"));
  }
  if (stats->paused > 0) json_array_append_new(missing, json_string("paused partitions: see the log for the reason"));
  if (stats->restoring > 0) json_array_append_new(missing, json_string("partitions whose state is still being restored"));
  bool ready = json_array_size(missing) == 0;
  put_json(reply, ready ? 200 : 503,
           json_pack("{s:b, s:o, s:I, s:I, s:I}", "ready", ready, "missing", missing, "partitions",
                     (json_int_t)stats->partitions, "paused", (json_int_t)stats->paused, "restoring",
                     (json_int_t)stats->restoring));
}

static void answer_segments(const struct eddy_pipeline_stats *stats, int64_t mono, int64_t started_at,
                            struct eddy_http_reply *reply) {
  (void)mono;
  (void)started_at;
  json_t *segments = json_array();
  for (uint16_t i = 0; i < stats->segment_count; i++) {
    const struct eddy_board_segment *segment = &stats->segments[i];
    json_array_append_new(segments, json_pack("{s:I, s:s, s:I}", "id", (json_int_t)segment->id, "name", segment->name, "users",
                                              (json_int_t)segment->users));
  }
  put_json(reply, 200,
           json_pack("{s:I, s:I, s:o}", "model_version", (json_int_t)stats->model_version, "users", (json_int_t)stats->users,
                     "segments", segments));
}

static const struct {
  const char *path;
  void (*answer)(const struct eddy_pipeline_stats *, int64_t mono, int64_t started_at, struct eddy_http_reply *);
} routes[] = {
    {"/metrics", answer_metrics}, {"/healthz", answer_health}, {"/readyz", answer_ready}, {"/api/segments", answer_segments}};

void eddy_status_answer(struct eddy_str path, const struct eddy_pipeline_stats *stats, int64_t mono, int64_t started_at,
                        struct eddy_http_reply *reply) {
  static const char none[] = "there is /metrics, /healthz, /readyz and /api/segments\n";
  for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
    if (path.len != strlen(routes[i].path) || memcmp(path.data, routes[i].path, path.len) != 0) continue;
    routes[i].answer(stats, mono, started_at, reply);
    return;
  }
  reply->status = eddy_buffer_append(&reply->body, none, sizeof(none) - 1) ? 500 : 404;
}

static void on_request(void *ctx, const struct eddy_http_request *request, struct eddy_http_reply *reply) {
  struct eddy_status *status = ctx;
  struct eddy_pipeline_stats *stats = malloc(sizeof(*stats));
  if (!stats) {
    reply->status = 500;
    return;
  }
  eddy_pipeline_stats(status->pipeline, stats);
  eddy_status_answer(request->path, stats, eddy_clock_mono(), status->started_at, reply);
  free(stats);
}

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
  if (!status) {
    eddy_http_close(http);
    return -1;
  }
  *status = (struct eddy_status){.http = http, .logger = logger, .started_at = eddy_clock_wall()};
  *out = status;
  return 0;
}

int eddy_status_start(struct eddy_status *status, struct eddy_pipeline *pipeline) {
  if (!status) return 0;
  status->pipeline = pipeline;
  eddy_log(status->logger, EDDY_LOG_INFO, "HTTP listens", "address=%s", eddy_http_address(status->http));
  return eddy_http_start(status->http, on_request, status);
}

const char *eddy_status_address(const struct eddy_status *status) {
  return status ? eddy_http_address(status->http) : NULL;
}

void eddy_status_close(struct eddy_status *status) {
  if (!status) return;
  eddy_http_close(status->http);
  free(status);
}
