/* The two halves of eddy_event_check() (codec/event_decoder.h), for decoders that have one of them behind them, and what they
 * all end with. Pure; tens of nanoseconds.
 */
#ifndef EDDY_CODEC_EVENT_CHECK_H
#define EDDY_CODEC_EVENT_CHECK_H

#include "eddy/event.h"

#define EDDY_EVENT_TIME_MIN INT64_C(946684800000)     /* 2000-01-01T00:00:00Z */
#define EDDY_EVENT_TIME_MAX INT64_C(4102444800000)    /* 2100-01-01T00:00:00Z */
#define EDDY_EVENT_TIME_LAST INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* Every string is UTF-8 and within its limit: a decode plan has seen to that. 0 or a code. */
int eddy_event_check_texts(const struct eddy_event *event);
/* All the rest. Strings must be UTF-8. 0 or a code. */
int eddy_event_check_rules(const struct eddy_event *event);
/* The last step of every decoder: a stamp later than `own_time` (of the record; EDDY_TIME_NONE = it has none) + 5 min becomes
 * `own_time`, *clamped tells; then eddy_event_check_rules(). No clamp if own_time lies outside 2000..2100 itself. The clamp
 * comes first, so that 2190 is clamped where it can be and refused where it cannot; beyond the year 9999 is nonsense and always
 * refused. 0 or a code. */
int eddy_event_settle(struct eddy_event *event, int64_t own_time, bool *clamped);

#endif
