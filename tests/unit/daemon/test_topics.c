/* Plans of topics and what differs from them, against librdkafka's mock cluster, which knows nothing about settings. What a
 * real broker says about them: tests/integration/test_topics.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "daemon/kafka_conf.h"
#include "daemon/topics.h"

enum { PARTITIONS = 4 };

struct bench {
  rd_kafka_t *host; /* asks, too */
  rd_kafka_mock_cluster_t *cluster;
  struct eddy_config config;
  struct eddy_topics topics;
};

static int setup(void **state) {
  static struct bench bench;
  char why[256];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof(why));
  bench = (struct bench){.host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why))};
  bench.cluster = rd_kafka_handle_mock_cluster(bench.host);
  assert_int_equal(eddy_config_load(&bench.config, NULL, stderr), 0);
  assert_int_equal(eddy_topics_init(&bench.topics, &bench.config), 0);
  *state = &bench;
  return 0;
}

static int teardown(void **state) {
  struct bench *bench = *state;
  eddy_topics_fini(&bench->topics);
  eddy_config_free(&bench->config);
  rd_kafka_destroy(bench->host);
  return 0;
}

/* All that the application needs, but `topic` with another number of partitions; 0 = not at all. */
static void create_but(struct bench *bench, int topic, int partitions) {
  for (int i = 0; i < EDDY_TOPIC_ALL; i++) {
    struct eddy_topic_plan plan = eddy_topics_plan(&bench->topics, i, PARTITIONS, 0);
    int count = i == topic ? partitions : plan.partitions;
    if (count > 0) assert_int_equal(rd_kafka_mock_topic_create(bench->cluster, plan.name, count, 1), 0);
  }
}

static enum eddy_topics_result check(struct bench *bench, char why[512]) {
  why[0] = '\0';
  return eddy_topics_check(&bench->topics, bench->host, false, NULL, why, 512);
}

static void test_ready_without_settings(void **state) {
  struct bench *bench = *state;
  char why[512];
  create_but(bench, -1, 0);
  assert_int_equal(check(bench, why), EDDY_TOPICS_READY);
  assert_int_equal(bench->topics.partitions, PARTITIONS);
  assert_int_equal(bench->topics.dead_letter_max, 1048588);
}

static void test_more_partitions_are_fine_for_outputs(void **state) {
  struct bench *bench = *state;
  char why[512];
  create_but(bench, EDDY_OUTPUT_TRIGGER, PARTITIONS + 1);
  assert_int_equal(check(bench, why), EDDY_TOPICS_READY);
}

static void refused(struct bench *bench, const char *what, const char *advice) {
  char why[512];
  assert_int_equal(check(bench, why), EDDY_TOPICS_REFUSED);
  assert_non_null(strstr(why, what));
  assert_non_null(strstr(why, advice));
}

static void test_fewer_are_refused(void **state) {
  create_but(*state, EDDY_OUTPUT_TRIGGER, PARTITIONS - 1);
  refused(*state, ".triggers: partitions 3, expected 4", "raise");
}

static void test_more_are_refused_for_the_state(void **state) {
  create_but(*state, EDDY_TOPIC_PROFILES, PARTITIONS + 1);
  refused(*state, ".profiles: partitions 5, expected 4", "state cannot follow users");
}

static void test_missing(void **state) {
  struct bench *bench = *state;
  char why[512];
  create_but(bench, EDDY_TOPIC_PROFILES, 0);
  assert_int_equal(check(bench, why), EDDY_TOPICS_MISSING);
  const char *name = bench->topics.names[EDDY_TOPIC_PROFILES];
  assert_int_equal(strncmp(why, name, strlen(name)), 0); /* and what to do */
}

static void test_no_facts_no_differences(void **state) {
  struct bench *bench = *state;
  struct eddy_topic_facts facts;
  char text[128];
  create_but(bench, -1, 0);
  eddy_topics_ask(&bench->topics, bench->host, 5000, &facts);
  assert_null(eddy_topic_fact(&facts, bench->topics.input, "cleanup.policy"));
  assert_int_equal(eddy_topic_bytes_max(&facts, bench->topics.input), 1048588);
  struct eddy_topic_plan plan = eddy_topics_plan(&bench->topics, EDDY_TOPIC_PROFILES, PARTITIONS, 0);
  assert_in_range(plan.setting_count, 1, EDDY_TOPIC_SETTINGS_MAX);
  assert_int_equal(eddy_topic_compare(&facts, &plan, PARTITIONS, text, sizeof(text)), EDDY_TOPIC_SAME);
  assert_string_equal(text, "");
  assert_int_equal(eddy_topic_compare(&facts, &plan, 1, text, 12), EDDY_TOPIC_PARTITIONS | EDDY_TOPIC_REFUSED);
  assert_string_equal(text, "partitions ");
  plan = eddy_topics_plan(&bench->topics, EDDY_OUTPUT_MODEL, PARTITIONS, 0); /* only the first counts: no reason to refuse */
  assert_int_equal(eddy_topic_compare(&facts, &plan, 3, text, sizeof(text)), EDDY_TOPIC_PARTITIONS);
  eddy_topic_facts_fini(&facts);
}

static void test_names(void **state) {
  struct bench *bench = *state;
  assert_string_equal(eddy_topics_suffix(EDDY_TOPIC_DLQ), "dlq");
  assert_string_equal(eddy_topics_suffix(EDDY_TOPIC_PROFILES), "profiles");
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    for (int j = 0; j < i; j++) assert_string_not_equal(bench->topics.names[i], bench->topics.names[j]);
  }
}

/* The role that restores: room for much, and the operator's wishes for consumers. */
static void test_restorer(void **state) {
  struct bench *bench = *state;
  struct eddy_property_setting properties[] = {
      {.name = (char *)(size_t) "consumer.fetch.wait.max.ms", .value = (char *)(size_t) "7"},
      {.name = (char *)(size_t) "producer.linger.ms", .value = (char *)(size_t) "9"}};
  struct eddy_config config = bench->config;
  config.kafka.properties = properties;
  config.kafka.property_count = 2;
  char why[256], value[32];
  size_t size = sizeof(value);
  rd_kafka_conf_t *conf = eddy_kafka_conf(&config, EDDY_KAFKA_RESTORER, 0, why, sizeof(why));
  assert_non_null(conf);
  assert_int_equal(rd_kafka_conf_get(conf, "queued.max.messages.kbytes", value, &size), RD_KAFKA_CONF_OK);
  assert_string_equal(value, "65536");
  size = sizeof(value);
  assert_int_equal(rd_kafka_conf_get(conf, "fetch.wait.max.ms", value, &size), RD_KAFKA_CONF_OK);
  assert_string_equal(value, "7");
  rd_kafka_conf_destroy(conf);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_ready_without_settings),
      TEST(test_more_partitions_are_fine_for_outputs),
      TEST(test_fewer_are_refused),
      TEST(test_more_are_refused_for_the_state),
      TEST(test_missing),
      TEST(test_no_facts_no_differences),
      TEST(test_names),
      TEST(test_restorer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
