/* A trainer on a thread of its own. The worker hands in copies of deltas and takes out encoded-ready copies of records; the two
 * sides share one mutex that is held for list operations only.
 */
#ifndef EDDY_TRAINER_THREAD_H
#define EDDY_TRAINER_THREAD_H

#include "trainer/trainer.h"

struct eddy_trainer_thread;

/* `wake` is called from the trainer's thread whenever a new version is ready (e.g. uv_async_send). */
struct eddy_trainer_wake {
  void (*wake)(void *ctx);
  void *ctx;
};

/* Starts the thread; takes over the trainer. Returns 0 or EDDY_E_NOMEM. */
int eddy_trainer_thread_start(struct eddy_trainer_thread **thread, struct eddy_trainer *trainer, struct eddy_trainer_wake wake);
/* Finishes the step in hand, joins, frees the trainer. NULL is fine. */
void eddy_trainer_thread_stop(struct eddy_trainer_thread *thread);

/* Copies the delta into the queue. Returns 0, EDDY_E_NOMEM, or EDDY_E_TOO_LARGE when 1024 deltas wait: offer it again later. */
int eddy_trainer_thread_add(struct eddy_trainer_thread *thread, const struct eddy_model_delta *delta, uint32_t partition,
                            int64_t offset);
/* The newest finished version that was not taken yet, as a heap copy to be freed with eddy_model_record_free(); NULL if none. */
struct eddy_model_record *eddy_trainer_thread_take(struct eddy_trainer_thread *thread);

/* Deep copy of a record in one heap block, and its release. NULL if memory is short. */
struct eddy_model_record *eddy_model_record_copy(const struct eddy_model_record *record);
void eddy_model_record_free(struct eddy_model_record *record);

#endif
