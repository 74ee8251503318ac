/* Reading partitions to their end, stopping and starting again, bounds: against librdkafka's mock cluster, which knows no
 * transactions to hide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "source/kafka_message.h"
#include "source/kafka_reader.h"

enum { PARTITIONS = 2 };

static rd_kafka_t *host;
static rd_kafka_mock_cluster_t *cluster;

static void fill(int32_t partition, int count) {
  for (int i = 0; i < count; i++) {
    assert_int_equal(rd_kafka_producev(host, RD_KAFKA_V_TOPIC("log"), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_KEY("k", 1),
                                       RD_KAFKA_V_VALUE("v", 1), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     0);
  }
  assert_int_equal(rd_kafka_flush(host, 10000), 0);
}

static struct eddy_kafka_reader *open_reader(const char *brokers, int fd) {
  char why[256];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  eddy_kafka_reader_prefer(conf);
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof(why));
  rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", why, sizeof(why)); /* the mock does not wake a waiting fetch */
  struct eddy_kafka_reader_options options = {.conf = conf, .topic = "log", .wake_fd = fd};
  struct eddy_kafka_reader *reader = NULL;
  assert_int_equal(eddy_kafka_reader_open(&reader, &options, why, sizeof(why)), 0);
  return reader;
}

struct seen {
  int64_t next[PARTITIONS]; /* offset expected next */
  int values, ends;
};

