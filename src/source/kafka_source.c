#include "source/kafka_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/kafka_consumer.h"
#include "source/kafka_offsets.h"
#include "source/kafka_trouble.h"

enum {
  PREFETCH_MESSAGES = 100000, /* more than a commit interval's worth; with it at most 64 MB wait in memory */
  PREFETCH_LOW = PREFETCH_MESSAGES / 2,
  CLOSE_MAX_MS = 15000,
  CLOSE_STEP_MS = 20,
  NUDGE_MS = 50,
  SEEK_MS = 2000,
};

struct eddy_kafka_source {
  rd_kafka_t *client;
  rd_kafka_queue_t *queue;
  char *topic;
  struct eddy_kafka_source_handler handler;
  const struct eddy_logger *logger;
  int32_t nudge_partition; /* any assigned partition, -1 if none */
  bool nudged;             /* since the queue was last above the low mark */
  char trouble[256];       /* what librdkafka said last of a broker */
  bool said;               /* since a record came last */
  bool joined, assigned;   /* asked to; had an assignment, ever */
};

void eddy_kafka_source_prefer(rd_kafka_conf_t *conf) {
  char messages[16];
  snprintf(messages, sizeof(messages), "%d", PREFETCH_MESSAGES);
  eddy_kafka_consumer_prefer(conf);
  eddy_kafka_consumer_wish(conf, "queued.min.messages", messages);
}

/* What the protocol rests on; not for the operator to change. */
static int require(rd_kafka_conf_t *conf, char *why, size_t why_size) {
  if (eddy_kafka_consumer_require(conf, "error", why, why_size) != 0) return -1;
  const char *strategy = "cooperative-sticky";
  return rd_kafka_conf_set(conf, "partition.assignment.strategy", strategy, why, why_size) == RD_KAFKA_CONF_OK ? 0 : -1;
}

/* Connections that fail are librdkafka's errors, but our daily life: the worker says it once, in its own words. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
  const struct eddy_kafka_source *source = rd_kafka_opaque(client);
  eddy_log(source->logger, level <= 2 ? EDDY_LOG_WARN : EDDY_LOG_DEBUG, "kafka consumer", "facility=%s text=\"%s\"", facility,
           text);
}

/* All are down: why, once per outage. That they are is said by the worker. */
static void say_trouble(struct eddy_kafka_source *source) {
  if (!source->trouble[0] || source->said) return;
  source->said = true;
  eddy_log(source->logger, EDDY_LOG_WARN, "Kafka cannot be reached", "reason=\"%s\" hint=\"%s\"", source->trouble,
           eddy_kafka_trouble_advice(source->trouble));
}

/* Runs within poll, as all callbacks do but that of the log. */
static void on_error(rd_kafka_t *client, int error, const char *reason, void *opaque) {
  struct eddy_kafka_source *source = opaque;
  if (error == RD_KAFKA_RESP_ERR__FATAL) {
    char text[512] = "";
    rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client, text, sizeof(text));
    source->handler.fatal(source->handler.ctx, cause, text);
    return;
  }
  eddy_log(source->logger, EDDY_LOG_DEBUG, "kafka consumer error", "error=%s reason=\"%s\"",
           rd_kafka_err2name((rd_kafka_resp_err_t)error), reason);
  bool all = error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
  if (all) say_trouble(source);
  if (!all) eddy_kafka_trouble_copy(source->trouble, sizeof(source->trouble), reason);
  source->handler.unreachable(source->handler.ctx, all);
}

static void log_failure(const struct eddy_kafka_source *source, const char *what, rd_kafka_error_t *error) {
  if (!error) return;
  eddy_log(source->logger, EDDY_LOG_WARN, what, "error=\"%s\"", rd_kafka_error_string(error));
  rd_kafka_error_destroy(error);
}

static void gain(struct eddy_kafka_source *source, rd_kafka_topic_partition_list_t *partitions) {
  source->assigned = true;
  if (source->handler.assigned(source->handler.ctx, partitions) != 0) {
    for (int i = 0; i < partitions->cnt; i++) partitions->elems[i].offset = 0; /* paused for good */
  }
  log_failure(source, "partitions could not be taken", rd_kafka_incremental_assign(source->client, partitions));
  rd_kafka_pause_partitions(source->client, partitions);
  source->nudge_partition = -1;
}

static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t event, rd_kafka_topic_partition_list_t *partitions,
                         void *opaque) {
  struct eddy_kafka_source *source = opaque;
  if (event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    gain(source, partitions);
    return;
  }
  source->handler.revoked(source->handler.ctx, partitions, rd_kafka_assignment_lost(client) != 0);
  log_failure(source, "partitions could not be given up", rd_kafka_incremental_unassign(client, partitions));
  source->nudge_partition = -1;
}

