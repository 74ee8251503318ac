/* JSON to event: the flat Avro record without union wrappers, for people who try things with kcat and for file sources. Not the
 * fast path: one jansson tree per event.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"
#include "codec/event_check.h"
#include "codec/event_decoder.h"
#include "codec/event_fields.h"
#include "codec/event_json.h"

struct reading {
  struct eddy_event_room *room;
  const char *list; /* "items" while one of them is read, else NULL */
  uint32_t position;
  char *why;
  size_t why_size;
};

/* Writes "items[2].price must be ..." and returns the code. */
__attribute__((format(printf, 4, 5))) static int fail(struct reading *reading, int code, const char *field, const char *format,
                                                      ...) {
  int used;
  if (reading->list) {
    used = snprintf(reading->why, reading->why_size, "%s[%u].%s ", reading->list, reading->position, field);
  } else {
    used = snprintf(reading->why, reading->why_size, "%s ", field);
  }
  if (used < 0 || (size_t)used >= reading->why_size) return code;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(reading->why + used, reading->why_size - (size_t)used, format, arguments);
  va_end(arguments);
  return code;
}

/* Values ------------------------------------------------------------------------------------------------------------------ */

static int copy_text(struct reading *reading, const char *data, size_t size, struct eddy_str *target) {
  char *copy = eddy_event_room_copy(reading->room, data, size);
  if (!copy) return EDDY_DECODE_FULL;
  *target = (struct eddy_str){copy, (uint32_t)size};
  return 0;
}

static int read_text(struct reading *reading, const struct eddy_field *field, const json_t *json, struct eddy_str *target) {
  size_t size = json_string_length(json);
  if (!json_is_string(json)) return fail(reading, EDDY_EVENT_E_JSON, field->name, "must be a string");
  if (size > field->limit) return fail(reading, field->error, field->name, "is longer than %u bytes", field->limit);
  return copy_text(reading, json_string_value(json), size, target);
}

static int read_whole(struct reading *reading, const struct eddy_field *field, const json_t *json, const char *what,
                      int64_t *value) {
  if (json_is_real(json)) return fail(reading, EDDY_EVENT_E_NUMBER, field->name, "must be a whole number%s", what);
  if (!json_is_integer(json)) return fail(reading, EDDY_EVENT_E_JSON, field->name, "must be a whole number%s", what);
  *value = json_integer_value(json);
  return 0;
}

static int read_time(struct reading *reading, const struct eddy_field *field, const json_t *json, int64_t *target) {
  if (!json_is_string(json)) return read_whole(reading, field, json, " of milliseconds or an RFC 3339 time", target);
  size_t size = json_string_length(json);
  struct eddy_str text = {json_string_value(json), (uint32_t)size};
  if (size > 64 || eddy_time_parse(text, target) != 0) {
    return fail(reading, EDDY_EVENT_E_TIME, field->name, "is not an RFC 3339 time");
  }
  return 0;
}

static int read_money(struct reading *reading, const struct eddy_field *field, const json_t *json, uint8_t *target) {
  int64_t value = 0;
  int error = read_whole(reading, field, json, " of minor units (cents)", &value);
  if (error) return error;
  *(int64_t *)(void *)(target + field->offset) = value;
  *(bool *)(target + field->companion) = true;
  return 0;
}

static int read_quantity(struct reading *reading, const struct eddy_field *field, const json_t *json, int32_t *target) {
  int64_t value = 0;
  int error = read_whole(reading, field, json, "", &value);
  if (error) return error;
  if (value < 0 || value > INT32_MAX) return fail(reading, EDDY_EVENT_E_NUMBER, field->name, "is out of its range");
  *target = (int32_t)value;
  return 0;
}

static int read_type(struct reading *reading, const struct eddy_field *field, const json_t *json,
                     enum eddy_event_type *target) {
  struct eddy_str name = {json_string_value(json), (uint32_t)json_string_length(json)};
  if (!json_is_string(json)) return fail(reading, EDDY_EVENT_E_JSON, field->name, "must be a string");
  int type = eddy_event_type_alias(name);
  if (type < 0) return fail(reading, EDDY_EVENT_E_TYPE, field->name, "\"%.64s\" is not known", name.data);
  *target = (enum eddy_event_type)type;
  return 0;
}

static int read_simple(struct reading *reading, const struct eddy_field *field, const json_t *json, uint8_t *target) {
  void *at = target + field->offset;
  switch (field->kind) {
    case EDDY_FIELD_TEXT:
      return read_text(reading, field, json, at);
    case EDDY_FIELD_TYPE:
      return read_type(reading, field, json, at);
    case EDDY_FIELD_TIME:
      return read_time(reading, field, json, at);
    case EDDY_FIELD_MONEY:
      return read_money(reading, field, json, target);
    case EDDY_FIELD_QUANTITY:
      return read_quantity(reading, field, json, at);
    case EDDY_FIELD_DEGREES:
      if (!json_is_number(json)) return fail(reading, EDDY_EVENT_E_JSON, field->name, "must be a number");
      *(double *)at = json_number_value(json);
      return 0;
    case EDDY_FIELD_TRISTATE:
      if (!json_is_boolean(json)) return fail(reading, EDDY_EVENT_E_JSON, field->name, "must be true or false");
      *(int8_t *)at = json_is_true(json);
      return 0;
    case EDDY_FIELD_ITEMS:
    case EDDY_FIELD_PROPERTIES:
    case EDDY_FIELD_EVENT:
    case EDDY_FIELD_ITEM:
      break;
  }
  return fail(reading, EDDY_EVENT_E_JSON, field->name, "cannot stand here");
}

