#include "sim/protocol/adversary.h"

#include <string.h>

#include "base/assert.h"
#include "daemon/worker_state.h"
#include "sim/protocol/input.h"
#include "sim/protocol/sim.h"

enum {
  STEPS = 6000,
  RECORDS_MAX = 160,
  STEP_MS = 30,
  JUMP_MS = 9000,
  DRAIN_ROUNDS = 60000,
  DRAIN_STEP_MS = 10,
  SETTLE_MS = 9000,
};

static int any_process(struct sim *sim) {
  return (int)sim_below(sim, (uint64_t)sim->processes);
}

/* Processes --------------------------------------------------------------------------------------------------------------- */

static void start(struct sim *sim, int process) {
  int64_t skew = sim_chance(sim, 30) ? -(int64_t)sim_below(sim, 600000) : 0;
  sim->lives[process] = life_start(sim, process, &sim->configs[process], skew);
  sim_trace(sim, "%c: started", 'a' + process);
}

/* Somebody ended by itself: fenced is fine, in good order is fine if it was asked to, out of memory if there was none. */
static void bury(struct sim *sim, struct life **life) {
  bool expected = (*life)->dead, asked = (*life)->stopping;
  int process = (*life)->process, code = life_free(*life);
  *life = NULL;
  sim_trace(sim, "%c: ended with %d", 'a' + process, code);
  if (expected || code == 75 || (asked && code == 0) || (code == 71 && sim->rates.no_memory > 0)) return;
  sim_violation(sim, "process %c ended with code %d", 'a' + process, code);
}

static void crash(struct sim *sim, struct life **life) {
  sim_trace(sim, "%c: CRASH at %s", 'a' + (*life)->process, (*life)->where);
  life_crash(*life);
  bury(sim, life);
}

static void step_life(struct sim *sim, struct life **life) {
  if (!*life || (*life)->frozen || (*life)->wake_at > sim->mono) return;
  life_resume(*life);
  if ((*life)->ended) bury(sim, life);
}

/* The group --------------------------------------------------------------------------------------------------------------- */

static void retarget(struct sim *sim, int partition) {
  int first = any_process(sim);
  for (int i = 0; i < sim->processes; i++) {
    int process = (first + i) % sim->processes;
    if (!sim->lives[process] || sim->lives[process]->frozen) continue;
    sim->kafka.target[partition] = process;
    return;
  }
}

static void find_owners(struct sim *sim) {
  for (int i = 0; i < sim->partitions; i++) {
    if (sim->kafka.owner[i] < 0 && !sim->lives[sim->kafka.target[i]]) retarget(sim, i);
  }
}

/* Session timeout of one process: others take over what it had, and nobody tells it. */
static void throw_out(struct sim *sim, int process) {
  sim_trace(sim, "%c: thrown out of the group", 'a' + process);
  kafka_kick(&sim->kafka, process);
  for (int i = 0; i < sim->partitions; i++) {
    if (sim->kafka.owner[i] < 0) retarget(sim, i);
  }
}

static void rebalance(struct sim *sim) {
  switch (sim_below(sim, 6)) {
    case 0:
      throw_out(sim, any_process(sim));
      break;
    case 1:
      sim->kafka.generation++; /* somebody joined who gets nothing */
      break;
    default:
      retarget(sim, (int)sim_below(sim, (uint64_t)sim->partitions));
  }
}

/* What goes wrong --------------------------------------------------------------------------------------------------------- */

static void hurt_process(struct sim *sim) {
  int process = any_process(sim);
  struct life **life = &sim->lives[process];
  if (!*life) {
    start(sim, process);
  } else if (sim_chance(sim, 15)) {
    (*life)->stopping = true;
    (*life)->frozen = false;
    eddy_worker_request_stop((*life)->worker);
    sim_trace(sim, "%c: asked to stop", 'a' + process);
  } else if ((*life)->frozen && !sim->old[process] && sim_chance(sim, 50)) {
    sim->old[process] = *life; /* its supervisor gives up on it, and starts another one */
    start(sim, process);
  } else {
    crash(sim, life);
    if (sim_chance(sim, 70)) start(sim, process);
  }
}

