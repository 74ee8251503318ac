/* Log lines: what stands behind a struct eddy_logger in the daemon. One line per message, logfmt or JSON:
 *
 *   time=2026-11-25T00:03:00.123Z level=info msg="partition assigned" topic=eddy.events partition=3
 *   {"time":"2026-11-25T00:03:00.123Z","level":"info","msg":"partition assigned","topic":"eddy.events","partition":3}
 *
 * Invariants: a message is one line whatever its fields hold (line feeds, control characters and what is not UTF-8 are escaped;
 * fields cannot pretend to be time, level or msg). A message that came EDDY_LOG_BURST times within ten seconds is held back
 * from then on and, when the ten seconds are over, written once more with repeated=N. Any thread; a lock around formatting and
 * writing.
 */
#ifndef EDDY_DAEMON_LOG_H
#define EDDY_DAEMON_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/logger.h"

enum { EDDY_LOG_BURST = 20, EDDY_LOG_WINDOW_MS = 10000 };

struct eddy_log_options {
  FILE *out; /* NULL: stderr */
  enum eddy_log_level level;
  bool json;
  int64_t (*clock)(void *ctx); /* ms since 1970; NULL: the wall clock */
  void *clock_ctx;
};

struct eddy_log_writer;

/* 0, or -1 if memory is short. */
int eddy_log_open(struct eddy_log_writer **writer, const struct eddy_log_options *options);
/* Writes what is still held back, too. NULL is fine. No logger of this writer may be used any more. */
void eddy_log_close(struct eddy_log_writer *writer);

/* The interface for everybody else; valid until eddy_log_close(). */
struct eddy_logger eddy_log_logger(struct eddy_log_writer *writer);

/* Writes the held-back messages whose ten seconds are over. Every message does that as well; call it now and then so that the
 * last ones do not wait for the next. */
void eddy_log_flush(struct eddy_log_writer *writer);

#endif
