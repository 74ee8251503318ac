/* JSON events from hostile text: what is read must pass the check and come back the same through our own writer. */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "codec/container.h"
#include "codec/event_check.h"
#include "codec/event_decoder.h"
#include "codec/event_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct eddy_event *event, struct eddy_event_room *room) {
  char why[256];
  struct eddy_event again;
  struct eddy_buffer buffer;
  eddy_buffer_init(&buffer, NULL);
  EDDY_ASSERT(eddy_event_check(event) == 0);
  EDDY_ASSERT(eddy_event_to_json(event, &buffer) == 0);
  EDDY_ASSERT(eddy_event_read_json((const char *)buffer.data, buffer.size, room, &again, why, sizeof why) == 0);
  EDDY_ASSERT(again.type == event->type && again.event_time == event->event_time && again.value == event->value);
  EDDY_ASSERT(again.item_count == event->item_count && again.property_count == event->property_count);
  EDDY_ASSERT(again.user_id.len == event->user_id.len);
  EDDY_ASSERT(memcmp(again.user_id.data, event->user_id.data, event->user_id.len) == 0);
  EDDY_ASSERT(memcmp(&again.longitude, &event->longitude, sizeof again.longitude) == 0 || again.longitude == event->longitude);
  eddy_buffer_fini(&buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char why[256];
  struct eddy_event event;
  struct eddy_event_room room;
  eddy_event_room_init(&room);
  bool clamped;
  int error = eddy_event_read_json((const char *)data, size, &room, &event, why, sizeof why);
  if (error == 0) {
    if (eddy_event_settle(&event, event.received_at, &clamped) == 0) check_again(&event, &room);
  } else {
    EDDY_ASSERT(strlen(why) > 0);
  }
  eddy_event_room_fini(&room);
  return 0;
}
