/* The two halves of eddy_event_check() (codec/event_decoder.h), for decoders that have one of them behind them. Pure; tens of
 * nanoseconds.
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

#endif
