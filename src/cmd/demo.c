/* eddy demo: the real pipeline on embedded defaults. Broker: librdkafka's mock cluster in this process. Redis: a private one,
 * if installed. Input: invented shoppers in accelerated time. */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/timefmt.h"
#include "cmd/cmd.h"
#include "cmd/demo_broker.h"
#include "cmd/demo_feed.h"
#include "cmd/demo_redis.h"
#include "cmd/demo_screen.h"
#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"
#include "daemon/status.h"

enum { FRAME_MS = 1000, PARTITIONS = 4, LAG_MAX = 20000, USERS_MAX = 10000000 };

static const char usage[] =
    "usage: eddy demo [OPTIONS]\n\n"
    "Runs the whole pipeline with nothing to set up: a broker inside this process, a private Redis if\n"
    "redis-server is installed, and invented shoppers in accelerated time. Shows live numbers until\n"
    "Ctrl-C.\n\n"
    "      --duration TIME  end after this long, e.g. 30s\n"
    "      --users N        shoppers (default 20000)\n"
    "      --speed X        shop time runs X times faster than the clock (default 1200)\n"
    "      --seed S         another world of shoppers (default 1)\n"
    "      --no-redis       leave Redis out\n\n"
    "Exit codes: 0, 69 or 71 a part of it could not be started.\n";

/* What makes the pipeline feel at home on the mock: it neither wakes waiting fetches nor has a controller, a group takes
 * seconds to form there, and a transaction takes 70 ms. */
static const char config_text[] =
    "app: demo\n"
    "kafka:\n"
    "  brokers: \"%s\"\n"
    "  commit_interval: 300ms\n"
    "  create_topics: false\n"
    "  properties: {consumer.fetch.wait.max.ms: 10, consumer.session.timeout.ms: 6000, consumer.heartbeat.interval.ms: 500,\n"
    "    producer.transaction.timeout.ms: 5000}\n"
    "time: {at_end: scaled(%g), publish_after: none}\n"
    "profile: {memory_max: 1GiB}\n"
    "model: {segments: 6, epoch: 1000, buffer_min: 500}\n"
    "http: {listen: 127.0.0.1:0}\n"
    "log: {level: warn}\n"
    "%s%s%s";

struct demo {
  int64_t duration_ms; /* 0 = until a signal */
  uint32_t users;
  double speed;
  uint64_t seed;
  bool with_redis;

  struct eddy_demo_broker *broker;
  struct eddy_demo_redis redis;
  struct eddy_demo_feed *feed;
  struct eddy_config config;
  struct eddy_log_writer *writer;
  struct eddy_logger logger;
  struct eddy_pipeline *pipeline;
  struct eddy_status *status;
  struct eddy_pipeline_stats stats;
};

/* Takes one option; what is expected instead of its value, NULL if that is usable. */
static const char *take_option(struct demo *demo, int option, const char *value) {
  uint64_t users = 0;
  switch (option) {
    case 'd':
      if (eddy_duration_parse((struct eddy_str){value, (uint32_t)strlen(value)}, &demo->duration_ms) == 0) return NULL;
      return "a time with its unit, e.g. 30s";
    case 'u':
      if (!eddy_cmd_whole(value, 1, USERS_MAX, &users)) return "a whole number from 1 to 10000000";
      demo->users = (uint32_t)users;
      return NULL;
    case 's':
      return eddy_cmd_number(value, 1, 100e3, &demo->speed) ? NULL : "a number from 1 to 100000";
    case 'e':
      return eddy_cmd_whole(value, 0, UINT64_MAX, &demo->seed) ? NULL : "a whole number";
    default:
      demo->with_redis = false;
      return NULL;
  }
}

