/* The fields of an event as one table: name on the wire, kind, place in the struct, limit. Decode plans, JSON and the checks
 * all go by it, so that a new field is one line here, one in event.h and one in event.avsc (a test compares the three).
 *
 * Constant data; look-up by name is linear (set-up and JSON only).
 */
#ifndef EDDY_CODEC_EVENT_FIELDS_H
#define EDDY_CODEC_EVENT_FIELDS_H

#include "codec/event_error.h"
#include "eddy/event.h"

enum eddy_field_kind {
  EDDY_FIELD_TEXT,       /* struct eddy_str */
  EDDY_FIELD_TYPE,       /* enum eddy_event_type */
  EDDY_FIELD_TIME,       /* int64_t, ms */
  EDDY_FIELD_MONEY,      /* int64_t in minor units, companion: bool has_* */
  EDDY_FIELD_QUANTITY,   /* int32_t */
  EDDY_FIELD_DEGREES,    /* double, NaN = absent */
  EDDY_FIELD_TRISTATE,   /* int8_t */
  EDDY_FIELD_ITEMS,      /* const struct eddy_item *, companion: uint32_t count */
  EDDY_FIELD_PROPERTIES, /* const struct eddy_property *, companion: uint32_t count */
  EDDY_FIELD_EVENT,      /* the whole: struct eddy_event */
  EDDY_FIELD_ITEM,       /* the whole: struct eddy_item */
};

enum {
  EDDY_ID_MAX = 255,    /* bytes of an id or the key of a property */
  EDDY_TEXT_MAX = 4096, /* bytes of any other string */
};

struct eddy_field {
  const char *name;
  enum eddy_field_kind kind;
  uint16_t offset;
  uint16_t companion; /* offset of has_* or *_count; 0 = none (no companion comes first in a struct) */
  uint16_t limit;     /* text: longest in bytes */
  int error;          /* text: the code if it is longer or not UTF-8 */
};

struct eddy_field_list {
  const struct eddy_field *rows;
  uint32_t count;
};

extern const struct eddy_field_list eddy_event_fields, eddy_item_fields;
extern const struct eddy_item eddy_item_empty; /* everything absent, quantity 1 */

/* NULL if there is none. */
const struct eddy_field *eddy_field_find(const struct eddy_field_list *list, const char *name);

#endif
