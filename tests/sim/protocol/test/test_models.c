/* The models of the protocol simulator are what they claim to be: transactions, last stable offset, fencing, generations,
 * compaction; scripts that refuse what is older, connections that outlive their owners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/protocol/kafka.h"
#include "sim/protocol/redis.h"

/* Kafka ------------------------------------------------------------------------------------------------------------------- */

struct bench {
  struct eddy_rng rng;
  struct kafka kafka;
};

static int set_up(void **state) {
  struct bench *bench = calloc(1, sizeof *bench);
  eddy_rng_seed(&bench->rng, 1);
  kafka_init(&bench->kafka, &bench->rng, 3, 1, 2);
  *state = bench;
  return 0;
}

static int tear_down(void **state) {
  struct bench *bench = *state;
  kafka_fini(&bench->kafka);
  free(bench);
  return 0;
}

static int64_t put(struct kafka *kafka, int topic, struct kafka_txn *txn, const char *key, const char *value) {
  return kafka_append(kafka, topic, 0, txn, key, strlen(key), value, value ? strlen(value) : 0, 0);
}

/* Values that a reader sees from the beginning, one letter each. */
static const char *seen(const struct kafka *kafka, int topic, char text[32]) {
  const struct kafka_entry *entry;
  size_t size = 0;
  for (int64_t offset = 0; (entry = kafka_read(kafka, topic, 0, &offset)) != NULL && size < 31; offset++) {
    text[size++] = entry->value ? ((const char *)entry->value)[0] : '-';
  }
  text[size] = '\0';
  return text;
}

static void test_markers_arrive_one_by_one(void **state) {
  struct kafka *kafka = &((struct bench *)*state)->kafka;
  char text[32];
  uint32_t epoch = kafka_init_producer(kafka, 0);
  struct kafka_txn *txn = kafka_begin(kafka, 0, epoch, 0);
  put(kafka, 1, txn, "k", "a");
  put(kafka, 2, txn, "k", "b");
  put(kafka, 1, NULL, "k", "c"); /* behind it */
  assert_string_equal(seen(kafka, 1, text), "");
  kafka_end(kafka, txn, true);
  assert_string_equal(seen(kafka, 1, text), "");
  kafka_deliver(kafka, txn, kafka_place(1, 0));
  assert_string_equal(seen(kafka, 1, text), "ac");
  assert_string_equal(seen(kafka, 2, text), "");
  assert_int_equal(kafka_stable_end(kafka, 2, 0), 0);
  kafka_settle(kafka);
  assert_string_equal(seen(kafka, 2, text), "b");
}

static void test_aborted_is_never_seen(void **state) {
  struct kafka *kafka = &((struct bench *)*state)->kafka;
  char text[32];
  struct kafka_txn *txn = kafka_begin(kafka, 0, kafka_init_producer(kafka, 0), 0);
  put(kafka, 1, txn, "k", "a");
  kafka_end(kafka, txn, false);
  put(kafka, 1, NULL, "k", "b");
  kafka_settle(kafka);
  assert_string_equal(seen(kafka, 1, text), "b");
}

static void test_offsets_are_unstable_until_their_marker(void **state) {
  struct kafka *kafka = &((struct bench *)*state)->kafka;
  struct kafka_offset offset;
  struct kafka_txn *txn = kafka_begin(kafka, 0, kafka_init_producer(kafka, 0), 0);
  txn->offsets[0] = (struct kafka_offset){.set = true, .offset = 7};
  txn->touched |= KAFKA_PLACE_OFFSETS;
  assert_false(kafka_committed(kafka, 0, &offset));
  kafka_end(kafka, txn, true);
  assert_false(kafka_committed(kafka, 0, &offset));
  kafka_deliver(kafka, txn, KAFKA_PLACE_OFFSETS);
  assert_true(kafka_committed(kafka, 0, &offset));
  assert_int_equal(offset.offset, 7);
}

