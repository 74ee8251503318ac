/* The trainer's thread: the same versions as without one, back-pressure, records that live on. Runs under TSan, too. */
#include "trainer/thread.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "unit/trainer/trainer_world.h"

enum { SEED = 1234, DELTAS = 120, D = 6 };

static struct world world;

static struct eddy_trainer *new_trainer(void) {
  struct eddy_trainer_options options;
  eddy_trainer_options_default(&options, &world.spec);
  options.clusters = 4;
  options.buffer_min = 300;
  options.epoch_contributions = 200;
  struct eddy_trainer *trainer = NULL;
  assert_int_equal(eddy_trainer_new(&trainer, &options), EDDY_OK);
  return trainer;
}

/* Counts wake-ups; `open` holds the trainer's thread back inside of one. */
struct bell {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int rung;
  bool open;
};

static void ring(void *ctx) {
  struct bell *bell = ctx;
  pthread_mutex_lock(&bell->mutex);
  bell->rung++;
  pthread_cond_broadcast(&bell->changed);
  while (!bell->open) pthread_cond_wait(&bell->changed, &bell->mutex);
  pthread_mutex_unlock(&bell->mutex);
}

static void bell_init(struct bell *bell, bool open) {
  pthread_mutex_init(&bell->mutex, NULL);
  pthread_cond_init(&bell->changed, NULL);
  bell->rung = 0;
  bell->open = open;
}

static void bell_fini(struct bell *bell) {
  pthread_cond_destroy(&bell->changed);
  pthread_mutex_destroy(&bell->mutex);
}

static void wait_for(struct bell *bell, int rung) {
  pthread_mutex_lock(&bell->mutex);
  while (bell->rung < rung) pthread_cond_wait(&bell->changed, &bell->mutex);
  pthread_mutex_unlock(&bell->mutex);
}

static void open_up(struct bell *bell) {
  pthread_mutex_lock(&bell->mutex);
  bell->open = true;
  pthread_cond_broadcast(&bell->changed);
  pthread_mutex_unlock(&bell->mutex);
}

static void makes_the_same_versions_as_without_a_thread(void **state) {
  (void)state;
  world_init(&world, D, 4, 2, 1, SEED);
  struct eddy_trainer *alone = new_trainer();
  struct eddy_trainer_thread *thread = NULL;
  struct bell bell;
  bell_init(&bell, true);
  assert_int_equal(eddy_trainer_thread_start(&thread, new_trainer(), (struct eddy_trainer_wake){ring, &bell}), EDDY_OK);
  assert_null(eddy_trainer_thread_take(thread));
  int made = 0;
  for (int64_t offset = 0; offset < DELTAS; offset++) {
    const struct eddy_model_delta *delta = world_next(&world, 50, 1000);
    struct eddy_model_record record;
    assert_int_equal(eddy_trainer_add(alone, delta, 0, offset), EDDY_OK);
    int step = eddy_trainer_step(alone, &record);
    assert_int_equal(eddy_trainer_thread_add(thread, delta, 0, offset), EDDY_OK);
    memset(world.vectors, 0xff, sizeof world.vectors); /* the thread has a copy */
    if (step != 1) continue;
    wait_for(&bell, ++made);
    struct eddy_model_record *taken = eddy_trainer_thread_take(thread);
    assert_non_null(taken);
    assert_true(same_record(taken, &record));
    assert_null(eddy_trainer_thread_take(thread));
    eddy_model_record_free(taken);
  }
  assert_true(made > 10);
  eddy_trainer_thread_stop(thread);
  eddy_trainer_free(alone);
  bell_fini(&bell);
}

static void only_the_newest_version_waits(void **state) {
  (void)state;
  world_init(&world, D, 4, 2, 1, SEED);
  struct eddy_trainer_thread *thread = NULL;
  struct bell bell;
  bell_init(&bell, true);
  assert_int_equal(eddy_trainer_thread_start(&thread, new_trainer(), (struct eddy_trainer_wake){ring, &bell}), EDDY_OK);
  for (int64_t offset = 0; offset < 5; offset++) {
    assert_int_equal(eddy_trainer_thread_add(thread, world_next(&world, 250, 1000), 0, offset), EDDY_OK);
  }
  wait_for(&bell, 4); /* 500 for the first version, then one per delta */
  struct eddy_model_record *taken = eddy_trainer_thread_take(thread);
  assert_non_null(taken);
  assert_int_equal(taken->parts.version, 4);
  eddy_trainer_thread_stop(thread);
  assert_int_equal(taken->parts.cards[0].id, 1); /* the copy outlives the trainer */
  assert_int_equal(taken->trainer.positions[0].included, 5);
  assert_int_equal(taken->feature_names[D - 1].len, 2);
  assert_memory_equal(taken->feature_names[D - 1].data, "f5", 2);
  eddy_model_record_free(taken);
  bell_fini(&bell);
}

