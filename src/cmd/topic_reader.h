/* One of eddy's topics, read by a command: committed records from an offset on, to the end as it was at the start or for ever.
 * One thread.
 */
#ifndef EDDY_CMD_TOPIC_READER_H
#define EDDY_CMD_TOPIC_READER_H

#include "cmd/client.h"
#include "daemon/topics.h"

enum { EDDY_CMD_ALL_PARTITIONS = -1 };

/* Where reading begins and ends. */
struct eddy_cmd_where {
  int64_t offset;      /* the first: a number or one of librdkafka's. TAIL(n): n before the end, or before `until` */
  int64_t from, until; /* ms, EDDY_TIME_NONE = not said: the first record of that time or later; the first not any more */
};
/* "-o needs ..." */
#define EDDY_CMD_WHERE_FORMS "beginning, end, an offset, -N, s@TIME or e@TIME"
/* Reads one of these into `where`, which holds what was said before: s@ and e@ go together. TIME is in ms or RFC 3339. */
bool eddy_cmd_where_parse(const char *text, struct eddy_cmd_where *where);

/* What is read of a partition. */
struct eddy_cmd_span {
  bool open;         /* more is to come */
  int64_t next, end; /* unless it is followed: the first offset not handed out yet, and the first that was not there yet */
};

struct eddy_cmd_topic_reader {
  const char *command; /* in front of messages; set by the caller like the next two */
  bool follow;         /* beyond the end */
  int32_t partition;   /* or EDDY_CMD_ALL_PARTITIONS */
  const char *name;    /* of the topic; set by the caller and must stay, or NULL: the one of `topic` */
  int32_t partition_count, open;
  struct eddy_cmd_span *spans; /* by partition */
  int64_t until;               /* ms, or EDDY_TIME_NONE */
  int idle_ms;
  struct eddy_topics topics;
  struct eddy_cmd_client client;
  struct eddy_cmd_reading reading;
};

/* `topic` is one of daemon/topics.h (not looked at if the caller has set a name). 0, or 64, 69, 71 or 78 after a message. */
int eddy_cmd_topic_reader_open(struct eddy_cmd_topic_reader *reader, const struct eddy_config *config, int topic,
                               const struct eddy_cmd_where *where);
void eddy_cmd_topic_reader_close(struct eddy_cmd_topic_reader *reader); /* half-opened is fine */

/* Everything up to the end was handed out; while following only behind a time e@. */
bool eddy_cmd_topic_reader_is_done(const struct eddy_cmd_topic_reader *reader);
/* The next record, NULL if none comes in time or after an error: then *code is 69 and a message was written. Destroy it. */
rd_kafka_message_t *eddy_cmd_topic_reader_next(struct eddy_cmd_topic_reader *reader, int timeout_ms, int *code);

#endif
