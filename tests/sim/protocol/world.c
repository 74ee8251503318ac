#include "sim/protocol/world.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "sim/protocol/sim.h"

/* Deadlines of hours and a life of a day: some seconds of a process's own time, see SIM_TIME_SCALE. */
static const char yaml[] =
    "app: sim\n"
    "instance: %c\n"
    "seed: 7\n"
    "kafka: {schemas: sim, commit_interval: 100ms, properties: {session.timeout.ms: '12000'}}\n"
    "redis: {url: 'redis://127.0.0.1:1', buffer_max: 1MiB}\n"
    "time: {allowed_lateness: 10m, at_end: hold, publish_after: none}\n"
    "profile: {idle_ttl: 1d, cart_ttl: 20h, memory_max: none, recent_ids: 6, viewed_items: 4}\n"
    "features:\n"
    "  - {name: views, on: [product_viewed, page_viewed], half_life: 1d, cluster: true}\n"
    "  - {name: adds, on: product_added, half_life: 6h, cluster: true}\n"
    "  - {name: order_age, on: order_completed, fold: age}\n"
    "triggers:\n"
    "  - {name: cart, after: product_added, without: [order_completed], for: [1h, 3h], subject: cart_id, payload: cart}\n"
    "  - {name: browse, after: product_viewed, without: [order_completed, product_added], for: 2h, subject: user}\n"
    "model: {evidence_min: 1, switch_margin: 0.05, train: false}\n"
    "http: {listen: none}\n";

/* Parsed once; seeds change copies of it. */
static struct eddy_config parsed[KAFKA_PROCESSES_MAX];
static bool is_parsed;

static void parse(void) {
  for (int i = 0; i < KAFKA_PROCESSES_MAX && !is_parsed; i++) {
    char text[sizeof yaml + 8];
    int size = snprintf(text, sizeof text, yaml, 'a' + i);
    int errors = eddy_config_parse(&parsed[i], "sim.yaml", text, (size_t)size, stderr);
    EDDY_ASSERT(errors == 0);
  }
  is_parsed = true;
}

void world_fini(void) {
  for (int i = 0; i < KAFKA_PROCESSES_MAX && is_parsed; i++) eddy_config_free(&parsed[i]);
  is_parsed = false;
}

#define PICK(sim, ...) pick((sim), (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
static uint64_t pick(struct sim *sim, const uint64_t *values, size_t count) {
  return values[sim_below(sim, count)];
}

static void draw_rates(struct sim *sim) {
  sim->rates = (struct sim_rates){.abort = PICK(sim, 0, 0, 100),
                                  .unknown = PICK(sim, 0, 0, 150),
                                  .lost_reply = PICK(sim, 0, 30),
                                  .crash = PICK(sim, 1, 2, 5),
                                  .freeze = PICK(sim, 2, 6),
                                  .zombie = PICK(sim, 0, 0, 20, 100),
                                  .rebalance = PICK(sim, 2, 8),
                                  .rare = PICK(sim, 0, 50, 150, 400),
                                  .redis_down = PICK(sim, 0, 5),
                                  .redis_loss = PICK(sim, 0, 0, 0, 2),
                                  .no_memory = PICK(sim, 0, 0, 0, 40),
                                  .jump = PICK(sim, 5, 20, 60)};
}

static void draw_config(struct sim *sim, struct eddy_config *config, enum eddy_at_end at_end, int64_t flush_ms,
                        int64_t flush_events, bool with_redis) {
  config->time.at_end = at_end;
  config->time.at_end_set = true;
  config->spec.sweep = sim->sweep;
  config->state.keep = true;
  config->state.flush_interval_ms = flush_ms;
  config->state.flush_events = flush_events;
  if (!with_redis) config->redis.url = NULL;
}

/* Long windows of replay in which users grow old and are forgotten, or erased and given back: what few crashes there are find
 * much to fold again. */
static void draw_long_windows(struct sim *sim) {
  sim->sweep = true;
  sim->rates.crash = 2;
  sim->rates.rebalance = 2;
  sim->rates.zombie = 0;
  sim->rates.jump = 60;
  sim->rates.rare = PICK(sim, 0, 400);
}

void world_draw(struct sim *sim) {
  parse();
  draw_rates(sim);
  sim->partitions = 1 + (int)sim_below(sim, 2);
  sim->processes = 2 + (int)sim_chance(sim, 20);
  sim->sweep = sim_chance(sim, 50);
  sim->model_fixed = !sim_chance(sim, 40);
  sim->model_version = sim_chance(sim, 30) ? 0 : 1;
  enum eddy_at_end at_end = sim_chance(sim, 50) ? EDDY_AT_END_HOLD : EDDY_AT_END_WALL;
  int64_t flush_ms = (int64_t)PICK(sim, 500, 5000, 120000, 120000), flush_events = (int64_t)PICK(sim, 5, 100, 10000, 10000);
  bool with_redis = sim_chance(sim, 60);
  if (sim_chance(sim, 15)) {
    draw_long_windows(sim);
    flush_ms = 120000;
    flush_events = 10000;
  }
  for (int i = 0; i < KAFKA_PROCESSES_MAX; i++) {
    sim->configs[i] = parsed[i];
    draw_config(sim, &sim->configs[i], at_end, flush_ms, flush_events, with_redis);
  }
}
