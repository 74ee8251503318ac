/* Room for the variable parts of decoded events: items, properties and text that had to be rewritten (JSON escapes). One per
 * worker thread, cleared per batch; views in the events stay valid until then. Grows to what a batch needs and stays there.
 * Also the arena of schemas and decode plans, which live and die as a whole.
 *
 * Taking is a few instructions; memory never moves. A batch of 1,024 events of 256 items each fits.
 */
#ifndef EDDY_CODEC_EVENT_ROOM_H
#define EDDY_CODEC_EVENT_ROOM_H

#include "eddy/event.h"

struct eddy_event_room {
  uint8_t *block;        /* current block, opens with a header that chains to the older ones; NULL = none yet */
  size_t used, capacity; /* of the current block, header included */
  size_t total, max;     /* bytes over all blocks; refuses beyond max (64 MiB) */
};

void eddy_event_room_init(struct eddy_event_room *room);
void eddy_event_room_fini(struct eddy_event_room *room);
/* Forgets everything, keeps one block as large as all of them together. */
void eddy_event_room_clear(struct eddy_event_room *room);
/* Memory aligned to 8; NULL beyond the limit or if malloc fails. */
void *eddy_event_room_take(struct eddy_event_room *room, size_t size);
/* Makes `old` (the result of a take or grow, or NULL) larger, in place if it was the last one; else copies. NULL beyond the
 * limit. */
void *eddy_event_room_grow(struct eddy_event_room *room, void *old, size_t old_size, size_t new_size);
/* A copy of bytes with a terminator behind them; NULL beyond the limit. */
char *eddy_event_room_copy(struct eddy_event_room *room, const void *bytes, size_t size);

#endif
