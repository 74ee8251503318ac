#include "daemon/pipeline.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"
#include "daemon/registry.h"
#include "daemon/worker.h"

struct eddy_pipeline {
  const struct eddy_config *config;
  const struct eddy_logger *logger;
  struct eddy_reload_outcome reloaded;
  pthread_mutex_t lock; /* of the above, and of the list below while workers start and end */
  struct eddy_worker **workers;
  struct eddy_schema_registry *registry; /* of all workers; NULL: none is configured */
  uint32_t started, ended;
  bool stop;
};

static const char *at_end_name(enum eddy_at_end at_end) {
  switch (at_end) {
    case EDDY_AT_END_WALL:
      return "wall";
    case EDDY_AT_END_NEWEST:
      return "newest";
    case EDDY_AT_END_HOLD:
      return "hold";
    case EDDY_AT_END_SCALED:
      return "scaled";
  }
  return "";
}

static void say_start(const struct eddy_config *config, const struct eddy_logger *logger) {
  eddy_log(logger, EDDY_LOG_INFO, "eddy starts",
           "app=%s brokers=%s input=%s group=%s instance=%s workers=%u features=%u triggers=%u segments=%u "
           "commit_interval_ms=%" PRId64 " at_end=%s redis=%s registry=%s profiles=%s",
           config->app, config->kafka.brokers, config->kafka.input, config->kafka.group, config->instance, config->workers,
           config->spec.feature_count, config->spec.trigger_count, config->model.segments, config->kafka.commit_interval_ms,
           at_end_name(config->time.at_end), config->redis.url ? "on" : "off", config->registry.url ? "on" : "off",
           config->state.keep ? "durable" : "in-memory");
}

/* From the thread of a worker that ends: the others cannot do its part. */
static void on_ended(void *ctx) {
  struct eddy_pipeline *pipeline = ctx;
  pthread_mutex_lock(&pipeline->lock);
  pipeline->ended++;
  pthread_mutex_unlock(&pipeline->lock);
  eddy_pipeline_request_stop(pipeline);
}

int eddy_pipeline_start(struct eddy_pipeline **out, const struct eddy_config *config, const struct eddy_logger *logger) {
  struct eddy_pipeline *pipeline = calloc(1, sizeof(*pipeline));
  struct eddy_worker **workers = calloc(config->workers, sizeof(struct eddy_worker *));
  struct eddy_schema_registry *registry = NULL;
  signal(SIGPIPE, SIG_IGN); /* a closed socket is an error to handle, not a reason to die */
  say_start(config, logger);
  if (!pipeline || !workers || eddy_registry_open(&registry, config, logger) != 0) {
    free(pipeline);
    free(workers);
    return EDDY_E_NOMEM;
  }
  *pipeline = (struct eddy_pipeline){.config = config, .logger = logger, .workers = workers, .registry = registry};
  pipeline->reloaded = (struct eddy_reload_outcome){.ok = true, .at = eddy_clock_wall()};
  pthread_mutex_init(&pipeline->lock, NULL);
  int error = 0;
  pthread_mutex_lock(&pipeline->lock);
  for (uint32_t i = 0; i < config->workers && !error; i++) {
    struct eddy_worker_options options = {
        .config = config, .logger = logger, .registry = registry, .index = i, .ended = on_ended, .ctx = pipeline};
    error = eddy_worker_start(&pipeline->workers[i], &options);
    if (!error) pipeline->started++;
  }
  pthread_mutex_unlock(&pipeline->lock);
  if (error) {
    eddy_pipeline_request_stop(pipeline);
    eddy_pipeline_join(pipeline);
    return error;
  }
  *out = pipeline;
  return 0;
}

void eddy_pipeline_retune(struct eddy_pipeline *pipeline, const struct eddy_config *config) {
  pthread_mutex_lock(&pipeline->lock);
  for (uint32_t i = 0; i < pipeline->started; i++) eddy_worker_retune(pipeline->workers[i], config);
  pthread_mutex_unlock(&pipeline->lock);
}

void eddy_pipeline_set_reloaded(struct eddy_pipeline *pipeline, struct eddy_reload_outcome outcome) {
  pthread_mutex_lock(&pipeline->lock);
  pipeline->reloaded = outcome;
  pthread_mutex_unlock(&pipeline->lock);
}

void eddy_pipeline_request_stop(struct eddy_pipeline *pipeline) {
  pthread_mutex_lock(&pipeline->lock);
  bool first = !pipeline->stop;
  pipeline->stop = true;
  for (uint32_t i = 0; first && i < pipeline->started; i++) eddy_worker_request_stop(pipeline->workers[i]);
  pthread_mutex_unlock(&pipeline->lock);
}

