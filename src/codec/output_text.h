/* What trigger records say to people, and ids as text. Pure; the caller owns the room. */
#ifndef EDDY_CODEC_OUTPUT_TEXT_H
#define EDDY_CODEC_OUTPUT_TEXT_H

#include "eddy/effect.h"

enum { EDDY_TRIGGER_ID_TEXT = 32, EDDY_REASON_TEXT_MAX = 1024 };

/* 32 hex digits, not terminated. */
void eddy_trigger_id_text(const uint64_t trigger_id[2], char text[EDDY_TRIGGER_ID_TEXT]);

/* "product_added at 2017-11-25T04:00:30Z, then no order_completed or checkout_started for 1h". Returns the length; not
 * terminated. */
size_t eddy_reason_text(const struct eddy_trigger_spec *spec, const struct eddy_trigger_fired *fired,
                        char text[EDDY_REASON_TEXT_MAX]);

#endif
