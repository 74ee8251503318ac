/* What the demo shows: one picture of the pipeline's numbers, redrawn in place on a terminal, printed below each other
 * elsewhere.
 */
#ifndef EDDY_CMD_DEMO_SCREEN_H
#define EDDY_CMD_DEMO_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

#include "daemon/stats.h"

struct eddy_demo_frame {
  const struct eddy_pipeline_stats *stats;
  double seconds;      /* since the start */
  double events_per_s; /* lately */
  int64_t event_time;  /* of the shoppers */
  double speed;
  const char *http, *broker, *redis; /* addresses; redis NULL = none */
};

void eddy_demo_screen_draw(FILE *out, const struct eddy_demo_frame *frame, bool redraw);

#endif
