#include "sink/kafka_sink.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"

struct eddy_kafka_sink {
  rd_kafka_t *client;
  rd_kafka_topic_t *topics[EDDY_SINK_TOPICS_MAX];
  size_t topic_count;
  enum eddy_txn_state state;
  const struct eddy_logger *logger;
  char why[512];
  atomic_bool refusal_said; /* since the last commit; from librdkafka's threads, too */
};

#define BIT(state) (1u << (state))
static const unsigned legal_next[] = {
    [EDDY_TXN_CLOSED] = BIT(EDDY_TXN_READY) | BIT(EDDY_TXN_LOST),
    [EDDY_TXN_READY] = BIT(EDDY_TXN_OPEN) | BIT(EDDY_TXN_DOOMED) | BIT(EDDY_TXN_LOST),
    [EDDY_TXN_OPEN] = BIT(EDDY_TXN_READY) | BIT(EDDY_TXN_DOOMED) | BIT(EDDY_TXN_LOST),
    [EDDY_TXN_DOOMED] = BIT(EDDY_TXN_READY) | BIT(EDDY_TXN_LOST),
    [EDDY_TXN_LOST] = 0,
};

const char *eddy_txn_state_name(enum eddy_txn_state state) {
  static const char *const names[] = {"closed", "ready", "open", "doomed", "lost"};
  return names[state];
}

static void set_state(struct eddy_kafka_sink *sink, enum eddy_txn_state next) {
  if (sink->state == next) return;
  EDDY_ASSERT(legal_next[sink->state] & BIT(next));
  eddy_log(sink->logger, EDDY_LOG_DEBUG, "transaction", "from=%s to=%s", eddy_txn_state_name(sink->state),
           eddy_txn_state_name(next));
  sink->state = next;
}

static void prefer(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char why[256];
  rd_kafka_conf_set(conf, name, value, why, sizeof(why));
}

void eddy_kafka_sink_prefer(rd_kafka_conf_t *conf) {
  prefer(conf, "transaction.timeout.ms", "10000");
  prefer(conf, "linger.ms", "5");
  prefer(conf, "retry.backoff.ms", "5"); /* the default 100 makes every send_offsets take 105 ms */
  prefer(conf, "reconnect.backoff.ms", "50");
  prefer(conf, "reconnect.backoff.max.ms", "1000");
  prefer(conf, "queue.buffering.max.messages", "200000");
  prefer(conf, "message.max.bytes", "16777216");
  prefer(conf, "socket.nagle.disable", "true");
  prefer(conf, "socket.keepalive.enable", "true");
}

/* A topic that the broker lets nobody write to dooms the transaction, whose error names no topic: this line does. */
static bool is_refused_topic(int level, const char *facility) {
  return level <= 3 && strcmp(facility, "ADDPARTS") == 0;
}

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
  struct eddy_kafka_sink *sink = rd_kafka_opaque(client);
  if (is_refused_topic(level, facility) && !atomic_exchange(&sink->refusal_said, true))
    eddy_log(sink->logger, EDDY_LOG_WARN, "Kafka takes no records of ours", "reason=\"%s\" hint=\"%s\"", text,
             "allow the user of kafka.properties WRITE on the topic, see Rights in src/deploy/README.md");
  eddy_log(sink->logger, level <= 2 ? EDDY_LOG_WARN : EDDY_LOG_DEBUG, "kafka producer", "facility=%s text=\"%s\"", facility,
           text);
}

static void on_error(rd_kafka_t *client, int error, const char *reason, void *opaque) {
  (void)client;
  const struct eddy_kafka_sink *sink = opaque;
  eddy_log(sink->logger, EDDY_LOG_DEBUG, "kafka producer error", "error=%s reason=\"%s\"",
           rd_kafka_err2name((rd_kafka_resp_err_t)error), reason);
}

