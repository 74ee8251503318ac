/* JSON text to event, for the decoder and for files: strings are UTF-8 and within their limits, types are right, but the rules
 * are still to be asked (eddy_event_settle() in codec/event_check.h). One jansson tree per event.
 */
#ifndef EDDY_CODEC_EVENT_JSON_H
#define EDDY_CODEC_EVENT_JSON_H

#include "codec/event_room.h"

/* The text is copied to the room. Names of types accept the aliases of Segment ("Product Added"), Braze
 * ("ecommerce.cart_updated", "users.messages.email.Open") and mail services; the fields type, user_id, event_time and event_id
 * may be called event, userId, timestamp and messageId as in Segment. Unknown fields are ignored, null is absent, money must be
 * a whole number of minor units. 0, EDDY_DECODE_FULL or a code; `why` gets a sentence naming the field. */
int eddy_event_read_json(const char *text, size_t size, struct eddy_event_room *room, struct eddy_event *event, char *why,
                         size_t why_size);

#endif