static void toggle_freeze(struct sim *sim) {
  int process = any_process(sim);
  struct life *life = sim->old[process] && sim_chance(sim, 50) ? sim->old[process] : sim->lives[process];
  if (!life || life->stopping) return;
  life->frozen = !life->frozen;
  sim_trace(sim, "%c: %s at %s", 'a' + process, life->frozen ? "frozen" : "goes on", life->where);
}

static void delay_end(struct sim *sim) {
  if (sim->delayed_count == 0) return;
  struct kafka_txn *txn = sim->delayed[--sim->delayed_count];
  if (txn->state != KAFKA_TXN_OPEN || kafka_is_fenced(&sim->kafka, txn->process, txn->epoch)) return;
  sim_trace(sim, "%c: a delayed EndTxn arrives", 'a' + txn->process);
  kafka_end(&sim->kafka, txn, true);
}

static bool reads_changelog(const struct life *life) {
  return life && life->worker->reader;
}

/* Tombstones outlive every reader that has seen what they end, and for the view they stay until Redis has acknowledged: that is
 * what delete.retention.ms is for. */
static bool needs_tombstones(const struct sim *sim) {
  bool needed = sim->configs[0].redis.url != NULL;
  for (int i = 0; i < sim->processes; i++) needed = needed || reads_changelog(sim->lives[i]) || reads_changelog(sim->old[i]);
  return needed;
}

static void compact(struct sim *sim) {
  int topic = sim_output(sim, "profiles"), partition = (int)sim_below(sim, (uint64_t)sim->partitions);
  if (topic >= 0) kafka_compact(&sim->kafka, topic, partition, !needs_tombstones(sim));
}

static void hurt_redis(struct sim *sim) {
  if (sim_hits(sim, sim->rates.redis_down)) sim->redis.down = !sim->redis.down;
  if (sim_chance(sim, 1)) redis_copy(&sim->redis);
  redis_stragglers(&sim->redis, sim_chance(sim, 70));
  if (!sim_hits(sim, sim->rates.redis_loss)) return;
  sim_trace(sim, "Redis loses data");
  if (sim_chance(sim, 50)) {
    redis_flush(&sim->redis);
  } else {
    redis_fail_over(&sim->redis);
  }
}

static void new_model(struct sim *sim) {
  if (sim->model_fixed || !sim_chance(sim, 20)) return;
  sim->model_version++;
  sim_trace(sim, "model %llu", (unsigned long long)sim->model_version);
}

static void pass_time(struct sim *sim) {
  sim->mono += (int64_t)sim_below(sim, STEP_MS);
  if (sim_hits(sim, sim->rates.jump / 4)) sim->mono += (int64_t)sim_below(sim, JUMP_MS);
  if (sim_hits(sim, 5)) sim->quiet = !sim->quiet;
  if (!sim->quiet && sim_chance(sim, 20) && sim->kafka.logs[0][0].count < RECORDS_MAX) input_produce(sim);
  if (sim_hits(sim, 2)) input_show_schema(sim);
}

/* A zombie at the worst moment. */
static void may_freeze(struct sim *sim, struct life *life) {
  static const char *const moments[] = {"ended", "commit", "offsets sent", "committed", "sealed", "replayed"};
  for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
    if (strcmp(life->where, moments[i]) != 0 || !sim_hits(sim, sim->rates.zombie)) continue;
    sim_trace(sim, "%c: frozen at %s", 'a' + life->process, life->where);
    life->frozen = true;
    throw_out(sim, life->process);
    return;
  }
}

static void run_somebody(struct sim *sim) {
  int process = any_process(sim);
  struct life **life = &sim->lives[process];
  if (*life && !(*life)->frozen) {
    step_life(sim, life);
    if (*life && !(*life)->stopping) may_freeze(sim, *life);
  }
  if (sim_chance(sim, 5)) step_life(sim, &sim->old[process]);
}

