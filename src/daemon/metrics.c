#include "daemon/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "codec/event_error.h"

enum { LINE_ROOM = 512, LABEL_ROOM = 256 };

struct page {
  struct eddy_buffer *out;
  int error; /* of the first line that had no room */
};

static void put(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct page *page, const char *format, ...) {
  char line[LINE_ROOM];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  if (!page->error)
    page->error = eddy_buffer_append(page->out, line, (size_t)size < sizeof(line) ? (size_t)size : LINE_ROOM - 1);
}

static void put_head(struct page *page, const char *name, const char *type, const char *help) {
  put(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_value(struct page *page, const char *name, const char *help, uint64_t value) {
  size_t length = strlen(name);
  bool counter = length > 6 && strcmp(name + length - 6, "_total") == 0;
  put_head(page, name, counter ? "counter" : "gauge", help);
  put(page, "%s %" PRIu64 "\n", name, value);
}

/* Text as a label's value. */
static const char *label(const char *text, char quoted[LABEL_ROOM]) {
  size_t at = 0;
  for (; *text && at + 3 < LABEL_ROOM; text++) {
    if (*text == '"' || *text == '\\' || *text == '\n') quoted[at++] = '\\';
    quoted[at++] = *text;
    if (*text == '\n') quoted[at - 1] = 'n';
  }
  quoted[at] = '\0';
  return quoted;
}

static void put_table(struct page *page, const struct eddy_pipeline_stats *stats) {
  const struct {
    const char *name, *help;
    uint64_t value;
  } rows[] = {
#define X(field, metric, text) {metric, text, stats->field},
      EDDY_STATS(X)
#undef X
  };
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (rows[i].name) put_value(page, rows[i].name, rows[i].help, rows[i].value);
  }
}

static void put_reasons(struct page *page, const struct eddy_pipeline_stats *stats) {
  put_head(page, "eddy_invalid_total", "counter", "records sent to the dead-letter topic, by reason");
  for (int i = 0; i < EDDY_INVALID_REASONS; i++) {
    put(page, "eddy_invalid_total{reason=\"%s\"} %" PRIu64 "\n", eddy_event_error_name(EDDY_EVENT_E_EMPTY - i),
        stats->invalid_by[i]);
  }
  put_head(page, "eddy_triggers_total", "counter", "triggers that were decided, by outcome");
  put(page, "eddy_triggers_total{outcome=\"fired\"} %" PRIu64 "\neddy_triggers_total{outcome=\"suppressed\"} %" PRIu64 "\n",
      stats->triggers_fired, stats->triggers_suppressed);
  put_head(page, "eddy_suppressed_total", "counter", "triggers that were held back, by reason");
  for (int i = EDDY_SUPPRESS_NONE + 1; i < EDDY_SUPPRESSION_COUNT; i++) {
    put(page, "eddy_suppressed_total{reason=\"%s\"} %" PRIu64 "\n", eddy_suppression_name((enum eddy_suppression)i),
        stats->suppressed_by[i]);
  }
}

/* A histogram in seconds of times kept in 1 / `scale` of them; `labels` "" or such as `stage="poll"`. */
struct times_form {
  const char *name, *labels;
  const int *bounds;
  double scale;
  int digits;
};

static void put_histogram(struct page *page, const struct times_form *form, const struct eddy_times *times) {
  const char *comma = form->labels[0] ? "," : "", *open = form->labels[0] ? "{" : "", *close = form->labels[0] ? "}" : "";
  uint64_t sum = 0;
  for (int i = 0; i < EDDY_TIMES; i++) {
    char bound[16] = "+Inf";
    if (i < EDDY_TIMES - 1) snprintf(bound, sizeof(bound), "%g", form->bounds[i] / form->scale);
    sum += times->classes[i];
    put(page, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", form->name, form->labels, comma, bound, sum);
  }
  put(page, "%s_sum%s%s%s %.*f\n", form->name, open, form->labels, close, form->digits, (double)times->sum / form->scale);
  put(page, "%s_count%s%s%s %" PRIu64 "\n", form->name, open, form->labels, close, sum);
}

static void put_times(struct page *page, const char *name, const char *help, const struct eddy_times *times) {
  static const int bounds[EDDY_TIMES - 1] = EDDY_TIME_BOUNDS;
  const struct times_form form = {name, "", bounds, 1e3, 3};
  put_head(page, name, "histogram", help);
  put_histogram(page, &form, times);
}

static void put_stages(struct page *page, const struct eddy_pipeline_stats *stats) {
  static const int bounds[EDDY_TIMES - 1] = EDDY_STAGE_BOUNDS;
  static const char name[] = "eddy_stage_duration_seconds";
  static const char *const labels[EDDY_STAGE_COUNT] = {
#define X(constant, label_name, text) "stage=\"" label_name "\"",
      EDDY_STAGES(X)
#undef X
  };
  static const char help[] = "what a batch of records goes through"
#define X(constant, label_name, text) "; " label_name ": " text
      EDDY_STAGES(X);
#undef X
  put_head(page, name, "histogram", help);
  for (int i = 0; i < EDDY_STAGE_COUNT; i++) {
    const struct times_form form = {name, labels[i], bounds, 1e6, 6};
    put_histogram(page, &form, &stats->stages[i]);
  }
}

static void put_registry(struct page *page, const struct eddy_pipeline_stats *stats) {
  if (!stats->has_registry) return;
  const struct eddy_registry_stats *registry = &stats->registry;
  put_value(page, "eddy_registry_up", "1 while the schema registry answers", !registry->away);
  put_value(page, "eddy_registry_schemas", "writer schemas that are kept", registry->schemas);
  put_head(page, "eddy_registry_requests_total", "counter", "questions to the schema registry, by outcome");
  put(page, "eddy_registry_requests_total{outcome=\"answered\"} %" PRIu64 "\n", registry->answered);
  put(page, "eddy_registry_requests_total{outcome=\"failed\"} %" PRIu64 "\n", registry->failed);
}

static void put_partitions(struct page *page, const struct eddy_pipeline_stats *stats) {
  put_head(page, "eddy_partition_lag_records", "gauge", "records of an input partition that are not read yet");
  for (uint16_t i = 0; i < stats->partition_count; i++) {
    put(page, "eddy_partition_lag_records{partition=\"%d\"} %" PRIu64 "\n", stats->board_partitions[i].id,
        stats->board_partitions[i].lag);
  }
  put_head(page, "eddy_partition_paused", "gauge", "1 while an input partition is paused: the log has the reason");
  for (uint16_t i = 0; i < stats->partition_count; i++) {
    put(page, "eddy_partition_paused{partition=\"%d\"} %d\n", stats->board_partitions[i].id, stats->board_partitions[i].paused);
  }
  put_head(page, "eddy_partition_time_seconds", "gauge", "partition time: what was due before it has been decided");
  for (uint16_t i = 0; i < stats->partition_count; i++) {
    if (stats->board_partitions[i].time == EDDY_TIME_NONE) continue;
    put(page, "eddy_partition_time_seconds{partition=\"%d\"} %.3f\n", stats->board_partitions[i].id,
        (double)stats->board_partitions[i].time / 1000);
  }
}

static void put_segments(struct page *page, const struct eddy_pipeline_stats *stats) {
  char name[LABEL_ROOM];
  put_value(page, "eddy_model_version", "version of the model in use, 0 = none yet", stats->model_version);
  if (stats->model_version > 0) {
    put_head(page, "eddy_model_trained_time_seconds", "gauge", "event time of the newest contribution to the model in use");
    put(page, "eddy_model_trained_time_seconds %.3f\n", (double)stats->trained_at / 1000);
  }
  put_head(page, "eddy_segment_users", "gauge", "users of a segment that this process keeps");
  for (uint16_t i = 0; i < stats->segment_count; i++) {
    put(page, "eddy_segment_users{id=\"%" PRIu32 "\",name=\"%s\"} %" PRIu64 "\n", stats->segments[i].id,
        label(stats->segments[i].name, name), stats->segments[i].users);
  }
}

int eddy_metrics_write(struct eddy_buffer *out, const struct eddy_pipeline_stats *stats, int64_t started_at) {
  struct page page = {.out = out};
  put_table(&page, stats);
  put_reasons(&page, stats);
  put_times(&page, "eddy_commit_duration_seconds", "from a transaction's last record to its commit", &stats->commit_time);
  put_times(&page, "eddy_end_to_end_latency_seconds", "from the Kafka timestamp of a transaction's oldest record to its commit",
            &stats->latency);
  put_stages(&page, stats);
  put_partitions(&page, stats);
  put_registry(&page, stats);
  put_segments(&page, stats);
  put_value(&page, "eddy_config_reload_ok", "1 unless the newest configuration was refused: the log has the reason",
            stats->reload_ok);
  put_head(&page, "eddy_config_reload_time_seconds", "gauge", "when the configuration was read last");
  put(&page, "eddy_config_reload_time_seconds %.3f\n", (double)stats->reload_at / 1000);
  put_value(&page, "eddy_workers", "threads that share the input partitions", stats->workers);
  put_head(&page, "eddy_build_info", "gauge", "always 1; the version is a label");
  put(&page, "eddy_build_info{version=\"" EDDY_VERSION "\"} 1\n");
  put_head(&page, "process_start_time_seconds", "gauge", "start of the process, seconds since 1970");
  put(&page, "process_start_time_seconds %.3f\n", (double)started_at / 1000);
  return page.error;
}
