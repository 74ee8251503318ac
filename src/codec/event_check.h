/* What every event must satisfy, and how a decoder that has seen to its strings gets it there. Pure; tens of nanoseconds.
 */
#ifndef EDDY_CODEC_EVENT_CHECK_H
#define EDDY_CODEC_EVENT_CHECK_H

#include "eddy/event.h"

#define EDDY_EVENT_TIME_MIN INT64_C(946684800000)     /* 2000-01-01T00:00:00Z */
#define EDDY_EVENT_TIME_MAX INT64_C(4102444800000)    /* 2100-01-01T00:00:00Z */
#define EDDY_EVENT_TIME_LAST INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* What every event must satisfy, wherever it comes from: user_id, type, time (2000-01-01 .. 2100-01-01), finite numbers
 * (degrees in their range, no negative quantity), items with a product_id, UTF-8, the limits of eddy/event.h, ids and the keys
 * of properties <= 255 bytes, other strings <= 4096. user_merged is not supported yet. 0 or a code. */
int eddy_event_check(const struct eddy_event *event);

/* The last step of every decoder: a stamp later than `own_time` (of the record; EDDY_TIME_NONE = it has none) + 5 min becomes
 * `own_time`, *clamped tells; then the rules of eddy_event_check() but for strings. No clamp if own_time lies outside
 * 2000..2100 itself. The clamp comes first, so that 2190 is clamped where it can be and refused where it cannot; beyond the
 * year 9999 is nonsense and always refused. 0 or a code. */
int eddy_event_settle(struct eddy_event *event, int64_t own_time, bool *clamped);

#endif
