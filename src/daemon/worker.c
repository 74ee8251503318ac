#include "daemon/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/answer.h"
#include "daemon/clock.h"
#include "daemon/commit.h"
#include "daemon/config_diff.h"
#include "daemon/ingest.h"
#include "daemon/kafka_conf.h"
#include "daemon/producer.h"
#include "daemon/restore.h"
#include "daemon/tenure.h"
#include "daemon/view.h"
#include "daemon/worker_state.h"

enum {
  POLLS_PER_TURN = 8, /* of EDDY_BATCH_MAX records each: timers and Redis get their turn between */
  TICK_MS = 50,
  TICK_BUDGET = 2000, /* due deadlines and swept profiles per partition and tick */
  STATS_MS = 250,
  LOOK_MS = 2000,
  MODEL_WAIT_MS = 10000,
  REDIS_DRAIN_MS = 3000,
  TOPICS_RETRY_MS = 500,
};

/* Start ------------------------------------------------------------------------------------------------------------------- */

static int handler_assigned(void *ctx, rd_kafka_topic_partition_list_t *partitions) {
  struct eddy_worker *worker = ctx;
  int error = eddy_tenure_begin(worker, partitions);
  if (!error) eddy_stat_set(&worker->stats.joined, 1);
  return error;
}

static void handler_revoked(void *ctx, const rd_kafka_topic_partition_list_t *partitions, bool lost) {
  struct eddy_worker *worker = ctx;
  eddy_tenure_end(worker, partitions, lost);
  if (lost) worker->oldest_record = 0;
  if (lost || worker->stopping) eddy_stat_set(&worker->stats.joined, 0);
}

static void handler_unreachable(void *ctx, bool all) {
  eddy_ingest_doubt(ctx, all);
}

static void handler_fatal(void *ctx, rd_kafka_resp_err_t error, const char *reason) {
  struct eddy_worker *worker = ctx;
  if (error == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) {
    eddy_worker_fail(worker, 75, "fenced by another member",
                     "worker=%u hint=\"another process runs under instance %s: give each its own `instance`\"", worker->index,
                     worker->config->instance);
  } else {
    eddy_worker_fail(worker, 75, "consumer failed", "worker=%u error=%s reason=\"%s\"", worker->index, rd_kafka_err2name(error),
                     reason);
  }
}

static int open_source(struct eddy_worker *worker) {
  char why[512];
  rd_kafka_conf_t *conf = eddy_kafka_conf(worker->config, EDDY_KAFKA_CONSUMER, worker->index, why, sizeof(why));
  if (conf) worker->session_ms = eddy_kafka_conf_number(conf, "session.timeout.ms", 45000);
  struct eddy_kafka_source_options options = {
      .conf = conf,
      .topic = worker->topics.input,
      .wake_fd = worker->wake_fd,
      .handler = {handler_assigned, handler_revoked, handler_unreachable, handler_fatal, worker},
      .logger = worker->logger};
  if (conf && eddy_kafka_source_open(&worker->source, &options, why, sizeof(why)) == 0) return 0;
  eddy_worker_fail(worker, 78, "consumer refused", "reason=\"%s\"", why);
  return -1;
}

static void say_waiting(struct eddy_worker *worker, enum eddy_topics_result result, const char *why) {
  if (result == EDDY_TOPICS_UNREACHABLE) {
    eddy_worker_say_away(worker, why);
  } else {
    eddy_log(worker->logger, EDDY_LOG_WARN, "waiting for a topic", "reason=\"%s\"", why);
  }
}

/* Waits, for as long as it takes, until all topics are there. Says so once per reason. */
static int await_topics(struct eddy_worker *worker) {
  enum eddy_topics_result said = EDDY_TOPICS_READY;
  const struct eddy_logger *logger = worker->index == 0 ? worker->logger : NULL; /* one voice is enough */
  while (!eddy_worker_ending(worker)) {
    char why[512];
    eddy_worker_beat(worker);
    enum eddy_topics_result result = eddy_topics_check(&worker->topics, eddy_kafka_source_client(worker->source),
                                                       worker->config->kafka.create_topics, logger, why, sizeof(why));
    /* Errors of the time before; nothing else comes yet. */
    eddy_kafka_source_poll(worker->source, worker->messages, EDDY_BATCH_MAX);
    if (result == EDDY_TOPICS_READY) return 0;
    if (result == EDDY_TOPICS_REFUSED) {
      eddy_worker_fail(worker, 78, "topic refused", "reason=\"%s\"", why);
      return -1;
    }
    if (result != said && worker->index == 0) say_waiting(worker, result, why);
    said = result;
    for (int waited = 0; waited < TOPICS_RETRY_MS && !eddy_worker_ending(worker); waited += 50) eddy_clock_sleep(50);
  }
  return -1;
}