static void test_init_and_timeout_fence(void **state) {
  struct kafka *kafka = &((struct bench *)*state)->kafka;
  uint32_t first = kafka_init_producer(kafka, 0);
  struct kafka_txn *txn = kafka_begin(kafka, 0, first, 0);
  uint32_t second = kafka_init_producer(kafka, 0);
  assert_true(kafka_is_fenced(kafka, 0, first));
  assert_false(kafka_is_fenced(kafka, 0, second));
  assert_int_equal(txn->state, KAFKA_TXN_ABORTED);
  txn = kafka_begin(kafka, 0, second, 100);
  kafka_expire(kafka, 100 + KAFKA_TXN_TIMEOUT_MS - 1);
  assert_int_equal(txn->state, KAFKA_TXN_OPEN);
  kafka_expire(kafka, 100 + KAFKA_TXN_TIMEOUT_MS);
  assert_int_equal(txn->state, KAFKA_TXN_ABORTED);
  assert_true(kafka_is_fenced(kafka, 0, second));
}

static void test_members(void **state) {
  struct kafka *kafka = &((struct bench *)*state)->kafka;
  uint64_t member = kafka_join(kafka, 0);
  int32_t generation = kafka->generation;
  kafka->owner[0] = 0;
  assert_int_equal(kafka_judge_member(kafka, 0, member, generation), KAFKA_FINE);
  kafka_join(kafka, 1);
  assert_int_equal(kafka_judge_member(kafka, 0, member, generation), KAFKA_ILLEGAL_GENERATION);
  uint64_t twin = kafka_join(kafka, 0); /* the same static name: keeps its partition, in the same generation */
  assert_int_equal(kafka_judge_member(kafka, 0, member, kafka->generation), KAFKA_FENCED_INSTANCE);
  assert_int_equal(kafka_judge_member(kafka, 0, twin, kafka->generation), KAFKA_FINE);
  assert_int_equal(kafka->owner[0], 0);
  kafka_kick(kafka, 0);
  assert_int_equal(kafka_judge_member(kafka, 0, twin, kafka->generation), KAFKA_UNKNOWN_MEMBER);
  assert_int_equal(kafka->owner[0], -1);
}

static void test_compaction(void **state) {
  struct kafka *kafka = &((struct bench *)*state)->kafka;
  char text[32];
  put(kafka, 1, NULL, "x", "a");
  put(kafka, 1, NULL, "y", "b");
  put(kafka, 1, NULL, "x", "c");
  put(kafka, 1, NULL, "y", NULL);
  struct kafka_txn *txn = kafka_begin(kafka, 0, kafka_init_producer(kafka, 0), 0);
  put(kafka, 1, txn, "x", "d");
  kafka_compact(kafka, 1, 0, false);
  assert_string_equal(seen(kafka, 1, text), "c-"); /* what is not decided yet replaces nothing */
  kafka_compact(kafka, 1, 0, true);
  assert_string_equal(seen(kafka, 1, text), "c");
}

/* Redis ------------------------------------------------------------------------------------------------------------------- */

/* Words that are separated by blanks; "_" is an empty one. */
static void send(struct redis_connection *connection, const char *text) {
  char copy[512], wire[1024], *word, *rest = copy;
  size_t size = 0, count = 1;
  snprintf(copy, sizeof copy, "%s", text);
  for (const char *at = text; *at; at++) count += *at == ' ';
  size += (size_t)snprintf(wire, sizeof wire, "*%zu\r\n", count);
  while ((word = strtok_r(rest, " ", &rest))) {
    if (strcmp(word, "_") == 0) word[0] = '\0';
    size += (size_t)snprintf(wire + size, sizeof wire - size, "$%zu\r\n%s\r\n", strlen(word), word);
  }
  redis_send(connection, wire, size);
}

static long long ask(struct redis *redis, struct redis_connection *connection, const char *text) {
  send(connection, text);
  assert_true(redis_apply(redis, connection));
  long long integer = connection->first->reply->integer;
  redis_answered(connection);
  return integer;
}

