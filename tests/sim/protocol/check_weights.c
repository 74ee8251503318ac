/* Contributions to the trainer: each span of a user's time counts once. */
#include <stdlib.h>
#include <string.h>

#include "codec/output_codec.h"
#include "core/engine_state.h"
#include "sim/protocol/input.h"
#include "sim/protocol/oracle.h"
#include "sim/protocol/oracle_state.h"
#include "sim/protocol/sim.h"

enum { DAY_MS = 86400000, ROUNDING_MS = 1000 };

/* No user's last contribution was before `at`: its first event, and what the weights since then stand for. */
struct chains {
  uint64_t hashes[INPUT_USERS + 1];
  double at[INPUT_USERS + 1];
};

static void start(struct chains *chains, int partition, const struct oracle *oracle) {
  for (int i = 0; i <= INPUT_USERS; i++) {
    char name[8];
    input_user(partition, i, name);
    struct eddy_str id = {name, (uint32_t)strlen(name)};
    chains->hashes[i] = eddy_profile_table_hash(&oracle->partition->engine->table, id);
    chains->at[i] = (double)oracle->first[i];
  }
}

/* A weight is the time since the one before in days, at most 1. The first of a profile is 1/4, and says nothing about time: a
 * late event may be the first one of the user's next life. */
static void add(struct sim *sim, const struct oracle *oracle, struct chains *chains, const struct eddy_model_delta *delta,
                uint16_t vector) {
  for (int i = 0; i <= INPUT_USERS; i++) {
    if (chains->hashes[i] != delta->users[vector]) continue;
    if (delta->weights[vector] == 0.25f) {
      chains->at[i] = (double)oracle->first[i];
      continue;
    }
    chains->at[i] += (double)delta->weights[vector] * DAY_MS - ROUNDING_MS;
    if (chains->at[i] <= (double)delta->newest_time) continue;
    sim_violation(sim, "contributions of user %d count %.0f ms twice", i, chains->at[i] - (double)delta->newest_time);
  }
}

void check_weights(struct sim *sim, int partition, struct oracle *oracle) {
  struct chains chains;
  const struct kafka_entry *entry;
  int topic = sim_output(sim, eddy_output_topic(EDDY_OUTPUT_MODEL_DELTA));
  if (topic < 0) return;
  start(&chains, partition, oracle);
  for (int64_t offset = 0; (entry = kafka_read(&sim->kafka, topic, partition, &offset)); offset++) {
    struct eddy_model_delta delta;
    void *block;
    if (eddy_delta_decode(&sim->configs[0].spec, entry->value, entry->value_size, &delta, &block) != 0) {
      sim_violation(sim, "a delta cannot be read");
      return;
    }
    for (uint16_t i = 0; i < delta.count; i++) add(sim, oracle, &chains, &delta, i);
    free(block);
  }
}
