#include "core/engine_tail.h"

#include <string.h>

#include "base/assert.h"
#include "base/rules.h"
#include "core/durable.h"
#include "core/trigger.h"

void eddy_tail_load(struct eddy_engine *engine, const struct eddy_profile *profile) {
  struct eddy_tail *tail = &engine->scratch->tail;
  if (profile == NULL || profile->tail_size == 0) {
    eddy_tail_clear(tail);
    return;
  }
  int error = eddy_tail_decode(tail, profile->tail, profile->tail_size);
  EDDY_ASSERT(error == 0); /* we wrote these bytes, or checked them in restore */
}

int eddy_tail_prepare(struct eddy_engine *engine, struct eddy_tail_write *write) {
  size_t size = eddy_tail_encode(&engine->scratch->tail, engine->encoded, engine->encoded_capacity);
  EDDY_ASSERT(size <= engine->encoded_capacity); /* invariant 9; a fold that grew too large was refused before */
  uint8_t *block = NULL;
  if (size > 0) {
    block = eddy_profile_table_new_block(&engine->table, size);
    if (block == NULL) return EDDY_E_NOMEM;
    memcpy(block, engine->encoded, size);
  }
  write->block = block;
  write->size = (uint32_t)size;
  write->next_due = eddy_triggers_next_due(engine->spec, &engine->scratch->tail);
  write->pending = true;
  return 0;
}

void eddy_engine_arm(struct eddy_engine *engine, struct eddy_profile *profile, int64_t due) {
  if (due == INT64_MAX) {
    eddy_timer_queue_disarm(&engine->timers, &profile->timer);
    return;
  }
  if (eddy_timer_armed(&profile->timer) && profile->timer.due == due) return;
  eddy_timer_queue_arm(&engine->timers, &profile->timer, due);
  if (due < engine->due_bound) engine->due_bound = due;
}

void eddy_tail_commit(struct eddy_engine *engine, struct eddy_tail_write *write) {
  if (!write->pending) return;
  struct eddy_profile *profile = eddy_profile_table_at(&engine->table, write->slot);
  eddy_profile_table_free_block(&engine->table, profile->tail, profile->tail_size);
  profile->tail = write->block;
  profile->tail_size = write->size;
  eddy_engine_arm(engine, profile, write->next_due);
  write->pending = false;
}

void eddy_tail_abandon(struct eddy_engine *engine, struct eddy_tail_write *write) {
  if (write->pending) eddy_profile_table_free_block(&engine->table, write->block, write->size);
  if (write->taken_due != EDDY_TIME_NONE) {
    eddy_engine_arm(engine, eddy_profile_table_at(&engine->table, write->slot), write->taken_due);
  }
  write->pending = false;
}

int eddy_triggers_decide_now(struct eddy_engine *engine, struct eddy_str user_id, int64_t now, struct eddy_effects *effects) {
  struct eddy_decision decision = {
      .spec = engine->spec,
      .user_id = user_id,
      .partition_time = engine->partition_time,
      .now = now != EDDY_TIME_NONE ? now : engine->partition_time,
      .next_effect = &engine->next_effect,
      .effects = effects,
      .counters = &engine->counters,
  };
  int count = eddy_triggers_decide(&decision, &engine->scratch->tail);
  if (count < 0) return count;
  EDDY_ASSERT(eddy_triggers_next_due(engine->spec, &engine->scratch->tail) > engine->partition_time); /* invariant 3 */
  return 0;
}

static int decide_taken(struct eddy_engine *engine, int64_t now, struct eddy_effects *effects, struct eddy_tail_write *write) {
  const struct eddy_profile *profile = eddy_profile_table_at(&engine->table, write->slot);
  eddy_tail_load(engine, profile);
  int error = eddy_triggers_decide_now(engine, eddy_profile_id(profile), now, effects);
  return error != 0 ? error : eddy_tail_prepare(engine, write);
}

int eddy_timer_fire(struct eddy_engine *engine, int64_t now, struct eddy_effects *effects, struct eddy_tail_write *write) {
  *write = (struct eddy_tail_write){.slot = EDDY_SLOT_NONE, .taken_due = EDDY_TIME_NONE};
  if (!eddy_timers_may_be_due(engine)) return 0;
  struct eddy_timer *timer = eddy_timer_queue_pop(&engine->timers, engine->partition_time);
  if (timer == NULL) {
    engine->due_bound = eddy_timer_queue_next(&engine->timers);
    return 0;
  }
  write->slot = timer->seq;
  write->taken_due = timer->due;
  int error = decide_taken(engine, now, effects, write);
  if (error != 0) eddy_tail_abandon(engine, write);
  return error != 0 ? error : 1;
}

void eddy_timer_commit(struct eddy_engine *engine, struct eddy_tail_write *write) {
  struct eddy_profile *profile = eddy_profile_table_at(&engine->table, write->slot);
  eddy_tail_commit(engine, write);
  if (EDDY_RULE(WRITE_OUTPUTS_NOW)) {
    eddy_durable_write_now(engine, profile);
  } else {
    eddy_durable_dirty(engine, profile);
  }
}
