#include "daemon/train_options.h"

struct eddy_trainer_options eddy_train_options(const struct eddy_config *config, uint64_t seed) {
  struct eddy_trainer_options options;
  eddy_trainer_options_default(&options, &config->spec);
  options.clusters = config->model.segments;
  options.half_life_ms = config->model.half_life_ms;
  options.epoch_contributions = config->model.epoch;
  if (config->model.buffer_min) options.buffer_min = config->model.buffer_min;
  options.seed = seed;
  return options;
}
