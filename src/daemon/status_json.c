/* The documents of /api/status and /api/segments: numbers for the live page and for programs. */
#include <math.h>
#include <stdlib.h>

#include "base/version.h"
#include "daemon/status_parts.h"
#include "daemon/user_json.h"
#include "trainer/trainer.h"

static json_t *whole(uint64_t number) {
  return json_integer((json_int_t)number);
}

/* NaN and the infinities have no place in JSON. Three significant decimals are enough to look at. */
static json_t *decimal(double number) {
  return isfinite(number) ? json_real(round(number * 1000) / 1000) : json_null();
}

/* Status ------------------------------------------------------------------------------------------------------------------- */

static json_t *suppressed_by(const struct eddy_pipeline_stats *stats) {
  json_t *reasons = json_object();
  for (int i = EDDY_SUPPRESS_NONE + 1; i < EDDY_SUPPRESSION_COUNT; i++) {
    if (stats->suppressed_by[i] == 0) continue;
    json_object_set_new(reasons, eddy_suppression_name((enum eddy_suppression)i), whole(stats->suppressed_by[i]));
  }
  return reasons;
}

static json_t *history_of(struct eddy_history *history) {
  struct eddy_history_step *steps = calloc(EDDY_HISTORY_STEPS, sizeof(*steps));
  if (!steps) return json_null();
  int64_t until;
  size_t count = eddy_history_steps(history, steps, &until);
  json_t *events = json_array(), *lag = json_array(), *p50 = json_array(), *p99 = json_array(), *fired = json_array(),
         *changes = json_array();
  for (size_t i = 0; i < count; i++) {
    json_array_append_new(events, decimal(steps[i].events_per_s));
    json_array_append_new(lag, whole(steps[i].lag));
    json_array_append_new(p50, decimal(steps[i].p50_ms));
    json_array_append_new(p99, decimal(steps[i].p99_ms));
    json_array_append_new(fired, decimal(steps[i].fired_per_s));
    json_array_append_new(changes, decimal(steps[i].changes_per_s));
  }
  free(steps);
  return json_pack("{s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "step_ms", EDDY_HISTORY_STEP_MS, "until", (json_int_t)until,
                   "events_per_s", events, "lag", lag, "p50_ms", p50, "p99_ms", p99, "fired_per_s", fired, "changes_per_s",
                   changes);
}

static json_t *redis_of(const struct eddy_config *config, const struct eddy_pipeline_stats *stats) {
  if (!config->redis.url) return json_null();
  return json_pack("{s:o, s:o}", "connected", whole(stats->redis_connected), "pending_bytes", whole(stats->redis_pending));
}

static json_t *model_of(const struct eddy_config *config, const struct eddy_pipeline_stats *stats) {
  uint32_t needed = config->model.buffer_min ? config->model.buffer_min : eddy_trainer_buffer_min(config->model.segments);
  return json_pack("{s:I, s:o, s:o, s:i}", "users_needed", (json_int_t)needed, "version", whole(stats->model_version),
                   "trained_at", eddy_json_time(stats->model_version > 0 ? stats->trained_at : EDDY_TIME_NONE), "segments",
                   (int)stats->segment_count);
}

/* The partition that is behind the others says how far everything has been decided. */
static int64_t event_time(const struct eddy_pipeline_stats *stats) {
  int64_t least = EDDY_TIME_NONE;
  for (uint16_t i = 0; i < stats->partition_count; i++) {
    int64_t time = stats->board_partitions[i].time;
    if (time != EDDY_TIME_NONE && (least == EDDY_TIME_NONE || time < least)) least = time;
  }
  return least;
}

static void put_counts(json_t *document, const struct eddy_pipeline_stats *stats) {
  const struct {
    const char *name;
    uint64_t value;
  } counts[] = {{"workers", stats->workers},
                {"partitions", stats->partitions},
                {"at_end", stats->partitions_at_end},
                {"paused", stats->paused},
                {"restoring", stats->restoring},
                {"events", stats->events},
                {"lag", stats->lag},
                {"users", stats->users},
                {"state_bytes", stats->memory},
                {"segment_changes", stats->segment_changes},
                {"triggers_fired", stats->triggers_fired},
                {"triggers_suppressed", stats->triggers_suppressed},
                {"invalid", stats->invalid},
                {"late", stats->late}};
  for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
    json_object_set_new(document, counts[i].name, whole(counts[i].value));
  }
}