static void attach(struct eddy_kafka_source *source, rd_kafka_conf_t *conf) {
  rd_kafka_conf_set_opaque(conf, source);
  rd_kafka_conf_set_log_cb(conf, on_log);
  rd_kafka_conf_set_error_cb(conf, on_error);
  rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
}

int eddy_kafka_source_open(struct eddy_kafka_source **out, const struct eddy_kafka_source_options *options, char *why,
                           size_t why_size) {
  struct eddy_kafka_source *source = calloc(1, sizeof(*source));
  char *topic = strdup(options->topic);
  if (!source || !topic || require(options->conf, why, why_size) != 0) {
    if (!source || !topic) snprintf(why, why_size, "out of memory");
    rd_kafka_conf_destroy(options->conf);
    free(source);
    free(topic);
    return -1;
  }
  *source =
      (struct eddy_kafka_source){.topic = topic, .handler = options->handler, .logger = options->logger, .nudge_partition = -1};
  attach(source, options->conf);
  source->client = rd_kafka_new(RD_KAFKA_CONSUMER, options->conf, why, why_size);
  if (!source->client) {
    rd_kafka_conf_destroy(options->conf);
    free(topic);
    free(source);
    return -1;
  }
  rd_kafka_poll_set_consumer(source->client);
  source->queue = rd_kafka_queue_get_consumer(source->client);
  const uint64_t one = 1;
  rd_kafka_queue_io_event_enable(source->queue, options->wake_fd, &one, sizeof(one));
  *out = source;
  return 0;
}

int eddy_kafka_source_subscribe(struct eddy_kafka_source *source, char *why, size_t why_size) {
  rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, source->topic, RD_KAFKA_PARTITION_UA);
  rd_kafka_resp_err_t error = rd_kafka_subscribe(source->client, topics);
  rd_kafka_topic_partition_list_destroy(topics);
  source->joined = !error;
  if (error) snprintf(why, why_size, "%s", rd_kafka_err2str(error));
  return error ? -1 : 0;
}

/* Serves the revocation; true once the consumer is closed. */
static bool leave_group(struct eddy_kafka_source *source) {
  rd_kafka_queue_t *queue = rd_kafka_queue_new(source->client);
  rd_kafka_error_t *error = rd_kafka_consumer_close_queue(source->client, queue);
  bool closed = error != NULL; /* nothing to close */
  if (error) rd_kafka_error_destroy(error);
  for (int waited = 0; !closed && waited < CLOSE_MAX_MS;) {
    rd_kafka_message_t *messages[64]; /* prefetched ones come first, and do not count as waiting */
    ssize_t got = rd_kafka_consume_batch_queue(queue, CLOSE_STEP_MS, messages, 64);
    if (got <= 0) waited += CLOSE_STEP_MS;
    for (ssize_t i = 0; i < got; i++) rd_kafka_message_destroy(messages[i]);
    closed = rd_kafka_consumer_closed(source->client) != 0;
  }
  rd_kafka_queue_destroy(queue);
  return closed;
}

/* librdkafka before 2.3 aborts when it frees a member of a cooperative-sticky group between the answer to its join and its
 * first assignment (its issue 4312). */
static bool may_be_freed(const struct eddy_kafka_source *source) {
  return !source->joined || source->assigned || rd_kafka_version() >= 0x02030000;
}

void eddy_kafka_source_close(struct eddy_kafka_source *source) {
  if (!source) return;
  rd_kafka_queue_io_event_enable(source->queue, -1, NULL, 0);
  bool closed = leave_group(source);
  rd_kafka_queue_destroy(source->queue);
  /* One that does not come to an end (seen when a partition was lost) is left behind rather than waited for; silent, for the
   * logger may go before it. */
  if (!closed || !may_be_freed(source)) {
    rd_kafka_set_log_level(source->client, 0);
    return;
  }
  rd_kafka_destroy(source->client);
  free(source->topic);
  free(source);
}

/* Any partition that is assigned will do. Not to be asked while a revocation is served: when the consumer closes, nobody
 * answers. */
