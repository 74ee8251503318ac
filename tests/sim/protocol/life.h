/* One run of a worker, from start to end or crash, as a coroutine.
 *
 * The real worker.c runs in it: its thread is the coroutine, its libuv loop a small one of ours (loop.c) that knows timers,
 * idle and poll handles, and whatever it waits for gives the control back to the scheduler. So does every replaced call that
 * could take time and every EDDY_POINT: there the adversary may run somebody else, freeze the process, or end it. A life that
 * crashed goes on to its end without effect: every replaced call does nothing and fails at once, and its clock runs away, so
 * that no wait lasts.
 *
 * One thread; at most one life runs at a time: life_now().
 */
#ifndef EDDY_SIM_PROTOCOL_LIFE_H
#define EDDY_SIM_PROTOCOL_LIFE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>
#include <uv.h>

#include "daemon/worker.h"

struct sim;
struct redis_link;

enum { LOOP_HANDLES_MAX = 16 };

enum loop_kind { LOOP_TIMER, LOOP_IDLE, LOOP_POLL };

struct loop_handle {
  uv_handle_t *handle;
  enum loop_kind kind;
  bool active, closing;
  int64_t due, repeat;
  union {
    uv_timer_cb timer;
    uv_idle_cb idle;
    uv_poll_cb poll;
  } call;
  uv_close_cb closed;
};

struct life {
  struct sim *sim;
  int process;
  struct eddy_worker *worker;
  const char *where; /* it stopped last, for traces */
  bool started, ended, dead, frozen, stopping;
  bool calm;       /* inside a call that has to be one step */
  int64_t wake_at; /* simulated ms: nothing to do before */
  int64_t beyond;  /* ms that the clock of a dead process ran ahead */
  int64_t skew;    /* of its wall clock, ms */
  void *(*main)(void *argument);
  void *argument;
  ucontext_t context;
  void *stack, *fake_stack;
  struct loop_handle handles[LOOP_HANDLES_MAX];
  size_t handle_count;
  bool loop_stop;
  struct eddy_redis_link *link; /* open one, or NULL */
  struct eddy_kafka_source *source;
};

/* Starts a worker of `process`; it has not run yet. */
struct life *life_start(struct sim *sim, int process, const struct eddy_config *config, int64_t skew);
/* Lets it run up to where it stops next. */
void life_resume(struct life *life);
/* kill -9. */
void life_crash(struct life *life);
/* Only of one that has ended. Returns the exit code. */
int life_free(struct life *life);

/* The one that runs now; NULL outside. */
struct life *life_now(void);
/* Gives the control away. Nothing happens outside of lives and for dead ones. True if the process is dead. */
bool life_pause(const char *where);
/* The same, not to be resumed before `ms` have passed. */
bool life_sleep(const char *where, int64_t ms);
int64_t life_mono(void);
int64_t life_wall(void);

/* One turn of the loop's own work: the model of Redis and whatever else belongs to a process. redis_client.c */
void redis_link_turn(struct eddy_redis_link *link);

#endif
