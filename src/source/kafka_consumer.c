#include "source/kafka_consumer.h"

void eddy_kafka_consumer_wish(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char why[256];
  rd_kafka_conf_set(conf, name, value, why, sizeof(why));
}

void eddy_kafka_consumer_prefer(rd_kafka_conf_t *conf) {
  static const char *const wishes[][2] = {
      {"queued.max.messages.kbytes", "65536"},
      {"fetch.queue.backoff.ms", "10"}, /* from 2.2.0 on */
      {"fetch.wait.max.ms", "100"},
      {"fetch.error.backoff.ms", "50"},
      {"reconnect.backoff.ms", "50"},
      {"reconnect.backoff.max.ms", "1000"},
      {"socket.nagle.disable", "true"},
      {"socket.keepalive.enable", "true"},
      {"check.crcs", "false"}, /* the changelog's records have a sum of their own */
  };
  for (size_t i = 0; i < sizeof(wishes) / sizeof(*wishes); i++) eddy_kafka_consumer_wish(conf, wishes[i][0], wishes[i][1]);
}

int eddy_kafka_consumer_require(rd_kafka_conf_t *conf, const char *offset_reset, char *why, size_t why_size) {
  const char *const settings[][2] = {
      {"enable.auto.commit", "false"},  {"enable.auto.offset.store", "false"}, {"isolation.level", "read_committed"},
      {"enable.partition.eof", "true"}, {"auto.offset.reset", offset_reset},   {"allow.auto.create.topics", "false"},
  };
  for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
    if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, why_size) != RD_KAFKA_CONF_OK) return -1;
  }
  return 0;
}