static void test_users_refuse_what_is_older(void **state) {
  struct redis redis = {0};
  struct redis_connection *connection = redis_connect(&redis);
  (void)state;
  assert_int_equal(ask(&redis, connection, "EVALSHA script-0 2 w a:user:u 0 5 app 5 u 1 5 _ 1 3 name _ 9 1 _ 0"), 0);
  assert_string_equal(redis_value(redis_find(&redis.now, "a:user:u"), "segment"), "3");
  assert_non_null(redis_value(redis_find(&redis.now, "app:segment:3"), "u"));
  assert_int_equal(ask(&redis, connection, "EVALSHA script-0 2 w a:user:u 5 6 app 5 u 1 4 _ 1 2 name _ 9 1 _ 0"),
                   1); /* older */
  assert_int_equal(ask(&redis, connection, "EVALSHA script-0 2 w a:user:u 5 7 app 5 u 1 6 _ 1 2 name _ 9 1 _ 0"),
                   -1); /* a lost write */
  assert_int_equal(ask(&redis, connection, "EVALSHA script-0 2 w a:user:u 6 7 app 5 u 1 6 _ 1 2 name _ 9 1 _ 0"), 0);
  assert_null(redis_value(redis_find(&redis.now, "app:segment:3"), "u"));
  redis_fini(&redis);
}

static void test_entries_pass_over_what_is_there(void **state) {
  struct redis redis = {0};
  struct redis_connection *connection = redis_connect(&redis);
  (void)state;
  ask(&redis, connection, "EVALSHA script-1 2 s s 100 1-5 t five u 0 r 1-6 t six u 0 r");
  ask(&redis, connection, "EVALSHA script-1 2 s s 100 1-6 t again u 0 r 1-7 t seven u 0 r");
  const struct redis_key *stream = redis_find(&redis.now, "s");
  assert_int_equal(stream->count, 3);
  assert_string_equal(stream->fields[1].value, "six");
  assert_string_equal(stream->fields[2].value, "seven");
  redis_fini(&redis);
}

static void test_connections_outlive_their_owners(void **state) {
  struct redis redis = {0};
  struct redis_connection *connection = redis_connect(&redis);
  (void)state;
  send(connection, "EVALSHA script-1 1 s 100 1-5 t five u 0 r");
  send(connection, "EVALSHA script-1 1 s 100 1-6 t six u 0 r");
  redis_break(connection);
  redis_stragglers(&redis, true);
  redis_stragglers(&redis, false);
  redis_stragglers(&redis, true);
  assert_int_equal(redis_find(&redis.now, "s")->count, 1);
  assert_null(redis.connections);
  redis_fini(&redis);
}

static void test_an_older_copy_comes_back(void **state) {
  struct redis redis = {0};
  struct redis_connection *connection = redis_connect(&redis);
  (void)state;
  ask(&redis, connection, "EVALSHA script-2 2 w st 0 1 me 7 sync:0 _ 1-1");
  redis_copy(&redis);
  assert_int_equal(ask(&redis, connection, "EVALSHA script-2 2 w st 1 2 me 8 sync:0 1-1 1-2"), 0);
  redis_fail_over(&redis);
  assert_string_equal(redis_value(redis_find(&redis.now, "st"), "sync:0"), "1-1");
  assert_int_equal(ask(&redis, connection, "EVALSHA script-2 2 w st 2 3 me 9 sync:0 1-2 1-3"), -1);
  redis_fini(&redis);
}

#define KAFKA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      KAFKA(test_markers_arrive_one_by_one),
      KAFKA(test_aborted_is_never_seen),
      KAFKA(test_offsets_are_unstable_until_their_marker),
      KAFKA(test_init_and_timeout_fence),
      KAFKA(test_members),
      KAFKA(test_compaction),
      cmocka_unit_test(test_users_refuse_what_is_older),
      cmocka_unit_test(test_entries_pass_over_what_is_there),
      cmocka_unit_test(test_connections_outlive_their_owners),
      cmocka_unit_test(test_an_older_copy_comes_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