static void choose_nudged(struct eddy_kafka_source *source) {
  rd_kafka_topic_partition_list_t *assigned = NULL;
  if (rd_kafka_assignment(source->client, &assigned) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  if (assigned->cnt > 0) source->nudge_partition = assigned->elems[0].partition;
  rd_kafka_topic_partition_list_destroy(assigned);
}

/* librdkafka 2.0.2 looks at a prefetch queue that was full again only after a second, unless a request wakes the thread of the
 * broker: so ask something cheap as soon as the queue runs low. */
static void nudge(struct eddy_kafka_source *source) {
  bool low = rd_kafka_queue_length(source->queue) < PREFETCH_LOW;
  if (!low) source->nudged = false;
  if (!low || source->nudged) return;
  if (source->nudge_partition < 0) choose_nudged(source);
  if (source->nudge_partition < 0) return;
  source->nudged = true;
  int64_t next;
  eddy_kafka_offset_ask(source->client, source->topic, source->nudge_partition, RD_KAFKA_OFFSET_END, &next, NUDGE_MS);
}

size_t eddy_kafka_source_poll(struct eddy_kafka_source *source, rd_kafka_message_t **messages, size_t max) {
  ssize_t got = rd_kafka_consume_batch_queue(source->queue, 0, messages, max);
  if (got <= 0) return 0;
  if ((size_t)got == max) nudge(source);
  size_t kept = 0;
  for (ssize_t i = 0; i < got; i++) {
    if (messages[i]->err && (!messages[i]->rkt || messages[i]->partition < 0)) {
      on_error(source->client, messages[i]->err, rd_kafka_message_errstr(messages[i]), source);
      rd_kafka_message_destroy(messages[i]);
    } else {
      messages[kept++] = messages[i];
    }
  }
  if (kept > 0) source->said = false;
  return kept;
}

rd_kafka_resp_err_t eddy_kafka_source_committed(struct eddy_kafka_source *source, rd_kafka_topic_partition_list_t *partitions,
                                                int timeout_ms) {
  rd_kafka_resp_err_t error = rd_kafka_committed(source->client, partitions, timeout_ms);
  for (int i = 0; !error && i < partitions->cnt; i++) error = partitions->elems[i].err;
  return error;
}

rd_kafka_resp_err_t eddy_kafka_source_bounds(struct eddy_kafka_source *source, int32_t partition, int64_t *low, int64_t *high,
                                             int timeout_ms) {
  return eddy_kafka_offset_bounds(source->client, source->topic, partition, low, high, timeout_ms);
}

rd_kafka_resp_err_t eddy_kafka_source_at_time(struct eddy_kafka_source *source, int32_t partition, int64_t time,
                                              int64_t *offset, int timeout_ms) {
  return eddy_kafka_offset_at_time(source->client, source->topic, partition, time, offset, timeout_ms);
}

int64_t eddy_kafka_source_high(struct eddy_kafka_source *source, int32_t partition) {
  int64_t low = 0, high = -1;
  rd_kafka_resp_err_t error = rd_kafka_get_watermark_offsets(source->client, source->topic, partition, &low, &high);
  return error ? -1 : high;
}

static rd_kafka_topic_partition_list_t *one_partition(const struct eddy_kafka_source *source, int32_t partition) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, source->topic, partition);
  return list;
}

void eddy_kafka_source_seek(struct eddy_kafka_source *source, int32_t partition, int64_t offset) {
  rd_kafka_topic_partition_list_t *list = one_partition(source, partition);
  list->elems[0].offset = offset;
  /* Timeout 0: what was fetched before is outdated at once, the rest goes on in the background. */
  log_failure(source, "seek failed", rd_kafka_seek_partitions(source->client, list, 0));
  rd_kafka_topic_partition_list_destroy(list);
}

void eddy_kafka_source_pause(struct eddy_kafka_source *source, int32_t partition) {
  rd_kafka_topic_partition_list_t *list = one_partition(source, partition);
  rd_kafka_pause_partitions(source->client, list);
  rd_kafka_topic_partition_list_destroy(list);
}

rd_kafka_resp_err_t eddy_kafka_source_begin(struct eddy_kafka_source *source, int32_t partition, int64_t offset) {
  rd_kafka_topic_partition_list_t *list = one_partition(source, partition);
  list->elems[0].offset = offset;
  rd_kafka_resp_err_t failure = rd_kafka_resume_partitions(source->client, list);
  rd_kafka_error_t *error = failure ? NULL : rd_kafka_seek_partitions(source->client, list, SEEK_MS);
  if (error) {
    failure = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
  }
  if (!failure) failure = list->elems[0].err;
  if (failure) rd_kafka_pause_partitions(source->client, list);
  rd_kafka_topic_partition_list_destroy(list);
  return failure;
}

rd_kafka_consumer_group_metadata_t *eddy_kafka_source_group(struct eddy_kafka_source *source) {
  return rd_kafka_consumer_group_metadata(source->client);
}

bool eddy_kafka_source_fenced(const struct eddy_kafka_source *source) {
  char why[128];
  return rd_kafka_fatal_error(source->client, why, sizeof(why)) == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

rd_kafka_t *eddy_kafka_source_client(struct eddy_kafka_source *source) {
  return source->client;
}
