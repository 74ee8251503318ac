/* The half of eddy_event_from_json() (codec/event_decoder.h) that reads: strings are UTF-8 and within their limits, types are
 * right, but eddy_event_check_rules() is still to be asked, perhaps after the stamp was clamped.
 */
#ifndef EDDY_CODEC_EVENT_JSON_H
#define EDDY_CODEC_EVENT_JSON_H

#include "codec/event_room.h"

int eddy_event_read_json(const char *text, size_t size, struct eddy_event_room *room, struct eddy_event *event, char *why,
                         size_t why_size);

#endif
