/* From Kafka's records to the engine and the dead letters, on librdkafka's mock cluster: nothing lost, nothing twice, when the
 * room for decoded events or the engine's memory runs short in the middle of a batch. Commits are held off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "daemon/clock.h"
#include "daemon/ingest.h"
#include "daemon/worker_state.h"

enum { WAIT_MS = 20000 };

struct bench {
  rd_kafka_t *host;
  rd_kafka_mock_cluster_t *cluster;
  struct eddy_config config;
  struct eddy_worker worker;
  struct eddy_partition *partition;
  bool assigned;
};

static int assigned(void *ctx, rd_kafka_topic_partition_list_t *partitions) {
  struct bench *bench = ctx;
  bench->assigned = true;
  for (int i = 0; i < partitions->cnt; i++) partitions->elems[i].offset = 0;
  return 0;
}

static void revoked(void *ctx, const rd_kafka_topic_partition_list_t *partitions, bool lost) {
  (void)ctx;
  (void)partitions;
  (void)lost;
}

static void unreachable(void *ctx, bool all) {
  (void)ctx;
  (void)all;
}

static void fatal(void *ctx, rd_kafka_resp_err_t error, const char *reason) {
  (void)ctx;
  fail_msg("%s: %s", rd_kafka_err2name(error), reason);
}

static void open_source(struct bench *bench) {
  char why[256];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  eddy_kafka_source_prefer(conf);
  rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(bench->cluster), why, sizeof(why));
  rd_kafka_conf_set(conf, "group.id", "g", why, sizeof(why));
  struct eddy_kafka_source_options options = {.conf = conf,
                                              .topic = "in",
                                              .wake_fd = bench->worker.wake_fd,
                                              .handler = {assigned, revoked, unreachable, fatal, bench}};
  assert_int_equal(eddy_kafka_source_open(&bench->worker.source, &options, why, sizeof(why)), 0);
  assert_int_equal(eddy_kafka_source_subscribe(bench->worker.source, why, sizeof(why)), 0);
}

static void open_partition(struct bench *bench) {
  struct eddy_partition_options options = {
      .config = &bench->config, .allocator = eddy_budget_allocator(&bench->worker.budget), .wall = eddy_clock_wall()};
  bench->partition = eddy_partition_new(0);
  assert_non_null(bench->partition);
  assert_int_equal(eddy_partition_open(bench->partition, &options), 0);
  bench->partition->state = EDDY_PARTITION_LIVE;
  bench->worker.partitions[0] = bench->partition;
}

static void open_worker(struct bench *bench) {
  struct eddy_worker *worker = &bench->worker;
  worker->config = &bench->config;
  worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  eddy_worker_stats_init(&worker->stats);
  eddy_outbox_init(&worker->outbox);
  eddy_event_room_init(&worker->room);
  eddy_buffer_init(&worker->scratch, NULL);
  eddy_budget_init(&worker->budget, NULL, SIZE_MAX);
  assert_int_equal(eddy_topics_init(&worker->topics, &bench->config), 0);
  assert_int_equal(eddy_event_decoder_new(&worker->decoder, NULL), 0);
  assert_int_equal(eddy_output_codec_new(&worker->codec, &bench->config.spec), 0);
  worker->events = calloc(EDDY_BATCH_MAX, sizeof(*worker->events));
  worker->partition_count = 1;
  worker->partitions = calloc(1, sizeof(struct eddy_partition *));
  worker->standbys = calloc(1, sizeof(struct eddy_partition *));
  worker->commit_state = EDDY_COMMIT_ABORTED; /* and no new try in this life */
  worker->retry_at = INT64_MAX;
}

/* The source pauses what it gains. */
static void begin(struct bench *bench) {
  int64_t started = eddy_clock_mono();
  while (!bench->assigned) {
    assert_true(eddy_clock_mono() - started < WAIT_MS);
    eddy_ingest_poll(&bench->worker);
    eddy_clock_sleep(2);
  }
  while (eddy_kafka_source_begin(bench->worker.source, 0, 0) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    assert_true(eddy_clock_mono() - started < WAIT_MS);
  }
}

static int setup(void **state) {
  char why[256];
  struct bench *bench = calloc(1, sizeof(*bench));
  bench->host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
  bench->cluster = rd_kafka_mock_cluster_new(bench->host, 1);
  rd_kafka_mock_topic_create(bench->cluster, "in", 1, 1);
  assert_int_equal(eddy_config_load(&bench->config, NULL, stderr), 0);
  open_worker(bench);
  open_partition(bench);
  open_source(bench);
  begin(bench);
  *state = bench;
  return 0;
}

