/* The Kafka client of commands that ask or write a little and end: quiet, and its last complaint is kept for the message.
 * One thread. */
#ifndef EDDY_CMD_CLIENT_H
#define EDDY_CMD_CLIENT_H

#include "daemon/kafka_conf.h"

enum { EDDY_CMD_REACH_MS = 10000 }; /* how long a broker may take to answer at all */

struct eddy_cmd_client {
  rd_kafka_t *kafka;
  char trouble[256];  /* what librdkafka said last */
  uint64_t delivered; /* records that a writer has seen acknowledged */
};

/* Where a record arrived, for whoever gives one as the opaque of a record. */
struct eddy_cmd_delivery {
  bool arrived;
  int32_t partition;
  int64_t offset;
};

/* Does not connect yet. 0, or -1 with a sentence in `why`. The client must stay where it is. */
int eddy_cmd_client_open(struct eddy_cmd_client *client, const struct eddy_config *config, enum eddy_kafka_role role, char *why,
                         size_t why_size);
void eddy_cmd_client_close(struct eddy_cmd_client *client); /* never opened is fine, too */

/* The best explanation of an error: what librdkafka complained about lately, else the error's own text. Valid until the next
 * call. */
const char *eddy_cmd_client_why(struct eddy_cmd_client *client, rd_kafka_resp_err_t error);
/* Says on stderr that no broker answers, why, and what to do. Returns 69. */
int eddy_cmd_client_away(struct eddy_cmd_client *client, const char *command, const char *brokers, rd_kafka_resp_err_t error);

/* Partitions of one topic that a client of role READER reads together. */
struct eddy_cmd_reading {
  rd_kafka_topic_t *topic;
  rd_kafka_queue_t *queue;
  rd_kafka_topic_partition_list_t *partitions; /* started */
};

/* 0 or an error. */
rd_kafka_resp_err_t eddy_cmd_reading_open(struct eddy_cmd_reading *reading, rd_kafka_t *kafka, const char *topic);
void eddy_cmd_reading_close(struct eddy_cmd_reading *reading);
/* From `offset` on: an offset, or one of librdkafka's (RD_KAFKA_OFFSET_TAIL(n), ...). */
rd_kafka_resp_err_t eddy_cmd_reading_start(struct eddy_cmd_reading *reading, int32_t partition, int64_t offset);
/* The next message or PARTITION_EOF; NULL if none comes in time. Destroy it. */
rd_kafka_message_t *eddy_cmd_reading_next(struct eddy_cmd_reading *reading, int timeout_ms);

#endif
