/* The reader's defaults, turned from JSON into values in a record's blank when the plan is made. Recursion follows the reader:
 * event, items, item. */
#include <jansson.h>
#include <string.h>

#include "codec/decode_steps.h"
#include "codec/utf8.h"

static bool wrong(struct eddy_plan_maker *maker) {
  return eddy_plan_fail(maker, "the reader's default is not of its type");
}

static bool default_text(struct eddy_plan_maker *maker, uint16_t limit, const json_t *value, struct eddy_str *target) {
  size_t size = json_string_length(value);
  if (!json_is_string(value) || size > limit) return wrong(maker);
  char *copy = eddy_event_room_copy(maker->arena, json_string_value(value), size);
  if (!copy) return eddy_plan_fail(maker, "memory is short");
  *target = (struct eddy_str){copy, (uint32_t)size};
  return true;
}

static bool default_type(struct eddy_plan_maker *maker, const json_t *value, enum eddy_event_type *target) {
  struct eddy_str name = {json_string_value(value), (uint32_t)json_string_length(value)};
  int type = name.data ? eddy_event_type_find(name) : -1;
  if (type < 0) return wrong(maker);
  *target = (enum eddy_event_type)type;
  return true;
}

/* Fields that the default leaves out have their own. */
static bool default_item(struct eddy_plan_maker *maker, const struct eddy_avro_node *reader, const json_t *value,
                         struct eddy_item *item) {
  *item = eddy_item_empty;
  if (reader->type != EDDY_AVRO_RECORD || !json_is_object(value)) return wrong(maker);
  for (uint32_t i = 0; i < reader->count; i++) {
    const struct eddy_avro_field *part = &reader->fields[i];
    const struct eddy_field *field = eddy_field_find(&eddy_item_fields, part->name);
    const json_t *given = json_object_get(value, part->name);
    if (!given) given = part->fallback;
    if (!field || !given) return wrong(maker);
    if (!eddy_plan_default(maker, field, part->type, given, (uint8_t *)item)) return false;
  }
  return true;
}

static bool default_items(struct eddy_plan_maker *maker, const struct eddy_field *field, const struct eddy_avro_node *reader,
                          const json_t *value, uint8_t *target) {
  size_t count = json_array_size(value);
  if (reader->type != EDDY_AVRO_ARRAY || !json_is_array(value) || count > EDDY_EVENT_ITEMS_MAX) return wrong(maker);
  struct eddy_item *items = eddy_plan_take(maker, count * sizeof *items);
  for (size_t i = 0; items && i < count; i++) {
    if (!default_item(maker, reader->children[0], json_array_get(value, i), &items[i])) return false;
  }
  *(const struct eddy_item **)(void *)(target + field->offset) = items;
  *(uint32_t *)(void *)(target + field->companion) = (uint32_t)count;
  return items != NULL;
}

static bool default_properties(struct eddy_plan_maker *maker, const struct eddy_field *field, const json_t *value,
                               uint8_t *target) {
  size_t count = json_object_size(value), i = 0;
  if (!json_is_object(value) || count > EDDY_EVENT_PROPERTIES_MAX) return wrong(maker);
  struct eddy_property *properties = eddy_plan_take(maker, count * sizeof *properties);
  if (!properties) return false;
  for (void *at = json_object_iter((json_t *)value); at; at = json_object_iter_next((json_t *)value, at), i++) {
    json_t *key = json_string(json_object_iter_key(at));
    bool good = key && default_text(maker, EDDY_ID_MAX, key, &properties[i].key) &&
                default_text(maker, EDDY_TEXT_MAX, json_object_iter_value(at), &properties[i].value);
    json_decref(key);
    if (!good) return false;
  }
  *(const struct eddy_property **)(void *)(target + field->offset) = properties;
  *(uint32_t *)(void *)(target + field->companion) = (uint32_t)count;
  return true;
}

static bool default_number(struct eddy_plan_maker *maker, const struct eddy_field *field, const json_t *value,
                           uint8_t *target) {
  void *at = target + field->offset;
  if (field->kind == EDDY_FIELD_DEGREES) {
    *(double *)at = json_number_value(value);
    return json_is_number(value) || wrong(maker);
  }
  if (field->kind == EDDY_FIELD_TRISTATE) {
    *(int8_t *)at = json_is_true(value);
    return json_is_boolean(value) || wrong(maker);
  }
  json_int_t number = json_integer_value(value);
  if (!json_is_integer(value)) return wrong(maker);
  if (field->kind == EDDY_FIELD_QUANTITY) {
    *(int32_t *)at = (int32_t)number;
    return (number >= INT32_MIN && number <= INT32_MAX) || wrong(maker);
  }
  *(int64_t *)at = number;
  if (field->companion) *(bool *)(target + field->companion) = true;
  return true;
}

bool eddy_plan_default(struct eddy_plan_maker *maker, const struct eddy_field *field, const struct eddy_avro_node *reader,
                       const json_t *value, uint8_t *target) {
  if (reader->type == EDDY_AVRO_UNION) { /* a default is of the first branch */
    if (reader->count == 0) return wrong(maker);
    reader = reader->children[0];
  }
  if (reader->type == EDDY_AVRO_NULL) return json_is_null(value) || wrong(maker);
  void *at = target + field->offset;
  switch (field->kind) {
    case EDDY_FIELD_TEXT:
      return default_text(maker, field->limit, value, at);
    case EDDY_FIELD_TYPE:
      return default_type(maker, value, at);
    case EDDY_FIELD_ITEMS:
      return default_items(maker, field, reader, value, target);
    case EDDY_FIELD_PROPERTIES:
      return default_properties(maker, field, value, target);
    case EDDY_FIELD_TIME:
    case EDDY_FIELD_MONEY:
    case EDDY_FIELD_QUANTITY:
    case EDDY_FIELD_DEGREES:
    case EDDY_FIELD_TRISTATE:
      return default_number(maker, field, value, target);
    case EDDY_FIELD_EVENT:
    case EDDY_FIELD_ITEM:
      break;
  }
  return wrong(maker);
}