static int read_options(int argc, char **argv, struct demo *demo) {
  static const struct option options[] = {{"duration", required_argument, NULL, 'd'}, {"users", required_argument, NULL, 'u'},
                                          {"speed", required_argument, NULL, 's'},    {"seed", required_argument, NULL, 'e'},
                                          {"no-redis", no_argument, NULL, 'r'},       {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    const char *expected = take_option(demo, option, optarg);
    if (expected) return eddy_cmd_misuse(argv[0], "expected %s, not `%s`", expected, optarg);
  }
  return optind < argc ? eddy_cmd_misuse(argv[0], "unexpected argument %s", argv[optind]) : 0;
}

static int configure(struct demo *demo) {
  char text[2048];
  bool redis = demo->redis.pid > 0;
  snprintf(text, sizeof text, config_text, eddy_demo_broker_address(demo->broker), demo->speed,
           redis ? "redis: {url: \"unix://" : "", redis ? demo->redis.socket : "", redis ? "\"}\n" : "");
  return eddy_config_parse(&demo->config, "demo", text, strlen(text), stderr) == 0 ? 0 : EX_SOFTWARE;
}

static int start(struct demo *demo) {
  char why[512] = "";
  struct eddy_log_options log = {.level = EDDY_LOG_WARN};
  if (eddy_log_open(&demo->writer, &log) != 0) return EX_OSERR;
  demo->logger = eddy_log_logger(demo->writer);
  if (eddy_demo_broker_start(&demo->broker, "demo", PARTITIONS, why, sizeof why) != 0) {
    fprintf(stderr, "eddy demo: %s\n", why);
    return EX_UNAVAILABLE;
  }
  if (demo->with_redis) eddy_demo_redis_start(&demo->redis);
  int error = configure(demo);
  if (error != 0) return error;
  if (eddy_status_open(&demo->status, &demo->config, &demo->logger) != 0) return EX_UNAVAILABLE;
  if (eddy_pipeline_start(&demo->pipeline, &demo->config, &demo->logger) != 0) return EX_OSERR;
  if (eddy_status_start(demo->status, demo->pipeline) != 0) return EX_OSERR;
  /* From yesterday midnight to this morning, just before the shop's first campaign: the curtain rises on a full house. */
  int64_t yesterday = (eddy_clock_wall() / EDDY_DAY_MS - 1) * EDDY_DAY_MS;
  struct eddy_demo_feed_options feed = {.broker = demo->broker,
                                        .users = demo->users,
                                        .seed = demo->seed,
                                        .speed = demo->speed,
                                        .start_ms = yesterday,
                                        .begin_ms = yesterday + EDDY_DAY_MS + 15 * EDDY_HOUR_MS / 2};
  return eddy_demo_feed_start(&demo->feed, &feed) == 0 ? 0 : EX_OSERR;
}

static void show(struct demo *demo, int64_t started, int64_t passed, uint64_t events_before, bool redraw) {
  struct eddy_demo_frame frame = {
      .stats = &demo->stats,
      .seconds = (double)(eddy_clock_mono() - started) / 1000,
      .events_per_s = (double)(demo->stats.events - events_before) * 1000 / (double)(passed > 0 ? passed : 1),
      .event_time = eddy_demo_feed_time(demo->feed),
      .speed = demo->speed,
      .http = eddy_status_address(demo->status),
      .broker = eddy_demo_broker_address(demo->broker),
      .redis = demo->redis.pid > 0 ? demo->redis.socket : NULL};
  eddy_demo_screen_draw(stdout, &frame, redraw);
}

/* Until a signal, the duration or the pipeline's own end. */
static void watch(struct demo *demo, const sigset_t *signals) {
  const struct timespec wait = {.tv_nsec = 100 * 1000000};
  bool redraw = isatty(STDOUT_FILENO) != 0;
  int64_t started = eddy_clock_mono(), shown = started;
  uint64_t events = 0;
  while (!eddy_pipeline_ended(demo->pipeline) && sigtimedwait(signals, NULL, &wait) <= 0) {
    int64_t now = eddy_clock_mono();
    eddy_log_flush(demo->writer);
    eddy_status_turn(demo->status, now);
    eddy_pipeline_stats(demo->pipeline, &demo->stats);
    eddy_demo_feed_hold(demo->feed, eddy_demo_feed_events(demo->feed) > demo->stats.events + LAG_MAX);
    bool over = demo->duration_ms > 0 && now - started >= demo->duration_ms;
    if (now - shown < FRAME_MS && !over) continue;
    show(demo, started, now - shown, events, redraw);
    shown = now;
    events = demo->stats.events;
    if (over) return;
  }
}

static int stop(struct demo *demo, int exit_code) {
  eddy_demo_feed_stop(demo->feed);
  eddy_status_close(demo->status);
  if (demo->pipeline) {
    eddy_pipeline_request_stop(demo->pipeline);
    int code = eddy_pipeline_join(demo->pipeline);
    if (exit_code == 0) exit_code = code;
  }
  eddy_config_free(&demo->config);
  eddy_demo_redis_stop(&demo->redis);
  eddy_demo_broker_stop(demo->broker);
  eddy_log_close(demo->writer);
  return exit_code;
}

/* Before the first thread starts, so that none of them takes a signal. */
static sigset_t block_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  return signals;
}

int eddy_cmd_demo(int argc, char **argv) {
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  struct demo *demo = calloc(1, sizeof *demo);
  if (!demo) return EX_OSERR;
  demo->users = 20000;
  demo->speed = 1200;
  demo->seed = 1;
  demo->with_redis = true;
  int code = read_options(argc, argv, demo);
  if (code == 0) {
    sigset_t signals = block_signals();
    code = start(demo);
    if (code == 0) watch(demo, &signals);
    code = stop(demo, code);
  }
  free(demo);
  return code;
}
