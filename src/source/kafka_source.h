/* The input topic as seen by one worker: a member of the consumer group that hands out batches and reports what it gains and
 * loses.
 *
 * Everything happens on the thread that calls poll(): rebalance handlers run inside poll() and close(), seek and pause are
 * called between polls only (librdkafka 2.0.2 loses messages otherwise). New data writes to an eventfd, once per change from
 * empty to not empty: poll until fewer than asked for come out. Offsets are never committed from here: they travel in the
 * producer's transaction.
 */
#ifndef EDDY_SOURCE_KAFKA_SOURCE_H
#define EDDY_SOURCE_KAFKA_SOURCE_H

#include <librdkafka/rdkafka.h>

#include "base/logger.h"
#include "eddy/types.h"

struct eddy_kafka_source;

/* Called on the polling thread. */
struct eddy_kafka_source_handler {
  /* Gained, and paused: fill in some offset of each, and begin() when it is known. Nonzero: the caller gives up, nothing is
   * consumed. */
  int (*assigned)(void *ctx, rd_kafka_topic_partition_list_t *partitions);
  /* To be given up when this returns; lost = somebody else may own them already, nothing may be committed for them. */
  void (*revoked)(void *ctx, const rd_kafka_topic_partition_list_t *partitions, bool lost);
  /* A broker, or all of them, cannot be reached: whatever was known about the end of a partition no longer holds. */
  void (*unreachable)(void *ctx, bool all);
  /* The consumer is broken for good (for instance fenced by a member of the same name). */
  void (*fatal)(void *ctx, rd_kafka_resp_err_t error, const char *reason);
  void *ctx;
};

struct eddy_kafka_source_options {
  rd_kafka_conf_t *conf; /* taken over, also on failure */
  const char *topic;
  int wake_fd; /* eventfd that is written to when messages arrive; not closed here */
  struct eddy_kafka_source_handler handler;
  const struct eddy_logger *logger;
};

/* Settings that suit eddy and may be overridden by the operator: prefetch, latency, keep-alive. */
void eddy_kafka_source_prefer(rd_kafka_conf_t *conf);

/* Makes the consumer; does not connect yet. 0, or -1 with a sentence in `why`. */
int eddy_kafka_source_open(struct eddy_kafka_source **source, const struct eddy_kafka_source_options *options, char *why,
                           size_t why_size);
/* Joins the group. 0 or -1 with a sentence. */
int eddy_kafka_source_subscribe(struct eddy_kafka_source *source, char *why, size_t why_size);
/* Gives everything up (the revoked handler runs), then frees. NULL is fine. */
void eddy_kafka_source_close(struct eddy_kafka_source *source);

/* Takes at most `max` messages without waiting; destroy each. Messages with an error are passed on when they belong to a
 * partition (PARTITION_EOF, offset out of range). */
size_t eddy_kafka_source_poll(struct eddy_kafka_source *source, rd_kafka_message_t **messages, size_t max);

/* Stable committed offsets and their metadata, waiting for open transactions. The list's offsets are filled in
 * (RD_KAFKA_OFFSET_INVALID = none). */
rd_kafka_resp_err_t eddy_kafka_source_committed(struct eddy_kafka_source *source, rd_kafka_topic_partition_list_t *partitions,
                                                int timeout_ms);
/* First and next offset of a partition, asked from the broker. */
rd_kafka_resp_err_t eddy_kafka_source_bounds(struct eddy_kafka_source *source, int32_t partition, int64_t *low, int64_t *high,
                                             int timeout_ms);
/* First offset at or after a time; the next offset if there is none. */
rd_kafka_resp_err_t eddy_kafka_source_at_time(struct eddy_kafka_source *source, int32_t partition, int64_t time,
                                              int64_t *offset, int timeout_ms);
/* The next offset as far as fetches have told, without asking; -1 if not known. */
int64_t eddy_kafka_source_high(struct eddy_kafka_source *source, int32_t partition);

/* Reads again from `offset`: what was prefetched is dropped, and PARTITION_EOF is told anew. */
void eddy_kafka_source_seek(struct eddy_kafka_source *source, int32_t partition, int64_t offset);
/* Ends a pause and reads from `offset`; waits until that is certain. An error: paused as before. */
rd_kafka_resp_err_t eddy_kafka_source_begin(struct eddy_kafka_source *source, int32_t partition, int64_t offset);
void eddy_kafka_source_pause(struct eddy_kafka_source *source, int32_t partition);

/* The member's identity and generation as of now, for the producer; destroy it. NULL outside a group. */
rd_kafka_consumer_group_metadata_t *eddy_kafka_source_group(struct eddy_kafka_source *source);
/* True if another member of the same group.instance.id has taken over, as far as heartbeats have told. */
bool eddy_kafka_source_fenced(const struct eddy_kafka_source *source);
/* For metadata and admin requests. */
rd_kafka_t *eddy_kafka_source_client(struct eddy_kafka_source *source);

#endif
