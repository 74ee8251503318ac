#include "cmd/top_screen.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/timefmt.h"
#include "daemon/clock.h"

enum { LINE_MAX_BYTES = 512, SHORT = 24, BAR = 24, HEAD_ROWS = 13, LIST_ROWS_LEAST = 4 };

/* Numbers for people --------------------------------------------------------------------------------------------------------*/

/* "0", "7.5", "123", "45.6k", "7.89M"; "-" for what is not known. */
static const char *brief(double value, char text[SHORT]) {
  static const char units[] = {'k', 'M', 'G', 'T'};
  int unit = -1;
  if (!isfinite(value)) return "-";
  for (; fabs(value) >= 9999.5 && unit < 3; unit++) value /= 1000;
  if (unit >= 0)
    snprintf(text, SHORT, "%.*f%c", value < 100 ? 1 : 0, value, units[unit]);
  else
    snprintf(text, SHORT, "%.*f", value < 9.95 && value != floor(value) ? 1 : 0, value);
  return text;
}

static const char *brief_bytes(double value, char text[SHORT]) {
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  int unit = 0;
  if (!isfinite(value)) return "-";
  for (; value >= 1024 && unit < 4; unit++) value /= 1024;
  snprintf(text, SHORT, "%.*f %s", unit > 0 && value < 100 ? 1 : 0, value, units[unit]);
  return text;
}

static const char *brief_ms(double ms, char text[SHORT]) {
  if (!isfinite(ms)) return "-";
  if (ms < 10000)
    snprintf(text, SHORT, "%.0f ms", ms);
  else
    snprintf(text, SHORT, "%.1f s", ms / 1000);
  return text;
}

static const char *brief_age(double seconds, char text[SHORT]) {
  if (!(seconds >= 0) || seconds > 1e9) return "-";
  unsigned minutes = (unsigned)(seconds / 60);
  if (minutes < 1)
    snprintf(text, SHORT, "%.0fs", seconds);
  else if (minutes < 24 * 60)
    snprintf(text, SHORT, "%uh%02um", minutes / 60, minutes % 60);
  else
    snprintf(text, SHORT, "%ud%02uh", minutes / 1440, minutes / 60 % 24);
  return text;
}

/* The picture ---------------------------------------------------------------------------------------------------------------*/

enum style { PLAIN, BOLD, BAD };

struct picture {
  const struct eddy_top_screen *screen;
  const struct eddy_top_sample *before, *sample;
  int row;
};

