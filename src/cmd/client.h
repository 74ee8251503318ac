/* The Kafka client of commands that ask or write a little and end: quiet, and its last complaint is kept for the message.
 * One thread. */
#ifndef EDDY_CMD_CLIENT_H
#define EDDY_CMD_CLIENT_H

#include "daemon/kafka_conf.h"

enum { EDDY_CMD_REACH_MS = 10000 }; /* how long a broker may take to answer at all */

struct eddy_cmd_client {
  rd_kafka_t *kafka;
  char trouble[256]; /* what librdkafka said last */
};

/* Does not connect yet. 0, or -1 with a sentence in `why`. The client must stay where it is. */
int eddy_cmd_client_open(struct eddy_cmd_client *client, const struct eddy_config *config, enum eddy_kafka_role role, char *why,
                         size_t why_size);
void eddy_cmd_client_close(struct eddy_cmd_client *client); /* never opened is fine, too */

/* The best explanation of an error: what librdkafka complained about lately, else the error's own text. Valid until the next
 * call. */
const char *eddy_cmd_client_why(struct eddy_cmd_client *client, rd_kafka_resp_err_t error);

#endif
