/* The table behind eddy_event_type_alias() (codec/event_decoder.h), for tests and documentation. Constant. */
#ifndef EDDY_CODEC_EVENT_ALIASES_H
#define EDDY_CODEC_EVENT_ALIASES_H

#include "eddy/event.h"

struct eddy_event_alias {
  const char *name;
  enum eddy_event_type type;
};
extern const struct eddy_event_alias eddy_event_aliases[];
extern const size_t eddy_event_alias_count;

#endif
