/* One of eddy's topics, read by a command: committed records from an offset on, to the end as it was at the start or for ever.
 * One thread.
 */
#ifndef EDDY_CMD_TOPIC_READER_H
#define EDDY_CMD_TOPIC_READER_H

#include "cmd/client.h"
#include "daemon/topics.h"

enum { EDDY_CMD_ALL_PARTITIONS = -1 };

/* "beginning", "end", an offset, or "-N": the last N. Into one of librdkafka's. */
bool eddy_cmd_offset(const char *text, int64_t *offset);

/* What is read of a partition. */
struct eddy_cmd_span {
  bool open;         /* more is to come */
  int64_t next, end; /* unless it is followed: the first offset not handed out yet, and the first that was not there yet */
};

struct eddy_cmd_topic_reader {
  const char *command; /* in front of messages; set by the caller like the next two */
  bool follow;         /* beyond the end */
  int32_t partition;   /* or EDDY_CMD_ALL_PARTITIONS */
  const char *name;    /* of the topic */
  int32_t partition_count, open;
  struct eddy_cmd_span *spans; /* by partition */
  int idle_ms;
  struct eddy_topics topics;
  struct eddy_cmd_client client;
  struct eddy_cmd_reading reading;
};

/* `topic` is one of daemon/topics.h. 0, or 64, 69, 71 or 78 after a message. */
int eddy_cmd_topic_reader_open(struct eddy_cmd_topic_reader *reader, const struct eddy_config *config, int topic,
                               int64_t offset);
void eddy_cmd_topic_reader_close(struct eddy_cmd_topic_reader *reader); /* half-opened is fine */

/* Everything up to the end was handed out; never true while following. */
bool eddy_cmd_topic_reader_is_done(const struct eddy_cmd_topic_reader *reader);
/* The next record, NULL if none comes in time or after an error: then *code is 69 and a message was written. Destroy it. */
rd_kafka_message_t *eddy_cmd_topic_reader_next(struct eddy_cmd_topic_reader *reader, int timeout_ms, int *code);

#endif
