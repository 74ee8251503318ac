/* From an event's way into the producer to the segment change that it caused, as a read_committed subscriber sees it. Producer
 * and subscriber share a clock; the event's time is the moment of sending, the change carries it along. Changes of the idle
 * sweep carry partition time, which lags by the allowed lateness: eddy has to run with the sweep off.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/histogram.h"
#include "bench.h"
#include "codec/avro_wire.h"
#include "codec/framing.h"
#include "traffic.h"

enum { BATCH = 1024, SETTLE_MS = 2000 };

struct subscriber {
  const struct eddy_bench_options *options;
  rd_kafka_t *client;
  rd_kafka_queue_t *queue;
  _Atomic int32_t ends; /* partitions whose end was seen: now it is listening */
  _Atomic int64_t from; /* events sent before it do not count */
  atomic_bool stop;
  struct eddy_histogram histogram;
};

static bool skip_optional_long(struct eddy_avro_cursor *cursor) {
  int64_t branch, value;
  return eddy_avro_long(cursor, &branch) == 0 && (branch == 0 || eddy_avro_long(cursor, &value) == 0);
}

static bool skip_string(struct eddy_avro_cursor *cursor) {
  size_t length;
  return eddy_avro_length(cursor, &length) == 0 && eddy_avro_advance(cursor, length) == 0;
}

static bool skip_optional_string(struct eddy_avro_cursor *cursor) {
  int64_t branch;
  return eddy_avro_long(cursor, &branch) == 0 && (branch == 0 || skip_string(cursor));
}

/* The event_time of a SegmentChange: behind user_id, kind, from, to, to_name. */
static int64_t event_time_of(const rd_kafka_message_t *message) {
  size_t offset;
  int64_t kind, time;
  if (eddy_prefix_check(EDDY_OUTPUT_SEGMENT_CHANGE, message->payload, message->len, &offset) != 0) return EDDY_TIME_NONE;
  struct eddy_avro_cursor cursor = {(const uint8_t *)message->payload + offset, (const uint8_t *)message->payload + message->len};
  bool fine = skip_string(&cursor) && eddy_avro_long(&cursor, &kind) == 0 && skip_optional_long(&cursor) &&
              skip_optional_long(&cursor) && skip_optional_string(&cursor) && eddy_avro_long(&cursor, &time) == 0;
  return fine ? time : EDDY_TIME_NONE;
}

static void take(struct subscriber *subscriber, const rd_kafka_message_t *message, int64_t now) {
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    subscriber->ends++;
    return;
  }
  eddy_bench_require(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_message_errstr(message));
  int64_t sent = event_time_of(message);
  eddy_bench_require(sent != EDDY_TIME_NONE, "not a SegmentChange");
  if (sent >= subscriber->from && now >= sent) eddy_histogram_add(&subscriber->histogram, (uint64_t)(now - sent));
}

static void *subscribe(void *argument) {
  struct subscriber *subscriber = argument;
  rd_kafka_message_t *messages[BATCH];
  while (!subscriber->stop) {
    ssize_t got = rd_kafka_consume_batch_queue(subscriber->queue, 2, messages, BATCH);
    int64_t now = eddy_bench_wall_ms();
    for (ssize_t i = 0; i < got; i++) {
      take(subscriber, messages[i], now);
      rd_kafka_message_destroy(messages[i]);
    }
  }
  return NULL;
}

static void open_subscriber(struct subscriber *subscriber) {
  static const struct eddy_bench_property properties[] = {{"group.id", "bench-latency"},
                                                          {"isolation.level", "read_committed"},
                                                          {"enable.auto.commit", "false"},
                                                          {"enable.partition.eof", "true"},
                                                          {"fetch.wait.max.ms", "100"},
                                                          {"fetch.error.backoff.ms", "10"},
                                                          {"socket.nagle.disable", "true"},
                                                          {NULL, NULL}};
  subscriber->client = eddy_bench_client(RD_KAFKA_CONSUMER, subscriber->options->brokers, properties);
  subscriber->queue = eddy_bench_read_all(subscriber->client, subscriber->options->output, RD_KAFKA_OFFSET_END);
}

