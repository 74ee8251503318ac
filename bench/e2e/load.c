/* Fills a topic quickly: an idempotent producer, large batches, event time ending now. */
#include <inttypes.h>
#include <stdio.h>

#include "bench.h"
#include "traffic.h"

struct loader {
  rd_kafka_t *client;
  rd_kafka_topic_t *topic;
  int32_t partitions;
  struct eddy_traffic traffic;
  uint64_t bytes;
};

static void open_producer(struct loader *loader, const struct eddy_bench_options *options) {
  static const struct eddy_bench_property properties[] = {{"enable.idempotence", "true"},
                                                          {"linger.ms", "20"},
                                                          {"batch.num.messages", "10000"},
                                                          {"queue.buffering.max.messages", "500000"},
                                                          {NULL, NULL}};
  loader->client = eddy_bench_client(RD_KAFKA_PRODUCER, options->brokers, properties);
  loader->topic = rd_kafka_topic_new(loader->client, options->topic, NULL);
  loader->partitions = eddy_bench_partitions(loader->client, options->topic);
}

static void send_event(struct loader *loader) {
  struct eddy_traffic *traffic = &loader->traffic;
  int32_t partition = (int32_t)(traffic->user % (uint32_t)loader->partitions);
  while (rd_kafka_produce(loader->topic, partition, RD_KAFKA_MSG_F_COPY, traffic->value.data, traffic->value.size,
                          traffic->user_id, EDDY_TRAFFIC_ID, NULL) != 0) {
    eddy_bench_require(rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL, rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_poll(loader->client, 10);
  }
  loader->bytes += traffic->value.size;
}

void eddy_bench_load(const struct eddy_bench_options *options) {
  struct loader loader = {0};
  uint32_t carts = 0;
  double started = eddy_bench_mono_s();
  int64_t step = options->step_us;
  int64_t begin = eddy_bench_wall_ms() - (int64_t)options->events * step / 1000;
  open_producer(&loader, options);
  eddy_traffic_init(&loader.traffic, options->seed, options->users, options->zipf);
  for (uint32_t user = 0; options->cart_share > 0 && user < options->users; user += options->cart_share, carts++) {
    eddy_traffic_make_cart(&loader.traffic, user, begin);
    send_event(&loader);
  }
  for (uint64_t i = 0; i < options->events; i++) {
    int64_t time = begin + (int64_t)i * step / 1000;
    if (options->each && i < options->users) {
      eddy_traffic_make_for(&loader.traffic, (uint32_t)i, time);
    } else {
      eddy_traffic_make(&loader.traffic, time);
    }
    send_event(&loader);
    if (i % 1000 == 0) rd_kafka_poll(loader.client, 0);
  }
  eddy_bench_require(rd_kafka_flush(loader.client, 120000) == RD_KAFKA_RESP_ERR_NO_ERROR, "flush");
  printf("{\"events\": %" PRIu64 ", \"carts\": %" PRIu32 ", \"bytes_per_event\": %.1f, \"seconds\": %.3f}\n", options->events,
         carts, (double)loader.bytes / (double)(options->events + carts), eddy_bench_mono_s() - started);
  eddy_traffic_fini(&loader.traffic);
  rd_kafka_topic_destroy(loader.topic);
  rd_kafka_destroy(loader.client);
}
