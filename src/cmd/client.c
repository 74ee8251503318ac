#include "cmd/client.h"

#include <stdio.h>

/* Refused connections come as errors, too. */
static void be_quiet(const rd_kafka_t *kafka, int level, const char *facility, const char *text) {
  (void)kafka, (void)level, (void)facility, (void)text;
}

static void keep_trouble(rd_kafka_t *kafka, int error, const char *reason, void *opaque) {
  struct eddy_cmd_client *client = opaque;
  (void)kafka;
  /* "all brokers are down" follows the reason and says less. */
  if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) snprintf(client->trouble, sizeof(client->trouble), "%s", reason);
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
