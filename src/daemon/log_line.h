/* One log line as bytes. Pure apart from the caller's buffer; any thread. */
#ifndef EDDY_DAEMON_LOG_LINE_H
#define EDDY_DAEMON_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/logger.h"

enum { EDDY_LOG_LINE_MAX = 8192 };

struct eddy_log_line {
  char text[EDDY_LOG_LINE_MAX];
  size_t size;
  bool json;
};

/* Fills the line, with its line feed; what does not fit is left out, field by field. `fields` is logfmt or NULL: a value is in
 * quotes or goes on to the next ` key=`. `repeated` > 0 adds that field. */
void eddy_log_line_make(struct eddy_log_line *line, int64_t time, enum eddy_log_level level, const char *message,
                        const char *fields, uint64_t repeated);

#endif