/* Any thread: the loop wakes up as if data had come. The eventfd outlives the loop. */
static void wake(struct eddy_worker *worker) {
  const uint64_t one = 1;
  ssize_t written = write(worker->wake_fd, &one, sizeof(one));
  (void)written; /* fails only when the counter is full: then it wakes up anyway */
}

static void wake_from_trainer(void *ctx) {
  wake(ctx);
}

static int open_watch(struct eddy_worker *worker) {
  char why[512] = "out of memory";
  struct eddy_model_watch_options options = {.config = worker->shared,
                                             .topics = &worker->topics,
                                             .worker = worker->index,
                                             .wake_fd = worker->wake_fd,
                                             .wake = {wake_from_trainer, worker},
                                             .logger = worker->logger};
  if (eddy_model_watch_open(&worker->watch, &options, why, sizeof(why)) == 0) return 0;
  eddy_worker_fail(worker, 78, "model reader refused", "reason=\"%s\"", why);
  return -1;
}

static int open_redis(struct eddy_worker *worker) {
  if (!worker->config->redis.url) return 0;
  char why[512] = "";
  struct eddy_redis_options options = {.loop = &worker->loop,
                                       .url = worker->config->redis.url,
                                       .app = worker->config->app,
                                       .instance = worker->config->instance,
                                       .spec = &worker->config->spec,
                                       .stream_max_length = worker->config->redis.stream_max_length,
                                       .buffer_max = worker->config->redis.buffer_max / worker->config->workers,
                                       .lost = eddy_view_lost,
                                       .lost_ctx = worker,
                                       .logger = worker->logger};
  if (eddy_redis_sink_open(&worker->redis, &options, why, sizeof(why)) == 0) return 0;
  eddy_worker_fail(worker, 78, "redis refused", "reason=\"%s\"", why);
  return -1;
}

static int open_codecs(struct eddy_worker *worker) {
  char why[512] = "out of memory";
  struct eddy_schema_source schemas = eddy_schema_pair_source(&worker->schemas);
  if (worker->config->kafka.schemas) {
    if (eddy_schema_folder_open(&worker->folder, worker->config->kafka.schemas, why, sizeof(why)) != 0) goto refused;
    worker->schemas.first = eddy_schema_folder_source(worker->folder);
  }
  if (worker->registry) worker->schemas.second = eddy_schema_registry_source(worker->registry);
  if (eddy_event_decoder_new(&worker->decoder, &schemas) != 0) goto refused;
  if (eddy_output_codec_new(&worker->codec, &worker->config->spec) != 0) goto refused;
  worker->events = calloc(EDDY_BATCH_MAX, sizeof(*worker->events));
  worker->partition_count = worker->topics.partitions;
  worker->partitions = calloc((size_t)worker->partition_count, sizeof(struct eddy_partition *));
  worker->standbys = calloc((size_t)worker->partition_count, sizeof(struct eddy_partition *));
  if (worker->events && worker->partitions && worker->standbys) return 0;
refused:
  eddy_worker_fail(worker, 78, "worker cannot start", "reason=\"%s\"", why);
  return -1;
}

/* Waits, for as long as it takes, for the ids under which outputs are written; what it waits for the registry says itself. */
static int await_ids(struct eddy_worker *worker) {
  uint32_t ids[EDDY_REGISTRY_SUBJECTS_MAX];
  char why[800];
  if (!worker->registry) return 0;
  while (!eddy_worker_ending(worker)) {
    enum eddy_registry_ids state = eddy_schema_registry_ids(worker->registry, ids, why, sizeof(why));
    for (int i = 0; i < EDDY_OUTPUT_COUNT && state == EDDY_REGISTRY_IDS_READY; i++)
      eddy_output_codec_set_id(worker->codec, (enum eddy_output)i, ids[i]);
    if (state == EDDY_REGISTRY_IDS_READY) return 0;
    if (state == EDDY_REGISTRY_IDS_REFUSED) {
      eddy_worker_fail(worker, 78, "output schema refused by the registry", "reason=\"%s\" hint=\"%s\"", why,
                       worker->config->registry.add ? "the subject holds a schema of something else, or forbids this change"
                                                    : "register the files of schemas/, or set registry.register: true");
      return -1;
    }
    eddy_worker_beat(worker);
    eddy_kafka_source_poll(worker->source, worker->messages, EDDY_BATCH_MAX); /* nothing comes yet */
    eddy_clock_sleep(50);
  }
  return -1;
}

