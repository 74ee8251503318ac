#include "daemon/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/event_error.h"
#include "codec/output_text.h"

#define X(constant, code, name, sentence) +1
_Static_assert(EDDY_EVENT_ERRORS(X) == EDDY_INVALID_REASONS, "one counter per reason");
#undef X

void eddy_worker_stats_init(struct eddy_worker_stats *stats) {
  memset(stats, 0, sizeof(*stats));
  pthread_mutex_init(&stats->lock, NULL);
}

void eddy_worker_stats_fini(struct eddy_worker_stats *stats) {
  pthread_mutex_destroy(&stats->lock);
}

static void merge_segments(struct eddy_pipeline_stats *sum, const struct eddy_board *board) {
  /* Workers adopt a version at slightly different moments: show the newest one. */
  if (board->segment_count == 0 || board->model_version < sum->model_version) return;
  if (board->model_version > sum->model_version) {
    sum->model_version = board->model_version;
    sum->trained_at = board->trained_at;
    sum->segment_count = board->segment_count;
    memcpy(sum->segments, board->segments, sizeof(sum->segments));
    return;
  }
  for (uint16_t i = 0; i < sum->segment_count; i++) sum->segments[i].users += board->segments[i].users;
}

static void merge_triggers(struct eddy_pipeline_stats *sum, const struct eddy_board *board) {
  uint64_t shown = board->trigger_count < EDDY_BOARD_TRIGGERS ? board->trigger_count : EDDY_BOARD_TRIGGERS;
  for (uint64_t i = 0; i < shown; i++) {
    const struct eddy_board_trigger *trigger = &board->triggers[(board->trigger_count - 1 - i) % EDDY_BOARD_RING];
    uint16_t at = 0;
    if (trigger->user[0] == 0) continue;
    while (at < sum->trigger_count && sum->triggers[at].published_at >= trigger->published_at) at++;
    if (at == EDDY_BOARD_TRIGGERS) return;
    uint16_t behind = (uint16_t)(sum->trigger_count - at);
    if (sum->trigger_count == EDDY_BOARD_TRIGGERS) behind--;
    memmove(&sum->triggers[at + 1], &sum->triggers[at], behind * sizeof(*sum->triggers));
    sum->triggers[at] = *trigger;
    if (sum->trigger_count < EDDY_BOARD_TRIGGERS) sum->trigger_count++;
  }
}

static void merge_partitions(struct eddy_pipeline_stats *sum, const struct eddy_board *board) {
  for (uint16_t i = 0; i < board->partition_count && sum->partition_count < EDDY_BOARD_PARTITIONS; i++) {
    sum->board_partitions[sum->partition_count++] = board->partitions[i];
  }
}

static void merge_counts(uint64_t *sums, const _Atomic uint64_t *counts, size_t count) {
  for (size_t i = 0; i < count; i++) sums[i] += eddy_stat_get(&counts[i]);
}

static void merge_times(struct eddy_times *sum, const struct eddy_worker_times *times) {
  merge_counts(sum->classes, times->classes, EDDY_TIMES);
  merge_counts(&sum->sum, &times->sum, 1);
}

static void count_time(struct eddy_worker_times *times, const int64_t bounds[EDDY_TIMES - 1], int64_t duration) {
  size_t bucket = 0;
  if (duration < 0) duration = 0;
  while (bucket < EDDY_TIMES - 1 && duration > bounds[bucket]) bucket++;
  eddy_stat_add(&times->classes[bucket], 1);
  eddy_stat_add(&times->sum, (uint64_t)duration);
}

void eddy_times_add(struct eddy_worker_times *times, int64_t ms) {
  static const int64_t bounds[EDDY_TIMES - 1] = EDDY_TIME_BOUNDS;
  count_time(times, bounds, ms);
}

void eddy_stage_add(struct eddy_worker_stats *stats, enum eddy_stage stage, int64_t us) {
  static const int64_t bounds[EDDY_TIMES - 1] = EDDY_STAGE_BOUNDS;
  count_time(&stats->stages[stage], bounds, us);
}

