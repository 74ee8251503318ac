#include "daemon/metrics_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Samples ------------------------------------------------------------------------------------------------------------------ */

static bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
}

static const char *skip_blank(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) at++;
  return at;
}

/* Behind the closing brace, NULL if there is none; braces within quotes do not count. */
static const char *skip_labels(const char *at, const char *end) {
  bool quoted = false;
  for (; at < end; at++) {
    if (quoted && *at == '\\' && at + 1 < end) {
      at++;
    } else if (*at == '"') {
      quoted = !quoted;
    } else if (!quoted && *at == '}') {
      return at + 1;
    }
  }
  return NULL;
}

static bool read_value(const char *at, const char *end, double *value) {
  char text[64], *rest;
  size_t size = 0;
  while (at < end && *at != ' ' && *at != '\t' && *at != '\r' && size < sizeof(text) - 1) text[size++] = *at++;
  text[size] = '\0';
  *value = strtod(text, &rest);
  return size > 0 && *rest == '\0';
}

static bool read_sample(const char *at, const char *end, struct eddy_metric *metric) {
  const char *name = at;
  while (at < end && is_name(*at)) at++;
  *metric = (struct eddy_metric){.name = {name, (uint32_t)(at - name)}};
  if (at == name) return false;
  at = skip_blank(at, end);
  if (at < end && *at == '{') {
    const char *labels = at + 1;
    at = skip_labels(labels, end);
    if (!at) return false;
    metric->labels = (struct eddy_str){labels, (uint32_t)(at - 1 - labels)};
  }
  return read_value(skip_blank(at, end), end, &metric->value);
}

int eddy_metrics_next(struct eddy_metrics_reader *reader, struct eddy_metric *metric) {
  while (reader->at < reader->end) {
    const char *feed = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    const char *end = feed ? feed : reader->end, *at = skip_blank(reader->at, end);
    reader->at = feed ? feed + 1 : end;
    reader->line++;
    if (at == end || *at == '#') continue;
    return read_sample(at, end, metric) ? 1 : -1;
  }
  return 0;
}

bool eddy_metric_is(const struct eddy_metric *metric, const char *name) {
  return metric->name.len == strlen(name) && memcmp(metric->name.data, name, metric->name.len) == 0;
}

/* Labels ------------------------------------------------------------------------------------------------------------------- */

static const char *find_label(struct eddy_str labels, const char *name, const char *end) {
  size_t length = strlen(name);
  for (const char *at = labels.data; at < end;) {
    while (at < end && (*at == ',' || *at == ' ')) at++;
    const char *begin = at;
    while (at < end && is_name(*at)) at++;
    bool found = (size_t)(at - begin) == length && memcmp(begin, name, length) == 0;
    if (at + 1 >= end || at[0] != '=' || at[1] != '"') return NULL;
    at += 2;
    if (found) return at;
    while (at < end && *at != '"') at += *at == '\\' ? 2 : 1;
    at++;
  }
  return NULL;
}

bool eddy_metric_label(const struct eddy_metric *metric, const char *name, char *text, size_t size) {
  const char *end = metric->labels.data + metric->labels.len;
  const char *at = metric->labels.len > 0 ? find_label(metric->labels, name, end) : NULL;
  size_t used = 0;
  if (!at) return false;
  for (; at < end && *at != '"' && used + 1 < size; at++) {
    if (*at == '\\' && at + 1 < end) at++;
    text[used++] = *at >= 0x20 && *at < 0x7f ? *at : '?';
  }
  text[used] = '\0';
  return true;
}

/* Histograms --------------------------------------------------------------------------------------------------------------- */

void eddy_metric_histogram_add(struct eddy_metric_histogram *histogram, const struct eddy_metric *metric) {
  char text[32], *rest;
  if (histogram->count == EDDY_METRIC_BUCKETS_MAX || !eddy_metric_label(metric, "le", text, sizeof(text))) return;
  double bound = strtod(text, &rest);
  if (rest == text || *rest != '\0' || isnan(bound) || !isfinite(metric->value)) return;
  int at = histogram->count++;
  for (; at > 0 && histogram->bounds[at - 1] > bound; at--) {
    histogram->bounds[at] = histogram->bounds[at - 1];
    histogram->sums[at] = histogram->sums[at - 1];
  }
  histogram->bounds[at] = bound;
  histogram->sums[at] = metric->value;
}

/* A counter that has gone back belongs to a new process. */
static bool is_older(const struct eddy_metric_histogram *before, const struct eddy_metric_histogram *after) {
  if (before->count != after->count) return false;
  for (int i = 0; i < after->count; i++) {
    if (before->bounds[i] != after->bounds[i] || before->sums[i] > after->sums[i]) return false;
  }
  return true;
}

static double below(const struct eddy_metric_histogram *before, const struct eddy_metric_histogram *after, bool older, int i) {
  return i < 0 ? 0 : after->sums[i] - (older ? before->sums[i] : 0);
}

double eddy_metric_quantile(const struct eddy_metric_histogram *before, const struct eddy_metric_histogram *after,
                            double part) {
  bool older = is_older(before, after);
  double total = below(before, after, older, after->count - 1), rank = part * total;
  if (!(total > 0)) return (double)NAN;
  for (int i = 0; i < after->count; i++) {
    double sum = below(before, after, older, i), less = below(before, after, older, i - 1);
    if (sum < rank) continue;
    double low = i > 0 ? after->bounds[i - 1] : 0, high = after->bounds[i];
    if (!isfinite(high) || !(sum > less)) return low;
    return low + (high - low) * (rank - less) / (sum - less);
  }
  return (double)NAN;
}
