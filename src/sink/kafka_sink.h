/* A transactional producer: outputs and input offsets become visible together or not at all.
 *
 *   CLOSED -> READY -> OPEN -> READY          begin, commit or abort
 *             READY, OPEN -> DOOMED -> READY   must be aborted
 *             any -> LOST                      outcome unknown, or the producer is broken: close it and open another
 *
 * One setter, legal edges in a table, every change logged at debug level. One thread; calls that talk to the broker block up
 * to the time they are given. Records are not copied: key and value must stay in place until the transaction is committed,
 * aborted, or the sink closed.
 */
#ifndef EDDY_SINK_KAFKA_SINK_H
#define EDDY_SINK_KAFKA_SINK_H

#include <librdkafka/rdkafka.h>

#include "base/logger.h"
#include "eddy/types.h"

struct eddy_kafka_sink;

enum eddy_txn_state { EDDY_TXN_CLOSED, EDDY_TXN_READY, EDDY_TXN_OPEN, EDDY_TXN_DOOMED, EDDY_TXN_LOST };
const char *eddy_txn_state_name(enum eddy_txn_state state);

/* What a call came to. */
enum eddy_txn_result {
  EDDY_TXN_DONE,
  EDDY_TXN_RETRY,   /* not now (broker unreachable, coordinator loading): call again */
  EDDY_TXN_ABORT,   /* the transaction is doomed: abort, then produce again what is still ours */
  EDDY_TXN_RENEW,   /* the outcome is unknown: open a new producer and look at the committed offsets */
  EDDY_TXN_REFUSED, /* init: a right is missing, or a setting is not possible */
  EDDY_TXN_FENCED,  /* somebody took over this transactional.id, or the consumer's group.instance.id */
  EDDY_TXN_STALE,   /* the group has moved on without this member: abort, then look whether the partitions are still as we left
                       them */
};

enum { EDDY_SINK_TOPICS_MAX = 12 };

struct eddy_kafka_sink_options {
  rd_kafka_conf_t *conf; /* taken over, also on failure */
  const char *topics[EDDY_SINK_TOPICS_MAX];
  size_t topic_count;
  const struct eddy_logger *logger;
};

struct eddy_kafka_record {
  const void *key, *value; /* key NULL = none */
  size_t key_size, value_size;
  const rd_kafka_headers_t *headers; /* NULL = none; copied */
  int32_t partition;
  uint8_t topic; /* position in options.topics */
};

/* Settings that suit eddy and may be overridden by the operator. */
void eddy_kafka_sink_prefer(rd_kafka_conf_t *conf);

/* Makes the producer; does not wait for a broker. 0, or -1 with a sentence in `why`. */
int eddy_kafka_sink_open(struct eddy_kafka_sink **sink, const struct eddy_kafka_sink_options *options, char *why,
                         size_t why_size);
/* Frees everything; an open transaction is left to the next init() of the same transactional.id. NULL is fine. */
void eddy_kafka_sink_close(struct eddy_kafka_sink *sink);

/* Fences older producers of the same transactional.id, resolves what they left, and learns the partitions of all topics. */
enum eddy_txn_result eddy_kafka_sink_init(struct eddy_kafka_sink *sink, int timeout_ms);

enum eddy_txn_result eddy_kafka_sink_begin(struct eddy_kafka_sink *sink);
enum eddy_txn_result eddy_kafka_sink_produce(struct eddy_kafka_sink *sink, const struct eddy_kafka_record *record);
/* Many records of one topic and partition, without headers; the messages' payload, len, key and key_len are used, and their
 * order is kept. Cheaper than one by one. After anything but DONE some of them may be part of the transaction, which then has
 * to be aborted. */
enum eddy_txn_result eddy_kafka_sink_produce_batch(struct eddy_kafka_sink *sink, uint8_t topic, int32_t partition,
                                                   rd_kafka_message_t *messages, size_t count);
enum eddy_txn_result eddy_kafka_sink_send_offsets(struct eddy_kafka_sink *sink, const rd_kafka_topic_partition_list_t *offsets,
                                                  const rd_kafka_consumer_group_metadata_t *group, int timeout_ms);
/* Give these as long as the transaction may last, and some: when the time is over the outcome is unknown (RENEW). Never -1:
 * with it 2.0.2 waits without end while the broker is away. */
enum eddy_txn_result eddy_kafka_sink_commit(struct eddy_kafka_sink *sink, int timeout_ms);
enum eddy_txn_result eddy_kafka_sink_abort(struct eddy_kafka_sink *sink, int timeout_ms);

enum eddy_txn_state eddy_kafka_sink_state(const struct eddy_kafka_sink *sink);
/* The sentence that belongs to the last result other than DONE. */
const char *eddy_kafka_sink_why(const struct eddy_kafka_sink *sink);
/* Serves errors and logs; call now and then. */
void eddy_kafka_sink_poll(struct eddy_kafka_sink *sink);

#endif
