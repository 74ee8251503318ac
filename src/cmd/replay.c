/* eddy replay: the engine over a file, without Kafka. Time comes from the events, training happens in-process; equal input
 * gives equal output. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/hash.h"
#include "base/timefmt.h"
#include "cmd/cmd.h"
#include "codec/event_error.h"
#include "codec/output_codec.h"
#include "daemon/config.h"
#include "daemon/train_options.h"
#include "eddy/eddy.h"
#include "source/file_source.h"
#include "trainer/trainer.h"

static const char usage[] =
    "usage: eddy replay [-c FILE] [--until TIME] [--batch N] INPUT\n\n"
    "Reads events (JSON lines or an Avro object container file, - = standard input) in the order in which\n"
    "they stand there and prints what would have been published, one JSON object per line. Time comes\n"
    "from the events; at the end it moves on to the newest one, with --until further. time.publish_after\n"
    "is ignored. Refused records are counted and the first ten named on standard error, where the summary\n"
    "goes, too.\n\n"
    "  -c, --config FILE   configuration, default: the built-in one\n"
    "      --until TIME    RFC 3339: let time go on to this moment after the last event\n"
    "      --batch N       events per step of the engine, 1..256, default 256\n\n"
    "Exit codes: 0, 65 no record was usable or the file is broken, 66 there is no such file, 74 the\n"
    "output cannot be written, 78 the configuration.\n";

enum { BATCH_MAX = 256, NAMED_MAX = 10, TICK_BUDGET = 4096, WHY_SIZE = 512, OUTPUT_BYTES = 1 << 18 };

struct request {
  const char *config, *input;
  int64_t until; /* or EDDY_TIME_NONE */
  int batch;
};

struct replay {
  struct eddy_config config;
  struct eddy_file_source *source;
  struct eddy_engine *engine;
  struct eddy_trainer *trainer; /* NULL: model.train is off */
  struct eddy_model *model;
  struct eddy_output_codec *codec;
  struct eddy_effects effects;
  struct eddy_buffer output; /* lines that are not written yet */
  struct eddy_event events[BATCH_MAX];
  uint64_t good, bad, versions;
  uint64_t outcomes[EDDY_TRIGGERS_MAX][EDDY_SUPPRESSION_COUNT];
  int stopped; /* errno: standard output takes nothing more */
};

/* Options -------------------------------------------------------------------------------------------------------------------*/

/* Takes one option; what is expected instead of its value, NULL if that is usable. */
static const char *take_option(struct request *request, int option, const char *value) {
  uint64_t batch = 0;
  switch (option) {
    case 'u':
      if (eddy_time_parse((struct eddy_str){value, (uint32_t)strlen(value)}, &request->until) == 0) return NULL;
      return "an RFC 3339 time";
    case 'b':
      if (!eddy_cmd_whole(value, 1, BATCH_MAX, &batch)) return "a whole number from 1 to 256";
      request->batch = (int)batch;
      return NULL;
    default:
      request->config = value;
      return NULL;
  }
}

static int read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                          {"until", required_argument, NULL, 'u'},
                                          {"batch", required_argument, NULL, 'b'},
                                          {NULL, 0, NULL, 0}};
  *request = (struct request){.until = EDDY_TIME_NONE, .batch = BATCH_MAX};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    const char *expected = take_option(request, option, optarg);
    if (expected) return eddy_cmd_misuse(argv[0], "expected %s, not `%s`", expected, optarg);
  }
  if (optind + 1 != argc) return eddy_cmd_misuse(argv[0], optind < argc ? "one input, please" : "which input? a file, or -");
  request->input = argv[optind];
  return 0;
}

/* Set-up --------------------------------------------------------------------------------------------------------------------*/

static void name_bad_record(void *ctx, uint64_t number, int error, const char *why) {
  struct replay *replay = ctx;
  if (replay->bad++ >= NAMED_MAX) return;
  fprintf(stderr, "%s %llu: %s: %s\n", eddy_file_source_unit(replay->source), (unsigned long long)number,
          eddy_event_error_name(error), why[0] ? why : eddy_event_error_text(error));
}

