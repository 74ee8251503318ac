#include "daemon/partition.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

const char *eddy_partition_state_name(enum eddy_partition_state state) {
  static const char *const names[] = {"finding", "reading", "resending", "replaying", "live"};
  return names[state];
}

struct eddy_partition *eddy_partition_new(int32_t id) {
  struct eddy_partition *partition = calloc(1, sizeof(*partition));
  if (!partition) return NULL;
  partition->id = id;
  eddy_effects_init(&partition->effects, NULL);
  return partition;
}

void eddy_partition_reset(struct eddy_partition *partition) {
  eddy_changelog_free(partition->changelog);
  eddy_recovery_free(partition->recovery);
  eddy_engine_free(partition->engine);
  partition->changelog = NULL;
  partition->recovery = NULL;
  partition->engine = NULL;
  eddy_effects_clear(&partition->effects);
  partition->encoded = 0;
  partition->found = false;
  partition->touched = partition->in_flight = partition->written = partition->more_due = false;
  partition->has_trigger = partition->resyncing = false;
  partition->end = (struct eddy_end_clock){0};
  partition->restore = (struct eddy_restore_progress){0};
  partition->state = EDDY_PARTITION_FINDING;
}

bool eddy_partition_is_settled(const struct eddy_partition *partition) {
  return partition->state == EDDY_PARTITION_LIVE && partition->changelog && !partition->touched &&
         partition->effects.count == 0 && !eddy_engine_has_writes(partition->engine);
}

void eddy_partition_free(struct eddy_partition *partition) {
  if (!partition) return;
  eddy_partition_reset(partition);
  eddy_effects_fini(&partition->effects);
  free(partition);
}

/* Two halves of one secret; the app's name stands in for a secret that was not given. */
void eddy_erasure_key(const struct eddy_config *config, uint64_t key[2]) {
  static const uint64_t halves[2][2] = {{0x6572617365643a30, 1}, {0x6572617365643a31, 2}};
  const char *secret = config->state.erasure_key ? config->state.erasure_key : config->app;
  for (int i = 0; i < 2; i++) key[i] = eddy_hash_keyed(halves[i], secret, strlen(secret));
}

/* Deadlines before the application's first start stay unpublished, unless the configuration says otherwise: a first run over
 * old data mails nobody. */
static void specialise(struct eddy_partition *partition, const struct eddy_config *config) {
  partition->spec = config->spec;
  partition->spec.publish_after_ms =
      config->time.publish_after_set ? config->time.publish_after : (int64_t)partition->meta.incarnation;
}

void eddy_partition_retune(struct eddy_partition *partition, const struct eddy_config *config) {
  specialise(partition, config);
}

void eddy_partition_adopt(struct eddy_partition *partition, const struct eddy_config *config,
                          const struct eddy_offset_meta *meta) {
  partition->meta = *meta;
  specialise(partition, config);
  if (config->state.keep) partition->view_incarnation = meta->incarnation;
}

int eddy_partition_open(struct eddy_partition *partition, const struct eddy_partition_options *options) {
  const struct eddy_config *config = options->config;
  specialise(partition, config);
  partition->view_incarnation = config->state.keep ? partition->meta.incarnation : (uint64_t)options->wall;
  uint64_t seed = eddy_hash_mix(config->seed + (uint64_t)partition->id);
  struct eddy_engine_options engine = {.spec = &partition->spec,
                                       .allocator = options->allocator,
                                       .seed = seed,
                                       .hash_key = {eddy_hash_mix(seed ^ 1), eddy_hash_mix(seed ^ 2)},
                                       .durable = config->state.keep};
  eddy_erasure_key(config, engine.erasure_key);
  return eddy_engine_new(&partition->engine, &engine);
}