static bool adopt(struct eddy_partition *partition, const struct eddy_model *model) {
  return !partition || !partition->engine || eddy_engine_set_model(partition->engine, model) == 0;
}

/* A new version is taken on between transactions only. Engines keep the pointer: the old one goes when none has it any more. */
static void adopt_model(struct eddy_worker *worker) {
  struct eddy_model *model = worker->watch ? eddy_model_watch_take(worker->watch) : NULL;
  if (!model) return;
  for (int32_t i = 0; i < worker->partition_count; i++) {
    if (adopt(worker->partitions[i], model) && adopt(worker->standbys[i], model)) continue;
    eddy_model_free(model); /* other dimensions: cannot happen behind the check of names */
    return;
  }
  eddy_output_codec_set_model(worker->codec, model);
  eddy_model_free(worker->model);
  worker->model = model;
  eddy_log(worker->logger, EDDY_LOG_DEBUG, "model adopted", "worker=%u version=%" PRIu64, worker->index,
           eddy_model_parts_of(model).version);
}

/* The first events are to meet the model that is there already. */
static void await_model(struct eddy_worker *worker) {
  int64_t started = eddy_clock_mono();
  while (!eddy_model_watch_ready(worker->watch) && eddy_clock_mono() - started < MODEL_WAIT_MS && !eddy_worker_ending(worker)) {
    eddy_worker_beat(worker);
    eddy_model_watch_poll(worker->watch);
    eddy_clock_sleep(2);
  }
  adopt_model(worker);
}

static int open_all(struct eddy_worker *worker) {
  if (open_source(worker) != 0 || await_topics(worker) != 0) return -1;
  if (open_codecs(worker) != 0 || await_ids(worker) != 0 || open_redis(worker) != 0) return -1;
  if (eddy_producer_open(worker) != 0 || open_watch(worker) != 0) return -1;
  await_model(worker);
  char why[256];
  if (eddy_worker_ending(worker)) return -1;
  if (eddy_kafka_source_subscribe(worker->source, why, sizeof(why)) == 0) return 0;
  eddy_worker_fail(worker, 75, "cannot join the group", "reason=\"%s\"", why);
  return -1;
}

/* Loop -------------------------------------------------------------------------------------------------------------------- */

static void end_if_asked(struct eddy_worker *worker) {
  if (eddy_worker_ending(worker)) uv_stop(&worker->loop);
}

static void on_turn(uv_idle_t *idle) {
  struct eddy_worker *worker = idle->data;
  bool more = eddy_model_watch_poll(worker->watch);
  more |= eddy_restore_turn(worker);
  more |= eddy_view_turn(worker);
  bool input = true;
  for (int i = 0; i < POLLS_PER_TURN && input && !worker->failed; i++) input = eddy_ingest_poll(worker);
  more |= input;
  more |= eddy_ingest_drain(worker, TICK_BUDGET / 4);
  if (more) {
    eddy_worker_more(worker);
  } else {
    uv_idle_stop(idle);
  }
  end_if_asked(worker);
}

static void on_commit(uv_timer_t *timer) {
  struct eddy_worker *worker = timer->data;
  eddy_commit_now(worker, false);
  if (worker->commit_state == EDDY_COMMIT_IDLE) adopt_model(worker);
  end_if_asked(worker);
}

/* Counts anew from now on. */
static void start_commit_timer(struct eddy_worker *worker) {
  uint64_t interval = (uint64_t)worker->config->kafka.commit_interval_ms;
  uv_timer_start(&worker->commit_timer, on_commit, interval, interval);
}

/* A live partition that waits for memory is tried again at once: that is what memory_max is raised for. */
static void retune_partition(const struct eddy_worker *worker, struct eddy_partition *partition) {
  if (!partition) return;
  if (partition->engine) eddy_partition_retune(partition, worker->config);
  if (partition->pauses & EDDY_PAUSE_MEMORY) partition->retry_at = 0;
}

static void apply_config(struct eddy_worker *worker) {
  const struct eddy_config *config = worker->config;
  worker->budget.max = (size_t)(config->memory_max / config->workers);
  if (worker->redis)
    eddy_redis_sink_bound(worker->redis, config->redis.stream_max_length, config->redis.buffer_max / config->workers);
  start_commit_timer(worker);
  for (int32_t i = 0; i < worker->partition_count; i++) {
    retune_partition(worker, worker->partitions[i]);
    retune_partition(worker, worker->standbys[i]);
  }
}

