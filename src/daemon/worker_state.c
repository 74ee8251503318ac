#include "daemon/worker_state.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "daemon/clock.h"

void eddy_worker_fail(struct eddy_worker *worker, int exit_code, const char *message, const char *fields_format, ...) {
  char fields[1000];
  va_list arguments;
  va_start(arguments, fields_format);
  vsnprintf(fields, sizeof(fields), fields_format, arguments);
  va_end(arguments);
  eddy_log(worker->logger, EDDY_LOG_ERROR, message, "%s", fields);
  if (!worker->failed) worker->exit_code = exit_code;
  worker->failed = true;
}

bool eddy_worker_ending(const struct eddy_worker *worker) {
  return worker->failed || atomic_load_explicit(&worker->stop, memory_order_relaxed);
}

void eddy_worker_say_away(struct eddy_worker *worker, const char *reason) {
  if (worker->away) return;
  worker->away = true;
  eddy_stat_set(&worker->stats.away, 1);
  eddy_log(worker->logger, EDDY_LOG_WARN, "waiting for Kafka", "worker=%u brokers=%s reason=\"%s\"", worker->index,
           worker->config->kafka.brokers, reason);
}

void eddy_worker_say_back(struct eddy_worker *worker) {
  if (!worker->away) return;
  worker->away = false;
  eddy_stat_set(&worker->stats.away, 0);
  eddy_log(worker->logger, EDDY_LOG_INFO, "Kafka is back", "worker=%u", worker->index);
}

int64_t eddy_worker_transaction_ms(const struct eddy_worker *worker) {
  return worker->transaction_ms > 0 ? worker->transaction_ms : 10000;
}

void eddy_worker_beat(struct eddy_worker *worker) {
  eddy_stat_set(&worker->stats.heartbeat, (uint64_t)eddy_clock_mono());
}

struct eddy_partition *eddy_worker_partition(const struct eddy_worker *worker, int32_t id) {
  return id >= 0 && id < worker->partition_count ? worker->partitions[id] : NULL;
}

struct eddy_partition *eddy_worker_live(const struct eddy_worker *worker, int32_t id) {
  struct eddy_partition *partition = eddy_worker_partition(worker, id);
  return partition && partition->state == EDDY_PARTITION_LIVE ? partition : NULL;
}

#define BIT(state) (1u << (state))
/* Any restore may begin anew, and a live partition may have to. */
static const unsigned legal_next[] = {
    [EDDY_PARTITION_FINDING] = BIT(EDDY_PARTITION_READING) | BIT(EDDY_PARTITION_LIVE),
    [EDDY_PARTITION_READING] =
        BIT(EDDY_PARTITION_RESENDING) | BIT(EDDY_PARTITION_REPLAYING) | BIT(EDDY_PARTITION_LIVE) | BIT(EDDY_PARTITION_FINDING),
    [EDDY_PARTITION_RESENDING] = BIT(EDDY_PARTITION_REPLAYING) | BIT(EDDY_PARTITION_LIVE) | BIT(EDDY_PARTITION_FINDING),
    [EDDY_PARTITION_REPLAYING] = BIT(EDDY_PARTITION_LIVE) | BIT(EDDY_PARTITION_FINDING),
    [EDDY_PARTITION_LIVE] = BIT(EDDY_PARTITION_FINDING),
};

void eddy_partition_enter(struct eddy_worker *worker, struct eddy_partition *partition, enum eddy_partition_state next) {
  if (partition->state == next) return;
  EDDY_ASSERT(legal_next[partition->state] & BIT(next));
  eddy_log(worker->logger, EDDY_LOG_DEBUG, "partition", "worker=%u partition=%d from=%s to=%s", worker->index, partition->id,
           eddy_partition_state_name(partition->state), eddy_partition_state_name(next));
  partition->state = next;
}

void eddy_worker_more(struct eddy_worker *worker) {
  if (!uv_is_active((uv_handle_t *)&worker->more)) uv_idle_start(&worker->more, worker->turn);
}

/* What this process has counted: state that was restored brings its past along. */
static void add_counters(struct eddy_counters *sum, const struct eddy_partition *partition) {
  if (partition->state != EDDY_PARTITION_LIVE) return;
  const struct eddy_counters *now = eddy_engine_counters(partition->engine);
#define X(name, help) sum->name += now->name - partition->base.name;
  EDDY_COUNTERS(X)
#undef X
}

