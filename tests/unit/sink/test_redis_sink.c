/* The Redis sink against a real redis-server on a socket of its own. Skipped with a message where there is none. */
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

struct world {
  char folder[64], socket[96], url[128];
  pid_t server;
  uv_loop_t loop;
  struct eddy_spec spec;
  struct eddy_redis_sink *sink;
  bool closed;
};

static void start_server(struct world *world, const char *extra, const char *value) {
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

static void stop_server(struct world *world) {
  if (world->server <= 0) return;
  kill(world->server, SIGKILL);
  waitpid(world->server, NULL, 0);
  world->server = 0;
  unlink(world->socket);
}

static void open_sink(struct world *world, uint64_t buffer_max) {
  struct eddy_redis_options options = {.loop = &world->loop, .url = world->url, .app = "app", .instance = "here",
                                       .spec = &world->spec, .stream_max_length = 1000, .buffer_max = buffer_max};
  char why[200];
  assert_int_equal(eddy_redis_sink_open(&world->sink, &options, why, sizeof why), 0);
}

static int set_up(void **state) {
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

static void note_closed(void *ctx) { ((struct world *)ctx)->closed = true; }

static int tear_down(void **state) {
  struct world *world = *state;
  if (world->sink) eddy_redis_sink_close(world->sink, note_closed, world);
  while (uv_run(&world->loop, UV_RUN_DEFAULT) != 0) {}
  if (world->sink) assert_true(world->closed);
  assert_int_equal(uv_loop_close(&world->loop), 0);
  stop_server(world);
  rmdir(world->folder);
  free(world);
  return 0;
}

static bool connected(struct world *world) { return eddy_redis_sink_stats(world->sink).connected; }
static bool disconnected(struct world *world) { return !connected(world); }
static bool idle(struct world *world) { return connected(world) && eddy_redis_sink_idle(world->sink); }

/* Runs the loop until `done` or for ten seconds. */
static void run_until(struct world *world, bool (*done)(struct world *)) {
  for (int i = 0; i < 10000 && !done(world); i++) {
    uv_run(&world->loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
  assert_true(done(world));
}

static void commit_segment(struct world *world, const char *user, uint32_t to, uint64_t sequence) {
  struct eddy_effect effect = {.kind = EDDY_SEGMENT_CHANGED, .number = sequence, .user_id = {user, (uint32_t)strlen(user)}};
  effect.as.segment.has_to = to != 0;
  effect.as.segment.to = to;
  effect.as.segment.event_time = 1000 + (int64_t)sequence;
  eddy_redis_sink_committed(world->sink, 0, 5, sequence, &effect, 1, NULL);
}

/* One commit: the profile is erased, and the user's next life begins with a segment (0: not yet). */
static void commit_erasure(struct world *world, const char *user, uint32_t to, uint64_t sequence) {
  struct eddy_str id = {user, (uint32_t)strlen(user)};
  struct eddy_effect effects[] = {{.kind = EDDY_PROFILE_ERASED, .number = sequence, .user_id = id},
                                  {.kind = EDDY_SEGMENT_CHANGED, .number = sequence + 1, .user_id = id}};
  effects[1].as.segment.has_to = true;
  effects[1].as.segment.to = to;
  eddy_redis_sink_committed(world->sink, 0, 5, sequence, effects, to ? 2 : 1, NULL);
}

static void commit_trigger_at(struct world *world, uint32_t partition, const char *user, uint64_t number) {
  struct eddy_effect effect = {.kind = EDDY_TRIGGER_FIRED, .number = number, .user_id = {user, (uint32_t)strlen(user)}};
  effect.as.trigger.armed_by = EDDY_PRODUCT_ADDED;
  effect.as.trigger.expires_at = EDDY_TIME_NONE;
  effect.as.trigger.fired_at = effect.as.trigger.due_at = 42;
  eddy_redis_sink_committed(world->sink, partition, 5, number, &effect, 1, NULL);
}

static void commit_trigger(struct world *world, const char *user, uint64_t number) {
  commit_trigger_at(world, 3, user, number);
}

static void ask(struct world *world, const char *expected, const char *command) {
  redisContext *context = redisConnectUnix(world->socket);
  redisReply *reply = redisCommand(context, command);
  char text[256] = "nil";
  if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_ERROR) snprintf(text, sizeof text, "%s", reply->str);
  if (reply->type == REDIS_REPLY_INTEGER) snprintf(text, sizeof text, "%lld", reply->integer);
  assert_string_equal(text, expected);
  freeReplyObject(reply);
  redisFree(context);
}

static void test_writes_profiles_members_and_triggers(void **state) {
  struct world *world = *state;
  start_server(world, "--loglevel", "warning");
  open_sink(world, 1 << 20);
  run_until(world, connected);
  commit_segment(world, "ann", 4, 1);
  commit_segment(world, "bob", 4, 2);
  commit_segment(world, "ann", 9, 3);
  commit_trigger(world, "ann", 4);
  run_until(world, idle);
  ask(world, "9", "HGET app:user:ann segment");
  ask(world, "5-4", "HGET app:user:ann v");
  ask(world, "cart_abandonment", "HGET app:user:ann last_trigger");
  ask(world, "nil", "ZSCORE app:segment:4 ann");
  ask(world, "1003", "ZSCORE app:segment:9 ann");
  ask(world, "1002", "ZSCORE app:segment:4 bob");
  ask(world, "1", "XLEN app:triggers:3");
}

static void test_an_older_version_is_refused_and_an_entry_stands_once(void **state) {
  struct world *world = *state;
  start_server(world, "--loglevel", "warning");
  open_sink(world, 1 << 20);
  run_until(world, connected);
  commit_segment(world, "ann", 9, 30);
  commit_trigger(world, "bob", 31);
  run_until(world, idle);
  commit_segment(world, "ann", 4, 29);
  commit_trigger(world, "bob", 31); /* as after a lost answer */
  commit_trigger(world, "bob", 32);
  run_until(world, idle);
  ask(world, "9", "HGET app:user:ann segment");
  ask(world, "2", "XLEN app:triggers:3");
  assert_int_equal(eddy_redis_sink_stats(world->sink).refused_older, 1);
}

static void test_an_erased_user_leaves_nothing(void **state) {
  struct world *world = *state;
  start_server(world, "--loglevel", "warning");
  open_sink(world, 1 << 20);
  commit_segment(world, "ann", 4, 1);
  commit_segment(world, "bob", 4, 2);
  commit_trigger(world, "ann", 3);
  run_until(world, idle);
  ask(world, "42", "HGET app:user:ann last_trigger_at");
  commit_erasure(world, "ann", 6, 4);
  commit_erasure(world, "bob", 0, 4);
  run_until(world, idle);
  ask(world, "6", "HGET app:user:ann segment");
  ask(world, "nil", "HGET app:user:ann last_trigger_at");
  ask(world, "0", "EXISTS app:user:bob");
  ask(world, "0", "EXISTS app:segment:4");
}

static void await_server(struct world *world) {
  redisContext *context = NULL;
  for (int i = 0; i < 10000 && (!context || context->err); i++) {
    if (context) redisFree(context);
    usleep(1000);
    context = redisConnectUnix(world->socket);
  }
  assert_int_equal(context->err, 0);
  redisFree(context);
}

/* Somebody else's key in the way costs what goes to that key and nothing more. */
static void test_a_key_of_the_wrong_type_hurts_no_other(void **state) {
  struct world *world = *state;
  start_server(world, "--loglevel", "warning");
  await_server(world);
  ask(world, "1", "SADD app:user:ann x");
  ask(world, "1", "SADD app:segment:5 x");
  ask(world, "1", "SADD app:triggers:3 x");
  open_sink(world, 1 << 20);
  commit_segment(world, "ann", 4, 1);
  commit_segment(world, "bob", 5, 2);
  commit_segment(world, "eve", 6, 3);
  commit_trigger(world, "bob", 4);
  commit_trigger_at(world, 2, "bob", 5);
  run_until(world, idle);
  ask(world, "5", "HGET app:user:bob segment");
  ask(world, "cart_abandonment", "HGET app:user:bob last_trigger");
  ask(world, "6", "HGET app:user:eve segment");
  ask(world, "1003", "ZSCORE app:segment:6 eve");
  ask(world, "1", "XLEN app:triggers:2");
  assert_int_equal(eddy_redis_sink_stats(world->sink).errors, 2);
}

static void test_waits_for_a_server_that_is_down_and_coalesces(void **state) {
  struct world *world = *state;
  open_sink(world, 1 << 20);
  for (uint32_t i = 1; i <= 1000; i++) commit_segment(world, "ann", i, i);
  for (uint32_t i = 1; i <= 200; i++) commit_trigger(world, "ann", 1000 + i);
  start_server(world, "--loglevel", "warning");
  run_until(world, idle);
  ask(world, "1000", "HGET app:user:ann segment");
  ask(world, "200", "XLEN app:triggers:3");
  stop_server(world);
  run_until(world, disconnected);
  commit_segment(world, "ann", 2000, 2000);
  start_server(world, "--loglevel", "warning");
  run_until(world, idle);
  ask(world, "2000", "HGET app:user:ann segment"); /* the scripts were loaded again, too */
}

static void test_a_server_that_may_not_write_is_tried_again(void **state) {
  struct world *world = *state;
  start_server(world, "--maxmemory", "1");
  open_sink(world, 1 << 20);
  run_until(world, connected);
  commit_segment(world, "ann", 3, 3);
  commit_trigger(world, "ann", 4);
  for (int i = 0; i < 300; i++) {
    uv_run(&world->loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
  assert_false(eddy_redis_sink_idle(world->sink));
  assert_true(eddy_redis_sink_stats(world->sink).errors > 0);
  redisContext *context = redisConnectUnix(world->socket);
  freeReplyObject(redisCommand(context, "CONFIG SET maxmemory 0"));
  redisFree(context);
  run_until(world, idle);
  ask(world, "3", "HGET app:user:ann segment");
  ask(world, "1", "XLEN app:triggers:3");
}

static void test_memory_stays_bounded_while_the_server_is_away(void **state) {
  struct world *world = *state;
  open_sink(world, 64 * 1024);
  for (uint32_t i = 1; i <= 10000; i++) {
    char user[32];
    snprintf(user, sizeof user, "user-%u", i);
    commit_segment(world, user, 1, i);
    commit_trigger(world, user, i);
  }
  struct eddy_redis_stats stats = eddy_redis_sink_stats(world->sink);
  assert_true(stats.pending_bytes <= 66 * 1024);
  assert_true(stats.dropped > 9000);
}

int main(void) {
  if (system("redis-server --version >/dev/null 2>&1") != 0) {
    printf("skipped: there is no redis-server here\n");
    return 0;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_writes_profiles_members_and_triggers, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_an_older_version_is_refused_and_an_entry_stands_once, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_an_erased_user_leaves_nothing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_a_key_of_the_wrong_type_hurts_no_other, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_waits_for_a_server_that_is_down_and_coalesces, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_a_server_that_may_not_write_is_tried_again, set_up, tear_down),
      cmocka_unit_test_setup_teardown(test_memory_stays_bounded_while_the_server_is_away, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
