/* JSON to event: every field, aliases, and errors that name the field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "codec/event_check.h"
#include "codec/event_decoder.h"
#include "codec/event_json.h"

#define HEAD "\"user_id\":\"u1\",\"event_time\":1700000000000"

static struct eddy_event_room room;

static int setup(void **state) {
  (void)state;
  eddy_event_room_init(&room);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  eddy_event_room_fini(&room);
  return 0;
}

/* As every user of it goes on: reads, then asks for the rules. */
static int read_and_settle(const char *text, struct eddy_event *event, char *why, size_t why_size) {
  bool clamped;
  int error = eddy_event_read_json(text, strlen(text), &room, event, why, why_size);
  if (error) return error;
  error = eddy_event_settle(event, event->received_at, &clamped);
  if (error) snprintf(why, why_size, "%s", eddy_event_error_text(error));
  return error;
}

static struct eddy_event read(const char *text) {
  struct eddy_event event;
  char why[256];
  int error = read_and_settle(text, &event, why, sizeof why);
  if (error) fail_msg("%s: %s: %s", text, eddy_event_error_name(error), why);
  return event;
}

static void refuse(const char *text, int code, const char *because) {
  struct eddy_event event;
  char why[256] = "";
  int error = read_and_settle(text, &event, why, sizeof why);
  if (error != code) fail_msg("%s: %d (%s)", text, error, why);
  if (!strstr(why, because)) fail_msg("%s: %s", text, why);
}

static void assert_text(struct eddy_str text, const char *want) {
  assert_non_null(text.data);
  assert_int_equal(text.len, strlen(want));
  assert_memory_equal(text.data, want, text.len);
}

static void reads_a_flat_record(void **state) {
  (void)state;
  struct eddy_event event = read(
      "{\"type\":\"order_completed\"," HEAD
      ",\"received_at\":\"2023-11-14T23:13:20.5+01:00\",\"order_id\":\"o\\u00e9\",\"value\":9998,"
      "\"currency\":\"EUR\",\"latitude\":52,\"longitude\":-0.5,\"machine_open\":true,\"bot_suspected\":false,\"channel\":null,"
      "\"items\":[{\"product_id\":\"p1\",\"price\":4999,\"quantity\":2,\"name\":\"Shoe\"},{\"product_id\":\"p2\"}],"
      "\"properties\":{\"a\":\"b\",\"c\":\"\"},\"something_else\":[1,{\"x\":2}]}");
  assert_int_equal(event.type, EDDY_ORDER_COMPLETED);
  assert_text(event.user_id, "u1");
  assert_true(event.event_time == INT64_C(1700000000000));
  assert_true(event.received_at == INT64_C(1700000000500));
  assert_text(event.order_id, "o\xC3\xA9");
  assert_true(event.value == 9998 && event.has_value);
  assert_true(event.latitude == 52.0 && event.longitude == -0.5);
  assert_int_equal(event.machine_open, 1);
  assert_int_equal(event.bot_suspected, 0);
  assert_null(event.channel.data);
  assert_text(event.source, "");
  assert_int_equal(event.item_count, 2);
  assert_true(event.items[0].has_price && event.items[0].price == 4999 && event.items[0].quantity == 2);
  assert_true(!event.items[1].has_price && event.items[1].quantity == 1);
  assert_int_equal(event.property_count, 2);
  assert_int_equal(eddy_event_check(&event), 0);
}

static void leaves_out_what_is_absent(void **state) {
  (void)state;
  struct eddy_event event = read("{\"type\":\"page_viewed\"," HEAD "}");
  assert_null(event.event_id.data);
  assert_true(event.received_at == EDDY_TIME_NONE);
  assert_true(isnan(event.latitude));
  assert_int_equal(event.machine_open, -1);
  assert_false(event.has_value);
  assert_int_equal(event.item_count, 0);
}

