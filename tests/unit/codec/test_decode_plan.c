/* Decode plans on hostile bytes: counts, lengths, nesting, numbers, texts and limits. What is read from good bytes is the
 * business of test_decode_vectors.c and test_plan_vs_libavro.c. */
#include "unit/codec/avro_bytes.h"

#include "codec/event_fields.h"

#define ITEMS                                                                                                       \
  ",{\"name\":\"items\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Item\",\"fields\":[" \
  "{\"name\":\"product_id\",\"type\":\"string\"},{\"name\":\"quantity\",\"type\":\"int\"}]}}}"
#define PROPERTIES ",{\"name\":\"properties\",\"type\":{\"type\":\"map\",\"values\":\"string\"}}"

static void expect_error(const char *writer, const struct body *body, int error) {
  struct reading reading;
  reading_init(&reading, writer);
  int got = run(&reading, body);
  if (got != error) fail_msg("%s instead of %s", eddy_event_error_name(got), eddy_event_error_name(error));
  reading_fini(&reading);
}

static void put_item(struct body *body, const char *id, int64_t quantity) {
  put_text(body, id);
  put_long(body, quantity);
}

/* Blocks of an array, with and without their size in bytes. */
static void array_blocks(void **state) {
  (void)state;
  struct reading reading;
  struct body body;
  put_required(&body);
  put_long(&body, 2);
  put_item(&body, "a", 1);
  put_item(&body, "b", 2);
  put_long(&body, -1);
  put_long(&body, 3); /* bytes */
  put_item(&body, "c", 3);
  put_long(&body, 0);
  reading_init(&reading, WRITER(ITEMS));
  assert_int_equal(eddy_decode_plan_run(reading.plan, body.bytes, body.size, &reading.room, &reading.event, &reading.used), 0);
  assert_int_equal(reading.used, body.size);
  assert_int_equal(reading.event.item_count, 3);
  for (int i = 0; i < 3; i++) {
    assert_int_equal(reading.event.items[i].quantity, i + 1);
    assert_int_equal(reading.event.items[i].product_id.len, 1);
    assert_int_equal(reading.event.items[i].product_id.data[0], 'a' + i);
  }
  reading_fini(&reading);
}

static void counts_that_cannot_be(void **state) {
  (void)state;
  static const int64_t counts[] = {INT64_MAX, INT64_C(1) << 60, 1000, INT64_MIN};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    struct body body;
    put_required(&body);
    put_long(&body, counts[i]);
    if (counts[i] < 0) put_long(&body, 0);
    put_item(&body, "a", 1);
    expect_error(WRITER(ITEMS), &body, EDDY_EVENT_E_TRUNCATED);
    expect_error(WRITER(PROPERTIES), &body, EDDY_EVENT_E_TRUNCATED);
    expect_error(WRITER(",{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":\"int\"}}"), &body, EDDY_EVENT_E_TRUNCATED);
    expect_error(WRITER(",{\"name\":\"x\",\"type\":{\"type\":\"map\",\"values\":\"null\"}}"), &body, EDDY_EVENT_E_TRUNCATED);
  }
}

/* Entries of no bytes: any count is possible, none may be looped over. */
static void counts_of_nothing(void **state) {
  (void)state;
  static const char *const nothings[] = {
      WRITER(",{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":\"null\"}}"),
      WRITER(",{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":0}}}"),
      WRITER(",{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"R\",\"fields\":["
             "{\"name\":\"a\",\"type\":\"null\"},{\"name\":\"b\",\"type\":{\"type\":\"record\",\"name\":\"S\",\"fields\":[]}}]}"
             "}}"),
  };
  for (size_t i = 0; i < sizeof nothings / sizeof nothings[0]; i++) {
    struct reading reading;
    struct body body;
    put_required(&body);
    put_long(&body, INT64_MAX);
    put_long(&body, INT64_C(1) << 60);
    put_long(&body, 0);
    reading_init(&reading, nothings[i]);
    assert_int_equal(run(&reading, &body), 0);
    assert_int_equal(reading.used, body.size);
    reading_fini(&reading);
  }
}

