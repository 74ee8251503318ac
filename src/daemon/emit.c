#include "daemon/emit.h"

#include <stdio.h>
#include <string.h>

static int put(struct eddy_worker *worker, struct eddy_kafka_record *record, int32_t origin) {
  record->value = worker->scratch.data;
  record->value_size = worker->scratch.size;
  return eddy_outbox_add(&worker->outbox, record, NULL, origin);
}

static int emit_one(struct eddy_worker *worker, struct eddy_partition *partition, const struct eddy_effect *effect,
                    int64_t now) {
  int output = eddy_output_of(effect);
  if (output < 0) return 0;
  struct eddy_output_place place = {.partition = (uint32_t)partition->id, .published_at = now};
  worker->scratch.size = 0;
  int error = eddy_output_encode(worker->codec, effect, &place, &worker->scratch);
  if (error) return error;
  struct eddy_kafka_record record = {
      .topic = (uint8_t)output, .partition = partition->id, .key = effect->user_id.data, .key_size = effect->user_id.len};
  if (effect->kind == EDDY_TRIGGER_SUPPRESSED) {
    eddy_stat_add(&worker->stats.suppressed_by[effect->as.trigger.suppression], 1);
  }
  if (effect->kind == EDDY_PROFILE_ERASED) eddy_board_forget(&worker->stats, effect->user_id);
  if (effect->kind == EDDY_TRIGGER_FIRED) {
    eddy_board_show(&worker->stats, &partition->spec, effect);
    partition->has_trigger = true;
    partition->last_trigger = effect->number;
  }
  return put(worker, &record, partition->id);
}

void eddy_emit_effects(struct eddy_worker *worker, struct eddy_partition *partition, int64_t now) {
  struct eddy_effects *effects = &partition->effects;
  if (partition->encoded == effects->count) return;
  partition->touched = true;
  eddy_recent_note(worker->recent, effects->items + partition->encoded, effects->count - partition->encoded, now);
  for (; partition->encoded < effects->count; partition->encoded++) {
    if (emit_one(worker, partition, &effects->items[partition->encoded], now) != 0) {
      eddy_worker_fail(worker, 71, "out of memory", "while=\"encoding outputs\"");
      return;
    }
  }
  if (worker->redis) return; /* it gets them after the commit */
  eddy_effects_clear(effects);
  partition->encoded = 0;
}

void eddy_emit_deltas(struct eddy_worker *worker, int64_t now) {
  for (int32_t i = 0; i < worker->partition_count; i++) {
    struct eddy_partition *partition = eddy_worker_live(worker, i);
    if (!partition) continue;
    if (eddy_engine_take_delta(partition->engine, &partition->effects) != 0) {
      eddy_log(worker->logger, EDDY_LOG_WARN, "contributions wait for memory", "partition=%d", i);
    }
    eddy_emit_effects(worker, partition, now);
  }
}

static int emit_model_record(struct eddy_worker *worker, const struct eddy_model_record *model) {
  static const char key[] = "model";
  struct eddy_kafka_record record = {.topic = EDDY_OUTPUT_MODEL, .partition = 0, .key = key, .key_size = sizeof(key) - 1};
  worker->scratch.size = 0;
  int error = eddy_model_encode(worker->codec, model, &worker->scratch);
  return error ? error : put(worker, &record, 0);
}

static int emit_card(struct eddy_worker *worker, const struct eddy_model_record *model, uint16_t slot) {
  char key[16];
  int size = snprintf(key, sizeof(key), "%u", model->parts.cards[slot].id);
  struct eddy_kafka_record record = {.topic = EDDY_OUTPUT_SEGMENT, .partition = 0, .key = key, .key_size = (size_t)size};
  worker->scratch.size = 0;
  int error = eddy_segment_encode(worker->codec, model, slot, &worker->scratch);
  return error ? error : put(worker, &record, 0);
}

void eddy_emit_model(struct eddy_worker *worker) {
  struct eddy_partition *first = eddy_worker_live(worker, 0);
  struct eddy_model_record *model = first ? eddy_model_watch_trained(worker->watch) : NULL;
  if (!model) return;
  int error = emit_model_record(worker, model);
  for (uint16_t slot = 0; !error && slot < model->parts.clusters; slot++) error = emit_card(worker, model, slot);
  if (error) eddy_worker_fail(worker, 71, "model could not be encoded", "reason=\"%s\"", eddy_strerror(error));
  first->touched = true;
  eddy_stat_add(&worker->stats.models, 1);
  eddy_log(worker->logger, EDDY_LOG_DEBUG, "model made", "version=%llu segments=%u", (unsigned long long)model->parts.version,
           model->parts.clusters);
  eddy_model_record_free(model);
}
