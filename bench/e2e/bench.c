#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

void eddy_bench_require(bool fine, const char *what) {
  if (fine) return;
  fprintf(stderr, "bench_e2e: %s\n", what);
  exit(1);
}

static double seconds_of(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int64_t eddy_bench_wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void eddy_bench_sleep_ms(int64_t ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

double eddy_bench_mono_s(void) { return seconds_of(CLOCK_MONOTONIC); }

static double time_of(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec * 1e-6; }

double eddy_bench_cpu_s(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return time_of(usage.ru_utime) + time_of(usage.ru_stime);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  (void)client, (void)opaque;
  eddy_bench_require(message->err == RD_KAFKA_RESP_ERR_NO_ERROR, rd_kafka_err2str(message->err));
}

rd_kafka_t *eddy_bench_client(rd_kafka_type_t type, const char *brokers, const struct eddy_bench_property *properties) {
  char why[512] = "";
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why);
  rd_kafka_conf_set(conf, "log_level", "3", why, sizeof why);
  for (const struct eddy_bench_property *property = properties; property->name; property++) {
    if (rd_kafka_conf_set(conf, property->name, property->value, why, sizeof why) != RD_KAFKA_CONF_OK) {
      eddy_bench_require(false, why);
    }
  }
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
  eddy_bench_require(client != NULL, why);
  return client;
}

/* 0 while the topic, or the leader of a partition of it, is not known yet. */
static int32_t count_partitions(const struct rd_kafka_metadata *metadata) {
  if (metadata->topic_cnt != 1 || metadata->topics[0].err) return 0;
  for (int i = 0; i < metadata->topics[0].partition_cnt; i++) {
    if (metadata->topics[0].partitions[i].err) return 0;
  }
  return metadata->topics[0].partition_cnt;
}

int32_t eddy_bench_partitions(rd_kafka_t *client, const char *topic) {
  rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
  int32_t partitions = 0;
  for (int tries = 0; tries < 100 && partitions == 0; tries++) {
    const struct rd_kafka_metadata *metadata;
    eddy_bench_require(rd_kafka_metadata(client, 0, handle, &metadata, 30000) == RD_KAFKA_RESP_ERR_NO_ERROR, "no metadata");
    partitions = count_partitions(metadata);
    rd_kafka_metadata_destroy(metadata);
    if (partitions == 0) eddy_bench_sleep_ms(50); /* a topic that was just made */
  }
  eddy_bench_require(partitions > 0, "no such topic");
  rd_kafka_topic_destroy(handle);
  return partitions;
}

rd_kafka_queue_t *eddy_bench_read_all(rd_kafka_t *client, const char *topic, int64_t offset) {
  int32_t partitions = eddy_bench_partitions(client, topic);
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
  for (int32_t i = 0; i < partitions; i++) rd_kafka_topic_partition_list_add(list, topic, i)->offset = offset;
  rd_kafka_poll_set_consumer(client);
  eddy_bench_require(rd_kafka_assign(client, list) == RD_KAFKA_RESP_ERR_NO_ERROR, "assign");
  rd_kafka_topic_partition_list_destroy(list);
  return rd_kafka_queue_get_consumer(client);
}