void eddy_stats_merge(struct eddy_pipeline_stats *sum, struct eddy_worker_stats *worker) {
#define X(name, metric, help) sum->name += eddy_stat_get(&worker->name);
  EDDY_STATS(X)
#undef X
  merge_counts(sum->invalid_by, worker->invalid_by, EDDY_INVALID_REASONS);
  merge_counts(sum->suppressed_by, worker->suppressed_by, EDDY_SUPPRESSION_COUNT);
  merge_times(&sum->commit_time, &worker->commit_time);
  merge_times(&sum->latency, &worker->latency);
  for (int i = 0; i < EDDY_STAGE_COUNT; i++) merge_times(&sum->stages[i], &worker->stages[i]);
  if (sum->workers < EDDY_WORKERS_MAX) sum->heartbeats[sum->workers++] = eddy_stat_get(&worker->heartbeat);
  pthread_mutex_lock(&worker->lock);
  merge_partitions(sum, &worker->board);
  merge_segments(sum, &worker->board);
  merge_triggers(sum, &worker->board);
  pthread_mutex_unlock(&worker->lock);
}

static int by_size(const void *left, const void *right) {
  const struct eddy_board_segment *a = left, *b = right;
  if (a->users != b->users) return a->users > b->users ? -1 : 1;
  return a->id < b->id ? -1 : a->id > b->id;
}

void eddy_stats_finish(struct eddy_pipeline_stats *sum) {
  qsort(sum->segments, sum->segment_count, sizeof(*sum->segments), by_size);
}

static void copy_text(char *into, size_t size, struct eddy_str text) {
  size_t length = text.data ? text.len : 0;
  if (length >= size) length = size - 1;
  if (length > 0) memcpy(into, text.data, length);
  into[length] = 0;
}

static void describe_cart(char *into, size_t size, const struct eddy_trigger_fired *fired) {
  size_t at = 0;
  into[0] = 0;
  for (uint16_t i = 0; i < fired->line_count && at + 1 < size; i++) {
    const struct eddy_cart_line *line = &fired->lines[i];
    struct eddy_str name = line->name.data ? line->name : line->product_id;
    int wrote = snprintf(into + at, size - at, "%s%d x %.*s", i ? ", " : "", line->quantity, (int)name.len, name.data);
    at += wrote > 0 ? (size_t)wrote : 0;
  }
}

/* The sentence that stands in the Trigger record, too. */
static void describe_reason(char *into, size_t size, const struct eddy_trigger_spec *spec,
                            const struct eddy_trigger_fired *fired) {
  char text[EDDY_REASON_TEXT_MAX];
  size_t length = eddy_reason_text(spec, fired, text);
  copy_text(into, size, (struct eddy_str){text, (uint32_t)length});
}

void eddy_board_partitions(struct eddy_worker_stats *stats, const struct eddy_board_partition *partitions, size_t count) {
  if (count > EDDY_BOARD_PARTITIONS) count = EDDY_BOARD_PARTITIONS;
  pthread_mutex_lock(&stats->lock);
  if (count > 0) memcpy(stats->board.partitions, partitions, count * sizeof(*partitions));
  stats->board.partition_count = (uint16_t)count;
  pthread_mutex_unlock(&stats->lock);
}

void eddy_board_show(struct eddy_worker_stats *stats, const struct eddy_spec *spec, const struct eddy_effect *effect) {
  const struct eddy_trigger_fired *fired = &effect->as.trigger;
  struct eddy_board_trigger trigger, *shown = &trigger;
  memcpy(shown->trigger_id, fired->trigger_id, sizeof(shown->trigger_id));
  memcpy(shown->trigger, spec->triggers[fired->trigger].name, sizeof(shown->trigger));
  copy_text(shown->user, sizeof(shown->user), effect->user_id);
  copy_text(shown->subject, sizeof(shown->subject), fired->subject);
  copy_text(shown->currency, sizeof(shown->currency), fired->currency);
  describe_cart(shown->cart, sizeof(shown->cart), fired);
  describe_reason(shown->reason, sizeof(shown->reason), &spec->triggers[fired->trigger], fired);
  shown->due_at = fired->due_at;
  shown->fired_at = fired->fired_at;
  shown->published_at = fired->published_at;
  shown->value = fired->cart_value;
  pthread_mutex_lock(&stats->lock);
  stats->board.triggers[stats->board.trigger_count++ % EDDY_BOARD_RING] = trigger;
  pthread_mutex_unlock(&stats->lock);
}

