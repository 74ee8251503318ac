/* Differential test: random values under schemas/event.avsc and writer schemas that differ by promotions and order of union
 * branches are encoded with libavro and decoded by both. Mutated bytes: the plan refuses them or both agree. (libavro itself is
 * not let loose on bytes that the plan refuses: it allocates what they say.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <avro.h>
#include <cmocka.h>

#include "codec/decode_plan.h"
#include "codec/event_fields.h"
#include "codec/schemas.h"

enum { VALUES = 400, MUTATIONS = 25 };

struct pair {
  avro_schema_t schema;
  avro_value_iface_t *iface;
  struct eddy_avro_schema *writer;
  struct eddy_decode_plan *plan;
};

static uint64_t state_of_rng;

static uint64_t next(void) { /* SplitMix64 */
  uint64_t x = (state_of_rng += UINT64_C(0x9E3779B97F4A7C15));
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}
static size_t below(size_t n) {
  return (size_t)(next() % n);
}

/* Schemas ----------------------------------------------------------------------------------------------------------------- */

/* The text with every `from` replaced by `to`. */
static char *replaced(const char *text, const char *from, const char *to) {
  char *made = calloc(1, strlen(text) * 2 + 1), *out = made;
  while (*text) {
    if (strncmp(text, from, strlen(from)) == 0) {
      out = stpcpy(out, to);
      text += strlen(from);
    } else {
      *out++ = *text++;
    }
  }
  return made;
}

static void pair_init(struct pair *pair, const char *text) {
  char why[256] = "";
  assert_int_equal(avro_schema_from_json_length(text, strlen(text), &pair->schema), 0);
  pair->iface = avro_generic_class_from_schema(pair->schema);
  pair->writer = eddy_avro_schema_parse(text, strlen(text), why, sizeof why);
  if (!pair->writer) fail_msg("%s", why);
  pair->plan = eddy_decode_plan_new(pair->writer, why, sizeof why);
  if (!pair->plan) fail_msg("%s", why);
}

static void pair_fini(struct pair *pair) {
  eddy_decode_plan_free(pair->plan);
  eddy_avro_schema_free(pair->writer);
  avro_value_iface_decref(pair->iface);
  avro_schema_decref(pair->schema);
}

/* Random values ----------------------------------------------------------------------------------------------------------- */

static void fill(avro_value_t *value);

static void fill_text(avro_value_t *value) {
  static const char *const texts[] = {"",
                                      "a",
                                      "u-123",
                                      "gr\xC3\xBC\xC3\x9F"
                                      "e",
                                      "\xE6\x97\xA5\xE6\x9C\xAC",
                                      "exactly8",
                                      "nine chars, and then some",
                                      "https://shop.example/p/1?utm=x"};
  assert_int_equal(avro_value_set_string(value, texts[below(sizeof texts / sizeof texts[0])]), 0);
}

static void fill_union(avro_value_t *value) {
  avro_value_t branch;
  size_t count = avro_schema_union_size(avro_value_get_schema(value));
  assert_int_equal(avro_value_set_branch(value, (int)below(count), &branch), 0);
  fill(&branch);
}

static void fill_array(avro_value_t *value) {
  for (size_t i = below(8) ? below(3) : below(40); i > 0; i--) {
    avro_value_t element;
    assert_int_equal(avro_value_append(value, &element, NULL), 0);
    fill(&element);
  }
}

static void fill_map(avro_value_t *value) {
  for (size_t i = below(4); i > 0; i--) {
    avro_value_t element;
    char key[8];
    snprintf(key, sizeof key, "k%zu", i);
    assert_int_equal(avro_value_add(value, key, &element, NULL, NULL), 0);
    fill(&element);
  }
}

static void fill_record(avro_value_t *value) {
  size_t size;
  avro_value_get_size(value, &size);
  for (size_t i = 0; i < size; i++) {
    avro_value_t field;
    assert_int_equal(avro_value_get_by_index(value, i, &field, NULL), 0);
    fill(&field);
  }
}

static void fill_number(avro_value_t *value, avro_type_t type) {
  int64_t number = (int64_t)(next() >> below(64));
  if (below(2)) number = -number;
  if (type == AVRO_INT32) avro_value_set_int(value, (int32_t)number);
  if (type == AVRO_INT64) avro_value_set_long(value, number);
  if (type == AVRO_FLOAT) avro_value_set_float(value, (float)number / 16.0f);
  if (type == AVRO_DOUBLE) avro_value_set_double(value, (double)number / 7.0);
}

