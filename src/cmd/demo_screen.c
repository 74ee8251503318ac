#include "cmd/demo_screen.h"

#include <inttypes.h>
#include <string.h>

#include "base/timefmt.h"

enum { BAR_WIDTH = 24, SEGMENTS_SHOWN = 8 };

static void draw_head(FILE *out, const struct eddy_demo_frame *frame) {
  char time[40];
  eddy_time_format(frame->event_time, time);
  fprintf(out, "eddy demo   %.0f s   shop time %.16s (%.0fx)   Ctrl-C ends it\n", frame->seconds, time, frame->speed);
  fprintf(out, "broker %s (in this process)   redis %s\n", frame->broker, frame->redis ? frame->redis : "left out");
  fprintf(out, "live page http://%s/   metrics http://%s/metrics\n\n", frame->http, frame->http);
}

static void draw_numbers(FILE *out, const struct eddy_demo_frame *frame) {
  const struct eddy_pipeline_stats *stats = frame->stats;
  fprintf(out,
          "  events    %10" PRIu64 "   %6.0f/s   lag %" PRIu64 "   users %" PRIu64 "   invalid %" PRIu64
          "\n"
          "  published %10" PRIu64 " segment changes   %" PRIu64 " triggers   %" PRIu64 " suppressed   %" PRIu64
          " commits   redis %" PRIu64 "\n\n",
          stats->events, frame->events_per_s, stats->lag, stats->users, stats->invalid, stats->segment_changes,
          stats->triggers_fired, stats->triggers_suppressed, stats->commits, stats->redis_written);
}

static void draw_bar(FILE *out, uint64_t value, uint64_t most) {
  uint64_t width = most > 0 ? (value * BAR_WIDTH + most / 2) / most : 0;
  for (uint64_t i = 0; i < width; i++) fputs("#", out);
}

static void draw_segments(FILE *out, const struct eddy_pipeline_stats *stats) {
  if (stats->segment_count == 0) {
    fputs("  segments  waiting for enough shoppers to learn the first model from\n", out);
    return;
  }
  fprintf(out, "  segments  (model %" PRIu64 ")\n", stats->model_version);
  for (uint16_t i = 0; i < stats->segment_count && i < SEGMENTS_SHOWN; i++) {
    const struct eddy_board_segment *segment = &stats->segments[i];
    fprintf(out, "   #%-4" PRIu32 " %-44.44s %7" PRIu64 " ", segment->id, segment->name, segment->users);
    draw_bar(out, segment->users, stats->segments[0].users);
    fputc('\n', out);
  }
}

static void draw_triggers(FILE *out, const struct eddy_pipeline_stats *stats) {
  fputs("\n  newest triggers\n", out);
  if (stats->trigger_count == 0) fputs("   none yet: a cart has to stay untouched for an hour of shop time\n", out);
  for (uint16_t i = 0; i < stats->trigger_count; i++) {
    const struct eddy_board_trigger *trigger = &stats->triggers[i];
    fprintf(out, "   %s  %s  %.60s", trigger->trigger, trigger->user, trigger->cart[0] ? trigger->cart : "(empty cart)");
    if (trigger->currency[0]) fprintf(out, "  %.2f %s", (double)trigger->value / 100, trigger->currency);
    fprintf(out, "\n      %s\n", trigger->reason);
  }
}

void eddy_demo_screen_draw(FILE *out, const struct eddy_demo_frame *frame, bool redraw) {
  if (redraw) fputs("\033[H\033[2J", out);
  draw_head(out, frame);
  draw_numbers(out, frame);
  draw_segments(out, frame->stats);
  draw_triggers(out, frame->stats);
  if (!redraw) fputs("\n", out);
  fflush(out);
}
