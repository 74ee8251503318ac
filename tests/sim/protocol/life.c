#include "sim/protocol/life.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/assert.h"
#include "base/rules.h"
#include "daemon/clock.h"
#include "sim/protocol/sim.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

enum { STACK_BYTES = 1 << 20, DEAD_CLOCK_MS = 500, STACKS_KEPT = 16 };

static struct life *now_running;
static ucontext_t scheduler;
static void *kept_stacks[STACKS_KEPT];
static size_t kept_count;

struct life *life_now(void) {
  return now_running;
}

/* Coroutines ---------------------------------------------------------------------------------------------------------------*/

static void *take_stack(void) {
  if (kept_count > 0) return kept_stacks[--kept_count];
  void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  EDDY_ASSERT(stack != MAP_FAILED);
  return stack;
}

static void return_stack(void *stack) {
  if (kept_count < STACKS_KEPT) {
    kept_stacks[kept_count++] = stack;
  } else {
    munmap(stack, STACK_BYTES);
  }
}

#ifdef __SANITIZE_ADDRESS__
static const void *scheduler_stack;
static size_t scheduler_stack_size;
static void *scheduler_fake;
#endif

static void entered(struct life *life) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(life->fake_stack, &scheduler_stack, &scheduler_stack_size);
#else
  (void)life;
#endif
}

static void leave(struct life *life, bool for_good) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(for_good ? NULL : &life->fake_stack, scheduler_stack, scheduler_stack_size);
#else
  (void)for_good;
#endif
  swapcontext(&life->context, &scheduler);
}

static void run(void) {
  struct life *life = now_running;
  entered(life);
  life->main(life->argument);
  life->ended = true;
  life->where = "ended";
  leave(life, true);
}

void life_resume(struct life *life) {
  EDDY_ASSERT(!now_running && !life->ended);
  now_running = life;
  if (!life->started) {
    life->started = true;
    getcontext(&life->context);
    life->stack = take_stack();
    life->context.uc_stack.ss_sp = life->stack;
    life->context.uc_stack.ss_size = STACK_BYTES;
    life->context.uc_link = NULL;
    makecontext(&life->context, run, 0);
  }
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&scheduler_fake, life->stack, STACK_BYTES);
#endif
  swapcontext(&scheduler, &life->context);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(scheduler_fake, NULL, NULL);
#endif
  now_running = NULL;
}

bool life_sleep(const char *where, int64_t ms) {
  struct life *life = now_running;
  if (!life) return false;
  if (life->dead || life->calm) return life->dead;
  life->where = where;
  life->wake_at = life->sim->mono + ms;
  leave(life, false);
  entered(life);
  return life->dead;
}

bool life_pause(const char *where) {
  return life_sleep(where, 0);
}

/* Life and death -----------------------------------------------------------------------------------------------------------*/

static void on_ended(void *ctx) {
  (void)ctx;
}

/* worker.c's own thread. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int __wrap_pthread_join(pthread_t thread, void **result);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
  (void)attributes;
  memset(thread, 0, sizeof *thread);
  now_running->main = start;
  now_running->argument = argument;
  return 0;
}

int __wrap_pthread_join(pthread_t thread, void **result) {
  (void)thread;
  (void)result;
  return 0;
}

struct life *life_start(struct sim *sim, int process, const struct eddy_config *config, int64_t skew) {
  struct life *life = calloc(1, sizeof *life);
  EDDY_ASSERT(life != NULL && !now_running);
  *life = (struct life){.sim = sim, .process = process, .where = "born", .skew = skew, .calm = true};
  struct eddy_worker_options options = {.config = config, .logger = &sim->logger, .ended = on_ended};
  now_running = life;
  int error = eddy_worker_start(&life->worker, &options);
  EDDY_ASSERT(error == 0);
  now_running = NULL;
  life->calm = false;
  return life;
}

void life_crash(struct life *life) {
  life->dead = true;
  eddy_worker_request_stop(life->worker);
  if (!life->ended) life_resume(life);
  EDDY_ASSERT(life->ended);
}

int life_free(struct life *life) {
  EDDY_ASSERT(life->ended);
  now_running = life;
  int code = eddy_worker_free(life->worker);
  now_running = NULL;
  return_stack(life->stack);
  free(life);
  return code;
}

/* Clocks and points --------------------------------------------------------------------------------------------------------*/

int64_t life_mono(void) {
  struct life *life = now_running;
  if (life && life->dead) life->beyond += DEAD_CLOCK_MS;
  return life ? life->sim->mono + life->beyond : 0;
}

int64_t life_wall(void) {
  struct life *life = now_running;
  return life ? sim_wall(life->sim) + life->skew : SIM_EPOCH_MS;
}

int64_t eddy_clock_mono(void) {
  return life_mono();
}

int64_t eddy_clock_mono_us(void) {
  return 1000 * eddy_clock_mono();
}

int64_t eddy_clock_wall(void) {
  return life_wall();
}

void eddy_clock_sleep(int64_t ms) {
  life_sleep("sleep", ms);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *at);
int __wrap_clock_gettime(clockid_t id, struct timespec *at) {
  int64_t ms = id == CLOCK_REALTIME ? life_wall() : life_mono();
  *at = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  return 0;
}

unsigned eddy_rules_off;

void eddy_point(const char *name) {
  life_pause(name);
}