static void fill(avro_value_t *value) {
  avro_type_t type = avro_value_get_type(value);
  if (type == AVRO_STRING) fill_text(value);
  if (type == AVRO_BOOLEAN) avro_value_set_boolean(value, (int)below(2));
  if (type == AVRO_NULL) avro_value_set_null(value);
  if (type == AVRO_ENUM) avro_value_set_enum(value, (int)below(EDDY_EVENT_TYPE_COUNT));
  if (type == AVRO_UNION) fill_union(value);
  if (type == AVRO_ARRAY) fill_array(value);
  if (type == AVRO_MAP) fill_map(value);
  if (type == AVRO_RECORD) fill_record(value);
  fill_number(value, type);
}

/* Comparing --------------------------------------------------------------------------------------------------------------- */

static bool agree_record(const struct eddy_field_list *list, const void *record, avro_value_t *value);

static bool agree_text(const struct eddy_str *text, avro_value_t *value) {
  const char *data;
  size_t size;
  if (avro_value_get_string(value, &data, &size) != 0) return false;
  return text->data && text->len == size - 1 && memcmp(text->data, data, text->len) == 0;
}

static int64_t whole_of(avro_value_t *value) {
  int32_t small = 0;
  int64_t large = 0;
  if (avro_value_get_type(value) == AVRO_INT32) {
    avro_value_get_int(value, &small);
    return small;
  }
  avro_value_get_long(value, &large);
  return large;
}

static double number_of(avro_value_t *value) {
  avro_type_t type = avro_value_get_type(value);
  float single = 0;
  double number = 0;
  if (type == AVRO_INT32 || type == AVRO_INT64) return (double)whole_of(value);
  if (type == AVRO_FLOAT) {
    avro_value_get_float(value, &single);
    return (double)single;
  }
  avro_value_get_double(value, &number);
  return number;
}

static bool agree_items(const struct eddy_event *event, avro_value_t *value) {
  size_t size;
  avro_value_get_size(value, &size);
  if (size != event->item_count) return false;
  for (size_t i = 0; i < size; i++) {
    avro_value_t item;
    avro_value_get_by_index(value, i, &item, NULL);
    if (!agree_record(&eddy_item_fields, &event->items[i], &item)) return false;
  }
  return true;
}

/* Of a key that stands twice (mutated bytes) libavro keeps the last. */
static bool agree_properties(const struct eddy_event *event, avro_value_t *value) {
  size_t size;
  avro_value_get_size(value, &size);
  if (size > event->property_count) return false;
  for (uint32_t i = 0; i < event->property_count; i++) {
    const struct eddy_property *property = &event->properties[i];
    avro_value_t found;
    char key[256];
    if (memchr(property->key.data, 0, property->key.len)) return true; /* libavro's keys are C strings */
    snprintf(key, sizeof key, "%.*s", (int)property->key.len, property->key.data);
    if (avro_value_get_by_name(value, key, &found, NULL) != 0) return false;
    if (size == event->property_count && !agree_text(&property->value, &found)) return false;
  }
  return true;
}

static bool agree_present(const struct eddy_field *field, const uint8_t *record, avro_value_t *value) {
  const void *at = record + field->offset;
  int number = 0;
  switch (field->kind) {
    case EDDY_FIELD_TEXT:
      return agree_text(at, value);
    case EDDY_FIELD_TYPE:
      avro_value_get_enum(value, &number);
      return (int)*(const enum eddy_event_type *)at == number;
    case EDDY_FIELD_TIME:
      return *(const int64_t *)at == whole_of(value);
    case EDDY_FIELD_MONEY:
      return *(const bool *)(record + field->companion) && *(const int64_t *)at == whole_of(value);
    case EDDY_FIELD_QUANTITY:
      return *(const int32_t *)at == whole_of(value);
    case EDDY_FIELD_DEGREES:
      return *(const double *)at == number_of(value);
    case EDDY_FIELD_TRISTATE:
      avro_value_get_boolean(value, &number);
      return *(const int8_t *)at == number;
    case EDDY_FIELD_ITEMS:
      return agree_items((const struct eddy_event *)(const void *)record, value);
    case EDDY_FIELD_PROPERTIES:
      return agree_properties((const struct eddy_event *)(const void *)record, value);
    case EDDY_FIELD_EVENT:
    case EDDY_FIELD_ITEM:
      break;
  }
  return false;
}

