/* Test helpers: what libavro and jansson say about bytes that we wrote, as jansson values without union wrappers. */
#ifndef EDDY_TESTS_AVRO_JSON_H
#define EDDY_TESTS_AVRO_JSON_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <avro.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/memory.h"

/* NaN and infinities, which JSON does not have, become null as in our JSON. */
static inline json_t *json_of_real(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static inline json_t *json_of_avro(avro_value_t *value);

static inline json_t *json_of_avro_record(avro_value_t *value) {
  json_t *object = json_object();
  size_t size;
  avro_value_get_size(value, &size);
  for (size_t i = 0; i < size; i++) {
    avro_value_t field;
    const char *name;
    avro_value_get_by_index(value, i, &field, &name);
    json_object_set_new(object, name, json_of_avro(&field));
  }
  return object;
}

static inline json_t *json_of_avro_array(avro_value_t *value) {
  json_t *array = json_array();
  size_t size;
  avro_value_get_size(value, &size);
  for (size_t i = 0; i < size; i++) {
    avro_value_t element;
    avro_value_get_by_index(value, i, &element, NULL);
    json_array_append_new(array, json_of_avro(&element));
  }
  return array;
}

static inline json_t *json_of_avro_enum(avro_value_t *value) {
  int symbol;
  avro_value_get_enum(value, &symbol);
  return json_string(avro_schema_enum_get(avro_value_get_schema(value), symbol));
}

static inline json_t *json_of_avro_string(avro_value_t *value) {
  const char *text;
  size_t size;
  avro_value_get_string(value, &text, &size);
  return json_stringn(text, size - 1);
}

static inline json_t *json_of_avro_number(avro_value_t *value) {
  int32_t i32;
  int64_t i64;
  float f32;
  double f64;
  if (avro_value_get_int(value, &i32) == 0) return json_integer(i32);
  if (avro_value_get_long(value, &i64) == 0) return json_integer(i64);
  if (avro_value_get_float(value, &f32) == 0) return json_of_real((double)f32);
  if (avro_value_get_double(value, &f64) == 0) return json_of_real(f64);
  fail_msg("an unexpected Avro type");
  return NULL;
}

static inline json_t *json_of_avro(avro_value_t *value) {
  int flag;
  avro_value_t branch;
  avro_type_t type = avro_value_get_type(value);
  if (type == AVRO_RECORD || type == AVRO_MAP) return json_of_avro_record(value);
  if (type == AVRO_ARRAY) return json_of_avro_array(value);
  if (type == AVRO_ENUM) return json_of_avro_enum(value);
  if (type == AVRO_STRING) return json_of_avro_string(value);
  if (type == AVRO_NULL) return json_null();
  if (type == AVRO_BOOLEAN) {
    avro_value_get_boolean(value, &flag);
    return json_boolean(flag);
  }
  if (type == AVRO_UNION) {
    avro_value_get_current_branch(value, &branch);
    return json_of_avro(&branch);
  }
  return json_of_avro_number(value);
}

/* The text of schemas/NAME.avsc; free() it. */
static inline char *schema_text(const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/schemas/%s.avsc", EDDY_SOURCE_DIR, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  char *text = calloc(1, 1 << 20);
  assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
  fclose(file);
  return text;
}

/* Decodes a body with libavro under a schema file; all bytes must be used. */
static inline json_t *decode_with_libavro(const char *schema_name, const uint8_t *body, size_t size) {
  avro_schema_t schema;
  char *text = schema_text(schema_name);
  assert_int_equal(avro_schema_from_json_length(text, strlen(text), &schema), 0);
  free(text);
  avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
  avro_value_t value;
  assert_int_equal(avro_generic_value_new(iface, &value), 0);
  avro_reader_t reader = avro_reader_memory((const char *)body, (int64_t)size);
  if (avro_value_read(reader, &value) != 0) fail_msg("libavro: %s", avro_strerror());
  char rest;
  assert_int_not_equal(avro_read(reader, &rest, 1), 0);
  json_t *json = json_of_avro(&value);
  avro_reader_free(reader);
  avro_value_decref(&value);
  avro_value_iface_decref(iface);
  avro_schema_decref(schema);
  return json;
}

static inline json_t *parse_line(const struct eddy_buffer *buffer) {
  json_error_t error;
  assert_true(buffer->size > 0 && buffer->data[buffer->size - 1] == '\n');
  assert_null(memchr(buffer->data, '\n', buffer->size - 1));
  json_t *json = json_loadb((const char *)buffer->data, buffer->size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
  if (!json) fail_msg("%s: %.*s", error.text, (int)buffer->size, (const char *)buffer->data);
  return json;
}

static inline void assert_same_json(const json_t *got, const json_t *want, const char *path);

static inline void assert_same_object(const json_t *got, const json_t *want, const char *path) {
  json_t *left = (json_t *)(uintptr_t)got, *right = (json_t *)(uintptr_t)want; /* jansson's iterators are not const */
  void *a = json_object_iter(left), *b = json_object_iter(right);
  for (; a && b; a = json_object_iter_next(left, a), b = json_object_iter_next(right, b)) {
    char below[512];
    snprintf(below, sizeof below, "%.300s.%.100s", path, json_object_iter_key(b));
    if (strcmp(json_object_iter_key(a), json_object_iter_key(b)) != 0)
      fail_msg("%s: found %s in its place", below, json_object_iter_key(a));
    assert_same_json(json_object_iter_value(a), json_object_iter_value(b), below);
  }
  if (a || b) fail_msg("%s: %s", path, a ? "too many fields" : "fields are missing");
}

/* Equal values and the same order of keys; an integer equals the real of its value (JSON does not tell them apart). */
static inline void assert_same_json(const json_t *got, const json_t *want, const char *path) {
  if (json_is_number(got) && json_is_number(want)) {
    bool same = json_is_integer(got) && json_is_integer(want)
                    ? json_integer_value(got) == json_integer_value(want)
                    : json_number_value(got) == json_number_value(want) ||
                          (float)json_number_value(got) == (float)json_number_value(want);
    if (!same) fail_msg("%s: %.17g instead of %.17g", path, json_number_value(got), json_number_value(want));
    return;
  }
  if (json_typeof(got) != json_typeof(want)) fail_msg("%s: another type", path);
  if (json_is_object(want)) {
    assert_same_object(got, want, path);
  } else if (json_is_array(want)) {
    if (json_array_size(got) != json_array_size(want)) fail_msg("%s: another length", path);
    for (size_t i = 0; i < json_array_size(want); i++) assert_same_json(json_array_get(got, i), json_array_get(want, i), path);
  } else if (!json_equal(got, want)) {
    fail_msg("%s differs", path);
  }
}

static inline json_t *json_of_str(struct eddy_str value) {
  return value.data ? json_stringn(value.data, value.len) : json_null();
}

#endif
