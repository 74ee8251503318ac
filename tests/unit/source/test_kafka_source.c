/* Joining, reading, the end of a partition told anew after a seek, pausing: against librdkafka's mock cluster. */
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

#include "source/kafka_source.h"

static rd_kafka_t *host;
static rd_kafka_mock_cluster_t *cluster;

struct seen {
  int assigned, revoked, ends;
  int64_t next; /* offset expected next */
  int values;
};

static int assigned(void *ctx, rd_kafka_topic_partition_list_t *partitions) {
  struct seen *seen = ctx;
  for (int i = 0; i < partitions->cnt; i++) partitions->elems[i].offset = 2; /* skips two */
  seen->assigned += partitions->cnt;
  seen->next = 2;
  return 0;
}

static void revoked(void *ctx, const rd_kafka_topic_partition_list_t *partitions, bool lost) {
  struct seen *seen = ctx;
  assert_false(lost);
  seen->revoked += partitions->cnt;
}

static void unreachable(void *ctx, bool all) {
  (void)ctx;
  (void)all;
}

static void fatal(void *ctx, rd_kafka_resp_err_t error, const char *reason) {
  (void)ctx;
  fail_msg("%s: %s", rd_kafka_err2name(error), reason);
}

static void fill(int count) {
  for (int i = 0; i < count; i++) {
    rd_kafka_resp_err_t error =
        rd_kafka_producev(host, RD_KAFKA_V_TOPIC("in"), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE("v", 1),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    assert_int_equal(error, 0);
  }
  assert_int_equal(rd_kafka_flush(host, 10000), 0);
}

static struct eddy_kafka_source *open_member(struct seen *seen, int fd, const char *group) {
  char why[256];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  eddy_kafka_source_prefer(conf);
  rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster), why, sizeof(why));
  rd_kafka_conf_set(conf, "group.id", group, why, sizeof(why));
  rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", why, sizeof(why));
  struct eddy_kafka_source_options options = {
      .conf = conf, .topic = "in", .wake_fd = fd, .handler = {assigned, revoked, unreachable, fatal, seen}};
  struct eddy_kafka_source *source = NULL;
  assert_int_equal(eddy_kafka_source_open(&source, &options, why, sizeof(why)), 0);
  assert_int_equal(eddy_kafka_source_subscribe(source, why, sizeof(why)), 0);
  return source;
}

static struct eddy_kafka_source *open_source(struct seen *seen, int fd) {
  return open_member(seen, fd, "g");
}

static void poll_once(struct eddy_kafka_source *source, struct seen *seen) {
  rd_kafka_message_t *messages[16];
  size_t count = eddy_kafka_source_poll(source, messages, 16);
  for (size_t i = 0; i < count; i++) {
    if (messages[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      seen->ends++;
    } else {
      assert_int_equal(messages[i]->err, 0);
      assert_int_equal(messages[i]->offset, seen->next++);
      seen->values++;
    }
    rd_kafka_message_destroy(messages[i]);
  }
  if (count == 0) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* Polls until *number reaches `least`; gives up after 20 s. */
static void await(struct eddy_kafka_source *source, struct seen *seen, const int *number, int least) {
  time_t end = time(NULL) + 20;
  while (*number < least && time(NULL) < end) poll_once(source, seen);
  assert_in_range(*number, least, least + 1000);
}

/* As its owner does: again, if it could not be done in time. */
static void begin(struct eddy_kafka_source *source, int64_t offset) {
  time_t end = time(NULL) + 20;
  while (eddy_kafka_source_begin(source, 0, offset) != RD_KAFKA_RESP_ERR_NO_ERROR) assert_true(time(NULL) < end);
}

static void test_course(void **state) {
  (void)state;
  struct seen seen = {0};
  int fd = eventfd(0, EFD_NONBLOCK);
  fill(10);
  struct eddy_kafka_source *source = open_source(&seen, fd);
  await(source, &seen, &seen.assigned, 1);
  for (int i = 0; i < 100; i++) poll_once(source, &seen);
  assert_int_equal(seen.values, 0); /* paused until told where to begin */
  begin(source, 2);
  await(source, &seen, &seen.values, 8);
  await(source, &seen, &seen.ends, 1);
  assert_int_equal(seen.assigned, 1);
  uint64_t wakes;
  assert_int_equal(read(fd, &wakes, sizeof(wakes)), sizeof(wakes));

  eddy_kafka_source_seek(source, 0, 10); /* its own position: told anew, nothing read twice */
  await(source, &seen, &seen.ends, 2);
  assert_int_equal(seen.values, 8);

  eddy_kafka_source_pause(source, 0);
  fill(5);
  for (int i = 0; i < 100; i++) poll_once(source, &seen);
  assert_int_equal(seen.values, 8);
  seen.next = 12;
  begin(source, 12);
  await(source, &seen, &seen.values, 11);
  assert_int_equal(eddy_kafka_source_high(source, 0), 15);

  int64_t low, high;
  assert_int_equal(eddy_kafka_source_bounds(source, 0, &low, &high, 5000), 0);
  assert_int_equal(low, 0);
  assert_int_equal(high, 15);
  eddy_kafka_source_close(source);
  assert_int_equal(seen.revoked, 1);
  close(fd);
}

static int make(void **state) {
  char why[256];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", why, sizeof(why));
  host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
  cluster = rd_kafka_handle_mock_cluster(host);
  rd_kafka_mock_topic_create(cluster, "in", 1, 1);
  *state = NULL;
  return 0;
}

static int drop(void **state) {
  (void)state;
  rd_kafka_destroy(host);
  return 0;
}

/* Members that leave at every stage of their first join: between the answer to JoinGroup and the first assignment librdkafka
 * before 2.3 could not be freed (its issue 4312). Slow answers make that time long. */
static void test_leaving_while_joining(void **state) {
  (void)state;
  enum { MEMBERS = 30, FIRST_MS = 2700, STEP_MS = 40 };
  struct eddy_kafka_source *sources[MEMBERS];
  struct seen seen = {0};
  int fd = eventfd(0, EFD_NONBLOCK);
  rd_kafka_mock_broker_set_rtt(cluster, 1, 100);
  for (int i = 0; i < MEMBERS; i++) {
    char group[16];
    snprintf(group, sizeof(group), "leaving-%d", i);
    sources[i] = open_member(&seen, fd, group);
  }
  nanosleep(&(struct timespec){.tv_sec = FIRST_MS / 1000, .tv_nsec = FIRST_MS % 1000 * 1000000}, NULL);
  for (int i = 0; i < MEMBERS; i++) {
    eddy_kafka_source_close(sources[i]);
    nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
  }
  rd_kafka_mock_broker_set_rtt(cluster, 1, 0);
  close(fd);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_course), cmocka_unit_test(test_leaving_while_joining)};
  return cmocka_run_group_tests(tests, make, drop);
}
