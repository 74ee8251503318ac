#include "trainer/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { QUEUE_MAX = 1024, RETRY_MS = 100 };

/* A copied delta: its arrays stand behind it in the same block. */
struct parcel {
  struct parcel *next;
  struct eddy_model_delta delta;
  uint32_t partition;
  int64_t offset;
};

struct eddy_trainer_thread {
  struct eddy_trainer *trainer; /* the thread's alone while it runs */
  struct eddy_trainer_wake wake;
  pthread_t thread;
  pthread_mutex_t mutex; /* guards everything below */
  pthread_cond_t changed;
  bool stopping;
  struct parcel *head, **tail;
  size_t waiting;
  struct eddy_model_record *ready; /* finished and not taken */
};

/* Parcels ------------------------------------------------------------------------------------------------------------------*/

static size_t aligned(size_t size) {
  return (size + 15) / 16 * 16;
}

/* Appends a copy of an array that may be NULL. */
static const void *append(uint8_t **at, const void *from, size_t size) {
  if (from == NULL || size == 0) return NULL;
  void *to = *at;
  memcpy(to, from, size);
  *at += aligned(size);
  return to;
}

/* A malformed delta travels without its arrays: the trainer refuses it and passes its offset. */
static struct parcel *pack(const struct eddy_model_delta *delta, uint32_t partition, int64_t offset) {
  bool sound = delta->count <= EDDY_DELTA_VECTORS_MAX && delta->dimensions <= EDDY_FEATURES_MAX;
  size_t count = sound ? delta->count : 0;
  size_t vectors = count * delta->dimensions * sizeof *delta->vectors;
  size_t weights = count * sizeof *delta->weights, users = count * sizeof *delta->users;
  uint8_t *block = malloc(aligned(sizeof(struct parcel)) + aligned(vectors) + aligned(weights) + aligned(users));
  if (block == NULL) return NULL;
  struct parcel *parcel = (struct parcel *)(void *)block;
  *parcel = (struct parcel){.delta = *delta, .partition = partition, .offset = offset};
  uint8_t *at = block + aligned(sizeof *parcel);
  parcel->delta.vectors = append(&at, delta->vectors, vectors);
  parcel->delta.weights = append(&at, delta->weights, weights);
  parcel->delta.users = append(&at, delta->users, users);
  return parcel;
}

/* The trainer's side -------------------------------------------------------------------------------------------------------*/

/* Waits for work; NULL when it is time to stop. */
static struct parcel *next_parcel(struct eddy_trainer_thread *thread) {
  pthread_mutex_lock(&thread->mutex);
  while (!thread->stopping && thread->head == NULL) pthread_cond_wait(&thread->changed, &thread->mutex);
  struct parcel *parcel = thread->stopping ? NULL : thread->head;
  if (parcel) {
    thread->head = parcel->next;
    if (thread->head == NULL) thread->tail = &thread->head;
    thread->waiting--;
  }
  pthread_mutex_unlock(&thread->mutex);
  return parcel;
}

/* Sleeps a while, or until it is time to stop; returns whether it is. */
static bool pause_before_retry(struct eddy_trainer_thread *thread) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += RETRY_MS * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  pthread_mutex_lock(&thread->mutex);
  if (!thread->stopping) pthread_cond_timedwait(&thread->changed, &thread->mutex, &until);
  bool stopping = thread->stopping;
  pthread_mutex_unlock(&thread->mutex);
  return stopping;
}

static void publish(struct eddy_trainer_thread *thread, struct eddy_model_record *copy) {
  pthread_mutex_lock(&thread->mutex);
  struct eddy_model_record *older = thread->ready;
  thread->ready = copy;
  pthread_mutex_unlock(&thread->mutex);
  eddy_model_record_free(older);
  if (thread->wake.wake) thread->wake.wake(thread->wake.ctx);
}

/* Short of memory is not a reason to lose a delta or a version: it tries until it works or is told to stop. */
static void take_in(struct eddy_trainer_thread *thread, const struct parcel *parcel) {
  struct eddy_model_record record;
  while (eddy_trainer_add(thread->trainer, &parcel->delta, parcel->partition, parcel->offset) == EDDY_E_NOMEM) {
    if (pause_before_retry(thread)) return;
  }
  int made;
  while ((made = eddy_trainer_step(thread->trainer, &record)) == EDDY_E_NOMEM) {
    if (pause_before_retry(thread)) return;
  }
  if (made != 1) return;
  struct eddy_model_record *copy;
  while ((copy = eddy_model_record_copy(&record)) == NULL) {
    if (pause_before_retry(thread)) return;
  }
  publish(thread, copy);
}

static void *run(void *ctx) {
  struct eddy_trainer_thread *thread = ctx;
  struct parcel *parcel;
  while ((parcel = next_parcel(thread)) != NULL) {
    take_in(thread, parcel);
    free(parcel);
  }
  return NULL;
}

/* The worker's side --------------------------------------------------------------------------------------------------------*/

/* Signals are the main thread's business. */
static int start_without_signals(struct eddy_trainer_thread *thread) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&thread->thread, NULL, run, thread);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}

int eddy_trainer_thread_start(struct eddy_trainer_thread **out, struct eddy_trainer *trainer, struct eddy_trainer_wake wake) {
  struct eddy_trainer_thread *thread = calloc(1, sizeof *thread);
  if (thread) {
    thread->trainer = trainer;
    thread->wake = wake;
    thread->tail = &thread->head;
    pthread_mutex_init(&thread->mutex, NULL);
    pthread_cond_init(&thread->changed, NULL);
    if (start_without_signals(thread) == 0) {
      *out = thread;
      return EDDY_OK;
    }
  }
  free(thread);
  eddy_trainer_free(trainer);
  return EDDY_E_NOMEM;
}

void eddy_trainer_thread_stop(struct eddy_trainer_thread *thread) {
  if (thread == NULL) return;
  pthread_mutex_lock(&thread->mutex);
  thread->stopping = true;
  pthread_cond_signal(&thread->changed);
  pthread_mutex_unlock(&thread->mutex);
  pthread_join(thread->thread, NULL);
  while (thread->head) {
    struct parcel *parcel = thread->head;
    thread->head = parcel->next;
    free(parcel);
  }
  pthread_cond_destroy(&thread->changed);
  pthread_mutex_destroy(&thread->mutex);
  eddy_model_record_free(thread->ready);
  eddy_trainer_free(thread->trainer);
  free(thread);
}

static bool enqueue(struct eddy_trainer_thread *thread, struct parcel *parcel) {
  pthread_mutex_lock(&thread->mutex);
  bool room = thread->waiting < QUEUE_MAX;
  if (room) {
    *thread->tail = parcel;
    thread->tail = &parcel->next;
    thread->waiting++;
    pthread_cond_signal(&thread->changed);
  }
  pthread_mutex_unlock(&thread->mutex);
  return room;
}

int eddy_trainer_thread_add(struct eddy_trainer_thread *thread, const struct eddy_model_delta *delta, uint32_t partition,
                            int64_t offset) {
  struct parcel *parcel = pack(delta, partition, offset);
  if (parcel == NULL) return EDDY_E_NOMEM;
  if (enqueue(thread, parcel)) return EDDY_OK;
  free(parcel);
  return EDDY_E_TOO_LARGE;
}

struct eddy_model_record *eddy_trainer_thread_take(struct eddy_trainer_thread *thread) {
  pthread_mutex_lock(&thread->mutex);
  struct eddy_model_record *record = thread->ready;
  thread->ready = NULL;
  pthread_mutex_unlock(&thread->mutex);
  return record;
}