static void more_items_and_properties_than_allowed(void **state) {
  (void)state;
  struct reading reading;
  struct body body;
  for (int items = 256; items <= 257; items++) {
    put_required(&body);
    for (int i = 0; i < items; i++) { /* a block each */
      put_long(&body, 1);
      put_item(&body, "a", 1);
    }
    put_long(&body, 0);
    reading_init(&reading, WRITER(ITEMS));
    assert_int_equal(run(&reading, &body), items == 256 ? 0 : EDDY_EVENT_E_LIMIT);
    assert_true(reading.room.total < 100000); /* grown in place, not copied for every block */
    reading_fini(&reading);
  }
  put_required(&body);
  put_long(&body, 257);
  for (int i = 0; i < 257; i++) put_raw(&body, "\2k\2v", 4);
  put_long(&body, 0);
  expect_error(WRITER(PROPERTIES), &body, EDDY_EVENT_E_LIMIT);
}

static void a_full_room_is_nobodys_fault(void **state) {
  (void)state;
  struct reading reading;
  struct body body;
  put_required(&body);
  put_long(&body, 1);
  put_item(&body, "a", 1);
  put_long(&body, 0);
  reading_init(&reading, WRITER(ITEMS));
  reading.room.max = 16;
  assert_int_equal(run(&reading, &body), EDDY_DECODE_FULL);
  reading.room.max = 1 << 20;
  assert_int_equal(run(&reading, &body), 0);
  reading_fini(&reading);
}

#define NODE                                                                                                            \
  ",{\"name\":\"x\",\"type\":{\"type\":\"record\",\"name\":\"Node\",\"fields\":[{\"name\":\"next\",\"type\":[\"null\"," \
  "\"Node\"]}]}}"

/* Skipped values may be recursive; the stack for them is bounded. */
static void nesting(void **state) {
  (void)state;
  for (int depth = 200; depth <= 60000; depth *= 300) {
    struct body body;
    struct reading reading;
    put_required(&body);
    for (int i = 0; i < depth; i++) put_long(&body, 1);
    put_long(&body, 0);
    reading_init(&reading, WRITER(NODE));
    assert_int_equal(run(&reading, &body), depth == 200 ? 0 : EDDY_EVENT_E_MALFORMED);
    reading_fini(&reading);
  }
  struct body endless; /* no finite value has this type */
  put_required(&endless);
  expect_error(
      WRITER(",{\"name\":\"x\",\"type\":{\"type\":\"record\",\"name\":\"N\",\"fields\":[{\"name\":\"n\",\"type\":\"N\"}]}}"),
      &endless, EDDY_EVENT_E_MALFORMED);
}

static void lengths(void **state) {
  (void)state;
  static const struct {
    int64_t length;
    int error;
  } cases[] = {{-1, EDDY_EVENT_E_MALFORMED},
               {INT64_MIN, EDDY_EVENT_E_MALFORMED},
               {INT64_MAX, EDDY_EVENT_E_TRUNCATED},
               {UINT32_MAX, EDDY_EVENT_E_TRUNCATED},
               {4, EDDY_EVENT_E_TRUNCATED}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct body body;
    put_required(&body);
    put_long(&body, cases[i].length);
    put_raw(&body, "abc", 3);
    expect_error(WRITER(",{\"name\":\"source\",\"type\":\"string\"}"), &body, cases[i].error);
    expect_error(WRITER(",{\"name\":\"x\",\"type\":\"bytes\"}"), &body, cases[i].error);
  }
}

/* A varint by hand; 0 or the error that reading it gives. */
static int read_number(const char *writer, const void *bytes, size_t size, struct eddy_event *event) {
  struct reading reading;
  struct body body;
  put_required(&body);
  put_raw(&body, bytes, size);
  reading_init(&reading, writer);
  int error = run(&reading, &body);
  *event = reading.event;
  reading_fini(&reading);
  return error;
}

#define VALUE(type) WRITER(",{\"name\":\"value\",\"type\":" type "}")