static int open_topics(struct eddy_kafka_sink *sink, const struct eddy_kafka_sink_options *options, char *why,
                       size_t why_size) {
  for (size_t i = 0; i < options->topic_count; i++) {
    sink->topics[i] = rd_kafka_topic_new(sink->client, options->topics[i], NULL);
    if (!sink->topics[i]) {
      snprintf(why, why_size, "topic %s: %s", options->topics[i], rd_kafka_err2str(rd_kafka_last_error()));
      return -1;
    }
    sink->topic_count = i + 1;
  }
  return 0;
}

int eddy_kafka_sink_open(struct eddy_kafka_sink **out, const struct eddy_kafka_sink_options *options, char *why,
                         size_t why_size) {
  EDDY_ASSERT(options->topic_count <= EDDY_SINK_TOPICS_MAX);
  struct eddy_kafka_sink *sink = calloc(1, sizeof(*sink));
  if (!sink) {
    snprintf(why, why_size, "out of memory");
    rd_kafka_conf_destroy(options->conf);
    return -1;
  }
  sink->logger = options->logger;
  rd_kafka_conf_set_opaque(options->conf, sink);
  rd_kafka_conf_set_log_cb(options->conf, on_log);
  rd_kafka_conf_set_error_cb(options->conf, on_error);
  sink->client = rd_kafka_new(RD_KAFKA_PRODUCER, options->conf, why, why_size);
  if (!sink->client) rd_kafka_conf_destroy(options->conf);
  if (!sink->client || open_topics(sink, options, why, why_size) != 0) {
    eddy_kafka_sink_close(sink);
    return -1;
  }
  *out = sink;
  return 0;
}

void eddy_kafka_sink_close(struct eddy_kafka_sink *sink) {
  if (!sink) return;
  if (sink->client) rd_kafka_purge(sink->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  for (size_t i = 0; i < sink->topic_count; i++) rd_kafka_topic_destroy(sink->topics[i]);
  if (sink->client) rd_kafka_destroy(sink->client);
  free(sink);
}

static bool is_fencing(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__FENCED || error == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
         error == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

static bool is_fenced(struct eddy_kafka_sink *sink, rd_kafka_resp_err_t error) {
  char text[8];
  return is_fencing(error) || is_fencing(rd_kafka_fatal_error(sink->client, text, sizeof(text)));
}

/* The group's coordinator knows another generation, or not this member. */
static bool is_stale(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION || error == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
}

/* Trying again does not help against these. */
static bool is_refusal(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
         error == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED || error == RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT ||
         error == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE || error == RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION;
}

/* Judges an error in the one right order: fatal, to be aborted, to be tried again; anything else is fatal. Frees it. */
static enum eddy_txn_result judge(struct eddy_kafka_sink *sink, const char *what, rd_kafka_error_t *error) {
  if (!error) return EDDY_TXN_DONE;
  rd_kafka_resp_err_t code = rd_kafka_error_code(error);
  snprintf(sink->why, sizeof(sink->why), "%s: %s", what, rd_kafka_error_string(error));
  bool fatal = rd_kafka_error_is_fatal(error) != 0;
  bool doomed = rd_kafka_error_txn_requires_abort(error) != 0;
  bool retriable = rd_kafka_error_is_retriable(error) != 0;
  rd_kafka_error_destroy(error);
  eddy_log(sink->logger, EDDY_LOG_DEBUG, "transaction error", "error=%s fatal=%d abort=%d retry=%d why=\"%s\"",
           rd_kafka_err2name(code), fatal, doomed, retriable, sink->why);
  if (sink->state == EDDY_TXN_CLOSED && is_refusal(code)) return EDDY_TXN_REFUSED;
  if (!fatal && doomed) {
    if (sink->state == EDDY_TXN_CLOSED) return EDDY_TXN_RENEW;
    set_state(sink, EDDY_TXN_DOOMED);
    if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) return EDDY_TXN_FENCED;
    return is_stale(code) ? EDDY_TXN_STALE : EDDY_TXN_ABORT;
  }
  if (!fatal && retriable) return EDDY_TXN_RETRY;
  set_state(sink, EDDY_TXN_LOST);
  return is_fenced(sink, code) ? EDDY_TXN_FENCED : EDDY_TXN_RENEW;
}

/* A transaction may stall for ever if a record goes to a topic whose partitions are not known yet. */
static bool topics_known(struct eddy_kafka_sink *sink, int timeout_ms) {
  for (size_t i = 0; i < sink->topic_count; i++) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t error = rd_kafka_metadata(sink->client, 0, sink->topics[i], &metadata, timeout_ms);
    if (!error && metadata->topic_cnt == 1) error = metadata->topics[0].err;
    if (metadata) rd_kafka_metadata_destroy(metadata);
    if (error) {
      snprintf(sink->why, sizeof(sink->why), "topic %s: %s", rd_kafka_topic_name(sink->topics[i]), rd_kafka_err2str(error));
      return false;
    }
  }
  return true;
}