static void act(struct sim *sim) {
  uint64_t r = sim_below(sim, 1000);
  const struct sim_rates *rates = &sim->rates;
  find_owners(sim);
  if (r < 200) return pass_time(sim);
  if (r < 280) return (void)kafka_deliver_one(&sim->kafka);
  if (r < 284) return kafka_expire(&sim->kafka, sim->mono);
  if (r < 290) return delay_end(sim);
  if (r < 295) return compact(sim);
  if (r < 300) return new_model(sim);
  if (r < 330) return hurt_redis(sim);
  if ((r -= 330) < rates->crash) return hurt_process(sim);
  if ((r -= rates->crash) < rates->rebalance) return rebalance(sim);
  if ((r -= rates->rebalance) < rates->freeze) return toggle_freeze(sim);
  run_somebody(sim);
}

void adversary_run(struct sim *sim) {
  for (int i = 0; i < sim->processes; i++) {
    if (i == 0 || sim_chance(sim, 80)) start(sim, i);
  }
  for (int i = 0; i < STEPS && !sim->why[0]; i++) act(sim);
}

/* Rest -------------------------------------------------------------------------------------------------------------------- */

static bool is_at_rest(const struct sim *sim, int partition) {
  int owner = sim->kafka.owner[partition];
  const struct life *life = owner < 0 ? NULL : sim->lives[owner];
  if (!life) return false;
  const struct eddy_worker *worker = life->worker;
  const struct eddy_partition *at = worker->partitions ? eddy_worker_partition(worker, partition) : NULL;
  if (!at || at->state != EDDY_PARTITION_LIVE || at->position < sim->kafka.logs[0][partition].count) return false;
  if (at->more_due || !eddy_partition_is_settled(at) || worker->commit_state != EDDY_COMMIT_IDLE) return false;
  return !worker->redis || (eddy_redis_sink_idle(worker->redis) && !at->resyncing);
}

static void calm_down(struct sim *sim) {
  sim->rates = (struct sim_rates){.rare = sim->rates.rare};
  sim->redis.down = false;
  sim->delayed_count = 0;
  input_show_schema(sim);
  for (int i = 0; i < sim->processes; i++) {
    if (sim->lives[i]) sim->lives[i]->frozen = false;
    if (sim->old[i]) sim->old[i]->frozen = false;
  }
}

static bool drain_round(struct sim *sim) {
  bool rest = true;
  sim->mono += DRAIN_STEP_MS;
  kafka_settle(&sim->kafka);
  kafka_expire(&sim->kafka, sim->mono);
  redis_stragglers(&sim->redis, true);
  for (int i = 0; i < sim->processes; i++) {
    if (!sim->lives[i]) start(sim, i);
    step_life(sim, &sim->lives[i]);
    if (sim_chance(sim, 10)) step_life(sim, &sim->old[i]);
  }
  find_owners(sim);
  for (int i = 0; i < sim->partitions; i++) rest = rest && is_at_rest(sim, i);
  return rest;
}

/* At rest, and still after a while: heartbeats, resynchronisation and whoever wakes up late have had their turn. */
static void come_to_rest(struct sim *sim, int64_t still_ms) {
  int64_t since = -1;
  for (int round = 0; round < DRAIN_ROUNDS && !sim->why[0]; round++) {
    bool rest = drain_round(sim);
    if (!rest) since = -1;
    if (rest && since < 0) since = sim->mono;
    if (rest && sim->mono - since >= still_ms) return;
  }
  if (!sim->why[0]) sim_violation(sim, "does not come to rest");
}

void adversary_drain(struct sim *sim) {
  calm_down(sim);
  come_to_rest(sim, 0);
  if (sim_chance(sim, 50)) {
    for (int i = 0; i < sim->processes; i++) {
      if (sim->lives[i]) crash(sim, &sim->lives[i]);
    }
    come_to_rest(sim, 0);
  }
  sim->mono += SETTLE_MS;
  input_close(sim);
  come_to_rest(sim, sim->configs[0].redis.url ? 3000 : 500);
}

void adversary_end(struct sim *sim) {
  for (int i = 0; i < sim->processes; i++) {
    if (sim->lives[i]) crash(sim, &sim->lives[i]);
    if (sim->old[i]) crash(sim, &sim->old[i]);
  }
}
