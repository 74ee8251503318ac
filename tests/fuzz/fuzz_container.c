/* Container files from hostile bytes: reading comes to an end and every event passes the check. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "codec/container.h"
#include "codec/event_check.h"
#include "codec/event_decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(FILE *file) {
  char why[256] = "";
  struct eddy_container_reader *reader;
  struct eddy_event_room room;
  struct eddy_event event;
  if (eddy_container_open(&reader, file, why, sizeof why) != 0) {
    EDDY_ASSERT(strlen(why) > 0);
    return;
  }
  eddy_event_room_init(&room);
  for (int result; (result = eddy_container_next(reader, &room, &event, why, sizeof why)) != 0 && result != -1;) {
    bool clamped;
    if (result == 1 && eddy_event_settle(&event, event.received_at, &clamped) == 0) EDDY_ASSERT(eddy_event_check(&event) == 0);
    EDDY_ASSERT(result >= 0 || strlen(why) > 0);
    eddy_event_room_clear(&room);
  }
  eddy_event_room_fini(&room);
  eddy_container_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  FILE *file = fmemopen((void *)(uintptr_t)data, size, "rb");
  EDDY_ASSERT(file);
  read_all(file);
  fclose(file);
  return 0;
}