static int make_engine(struct replay *replay) {
  uint64_t seed = eddy_hash_mix(replay->config.seed);
  struct eddy_engine_options options = {.spec = &replay->config.spec,
                                        .memory_max = replay->config.memory_max,
                                        .seed = seed,
                                        .hash_key = {eddy_hash_mix(seed ^ 1), eddy_hash_mix(seed ^ 2)}};
  return eddy_engine_new(&replay->engine, &options);
}

static int make_trainer(struct replay *replay) {
  if (!replay->config.model.train) return 0;
  struct eddy_trainer_options options = eddy_train_options(&replay->config, eddy_hash_mix(replay->config.seed));
  return eddy_trainer_new(&replay->trainer, &options);
}

static int set_up(struct replay *replay) {
  replay->config.spec.publish_after_ms = EDDY_TIME_NONE;
  int error = make_engine(replay);
  if (!error) error = make_trainer(replay);
  if (!error) error = eddy_output_codec_new(&replay->codec, &replay->config.spec);
  if (error) fprintf(stderr, "eddy replay: %s\n", eddy_strerror(error));
  return error ? EX_OSERR : EX_OK;
}

static void tear_down(struct replay *replay) {
  eddy_output_codec_free(replay->codec);
  eddy_engine_free(replay->engine);
  eddy_model_free(replay->model);
  eddy_trainer_free(replay->trainer);
  eddy_effects_fini(&replay->effects);
  eddy_buffer_fini(&replay->output);
  eddy_file_source_close(replay->source);
  eddy_config_free(&replay->config);
}

/* Effects -------------------------------------------------------------------------------------------------------------------*/

static void write_output(struct replay *replay) {
  size_t size = replay->output.size;
  errno = EIO; /* should the C library not say */
  if (size && !replay->stopped && fwrite(replay->output.data, 1, size, stdout) != size) replay->stopped = errno;
  replay->output.size = 0;
}

static int print_effect(struct replay *replay, const struct eddy_effect *effect, const struct eddy_output_place *place) {
  bool trigger = effect->kind == EDDY_TRIGGER_FIRED || effect->kind == EDDY_TRIGGER_SUPPRESSED;
  if (trigger) replay->outcomes[effect->as.trigger.trigger][effect->as.trigger.suppression]++;
  if (effect->kind == EDDY_MODEL_DELTA) return 0;
  int error = eddy_output_json(replay->codec, effect, place, &replay->output);
  if (replay->output.size >= OUTPUT_BYTES) write_output(replay);
  return error;
}

static int print_effects(struct replay *replay) {
  struct eddy_output_place place = {.published_at = eddy_engine_partition_time(replay->engine)};
  int error = 0;
  for (size_t i = 0; i < replay->effects.count && !error; i++) error = print_effect(replay, &replay->effects.items[i], &place);
  eddy_effects_clear(&replay->effects);
  return error;
}

/* Learning ------------------------------------------------------------------------------------------------------------------*/

static int adopt(struct replay *replay, const struct eddy_model_record *record) {
  struct eddy_model *model = eddy_model_new(&record->parts, &eddy_allocator_malloc);
  if (!model) return EDDY_E_NOMEM;
  int error = eddy_engine_set_model(replay->engine, model);
  if (error) {
    eddy_model_free(model);
    return error;
  }
  eddy_output_codec_set_model(replay->codec, model);
  eddy_model_free(replay->model);
  replay->model = model;
  replay->versions++;
  return 0;
}

