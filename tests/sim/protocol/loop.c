/* The part of libuv that a worker uses, on simulated time. One loop per life; its handles are listed in the life. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim/protocol/life.h"
#include "sim/protocol/sim.h"

static struct life *life_of(void) {
  struct life *life = life_now();
  EDDY_ASSERT(life != NULL);
  return life;
}

static struct loop_handle *find(const void *handle) {
  struct life *life = life_of();
  for (size_t i = 0; i < life->handle_count; i++) {
    if ((const void *)life->handles[i].handle == handle) return &life->handles[i];
  }
  return NULL;
}

static int add(uv_loop_t *loop, void *handle, enum loop_kind kind) {
  struct life *life = life_of();
  EDDY_ASSERT(life->handle_count < LOOP_HANDLES_MAX);
  ((uv_handle_t *)handle)->loop = loop;
  life->handles[life->handle_count++] = (struct loop_handle){.handle = handle, .kind = kind};
  return 0;
}

int uv_loop_init(uv_loop_t *loop) {
  memset(loop, 0, sizeof *loop);
  return 0;
}

int uv_loop_close(uv_loop_t *loop) {
  (void)loop;
  return life_of()->handle_count == 0 ? 0 : UV_EBUSY;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *handle) {
  return add(loop, handle, LOOP_TIMER);
}
int uv_idle_init(uv_loop_t *loop, uv_idle_t *handle) {
  return add(loop, handle, LOOP_IDLE);
}
int uv_poll_init(uv_loop_t *loop, uv_poll_t *handle, int fd) {
  (void)fd;
  return add(loop, handle, LOOP_POLL);
}

int uv_timer_start(uv_timer_t *handle, uv_timer_cb call, uint64_t timeout, uint64_t repeat) {
  struct loop_handle *at = find(handle);
  at->active = true;
  at->due = life_mono() + (int64_t)timeout;
  at->repeat = (int64_t)repeat;
  at->call.timer = call;
  return 0;
}

int uv_idle_start(uv_idle_t *handle, uv_idle_cb call) {
  struct loop_handle *at = find(handle);
  at->active = true;
  at->call.idle = call;
  return 0;
}

int uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb call) {
  (void)events;
  struct loop_handle *at = find(handle);
  at->active = true;
  at->call.poll = call;
  return 0;
}

static int stop(const void *handle) {
  struct loop_handle *at = find(handle);
  if (at) at->active = false;
  return 0;
}

int uv_timer_stop(uv_timer_t *handle) {
  return stop(handle);
}
int uv_idle_stop(uv_idle_t *handle) {
  return stop(handle);
}
int uv_poll_stop(uv_poll_t *handle) {
  return stop(handle);
}

int uv_is_active(const uv_handle_t *handle) {
  const struct loop_handle *at = find(handle);
  return at && at->active;
}

int uv_is_closing(const uv_handle_t *handle) {
  const struct loop_handle *at = find(handle);
  return !at || at->closing;
}

void uv_close(uv_handle_t *handle, uv_close_cb closed) {
  struct loop_handle *at = find(handle);
  at->active = false;
  at->closing = true;
  at->closed = closed;
}

void uv_stop(uv_loop_t *loop) {
  (void)loop;
  life_of()->loop_stop = true;
}

uint64_t uv_now(const uv_loop_t *loop) {
  (void)loop;
  return (uint64_t)life_mono();
}

static bool close_one(struct life *life) {
  for (size_t i = 0; i < life->handle_count; i++) {
    struct loop_handle closing = life->handles[i];
    if (!closing.closing) continue;
    life->handles[i] = life->handles[--life->handle_count];
    if (closing.closed) closing.closed(closing.handle);
    return true;
  }
  return false;
}

static bool any_active(const struct life *life) {
  bool active = life->link != NULL;
  for (size_t i = 0; i < life->handle_count; i++) active |= life->handles[i].active;
  return active;
}

static void run_timers(struct life *life) {
  for (size_t i = 0; i < life->handle_count; i++) {
    struct loop_handle *at = &life->handles[i];
    if (at->kind != LOOP_TIMER || !at->active || at->due > life->sim->mono) continue;
    at->active = at->repeat > 0;
    at->due = life->sim->mono + at->repeat;
    at->call.timer((uv_timer_t *)(void *)at->handle);
  }
}

static void run_others(struct life *life, enum loop_kind kind) {
  for (size_t i = 0; i < life->handle_count; i++) {
    struct loop_handle *at = &life->handles[i];
    if (at->kind != kind || !at->active) continue;
    if (kind == LOOP_IDLE) {
      at->call.idle((uv_idle_t *)(void *)at->handle);
    } else {
      at->call.poll((uv_poll_t *)(void *)at->handle, 0, UV_READABLE);
    }
  }
}

/* How long nothing can happen by itself. */
static int64_t idle_ms(const struct life *life) {
  int64_t wait = 1000;
  for (size_t i = 0; i < life->handle_count; i++) {
    const struct loop_handle *at = &life->handles[i];
    if (!at->active) continue;
    if (at->kind == LOOP_IDLE) return 0;
    if (at->kind == LOOP_TIMER && at->due - life->sim->mono < wait) wait = at->due - life->sim->mono;
  }
  return wait > 0 ? wait : 0;
}

static void turn(struct life *life) {
  life_sleep("loop", sim_chance(life->sim, 30) ? 0 : idle_ms(life));
  if (life->dead) return;
  run_timers(life);
  if (life->loop_stop) return;
  run_others(life, LOOP_IDLE);
  if (life->link) redis_link_turn(life->link);
  if (sim_chance(life->sim, 50)) run_others(life, LOOP_POLL);
}

int uv_run(uv_loop_t *loop, uv_run_mode mode) {
  (void)loop;
  struct life *life = life_of();
  do {
    while (close_one(life)) continue;
    if (!life->dead && any_active(life)) turn(life);
  } while (mode == UV_RUN_DEFAULT && !life->loop_stop && !life->dead && any_active(life));
  if (life->link && life->dead) redis_link_turn(life->link); /* all that is left to do is to close */
  while (close_one(life)) continue;
  life->loop_stop = false;
  return 0;
}