json_t *eddy_status_overview(struct eddy_status *status, const struct eddy_pipeline_stats *stats, enum eddy_access access,
                             int64_t now) {
  static const char *const access_names[] = {
      [EDDY_ACCESS_OPEN] = "open", [EDDY_ACCESS_TOKEN] = "token", [EDDY_ACCESS_CLOSED] = "closed"};
  struct eddy_history_times times = eddy_history_times(status->history, stats);
  json_t *missing = eddy_status_missing(stats);
  json_t *document = json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:o}", "app", status->config->app, "version", EDDY_VERSION,
                               "instance", status->config->instance, "now", (json_int_t)now, "started_at",
                               (json_int_t)status->started_at, "ready", json_array_size(missing) == 0, "missing", missing);
  if (!document) return NULL;
  put_counts(document, stats);
  json_object_set_new(document, "suppressed_by", suppressed_by(stats));
  json_object_set_new(document, "redis", redis_of(status->config, stats));
  json_object_set_new(document, "model", model_of(status->config, stats));
  json_object_set_new(document, "event_time", eddy_json_time(event_time(stats)));
  json_object_set_new(document, "latency_ms",
                      json_pack("{s:o, s:o}", "p50", decimal(times.latency_p50), "p99", decimal(times.latency_p99)));
  json_object_set_new(document, "commit_ms",
                      json_pack("{s:o, s:o}", "p50", decimal(times.commit_p50), "p99", decimal(times.commit_p99)));
  json_object_set_new(document, "personal", json_string(access_names[access]));
  json_object_set_new(document, "history", history_of(status->history));
  return document;
}

/* Segments ----------------------------------------------------------------------------------------------------------------- */

static json_t *trend_of(struct eddy_history *history, uint32_t segment) {
  uint64_t users[EDDY_HISTORY_TREND];
  size_t count = eddy_history_trend(history, segment, users);
  json_t *trend = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(trend, whole(users[i]));
  return trend;
}

static json_t *strongest_of(const struct eddy_spec *spec, const struct eddy_board_segment *segment) {
  json_t *strongest = json_array();
  for (uint16_t i = 0; i < segment->strongest_count; i++) {
    const struct eddy_board_strength *strength = &segment->strongest[i];
    const struct eddy_feature_spec *feature = &spec->features[strength->feature];
    json_t *trait = json_pack("{s:s, s:o, s:o}", "feature", feature->name, "z", decimal((double)strength->z), "typical",
                              decimal((double)strength->typical));
    if (eddy_feature_is_money(feature)) json_object_set_new(trait, "currency", json_string(spec->currency));
    json_array_append_new(strongest, trait);
  }
  return strongest;
}

static json_t *segment_or_null(bool has, uint32_t id) {
  return has ? json_integer(id) : json_null();
}

static json_t *flows_of(const struct eddy_flows *flows, int64_t now) {
  enum { SHOWN_MAX = 256 };
  json_t *counts = json_array();
  for (size_t i = 0; i < flows->count && i < SHOWN_MAX; i++) {
    const struct eddy_flow *flow = &flows->flows[i];
    json_array_append_new(counts, json_pack("{s:o, s:o, s:o}", "from", segment_or_null(flow->has_from, flow->from), "to",
                                            segment_or_null(flow->has_to, flow->to), "count", whole(flow->count)));
  }
  return json_pack("{s:I, s:o}", "window_ms", (json_int_t)(now - flows->since), "counts", counts);
}

json_t *eddy_status_segments(struct eddy_status *status, const struct eddy_pipeline_stats *stats,
                             const struct eddy_flows *flows, int64_t now) {
  json_t *segments = json_array();
  for (uint16_t i = 0; i < stats->segment_count; i++) {
    const struct eddy_board_segment *segment = &stats->segments[i];
    json_array_append_new(segments, json_pack("{s:I, s:s, s:o, s:o, s:o}", "id", (json_int_t)segment->id, "name", segment->name,
                                              "users", whole(segment->users), "trend", trend_of(status->history, segment->id),
                                              "strongest", strongest_of(&status->config->spec, segment)));
  }
  return json_pack("{s:o, s:o, s:o, s:o, s:o}", "model_version", whole(stats->model_version), "trained_at",
                   eddy_json_time(stats->model_version > 0 ? stats->trained_at : EDDY_TIME_NONE), "users", whole(stats->users),
                   "segments", segments, "flows", flows_of(flows, now));
}
