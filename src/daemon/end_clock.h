/* Which time it is at the end of a partition (DESIGN section 8).
 *
 * "At the end" is a lease: it begins with PARTITION_EOF, is renewed by every further one, and lapses with the next event, when
 * a broker cannot be reached, or when no EOF came for EDDY_END_LEASE_MS: a purchase may be waiting that nobody can see.
 * librdkafka tells EOF once per offset, so the owner asks again (by a seek to its own position) whenever probe_due() says so.
 *
 * Plain value, pure arithmetic, one thread.
 */
#ifndef EDDY_DAEMON_END_CLOCK_H
#define EDDY_DAEMON_END_CLOCK_H

#include "daemon/config.h"

enum { EDDY_END_PROBE_MS = 1000, EDDY_END_LEASE_MS = 4000 };

enum eddy_end_state {
  EDDY_END_READING, /* events come; librdkafka will tell the end by itself */
  EDDY_END_REACHED,
  EDDY_END_UNSURE,  /* was reached, but that may no longer hold: ask */
};

struct eddy_end_clock {
  enum eddy_end_state state;
  int64_t told, asked;               /* monotonic: last EOF, last probe */
  int64_t anchor_event, anchor_wall; /* scaled: event time and wall time of the moment the end was reached */
};

/* PARTITION_EOF came; `newest` = newest event time or EDDY_TIME_NONE. */
void eddy_end_clock_reached(struct eddy_end_clock *clock, int64_t mono, int64_t wall, int64_t newest);
/* An event came. */
void eddy_end_clock_moved(struct eddy_end_clock *clock);
/* A broker cannot be reached, or the partition is not read now. */
void eddy_end_clock_doubt(struct eddy_end_clock *clock);
/* True (once per interval) if the owner should make librdkafka tell EOF again. */
bool eddy_end_clock_probe_due(struct eddy_end_clock *clock, int64_t mono);

/* How the end of the input moves time. */
struct eddy_end_rule {
  enum eddy_at_end at_end;
  double scale;
  int64_t lateness_ms;
};
/* Partition time to move on to, EDDY_TIME_NONE = time stands still. */
int64_t eddy_end_clock_time(struct eddy_end_clock *clock, const struct eddy_end_rule *rule, int64_t mono, int64_t wall,
                            int64_t newest);

#endif
