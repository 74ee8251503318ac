/* What Redis has acknowledged, what happens when it loses it, and what a successor hands over: against a real redis-server.
 * Skipped with a message where there is none. */
#include "unit/sink/redis_world.h"

#include "codec/output_codec.h"

static struct eddy_redis_ack acked(struct world *world) {
  return eddy_redis_sink_acked(world->sink, 0);
}

static void begin(struct world *world, uint64_t sequence, const struct eddy_redis_ack *ack) {
  static const struct eddy_redis_ack unknown = {0};
  eddy_redis_sink_begin(world->sink, 0, 5, sequence, ack ? ack : &unknown);
}

static void start(struct world *world) {
  start_server(world, "--loglevel", "warning");
  open_sink(world, 1 << 20);
}

/* A person's command. */
static void order(struct world *world, const char *command) {
  redisContext *context = redisConnectUnix(world->socket);
  freeReplyObject(redisCommand(context, command));
  redisFree(context);
}

static uint64_t stored(struct world *world) {
  redisContext *context = redisConnectUnix(world->socket);
  redisReply *reply = redisCommand(context, "HGET app:status sync:0");
  uint64_t sequence = 0;
  if (reply->type == REDIS_REPLY_STRING) {
    assert_memory_equal(reply->str, "5-", 2);
    sequence = strtoull(reply->str + 2, NULL, 10);
  }
  freeReplyObject(reply);
  redisFree(context);
  return sequence;
}

static bool put(struct world *world, const char *user, uint32_t segment, int64_t since, uint64_t sequence) {
  struct eddy_member member = {{user, (uint32_t)strlen(user)}, segment != 0, segment, segment ? since : EDDY_TIME_NONE};
  return eddy_redis_sink_put(world->sink, 0, 5, sequence, &member, NULL);
}

static bool known(struct world *world) {
  return acked(world).known;
}
static bool lost_once(struct world *world) {
  return world->lost[0] >= 1;
}
static bool lost_twice(struct world *world) {
  return world->lost[0] >= 2;
}
static bool at_3(struct world *world) {
  return acked(world).sequence >= 3;
}
static bool at_9(struct world *world) {
  return acked(world).sequence >= 9;
}

