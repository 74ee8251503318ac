/* Decode plans against what Python's fastavro reads (tests/golden/avro_vectors.json, made by make_avro_vectors.py): defaults,
 * aliases, enum defaults, unions, promotions, skipping, and 40 random writer schemas; canonical forms and fingerprints, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>

#include "base/memory.h"
#include "codec/decode_plan.h"
#include "codec/event_fields.h"

static json_t *vectors;

static int load(void **state) {
  (void)state;
  json_error_t error;
  vectors = json_load_file(EDDY_SOURCE_DIR "/tests/golden/avro_vectors.json", 0, &error);
  if (!vectors) print_error("avro_vectors.json: %s\n", error.text);
  return vectors ? 0 : -1;
}

static int unload(void **state) {
  (void)state;
  json_decref(vectors);
  return 0;
}

static size_t from_hex(const char *hex, uint8_t *bytes, size_t capacity) {
  size_t size = strlen(hex) / 2;
  assert_true(size <= capacity);
  for (size_t i = 0; i < size; i++) {
    char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
    bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
  }
  return size;
}

static struct eddy_avro_schema *parse(const json_t *json) {
  char why[256] = "";
  char *text = json_dumps(json, JSON_ENCODE_ANY);
  struct eddy_avro_schema *schema = eddy_avro_schema_parse(text, strlen(text), why, sizeof why);
  if (!schema) fail_msg("%s: %.300s", why, text);
  free(text);
  return schema;
}

/* Comparing --------------------------------------------------------------------------------------------------------------- */

static const char *current;

static void compare_fields(const struct eddy_field_list *list, const void *record, json_t *expect);

static void wrong(const char *field) {
  fail_msg("vector \"%s\": %s is wrong", current, field);
}

static void compare_text(const char *field, const struct eddy_str *text, const json_t *expect) {
  if (!expect) {
    if (text->data) wrong(field);
    return;
  }
  if (!text->data || text->len != json_string_length(expect)) wrong(field);
  if (memcmp(text->data, json_string_value(expect), text->len) != 0) wrong(field);
}

static void compare_items(const struct eddy_event *event, json_t *expect) {
  if (event->item_count != json_array_size(expect)) wrong("items");
  for (uint32_t i = 0; i < event->item_count; i++) {
    compare_fields(&eddy_item_fields, &event->items[i], json_array_get(expect, i));
  }
}

static void compare_properties(const struct eddy_event *event, json_t *expect) {
  if (event->property_count != json_object_size(expect)) wrong("properties");
  for (uint32_t i = 0; i < event->property_count; i++) {
    const struct eddy_property *property = &event->properties[i];
    char key[256];
    snprintf(key, sizeof key, "%.*s", (int)property->key.len, property->key.data);
    compare_text("properties", &property->value, json_object_get(expect, key));
  }
}

static void compare_field(const struct eddy_field *field, const uint8_t *record, json_t *expect) {
  const void *at = record + field->offset;
  switch (field->kind) {
    case EDDY_FIELD_TEXT:
      compare_text(field->name, at, expect);
      break;
    case EDDY_FIELD_TYPE:
      assert_string_equal(eddy_event_type_name(*(const enum eddy_event_type *)at), json_string_value(expect));
      break;
    case EDDY_FIELD_TIME:
      if (*(const int64_t *)at != (expect ? json_integer_value(expect) : EDDY_TIME_NONE)) wrong(field->name);
      break;
    case EDDY_FIELD_MONEY:
      if (*(const bool *)(record + field->companion) != (expect != NULL)) wrong(field->name);
      if (expect && *(const int64_t *)at != json_integer_value(expect)) wrong(field->name);
      break;
    case EDDY_FIELD_QUANTITY:
      if (*(const int32_t *)at != json_integer_value(expect)) wrong(field->name);
      break;
    case EDDY_FIELD_DEGREES:
      if (expect ? *(const double *)at != json_number_value(expect) : !isnan(*(const double *)at)) wrong(field->name);
      break;
    case EDDY_FIELD_TRISTATE:
      if (*(const int8_t *)at != (expect ? json_is_true(expect) : -1)) wrong(field->name);
      break;
    case EDDY_FIELD_ITEMS:
      compare_items((const struct eddy_event *)(const void *)record, expect);
      break;
    case EDDY_FIELD_PROPERTIES:
      compare_properties((const struct eddy_event *)(const void *)record, expect);
      break;
    case EDDY_FIELD_EVENT:
    case EDDY_FIELD_ITEM:
      fail();
      break;
  }
}

