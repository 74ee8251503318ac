/* Room for the variable parts of decoded events: items, properties and text that had to be rewritten (JSON escapes). One per
 * worker thread, cleared per batch; views in the events stay valid until then. Grows to what a batch needs and stays there.
 */
#ifndef EDDY_CODEC_EVENT_ROOM_H
#define EDDY_CODEC_EVENT_ROOM_H

#include "eddy/event.h"

struct eddy_event_room {
  uint8_t *block;          /* current block; older ones are chained in front */
  size_t used, capacity;
  size_t total, max;       /* bytes over all blocks; refuses beyond max (64 MiB) */
};

void eddy_event_room_init(struct eddy_event_room *room);
void eddy_event_room_fini(struct eddy_event_room *room);
/* Forgets everything, keeps one block as large as all of them together. */
void eddy_event_room_clear(struct eddy_event_room *room);
/* Memory aligned to 8; NULL beyond the limit. */
void *eddy_event_room_take(struct eddy_event_room *room, size_t size);

#endif
