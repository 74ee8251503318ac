#include "cmd/top_sample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *metric, *label, *value;
} numbers[EDDY_TOP_NUMBER_COUNT] = {
#define X(number, metric, label, value) [EDDY_TOP_##number] = {metric, label, value},
    EDDY_TOP_NUMBERS(X)
#undef X
};

/* One sample of the page ----------------------------------------------------------------------------------------------------*/

static void take_number(struct eddy_top_sample *sample, const struct eddy_metric *metric) {
  char text[EDDY_TOP_TEXT_MAX];
  for (int i = 0; i < EDDY_TOP_NUMBER_COUNT; i++) {
    if (!eddy_metric_is(metric, numbers[i].metric)) continue;
    if (numbers[i].label &&
        (!eddy_metric_label(metric, numbers[i].label, text, sizeof(text)) || strcmp(text, numbers[i].value) != 0))
      continue;
    sample->numbers[i] = isnan(sample->numbers[i]) ? metric->value : sample->numbers[i] + metric->value;
  }
}

/* By its id; made if there is room. */
static struct eddy_top_partition *partition_of(struct eddy_top_sample *sample, const struct eddy_metric *metric) {
  char id[sizeof(sample->partitions->id)];
  if (!eddy_metric_label(metric, "partition", id, sizeof(id))) return NULL;
  for (int i = 0; i < sample->partition_count; i++) {
    if (strcmp(sample->partitions[i].id, id) == 0) return &sample->partitions[i];
  }
  if (sample->partition_count == EDDY_TOP_PARTITIONS_MAX) return NULL;
  struct eddy_top_partition *partition = &sample->partitions[sample->partition_count++];
  *partition = (struct eddy_top_partition){0};
  memcpy(partition->id, id, sizeof(id));
  return partition;
}

static void take_partition(struct eddy_top_sample *sample, const struct eddy_metric *metric) {
  bool lag = eddy_metric_is(metric, "eddy_partition_lag_records"), paused = eddy_metric_is(metric, "eddy_partition_paused");
  struct eddy_top_partition *partition = lag || paused ? partition_of(sample, metric) : NULL;
  if (!partition) return;
  if (lag && isfinite(metric->value)) partition->lag = metric->value;
  if (paused) partition->paused = metric->value > 0;
}

static void take_segment(struct eddy_top_sample *sample, const struct eddy_metric *metric) {
  if (!eddy_metric_is(metric, "eddy_segment_users") || sample->segment_count == EDDY_TOP_SEGMENTS_MAX) return;
  struct eddy_top_segment *segment = &sample->segments[sample->segment_count];
  *segment = (struct eddy_top_segment){.users = isfinite(metric->value) ? metric->value : 0};
  if (!eddy_metric_label(metric, "id", segment->id, sizeof(segment->id))) return;
  eddy_metric_label(metric, "name", segment->name, sizeof(segment->name));
  sample->segment_count++;
}

static void take(struct eddy_top_sample *sample, const struct eddy_metric *metric) {
  if (eddy_metric_is(metric, "eddy_commit_duration_seconds_bucket")) eddy_metric_histogram_add(&sample->commit, metric);
  if (eddy_metric_is(metric, "eddy_end_to_end_latency_seconds_bucket")) eddy_metric_histogram_add(&sample->latency, metric);
  if (eddy_metric_is(metric, "eddy_build_info")) eddy_metric_label(metric, "version", sample->version, sizeof(sample->version));
  take_number(sample, metric);
  take_partition(sample, metric);
  take_segment(sample, metric);
}

/* All of them -------------------------------------------------------------------------------------------------------------- */

static int by_lag(const void *left, const void *right) {
  const struct eddy_top_partition *a = left, *b = right;
  if (a->lag != b->lag) return a->lag > b->lag ? -1 : 1;
  long first = strtol(a->id, NULL, 10), second = strtol(b->id, NULL, 10);
  return (first > second) - (first < second);
}

static int by_users(const void *left, const void *right) {
  const struct eddy_top_segment *a = left, *b = right;
  if (a->users != b->users) return a->users > b->users ? -1 : 1;
  return strcmp(a->id, b->id);
}

int eddy_top_sample_read(struct eddy_top_sample *sample, const char *text, size_t size, int64_t now, char *why,
                         size_t why_size) {
  struct eddy_metrics_reader reader = {text, text + size, 0};
  struct eddy_metric metric;
  int got;
  memset(sample, 0, sizeof(*sample));
  sample->taken_at = now;
  for (int i = 0; i < EDDY_TOP_NUMBER_COUNT; i++) sample->numbers[i] = (double)NAN;
  while ((got = eddy_metrics_next(&reader, &metric)) > 0) take(sample, &metric);
  if (got < 0) {
    snprintf(why, why_size, "line %d of the answer is no metric", reader.line);
    return -1;
  }
  if (isnan(sample->numbers[EDDY_TOP_EVENTS])) {
    snprintf(why, why_size, "the answer has no metrics of eddy's");
    return -1;
  }
  qsort(sample->partitions, (size_t)sample->partition_count, sizeof(sample->partitions[0]), by_lag);
  qsort(sample->segments, (size_t)sample->segment_count, sizeof(sample->segments[0]), by_users);
  return 0;
}

/* Between two ---------------------------------------------------------------------------------------------------------------*/

double eddy_top_rate(const struct eddy_top_sample *before, const struct eddy_top_sample *sample, enum eddy_top_number number) {
  if (!before || sample->taken_at <= before->taken_at) return (double)NAN;
  double now = sample->numbers[number], then = before->numbers[number];
  double seconds = (double)(sample->taken_at - before->taken_at) / 1000;
  return (now >= then ? now - then : isnan(then) ? (double)NAN : now) / seconds;
}

static struct eddy_top_times times(const struct eddy_metric_histogram *before, const struct eddy_metric_histogram *after) {
  static const struct eddy_metric_histogram none;
  if (!before) before = &none;
  return (struct eddy_top_times){1000 * eddy_metric_quantile(before, after, 0.5),
                                 1000 * eddy_metric_quantile(before, after, 0.99)};
}

struct eddy_top_times eddy_top_commit(const struct eddy_top_sample *before, const struct eddy_top_sample *sample) {
  return times(before ? &before->commit : NULL, &sample->commit);
}

struct eddy_top_times eddy_top_latency(const struct eddy_top_sample *before, const struct eddy_top_sample *sample) {
  return times(before ? &before->latency : NULL, &sample->latency);
}