enum eddy_txn_result eddy_kafka_sink_init(struct eddy_kafka_sink *sink, int timeout_ms) {
  EDDY_ASSERT(sink->state == EDDY_TXN_CLOSED);
  enum eddy_txn_result result = judge(sink, "init_transactions", rd_kafka_init_transactions(sink->client, timeout_ms));
  if (result != EDDY_TXN_DONE) return result;
  if (!topics_known(sink, timeout_ms)) return EDDY_TXN_RETRY;
  set_state(sink, EDDY_TXN_READY);
  return EDDY_TXN_DONE;
}

enum eddy_txn_result eddy_kafka_sink_begin(struct eddy_kafka_sink *sink) {
  EDDY_ASSERT(sink->state == EDDY_TXN_READY);
  enum eddy_txn_result result = judge(sink, "begin", rd_kafka_begin_transaction(sink->client));
  if (result == EDDY_TXN_DONE) set_state(sink, EDDY_TXN_OPEN);
  return result;
}

static rd_kafka_error_t *offer(struct eddy_kafka_sink *sink, const struct eddy_kafka_record *record,
                               rd_kafka_headers_t *headers) {
  const rd_kafka_vu_t fields[] = {
      {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = sink->topics[record->topic]},
      {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition},
      {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {.ptr = (void *)(uintptr_t)record->key, .size = record->key_size}},
      {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {.ptr = (void *)(uintptr_t)record->value, .size = record->value_size}},
      {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
  };
  return rd_kafka_produceva(sink->client, fields, headers ? 5 : 4);
}

/* The transaction cannot go on, for this reason. _STATE: an error arose in the background; whatever it is, the abort or commit
 * that follows will say. */
static enum eddy_txn_result doom(struct eddy_kafka_sink *sink, uint8_t topic, rd_kafka_resp_err_t code) {
  snprintf(sink->why, sizeof(sink->why), "produce to %s: %s", rd_kafka_topic_name(sink->topics[topic]), rd_kafka_err2str(code));
  bool fenced = is_fenced(sink, code), fatal = code == RD_KAFKA_RESP_ERR__FATAL || fenced;
  set_state(sink, fatal ? EDDY_TXN_LOST : EDDY_TXN_DOOMED);
  return fenced ? EDDY_TXN_FENCED : fatal ? EDDY_TXN_RENEW : EDDY_TXN_ABORT;
}

enum eddy_txn_result eddy_kafka_sink_produce(struct eddy_kafka_sink *sink, const struct eddy_kafka_record *record) {
  if (sink->state != EDDY_TXN_OPEN) return EDDY_TXN_ABORT;
  rd_kafka_headers_t *headers = record->headers ? rd_kafka_headers_copy(record->headers) : NULL;
  for (;;) {
    rd_kafka_error_t *error = offer(sink, record, headers);
    if (!error) return EDDY_TXN_DONE;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      rd_kafka_error_destroy(error);
      rd_kafka_poll(sink->client, 1);
      continue;
    }
    if (headers) rd_kafka_headers_destroy(headers);
    rd_kafka_error_destroy(error);
    return doom(sink, record->topic, code);
  }
}

