/* eddy_kafka_reader_* on the model, the models of segments (model_watch.h), and the check of the topics: whatever else a worker
 * reads. */
#include <stdlib.h>

#include "base/assert.h"
#include "daemon/model_watch.h"
#include "sim/protocol/messages.h"
#include "sim/protocol/sim.h"
#include "source/kafka_reader.h"

/* Wall time runs faster here than waits do: what a margin of minutes is for, transactions that last, takes hours. */
#define MARGIN_MS (INT64_C(40000) * SIM_TIME_SCALE)

struct reading {
  bool on, end_told;
  int64_t offset;
};

struct eddy_kafka_reader {
  struct life *life;
  struct sim *sim;
  int topic;
  struct reading parts[KAFKA_PARTITIONS_MAX];
};

void eddy_kafka_reader_prefer(rd_kafka_conf_t *conf) {
  (void)conf;
}

int eddy_kafka_reader_open(struct eddy_kafka_reader **out, const struct eddy_kafka_reader_options *options, char *why,
                           size_t why_size) {
  (void)why;
  (void)why_size;
  rd_kafka_conf_destroy(options->conf);
  struct eddy_kafka_reader *reader = calloc(1, sizeof *reader);
  EDDY_ASSERT(reader != NULL);
  struct life *life = life_now();
  *reader = (struct eddy_kafka_reader){.life = life, .sim = life->sim, .topic = sim_topic(life->sim, options->topic)};
  *out = reader;
  return 0;
}

void eddy_kafka_reader_close(struct eddy_kafka_reader *reader) {
  free(reader);
}

int eddy_kafka_reader_start(struct eddy_kafka_reader *reader, int32_t partition, int64_t offset) {
  if (life_pause("reader start")) return -1;
  reader->parts[partition] = (struct reading){.on = true, .offset = offset < 0 ? 0 : offset};
  return 0;
}

void eddy_kafka_reader_stop(struct eddy_kafka_reader *reader, int32_t partition) {
  reader->parts[partition].on = false;
}

static size_t take_some(struct eddy_kafka_reader *reader, int partition, rd_kafka_message_t **messages, size_t max) {
  struct reading *part = &reader->parts[partition];
  size_t wanted = (size_t)sim_below(reader->sim, 60), count = 0;
  if (!part->on || max == 0 || wanted == 0) return 0;
  while (count < max && count < wanted) {
    const struct kafka_entry *entry = kafka_read(&reader->sim->kafka, reader->topic, partition, &part->offset);
    if (!entry) break;
    messages[count++] = message_of(entry, partition, part->offset++);
    part->end_told = false;
  }
  if (count == max || count == wanted || part->end_told) return count;
  part->end_told = true;
  messages[count++] = message_error(RD_KAFKA_RESP_ERR__PARTITION_EOF, partition, part->offset);
  return count;
}

size_t eddy_kafka_reader_poll(struct eddy_kafka_reader *reader, rd_kafka_message_t **messages, size_t max) {
  size_t count = 0;
  if (life_pause("reader poll")) return 0;
  for (int i = 0; i < reader->sim->partitions; i++) count += take_some(reader, i, messages + count, max - count);
  return count;
}

rd_kafka_resp_err_t eddy_kafka_reader_bounds(struct eddy_kafka_reader *reader, int32_t partition, int64_t *low, int64_t *high,
                                             int timeout_ms) {
  (void)timeout_ms;
  if (life_pause("reader bounds") || sim_hits(reader->sim, reader->sim->rates.lost_reply)) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  *low = 0;
  *high = kafka_stable_end(&reader->sim->kafka, reader->topic, partition);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t eddy_kafka_reader_at_time(struct eddy_kafka_reader *reader, int32_t partition, int64_t time,
                                              int64_t *offset, int timeout_ms) {
  int64_t low;
  rd_kafka_resp_err_t error = eddy_kafka_reader_bounds(reader, partition, &low, offset, timeout_ms);
  const struct kafka_log *log = &reader->sim->kafka.logs[reader->topic][partition];
  for (int64_t i = *offset - 1; !error && i >= 0; i--) {
    if (log->entries[i].time >= time - MARGIN_MS) *offset = i;
  }
  return error;
}

/* Models ------------------------------------------------------------------------------------------------------------------ */

struct eddy_model_watch {
  struct sim *sim;
  const struct eddy_config *config;
  uint64_t taken;
};

int eddy_model_watch_open(struct eddy_model_watch **watch, const struct eddy_model_watch_options *options, char *why,
                          size_t why_size) {
  (void)why;
  (void)why_size;
  *watch = calloc(1, sizeof **watch);
  EDDY_ASSERT(*watch != NULL);
  **watch = (struct eddy_model_watch){.sim = life_now()->sim, .config = options->config};
  return 0;
}

void eddy_model_watch_close(struct eddy_model_watch *watch) {
  free(watch);
}
bool eddy_model_watch_poll(struct eddy_model_watch *watch) {
  (void)watch;
  return false;
}
bool eddy_model_watch_ready(const struct eddy_model_watch *watch) {
  (void)watch;
  return true;
}

struct eddy_model *eddy_model_watch_take(struct eddy_model_watch *watch) {
  if (watch->taken == watch->sim->model_version) return NULL;
  watch->taken = watch->sim->model_version;
  return sim_model(&watch->config->spec, watch->taken);
}

void eddy_model_watch_train(struct eddy_model_watch *watch, bool on) {
  (void)watch;
  (void)on;
}
struct eddy_model_record *eddy_model_watch_trained(struct eddy_model_watch *watch) {
  (void)watch;
  return NULL;
}

/* Topics ------------------------------------------------------------------------------------------------------------------ */

enum eddy_topics_result __wrap_eddy_topics_check(struct eddy_topics *topics, rd_kafka_t *client, bool create,
                                                 const struct eddy_logger *logger, char *why, size_t why_size);
enum eddy_topics_result __wrap_eddy_topics_check(struct eddy_topics *topics, rd_kafka_t *client, bool create,
                                                 const struct eddy_logger *logger, char *why, size_t why_size) {
  (void)client;
  (void)create;
  (void)logger;
  (void)why;
  (void)why_size;
  topics->partitions = life_now()->sim->partitions;
  return EDDY_TOPICS_READY;
}