static bool agree_record(const struct eddy_field_list *list, const void *record, avro_value_t *value) {
  const uint8_t *empty = list == &eddy_item_fields ? (const uint8_t *)&eddy_item_empty : (const uint8_t *)&eddy_event_empty;
  for (uint32_t i = 0; i < list->count; i++) {
    const struct eddy_field *field = &list->rows[i];
    avro_value_t part, branch;
    assert_int_equal(avro_value_get_by_name(value, field->name, &part, NULL), 0);
    if (avro_value_get_type(&part) == AVRO_UNION) {
      avro_value_get_current_branch(&part, &branch);
      part = branch;
    }
    bool agree;
    if (avro_value_get_type(&part) == AVRO_NULL) {
      size_t size = field->kind == EDDY_FIELD_TEXT ? sizeof(struct eddy_str) : field->kind == EDDY_FIELD_TRISTATE ? 1 : 8;
      agree = memcmp((const uint8_t *)record + field->offset, empty + field->offset, size) == 0;
    } else {
      agree = agree_present(field, record, &part);
    }
    if (!agree) {
      print_message("%s differs\n", field->name);
      return false;
    }
  }
  return true;
}

/* Running ----------------------------------------------------------------------------------------------------------------- */

/* 0 if the plan refuses, 1 if both agree, -1 if they do not. */
static int judge(const struct pair *pair, const uint8_t *bytes, size_t size, struct eddy_event_room *room) {
  struct eddy_event event;
  size_t used;
  if (eddy_decode_plan_run(pair->plan, bytes, size, room, &event, &used) != 0) return 0;
  avro_value_t value;
  avro_generic_value_new(pair->iface, &value);
  avro_reader_t reader = avro_reader_memory((const char *)bytes, (int64_t)used);
  bool agree = avro_value_read(reader, &value) == 0 && agree_record(&eddy_event_fields, &event, &value);
  avro_reader_free(reader);
  avro_value_decref(&value);
  return agree ? 1 : -1;
}

static size_t mutate(const uint8_t *bytes, size_t size, uint8_t *copy) {
  memcpy(copy, bytes, size);
  for (size_t i = 1 + below(3); i > 0 && size > 1; i--) {
    size_t at = below(size);
    switch (below(4)) {
      case 0:
        copy[at] = (uint8_t)next();
        break;
      case 1:
        copy[at] ^= (uint8_t)(1u << below(8));
        break;
      case 2:
        memmove(copy + at, copy + at + 1, --size - at);
        break;
      default:
        size = at + 1;
    }
  }
  return size;
}

static void check_value(const struct pair *pair, struct eddy_event_room *room, int *agreed) {
  static uint8_t bytes[1 << 16], copy[1 << 16];
  avro_value_t value;
  avro_generic_value_new(pair->iface, &value);
  fill(&value);
  avro_writer_t writer = avro_writer_memory((const char *)bytes, sizeof bytes);
  assert_int_equal(avro_value_write(writer, &value), 0);
  size_t size = (size_t)avro_writer_tell(writer);
  avro_writer_free(writer);
  avro_value_decref(&value);
  assert_int_equal(judge(pair, bytes, size, room), 1);
  for (int i = 0; i < MUTATIONS; i++) {
    size_t mutated = mutate(bytes, size, copy);
    int verdict = judge(pair, copy, mutated, room);
    if (verdict < 0) fail_msg("mutation %d", i);
    *agreed += verdict;
  }
  eddy_event_room_clear(room);
}

static void check_schema(const char *text) {
  struct pair pair;
  struct eddy_event_room room;
  int agreed = 0;
  eddy_event_room_init(&room);
  pair_init(&pair, text);
  for (int i = 0; i < VALUES; i++) check_value(&pair, &room, &agreed);
  assert_true(agreed > 0); /* some mutations must leave something to compare */
  pair_fini(&pair);
  eddy_event_room_fini(&room);
}

static void same_schema(void **state) {
  (void)state;
  check_schema(eddy_schema_event);
}

static void check_replaced(const char *from, const char *to) {
  char *text = replaced(eddy_schema_event, from, to);
  check_schema(text);
  free(text);
}

static void promotions(void **state) {
  (void)state;
  check_replaced("\"double\"", "\"float\"");
  check_replaced("\"double\"", "\"long\"");
  check_replaced("\"double\"", "\"int\"");
  check_replaced("\"long\"", "\"int\"");
}

static void other_unions(void **state) {
  (void)state;
  check_replaced("[\"null\", \"string\"], \"default\": null", "[\"string\", \"null\"], \"default\": \"\"");
  check_replaced("[\"null\", \"string\"]", "\"string\"");
  check_replaced("[\"null\", \"double\"]", "[\"float\", \"null\", \"double\", \"int\"]");
}

int main(void) {
  const char *seed = getenv("EDDY_SEED");
  state_of_rng = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
  print_message("EDDY_SEED=%llu\n", (unsigned long long)state_of_rng);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_schema),
      cmocka_unit_test(promotions),
      cmocka_unit_test(other_unions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