static void knows_the_names_of_others(void **state) {
  (void)state;
  static const struct {
    const char *name;
    enum eddy_event_type type;
  } cases[] = {{"Product Added", EDDY_PRODUCT_ADDED},
               {"Order Completed", EDDY_ORDER_COMPLETED},
               {"Email Opened", EDDY_EMAIL_OPENED},
               {"Email Link Clicked", EDDY_EMAIL_CLICKED},
               {"Email Marked as Spam", EDDY_EMAIL_COMPLAINED},
               {"ecommerce.cart_updated", EDDY_CART_UPDATED},
               {"ecommerce.order_placed", EDDY_ORDER_COMPLETED},
               {"users.messages.email.Open", EDDY_EMAIL_OPENED},
               {"users.messages.email.Unsubscribe", EDDY_EMAIL_UNSUBSCRIBED},
               {"Added to Cart", EDDY_PRODUCT_ADDED},
               {"spamreport", EDDY_EMAIL_COMPLAINED},
               {"custom", EDDY_CUSTOM}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct eddy_str name = {cases[i].name, (uint32_t)strlen(cases[i].name)};
    assert_int_equal(eddy_event_type_alias(name), cases[i].type);
  }
  assert_int_equal(eddy_event_type_alias(EDDY_STR("")), -1);
  assert_int_equal(eddy_event_type_alias(EDDY_STR("Product")), -1);
  assert_int_equal(eddy_event_type_alias(EDDY_STR("product added")), -1);
  assert_int_equal(eddy_event_type_alias((struct eddy_str){NULL, 0}), -1);
}

static void reads_segments_envelope(void **state) {
  (void)state;
  struct eddy_event event = read(
      "{\"type\":\"track\",\"event\":\"Product Added\",\"userId\":\"u7\",\"messageId\":\"m1\","
      "\"timestamp\":\"2023-11-14T22:13:20Z\"}");
  assert_int_equal(event.type, EDDY_PRODUCT_ADDED);
  assert_text(event.user_id, "u7");
  assert_text(event.event_id, "m1");
  assert_true(event.event_time == INT64_C(1700000000000));
  event = read("{\"event\":\"Order Completed\"," HEAD ",\"userId\":\"other\"}");
  assert_int_equal(event.type, EDDY_ORDER_COMPLETED);
  assert_text(event.user_id, "u1"); /* the own name wins */
  event = read("{\"type\":\"page\"," HEAD "}");
  assert_int_equal(event.type, EDDY_PAGE_VIEWED);
}

static void refuses_and_names_the_field(void **state) {
  (void)state;
#define TYPED "{\"type\":\"page_viewed\"," HEAD
  refuse("{\"type\":\"page_viewed\"", EDDY_EVENT_E_JSON, "not a JSON object");
  refuse("[]", EDDY_EVENT_E_JSON, "a list");
  refuse("", EDDY_EVENT_E_JSON, "not a JSON object");
  refuse(TYPED "} x", EDDY_EVENT_E_JSON, "not a JSON object");
  refuse(TYPED ",\"type\":\"custom\"}", EDDY_EVENT_E_JSON, "duplicate");
  refuse(TYPED ",\"source\":\"\xFF\"}", EDDY_EVENT_E_JSON, "unable to decode");
  refuse(TYPED ",\"channel\":5}", EDDY_EVENT_E_JSON, "channel must be a string");
  refuse(TYPED ",\"machine_open\":\"yes\"}", EDDY_EVENT_E_JSON, "machine_open");
  refuse(TYPED ",\"latitude\":\"52\"}", EDDY_EVENT_E_JSON, "latitude");
  refuse(TYPED ",\"latitude\":91}", EDDY_EVENT_E_NUMBER, "number");
  refuse(TYPED ",\"latitude\":1e999}", EDDY_EVENT_E_JSON, "");
  refuse(TYPED ",\"value\":\"5\"}", EDDY_EVENT_E_JSON, "value");
  refuse(TYPED ",\"value\":19.99}", EDDY_EVENT_E_NUMBER, "minor units");
  refuse(TYPED ",\"items\":{}}", EDDY_EVENT_E_JSON, "items");
  refuse(TYPED ",\"items\":[{\"product_id\":\"a\"},3]}", EDDY_EVENT_E_JSON, "items[1]");
  refuse(TYPED ",\"items\":[{\"product_id\":\"a\"},{\"product_id\":\"a\",\"price\":1.5}]}", EDDY_EVENT_E_NUMBER,
         "items[1].price");
  refuse(TYPED ",\"items\":[{\"product_id\":\"a\",\"quantity\":-1}]}", EDDY_EVENT_E_NUMBER, "items[0].quantity");
  refuse(TYPED ",\"items\":[{\"name\":\"a\"}]}", EDDY_EVENT_E_FIELD, "items[0].product_id");
  refuse(TYPED ",\"properties\":[]}", EDDY_EVENT_E_JSON, "properties");
  refuse(TYPED ",\"properties\":{\"age\":3}}", EDDY_EVENT_E_JSON, "age");
  refuse("{" HEAD "}", EDDY_EVENT_E_FIELD, "type is missing");
  refuse("{\"type\":\"page_vewed\"," HEAD "}", EDDY_EVENT_E_TYPE, "page_vewed");
  refuse("{\"type\":\"page_viewed\",\"user_id\":\"u\"}", EDDY_EVENT_E_TIME, "event_time");
  refuse("{\"type\":\"page_viewed\",\"user_id\":\"u\",\"event_time\":\"yesterday\"}", EDDY_EVENT_E_TIME, "event_time");
  refuse("{\"type\":\"page_viewed\",\"user_id\":\"u\",\"event_time\":1700000000}", EDDY_EVENT_E_TIME, "event_time");
  refuse("{\"type\":\"page_viewed\",\"user_id\":\"u\",\"event_time\":1.7e12}", EDDY_EVENT_E_NUMBER, "event_time");
  refuse("{\"type\":\"page_viewed\",\"event_time\":1700000000000}", EDDY_EVENT_E_USER_ID, "user_id");
  refuse("{\"type\":\"page_viewed\",\"user_id\":7,\"event_time\":1700000000000}", EDDY_EVENT_E_JSON, "user_id");
  refuse("{\"type\":\"page_viewed\",\"user_id\":\"a\\u0000\",\"event_time\":1700000000000}", EDDY_EVENT_E_USER_ID, "user_id");
  refuse("{\"type\":\"page_viewed\",\"user_id\":\"\",\"event_time\":1700000000000}", EDDY_EVENT_E_USER_ID, "user_id");
  refuse("{\"type\":\"user_merged\"," HEAD "}", EDDY_EVENT_E_UNSUPPORTED, "not supported");
}

