/* Models as they travel through Kafka: reads `<app>.model` for every worker and, for the owner of input partition 0, feeds the
 * trainer from `<app>.model-delta` and hands out what it publishes (DESIGN section 7).
 *
 * A reader of its own, in no group (librdkafka's simple consumer: a partition that is stopped may be started again at
 * once). The trainer starts only after the model topic was read to its end again, so that it continues from the last version of
 * its predecessor. All calls on the worker's thread; none waits for a broker.
 */
#ifndef EDDY_DAEMON_MODEL_WATCH_H
#define EDDY_DAEMON_MODEL_WATCH_H

#include "daemon/config.h"
#include "daemon/topics.h"
#include "trainer/thread.h"

struct eddy_model_watch;

struct eddy_model_watch_options {
  const struct eddy_config *config;
  const struct eddy_topics *topics; /* must outlive the watch */
  uint32_t worker;
  int wake_fd;                      /* eventfd, written when something has arrived */
  struct eddy_trainer_wake wake;    /* called from the trainer's thread */
  const struct eddy_logger *logger;
};

int eddy_model_watch_open(struct eddy_model_watch **watch, const struct eddy_model_watch_options *options, char *why,
                          size_t why_size);
void eddy_model_watch_close(struct eddy_model_watch *watch);

/* Takes what has arrived, a bounded amount. True if there may be more. */
bool eddy_model_watch_poll(struct eddy_model_watch *watch);
/* True once the model topic was read to its end for the first time. */
bool eddy_model_watch_ready(const struct eddy_model_watch *watch);
/* The newest version that was not taken yet, now the caller's; NULL if there is none. */
struct eddy_model *eddy_model_watch_take(struct eddy_model_watch *watch);

/* Input partition 0 is ours from now on, or no longer. */
void eddy_model_watch_train(struct eddy_model_watch *watch, bool on);
/* A finished version to publish, to be freed with eddy_model_record_free(); NULL if there is none. */
struct eddy_model_record *eddy_model_watch_trained(struct eddy_model_watch *watch);

#endif