static void take_retune(struct eddy_worker *worker) {
  pthread_mutex_lock(&worker->retune.lock);
  bool given = worker->retune.given;
  worker->retune.given = false;
  if (given) eddy_config_take_live(&worker->own, &worker->retune.config);
  pthread_mutex_unlock(&worker->retune.lock);
  if (given) apply_config(worker);
}

static void on_wake(uv_poll_t *poll, int status, int events) {
  (void)events;
  struct eddy_worker *worker = poll->data;
  uint64_t count;
  if (status < 0 || (read(worker->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)) return;
  take_retune(worker);
  on_turn(&worker->more);
}

/* Whoever owns nothing hears nothing from a broker: it asks. */
static void look_for_broker(struct eddy_worker *worker, int64_t mono) {
  int64_t offset;
  if (!worker->away || mono - worker->looked_at < LOOK_MS) return;
  worker->looked_at = mono;
  if (eddy_kafka_source_at_time(worker->source, 0, eddy_clock_wall(), &offset, TICK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    eddy_worker_say_back(worker);
  }
}

static void on_tick(uv_timer_t *timer) {
  struct eddy_worker *worker = timer->data;
  int64_t mono = eddy_clock_mono();
  eddy_worker_beat(worker);
  look_for_broker(worker, mono);
  eddy_tenure_retry(worker, mono);
  eddy_answer_questions(worker);
  /* What has arrived while the loop was busy comes before the clock does (it also makes up for a wake-up that was missed). */
  on_turn(&worker->more);
  if (eddy_ingest_tick(worker, TICK_BUDGET)) eddy_worker_more(worker);
  if (worker->sink) eddy_kafka_sink_poll(worker->sink); /* none: it failed while a new one was made */
  if (mono % STATS_MS < TICK_MS) eddy_worker_publish_stats(worker);
}

static void run_loop(struct eddy_worker *worker) {
  start_commit_timer(worker);
  uv_timer_start(&worker->tick_timer, on_tick, TICK_MS, TICK_MS);
  uv_poll_start(&worker->wake, UV_READABLE, on_wake);
  eddy_worker_more(worker);
  uv_run(&worker->loop, UV_RUN_DEFAULT);
  uv_poll_stop(&worker->wake);
  uv_timer_stop(&worker->commit_timer);
  uv_timer_stop(&worker->tick_timer);
  uv_idle_stop(&worker->more);
}

/* End --------------------------------------------------------------------------------------------------------------------- */

static void on_drain_tick(uv_timer_t *timer) {
  (void)timer;
}

static void drain_redis(struct eddy_worker *worker) {
  if (!worker->redis || worker->failed) return;
  int64_t started = eddy_clock_mono();
  uv_timer_start(&worker->tick_timer, on_drain_tick, TICK_MS, TICK_MS);
  while (!eddy_redis_sink_idle(worker->redis) && eddy_clock_mono() - started < REDIS_DRAIN_MS) {
    if (!eddy_redis_sink_stats(worker->redis).connected && eddy_clock_mono() - started > TICK_MS * 4) break;
    uv_run(&worker->loop, UV_RUN_ONCE);
  }
  uv_timer_stop(&worker->tick_timer);
}

static void on_redis_closed(void *ctx) {
  ((struct eddy_worker *)ctx)->redis = NULL;
}

static void close_loop(struct eddy_worker *worker) {
  if (worker->redis) eddy_redis_sink_close(worker->redis, on_redis_closed, worker);
  uv_close((uv_handle_t *)&worker->wake, NULL);
  uv_close((uv_handle_t *)&worker->commit_timer, NULL);
  uv_close((uv_handle_t *)&worker->tick_timer, NULL);
  uv_close((uv_handle_t *)&worker->more, NULL);
  uv_run(&worker->loop, UV_RUN_DEFAULT);
  uv_loop_close(&worker->loop);
}

/* Leaving: what is in hand is committed by the revocation that closing the consumer brings. */
static void leave(struct eddy_worker *worker) {
  worker->stopping = true;
  eddy_kafka_source_close(worker->source);
  worker->source = NULL;
  if (worker->partitions) eddy_tenure_drop_all(worker);
  eddy_restore_close(worker);
  drain_redis(worker);
  eddy_model_watch_close(worker->watch);
  eddy_kafka_sink_close(worker->sink);
}

static void free_parts(struct eddy_worker *worker) {
  eddy_event_decoder_free(worker->decoder);
  eddy_schema_folder_close(worker->folder);
  eddy_output_codec_free(worker->codec);
  eddy_model_free(worker->model);
  eddy_outbox_fini(&worker->outbox);
  eddy_outbox_fini(&worker->state);
  eddy_buffer_fini(&worker->scratch);
  eddy_event_room_fini(&worker->room);
  eddy_topics_fini(&worker->topics);
  free(worker->partitions);
  free(worker->standbys);
  eddy_huge_memory_fini(&worker->memory);
  eddy_recent_free(worker->recent);
  eddy_mailbox_fini(&worker->mailbox);
  free(worker->events);
  pthread_mutex_destroy(&worker->retune.lock);
  close(worker->wake_fd);
}

static void *worker_main(void *argument) {
  struct eddy_worker *worker = argument;
  if (open_all(worker) == 0) run_loop(worker);
  leave(worker);
  close_loop(worker);
  worker->ended(worker->ended_ctx);
  return NULL;
}

/* Outside ----------------------------------------------------------------------------------------------------------------- */

static void init_handles(struct eddy_worker *worker) {
  uv_loop_init(&worker->loop);
  uv_poll_init(&worker->loop, &worker->wake, worker->wake_fd);
  uv_timer_init(&worker->loop, &worker->commit_timer);
  uv_timer_init(&worker->loop, &worker->tick_timer);
  uv_idle_init(&worker->loop, &worker->more);
  worker->wake.data = worker->commit_timer.data = worker->tick_timer.data = worker->more.data = worker;
  worker->turn = on_turn;
}

int eddy_worker_start(struct eddy_worker **out, const struct eddy_worker_options *options) {
  struct eddy_worker *worker = calloc(1, sizeof(*worker));
  if (!worker) return EDDY_E_NOMEM;
  worker->shared = options->config;
  worker->own = *options->config;
  worker->config = &worker->own;
  pthread_mutex_init(&worker->retune.lock, NULL);
  worker->logger = options->logger;
  worker->registry = options->registry;
  worker->index = options->index;
  worker->ended = options->ended;
  worker->ended_ctx = options->ctx;
  worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  eddy_worker_stats_init(&worker->stats);
  eddy_mailbox_init(&worker->mailbox);
  worker->recent = eddy_recent_new();
  eddy_worker_beat(worker);
  eddy_outbox_init(&worker->outbox);
  eddy_outbox_init(&worker->state);
  eddy_event_room_init(&worker->room);
  eddy_buffer_init(&worker->scratch, NULL);
  eddy_huge_memory_init(&worker->memory);
  struct eddy_allocator memory = eddy_huge_memory_allocator(&worker->memory);
  eddy_budget_init(&worker->budget, &memory, (size_t)(options->config->memory_max / options->config->workers));
  init_handles(worker);
  if (worker->wake_fd < 0 || !worker->recent || eddy_topics_init(&worker->topics, options->config) != 0 ||
      pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
    close_loop(worker);
    free_parts(worker);
    eddy_worker_stats_fini(&worker->stats);
    free(worker);
    return EDDY_E_NOMEM;
  }
  *out = worker;
  return 0;
}

void eddy_worker_retune(struct eddy_worker *worker, const struct eddy_config *config) {
  pthread_mutex_lock(&worker->retune.lock);
  worker->retune.config = *config;
  worker->retune.given = true;
  pthread_mutex_unlock(&worker->retune.lock);
  wake(worker);
}

void eddy_worker_request_stop(struct eddy_worker *worker) {
  if (!atomic_exchange(&worker->stop, true)) wake(worker);
}

void eddy_worker_await(struct eddy_worker *worker) {
  pthread_join(worker->thread, NULL);
}

int eddy_worker_free(struct eddy_worker *worker) {
  int exit_code = worker->exit_code;
  free_parts(worker);
  eddy_worker_stats_fini(&worker->stats);
  free(worker);
  return exit_code;
}

struct eddy_worker_stats *eddy_worker_stats_of(struct eddy_worker *worker) {
  return &worker->stats;
}

struct eddy_recent *eddy_worker_recent_of(struct eddy_worker *worker) {
  return worker->recent;
}

struct eddy_mailbox *eddy_worker_mailbox_of(struct eddy_worker *worker) {
  return &worker->mailbox;
}