void eddy_board_forget(struct eddy_worker_stats *stats, struct eddy_str user_id) {
  pthread_mutex_lock(&stats->lock);
  for (int i = 0; i < EDDY_BOARD_RING; i++) {
    struct eddy_board_trigger *shown = &stats->board.triggers[i];
    if (strlen(shown->user) == user_id.len && memcmp(shown->user, user_id.data, user_id.len) == 0)
      *shown = (struct eddy_board_trigger){.published_at = shown->published_at};
  }
  pthread_mutex_unlock(&stats->lock);
}

size_t eddy_board_triggers(struct eddy_worker_stats *stats, uint64_t *cursor, struct eddy_board_trigger *triggers, size_t max,
                           uint64_t *skipped) {
  size_t count = 0;
  pthread_mutex_lock(&stats->lock);
  const struct eddy_board *board = &stats->board;
  uint64_t first = board->trigger_count > EDDY_BOARD_RING ? board->trigger_count - EDDY_BOARD_RING : 0;
  if (*cursor < first) {
    *skipped += first - *cursor;
    *cursor = first;
  }
  while (count < max && *cursor < board->trigger_count) {
    triggers[count] = board->triggers[(*cursor)++ % EDDY_BOARD_RING];
    if (triggers[count].user[0]) count++;
  }
  pthread_mutex_unlock(&stats->lock);
  return count;
}

/* Segments ----------------------------------------------------------------------------------------------------------------- */

static float absolute(float x) {
  return x < 0 ? -x : x;
}

static void insert_strength(struct eddy_board_segment *segment, struct eddy_board_strength strength) {
  uint16_t at = segment->strongest_count;
  while (at > 0 && absolute(segment->strongest[at - 1].z) < absolute(strength.z)) at--;
  if (at == EDDY_STRONGEST_MAX) return;
  uint16_t behind = (uint16_t)(segment->strongest_count - at);
  if (segment->strongest_count == EDDY_STRONGEST_MAX) behind--;
  memmove(&segment->strongest[at + 1], &segment->strongest[at], behind * sizeof(strength));
  segment->strongest[at] = strength;
  if (segment->strongest_count < EDDY_STRONGEST_MAX) segment->strongest_count++;
}

static void find_strongest(struct eddy_board_segment *segment, const struct eddy_spec *spec,
                           const struct eddy_model_parts *parts, uint16_t slot) {
  segment->strongest_count = 0;
  for (uint16_t i = 0; i < parts->dimensions; i++) {
    uint16_t feature = eddy_spec_dimension_feature(spec, i);
    float at = parts->centroids[(size_t)slot * parts->dimensions + i], z = parts->weight[i] > 0 ? at / parts->weight[i] : 0;
    float typical = eddy_model_natural_value(&spec->features[feature], parts, i, at);
    insert_strength(segment, (struct eddy_board_strength){feature, z, typical});
  }
}

/* What is the same for a whole version is done once per version. */
static void show_model(struct eddy_board *board, const struct eddy_spec *spec, const struct eddy_model_parts *parts) {
  board->model_version = parts->version;
  board->trained_at = parts->trained_at;
  board->segment_count = parts->clusters;
  for (uint16_t i = 0; i < parts->clusters; i++) {
    struct eddy_board_segment *segment = &board->segments[i];
    segment->id = parts->cards[i].id;
    memcpy(segment->name, parts->cards[i].name, sizeof(segment->name));
    find_strongest(segment, spec, parts, i);
  }
}

void eddy_board_segments(struct eddy_worker_stats *stats, const struct eddy_spec *spec, const struct eddy_model *model,
                         const uint64_t *sizes) {
  pthread_mutex_lock(&stats->lock);
  struct eddy_board *board = &stats->board;
  if (model) {
    struct eddy_model_parts parts = eddy_model_parts_of(model);
    if (board->segment_count != parts.clusters || board->model_version != parts.version) show_model(board, spec, &parts);
    for (uint16_t i = 0; i < parts.clusters; i++) board->segments[i].users = sizes[i];
  } else {
    board->segment_count = 0;
  }
  pthread_mutex_unlock(&stats->lock);
}
