/* What a configuration says to a trainer: the same for the worker's and for the one of `replay`. Any thread. */
#ifndef EDDY_DAEMON_TRAIN_OPTIONS_H
#define EDDY_DAEMON_TRAIN_OPTIONS_H

#include "daemon/config.h"
#include "trainer/trainer.h"

/* The trainer's options under this configuration, which must outlive it, and the caller's seed. */
struct eddy_trainer_options eddy_train_options(const struct eddy_config *config, uint64_t seed);

#endif