void eddy_worker_retire(struct eddy_worker *worker, const struct eddy_partition *partition) {
  add_counters(&worker->retired, partition);
}

struct totals {
  struct eddy_counters counters;
  uint64_t users, lag, owned, at_end, paused, restoring;
  uint64_t sizes[EDDY_CLUSTERS_MAX];
  size_t shown;
  struct eddy_board_partition partitions[EDDY_BOARD_PARTITIONS];
};

static uint64_t lag_of(const struct eddy_worker *worker, const struct eddy_partition *partition) {
  int64_t behind = eddy_kafka_source_high(worker->source, partition->id) - partition->position;
  return behind > 0 && partition->end.state != EDDY_END_REACHED ? (uint64_t)behind : 0;
}

static void show_partition(const struct eddy_partition *partition, uint64_t lag, struct totals *totals) {
  if (totals->shown == EDDY_BOARD_PARTITIONS) return;
  totals->partitions[totals->shown++] = (struct eddy_board_partition){
      .id = partition->id, .paused = partition->pauses != 0, .lag = lag, .time = eddy_engine_partition_time(partition->engine)};
}

static void add_partition(const struct eddy_worker *worker, const struct eddy_partition *partition, struct totals *totals) {
  uint64_t sizes[EDDY_CLUSTERS_MAX] = {0};
  totals->owned++;
  totals->restoring += partition->state != EDDY_PARTITION_LIVE;
  if (!partition->engine) return;
  add_counters(&totals->counters, partition);
  totals->users += eddy_engine_users(partition->engine);
  totals->at_end += partition->end.state == EDDY_END_REACHED;
  totals->paused += (partition->pauses & ~(unsigned)EDDY_PAUSE_RESTORE) != 0;
  uint64_t lag = lag_of(worker, partition);
  totals->lag += lag;
  show_partition(partition, lag, totals);
  if (!worker->model) return;
  eddy_engine_segment_sizes(partition->engine, sizes);
  for (int i = 0; i < EDDY_CLUSTERS_MAX; i++) totals->sizes[i] += sizes[i];
}

static void publish_totals(struct eddy_worker *worker, const struct totals *totals) {
  struct eddy_worker_stats *stats = &worker->stats;
  eddy_stat_set(&stats->events, totals->counters.events);
  eddy_stat_set(&stats->late, totals->counters.late);
  eddy_stat_set(&stats->duplicates, totals->counters.duplicates);
  eddy_stat_set(&stats->other_currency, totals->counters.other_currency);
  eddy_stat_set(&stats->segment_changes, totals->counters.segment_changes);
  eddy_stat_set(&stats->triggers_fired, totals->counters.triggers_fired);
  eddy_stat_set(&stats->triggers_suppressed, totals->counters.triggers_suppressed);
  eddy_stat_set(&stats->users, totals->users);
  eddy_stat_set(&stats->lag, totals->lag);
  eddy_stat_set(&stats->partitions, totals->owned);
  eddy_stat_set(&stats->partitions_at_end, totals->at_end);
  eddy_stat_set(&stats->paused, totals->paused);
  eddy_stat_set(&stats->restoring, totals->restoring);
  eddy_stat_set(&stats->memory, worker->budget.used);
  eddy_board_segments(stats, &worker->config->spec, worker->model, totals->sizes);
  eddy_board_partitions(stats, totals->partitions, totals->shown);
}

static void publish_redis(struct eddy_worker *worker) {
  if (!worker->redis) return;
  struct eddy_redis_stats redis = eddy_redis_sink_stats(worker->redis);
  struct eddy_worker_stats *stats = &worker->stats;
  eddy_stat_set(&stats->redis_connected, redis.connected);
  eddy_stat_set(&stats->redis_written, redis.written);
  eddy_stat_set(&stats->redis_refused, redis.refused_older);
  eddy_stat_set(&stats->redis_coalesced, redis.coalesced);
  eddy_stat_set(&stats->redis_dropped, redis.dropped);
  eddy_stat_set(&stats->redis_errors, redis.errors);
  eddy_stat_set(&stats->redis_pending, redis.pending_bytes);
}

void eddy_worker_publish_stats(struct eddy_worker *worker) {
  eddy_worker_beat(worker);
  struct totals totals = {.counters = worker->retired};
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (worker->partitions[i]) add_partition(worker, worker->partitions[i], &totals);
  }
  publish_totals(worker, &totals);
  publish_redis(worker);
}
