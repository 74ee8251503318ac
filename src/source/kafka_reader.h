/* Reads whole partitions of one topic, in no group: the changelog when a partition is restored, the triggers that Redis may
 * have missed. read_committed: what was aborted is never seen, what is not decided yet comes later.
 *
 * All calls on the owner's thread; poll() does not wait. When data arrives the eventfd is written, once per change from empty
 * to not empty.
 */
#ifndef EDDY_SOURCE_KAFKA_READER_H
#define EDDY_SOURCE_KAFKA_READER_H

#include <librdkafka/rdkafka.h>

#include "base/logger.h"
#include "eddy/types.h"

struct eddy_kafka_reader;

struct eddy_kafka_reader_options {
  rd_kafka_conf_t *conf; /* taken over, also on failure */
  const char *topic;
  int wake_fd;
  const struct eddy_logger *logger;
};

/* Settings for reading much at once. */
void eddy_kafka_reader_prefer(rd_kafka_conf_t *conf);
/* 0, or -1 with a sentence. Does not connect yet. */
int eddy_kafka_reader_open(struct eddy_kafka_reader **reader, const struct eddy_kafka_reader_options *options, char *why,
                           size_t why_size);
void eddy_kafka_reader_close(struct eddy_kafka_reader *reader); /* NULL is fine */

/* Reads a partition from an offset (RD_KAFKA_OFFSET_BEGINNING: all of it) until stopped. 0 or -1 (said in the log). */
int eddy_kafka_reader_start(struct eddy_kafka_reader *reader, int32_t partition, int64_t offset);
void eddy_kafka_reader_stop(struct eddy_kafka_reader *reader, int32_t partition);
/* At most `max` messages; destroy each with eddy_kafka_message_destroy(). err PARTITION_EOF: everything that is decided so far
 * was read, told again after each further message; other errors of a partition pass, librdkafka goes on by itself. Messages of
 * partitions that were stopped may still come out once. */
size_t eddy_kafka_reader_poll(struct eddy_kafka_reader *reader, rd_kafka_message_t **messages, size_t max);

/* First and next offset of a partition, asked from the broker. */
rd_kafka_resp_err_t eddy_kafka_reader_bounds(struct eddy_kafka_reader *reader, int32_t partition, int64_t *low, int64_t *high,
                                             int timeout_ms);
/* First offset at or after a time (ms); the next offset if there is none. */
rd_kafka_resp_err_t eddy_kafka_reader_at_time(struct eddy_kafka_reader *reader, int32_t partition, int64_t time,
                                              int64_t *offset, int timeout_ms);

#endif
