#include "daemon/producer.h"

#include "daemon/clock.h"
#include "daemon/kafka_conf.h"

enum {
  OUTCOME_MORE_MS = 5000, /* commit and abort, beyond the transaction's timeout: the coordinator has decided, if it is there */
  ENDING_MS = 5000,       /* for all that, once the worker is to end: what is lost will be read again */
};

int eddy_producer_outcome_ms(const struct eddy_worker *worker) {
  return eddy_worker_ending(worker) ? ENDING_MS : (int)eddy_worker_transaction_ms(worker) + OUTCOME_MORE_MS;
}

/* A dead letter must also pass the producer: one that does not would fail every transaction it is part of. */
static void limit_dead_letters(struct eddy_topics *topics, const rd_kafka_conf_t *conf) {
  size_t max = (size_t)eddy_kafka_conf_number(conf, "message.max.bytes", INT64_MAX);
  if (max < topics->dead_letter_max) topics->dead_letter_max = max;
}

static int make_sink(struct eddy_worker *worker) {
  char why[512];
  rd_kafka_conf_t *conf = eddy_kafka_conf(worker->config, EDDY_KAFKA_PRODUCER, worker->index, why, sizeof(why));
  if (conf) worker->transaction_ms = eddy_kafka_conf_number(conf, "transaction.timeout.ms", 10000);
  if (conf) limit_dead_letters(&worker->topics, conf);
  struct eddy_kafka_sink_options options = {.conf = conf, .topic_count = EDDY_TOPIC_COUNT, .logger = worker->logger};
  for (size_t i = 0; i < EDDY_TOPIC_COUNT; i++) options.topics[i] = worker->topics.names[i];
  if (conf && eddy_kafka_sink_open(&worker->sink, &options, why, sizeof(why)) == 0) return 0;
  eddy_worker_fail(worker, 78, "producer refused", "reason=\"%s\"", why);
  return -1;
}

/* What every record and every commit rests on is not allowed, or not possible: somebody has to look at it. */
static void refuse(struct eddy_worker *worker) {
  eddy_worker_fail(worker, 78, "producer refused by the broker",
                   "worker=%u reason=\"%s\" hint=\"rights for the transactional id and "
                   "idempotent writes, and the broker's transaction.max.timeout.ms\"",
                   worker->index, eddy_kafka_sink_why(worker->sink));
}

void eddy_producer_renew(struct eddy_worker *worker) {
  eddy_kafka_sink_close(worker->sink);
  worker->sink = NULL;
}

bool eddy_producer_may_try(const struct eddy_worker *worker, int64_t started) {
  if (worker->failed) return false;
  if (!eddy_worker_ending(worker)) return true;
  return worker->outbox.count > 0 && eddy_clock_mono() - started < ENDING_MS;
}

int eddy_producer_open(struct eddy_worker *worker) {
  int64_t started = eddy_clock_mono(), wait = EDDY_PRODUCER_RETRY_MIN_MS;
  while (eddy_producer_may_try(worker, started)) {
    eddy_worker_beat(worker);
    if (!worker->sink && make_sink(worker) != 0) return -1;
    enum eddy_txn_result result = eddy_kafka_sink_init(worker->sink, EDDY_PRODUCER_CALL_MS);
    if (result == EDDY_TXN_DONE) {
      eddy_worker_say_back(worker);
      return 0;
    }
    if (result == EDDY_TXN_REFUSED) {
      refuse(worker);
      return -1;
    }
    eddy_worker_say_away(worker, eddy_kafka_sink_why(worker->sink));
    if (result != EDDY_TXN_RETRY) eddy_producer_renew(worker);
    eddy_clock_sleep(wait);
    wait = wait < EDDY_PRODUCER_RETRY_MAX_MS / 2 ? wait * 2 : EDDY_PRODUCER_RETRY_MAX_MS;
  }
  if (!worker->failed && worker->outbox.count == 0) return -1;
  eddy_worker_fail(worker, 75, "ended without a last commit", "worker=%u reason=\"no broker answers\"", worker->index);
  return -1;
}
