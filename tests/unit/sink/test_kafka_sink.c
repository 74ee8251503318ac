/* The transaction's states, against librdkafka's mock cluster. That transactions are atomic is shown on a real broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "sink/kafka_sink.h"

struct fixture {
  rd_kafka_t *host;
  rd_kafka_mock_cluster_t *cluster;
};
static struct fixture fixture;

static int make(void **state) {
  char why[256];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "client.id", "mock", why, sizeof(why));
  fixture.host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
  fixture.cluster = rd_kafka_mock_cluster_new(fixture.host, 1);
  rd_kafka_mock_topic_create(fixture.cluster, "out", 2, 1);
  *state = &fixture;
  return 0;
}

static int drop(void **state) {
  (void)state;
  rd_kafka_mock_cluster_destroy(fixture.cluster);
  rd_kafka_destroy(fixture.host);
  return 0;
}

static struct eddy_kafka_sink *open_sink(const char *id) {
  char why[256];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  eddy_kafka_sink_prefer(conf);
  rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(fixture.cluster), why, sizeof(why));
  rd_kafka_conf_set(conf, "transactional.id", id, why, sizeof(why));
  struct eddy_kafka_sink_options options = {.conf = conf, .topics = {"out"}, .topic_count = 1};
  struct eddy_kafka_sink *sink = NULL;
  assert_int_equal(eddy_kafka_sink_open(&sink, &options, why, sizeof(why)), 0);
  return sink;
}

static void init_sink(struct eddy_kafka_sink *sink) {
  enum eddy_txn_result result;
  do result = eddy_kafka_sink_init(sink, 5000);
  while (result == EDDY_TXN_RETRY);
  assert_int_equal(result, EDDY_TXN_DONE);
  assert_int_equal(eddy_kafka_sink_state(sink), EDDY_TXN_READY);
}

static const struct eddy_kafka_record hello = {.key = "k", .key_size = 1, .value = "hello", .value_size = 5, .partition = 1};

static void test_commit_and_abort(void **state) {
  (void)state;
  struct eddy_kafka_sink *sink = open_sink("one");
  init_sink(sink);
  assert_int_equal(eddy_kafka_sink_produce(sink, &hello), EDDY_TXN_ABORT); /* no transaction */
  for (int round = 0; round < 2; round++) {
    assert_int_equal(eddy_kafka_sink_begin(sink), EDDY_TXN_DONE);
    assert_int_equal(eddy_kafka_sink_produce(sink, &hello), EDDY_TXN_DONE);
    assert_int_equal(eddy_kafka_sink_commit(sink, 10000), EDDY_TXN_DONE);
    assert_int_equal(eddy_kafka_sink_state(sink), EDDY_TXN_READY);
    assert_int_equal(eddy_kafka_sink_begin(sink), EDDY_TXN_DONE);
    assert_int_equal(eddy_kafka_sink_produce(sink, &hello), EDDY_TXN_DONE);
    assert_int_equal(eddy_kafka_sink_abort(sink, 10000), EDDY_TXN_DONE);
    assert_int_equal(eddy_kafka_sink_state(sink), EDDY_TXN_READY);
  }
  assert_int_equal(eddy_kafka_sink_abort(sink, 10000), EDDY_TXN_DONE); /* nothing to abort */
  eddy_kafka_sink_close(sink);
}

static void test_refused_record_dooms_the_transaction(void **state) {
  (void)state;
  struct eddy_kafka_sink *sink = open_sink("two");
  init_sink(sink);
  assert_int_equal(eddy_kafka_sink_begin(sink), EDDY_TXN_DONE);
  struct eddy_kafka_record nowhere = hello;
  nowhere.partition = 99;
  assert_int_equal(eddy_kafka_sink_produce(sink, &nowhere), EDDY_TXN_ABORT);
  assert_int_equal(eddy_kafka_sink_state(sink), EDDY_TXN_DOOMED);
  assert_int_not_equal(strlen(eddy_kafka_sink_why(sink)), 0);
  assert_int_equal(eddy_kafka_sink_commit(sink, 10000), EDDY_TXN_ABORT);
  assert_int_equal(eddy_kafka_sink_abort(sink, 10000), EDDY_TXN_DONE);
  assert_int_equal(eddy_kafka_sink_begin(sink), EDDY_TXN_DONE);
  eddy_kafka_sink_close(sink);
}

static void test_fatal_error_loses_the_producer(void **state) {
  (void)state;
  struct eddy_kafka_sink *sink = open_sink("three");
  init_sink(sink);
  assert_int_equal(eddy_kafka_sink_begin(sink), EDDY_TXN_DONE);
  assert_int_equal(eddy_kafka_sink_produce(sink, &hello), EDDY_TXN_DONE);
  rd_kafka_mock_push_request_errors(fixture.cluster, 26 /* EndTxn */, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
  assert_int_equal(eddy_kafka_sink_commit(sink, 10000), EDDY_TXN_FENCED);
  assert_int_equal(eddy_kafka_sink_state(sink), EDDY_TXN_LOST);
  assert_int_equal(eddy_kafka_sink_abort(sink, 10000), EDDY_TXN_RENEW);
  eddy_kafka_sink_close(sink);
}

static void test_names(void **state) {
  (void)state;
  assert_string_equal(eddy_txn_state_name(EDDY_TXN_OPEN), "open");
  eddy_kafka_sink_close(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_commit_and_abort),
      cmocka_unit_test(test_refused_record_dooms_the_transaction),
      cmocka_unit_test(test_fatal_error_loses_the_producer),
      cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests(tests, make, drop);
}