/* Hands what the last batch contributed to the trainer, and adopts the versions that come of it. */
static int learn(struct replay *replay) {
  struct eddy_model_record record;
  if (!replay->trainer) return 0;
  int error = eddy_engine_take_delta(replay->engine, &replay->effects);
  for (size_t i = 0; i < replay->effects.count && !error; i++) {
    const struct eddy_effect *effect = &replay->effects.items[i];
    if (effect->kind == EDDY_MODEL_DELTA) error = eddy_trainer_add(replay->trainer, &effect->as.delta, 0, -1);
  }
  eddy_effects_clear(&replay->effects);
  int made = 0;
  while (!error && (made = eddy_trainer_step(replay->trainer, &record)) > 0) error = adopt(replay, &record);
  return error ? error : made;
}

/* The run -------------------------------------------------------------------------------------------------------------------*/

/* Everything that is due at `time` (EDDY_TIME_NONE: at the time that it is), in slices. */
static int settle(struct replay *replay, int64_t time) {
  int more = 1;
  while (more > 0) {
    more = eddy_engine_tick(replay->engine, time, EDDY_TIME_NONE, TICK_BUDGET, &replay->effects);
    if (more < 0) return more;
    int error = print_effects(replay);
    if (!error) error = learn(replay);
    if (error) return error;
  }
  return 0;
}

static int run_batch(struct replay *replay, size_t count) {
  size_t applied = eddy_engine_step_batch(replay->engine, replay->events, count, EDDY_TIME_NONE, &replay->effects);
  replay->good += applied;
  int error = print_effects(replay);
  if (!error && applied < count) error = EDDY_E_NOMEM;
  if (!error) error = learn(replay);
  return error ? error : settle(replay, EDDY_TIME_NONE);
}

/* The rest of the input. 0 or a code; *broken if the file cannot be read on. */
static int run_input(struct replay *replay, const struct request *request, bool *broken) {
  char why[WHY_SIZE];
  int count, error = 0;
  while (!error && !replay->stopped &&
         (count = eddy_file_source_read(replay->source, replay->events, request->batch, why, sizeof why)) != 0) {
    if (count < 0) {
      fprintf(stderr, "eddy replay: %s: %s\n", request->input, why);
      *broken = true;
      break;
    }
    error = run_batch(replay, (size_t)count);
  }
  return error;
}

/* The input is at its end: time goes on to the newest event (unless time.at_end is hold), then to --until. */
static int run_end(struct replay *replay, const struct request *request) {
  bool hold = replay->config.time.at_end_set && replay->config.time.at_end == EDDY_AT_END_HOLD;
  int64_t newest = eddy_engine_newest_time(replay->engine);
  int error = !hold && newest != EDDY_TIME_NONE ? settle(replay, newest) : 0;
  if (!error && request->until != EDDY_TIME_NONE) error = settle(replay, request->until);
  write_output(replay);
  return error;
}

/* Summary -------------------------------------------------------------------------------------------------------------------*/

static void print_segments(const struct replay *replay) {
  uint64_t sizes[EDDY_CLUSTERS_MAX] = {0};
  if (!replay->model) {
    fprintf(stderr, "segments    none: too few users for a model\n");
    return;
  }
  struct eddy_model_parts parts = eddy_model_parts_of(replay->model);
  eddy_engine_segment_sizes(replay->engine, sizes);
  fprintf(stderr, "segments    %u after %llu versions, %llu changes\n", parts.clusters, (unsigned long long)replay->versions,
          (unsigned long long)eddy_engine_counters(replay->engine)->segment_changes);
  for (uint16_t slot = 0; slot < parts.clusters; slot++)
    fprintf(stderr, "  %8llu users in %u %s\n", (unsigned long long)sizes[slot], parts.cards[slot].id, parts.cards[slot].name);
}

static void print_triggers(const struct replay *replay) {
  for (uint16_t i = 0; i < replay->config.spec.trigger_count; i++) {
    fprintf(stderr, "trigger     %s: %llu fired", replay->config.spec.triggers[i].name,
            (unsigned long long)replay->outcomes[i][EDDY_SUPPRESS_NONE]);
    for (int why = EDDY_SUPPRESS_NONE + 1; why < EDDY_SUPPRESSION_COUNT; why++)
      if (replay->outcomes[i][why])
        fprintf(stderr, ", %llu %s", (unsigned long long)replay->outcomes[i][why],
                eddy_suppression_name((enum eddy_suppression)why));
    fputc('\n', stderr);
  }
}

