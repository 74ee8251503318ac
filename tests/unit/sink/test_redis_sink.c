/* The Redis sink against a real redis-server on a socket of its own. Skipped with a message where there is none. */
#include "unit/sink/redis_world.h"

/* One commit: the profile is erased, and the user's next life begins with a segment (0: not yet). */
static void commit_erasure(struct world *world, const char *user, uint32_t to, uint64_t sequence) {
  struct eddy_str id = {user, (uint32_t)strlen(user)};
  struct eddy_effect effects[] = {{.kind = EDDY_PROFILE_ERASED, .number = sequence, .user_id = id},
                                  {.kind = EDDY_SEGMENT_CHANGED, .number = sequence + 1, .user_id = id}};
  effects[1].as.segment.has_to = true;
  effects[1].as.segment.to = to;
  eddy_redis_sink_committed(world->sink, 0, 5, sequence, effects, to ? 2 : 1, NULL);
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
  if (!has_server()) {
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
