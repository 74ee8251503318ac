#include "daemon/partition.h"

#include <stdlib.h>

#include "base/hash.h"

/* Deadlines before the application's first start stay unpublished, unless the configuration says otherwise: a first run over
 * old data mails nobody. */
static void specialise(struct eddy_partition *partition, const struct eddy_config *config) {
  partition->spec = config->spec;
  partition->spec.publish_after_ms =
      config->time.publish_after_set ? config->time.publish_after : (int64_t)partition->meta.incarnation;
}

struct eddy_partition *eddy_partition_new(const struct eddy_partition_options *options) {
  struct eddy_partition *partition = calloc(1, sizeof(*partition));
  if (!partition) return NULL;
  partition->id = options->id;
  partition->position = options->position;
  partition->meta = options->meta;
  partition->tenure = (uint64_t)options->wall;
  partition->touched = options->meta.sequence == 0;
  specialise(partition, options->config);
  eddy_effects_init(&partition->effects, NULL);
  uint64_t seed = eddy_hash_mix(options->config->seed + (uint64_t)options->id);
  struct eddy_engine_options engine = {.spec = &partition->spec,
                                       .allocator = options->allocator,
                                       .seed = seed,
                                       .hash_key = {eddy_hash_mix(seed ^ 1), eddy_hash_mix(seed ^ 2)}};
  if (eddy_engine_new(&partition->engine, &engine) != 0) {
    eddy_partition_free(partition);
    return NULL;
  }
  return partition;
}

void eddy_partition_free(struct eddy_partition *partition) {
  if (!partition) return;
  eddy_engine_free(partition->engine);
  eddy_effects_fini(&partition->effects);
  free(partition);
}
