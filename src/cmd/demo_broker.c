#include "cmd/demo_broker.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/output_codec.h"

struct eddy_demo_broker {
  rd_kafka_t *client; /* producer, and host of the cluster */
  rd_kafka_mock_cluster_t *cluster;
  char input[128];
};

static rd_kafka_t *make_client(char *why, size_t why_size) {
  static const char *const settings[][2] = {
      {"test.mock.num.brokers", "1"}, {"client.id", "eddy-demo"}, {"linger.ms", "5"}, {"log_level", "0"}};
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, why_size) != RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      return NULL;
    }
  }
  rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, why_size);
  if (!client) rd_kafka_conf_destroy(conf);
  return client;
}

static int create_topics(struct eddy_demo_broker *broker, const char *app, int partitions) {
  static const char *const others[] = {"events", "dlq", "profiles"};
  char topic[128];
  for (size_t i = 0; i < EDDY_OUTPUT_COUNT + sizeof others / sizeof *others; i++) {
    const char *suffix = i < EDDY_OUTPUT_COUNT ? eddy_output_topic((enum eddy_output)i) : others[i - EDDY_OUTPUT_COUNT];
    int count = i == EDDY_OUTPUT_MODEL || i == EDDY_OUTPUT_SEGMENT ? 1 : partitions;
    snprintf(topic, sizeof topic, "%s.%s", app, suffix);
    if (rd_kafka_mock_topic_create(broker->cluster, topic, count, 1) != RD_KAFKA_RESP_ERR_NO_ERROR) return -1;
  }
  return 0;
}

int eddy_demo_broker_start(struct eddy_demo_broker **started, const char *app, int partitions, char *why, size_t why_size) {
  struct eddy_demo_broker *broker = calloc(1, sizeof *broker);
  *started = NULL;
  if (!broker) return -1;
  snprintf(broker->input, sizeof broker->input, "%s.events", app);
  broker->client = make_client(why, why_size);
  if (broker->client) broker->cluster = rd_kafka_handle_mock_cluster(broker->client);
  if (!broker->cluster || create_topics(broker, app, partitions) != 0) {
    if (broker->client) snprintf(why, why_size, "librdkafka's mock cluster does not start");
    eddy_demo_broker_stop(broker);
    return -1;
  }
  *started = broker;
  return 0;
}

void eddy_demo_broker_stop(struct eddy_demo_broker *broker) {
  if (!broker) return;
  if (broker->client) {
    rd_kafka_purge(broker->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(broker->client, 500);
    rd_kafka_destroy(broker->client);
  }
  free(broker);
}

const char *eddy_demo_broker_address(const struct eddy_demo_broker *broker) {
  return rd_kafka_mock_cluster_bootstraps(broker->cluster);
}

int eddy_demo_broker_produce(struct eddy_demo_broker *broker, const void *key, size_t key_size, const void *value,
                             size_t value_size) {
  for (int tries = 0; tries < 100; tries++) {
    rd_kafka_resp_err_t error = rd_kafka_producev(
        broker->client, RD_KAFKA_V_TOPIC(broker->input), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY((void *)(size_t)key, key_size), RD_KAFKA_V_VALUE((void *)(size_t)value, value_size), RD_KAFKA_V_END);
    rd_kafka_poll(broker->client, error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 50 : 0);
    if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) return error == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : -1;
  }
  return -1;
}
