/* Times and durations as text: RFC 3339 in UTC, and durations with a unit ("7d", "90m", "100ms").
 *
 * Proleptic Gregorian calendar, years 0001-9999, computed here: no libc time zone, no locale, no globals. Any thread; tens of
 * nanoseconds; nothing allocates.
 */
#ifndef EDDY_BASE_TIMEFMT_H
#define EDDY_BASE_TIMEFMT_H

#include "eddy/types.h"

enum { EDDY_TIME_TEXT = 32 }; /* room for either text with its terminator */

/* "2017-11-25T04:00:30Z", with ".250" before the Z if there are milliseconds; "never" for EDDY_TIME_NONE; times outside the
 * calendar as a number of milliseconds. Returns the length. */
size_t eddy_time_format(int64_t ms, char text[EDDY_TIME_TEXT]);

/* RFC 3339: date "T" or space, time of day, optional fraction (digits beyond milliseconds are cut), "Z" or an offset such as
 * "+01:00". A date alone means its midnight UTC. A leap second (:60) counts as the second after it. 0 or EDDY_E_INVALID. */
int eddy_time_parse(struct eddy_str text, int64_t *ms);

/* A whole number and a unit: ms, s, m, h, d or w. "0" needs none. 0 or EDDY_E_INVALID (no unit, sign, fraction, overflow). */
int eddy_duration_parse(struct eddy_str text, int64_t *ms);

/* In the largest unit (of ms, s, m, h, d) that divides it: 5400000 -> "90m"; 0 -> "0s". Negative values get a sign. Returns the
 * length. */
size_t eddy_duration_format(int64_t ms, char text[EDDY_TIME_TEXT]);

#endif
