/* A Redis sink and a real redis-server on a socket of its own. */
#ifndef EDDY_TESTS_UNIT_SINK_REDIS_WORLD_H
#define EDDY_TESTS_UNIT_SINK_REDIS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "sink/redis_sink.h"

/* One server, one sink, an application "app" of incarnation 5. */
struct world {
  char folder[64], socket[96], url[128];
  pid_t server;
  uv_loop_t loop;
  struct eddy_spec spec;
  struct eddy_redis_sink *sink;
  bool closed;
  int lost[4]; /* how often options.lost was called, by partition */
};

static inline void start_server(struct world *world, const char *extra, const char *value) {
  world->server = fork();
  assert_true(world->server >= 0);
  if (world->server == 0) {
    FILE *null = freopen("/dev/null", "w", stdout);
    (void)null;
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", world->socket, "--dir", world->folder, "--save", "",
           extra, value, (char *)NULL);
    _exit(127);
  }
}

static inline void stop_server(struct world *world) {
  if (world->server <= 0) return;
  kill(world->server, SIGKILL);
  waitpid(world->server, NULL, 0);
  world->server = 0;
  unlink(world->socket);
}

static inline void note_lost(void *ctx, uint32_t partition) {
  assert_true(partition < 4);
  ((struct world *)ctx)->lost[partition]++;
}

static inline void open_sink(struct world *world, uint64_t buffer_max) {
  struct eddy_redis_options options = {.loop = &world->loop,
                                       .url = world->url,
                                       .app = "app",
                                       .instance = "here",
                                       .spec = &world->spec,
                                       .stream_max_length = 1000,
                                       .buffer_max = buffer_max,
                                       .lost = note_lost,
                                       .lost_ctx = world};
  char why[200];
  assert_int_equal(eddy_redis_sink_open(&world->sink, &options, why, sizeof why), 0);
}

static inline int set_up(void **state) {
  struct world *world = calloc(1, sizeof *world);
  strcpy(world->folder, "/tmp/eddy-redis-XXXXXX");
  if (!mkdtemp(world->folder)) return -1;
  snprintf(world->socket, sizeof world->socket, "%s/socket", world->folder);
  snprintf(world->url, sizeof world->url, "unix://%s", world->socket);
  uv_loop_init(&world->loop);
  eddy_spec_default(&world->spec);
  *state = world;
  return 0;
}

static inline void note_closed(void *ctx) {
  ((struct world *)ctx)->closed = true;
}

static inline int tear_down(void **state) {
  struct world *world = *state;
  if (world->sink) eddy_redis_sink_close(world->sink, note_closed, world);
  while (uv_run(&world->loop, UV_RUN_DEFAULT) != 0) {
  }
  if (world->sink) assert_true(world->closed);
  assert_int_equal(uv_loop_close(&world->loop), 0);
  stop_server(world);
  rmdir(world->folder);
  free(world);
  return 0;
}

static inline bool connected(struct world *world) {
  return eddy_redis_sink_stats(world->sink).connected;
}
static inline bool disconnected(struct world *world) {
  return !connected(world);
}
static inline bool idle(struct world *world) {
  return connected(world) && eddy_redis_sink_idle(world->sink);
}

/* Runs the loop until `done` or for ten seconds. */
static inline void run_until(struct world *world, bool (*done)(struct world *)) {
  for (int i = 0; i < 10000 && !done(world); i++) {
    uv_run(&world->loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
  assert_true(done(world));
}

static inline void commit_segment(struct world *world, const char *user, uint32_t to, uint64_t sequence) {
  struct eddy_effect effect = {.kind = EDDY_SEGMENT_CHANGED, .number = sequence, .user_id = {user, (uint32_t)strlen(user)}};
  effect.as.segment.has_to = to != 0;
  effect.as.segment.to = to;
  effect.as.segment.event_time = 1000 + (int64_t)sequence;
  eddy_redis_sink_committed(world->sink, 0, 5, sequence, &effect, 1, NULL);
}

static inline void commit_trigger_at(struct world *world, uint32_t partition, const char *user, uint64_t number) {
  struct eddy_effect effect = {.kind = EDDY_TRIGGER_FIRED, .number = number, .user_id = {user, (uint32_t)strlen(user)}};
  effect.as.trigger.armed_by = EDDY_PRODUCT_ADDED;
  effect.as.trigger.expires_at = EDDY_TIME_NONE;
  effect.as.trigger.fired_at = effect.as.trigger.due_at = 42;
  eddy_redis_sink_committed(world->sink, partition, 5, number, &effect, 1, NULL);
}

static inline void commit_trigger(struct world *world, const char *user, uint64_t number) {
  commit_trigger_at(world, 3, user, number);
}

static inline void ask(struct world *world, const char *expected, const char *command) {
  redisContext *context = redisConnectUnix(world->socket);
  redisReply *reply = redisCommand(context, command);
  char text[256] = "nil";
  if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_ERROR) snprintf(text, sizeof text, "%s", reply->str);
  if (reply->type == REDIS_REPLY_INTEGER) snprintf(text, sizeof text, "%lld", reply->integer);
  assert_string_equal(text, expected);
  freeReplyObject(reply);
  redisFree(context);
}

static inline void await_server(struct world *world) {
  redisContext *context = NULL;
  for (int i = 0; i < 10000 && (!context || context->err); i++) {
    if (context) redisFree(context);
    usleep(1000);
    context = redisConnectUnix(world->socket);
  }
  assert_int_equal(context->err, 0);
  redisFree(context);
}

static inline bool has_server(void) {
  return system("redis-server --version >/dev/null 2>&1") == 0;
}

#endif