/* Moves those that found no room to the front; how many. *code: of the first that failed for another reason. */
static size_t keep_refused(rd_kafka_message_t *messages, size_t count, rd_kafka_resp_err_t *code) {
  size_t kept = 0;
  *code = RD_KAFKA_RESP_ERR_NO_ERROR;
  for (size_t i = 0; i < count; i++) {
    if (messages[i].err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      messages[kept++] = messages[i];
    } else if (messages[i].err && !*code) {
      *code = messages[i].err;
    }
  }
  return kept;
}

/* Once the queue is full, all that follow are refused: so what is left keeps its order. */
enum eddy_txn_result eddy_kafka_sink_produce_batch(struct eddy_kafka_sink *sink, uint8_t topic, int32_t partition,
                                                   rd_kafka_message_t *messages, size_t count) {
  if (sink->state != EDDY_TXN_OPEN) return EDDY_TXN_ABORT;
  while (count > 0) {
    rd_kafka_resp_err_t code;
    int sent = rd_kafka_produce_batch(sink->topics[topic], partition, 0, messages, (int)count);
    if (sent == (int)count) break;
    count = keep_refused(messages, count, &code);
    if (code) return doom(sink, topic, code);
    rd_kafka_poll(sink->client, 1);
  }
  return EDDY_TXN_DONE;
}

enum eddy_txn_result eddy_kafka_sink_send_offsets(struct eddy_kafka_sink *sink, const rd_kafka_topic_partition_list_t *offsets,
                                                  const rd_kafka_consumer_group_metadata_t *group, int timeout_ms) {
  if (sink->state != EDDY_TXN_OPEN) return EDDY_TXN_ABORT;
  return judge(sink, "send_offsets", rd_kafka_send_offsets_to_transaction(sink->client, offsets, group, timeout_ms));
}

/* commit_transaction flushes first, and with no delivery callback to wake it librdkafka's flush looks again only every 10 ms.
 * So look oneself, at shorter intervals, for about as long as acknowledgements take when all is well. */
static void await_deliveries(struct eddy_kafka_sink *sink) {
  const struct timespec pause = {.tv_nsec = 500000};
  for (int i = 0; i < 100 && rd_kafka_outq_len(sink->client) > 0; i++) nanosleep(&pause, NULL);
}

enum eddy_txn_result eddy_kafka_sink_commit(struct eddy_kafka_sink *sink, int timeout_ms) {
  if (sink->state != EDDY_TXN_OPEN) return EDDY_TXN_ABORT;
  await_deliveries(sink);
  enum eddy_txn_result result = judge(sink, "commit", rd_kafka_commit_transaction(sink->client, timeout_ms));
  if (result == EDDY_TXN_DONE) {
    set_state(sink, EDDY_TXN_READY);
    atomic_store(&sink->refusal_said, false);
  }
  if (result == EDDY_TXN_RETRY) {
    /* Nobody has answered: it may have been committed. */
    set_state(sink, EDDY_TXN_LOST);
    return EDDY_TXN_RENEW;
  }
  return result;
}

enum eddy_txn_result eddy_kafka_sink_abort(struct eddy_kafka_sink *sink, int timeout_ms) {
  if (sink->state == EDDY_TXN_READY) return EDDY_TXN_DONE;
  if (sink->state == EDDY_TXN_LOST || sink->state == EDDY_TXN_CLOSED) return EDDY_TXN_RENEW;
  enum eddy_txn_result result = judge(sink, "abort", rd_kafka_abort_transaction(sink->client, timeout_ms));
  if (result == EDDY_TXN_DONE) set_state(sink, EDDY_TXN_READY);
  if (result == EDDY_TXN_RETRY || result == EDDY_TXN_ABORT) {
    set_state(sink, EDDY_TXN_LOST);
    return EDDY_TXN_RENEW;
  }
  return result;
}

enum eddy_txn_state eddy_kafka_sink_state(const struct eddy_kafka_sink *sink) {
  return sink->state;
}
const char *eddy_kafka_sink_why(const struct eddy_kafka_sink *sink) {
  return sink->why;
}
void eddy_kafka_sink_poll(struct eddy_kafka_sink *sink) {
  rd_kafka_poll(sink->client, 0);
}
