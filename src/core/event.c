/* Names of event types, and the event that says nothing. */
#include "eddy/event.h"

#include <math.h>
#include <string.h>

static const char *const type_names[EDDY_EVENT_TYPE_COUNT] = {
#define X(constant, name) [EDDY_##constant] = (name),
    EDDY_EVENT_TYPES(X)
#undef X
};

const char *eddy_event_type_name(enum eddy_event_type type) {
  return (unsigned)type < EDDY_EVENT_TYPE_COUNT ? type_names[type] : NULL;
}

int eddy_event_type_find(struct eddy_str name) {
  for (int type = 0; type < EDDY_EVENT_TYPE_COUNT; type++) {
    if (strlen(type_names[type]) == name.len && memcmp(type_names[type], name.data, name.len) == 0) {
      return type;
    }
  }
  return -1;
}

const struct eddy_event eddy_event_empty = {
    .event_time = EDDY_TIME_NONE,
    .received_at = EDDY_TIME_NONE,
    .machine_open = -1,
    .bot_suspected = -1,
    .latitude = NAN,
    .longitude = NAN,
};
