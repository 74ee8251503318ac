/* eddy top: a running instance, watched from its own /metrics. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/instance.h"
#include "cmd/top_screen.h"
#include "daemon/clock.h"
#include "daemon/config_value.h"

static const char usage[] =
    "usage: eddy top [-c FILE] [--url URL] [--interval TIME] [--count N]\n\n"
    "Watches a running instance: rates, lag per partition, what is paused or being restored, segments,\n"
    "times of commits and from event to output, Redis, memory. On a terminal a picture that is redrawn in\n"
    "place; elsewhere a line of logfmt per interval: rates and quantiles are those of the interval, what\n"
    "is not known is left out.\n\n"
    "  -c, --config FILE     the configuration, for http.listen (default: built-in)\n"
    "      --url URL         another address: http://host:port, or with the path of the metrics\n"
    "      --interval TIME   100ms to 1h, default 1s\n"
    "      --count N         end after N pictures or lines\n\n"
    "Exit codes: 0, 69 the instance does not answer, or no metrics of eddy's, 78 the configuration.\n";

enum { TIMEOUT_MS = 5000, INTERVAL_LEAST_MS = 100, ROWS_DEFAULT = 24, COLUMNS_DEFAULT = 80 };

struct request {
  struct eddy_cmd_asking asking;
  int64_t interval_ms;
  uint64_t count; /* 0 = for ever */
};

struct top {
  const struct request *request;
  struct eddy_cmd_instance instance;
  bool picture;
  struct eddy_buffer page;
  struct eddy_top_sample *samples; /* two of them, in turn */
  int current;                     /* the newest */
  uint64_t taken, shown;
  char why[512]; /* empty: the last reading succeeded */
};

/* Options -------------------------------------------------------------------------------------------------------------------*/

static int read_interval(const char *text, struct request *request) {
  bool fine = !eddy_config_duration(text, &request->interval_ms) && request->interval_ms >= INTERVAL_LEAST_MS &&
              request->interval_ms <= EDDY_HOUR_MS;
  return fine ? 0 : eddy_cmd_misuse("top", "expected a time from 100ms to 1h, not `%s`", text);
}

static int read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                          {"url", required_argument, NULL, 'u'},
                                          {"interval", required_argument, NULL, 'i'},
                                          {"count", required_argument, NULL, 'n'},
                                          {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    if (option == 'c') request->asking.config = optarg;
    if (option == 'u') request->asking.url = optarg;
    if (option == 'i' && read_interval(optarg, request) != 0) return EX_USAGE;
    if (option == 'n' && !eddy_cmd_whole(optarg, 1, UINT64_MAX, &request->count))
      return eddy_cmd_misuse(argv[0], "expected a whole number from 1, not `%s`", optarg);
  }
  return optind == argc ? 0 : eddy_cmd_misuse(argv[0], "what is %s? An address needs --url", argv[optind]);
}

/* Watching ------------------------------------------------------------------------------------------------------------------*/

static bool take_sample(struct top *top) {
  int next = 1 - top->current;
  enum eddy_http_got got = eddy_http_get(&top->instance.url, TIMEOUT_MS, &top->page, top->why, sizeof(top->why));
  if (got != EDDY_HTTP_GOT || eddy_top_sample_read(&top->samples[next], (const char *)top->page.data, top->page.size,
                                                   eddy_clock_mono(), top->why, sizeof(top->why)) != 0)
    return false;
  top->why[0] = '\0';
  top->current = next;
  top->taken++;
  return true;
}

static void draw(struct top *top, const struct eddy_top_sample *before) {
  struct winsize size = {.ws_row = ROWS_DEFAULT, .ws_col = COLUMNS_DEFAULT};
  const char *plain = getenv("NO_COLOR");
  ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
  struct eddy_top_screen screen = {.out = stdout,
                                   .where = top->instance.where,
                                   .rows = size.ws_row ? size.ws_row : ROWS_DEFAULT,
                                   .columns = size.ws_col ? size.ws_col : COLUMNS_DEFAULT,
                                   .colour = !plain || !*plain};
  if (top->shown == 0) fputs("\033[2J", stdout);
  eddy_top_screen_draw(&screen, before, &top->samples[top->current], top->why[0] ? top->why : NULL);
}

/* A line needs two readings, a picture can be drawn from one. A reading that failed counts, too: --count is an end. */
static void show(struct top *top) {
  const struct eddy_top_sample *before = top->taken > 1 ? &top->samples[1 - top->current] : NULL;
  if (top->picture)
    draw(top, before);
  else if (top->why[0])
    fprintf(stderr, "eddy top: http://%s%s: %s\n", top->instance.where, top->instance.url.path, top->why);
  else if (before)
    eddy_top_line_write(stdout, eddy_clock_wall(), before, &top->samples[top->current]);
  else
    return;
  top->shown++;
}

static int watch(struct top *top) {
  int64_t due = eddy_clock_mono();
  if (!take_sample(top)) return eddy_cmd_instance_silent(&top->instance, &top->request->asking, top->why);
  for (;;) {
    show(top);
    if (ferror(stdout) || (top->request->count && top->shown >= top->request->count)) break;
    int64_t now = eddy_clock_mono();
    due = due + top->request->interval_ms > now ? due + top->request->interval_ms : now;
    eddy_clock_sleep(due - now);
    take_sample(top);
  }
  return top->why[0] ? EX_UNAVAILABLE : EX_OK;
}

static int run(struct top *top) {
  const char *terminal = getenv("TERM");
  int code = eddy_cmd_instance_find(&top->instance, &top->request->asking);
  char *path = top->instance.url.path;
  if (code) return code;
  if (strcmp(path, "/") == 0) snprintf(path, sizeof(top->instance.url.path), "/metrics");
  top->picture = isatty(STDOUT_FILENO) && (!terminal || strcmp(terminal, "dumb") != 0);
  top->samples = calloc(2, sizeof(*top->samples));
  return top->samples ? watch(top) : EX_OSERR;
}

int eddy_cmd_top(int argc, char **argv) {
  struct request request = {.asking = {.command = argv[0]}, .interval_ms = EDDY_SECOND_MS};
  struct top top = {.request = &request};
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int code = read_options(argc, argv, &request);
  if (code) return code;
  eddy_buffer_init(&top.page, NULL);
  code = run(&top);
  eddy_buffer_fini(&top.page);
  free(top.samples);
  return code;
}