static void compare_fields(const struct eddy_field_list *list, const void *record, json_t *expect) {
  for (uint32_t i = 0; i < list->count; i++) {
    compare_field(&list->rows[i], record, json_object_get(expect, list->rows[i].name));
  }
}

/* Running ----------------------------------------------------------------------------------------------------------------- */

static void check_run(const struct eddy_decode_plan *plan, const json_t *vector) {
  static uint8_t bytes[1 << 16];
  size_t size = from_hex(json_string_value(json_object_get(vector, "hex")), bytes, sizeof bytes), used = 0;
  struct eddy_event_room room;
  struct eddy_event event;
  eddy_event_room_init(&room);
  int error = eddy_decode_plan_run(plan, bytes, size, &room, &event, &used);
  json_t *expect = json_object_get(vector, "expect");
  if (expect) {
    if (error) fail_msg("vector \"%s\": %s", current, eddy_event_error_name(error));
    assert_int_equal(used, size);
    compare_fields(&eddy_event_fields, &event, expect);
  } else if (!error) {
    fail_msg("vector \"%s\": was read", current);
  }
  assert_int_equal(eddy_decode_plan_skip(plan, bytes, size, &used), 0);
  assert_int_equal(used, size);
  for (size_t cut = 0; cut < size; cut++) { /* from a block of just that size, so that ASan sees a step too far */
    uint8_t *part = malloc(cut ? cut : 1);
    memcpy(part, bytes, cut);
    if (eddy_decode_plan_run(plan, part, cut, &room, &event, &used) == 0) fail_msg("vector \"%s\" cut at %zu", current, cut);
    assert_int_not_equal(eddy_decode_plan_skip(plan, part, cut, &used), 0);
    eddy_event_room_clear(&room);
    free(part);
  }
  eddy_event_room_fini(&room);
}

static void check_vector(const json_t *vector) {
  char why[256] = "";
  current = json_string_value(json_object_get(vector, "name"));
  struct eddy_avro_schema *writer = parse(json_object_get(vector, "writer"));
  const json_t *reader_json = json_object_get(vector, "reader");
  struct eddy_decode_plan *plan;
  if (json_is_null(reader_json)) {
    plan = eddy_decode_plan_new(writer, why, sizeof why);
  } else {
    struct eddy_avro_schema *reader = parse(reader_json);
    plan = eddy_decode_plan_new_for(writer, reader, why, sizeof why);
    eddy_avro_schema_free(reader);
  }
  if (json_object_get(vector, "unresolvable")) {
    if (plan) fail_msg("vector \"%s\": a plan was made", current);
    assert_true(strlen(why) > 0);
  } else {
    if (!plan) fail_msg("vector \"%s\": %s", current, why);
    check_run(plan, vector);
  }
  eddy_decode_plan_free(plan);
  eddy_avro_schema_free(writer);
}

static void reads_what_fastavro_reads(void **state) {
  (void)state;
  json_t *list = json_object_get(vectors, "vectors");
  assert_true(json_array_size(list) > 80);
  for (size_t i = 0; i < json_array_size(list); i++) check_vector(json_array_get(list, i));
}

static void canonical_forms_and_fingerprints(void **state) {
  (void)state;
  json_t *list = json_object_get(vectors, "canonical");
  assert_true(json_array_size(list) > 10);
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *form = json_array_get(list, i);
    const char *want = json_string_value(json_object_get(form, "canonical"));
    struct eddy_avro_schema *schema = parse(json_object_get(form, "schema"));
    struct eddy_buffer buffer;
    eddy_buffer_init(&buffer, NULL);
    assert_int_equal(eddy_avro_schema_canonical(schema, &buffer), 0);
    if (buffer.size != strlen(want) || memcmp(buffer.data, want, buffer.size) != 0) {
      fail_msg("%.*s\nis not\n%s", (int)buffer.size, (const char *)buffer.data, want);
    }
    uint8_t bytes[8];
    assert_int_equal(from_hex(json_string_value(json_object_get(form, "fingerprint")), bytes, sizeof bytes), 8);
    uint64_t fingerprint = 0;
    for (int byte = 7; byte >= 0; byte--) fingerprint = fingerprint << 8 | bytes[byte];
    assert_true(eddy_avro_schema_fingerprint(schema) == fingerprint);
    eddy_buffer_fini(&buffer);
    eddy_avro_schema_free(schema);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_fastavro_reads),
      cmocka_unit_test(canonical_forms_and_fingerprints),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