bool eddy_pipeline_ended(struct eddy_pipeline *pipeline) {
  pthread_mutex_lock(&pipeline->lock);
  bool ended = pipeline->ended == pipeline->started;
  pthread_mutex_unlock(&pipeline->lock);
  return ended;
}

void eddy_pipeline_stats(struct eddy_pipeline *pipeline, struct eddy_pipeline_stats *stats) {
  memset(stats, 0, sizeof(*stats));
  pthread_mutex_lock(&pipeline->lock);
  for (uint32_t i = 0; i < pipeline->started; i++) eddy_stats_merge(stats, eddy_worker_stats_of(pipeline->workers[i]));
  stats->reload_ok = pipeline->reloaded.ok;
  stats->reload_at = pipeline->reloaded.at;
  pthread_mutex_unlock(&pipeline->lock);
  stats->has_registry = pipeline->registry != NULL;
  if (pipeline->registry) stats->registry = eddy_schema_registry_stats(pipeline->registry);
  eddy_stats_finish(stats);
}

uint32_t eddy_pipeline_workers(const struct eddy_pipeline *pipeline) {
  return pipeline->config->workers;
}

size_t eddy_pipeline_triggers(struct eddy_pipeline *pipeline, struct eddy_trigger_cursor *cursor,
                              struct eddy_board_trigger *triggers, size_t max) {
  size_t count = 0;
  pthread_mutex_lock(&pipeline->lock);
  for (uint32_t i = 0; i < pipeline->started; i++) {
    struct eddy_worker_stats *stats = eddy_worker_stats_of(pipeline->workers[i]);
    count += eddy_board_triggers(stats, &cursor->seen[i], triggers + count, max - count, &cursor->skipped);
  }
  pthread_mutex_unlock(&pipeline->lock);
  return count;
}

void eddy_pipeline_flows(struct eddy_pipeline *pipeline, struct eddy_flows *flows) {
  pthread_mutex_lock(&pipeline->lock);
  for (uint32_t i = 0; i < pipeline->started; i++) {
    int64_t begins = eddy_recent_begins(eddy_worker_recent_of(pipeline->workers[i]));
    if (begins > flows->since) flows->since = begins;
  }
  for (uint32_t i = 0; i < pipeline->started; i++) eddy_recent_add_flows(eddy_worker_recent_of(pipeline->workers[i]), flows);
  pthread_mutex_unlock(&pipeline->lock);
  eddy_flows_sort(flows);
}

void eddy_pipeline_ask(struct eddy_pipeline *pipeline, struct eddy_question *question) {
  pthread_mutex_lock(&pipeline->lock);
  for (uint32_t i = 0; i < pipeline->started; i++) eddy_mailbox_put(eddy_worker_mailbox_of(pipeline->workers[i]), question);
  pthread_mutex_unlock(&pipeline->lock);
}

static void say_end(const struct eddy_pipeline *pipeline, const struct eddy_pipeline_stats *stats, int exit_code) {
  eddy_log(pipeline->logger, EDDY_LOG_INFO, "eddy ends",
           "exit=%d events=%" PRIu64 " invalid=%" PRIu64 " clamped=%" PRIu64 " late=%" PRIu64 " segment_changes=%" PRIu64
           " triggers_fired=%" PRIu64 " triggers_suppressed=%" PRIu64 " commits=%" PRIu64 " aborts=%" PRIu64,
           exit_code, stats->events, stats->invalid, stats->clamped, stats->late, stats->segment_changes, stats->triggers_fired,
           stats->triggers_suppressed, stats->commits, stats->aborts);
}

/* Waits without the lock: workers that end need it. */
static void await_all(struct eddy_pipeline *pipeline) {
  for (uint32_t i = 0; i < pipeline->started; i++) eddy_worker_await(pipeline->workers[i]);
}

int eddy_pipeline_join(struct eddy_pipeline *pipeline) {
  int exit_code = 0;
  await_all(pipeline);
  struct eddy_pipeline_stats *stats = malloc(sizeof(*stats));
  if (stats) eddy_pipeline_stats(pipeline, stats);
  for (uint32_t i = 0; i < pipeline->started; i++) {
    int code = eddy_worker_free(pipeline->workers[i]);
    if (exit_code == 0) exit_code = code;
  }
  eddy_schema_registry_close(pipeline->registry);
  if (stats) say_end(pipeline, stats, exit_code);
  free(stats);
  pthread_mutex_destroy(&pipeline->lock);
  free(pipeline->workers);
  free(pipeline);
  return exit_code;
}
