/* eddy_kafka_sink_* on the model: a transactional producer whose requests and answers may get lost or come late. Results follow
 * those that src/sink/kafka_sink.c makes of librdkafka's errors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim/protocol/group.h"
#include "sim/protocol/journal.h"
#include "sim/protocol/sim.h"
#include "sink/kafka_sink.h"

struct eddy_kafka_sink {
  struct life *life;
  struct sim *sim;
  int topics[EDDY_SINK_TOPICS_MAX];
  enum eddy_txn_state state;
  uint32_t epoch;
  struct kafka_txn *txn; /* NULL until there is something in it */
  const char *why;
};

const char *eddy_txn_state_name(enum eddy_txn_state state) {
  static const char *const names[] = {"closed", "ready", "open", "doomed", "lost"};
  return names[state];
}

void eddy_kafka_sink_prefer(rd_kafka_conf_t *conf) {
  (void)conf;
}

int eddy_kafka_sink_open(struct eddy_kafka_sink **out, const struct eddy_kafka_sink_options *options, char *why,
                         size_t why_size) {
  (void)why;
  (void)why_size;
  rd_kafka_conf_destroy(options->conf);
  struct eddy_kafka_sink *sink = calloc(1, sizeof *sink);
  EDDY_ASSERT(sink != NULL);
  *sink = (struct eddy_kafka_sink){.life = life_now(), .sim = life_now()->sim, .why = "nothing"};
  for (size_t i = 0; i < options->topic_count; i++) sink->topics[i] = sim_topic(sink->sim, options->topics[i]);
  *out = sink;
  return 0;
}

void eddy_kafka_sink_close(struct eddy_kafka_sink *sink) {
  free(sink);
}

static enum eddy_txn_result end(struct eddy_kafka_sink *sink, enum eddy_txn_state state, enum eddy_txn_result result,
                                const char *why) {
  sink->state = state;
  sink->why = why;
  if (state == EDDY_TXN_READY) sink->txn = NULL;
  return result;
}

static bool is_fenced(const struct eddy_kafka_sink *sink) {
  return kafka_is_fenced(&sink->sim->kafka, sink->life->process, sink->epoch);
}

static enum eddy_txn_result fenced(struct eddy_kafka_sink *sink) {
  return end(sink, EDDY_TXN_LOST, EDDY_TXN_FENCED, "fenced");
}

enum eddy_txn_result eddy_kafka_sink_init(struct eddy_kafka_sink *sink, int timeout_ms) {
  EDDY_ASSERT(sink->state == EDDY_TXN_CLOSED);
  if (life_pause("init")) return EDDY_TXN_RETRY;
  if (sim_hits(sink->sim, sink->sim->rates.lost_reply) && life_sleep("init lost", timeout_ms)) return EDDY_TXN_RETRY;
  sink->epoch = kafka_init_producer(&sink->sim->kafka, sink->life->process);
  if (life_pause("initialised")) return EDDY_TXN_RETRY;
  if (sim_hits(sink->sim, sink->sim->rates.lost_reply)) return EDDY_TXN_RETRY;
  return end(sink, EDDY_TXN_READY, EDDY_TXN_DONE, "initialised");
}

enum eddy_txn_result eddy_kafka_sink_begin(struct eddy_kafka_sink *sink) {
  EDDY_ASSERT(sink->state == EDDY_TXN_READY);
  return end(sink, EDDY_TXN_OPEN, EDDY_TXN_DONE, "begun");
}

/* The coordinator answers CONCURRENT_TRANSACTIONS until every marker of the one before has arrived. */
static struct kafka_txn *open_txn(struct eddy_kafka_sink *sink) {
  if (sink->txn) return sink->txn;
  struct kafka *kafka = &sink->sim->kafka;
  for (size_t i = 0; i < kafka->txn_count; i++) {
    if (kafka->txns[i]->process == sink->life->process) kafka_deliver_all(kafka, kafka->txns[i]);
  }
  sink->txn = kafka_begin(kafka, sink->life->process, sink->epoch, sink->sim->mono);
  return sink->txn;
}

enum eddy_txn_result eddy_kafka_sink_produce(struct eddy_kafka_sink *sink, const struct eddy_kafka_record *record) {
  struct sim *sim = sink->sim;
  if (sink->state != EDDY_TXN_OPEN) return EDDY_TXN_ABORT;
  if (sink->life->dead || (sim_chance(sim, 10) && life_pause("produce"))) {
    return end(sink, EDDY_TXN_DOOMED, EDDY_TXN_ABORT, "dead");
  }
  if (is_fenced(sink)) return sim_chance(sim, 50) ? fenced(sink) : EDDY_TXN_DONE; /* told now, or by what follows */
  if (sim_hits(sim, sim->rates.abort / 20)) return end(sink, EDDY_TXN_DOOMED, EDDY_TXN_ABORT, "produce failed");
  kafka_append(&sim->kafka, sink->topics[record->topic], record->partition, open_txn(sink), record->key, record->key_size,
               record->value, record->value_size, sim_wall(sim));
  return EDDY_TXN_DONE;
}

enum eddy_txn_result eddy_kafka_sink_produce_batch(struct eddy_kafka_sink *sink, uint8_t topic, int32_t partition,
                                                   rd_kafka_message_t *messages, size_t count) {
  enum eddy_txn_result result = EDDY_TXN_DONE;
  for (size_t i = 0; i < count && result == EDDY_TXN_DONE; i++) {
    struct eddy_kafka_record record = {.topic = topic,
                                       .partition = partition,
                                       .key = messages[i].key,
                                       .key_size = messages[i].key_len,
                                       .value = messages[i].payload,
                                       .value_size = messages[i].len};
    result = eddy_kafka_sink_produce(sink, &record);
  }
  return result;
}