/* A line in ASCII, cut to the width; nothing once the height is used up. */
static void put(struct picture *picture, enum style style, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void put(struct picture *picture, enum style style, const char *format, ...) {
  static const char *const codes[] = {"", "\033[1m", "\033[31m"};
  const struct eddy_top_screen *screen = picture->screen;
  char text[LINE_MAX_BYTES];
  va_list arguments;
  if (picture->row >= screen->rows - 1) return;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  if (screen->columns > 0 && strlen(text) > (size_t)screen->columns) text[screen->columns] = '\0';
  bool styled = screen->colour && style != PLAIN;
  fprintf(screen->out, "%s%s%s\033[K\n", styled ? codes[style] : "", text, styled ? "\033[0m" : "");
  picture->row++;
}

static const char *rate(const struct picture *picture, enum eddy_top_number number, char text[SHORT]) {
  return brief(eddy_top_rate(picture->before, picture->sample, number), text);
}

static void put_head(struct picture *picture, const char *trouble) {
  const double *numbers = picture->sample->numbers;
  char age[SHORT], workers[SHORT];
  double up = (double)eddy_clock_wall() / 1000 - numbers[EDDY_TOP_STARTED];
  put(picture, BOLD, "eddy top   %s   eddy %s   up %s   workers %s   Ctrl-C ends it", picture->screen->where,
      picture->sample->version, brief_age(up, age), brief(numbers[EDDY_TOP_WORKERS], workers));
  if (trouble)
    put(picture, BAD, "no answer: %s", trouble);
  else if (numbers[EDDY_TOP_WORKERS_AWAY] > 0)
    put(picture, BAD, "%.0f of the workers reach no broker", numbers[EDDY_TOP_WORKERS_AWAY]);
  else
    put(picture, PLAIN, "%s", "");
}

static void put_rates(struct picture *picture) {
  char a[SHORT], b[SHORT], c[SHORT], d[SHORT];
  put(picture, PLAIN, "  events  %8s/s   changes  %8s/s   triggers   %7s/s   outputs  %8s/s", rate(picture, EDDY_TOP_EVENTS, a),
      rate(picture, EDDY_TOP_CHANGES, b), rate(picture, EDDY_TOP_FIRED, c), rate(picture, EDDY_TOP_OUTPUTS, d));
  put(picture, PLAIN, "  invalid %8s/s   late     %8s/s   suppressed %7s/s   commits  %8s/s",
      rate(picture, EDDY_TOP_INVALID, a), rate(picture, EDDY_TOP_LATE, b), rate(picture, EDDY_TOP_SUPPRESSED, c),
      rate(picture, EDDY_TOP_COMMITS, d));
}

static void put_state(struct picture *picture) {
  const double *numbers = picture->sample->numbers;
  struct eddy_top_times commit = eddy_top_commit(picture->before, picture->sample);
  struct eddy_top_times latency = eddy_top_latency(picture->before, picture->sample);
  char a[SHORT], b[SHORT], c[SHORT], d[SHORT];
  put(picture, PLAIN, "  lag     %8s     users    %8s     state      %9s", brief(numbers[EDDY_TOP_LAG], a),
      brief(numbers[EDDY_TOP_USERS], b), brief_bytes(numbers[EDDY_TOP_MEMORY], c));
  put(picture, PLAIN, "  commit  p50 %s, p99 %s   end to end p50 %s, p99 %s", brief_ms(commit.p50, a), brief_ms(commit.p99, b),
      brief_ms(latency.p50, c), brief_ms(latency.p99, d));
  put(picture, PLAIN, "  redis   connections %s   written %s/s   waiting %s   errors %s", brief(numbers[EDDY_TOP_REDIS_UP], a),
      rate(picture, EDDY_TOP_REDIS_WRITTEN, b), brief_bytes(numbers[EDDY_TOP_REDIS_PENDING], c),
      brief(numbers[EDDY_TOP_REDIS_ERRORS], d));
}

static const char *bar(double value, double most, char text[BAR + 1]) {
  int width = most > 0 && value > 0 ? (int)(value / most * BAR + 0.5) : 0;
  memset(text, '#', (size_t)width);
  text[width] = '\0';
  return text;
}

static void put_partitions(struct picture *picture, int shown) {
  const struct eddy_top_sample *sample = picture->sample;
  double paused = sample->numbers[EDDY_TOP_PAUSED], restoring = sample->numbers[EDDY_TOP_RESTORING];
  char a[SHORT], b[SHORT], c[SHORT], drawn[BAR + 1];
  put(picture, paused > 0 || restoring > 0 ? BAD : BOLD, "  partitions %s   paused %s   restoring %s",
      brief(sample->numbers[EDDY_TOP_PARTITIONS], a), brief(paused, b), brief(restoring, c));
  for (int i = 0; i < sample->partition_count && i < shown; i++) {
    const struct eddy_top_partition *partition = &sample->partitions[i];
    put(picture, partition->paused ? BAD : PLAIN, "    %5s  lag %8s  %-*s%s", partition->id, brief(partition->lag, a),
        partition->paused ? BAR : 0, bar(partition->lag, sample->partitions[0].lag, drawn),
        partition->paused ? "  paused" : "");
  }
  if (sample->partition_count > shown) put(picture, PLAIN, "      and %d with less lag", sample->partition_count - shown);
}

static void put_segments(struct picture *picture, int shown) {
  const struct eddy_top_sample *sample = picture->sample;
  char a[SHORT], drawn[BAR + 1];
  put(picture, BOLD, "  segments %d   model %s", sample->segment_count, brief(sample->numbers[EDDY_TOP_MODEL], a));
  if (sample->segment_count == 0) put(picture, PLAIN, "    none yet: the first model needs some thousand users");
  for (int i = 0; i < sample->segment_count && i < shown; i++) {
    const struct eddy_top_segment *segment = &sample->segments[i];
    put(picture, PLAIN, "    %5s  %-32.32s %8s  %s", segment->id, segment->name, brief(segment->users, a),
        bar(segment->users, sample->segments[0].users, drawn));
  }
}

void eddy_top_screen_draw(const struct eddy_top_screen *screen, const struct eddy_top_sample *before,
                          const struct eddy_top_sample *sample, const char *trouble) {
  struct picture picture = {screen, before, sample, 0};
  int room = screen->rows - HEAD_ROWS;
  int partitions = room / 3 > LIST_ROWS_LEAST ? room / 3 : LIST_ROWS_LEAST;
  fputs("\033[H", screen->out);
  put_head(&picture, trouble);
  put(&picture, PLAIN, "%s", "");
  put_rates(&picture);
  put_state(&picture);
  put(&picture, PLAIN, "%s", "");
  put_partitions(&picture, partitions);
  put(&picture, PLAIN, "%s", "");
  put_segments(&picture, screen->rows - picture.row - 2);
  fputs("\033[J", screen->out);
  fflush(screen->out);
}

/* The line ------------------------------------------------------------------------------------------------------------------*/

static void put_field(FILE *out, const char *name, double value, int decimals) {
  if (isfinite(value)) fprintf(out, " %s=%.*f", name, decimals, value);
}

void eddy_top_line_write(FILE *out, int64_t wall, const struct eddy_top_sample *before, const struct eddy_top_sample *sample) {
  static const struct {
    const char *name;
    enum eddy_top_number number;
  } rates[] = {{"events_per_s", EDDY_TOP_EVENTS},
               {"invalid_per_s", EDDY_TOP_INVALID},
               {"late_per_s", EDDY_TOP_LATE},
               {"outputs_per_s", EDDY_TOP_OUTPUTS},
               {"changes_per_s", EDDY_TOP_CHANGES},
               {"triggers_per_s", EDDY_TOP_FIRED},
               {"suppressed_per_s", EDDY_TOP_SUPPRESSED}},
    gauges[] = {{"lag", EDDY_TOP_LAG},
                {"partitions", EDDY_TOP_PARTITIONS},
                {"paused", EDDY_TOP_PAUSED},
                {"restoring", EDDY_TOP_RESTORING},
                {"users", EDDY_TOP_USERS},
                {"state_bytes", EDDY_TOP_MEMORY},
                {"model", EDDY_TOP_MODEL},
                {"redis_connections", EDDY_TOP_REDIS_UP},
                {"redis_pending_bytes", EDDY_TOP_REDIS_PENDING}};
  struct eddy_top_times commit = eddy_top_commit(before, sample), latency = eddy_top_latency(before, sample);
  char time[EDDY_TIME_TEXT];
  eddy_time_format(wall, time);
  fprintf(out, "time=%s", time);
  for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
    put_field(out, rates[i].name, eddy_top_rate(before, sample, rates[i].number), 1);
  for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
    put_field(out, gauges[i].name, sample->numbers[gauges[i].number], 0);
  put_field(out, "segments", sample->segment_count, 0);
  put_field(out, "commit_p50_ms", commit.p50, 1);
  put_field(out, "commit_p99_ms", commit.p99, 1);
  put_field(out, "latency_p50_ms", latency.p50, 1);
  put_field(out, "latency_p99_ms", latency.p99, 1);
  fputc('\n', out);
  fflush(out);
}
