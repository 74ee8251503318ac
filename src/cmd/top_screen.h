/* How `eddy top` shows two readings: a picture redrawn in place on a terminal, a line of logfmt elsewhere. One thread. */
#ifndef EDDY_CMD_TOP_SCREEN_H
#define EDDY_CMD_TOP_SCREEN_H

#include <stdio.h>

#include "cmd/top_sample.h"

struct eddy_top_screen {
  FILE *out;
  const char *where; /* what is asked */
  int rows, columns;
  bool colour;
};

/* `before` NULL: the first reading, no rates yet. `trouble` NULL: all is well; else the last reading is shown with it. */
void eddy_top_screen_draw(const struct eddy_top_screen *screen, const struct eddy_top_sample *before,
                          const struct eddy_top_sample *sample, const char *trouble);
/* What is not known is left out. */
void eddy_top_line_write(FILE *out, int64_t wall, const struct eddy_top_sample *before, const struct eddy_top_sample *sample);

#endif