/* Lists ------------------------------------------------------------------------------------------------------------------- */

static int read_item(struct reading *reading, const json_t *json, struct eddy_item *item) {
  *item = eddy_item_empty;
  if (!json_is_object(json)) return fail(reading, EDDY_EVENT_E_JSON, "", "must be an object");
  for (uint32_t i = 0; i < eddy_item_fields.count; i++) {
    const struct eddy_field *field = &eddy_item_fields.rows[i];
    const json_t *value = json_object_get(json, field->name);
    int error = value && !json_is_null(value) ? read_simple(reading, field, value, (uint8_t *)item) : 0;
    if (error) return error;
  }
  if (item->product_id.len == 0) return fail(reading, EDDY_EVENT_E_FIELD, "product_id", "is missing");
  return 0;
}

static int read_items(struct reading *reading, const json_t *json, struct eddy_event *event) {
  size_t count = json_array_size(json);
  if (!json_is_array(json)) return fail(reading, EDDY_EVENT_E_JSON, "items", "must be a list of objects");
  if (count > EDDY_EVENT_ITEMS_MAX) return fail(reading, EDDY_EVENT_E_LIMIT, "items", "are more than %d", EDDY_EVENT_ITEMS_MAX);
  struct eddy_item *items = eddy_event_room_take(reading->room, count * sizeof *items);
  if (!items) return EDDY_DECODE_FULL;
  reading->list = "items";
  for (size_t i = 0; i < count; i++) {
    reading->position = (uint32_t)i;
    int error = read_item(reading, json_array_get(json, i), &items[i]);
    if (error) return error;
  }
  reading->list = NULL;
  event->items = items;
  event->item_count = (uint32_t)count;
  return 0;
}

static int read_property(struct reading *reading, const char *key, const json_t *json, struct eddy_property *property) {
  const struct eddy_field value = {.name = key, .limit = EDDY_TEXT_MAX, .error = EDDY_EVENT_E_TEXT};
  if (strlen(key) > EDDY_ID_MAX) {
    return fail(reading, EDDY_EVENT_E_TEXT, "properties", "have a key longer than %d bytes", EDDY_ID_MAX);
  }
  int error = read_text(reading, &value, json, &property->value);
  return error ? error : copy_text(reading, key, strlen(key), &property->key);
}

static int read_properties(struct reading *reading, json_t *json, struct eddy_event *event) {
  size_t count = json_object_size(json), i = 0;
  if (!json_is_object(json)) return fail(reading, EDDY_EVENT_E_JSON, "properties", "must be an object of strings");
  if (count > EDDY_EVENT_PROPERTIES_MAX) {
    return fail(reading, EDDY_EVENT_E_LIMIT, "properties", "are more than %d", EDDY_EVENT_PROPERTIES_MAX);
  }
  struct eddy_property *properties = eddy_event_room_take(reading->room, count * sizeof *properties);
  if (!properties) return EDDY_DECODE_FULL;
  for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at), i++) {
    int error = read_property(reading, json_object_iter_key(at), json_object_iter_value(at), &properties[i]);
    if (error) return error;
  }
  event->properties = properties;
  event->property_count = (uint32_t)count;
  return 0;
}

/* The event --------------------------------------------------------------------------------------------------------------- */

/* Segment's names for fields of the envelope. */
static const char *segment_name(const char *name) {
  if (strcmp(name, "user_id") == 0) return "userId";
  if (strcmp(name, "event_time") == 0) return "timestamp";
  if (strcmp(name, "event_id") == 0) return "messageId";
  return strcmp(name, "type") == 0 ? "event" : NULL;
}

/* A field under its own name, else under Segment's. Segment's "type" is the kind of call; for a "track" the name of the event
 * stands in "event". */
static json_t *find_value(json_t *json, const char *name) {
  json_t *value = json_object_get(json, name);
  const char *other = segment_name(name);
  bool is_track = strcmp(name, "type") == 0 && json_is_string(value) && strcmp(json_string_value(value), "track") == 0;
  if (other && (!value || is_track)) {
    json_t *found = json_object_get(json, other);
    if (found) value = found;
  }
  return json_is_null(value) ? NULL : value;
}

static int read_fields(struct reading *reading, json_t *json, struct eddy_event *event) {
  for (uint32_t i = 0; i < eddy_event_fields.count; i++) {
    const struct eddy_field *field = &eddy_event_fields.rows[i];
    json_t *value = find_value(json, field->name);
    int error = 0;
    if (!value) {
      if (field->kind == EDDY_FIELD_TYPE) error = fail(reading, EDDY_EVENT_E_FIELD, "type", "is missing");
    } else if (field->kind == EDDY_FIELD_ITEMS) {
      error = read_items(reading, value, event);
    } else if (field->kind == EDDY_FIELD_PROPERTIES) {
      error = read_properties(reading, value, event);
    } else {
      error = read_simple(reading, field, value, (uint8_t *)event);
    }
    if (error) return error;
  }
  return 0;
}

int eddy_event_read_json(const char *text, size_t size, struct eddy_event_room *room, struct eddy_event *event, char *why,
                         size_t why_size) {
  struct reading reading = {.room = room, .why = why, .why_size = why_size};
  json_error_t problem;
  *event = eddy_event_empty;
  event->source = EDDY_STR(""); /* as the schema's default has it */
  if (why_size) why[0] = '\0';
  json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &problem);
  if (!json_is_object(json)) {
    snprintf(why, why_size, "not a JSON object: %s", json ? "a list" : problem.text);
    json_decref(json);
    return EDDY_EVENT_E_JSON;
  }
  int error = read_fields(&reading, json, event);
  json_decref(json);
  return error;
}