static void take_offsets(struct eddy_kafka_sink *sink, const rd_kafka_topic_partition_list_t *offsets) {
  struct kafka_txn *txn = open_txn(sink);
  txn->touched |= KAFKA_PLACE_OFFSETS;
  for (int i = 0; i < offsets->cnt; i++) {
    const rd_kafka_topic_partition_t *from = &offsets->elems[i];
    struct kafka_offset *to = &txn->offsets[from->partition];
    *to = (struct kafka_offset){.set = true, .offset = from->offset};
    EDDY_ASSERT(from->metadata_size < sizeof to->metadata);
    memcpy(to->metadata, from->metadata, from->metadata_size);
  }
  journal_sent(sink->life, txn);
}

enum eddy_txn_result eddy_kafka_sink_send_offsets(struct eddy_kafka_sink *sink, const rd_kafka_topic_partition_list_t *offsets,
                                                  const rd_kafka_consumer_group_metadata_t *group, int timeout_ms) {
  struct sim *sim = sink->sim;
  if (sink->state != EDDY_TXN_OPEN) return EDDY_TXN_ABORT;
  if (life_pause("send offsets")) return EDDY_TXN_RETRY;
  if (is_fenced(sink)) return fenced(sink);
  bool unanswered = sim_hits(sim, sim->rates.lost_reply);
  if (unanswered && sim_chance(sim, 50)) return life_sleep("offsets lost", timeout_ms), EDDY_TXN_RETRY;
  switch (group_judge(sink->life->process, sim, group)) {
    case KAFKA_FINE:
      break;
    case KAFKA_ILLEGAL_GENERATION:
    case KAFKA_UNKNOWN_MEMBER:
      return end(sink, EDDY_TXN_DOOMED, EDDY_TXN_STALE, "illegal generation");
    case KAFKA_FENCED_INSTANCE:
      return end(sink, EDDY_TXN_DOOMED, EDDY_TXN_FENCED, "fenced instance");
  }
  take_offsets(sink, offsets);
  if (life_pause("offsets sent")) return EDDY_TXN_RETRY;
  if (unanswered) return life_sleep("offsets unanswered", timeout_ms), EDDY_TXN_RETRY;
  return EDDY_TXN_DONE;
}

/* The end of a transaction is asked for, but nobody hears the answer. */
static enum eddy_txn_result unanswered(struct eddy_kafka_sink *sink, bool commit, int timeout_ms) {
  struct sim *sim = sink->sim;
  uint64_t fate = sim_below(sim, 3);
  sim_trace(sim, "%c: %s unanswered, fate %d", 'a' + sink->life->process, commit ? "commit" : "abort", (int)fate);
  if (fate == 0 && sink->txn) kafka_end(&sim->kafka, sink->txn, commit);
  if (fate == 1 && commit && sink->txn && sim->delayed_count < SIM_DELAYED_MAX) sim->delayed[sim->delayed_count++] = sink->txn;
  life_sleep("unanswered", (int64_t)sim_below(sim, (uint64_t)timeout_ms));
  return end(sink, EDDY_TXN_LOST, EDDY_TXN_RENEW, "outcome unknown");
}

enum eddy_txn_result eddy_kafka_sink_commit(struct eddy_kafka_sink *sink, int timeout_ms) {
  struct sim *sim = sink->sim;
  if (sink->state != EDDY_TXN_OPEN) return EDDY_TXN_ABORT;
  if (life_pause("commit")) return end(sink, EDDY_TXN_LOST, EDDY_TXN_RENEW, "dead");
  if (is_fenced(sink)) return fenced(sink);
  if (sim_hits(sim, sim->rates.abort)) return end(sink, EDDY_TXN_DOOMED, EDDY_TXN_ABORT, "a record was refused");
  if (sim_hits(sim, sim->rates.unknown)) return unanswered(sink, true, timeout_ms);
  if (sink->txn) kafka_end(&sim->kafka, sink->txn, true);
  if (life_pause("ended")) return end(sink, EDDY_TXN_LOST, EDDY_TXN_RENEW, "dead");
  return end(sink, EDDY_TXN_READY, EDDY_TXN_DONE, "committed");
}

enum eddy_txn_result eddy_kafka_sink_abort(struct eddy_kafka_sink *sink, int timeout_ms) {
  struct sim *sim = sink->sim;
  if (sink->state == EDDY_TXN_READY) return EDDY_TXN_DONE;
  if (sink->state == EDDY_TXN_LOST || sink->state == EDDY_TXN_CLOSED) return EDDY_TXN_RENEW;
  if (life_pause("abort")) return end(sink, EDDY_TXN_LOST, EDDY_TXN_RENEW, "dead");
  if (is_fenced(sink)) return fenced(sink);
  if (sim_hits(sim, sim->rates.unknown)) return unanswered(sink, false, timeout_ms);
  if (sink->txn) kafka_end(&sim->kafka, sink->txn, false);
  return end(sink, EDDY_TXN_READY, EDDY_TXN_DONE, "aborted");
}

enum eddy_txn_state eddy_kafka_sink_state(const struct eddy_kafka_sink *sink) {
  return sink->state;
}
const char *eddy_kafka_sink_why(const struct eddy_kafka_sink *sink) {
  return sink->why;
}
void eddy_kafka_sink_poll(struct eddy_kafka_sink *sink) {
  (void)sink;
}
