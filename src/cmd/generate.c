/* eddy generate: invented events in the order of event time, as JSON lines or as an Avro object container file. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/memory.h"
#include "base/timefmt.h"
#include "cmd/cmd.h"
#include "codec/container.h"
#include "codec/event_check.h"
#include "source/shopper.h"

static const char usage[] =
    "usage: eddy generate [OPTIONS]\n\n"
    "Prints events of invented shoppers in the order of event time: the same events for the same options.\n\n"
    "  -u, --users N       how many shoppers, default 1000\n"
    "  -n, --events N      how many events, default 100000; 0 = until interrupted\n"
    "  -s, --seed N        another seed gives another world, default 1\n"
    "      --start TIME    first moment, RFC 3339, default 2024-01-01T00:00:00Z\n"
    "      --speed X       in accelerated time: X seconds of the shoppers' time per second, default as\n"
    "                      fast as possible\n"
    "  -f, --format F      jsonl or avro (object container file), default jsonl\n"
    "  -o, --output FILE   instead of standard output\n\n"
    "Exit codes: 0, 71 memory is short, 74 the output cannot be written.\n";

enum { USERS_MAX = 100000000 };

struct request {
  struct eddy_shopper_options world;
  uint64_t events;
  double speed; /* 0 = no pacing */
  bool avro;
  const char *output;
};

/* Options -------------------------------------------------------------------------------------------------------------------*/

/* Events outside of these years would be refused. */
static bool parse_start(const char *text, int64_t *start) {
  if (eddy_time_parse((struct eddy_str){text, (uint32_t)strlen(text)}, start) != 0) return false;
  return *start >= EDDY_EVENT_TIME_MIN && *start < EDDY_EVENT_TIME_MAX;
}

static bool parse_format(const char *text, bool *avro) {
  *avro = strcmp(text, "avro") == 0;
  return *avro || strcmp(text, "jsonl") == 0;
}

/* Takes one option; what is expected instead of its value, NULL if that is usable. */
static const char *take_option(struct request *request, int option, const char *value) {
  uint64_t number = 0;
  switch (option) {
    case 'u':
      if (!eddy_cmd_whole(value, 1, USERS_MAX, &number)) return "a whole number from 1 to 100000000";
      request->world.users = (uint32_t)number;
      return NULL;
    case 'n':
      return eddy_cmd_whole(value, 0, UINT64_MAX, &request->events) ? NULL : "a whole number";
    case 's':
      return eddy_cmd_whole(value, 0, UINT64_MAX, &request->world.seed) ? NULL : "a whole number";
    case 'T':
      return parse_start(value, &request->world.start_ms) ? NULL : "an RFC 3339 time from 2000 to 2099";
    case 'x':
      return eddy_cmd_number(value, 0.001, 1e9, &request->speed) ? NULL : "a number from 0.001 to 1e9";
    case 'f':
      return parse_format(value, &request->avro) ? NULL : "jsonl or avro";
    default:
      request->output = value;
      return NULL;
  }
}

static int read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {{"users", required_argument, NULL, 'u'},  {"events", required_argument, NULL, 'n'},
                                          {"seed", required_argument, NULL, 's'},   {"start", required_argument, NULL, 'T'},
                                          {"speed", required_argument, NULL, 'x'},  {"format", required_argument, NULL, 'f'},
                                          {"output", required_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};
  *request = (struct request){.events = 100000, .output = "-"};
  eddy_shopper_options_default(&request->world);
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":u:n:s:f:o:", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    const char *expected = take_option(request, option, optarg);
    if (expected) return eddy_cmd_misuse(argv[0], "expected %s, not `%s`", expected, optarg);
  }
  if (optind < argc) return eddy_cmd_misuse(argv[0], "unexpected argument %s", argv[optind]);
  return 0;
}

/* Writing -------------------------------------------------------------------------------------------------------------------*/

struct writer {
  FILE *file;
  struct eddy_container_writer *container; /* NULL: JSON lines */
  struct eddy_buffer line;
  bool paced;
};

static int writer_open(struct writer *writer, const struct request *request) {
  *writer = (struct writer){.paced = request->speed > 0};
  eddy_buffer_init(&writer->line, &eddy_allocator_malloc);
  writer->file = strcmp(request->output, "-") == 0 ? stdout : fopen(request->output, "wb");
  if (!writer->file) return -1;
  return request->avro ? eddy_container_create(&writer->container, writer->file, request->world.seed) : 0;
}

static int write_event(struct writer *writer, const struct eddy_event *event) {
  if (writer->container) return eddy_container_append(writer->container, event);
  writer->line.size = 0;
  if (eddy_event_to_json(event, &writer->line) != 0) {
    errno = ENOMEM;
    return -1;
  }
  if (fwrite(writer->line.data, 1, writer->line.size, writer->file) != writer->line.size) return -1;
  return writer->paced ? fflush(writer->file) : 0;
}

static int writer_close(struct writer *writer) {
  int error = eddy_container_finish(writer->container);
  eddy_buffer_fini(&writer->line);
  if (!writer->file) return -1;
  if (fflush(writer->file) != 0) error = -1;
  if (writer->file != stdout && fclose(writer->file) != 0) error = -1;
  return error;
}

/* Time ----------------------------------------------------------------------------------------------------------------------*/

static int64_t monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until the wall clock has come as far as `ms` of the shoppers' time after the start. */
static void wait_for(int64_t started, int64_t ms, double speed) {
  int64_t left = started + (int64_t)((double)ms / speed) - monotonic_ms();
  if (left <= 0) return;
  struct timespec pause = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

static int generate(const struct request *request, struct eddy_shopper_world *world, struct writer *writer) {
  struct eddy_event event;
  int64_t started = monotonic_ms();
  for (uint64_t i = 0; request->events == 0 || i < request->events; i++) {
    eddy_shopper_next(world, &event);
    if (request->speed > 0) wait_for(started, event.event_time - request->world.start_ms, request->speed);
    if (write_event(writer, &event) != 0) return -1;
  }
  return 0;
}

/* A reader that went away (EPIPE) had enough: no message. */
static int report(const struct request *request, int error) {
  if (!error) return EX_OK;
  int saved = errno;
  if (saved != EPIPE) fprintf(stderr, "eddy generate: cannot write %s: %s\n", request->output, strerror(saved));
  return EX_IOERR;
}

int eddy_cmd_generate(int argc, char **argv) {
  struct request request;
  struct eddy_shopper_world *world;
  struct writer writer;
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int misuse = read_options(argc, argv, &request);
  if (misuse) return misuse;
  if (eddy_shopper_new(&world, &request.world) != 0) {
    fprintf(stderr, "eddy generate: memory is short for %u shoppers\n", request.world.users);
    return EX_OSERR;
  }
  int error = writer_open(&writer, &request);
  if (!error) error = generate(&request, world, &writer);
  if (error) {
    int saved = errno;
    writer_close(&writer);
    errno = saved;
  } else {
    error = writer_close(&writer);
  }
  eddy_shopper_free(world);
  return report(&request, error);
}
