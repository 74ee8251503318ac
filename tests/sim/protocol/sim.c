#include "sim/protocol/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "daemon/partition.h"
#include "sim/protocol/adversary.h"
#include "sim/protocol/input.h"
#include "sim/protocol/journal.h"
#include "sim/protocol/oracle.h"
#include "sim/protocol/world.h"

enum { CLUSTERS = 3 };

int64_t sim_wall(const struct sim *sim) {
  return SIM_EPOCH_MS + sim->mono * SIM_TIME_SCALE;
}

uint64_t sim_below(struct sim *sim, uint64_t bound) {
  return eddy_rng_below(&sim->rng, bound);
}

bool sim_hits(struct sim *sim, uint64_t permille) {
  return permille > 0 && sim_below(sim, 1000) < permille;
}

bool sim_chance(struct sim *sim, uint64_t percent) {
  return sim_below(sim, 100) < percent;
}

int sim_topic(struct sim *sim, const char *name) {
  for (int i = 0; i < KAFKA_TOPICS_MAX; i++) {
    if (!sim->topics[i]) sim->topics[i] = strdup(name);
    if (strcmp(sim->topics[i], name) == 0) return i;
  }
  EDDY_ASSERT(!"too many topics");
  return -1;
}

int sim_output(const struct sim *sim, const char *suffix) {
  for (int i = 1; i < KAFKA_TOPICS_MAX && sim->topics[i]; i++) {
    const char *dot = strrchr(sim->topics[i], '.');
    if (dot && strcmp(dot + 1, suffix) == 0) return i;
  }
  return -1;
}

void sim_trace(struct sim *sim, const char *format, ...) {
  if (!sim->options.trace) return;
  va_list arguments;
  va_start(arguments, format);
  printf("%8lld gen %d  ", (long long)sim->mono, sim->kafka.generation);
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
}

void sim_violation(struct sim *sim, const char *format, ...) {
  char text[sizeof sim->why];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  sim_trace(sim, "VIOLATION %s", text);
  if (!sim->why[0]) memcpy(sim->why, text, sizeof text);
}

struct eddy_model *sim_model(const struct eddy_spec *spec, uint64_t version) {
  float mean[EDDY_FEATURES_MAX] = {0}, ones[EDDY_FEATURES_MAX], centroids[CLUSTERS * EDDY_FEATURES_MAX];
  struct eddy_segment_card cards[CLUSTERS] = {0};
  struct eddy_rng rng;
  if (version == 0) return NULL;
  eddy_rng_seed(&rng, version);
  for (int i = 0; i < EDDY_FEATURES_MAX; i++) ones[i] = 1;
  for (int i = 0; i < CLUSTERS * EDDY_FEATURES_MAX; i++) centroids[i] = (float)(eddy_rng_unit(&rng) * 2);
  for (uint32_t i = 0; i < CLUSTERS; i++) {
    cards[i] = (struct eddy_segment_card){.id = i + 1, .mass = 1};
    snprintf(cards[i].name, sizeof cards[i].name, "segment %u", i + 1);
  }
  struct eddy_model_parts parts = {.version = version,
                                   .trained_at = SIM_EPOCH_MS,
                                   .dimensions = eddy_spec_dimensions(spec),
                                   .clusters = CLUSTERS,
                                   .mean = mean,
                                   .deviation = ones,
                                   .weight = ones,
                                   .centroids = centroids,
                                   .cards = cards};
  struct eddy_model *model = eddy_model_new(&parts, NULL);
  EDDY_ASSERT(model != NULL);
  return model;
}

static void write_log(void *ctx, enum eddy_log_level level, const char *message, const char *fields) {
  (void)level;
  sim_trace(ctx, "%c: %s %s", life_now() ? 'a' + life_now()->process : '?', message, fields ? fields : "");
}

static void check(struct sim *sim) {
  kafka_expire(&sim->kafka, INT64_MAX); /* what a zombie has left open hides what comes behind it */
  kafka_settle(&sim->kafka);
  for (int i = 0; i < sim->partitions && !sim->why[0]; i++) {
    const struct eddy_partition *found = live_partition(sim, i);
    if (found && found->engine) journal_settle(sim, i, found->engine);
    struct oracle *oracle = oracle_new(sim, i);
    check_outputs(sim, i, oracle);
    check_weights(sim, i, oracle);
    check_state(sim, i, oracle);
    check_redis(sim, i);
    oracle_free(oracle);
  }
}

static void set_up(struct sim *sim, const struct sim_options *options) {
  *sim = (struct sim){.options = *options};
  sim->logger = (struct eddy_logger){.write = write_log, .ctx = sim, .level = options->trace ? EDDY_LOG_DEBUG : -1};
  eddy_rng_seed(&sim->rng, options->seed);
  world_draw(sim);
  kafka_init(&sim->kafka, &sim->rng, KAFKA_TOPICS_MAX, sim->partitions, sim->processes);
  sim_topic(sim, "sim.events");
  sim->input = input_new(sim);
  sim->journal = journal_new(sim);
  watch_redis(sim);
  sim->mono = 1000;
}

static void tear_down(struct sim *sim) {
  adversary_end(sim);
  journal_free(sim->journal);
  input_free(sim->input);
  for (size_t i = 0; i < sim->kafka.txn_count; i++) free(sim->kafka.txns[i]->note);
  kafka_fini(&sim->kafka);
  redis_fini(&sim->redis);
  for (int i = 0; i < KAFKA_TOPICS_MAX; i++) free((char *)(uintptr_t)sim->topics[i]);
}

bool sim_run(const struct sim_options *options, char *why, size_t why_size) {
  static struct sim sim; /* large */
  set_up(&sim, options);
  adversary_run(&sim);
  adversary_drain(&sim);
  check(&sim);
  tear_down(&sim);
  snprintf(why, why_size, "%s", sim.why);
  return !sim.why[0];
}