static double seconds_since(const struct timespec *started) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - started->tv_sec) + (double)(now.tv_nsec - started->tv_nsec) / 1e9;
}

static void print_summary(const struct replay *replay, const struct timespec *started) {
  const struct eddy_counters *counters = eddy_engine_counters(replay->engine);
  double seconds = seconds_since(started);
  char time[EDDY_TIME_TEXT];
  eddy_time_format(eddy_engine_partition_time(replay->engine), time);
  fprintf(stderr, "events      %llu in %.1f s, %.0f/s; %llu duplicates, %llu late\n", (unsigned long long)replay->good, seconds,
          seconds > 0 ? (double)replay->good / seconds : 0, (unsigned long long)counters->duplicates,
          (unsigned long long)counters->late);
  if (replay->bad)
    fprintf(stderr, "refused     %llu %ss\n", (unsigned long long)replay->bad, eddy_file_source_unit(replay->source));
  uint64_t clamped = eddy_file_source_clamped(replay->source);
  if (clamped) fprintf(stderr, "clamped     %llu stamps from the future\n", (unsigned long long)clamped);
  fprintf(stderr, "time        %s\n", time);
  fprintf(stderr, "users       %zu in %.1f MiB\n", eddy_engine_users(replay->engine),
          (double)eddy_engine_memory(replay->engine) / (1 << 20));
  print_segments(replay);
  print_triggers(replay);
}

/* The command ---------------------------------------------------------------------------------------------------------------*/

static int run(struct replay *replay, const struct request *request) {
  struct timespec started;
  bool broken = false;
  clock_gettime(CLOCK_MONOTONIC, &started);
  int code = set_up(replay);
  if (code != EX_OK) return code;
  eddy_file_source_on_bad(replay->source, name_bad_record, replay);
  int error = run_input(replay, request, &broken);
  if (!error && !replay->stopped) error = run_end(replay, request);
  if (replay->stopped) {
    if (replay->stopped != EPIPE) fprintf(stderr, "eddy replay: cannot write: %s\n", strerror(replay->stopped));
    return EX_IOERR; /* a reader that went away had enough: no message */
  }
  if (error) {
    write_output(replay); /* what happened before it */
    fprintf(stderr, "eddy replay: %s after %llu events%s\n", eddy_strerror(error), (unsigned long long)replay->good,
            error == EDDY_E_NOMEM ? " (profile.memory_max)" : "");
    return EX_SOFTWARE;
  }
  print_summary(replay, &started);
  return broken || (replay->bad && !replay->good) ? EX_DATAERR : EX_OK;
}

/* A configuration that cannot be used, or an input that cannot be opened. */
static int open_all(struct replay *replay, const struct request *request) {
  char why[WHY_SIZE] = "";
  int errors = eddy_config_load(&replay->config, request->config, stderr);
  if (errors) {
    fprintf(stderr, "%d error%s\n", errors, errors == 1 ? "" : "s");
    return EX_CONFIG;
  }
  if (eddy_file_source_open(&replay->source, request->input, why, sizeof why) == 0) return EX_OK;
  fprintf(stderr, "eddy replay: %s: %s\n", request->input, why);
  return EX_NOINPUT;
}

int eddy_cmd_replay(int argc, char **argv) {
  struct request request;
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int misuse = read_options(argc, argv, &request);
  if (misuse) return misuse;
  struct replay *replay = calloc(1, sizeof *replay);
  if (!replay) return EX_OSERR;
  eddy_buffer_init(&replay->output, &eddy_allocator_malloc);
  eddy_effects_init(&replay->effects, NULL);
  int code = open_all(replay, &request);
  if (code == EX_OK) code = run(replay, &request);
  tear_down(replay);
  free(replay);
  return code;
}