static int teardown(void **state) {
  struct bench *bench = *state;
  struct eddy_worker *worker = &bench->worker;
  eddy_kafka_source_close(worker->source);
  eddy_partition_free(bench->partition);
  free(worker->partitions);
  free(worker->standbys);
  free(worker->events);
  eddy_output_codec_free(worker->codec);
  eddy_event_decoder_free(worker->decoder);
  eddy_topics_fini(&worker->topics);
  eddy_buffer_fini(&worker->scratch);
  eddy_event_room_fini(&worker->room);
  eddy_outbox_fini(&worker->outbox);
  eddy_worker_stats_fini(&worker->stats);
  close(worker->wake_fd);
  eddy_config_free(&bench->config);
  rd_kafka_mock_cluster_destroy(bench->cluster);
  rd_kafka_destroy(bench->host);
  free(bench);
  return 0;
}

/* To the mock cluster, in its own way: a producer with its address. */
static rd_kafka_t *open_producer(const struct bench *bench) {
  char why[256];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(bench->cluster), why, sizeof(why));
  return rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
}

static void offer(rd_kafka_t *producer, const char *key, const char *value, size_t size) {
  rd_kafka_resp_err_t error = rd_kafka_producev(
      producer, RD_KAFKA_V_TOPIC("in"), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY(key, strlen(key)),
      RD_KAFKA_V_VALUE((void *)(uintptr_t)value, size), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
  assert_int_equal(error, 0);
}

/* A valid event with a text of `size` bytes to be kept. */
static void send_event(rd_kafka_t *producer, const char *user, int number, size_t size) {
  char text[2048], filler[1024];
  memset(filler, 'x', sizeof(filler));
  int used = snprintf(text, sizeof(text),
                      "{\"type\":\"page_viewed\",\"event_id\":\"e%d\",\"user_id\":\"%s\","
                      "\"event_time\":1700000000000,\"properties\":{\"text\":\"%.*s\"}}",
                      number, user, (int)size, filler);
  offer(producer, user, text, (size_t)used);
}

static void send_all(rd_kafka_t *producer) {
  assert_int_equal(rd_kafka_flush(producer, WAIT_MS), 0);
  rd_kafka_destroy(producer);
}

/* Polls until the partition has come so far, or is paused. */
static void poll_until(struct bench *bench, int64_t position) {
  int64_t started = eddy_clock_mono();
  while (bench->partition->position < position && !bench->partition->pauses) {
    assert_true(eddy_clock_mono() - started < WAIT_MS);
    if (!eddy_ingest_poll(&bench->worker)) eddy_clock_sleep(2);
  }
}

static void a_full_room_loses_no_event(void **state) {
  struct bench *bench = *state;
  bench->worker.room.max = 16 << 10; /* sixteen of these events, or so */
  rd_kafka_t *producer = open_producer(bench);
  for (int i = 0; i < 200; i++) send_event(producer, "u", i, 1000);
  send_all(producer);
  poll_until(bench, 200);
  assert_int_equal(bench->partition->position, 200);
  assert_int_equal(bench->worker.stats.invalid, 0);
  assert_int_equal(bench->worker.outbox.count, 0);
  assert_int_equal(eddy_engine_counters(bench->partition->engine)->events, 200);
}

static void a_dead_letter_behind_an_event_without_memory_waits_with_it(void **state) {
  struct bench *bench = *state;
  rd_kafka_t *producer = open_producer(bench);
  for (int i = 0; i < 5000; i++) {
    char user[16];
    snprintf(user, sizeof(user), "u%d", i);
    send_event(producer, user, i, 100);
    if (i % 10 == 9) offer(producer, user, "?", 1);
  }
  send_all(producer);
  bench->worker.budget.max = bench->worker.budget.used;
  poll_until(bench, 5500);
  assert_true(bench->partition->pauses & EDDY_PAUSE_MEMORY);
  /* Every tenth event is followed by a bad record. */
  assert_int_equal(bench->worker.stats.invalid, bench->partition->position / 11);
  assert_int_equal(bench->worker.outbox.count, bench->partition->position / 11);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_full_room_loses_no_event, setup, teardown),
      cmocka_unit_test_setup_teardown(a_dead_letter_behind_an_event_without_memory_waits_with_it, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
