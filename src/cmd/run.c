/* eddy run -c FILE: the pipeline until a signal asks it to end. */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/pipeline.h"
#include "daemon/reload.h"
#include "daemon/status.h"

enum { WAIT_MS = 200, PROGRESS_MS = 10000 };

static const char usage[] =
    "usage: eddy run [-c FILE] [--offsets-from-profiles] [--accept-loss]\n\n"
    "Reads events from Kafka, keeps profiles, publishes segment changes and triggers until SIGTERM or\n"
    "SIGINT; a second signal ends it at once. Waits for brokers and topics that are not there yet. After\n"
    "a restart it goes on where the last commit stood.\n\n"
    "SIGHUP reads the configuration again: what may change at run time takes effect, the log says what\n"
    "needs a restart. A file with an error changes nothing.\n\n"
    "  -c, --config FILE         the configuration (default: built-in, see `eddy config reference`)\n"
    "  --offsets-from-profiles   the group has lost its committed offsets: go on from those kept in topic\n"
    "                            <app>.profiles\n"
    "  --accept-loss             the input no longer has all events that a restart has to read again: go\n"
    "                            on without them\n\n"
    "Exit codes: 0 left in good order, 69 the address of http.listen is taken, 75 try again, 78\n"
    "configuration or state that somebody has to look at.\n";

/* Blocked in every thread, so that only sigtimedwait() below takes them. */
static sigset_t block_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);
  return signals;
}

static void log_progress(struct eddy_pipeline *pipeline, const struct eddy_logger *logger, uint64_t *events_before,
                         int64_t passed) {
  struct eddy_pipeline_stats *stats = malloc(sizeof(*stats));
  if (!stats) return;
  eddy_pipeline_stats(pipeline, stats);
  uint64_t fresh = stats->events - *events_before;
  *events_before = stats->events;
  eddy_log(logger, EDDY_LOG_INFO, "progress",
           "events=%" PRIu64 " events_per_s=%" PRIu64 " lag=%" PRIu64 " partitions=%" PRIu64 " at_end=%" PRIu64
           " users=%" PRIu64 " segment_changes=%" PRIu64 " triggers=%" PRIu64 " suppressed=%" PRIu64 " invalid=%" PRIu64
           " model=%" PRIu64,
           stats->events, fresh * 1000 / (uint64_t)(passed > 0 ? passed : 1), stats->lag, stats->partitions,
           stats->partitions_at_end, stats->users, stats->segment_changes, stats->triggers_fired, stats->triggers_suppressed,
           stats->invalid, stats->model_version);
  free(stats);
}

static void reload_config(struct eddy_reload *reload, struct eddy_pipeline *pipeline, struct eddy_notify *notify) {
  eddy_notify_reloading(notify, eddy_clock_mono_us());
  eddy_reload_now(reload, pipeline);
  eddy_notify_reloaded(notify);
}

/* Until all workers have ended; the first signal asks them to. */
static void watch_over(struct eddy_pipeline *pipeline, struct eddy_status *status, struct eddy_log_writer *writer,
                       struct eddy_reload *reload, const sigset_t *signals) {
  const struct eddy_logger *logger = reload->logger;
  const struct timespec wait = {.tv_nsec = WAIT_MS * 1000000};
  struct eddy_notify notify;
  bool asked = false;
  uint64_t events = 0;
  int64_t reported = eddy_clock_mono();
  eddy_notify_open(&notify);
  while (!eddy_pipeline_ended(pipeline)) {
    int number = sigtimedwait(signals, NULL, &wait);
    if (number == SIGHUP && !asked) reload_config(reload, pipeline, &notify);
    if (number == SIGHUP) number = 0;
    if (number > 0 && asked) _exit(EX_TEMPFAIL);
    if (number > 0) {
      eddy_log(logger, EDDY_LOG_INFO, "eddy is asked to end", "signal=%s", number == SIGTERM ? "SIGTERM" : "SIGINT");
      eddy_pipeline_request_stop(pipeline);
      eddy_notify_stopping(&notify);
      asked = true;
    }
    eddy_log_flush(writer);
    eddy_notify_turn(&notify, pipeline, eddy_clock_mono());
    eddy_status_turn(status, eddy_clock_mono());
    int64_t passed = eddy_clock_mono() - reported;
    if (passed < PROGRESS_MS || asked) continue;
    log_progress(pipeline, logger, &events, passed);
    reported += passed;
  }
  eddy_notify_close(&notify);
}

static int run(const struct eddy_config *config) {
  struct eddy_log_writer *writer = NULL;
  struct eddy_log_options options = {.level = (enum eddy_log_level)config->log.level, .json = config->log.json};
  if (eddy_log_open(&writer, &options) != 0) return EX_OSERR;
  struct eddy_logger logger = eddy_log_logger(writer);
  struct eddy_reload reload;
  eddy_reload_init(&reload, config, &logger);
  sigset_t signals = block_signals();
  struct eddy_pipeline *pipeline;
  struct eddy_status *status;
  int exit_code = EX_OSERR;
  if (eddy_status_open(&status, config, &logger) != 0) {
    exit_code = EX_UNAVAILABLE;
  } else if (eddy_pipeline_start(&pipeline, config, &logger) == 0) {
    if (eddy_status_start(status, pipeline) != 0) eddy_pipeline_request_stop(pipeline);
    watch_over(pipeline, status, writer, &reload, &signals);
    eddy_status_close(status);
    status = NULL;
    exit_code = eddy_pipeline_join(pipeline);
  }
  eddy_status_close(status);
  eddy_log_close(writer);
  return exit_code;
}

struct run_options {
  const char *path;
  bool offsets_from_profiles, accept_loss;
};

/* getopt takes any beginning of a long option for it. What gives up events or trusts other offsets is spelled out. */
static bool is_spelled_out(char **argv, const char *name) {
  if (strcmp(argv[optind - 1] + 2, name) == 0) return true;
  eddy_cmd_misuse(argv[0], "write --%s in full, if you mean it", name);
  return false;
}

/* False after a message. */
static bool read_options(int argc, char **argv, struct run_options *run) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                          {"offsets-from-profiles", no_argument, NULL, 'o'},
                                          {"accept-loss", no_argument, NULL, 'a'},
                                          {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:", options, NULL)) != -1;) {
    switch (option) {
      case 'c':
        run->path = optarg;
        break;
      case 'o':
        if (!is_spelled_out(argv, "offsets-from-profiles")) return false;
        run->offsets_from_profiles = true;
        break;
      case 'a':
        if (!is_spelled_out(argv, "accept-loss")) return false;
        run->accept_loss = true;
        break;
      default:
        eddy_cmd_bad_option(argv, option, options);
        return false;
    }
  }
  if (optind == argc) return true;
  eddy_cmd_misuse(argv[0], "what is %s? A file needs -c", argv[optind]);
  return false;
}

int eddy_cmd_run(int argc, char **argv) {
  struct run_options options = {0};
  struct eddy_config config;
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  if (!read_options(argc, argv, &options)) return EX_USAGE;
  int exit_code = EX_CONFIG;
  if (eddy_config_load(&config, options.path, stderr) == 0) {
    config.state.offsets_from_profiles = options.offsets_from_profiles;
    config.state.accept_loss = options.accept_loss;
    exit_code = run(&config);
  }
  eddy_config_free(&config);
  return exit_code;
}