static void limits(void **state) {
  (void)state;
  static char text[1 << 16];
  for (int size = 4096; size <= 4097; size++) {
    snprintf(text, sizeof text, TYPED ",\"channel\":\"%0*d\"}", size, 0);
    if (size == 4096) {
      read(text);
    } else {
      refuse(text, EDDY_EVENT_E_TEXT, "channel");
    }
  }
  snprintf(text, sizeof text, "{\"type\":\"custom\",\"user_id\":\"%0256d\",\"event_time\":1700000000000}", 0);
  refuse(text, EDDY_EVENT_E_USER_ID, "user_id");
  for (int count = 256; count <= 257; count++) {
    char *at = stpcpy(text, TYPED ",\"items\":[");
    for (int i = 0; i < count; i++) at += sprintf(at, "%s{\"product_id\":\"%d\"}", i ? "," : "", i);
    strcpy(at, "]}");
    if (count == 256) {
      assert_int_equal(read(text).item_count, 256);
    } else {
      refuse(text, EDDY_EVENT_E_LIMIT, "items");
    }
  }
  char *at = stpcpy(text, TYPED ",\"properties\":{");
  for (int i = 0; i < 257; i++) at += sprintf(at, "%s\"%d\":\"\"", i ? "," : "", i);
  strcpy(at, "}}");
  refuse(text, EDDY_EVENT_E_LIMIT, "properties");
}

static void a_full_room_is_nobodys_fault(void **state) {
  (void)state;
  struct eddy_event_room small;
  struct eddy_event event;
  char why[64];
  const char *text = TYPED "}";
  eddy_event_room_init(&small);
  small.max = 0;
  assert_int_equal(eddy_event_read_json(text, strlen(text), &small, &event, why, sizeof why), EDDY_DECODE_FULL);
  eddy_event_room_fini(&small);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_a_flat_record),          cmocka_unit_test(leaves_out_what_is_absent),
      cmocka_unit_test(knows_the_names_of_others),    cmocka_unit_test(reads_segments_envelope),
      cmocka_unit_test(refuses_and_names_the_field),  cmocka_unit_test(limits),
      cmocka_unit_test(a_full_room_is_nobodys_fault),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