static void a_full_queue_refuses_and_stopping_drops_it(void **state) {
  (void)state;
  world_init(&world, D, 4, 2, 1, SEED);
  struct eddy_trainer_thread *thread = NULL;
  struct bell bell;
  bell_init(&bell, false);
  assert_int_equal(eddy_trainer_thread_start(&thread, new_trainer(), (struct eddy_trainer_wake){ring, &bell}), EDDY_OK);
  assert_int_equal(eddy_trainer_thread_add(thread, world_next(&world, 250, 1), 0, 0), EDDY_OK);
  assert_int_equal(eddy_trainer_thread_add(thread, world_next(&world, 250, 1), 0, 1), EDDY_OK);
  wait_for(&bell, 1); /* now it hangs in the wake-up */
  int64_t offset = 2;
  int error;
  while ((error = eddy_trainer_thread_add(thread, world_next(&world, 1, 1), 0, offset)) == EDDY_OK) offset++;
  assert_int_equal(error, EDDY_E_TOO_LARGE);
  assert_int_equal(offset, 2 + 1024);
  open_up(&bell);
  eddy_trainer_thread_stop(thread);
  eddy_trainer_thread_stop(NULL);
  bell_fini(&bell);
}

static void malformed_deltas_pass_through(void **state) {
  (void)state;
  world_init(&world, D, 4, 2, 1, SEED);
  struct eddy_trainer_thread *thread = NULL;
  struct bell bell;
  bell_init(&bell, true);
  assert_int_equal(eddy_trainer_thread_start(&thread, new_trainer(), (struct eddy_trainer_wake){ring, &bell}), EDDY_OK);
  struct eddy_model_delta bad = *world_next(&world, 250, 1);
  bad.count = UINT16_MAX; /* far beyond its arrays */
  assert_int_equal(eddy_trainer_thread_add(thread, &bad, 0, 0), EDDY_OK);
  bad.count = 250;
  bad.dimensions = UINT16_MAX;
  assert_int_equal(eddy_trainer_thread_add(thread, &bad, 0, 1), EDDY_OK);
  bad.dimensions = D;
  bad.vectors = NULL;
  assert_int_equal(eddy_trainer_thread_add(thread, &bad, 0, 2), EDDY_OK);
  for (int64_t offset = 3; offset < 5; offset++) {
    assert_int_equal(eddy_trainer_thread_add(thread, world_next(&world, 250, 1), 0, offset), EDDY_OK);
  }
  wait_for(&bell, 1);
  struct eddy_model_record *taken = eddy_trainer_thread_take(thread);
  assert_non_null(taken);
  assert_int_equal(taken->trainer.contributions, 500);
  assert_int_equal(taken->trainer.positions[0].included, 5);
  eddy_model_record_free(taken);
  eddy_model_record_free(NULL);
  eddy_trainer_thread_stop(thread);
  bell_fini(&bell);
}

/* Two sides at full speed: for TSan. */
static void adds_and_takes_at_the_same_time(void **state) {
  (void)state;
  world_init(&world, D, 4, 2, 1, SEED);
  struct eddy_trainer_thread *thread = NULL;
  struct bell bell;
  bell_init(&bell, true);
  assert_int_equal(eddy_trainer_thread_start(&thread, new_trainer(), (struct eddy_trainer_wake){ring, &bell}), EDDY_OK);
  uint64_t newest = 0;
  for (int64_t offset = 0; offset < 2000; offset++) {
    const struct eddy_model_delta *delta = world_next(&world, 20, 1000);
    while (eddy_trainer_thread_add(thread, delta, 0, offset) == EDDY_E_TOO_LARGE) {
      nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    struct eddy_model_record *taken = eddy_trainer_thread_take(thread);
    if (!taken) continue;
    assert_true(taken->parts.version > newest);
    newest = taken->parts.version;
    eddy_model_record_free(taken);
  }
  eddy_trainer_thread_stop(thread);
  bell_fini(&bell);
}

int main(void) {
  printf("seed %d\n", SEED);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(makes_the_same_versions_as_without_a_thread),
      cmocka_unit_test(only_the_newest_version_waits),
      cmocka_unit_test(a_full_queue_refuses_and_stopping_drops_it),
      cmocka_unit_test(malformed_deltas_pass_through),
      cmocka_unit_test(adds_and_takes_at_the_same_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
