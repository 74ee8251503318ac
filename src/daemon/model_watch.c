#include "daemon/model_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/output_codec.h"
#include "daemon/clock.h"
#include "daemon/kafka_conf.h"
#include "daemon/train_options.h"

enum { POLL_MAX = 64, PROBE_MS = 500 };

struct eddy_model_watch {
  struct eddy_model_watch_options options;
  rd_kafka_t *client;
  rd_kafka_queue_t *queue;
  rd_kafka_topic_t *models, *deltas;
  int64_t model_position;
  bool ready;
  bool train;               /* partition 0 is ours */
  bool confirming;          /* waiting for the end of the model topic before the trainer starts */
  int64_t probed;
  struct eddy_trainer_thread *trainer;
  rd_kafka_message_t *held; /* a delta that the trainer had no room for */
  struct eddy_model_record newest;
  void *newest_block;
  bool fresh;               /* newest was not taken yet */
};

static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
  const struct eddy_model_watch *watch = rd_kafka_opaque(client);
  eddy_log(watch->options.logger, level <= 2 ? EDDY_LOG_WARN : EDDY_LOG_DEBUG, "kafka reader", "facility=%s text=\"%s\"",
           facility,
           text);
}

static void on_error(rd_kafka_t *client, int error, const char *reason, void *opaque) {
  (void)client;
  const struct eddy_model_watch *watch = opaque;
  eddy_log(watch->options.logger, EDDY_LOG_DEBUG, "kafka reader error", "error=%s reason=\"%s\"",
           rd_kafka_err2name((rd_kafka_resp_err_t)error), reason);
}

static void start(struct eddy_model_watch *watch, rd_kafka_topic_t *topic, int32_t partition, int64_t offset) {
  if (rd_kafka_consume_start_queue(topic, partition, offset, watch->queue) == 0) return;
  eddy_log(watch->options.logger, EDDY_LOG_WARN, "model topic cannot be read", "topic=%s partition=%d error=%s",
           rd_kafka_topic_name(topic), partition, rd_kafka_err2name(rd_kafka_last_error()));
}

static int connect_reader(struct eddy_model_watch *watch, char *why, size_t why_size) {
  rd_kafka_conf_t *conf = eddy_kafka_conf(watch->options.config, EDDY_KAFKA_READER, watch->options.worker, why, why_size);
  if (!conf) return -1;
  rd_kafka_conf_set_opaque(conf, watch);
  rd_kafka_conf_set_log_cb(conf, on_log);
  rd_kafka_conf_set_error_cb(conf, on_error);
  watch->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, why_size);
  if (!watch->client) {
    rd_kafka_conf_destroy(conf);
    return -1;
  }
  watch->queue = rd_kafka_queue_new(watch->client);
  const uint64_t one = 1;
  rd_kafka_queue_io_event_enable(watch->queue, watch->options.wake_fd, &one, sizeof(one));
  watch->models = rd_kafka_topic_new(watch->client, watch->options.topics->names[EDDY_OUTPUT_MODEL], NULL);
  watch->deltas = rd_kafka_topic_new(watch->client, watch->options.topics->names[EDDY_OUTPUT_MODEL_DELTA], NULL);
  start(watch, watch->models, 0, 0);
  return 0;
}

int eddy_model_watch_open(struct eddy_model_watch **out, const struct eddy_model_watch_options *options, char *why,
                          size_t why_size) {
  struct eddy_model_watch *watch = calloc(1, sizeof(*watch));
  if (!watch) return EDDY_E_NOMEM;
  watch->options = *options;
  if (connect_reader(watch, why, why_size) != 0) {
    eddy_model_watch_close(watch);
    return -1;
  }
  *out = watch;
  return 0;
}

static void stop_trainer(struct eddy_model_watch *watch) {
  for (int32_t p = 0; watch->trainer && p < watch->options.topics->partitions; p++) rd_kafka_consume_stop(watch->deltas, p);
  if (watch->held) rd_kafka_message_destroy(watch->held);
  watch->held = NULL;
  eddy_trainer_thread_stop(watch->trainer);
  watch->trainer = NULL;
}

void eddy_model_watch_close(struct eddy_model_watch *watch) {
  if (!watch) return;
  stop_trainer(watch);
  if (watch->client) {
    rd_kafka_queue_io_event_enable(watch->queue, -1, NULL, 0);
    rd_kafka_consume_stop(watch->models, 0);
    rd_kafka_topic_destroy(watch->models);
    rd_kafka_topic_destroy(watch->deltas);
    rd_kafka_queue_destroy(watch->queue);
    rd_kafka_destroy(watch->client);
  }
  free(watch->newest_block);
  free(watch);
}

static void take_in_model(struct eddy_model_watch *watch, const rd_kafka_message_t *message) {
  watch->model_position = message->offset + 1;
  if (!message->payload) return;
  struct eddy_model_record record;
  void *block = NULL;
  int error = eddy_model_decode(&watch->options.config->spec, message->payload, message->len, &record, &block);
  if (error) {
    eddy_log(watch->options.logger, EDDY_LOG_WARN, "model ignored", "offset=%lld reason=\"%s\"", (long long)message->offset,
             eddy_strerror(error));
    return;
  }
  free(watch->newest_block);
  watch->newest = record;
  watch->newest_block = block;
  watch->fresh = true;
}