/* The loop for as long as some heartbeats take. */
static void run_heartbeats(struct world *world) {
  uint64_t until = uv_hrtime() + 2500 * (uint64_t)1000000;
  while (uv_hrtime() < until) {
    uv_run(&world->loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
}

static void test_what_is_written_is_acknowledged(void **state) {
  struct world *world = *state;
  start(world);
  begin(world, 0, NULL);
  assert_false(known(world));
  commit_segment(world, "ann", 4, 1);
  commit_segment(world, "bob", 4, 2);
  commit_trigger_at(world, 0, "ann", 3);
  run_until(world, at_3);
  assert_int_equal(acked(world).trigger, 3);
  assert_true(acked(world).since > 0);
  ask(world, "5-3", "HGET app:status sync:0");
  assert_int_equal(world->lost[0], 0);
}

static void test_the_acknowledgement_is_never_ahead_of_redis(void **state) {
  struct world *world = *state;
  uint64_t before = 0, steps = 0;
  char user[32];
  start(world);
  begin(world, 0, NULL);
  for (uint64_t sequence = 1; steps < 4; sequence++) {
    assert_true(sequence < 100000);
    snprintf(user, sizeof user, "user-%llu", (unsigned long long)sequence % 100);
    commit_segment(world, user, 1 + (uint32_t)sequence % 5, sequence);
    if (sequence % 7 == 0) commit_trigger_at(world, 0, user, sequence);
    uv_run(&world->loop, UV_RUN_NOWAIT);
    usleep(1000);
    struct eddy_redis_ack ack = acked(world);
    assert_true(ack.sequence >= before && ack.sequence <= sequence && ack.trigger <= ack.sequence);
    if (ack.sequence == before) continue;
    assert_true(stored(world) >= ack.sequence);
    before = ack.sequence;
    steps++;
  }
}

static void test_nothing_is_acknowledged_while_something_waits(void **state) {
  struct world *world = *state;
  start(world);
  begin(world, 0, NULL);
  run_until(world, known);
  order(world, "CONFIG SET maxmemory 1");
  commit_segment(world, "ann", 4, 9);
  run_heartbeats(world);
  assert_int_equal(acked(world).sequence, 0);
  order(world, "CONFIG SET maxmemory 0");
  run_until(world, at_9);
  ask(world, "4", "HGET app:user:ann segment");
  assert_int_equal(world->lost[0], 0);
}

/* All is written, but what says so has not been answered. */
static void test_what_was_not_answered_is_not_acknowledged(void **state) {
  struct world *world = *state;
  start(world);
  begin(world, 0, NULL);
  run_until(world, known);
  commit_segment(world, "ann", 4, 9);
  run_until(world, idle);
  kill(world->server, SIGSTOP);
  for (int i = 0; i < 20; i++) { /* what it has answered before */
    uv_run(&world->loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
  uint64_t before = acked(world).sequence;
  run_heartbeats(world);
  assert_int_equal(acked(world).sequence, before);
  kill(world->server, SIGCONT);
  run_until(world, at_9);
}

static void test_a_flush_is_made_good(void **state) {
  struct world *world = *state;
  start(world);
  begin(world, 0, NULL);
  commit_segment(world, "ann", 4, 3);
  run_until(world, at_3);
  order(world, "FLUSHALL");
  run_until(world, lost_once);
  commit_segment(world, "bob", 5, 9);
  run_heartbeats(world);
  assert_int_equal(acked(world).sequence, 3); /* stands still until everything was handed over */
  ask(world, "nil", "HGET app:status sync:0");
  assert_true(put(world, "ann", 4, 1003, 9));
  assert_true(put(world, "bob", 5, 1009, 9));
  eddy_redis_sink_complete(world->sink, 0);
  run_until(world, at_9);
  ask(world, "4", "HGET app:user:ann segment");
  ask(world, "1003", "ZSCORE app:segment:4 ann");
  ask(world, "5", "HGET app:user:bob segment");
  ask(world, "5-9", "HGET app:status sync:0");
  assert_int_equal(world->lost[0], 1);
}

static void test_a_second_flush_begins_anew(void **state) {
  struct world *world = *state;
  start(world);
  begin(world, 0, NULL);
  commit_segment(world, "ann", 4, 3);
  run_until(world, at_3);
  order(world, "FLUSHALL");
  run_until(world, lost_once);
  assert_true(put(world, "ann", 4, 1003, 9));
  run_until(world, idle);
  order(world, "FLUSHALL");
  assert_true(put(world, "bob", 5, 1009, 9));
  eddy_redis_sink_complete(world->sink, 0); /* of a hand-over whose first half is gone */
  run_until(world, lost_twice);
  assert_int_equal(acked(world).sequence, 3);
}

static void test_forgotten_fields_alone_are_noticed(void **state) {
  struct world *world = *state;
  start(world);
  begin(world, 0, NULL);
  commit_segment(world, "ann", 4, 3);
  run_until(world, at_3);
  order(world, "HDEL app:status sync:0"); /* what `eddy redis rebuild` does at last */
  run_until(world, lost_once);
}

/* Nothing of it was acknowledged, all of it was written: only the chain tells. */
static void test_what_was_written_and_lost_at_once_is_noticed(void **state) {
  struct world *world = *state;
  start(world);
  run_until(world, connected);
  begin(world, 0, NULL);
  commit_segment(world, "ann", 4, 3);
  run_until(world, idle);
  stop_server(world);
  run_until(world, disconnected);
  start_server(world, "--loglevel", "warning");
  run_until(world, lost_once);
}

static void test_a_connection_that_breaks_loses_nothing(void **state) {
  struct world *world = *state;
  start(world);
  begin(world, 0, NULL);
  commit_segment(world, "ann", 4, 3);
  run_until(world, at_3);
  order(world, "CLIENT KILL TYPE normal SKIPME yes");
  run_until(world, disconnected);
  commit_segment(world, "ann", 5, 9);
  run_until(world, at_9);
  ask(world, "5", "HGET app:user:ann segment");
  assert_int_equal(world->lost[0], 0);
}

static void test_a_successor_catches_up(void **state) {
  struct world *world = *state;
  struct eddy_redis_ack ack = {true, 3, 2, 77};
  start(world);
  await_server(world);
  order(world, "HSET app:status sync:0 5-3");
  begin(world, 9, &ack);
  commit_segment(world, "bob", 5, 10);
  run_heartbeats(world);
  assert_int_equal(acked(world).sequence, 3);
  assert_int_equal(acked(world).trigger, 2);
  assert_int_equal(acked(world).since, 77);
  assert_true(put(world, "ann", 4, 1003, 9));
  eddy_redis_sink_complete(world->sink, 0);
  run_until(world, at_9);
  assert_int_equal(acked(world).sequence, 10);
  ask(world, "4", "HGET app:user:ann segment");
  assert_int_equal(world->lost[0], 0);
}

/* The predecessor stored it and ended before it could say so. */
static void test_a_newer_field_is_fine(void **state) {
  struct world *world = *state;
  struct eddy_redis_ack ack = {true, 3, 0, 77};
  start(world);
  await_server(world);
  order(world, "HSET app:status sync:0 5-7");
  begin(world, 9, &ack);
  eddy_redis_sink_complete(world->sink, 0);
  run_until(world, at_9);
  ask(world, "5-9", "HGET app:status sync:0");
  assert_int_equal(world->lost[0], 0);
}

static void test_a_successor_finds_an_older_copy_or_none(void **state) {
  static const char *const copies[] = {"HSET app:status sync:0 5-2", "HSET app:status sync:0 4-9", "HDEL app:status sync:0",
                                       "HSET app:status sync:0 nonsense"};
  struct world *world = *state;
  struct eddy_redis_ack ack = {true, 3, 0, 77};
  start(world);
  await_server(world);
  for (int i = 0; i < 4; i++) {
    order(world, copies[i]);
    world->lost[0] = 0;
    begin(world, 3, &ack);
    run_until(world, lost_once);
    eddy_redis_sink_complete(world->sink, 0);
    commit_segment(world, "ann", 4, 9);
    run_until(world, at_9);
    ask(world, "5-9", "HGET app:status sync:0");
    eddy_redis_sink_end(world->sink, 0);
  }
}

static void test_redis_that_was_switched_on_later_gets_everything(void **state) {
  struct world *world = *state;
  begin((open_sink(world, 1 << 20), world), 9, NULL);
  start_server(world, "--loglevel", "warning");
  run_until(world, lost_once);
  run_heartbeats(world);
  assert_false(known(world));
  put(world, "ann", 4, 1003, 9);
  eddy_redis_sink_complete(world->sink, 0);
  run_until(world, at_9);
}

static void test_dropped_changes_are_made_good(void **state) {
  struct world *world = *state;
  open_sink(world, 64 * 1024);
  begin(world, 0, NULL);
  for (uint32_t i = 1; i <= 1000; i++) {
    char user[32];
    snprintf(user, sizeof user, "user-%u", i);
    commit_segment(world, user, 1, i);
  }
  assert_true(eddy_redis_sink_stats(world->sink).dropped > 100);
  assert_int_equal(world->lost[0], 0); /* not before Redis can take it */
  assert_true(eddy_redis_sink_pressure(world->sink) > 0.9);
  assert_false(put(world, "ann", 4, 1003, 1000));
  start_server(world, "--loglevel", "warning");
  run_until(world, lost_once);
  run_until(world, idle);
  run_heartbeats(world);
  assert_false(known(world));
  assert_true(put(world, "user-1000", 1, 2000, 1000));
  eddy_redis_sink_complete(world->sink, 0);
  run_until(world, known);
  assert_int_equal(acked(world).sequence, 1000);
  ask(world, "1", "HGET app:user:user-1000 segment");
}

static void test_entries_outlast_users_when_memory_is_short(void **state) {
  struct world *world = *state;
  open_sink(world, 64 * 1024);
  begin(world, 0, NULL);
  for (uint32_t i = 1; i <= 300; i++) commit_segment(world, (char[2]){(char)(1 + i % 127), 0}, 1, i);
  for (uint32_t i = 301; i <= 340; i++) commit_trigger_at(world, 0, "ann", i);
  start_server(world, "--loglevel", "warning");
  run_until(world, idle);
  ask(world, "40", "XLEN app:triggers:0");
}

/* A record of topic triggers. */
static size_t encode(struct world *world, const char *user, uint64_t number, int64_t fired_at, struct eddy_buffer *record) {
  struct eddy_output_codec *codec;
  struct eddy_output_place place = {0, 1};
  struct eddy_effect effect = {.kind = EDDY_TRIGGER_FIRED, .number = number, .user_id = {user, (uint32_t)strlen(user)}};
  effect.as.trigger.armed_by = EDDY_PRODUCT_ADDED;
  effect.as.trigger.expires_at = EDDY_TIME_NONE;
  effect.as.trigger.fired_at = fired_at;
  effect.as.trigger.due_at = 42;
  record->size = 0;
  assert_int_equal(eddy_output_codec_new(&codec, &world->spec), 0);
  assert_int_equal(eddy_output_encode(codec, &effect, &place, record), 0);
  eddy_output_codec_free(codec);
  return record->size;
}

static void test_triggers_are_sent_again_in_order(void **state) {
  struct world *world = *state;
  struct eddy_redis_ack ack = {true, 3, 2, 77};
  struct eddy_buffer record;
  uint64_t number;
  start(world);
  await_server(world);
  order(world, "HSET app:status sync:0 5-3");
  eddy_buffer_init(&record, NULL);
  begin(world, 9, &ack);
  for (uint64_t i = 1; i <= 5; i++) {
    size_t size = encode(world, "ann", i, 100 + (int64_t)i, &record);
    assert_true(eddy_redis_sink_trigger_number(world->sink, record.data, size, &number));
    assert_int_equal(number, i);
    assert_int_equal(eddy_redis_sink_resend(world->sink, 0, 5, record.data, size), 0);
    assert_int_equal(eddy_redis_sink_resend(world->sink, 0, 5, record.data, size - 1), EDDY_E_CORRUPT);
    assert_false(eddy_redis_sink_trigger_number(world->sink, record.data, size - 1, &number));
  }
  eddy_redis_sink_complete(world->sink, 0);
  run_until(world, at_9);
  assert_int_equal(acked(world).trigger, 5);
  ask(world, "3", "XLEN app:triggers:0");
  ask(world, "105", "HGET app:user:ann last_trigger_at");
  ask(world, "cart_abandonment", "HGET app:user:ann last_trigger");
  ask(world, "5-3", "HGET app:user:ann v"); /* a trigger alone claims no newer state than Redis had */
  commit_trigger_at(world, 0, "ann", 10);
  run_until(world, idle);
  ask(world, "4", "XLEN app:triggers:0");
  eddy_buffer_fini(&record);
}

static void print_reply(const redisReply *reply, char text[1024]) {
  size_t length = strlen(text);
  if (reply->type == REDIS_REPLY_STRING) snprintf(text + length, 1024 - length, "%s ", reply->str);
  for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) print_reply(reply->element[i], text);
}

static void print_entry(struct world *world, int partition, char text[1024]) {
  redisContext *context = redisConnectUnix(world->socket);
  redisReply *reply = redisCommand(context, "XRANGE app:triggers:%d - +", partition);
  text[0] = '\0';
  print_reply(reply, text);
  freeReplyObject(reply);
  redisFree(context);
}

/* The record in the stream is the same whether it comes from the engine or from the topic. */
static void test_an_entry_sent_again_is_the_same(void **state) {
  struct world *world = *state;
  struct eddy_buffer record;
  start(world);
  eddy_buffer_init(&record, NULL);
  begin(world, 0, NULL);
  eddy_redis_sink_begin(world->sink, 1, 5, 0, &(struct eddy_redis_ack){0});
  size_t size = encode(world, "ann", 4, 42, &record);
  eddy_redis_sink_resend(world->sink, 1, 5, record.data, size);
  struct eddy_effect effect = {.kind = EDDY_TRIGGER_FIRED, .number = 4, .user_id = EDDY_STR("ann")};
  effect.as.trigger.armed_by = EDDY_PRODUCT_ADDED;
  effect.as.trigger.expires_at = EDDY_TIME_NONE;
  effect.as.trigger.fired_at = effect.as.trigger.due_at = 42;
  effect.as.trigger.published_at = 0;
  eddy_redis_sink_committed(world->sink, 0, 5, 4, &effect, 1, NULL);
  run_until(world, idle);
  char first[1024], second[1024];
  print_entry(world, 0, first);
  print_entry(world, 1, second);
  assert_non_null(strstr(first, "5-4 trigger cart_abandonment "));
  assert_string_equal(first, second);
  eddy_buffer_fini(&record);
}

static void test_a_state_replaces_what_is_older(void **state) {
  struct world *world = *state;
  start(world);
  commit_segment(world, "ann", 4, 3); /* since 1003 */
  run_until(world, idle);
  ask(world, "", "HGET app:user:ann from");
  put(world, "ann", 4, 1003, 3); /* as it is: how it came about is known and stays */
  run_until(world, idle);
  ask(world, "", "HGET app:user:ann from");
  put(world, "ann", 7, 1001, 2); /* older */
  run_until(world, idle);
  ask(world, "4", "HGET app:user:ann segment");
  put(world, "ann", 7, 1004, 4);
  put(world, "bob", 0, 0, 4);
  run_until(world, idle);
  ask(world, "7", "HGET app:user:ann segment");
  ask(world, "nil", "HGET app:user:ann from");
  ask(world, "1004", "ZSCORE app:segment:7 ann");
  ask(world, "nil", "ZSCORE app:segment:4 ann");
  ask(world, "0", "EXISTS app:user:bob"); /* nothing to say */
  put(world, "ann", 0, 0, 5);
  run_until(world, idle);
  ask(world, "nil", "HGET app:user:ann segment");
  ask(world, "nil", "HGET app:user:ann since");
  ask(world, "0", "EXISTS app:segment:7");
}

static void test_gone_is_gone(void **state) {
  struct world *world = *state;
  start(world);
  commit_segment(world, "ann", 4, 3);
  commit_segment(world, "bob", 4, 3);
  run_until(world, idle);
  assert_true(put(world, "ann", 4, 1003, 9));
  assert_true(eddy_redis_sink_gone(world->sink, 0, 5, 9, EDDY_STR("ann")));
  assert_true(eddy_redis_sink_gone(world->sink, 0, 5, 2, EDDY_STR("bob"))); /* older than what is there */
  run_until(world, idle);
  ask(world, "0", "EXISTS app:user:ann");
  ask(world, "nil", "ZSCORE app:segment:4 ann");
  ask(world, "4", "HGET app:user:bob segment");
  commit_segment(world, "ann", 5, 8); /* of a process that was asleep */
  run_until(world, idle);
  ask(world, "0", "EXISTS app:user:ann");
  ask(world, "0", "EXISTS app:segment:5");
  commit_segment(world, "ann", 5, 10); /* a new life */
  run_until(world, idle);
  ask(world, "5", "HGET app:user:ann segment");
}

static void test_tenures_end(void **state) {
  struct world *world = *state;
  start(world);
  begin(world, 0, NULL);
  commit_segment(world, "ann", 4, 3);
  run_until(world, at_3);
  eddy_redis_sink_end(world->sink, 0);
  assert_false(known(world));
  commit_segment(world, "ann", 5, 4);         /* what waits is still written */
  order(world, "HSET app:status sync:0 5-8"); /* the next owner's */
  run_until(world, idle);
  run_heartbeats(world);
  ask(world, "5", "HGET app:user:ann segment");
  ask(world, "5-8", "HGET app:status sync:0");
  assert_int_equal(world->lost[0], 0);
}

/* What a standby's engine had handed over before is still there, or known to be lost. */
static void test_a_tenure_comes_back(void **state) {
  struct world *world = *state;
  start(world);
  begin(world, 0, NULL);
  commit_segment(world, "ann", 4, 3);
  run_until(world, at_3);
  struct eddy_redis_ack ack = acked(world);
  commit_trigger_at(world, 0, "ann", 9);
  eddy_redis_sink_end(world->sink, 0);
  run_until(world, idle);
  begin(world, 9, &ack);
  run_until(world, at_9); /* nobody has to hand over anything */
  assert_int_equal(acked(world).trigger, 9);
  ack = acked(world);
  eddy_redis_sink_end(world->sink, 0);
  begin(world, 11, &ack); /* somebody else has committed meanwhile */
  run_heartbeats(world);
  assert_int_equal(acked(world).sequence, 9);
}

/* Everything was handed over and written; Redis lost it while nobody had the partition, and by its looks all is well. */
static void test_a_tenure_comes_back_after_a_loss(void **state) {
  struct world *world = *state;
  struct eddy_redis_ack ack = {true, 11, 0, 77};
  start(world);
  begin(world, 0, NULL);
  run_until(world, known);
  commit_segment(world, "bob", 4, 12);
  eddy_redis_sink_end(world->sink, 0);
  run_until(world, idle);
  stop_server(world);
  run_until(world, disconnected);
  start_server(world, "--loglevel", "warning");
  run_until(world, idle);
  order(world, "HSET app:status sync:0 5-11");
  run_heartbeats(world);
  begin(world, 12, &ack);
  run_heartbeats(world);
  assert_int_equal(acked(world).sequence, 11);
}

static void test_a_first_tenure_loses_nothing(void **state) {
  struct world *world = *state;
  struct eddy_redis_ack ack = {true, 0, 0, 77};
  start(world);
  begin(world, 0, &ack);
  commit_segment(world, "ann", 4, 3);
  run_until(world, at_3);
  assert_int_equal(world->lost[0], 0);
}

int main(void) {
  if (!has_server()) {
    printf("skipped: there is no redis-server here\n");
    return 0;
  }
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(test_what_is_written_is_acknowledged),
      TEST(test_the_acknowledgement_is_never_ahead_of_redis),
      TEST(test_nothing_is_acknowledged_while_something_waits),
      TEST(test_what_was_not_answered_is_not_acknowledged),
      TEST(test_a_flush_is_made_good),
      TEST(test_a_second_flush_begins_anew),
      TEST(test_forgotten_fields_alone_are_noticed),
      TEST(test_what_was_written_and_lost_at_once_is_noticed),
      TEST(test_a_connection_that_breaks_loses_nothing),
      TEST(test_a_successor_catches_up),
      TEST(test_a_newer_field_is_fine),
      TEST(test_a_successor_finds_an_older_copy_or_none),
      TEST(test_redis_that_was_switched_on_later_gets_everything),
      TEST(test_dropped_changes_are_made_good),
      TEST(test_entries_outlast_users_when_memory_is_short),
      TEST(test_triggers_are_sent_again_in_order),
      TEST(test_an_entry_sent_again_is_the_same),
      TEST(test_a_state_replaces_what_is_older),
      TEST(test_gone_is_gone),
      TEST(test_tenures_end),
      TEST(test_a_tenure_comes_back),
      TEST(test_a_tenure_comes_back_after_a_loss),
      TEST(test_a_first_tenure_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
