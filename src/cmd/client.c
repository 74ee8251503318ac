#include "cmd/client.h"

#include <stdio.h>
#include <sysexits.h>

#include "source/kafka_trouble.h"

/* Refused connections come as errors, too. */
static void be_quiet(const rd_kafka_t *kafka, int level, const char *facility, const char *text) {
  (void)kafka, (void)level, (void)facility, (void)text;
}

static void keep_trouble(rd_kafka_t *kafka, int error, const char *reason, void *opaque) {
  struct eddy_cmd_client *client = opaque;
  (void)kafka;
  /* "all brokers are down" follows the reason and says less. */
  if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) eddy_kafka_trouble_copy(client->trouble, sizeof(client->trouble), reason);
}

static void count_delivery(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque) {
  struct eddy_cmd_client *client = opaque;
  (void)kafka;
  struct eddy_cmd_delivery *delivery = message->_private;
  if (!message->err) client->delivered++;
  if (!message->err && delivery) *delivery = (struct eddy_cmd_delivery){true, message->partition, message->offset};
  if (message->err) snprintf(client->trouble, sizeof(client->trouble), "%s", rd_kafka_err2str(message->err));
}

int eddy_cmd_client_open(struct eddy_cmd_client *client, const struct eddy_config *config, enum eddy_kafka_role role, char *why,
                         size_t why_size) {
  *client = (struct eddy_cmd_client){0};
  rd_kafka_conf_t *conf = eddy_kafka_conf(config, role, 0, why, why_size);
  if (!conf) return -1;
  bool writes = role == EDDY_KAFKA_PRODUCER || role == EDDY_KAFKA_WRITER;
  rd_kafka_conf_set_opaque(conf, client);
  rd_kafka_conf_set_log_cb(conf, be_quiet);
  rd_kafka_conf_set_error_cb(conf, keep_trouble);
  if (writes) rd_kafka_conf_set_dr_msg_cb(conf, count_delivery);
  client->kafka = rd_kafka_new(writes ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, why, why_size);
  if (client->kafka) return 0;
  rd_kafka_conf_destroy(conf);
  return -1;
}

void eddy_cmd_client_close(struct eddy_cmd_client *client) {
  if (client->kafka) rd_kafka_destroy(client->kafka);
  client->kafka = NULL;
}

const char *eddy_cmd_client_why(struct eddy_cmd_client *client, rd_kafka_resp_err_t error) {
  enum { CALLBACKS_MAX = 100 };
  for (int i = 0; i < CALLBACKS_MAX && rd_kafka_poll(client->kafka, 0) > 0; i++) continue;
  return client->trouble[0] ? client->trouble : rd_kafka_err2str(error);
}

int eddy_cmd_client_away(struct eddy_cmd_client *client, const char *command, const char *brokers, rd_kafka_resp_err_t error) {
  const char *why = eddy_cmd_client_why(client, error);
  fprintf(stderr, "eddy %s: no broker at %s: %s; %s\n", command, brokers, why, eddy_kafka_trouble_advice(why));
  return EX_UNAVAILABLE;
}

/* Reading -------------------------------------------------------------------------------------------------------------------*/

rd_kafka_resp_err_t eddy_cmd_reading_open(struct eddy_cmd_reading *reading, rd_kafka_t *kafka, const char *topic) {
  *reading = (struct eddy_cmd_reading){.topic = rd_kafka_topic_new(kafka, topic, NULL)};
  if (!reading->topic) return rd_kafka_last_error();
  reading->queue = rd_kafka_queue_new(kafka);
  reading->partitions = rd_kafka_topic_partition_list_new(4);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void eddy_cmd_reading_close(struct eddy_cmd_reading *reading) {
  if (!reading->topic) return;
  const rd_kafka_topic_partition_list_t *started = reading->partitions;
  for (int i = 0; i < started->cnt; i++) rd_kafka_consume_stop(reading->topic, started->elems[i].partition);
  rd_kafka_topic_partition_list_destroy(reading->partitions);
  rd_kafka_queue_destroy(reading->queue);
  rd_kafka_topic_destroy(reading->topic);
  reading->topic = NULL;
}

rd_kafka_resp_err_t eddy_cmd_reading_start(struct eddy_cmd_reading *reading, int32_t partition, int64_t offset) {
  if (rd_kafka_consume_start_queue(reading->topic, partition, offset, reading->queue) != 0) return rd_kafka_last_error();
  rd_kafka_topic_partition_list_add(reading->partitions, rd_kafka_topic_name(reading->topic), partition);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_message_t *eddy_cmd_reading_next(struct eddy_cmd_reading *reading, int timeout_ms) {
  return rd_kafka_consume_queue(reading->queue, timeout_ms);
}
