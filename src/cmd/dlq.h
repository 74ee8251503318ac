/* eddy dlq: what its verbs have in common. One thread. */
#ifndef EDDY_CMD_DLQ_H
#define EDDY_CMD_DLQ_H

#include "cmd/topic_reader.h"
#include "daemon/dead_letter_read.h"

struct eddy_dlq_request {
  const char *config, *code; /* NULL = built-in; NULL = any */
  int32_t partition;         /* or EDDY_CMD_ALL_PARTITIONS */
  struct eddy_cmd_where where;
  uint64_t count; /* 0 = all */
  bool follow;    /* list */
  bool json;
  bool dry_run; /* retry */
};

struct eddy_dlq {
  const struct eddy_dlq_request *request;
  const struct eddy_config *config;
  struct eddy_cmd_topic_reader reader; /* of the dead letters; open */
};

/* The next letter that was asked for, with what it says; NULL as eddy_cmd_topic_reader_next() has it. Destroy it. `skipped`
 * counts those of other codes. */
rd_kafka_message_t *eddy_dlq_next(struct eddy_dlq *dlq, int timeout_ms, struct eddy_dead_letter *letter, uint64_t *skipped,
                                  int *code);

/* The verbs: exit codes. */
int eddy_dlq_list(struct eddy_dlq *dlq);
int eddy_dlq_retry(struct eddy_dlq *dlq);

#endif
