#include "daemon/view.h"

enum { USERS_PER_TURN = 5000 };
#define PRESSURE_MAX 0.5 /* of the memory for waiting changes: the rest is for what happens meanwhile */

void eddy_view_lost(void *ctx, uint32_t id) {
  struct eddy_worker *worker = ctx;
  struct eddy_partition *partition = eddy_worker_partition(worker, (int32_t)id);
  if (!partition) return;
  eddy_log(worker->logger, EDDY_LOG_INFO, "Redis is filled again", "worker=%u partition=%u", worker->index, id);
  partition->resyncing = true;
  partition->resync_slot = 0;
  eddy_worker_more(worker);
}

/* Redis shows what was committed: a user with a change that is not waits for the commit. */
static bool is_ahead(const struct eddy_worker *worker, const struct eddy_partition *partition) {
  if (!worker->config->state.keep) return partition->effects.count > 0;
  return eddy_engine_slot_state(partition->engine, partition->resync_slot) == EDDY_SLOT_WRITE_NOW;
}

static bool put_one(struct eddy_worker *worker, struct eddy_partition *partition) {
  struct eddy_member member;
  /* Without a segment, too: an older copy of Redis may say otherwise. */
  if (!eddy_engine_member(partition->engine, partition->resync_slot, &member)) return true;
  return eddy_redis_sink_put(worker->redis, (uint32_t)partition->id, partition->view_incarnation, partition->meta.sequence,
                             &member, worker->model);
}

/* True if it has to go on. */
static bool resync(struct eddy_worker *worker, struct eddy_partition *partition) {
  for (int i = 0; i < USERS_PER_TURN && eddy_redis_sink_pressure(worker->redis) < PRESSURE_MAX; i++) {
    if (partition->resync_slot == eddy_engine_slots(partition->engine)) {
      partition->resyncing = false;
      eddy_redis_sink_complete(worker->redis, (uint32_t)partition->id);
      return false;
    }
    if (is_ahead(worker, partition) || !put_one(worker, partition)) return false;
    partition->resync_slot++;
  }
  return eddy_redis_sink_pressure(worker->redis) < PRESSURE_MAX;
}

bool eddy_view_turn(struct eddy_worker *worker) {
  bool more = false;
  for (int32_t i = 0; worker->redis && i < worker->partition_count; i++) {
    struct eddy_partition *partition = eddy_worker_live(worker, i);
    if (partition && partition->resyncing) more |= resync(worker, partition);
  }
  return more;
}