/* Sends what is due every millisecond; returns the number sent. */
static uint64_t send_at_rate(const struct eddy_bench_options *options, struct subscriber *subscriber, rd_kafka_t *client,
                             struct eddy_traffic *traffic) {
  rd_kafka_topic_t *topic = rd_kafka_topic_new(client, options->topic, NULL);
  uint32_t partitions = (uint32_t)eddy_bench_partitions(client, options->topic);
  double started = eddy_bench_mono_s(), all = options->warm_up + options->seconds;
  uint64_t sent = 0;
  subscriber->from = eddy_bench_wall_ms() + options->warm_up * INT64_C(1000);
  for (double passed = 0; passed < all; passed = eddy_bench_mono_s() - started) {
    int64_t now = eddy_bench_wall_ms();
    for (uint64_t due = (uint64_t)(passed * (double)options->rate); sent < due; sent++) {
      eddy_traffic_make(traffic, now);
      int result = rd_kafka_produce(topic, (int32_t)(traffic->user % partitions), RD_KAFKA_MSG_F_COPY, traffic->value.data,
                                    traffic->value.size, traffic->user_id, EDDY_TRAFFIC_ID, NULL);
      eddy_bench_require(result == 0, "the producer's queue is full: the rate is too high for this machine");
      if (sent % 256 == 0) now = eddy_bench_wall_ms();
    }
    rd_kafka_poll(client, 0);
    eddy_bench_sleep_ms(1);
  }
  rd_kafka_flush(client, 30000);
  rd_kafka_topic_destroy(topic);
  return sent;
}

static void print_result(const struct eddy_bench_options *options, const struct eddy_histogram *histogram, uint64_t sent) {
  printf("{\"rate\": %.0f, \"changes\": %" PRIu64 ", \"p50_ms\": %" PRIu64 ", \"p99_ms\": %" PRIu64 ", \"p999_ms\": %" PRIu64
         ", \"max_ms\": %" PRIu64 "}\n",
         (double)sent / (options->warm_up + options->seconds), histogram->count, eddy_histogram_quantile(histogram, 0.5),
         eddy_histogram_quantile(histogram, 0.99), eddy_histogram_quantile(histogram, 0.999), histogram->max);
}

void eddy_bench_latency(const struct eddy_bench_options *options) {
  static const struct eddy_bench_property properties[] = {{"linger.ms", "2"}, {"batch.num.messages", "10000"},
                                                          {"queue.buffering.max.messages", "2000000"},
                                                          {"socket.nagle.disable", "true"}, {NULL, NULL}};
  struct subscriber *subscriber = calloc(1, sizeof *subscriber);
  struct eddy_traffic traffic;
  pthread_t thread;
  eddy_bench_require(subscriber != NULL, "memory");
  subscriber->options = options;
  subscriber->from = INT64_MAX;
  open_subscriber(subscriber);
  int32_t partitions = eddy_bench_partitions(subscriber->client, options->output);
  eddy_bench_require(pthread_create(&thread, NULL, subscribe, subscriber) == 0, "thread");
  while (subscriber->ends < partitions) eddy_bench_sleep_ms(10);
  rd_kafka_t *producer = eddy_bench_client(RD_KAFKA_PRODUCER, options->brokers, properties);
  eddy_traffic_init(&traffic, options->seed, options->users, 0);
  uint64_t sent = send_at_rate(options, subscriber, producer, &traffic);
  eddy_bench_sleep_ms(SETTLE_MS); /* what is late counts, too */
  subscriber->stop = true;
  pthread_join(thread, NULL);
  print_result(options, &subscriber->histogram, sent);
  eddy_traffic_fini(&traffic);
  rd_kafka_destroy(producer);
  rd_kafka_queue_destroy(subscriber->queue);
  rd_kafka_consumer_close(subscriber->client);
  rd_kafka_destroy(subscriber->client);
  free(subscriber);
}
