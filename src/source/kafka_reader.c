#include "source/kafka_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/kafka_consumer.h"
#include "source/kafka_offsets.h"

enum {
  NUDGE_LEAST = 1000, /* messages that once waited: less is no queue worth a question */
  NUDGE_MS = 2,       /* enough to have asked: the request itself lives on */
};

struct eddy_kafka_reader {
  rd_kafka_t *client;
  rd_kafka_queue_t *queue;
  rd_kafka_topic_t *topic;
  const struct eddy_logger *logger;
  rd_kafka_topic_partition_list_t *started;
  int length; /* of the queue, after the last poll */
  int quiet;  /* messages taken out since one came in */
  int peak;   /* longest that the queue was since the last nudge */
};

void eddy_kafka_reader_prefer(rd_kafka_conf_t *conf) {
  eddy_kafka_consumer_prefer(conf);
  eddy_kafka_consumer_wish(conf, "queued.min.messages", "1000000"); /* more than fit: the bytes are what limits */
  eddy_kafka_consumer_wish(conf, "fetch.message.max.bytes", "8388608");
  eddy_kafka_consumer_wish(conf, "fetch.max.bytes", "16777216");
  eddy_kafka_consumer_wish(conf, "receive.message.max.bytes", "100000000");
  eddy_kafka_consumer_wish(conf, "socket.receive.buffer.bytes", "1048576");
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
  const struct eddy_kafka_reader *reader = rd_kafka_opaque(client);
  eddy_log(reader->logger, level <= 2 ? EDDY_LOG_WARN : EDDY_LOG_DEBUG, "kafka reader", "facility=%s text=\"%s\"", facility,
           text);
}

static void on_error(rd_kafka_t *client, int error, const char *reason, void *opaque) {
  (void)client;
  const struct eddy_kafka_reader *reader = opaque;
  eddy_log(reader->logger, EDDY_LOG_DEBUG, "kafka reader error", "error=%s reason=\"%s\"",
           rd_kafka_err2name((rd_kafka_resp_err_t)error), reason);
}

/* 0, or -1 with `conf` still ours. */
static int connect_client(struct eddy_kafka_reader *reader, rd_kafka_conf_t *conf, char *why, size_t why_size) {
  /* An offset that is not there any more: all that there is, since readers bear seeing a record again, but not missing one. */
  if (eddy_kafka_consumer_require(conf, "earliest", why, why_size) != 0) return -1;
  rd_kafka_conf_set_opaque(conf, reader);
  rd_kafka_conf_set_log_cb(conf, on_log);
  rd_kafka_conf_set_error_cb(conf, on_error);
  reader->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, why_size);
  return reader->client ? 0 : -1;
}

int eddy_kafka_reader_open(struct eddy_kafka_reader **out, const struct eddy_kafka_reader_options *options, char *why,
                           size_t why_size) {
  struct eddy_kafka_reader *reader = calloc(1, sizeof(*reader));
  if (reader) reader->logger = options->logger;
  if (!reader) snprintf(why, why_size, "out of memory");
  if (!reader || connect_client(reader, options->conf, why, why_size) != 0) {
    rd_kafka_conf_destroy(options->conf);
    free(reader);
    return -1;
  }
  reader->topic = rd_kafka_topic_new(reader->client, options->topic, NULL);
  if (!reader->topic) {
    snprintf(why, why_size, "topic %s: %s", options->topic, rd_kafka_err2str(rd_kafka_last_error()));
    eddy_kafka_reader_close(reader);
    return -1;
  }
  reader->started = rd_kafka_topic_partition_list_new(8);
  reader->queue = rd_kafka_queue_new(reader->client);
  const uint64_t one = 1;
  rd_kafka_queue_io_event_enable(reader->queue, options->wake_fd, &one, sizeof(one));
  *out = reader;
  return 0;
}