static void varints(void **state) {
  (void)state;
  struct eddy_event event;
  assert_int_equal(read_number(VALUE("\"long\""), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10, &event), 0);
  assert_true(event.value == INT64_MIN && event.has_value);
  assert_int_equal(read_number(VALUE("\"long\""), "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10, &event), 0);
  assert_true(event.value == INT64_MAX);
  assert_int_equal(read_number(VALUE("\"long\""), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10, &event),
                   EDDY_EVENT_E_MALFORMED);
  assert_int_equal(read_number(VALUE("\"long\""), "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, &event),
                   EDDY_EVENT_E_MALFORMED);
  assert_int_equal(read_number(VALUE("\"long\""), "\x82\x00", 2, &event), 0); /* more bytes than needed */
  assert_true(event.value == 1);
  assert_int_equal(read_number(VALUE("[\"null\",\"long\"]"), "\x82\x00\x06", 3, &event), 0);
  assert_true(event.value == 3);
  assert_int_equal(read_number(VALUE("[\"null\",\"long\"]"), "\x04\x06", 2, &event), EDDY_EVENT_E_MALFORMED);
  assert_int_equal(read_number(VALUE("[\"long\",\"null\"]"), "\x80\x00\x06", 3, &event), 0);
  assert_int_equal(read_number(VALUE("[\"long\",\"null\",\"float\"]"), "\x06\x06", 2, &event), EDDY_EVENT_E_MALFORMED);
  assert_int_equal(read_number(VALUE("[\"long\",\"null\",\"float\"]"), "\x01\x06", 2, &event), EDDY_EVENT_E_MALFORMED);
  assert_int_equal(read_number(VALUE("\"int\""), "\xFE\xFF\xFF\xFF\x0F", 5, &event), 0);
  assert_true(event.value == INT32_MAX);
  assert_int_equal(read_number(VALUE("\"int\""), "\x80\x80\x80\x80\x10", 5, &event), EDDY_EVENT_E_MALFORMED); /* 2^31 */
  assert_int_equal(read_number(WRITER(",{\"name\":\"machine_open\",\"type\":\"boolean\"}"), "\x02", 1, &event),
                   EDDY_EVENT_E_MALFORMED);
}

/* Every length of varint, fast path and slow, against a value known beforehand. */
static void varints_of_every_length(void **state) {
  (void)state;
  for (unsigned bit = 0; bit < 64; bit++) {
    for (int tail = 0; tail < 9; tail += 8) { /* with and without eight bytes to look at */
      int64_t value = (int64_t)((UINT64_C(1) << bit) - 1 + (UINT64_C(0x9E3779B97F4A7C15) & ((UINT64_C(1) << bit) - 1)));
      struct body body;
      struct reading reading;
      put_required(&body);
      put_long(&body, value);
      put_raw(&body, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", (size_t)tail);
      reading_init(&reading, VALUE("\"long\""));
      assert_int_equal(run(&reading, &body), 0);
      assert_true(reading.event.value == value);
      assert_int_equal(reading.used, body.size - (size_t)tail);
      reading_fini(&reading);
    }
  }
}

static void numbers_that_are_none(void **state) {
  (void)state;
  struct eddy_event event;
  static const char *const writer = WRITER(",{\"name\":\"latitude\",\"type\":\"double\"}");
  assert_int_equal(read_number(writer, "\0\0\0\0\0\0\xF8\x7F", 8, &event), EDDY_EVENT_E_NUMBER);
  assert_int_equal(read_number(writer, "\0\0\0\0\0\0\xF0\xFF", 8, &event), EDDY_EVENT_E_NUMBER);
  assert_int_equal(read_number(writer, "\0\0\0\0\0\0\xF0\x3F", 8, &event), 0);
  assert_true(event.latitude == 1.0);
  assert_int_equal(read_number(writer, "\0\0\0\0\0\0\xF0", 7, &event), EDDY_EVENT_E_TRUNCATED);
  static const char *const floats = WRITER(",{\"name\":\"latitude\",\"type\":\"float\"}");
  assert_int_equal(read_number(floats, "\0\0\xC0\x7F", 4, &event), EDDY_EVENT_E_NUMBER);
  assert_int_equal(read_number(floats, "\0\0\x80\x3F", 4, &event), 0);
  assert_true(event.latitude == 1.0);
}

static void symbols(void **state) {
  (void)state;
  struct body body = {.size = 0};
  struct reading reading;
  put_long(&body, 1);
  put_text(&body, "u");
  put_long(&body, EVENT_TIME);
  reading_init(&reading, WRITER(""));
  assert_int_equal(run(&reading, &body), 0);
  assert_int_equal(reading.event.type, EDDY_CUSTOM); /* the reader's default */
  body.bytes[0] = 4;
  assert_int_equal(run(&reading, &body), EDDY_EVENT_E_MALFORMED);
  body.bytes[0] = 1;
  assert_int_equal(run(&reading, &body), EDDY_EVENT_E_MALFORMED);
  reading_fini(&reading);
}

static int read_text(const char *field, const char *text, size_t size) {
  char writer[1024];
  snprintf(writer, sizeof writer, WRITER(",{\"name\":\"%s\",\"type\":[\"null\",\"string\"]}"), field);
  struct body body;
  struct reading reading;
  put_required(&body);
  put_long(&body, 1);
  put_long(&body, (int64_t)size);
  put_raw(&body, text, size);
  reading_init(&reading, writer);
  int error = run(&reading, &body);
  reading_fini(&reading);
  return error;
}

static void texts(void **state) {
  (void)state;
  char text[5000];
  memset(text, 'x', sizeof text);
  assert_int_equal(read_text("channel", text, 4096), 0);
  assert_int_equal(read_text("channel", text, 4097), EDDY_EVENT_E_TEXT);
  assert_int_equal(read_text("cart_id", text, 255), 0);
  assert_int_equal(read_text("cart_id", text, 256), EDDY_EVENT_E_TEXT);
  for (size_t size = 1; size < 40; size++) { /* one bad byte at every place of every short text */
    for (size_t at = 0; at < size; at++) {
      text[at] = (char)0x80;
      assert_int_equal(read_text("channel", text, size), EDDY_EVENT_E_TEXT);
      text[at] = 'x';
    }
    assert_int_equal(read_text("channel", text, size), 0);
  }
}

static void user_ids_have_an_error_of_their_own(void **state) {
  (void)state;
  struct body body = {.size = 0};
  put_long(&body, 0);
  put_text(&body, "\xFF");
  put_long(&body, EVENT_TIME);
  expect_error(WRITER(""), &body, EDDY_EVENT_E_USER_ID);
}

/* Reading on behind a record that was refused. */
static void skips_a_record(void **state) {
  (void)state;
  struct body body;
  struct reading reading;
  put_required(&body);
  put_text(&body, "\xFF\xFF");
  size_t size = body.size;
  put_raw(&body, "more", 4);
  reading_init(&reading, WRITER(",{\"name\":\"channel\",\"type\":\"string\"}"));
  assert_int_equal(run(&reading, &body), EDDY_EVENT_E_TEXT);
  size_t used;
  assert_int_equal(eddy_decode_plan_skip(reading.plan, body.bytes, body.size, &used), 0);
  assert_int_equal(used, size);
  assert_true(eddy_decode_plan_min_size(reading.plan) == 4);
  reading_fini(&reading);
}

static void says_what_does_not_fit(void **state) {
  (void)state;
  static const char *const writer = WRITER(
      ",{\"name\":\"items\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Item\",\"fields\":["
      "{\"name\":\"product_id\",\"type\":\"string\"},{\"name\":\"price\",\"type\":\"string\"}]}}}");
  char why[256] = "";
  struct eddy_avro_schema *schema = eddy_avro_schema_parse(writer, strlen(writer), why, sizeof why);
  assert_non_null(schema);
  assert_null(eddy_decode_plan_new(schema, why, sizeof why));
  if (!strstr(why, "Event.items[].price")) fail_msg("%s", why);
  eddy_avro_schema_free(schema);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(array_blocks),
      cmocka_unit_test(counts_that_cannot_be),
      cmocka_unit_test(counts_of_nothing),
      cmocka_unit_test(more_items_and_properties_than_allowed),
      cmocka_unit_test(a_full_room_is_nobodys_fault),
      cmocka_unit_test(nesting),
      cmocka_unit_test(lengths),
      cmocka_unit_test(varints),
      cmocka_unit_test(varints_of_every_length),
      cmocka_unit_test(numbers_that_are_none),
      cmocka_unit_test(symbols),
      cmocka_unit_test(texts),
      cmocka_unit_test(user_ids_have_an_error_of_their_own),
      cmocka_unit_test(skips_a_record),
      cmocka_unit_test(says_what_does_not_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