/* False if the trainer has no room, or there is no memory, now. */
static bool take_in_delta(struct eddy_model_watch *watch, const rd_kafka_message_t *message) {
  struct eddy_model_delta delta;
  void *block = NULL;
  int error = eddy_delta_decode(&watch->options.config->spec, message->payload, message->len, &delta, &block);
  if (!error) error = eddy_trainer_thread_add(watch->trainer, &delta, (uint32_t)message->partition, message->offset);
  free(block);
  if (error == EDDY_E_TOO_LARGE || error == EDDY_E_NOMEM) return false;
  if (error) {
    eddy_log(watch->options.logger, EDDY_LOG_DEBUG, "contributions ignored", "partition=%d offset=%lld reason=\"%s\"",
             message->partition, (long long)message->offset, eddy_strerror(error));
  }
  return true;
}

static struct eddy_trainer *make_trainer(const struct eddy_model_watch *watch) {
  const struct eddy_config *config = watch->options.config;
  struct eddy_trainer_options options = eddy_train_options(config, config->seed);
  struct eddy_trainer *trainer = NULL;
  if (eddy_trainer_new(&trainer, &options) != 0) return NULL;
  if (watch->newest_block && eddy_trainer_resume(trainer, &watch->newest) != 0) {
    eddy_trainer_free(trainer);
    return NULL;
  }
  return trainer;
}

/* Where a successor of the version at hand has to read on in a partition of the deltas. */
static int64_t sample_from(const struct eddy_model_watch *watch, int32_t partition) {
  const struct eddy_trainer_state *state = &watch->newest.trainer;
  for (uint32_t i = 0; watch->newest_block && i < state->position_count; i++) {
    if (state->positions[i].partition == (uint32_t)partition) return state->positions[i].sample_from;
  }
  return 0;
}

static void start_trainer(struct eddy_model_watch *watch) {
  const struct eddy_logger *logger = watch->options.logger;
  struct eddy_trainer *trainer = make_trainer(watch);
  if (!trainer || eddy_trainer_thread_start(&watch->trainer, trainer, watch->options.wake) != 0) {
    eddy_log(logger, EDDY_LOG_ERROR, "trainer could not start", NULL);
    return;
  }
  eddy_log(logger, EDDY_LOG_INFO, "trainer started", "from_version=%llu",
           watch->newest_block ? (unsigned long long)watch->newest.parts.version : 0);
  for (int32_t p = 0; p < watch->options.topics->partitions; p++) start(watch, watch->deltas, p, sample_from(watch, p));
}

static void reach_end(struct eddy_model_watch *watch, const rd_kafka_message_t *message) {
  if (message->rkt != watch->models) return;
  watch->ready = true;
  if (!watch->confirming) return;
  watch->confirming = false;
  start_trainer(watch);
}

/* False: the message is kept and nothing more is read for now. */
static bool take_in(struct eddy_model_watch *watch, rd_kafka_message_t *message) {
  bool keep = false;
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    reach_end(watch, message);
  } else if (message->err || !message->rkt) {
    on_error(watch->client, message->err, rd_kafka_message_errstr(message), watch);
  } else if (message->rkt == watch->models) {
    take_in_model(watch, message);
  } else if (watch->trainer) {
    keep = !take_in_delta(watch, message);
  }
  if (keep) {
    watch->held = message;
  } else {
    rd_kafka_message_destroy(message);
  }
  return !keep;
}

/* The end is told once per offset: ask again until it comes. */
static void probe(struct eddy_model_watch *watch) {
  int64_t now = eddy_clock_mono();
  if (!watch->confirming || now - watch->probed < PROBE_MS) return;
  watch->probed = now;
  rd_kafka_seek(watch->models, 0, watch->model_position, 0);
}

bool eddy_model_watch_poll(struct eddy_model_watch *watch) {
  probe(watch);
  rd_kafka_poll(watch->client, 0); /* errors and logs */
  if (watch->held) {
    rd_kafka_message_t *message = watch->held;
    watch->held = NULL;
    if (!take_in(watch, message)) return false;
  }
  for (int taken = 0; taken < POLL_MAX; taken++) {
    rd_kafka_message_t *message;
    if (rd_kafka_consume_batch_queue(watch->queue, 0, &message, 1) != 1) return false;
    if (!take_in(watch, message)) return false;
  }
  return true;
}

bool eddy_model_watch_ready(const struct eddy_model_watch *watch) { return watch->ready; }

struct eddy_model *eddy_model_watch_take(struct eddy_model_watch *watch) {
  if (!watch->fresh) return NULL;
  watch->fresh = false;
  return eddy_model_new(&watch->newest.parts, NULL);
}

void eddy_model_watch_train(struct eddy_model_watch *watch, bool on) {
  if (watch->train == on || !watch->options.config->model.train) return;
  watch->train = on;
  watch->confirming = on;
  watch->probed = 0;
  if (on) return;
  if (watch->trainer) eddy_log(watch->options.logger, EDDY_LOG_INFO, "trainer stopped", NULL);
  stop_trainer(watch);
}

struct eddy_model_record *eddy_model_watch_trained(struct eddy_model_watch *watch) {
  return watch->trainer ? eddy_trainer_thread_take(watch->trainer) : NULL;
}