static void poll_once(struct eddy_kafka_reader *reader, struct seen *seen) {
  rd_kafka_message_t *messages[16];
  size_t count = eddy_kafka_reader_poll(reader, messages, 16);
  for (size_t i = 0; i < count; i++) {
    assert_in_range(messages[i]->partition, 0, PARTITIONS - 1);
    int64_t *next = &seen->next[messages[i]->partition];
    if (messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      assert_int_equal(messages[i]->offset, *next);
      seen->ends++;
    } else {
      assert_int_equal(messages[i]->err, 0);
      assert_int_equal(messages[i]->offset, (*next)++);
      seen->values++;
    }
    eddy_kafka_message_destroy(messages[i]);
  }
  if (count == 0) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Polls until *number reaches `least`; gives up after 20 s. */
static void await(struct eddy_kafka_reader *reader, struct seen *seen, const int *number, int least) {
  time_t end = time(NULL) + 20;
  while (*number < least && time(NULL) < end) poll_once(reader, seen);
  assert_int_equal(*number, least);
}

static void test_reads_to_the_end_and_on(void **state) {
  (void)state;
  struct seen seen = {0};
  int fd = eventfd(0, EFD_NONBLOCK);
  uint64_t wakes;
  fill(0, 3000);
  fill(1, 20);
  struct eddy_kafka_reader *reader = open_reader(rd_kafka_mock_cluster_bootstraps(cluster), fd);
  assert_int_equal(eddy_kafka_reader_start(reader, 0, RD_KAFKA_OFFSET_BEGINNING), 0);
  await(reader, &seen, &seen.ends, 1);
  assert_int_equal(seen.values, 3000);
  assert_int_equal(read(fd, &wakes, sizeof(wakes)), sizeof(wakes));

  seen.next[1] = 15;
  assert_int_equal(eddy_kafka_reader_start(reader, 1, 15), 0);
  await(reader, &seen, &seen.ends, 2);
  assert_int_equal(seen.values, 3005);

  fill(0, 1); /* the end is told again */
  await(reader, &seen, &seen.ends, 3);
  assert_int_equal(seen.values, 3006);

  int64_t low = -1, high = -1;
  assert_int_equal(eddy_kafka_reader_bounds(reader, 0, &low, &high, 5000), 0);
  assert_int_equal(low, 0);
  assert_int_equal(high, 3001);
  eddy_kafka_reader_close(reader);
  close(fd);
}

static void test_stops_and_starts_again(void **state) {
  (void)state;
  struct seen seen = {0};
  int fd = eventfd(0, EFD_NONBLOCK);
  struct eddy_kafka_reader *reader = open_reader(rd_kafka_mock_cluster_bootstraps(cluster), fd);
  eddy_kafka_reader_stop(reader, 1); /* never started */
  for (int round = 0; round < 5; round++) {
    seen = (struct seen){0};
    assert_int_equal(eddy_kafka_reader_start(reader, 1, RD_KAFKA_OFFSET_BEGINNING), 0);
    await(reader, &seen, &seen.ends, 1);
    assert_int_equal(seen.values, 20);
    eddy_kafka_reader_stop(reader, 1);
  }
  fill(1, 1);
  for (int i = 0; i < 200; i++) poll_once(reader, &seen);
  assert_int_equal(seen.values, 20);
  for (int round = 0; round < 5; round++) { /* with messages under way: none of the old run between those of the new one */
    seen.next[1] = 10 + round;
    assert_int_equal(eddy_kafka_reader_start(reader, 1, 10 + round), 0);
    if (round & 1) nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
  }
  seen.values = 0;
  await(reader, &seen, &seen.values, 7);
  eddy_kafka_reader_close(reader); /* started still */
  close(fd);
}

static void test_an_offset_past_the_end_reads_all(void **state) {
  (void)state;
  struct seen seen = {0};
  int fd = eventfd(0, EFD_NONBLOCK);
  struct eddy_kafka_reader *reader = open_reader(rd_kafka_mock_cluster_bootstraps(cluster), fd);
  assert_int_equal(eddy_kafka_reader_start(reader, 1, 1000), 0);
  await(reader, &seen, &seen.values, 21);
  eddy_kafka_reader_close(reader);
  close(fd);
}

/* Nobody listens there: every call comes back in its time. */
static void test_without_a_broker(void **state) {
  (void)state;
  struct seen seen = {0};
  int64_t low, high;
  int fd = eventfd(0, EFD_NONBLOCK);
  struct eddy_kafka_reader *reader = open_reader("127.0.0.1:1", fd);
  assert_int_equal(eddy_kafka_reader_start(reader, 0, 0), 0);
  assert_int_not_equal(eddy_kafka_reader_bounds(reader, 0, &low, &high, 200), 0);
  assert_int_not_equal(eddy_kafka_reader_at_time(reader, 0, 1, &low, 200), 0);
  for (int i = 0; i < 20; i++) poll_once(reader, &seen);
  assert_int_equal(seen.values, 0);
  eddy_kafka_reader_close(reader);
  close(fd);
  eddy_kafka_reader_close(NULL);
}

static void test_refuses_a_name_that_is_too_long(void **state) {
  (void)state;
  char why[256] = "", name[600] = "";
  memset(name, 'x', sizeof(name) - 1);
  struct eddy_kafka_reader *reader = NULL;
  struct eddy_kafka_reader_options options = {.conf = rd_kafka_conf_new(), .topic = name, .wake_fd = -1};
  assert_int_equal(eddy_kafka_reader_open(&reader, &options, why, sizeof(why)), -1);
  assert_null(reader);
  assert_string_not_equal(why, "");
}

static int make(void **state) {
  (void)state;
  char why[256];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof(why));
  rd_kafka_conf_set(conf, "client.id", "mock", why, sizeof(why));
  host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
  cluster = rd_kafka_handle_mock_cluster(host);
  return rd_kafka_mock_topic_create(cluster, "log", PARTITIONS, 1);
}

static int drop(void **state) {
  (void)state;
  rd_kafka_destroy(host);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reads_to_the_end_and_on),          cmocka_unit_test(test_stops_and_starts_again),
      cmocka_unit_test(test_an_offset_past_the_end_reads_all), cmocka_unit_test(test_without_a_broker),
      cmocka_unit_test(test_refuses_a_name_that_is_too_long),
  };
  return cmocka_run_group_tests(tests, make, drop);
}