void eddy_kafka_reader_close(struct eddy_kafka_reader *reader) {
  if (!reader) return;
  if (reader->queue) {
    rd_kafka_queue_io_event_enable(reader->queue, -1, NULL, 0);
    while (reader->started->cnt > 0) eddy_kafka_reader_stop(reader, reader->started->elems[0].partition);
    rd_kafka_topic_partition_list_destroy(reader->started);
    rd_kafka_queue_destroy(reader->queue);
  }
  if (reader->topic) rd_kafka_topic_destroy(reader->topic);
  rd_kafka_destroy(reader->client);
  free(reader);
}

int eddy_kafka_reader_start(struct eddy_kafka_reader *reader, int32_t partition, int64_t offset) {
  const char *name = rd_kafka_topic_name(reader->topic);
  eddy_kafka_reader_stop(reader, partition);
  /* librdkafka would ask where the beginning is, and look for the answer half a second later. If it is not 0, it is asked then.
   */
  if (offset == RD_KAFKA_OFFSET_BEGINNING) offset = 0;
  if (rd_kafka_consume_start_queue(reader->topic, partition, offset, reader->queue) != 0) {
    eddy_log(reader->logger, EDDY_LOG_WARN, "topic cannot be read", "topic=%s partition=%d offset=%lld error=%s", name,
             partition, (long long)offset, rd_kafka_err2name(rd_kafka_last_error()));
    return -1;
  }
  rd_kafka_topic_partition_list_add(reader->started, name, partition);
  return 0;
}

void eddy_kafka_reader_stop(struct eddy_kafka_reader *reader, int32_t partition) {
  if (!rd_kafka_topic_partition_list_del(reader->started, rd_kafka_topic_name(reader->topic), partition)) return;
  rd_kafka_consume_stop(reader->topic, partition);
}

/* As in kafka_source.c: 2.0.2 looks at a queue that was full again only after a second, unless a request wakes the thread of
 * the broker. How many messages are full depends on their size, so: when the queue has halved, and nothing came while its last
 * quarter was taken out. Something would have come if it were reading, and the answer would have to wait for that. */
static void nudge(struct eddy_kafka_reader *reader, int taken) {
  int length = (int)rd_kafka_queue_length(reader->queue);
  bool came = length + taken > reader->length;
  reader->quiet = came ? 0 : reader->quiet + taken;
  reader->length = length;
  if (length > reader->peak) reader->peak = length;
  bool stalled = length <= reader->peak / 2 && reader->quiet >= reader->peak / 4;
  if (reader->peak < NUDGE_LEAST || !stalled || reader->started->cnt == 0) return;
  reader->peak = length;
  int64_t next;
  eddy_kafka_offset_ask(reader->client, rd_kafka_topic_name(reader->topic), reader->started->elems[0].partition,
                        RD_KAFKA_OFFSET_END, &next, NUDGE_MS);
}

size_t eddy_kafka_reader_poll(struct eddy_kafka_reader *reader, rd_kafka_message_t **messages, size_t max) {
  rd_kafka_poll(reader->client, 0); /* errors */
  ssize_t got = rd_kafka_consume_batch_queue(reader->queue, 0, messages, max);
  if (got > 0) nudge(reader, (int)got);
  size_t kept = 0;
  for (ssize_t i = 0; i < got; i++) {
    if (messages[i]->err && (!messages[i]->rkt || messages[i]->partition < 0)) {
      on_error(reader->client, messages[i]->err, rd_kafka_message_errstr(messages[i]), reader);
      rd_kafka_message_destroy(messages[i]);
    } else {
      messages[kept++] = messages[i];
    }
  }
  return kept;
}

rd_kafka_resp_err_t eddy_kafka_reader_bounds(struct eddy_kafka_reader *reader, int32_t partition, int64_t *low, int64_t *high,
                                             int timeout_ms) {
  return eddy_kafka_offset_bounds(reader->client, rd_kafka_topic_name(reader->topic), partition, low, high, timeout_ms);
}

rd_kafka_resp_err_t eddy_kafka_reader_at_time(struct eddy_kafka_reader *reader, int32_t partition, int64_t time,
                                              int64_t *offset, int timeout_ms) {
  return eddy_kafka_offset_at_time(reader->client, rd_kafka_topic_name(reader->topic), partition, time, offset, timeout_ms);
}
