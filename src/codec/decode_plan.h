/* A decode plan: writer schema and reader schema (schemas/event.avsc) compiled into a short program that reads one record into
 * struct eddy_event. Schema resolution as in the Avro specification: reordered, added (reader default) and removed fields,
 * promotions int -> long -> float -> double and string <-> bytes, enum symbols by name with the enum's default, unions on either
 * side, aliases of the reader. Everything is decided when the plan is made; running it does not allocate and never reads past
 * the end.
 */
#ifndef EDDY_CODEC_DECODE_PLAN_H
#define EDDY_CODEC_DECODE_PLAN_H

#include "codec/avro_schema.h"
#include "codec/event_room.h"

struct eddy_decode_plan;

/* NULL with a sentence in `why` if the schemas cannot be resolved (names the path, e.g. "Event.items[].price"). */
struct eddy_decode_plan *eddy_decode_plan_new(const struct eddy_avro_schema *writer, char *why, size_t why_size);
void eddy_decode_plan_free(struct eddy_decode_plan *plan);

/* Decodes one record body. Strings are views into `bytes` (or into the plan, for defaults). 0 or a code of codec/event_error.h.
 * `used` = bytes consumed; trailing bytes are the caller's to judge. */
int eddy_decode_plan_run(const struct eddy_decode_plan *plan, const uint8_t *bytes, size_t size, struct eddy_event_room *room,
                         struct eddy_event *event, size_t *used);

#endif
