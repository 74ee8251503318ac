/* The tail's bytes: what is written comes back, they are few, and hostile ones are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"
#include "lib/trigger_kit.h"

static struct eddy_tail tail, other;

static struct eddy_cart_change line_of(const char *product, int64_t time) {
  return (struct eddy_cart_change){.product_id = kit_str(product), .time = time, .quantity = 1, .kind = EDDY_CART_ADD};
}

/* A cart of three lines and one armed deadline, as most tails that exist. */
static void fill_usual(void) {
  const int64_t now = INT64_C(1700000000000);
  eddy_tail_clear(&tail);
  tail.floor = now - 10000;
  tail.carts[0] =
      (struct eddy_cart){.cart_id = EDDY_STR(""), .base_time = now - 90000, .base_reset = EDDY_TIME_NONE, .filled = true};
  tail.cart_count = 1;
  const char *const ids[] = {"sku-0001", "sku-0002", "sku-0003"};
  for (int i = 0; i < 3; i++) {
    struct eddy_cart_change *line = &tail.lines[tail.line_count++];
    *line = line_of(ids[i], now - 300000 + 70000 * i);
    line->has_price = true;
    line->price = 4999;
    line->currency = kit_str("EUR");
  }
  tail.times[0] = (struct eddy_armed_time){
      .time = now, .type = EDDY_PRODUCT_ADDED, .arms = true, .event_id = kit_str("6ba7b810-9dad-11d1-80b4-00c04fd430c8")};
  tail.time_count = 1;
  tail.armed[0] = (struct eddy_armed){.subject = EDDY_STR(""), .time_count = 1};
  tail.armed_count = 1;
}

/* Everything at once, with the ends of every range. */
static void fill_all(void) {
  fill_usual();
  tail.carts[1] = (struct eddy_cart){.cart_id = kit_str("cart-b"), .base_time = EDDY_TIME_NONE, .base_reset = 7};
  tail.cart_count = 2;
  tail.lines[1].name = kit_str("Shoe");
  tail.lines[1].category = EDDY_STR("");
  tail.lines[2].quantity = -INT32_MAX;
  tail.lines[2].cart = 1;
  tail.changes[0] = (struct eddy_cart_change){.time = INT64_MIN + 1, .kind = EDDY_CART_RESET, .cart = 1};
  tail.changes[1] = line_of("p", INT64_MAX);
  tail.changes[1].kind = EDDY_CART_SET;
  tail.changes[1].has_price = true;
  tail.changes[1].price = INT64_MIN;
  tail.change_count = 2;
  tail.settled[0] = 5;
  tail.settled_count = 1;
  tail.armed[1] = (struct eddy_armed){.trigger = 31, .first_time = 1, .time_count = 2};
  tail.times[1] = (struct eddy_armed_time){.time = 3};
  tail.times[2] = (struct eddy_armed_time){.time = 4};
  tail.armed_count = 2;
  tail.time_count = 3;
  tail.consent[0] = (struct eddy_consent_time){.time = 8, .subscribed = true};
  tail.consent_count = 1;
  tail.unsubscribed_at = 9;
  tail.viewed[0] = (struct eddy_viewed_item){.product_id = kit_str("v"), .time = 10};
  tail.viewed_count = 1;
  tail.attributes[0] = (struct eddy_attribute){.key = kit_str("k"), .value = kit_str("value"), .time = 11};
  tail.attribute_count = 1;
  tail.marks[0] = (struct eddy_fired_mark){.subject_hash = UINT64_MAX, .due = 12, .trigger_hash = 13, .step = 3, .fired = true};
  tail.marks[1] = (struct eddy_fired_mark){.due = -1, .trigger_hash = 14};
  tail.mark_count = 2;
}

static void test_an_empty_tail_has_no_bytes(void **state) {
  (void)state;
  eddy_tail_clear(&tail);
  tail.floor = 5; /* says nothing by itself */
  assert_true(eddy_tail_empty(&tail));
  uint8_t bytes[8];
  assert_int_equal(eddy_tail_encode(&tail, bytes, sizeof bytes), 0);
  assert_int_equal(eddy_tail_decode(&tail, bytes, 0), 0);
  assert_true(eddy_tail_empty(&tail));
}

static void test_what_is_written_comes_back(void **state) {
  (void)state;
  fill_all();
  uint8_t bytes[1024], again[1024];
  size_t size = eddy_tail_encode(&tail, bytes, sizeof bytes);
  assert_true(size > 0 && size < sizeof bytes);
  assert_int_equal(eddy_tail_decode(&other, bytes, size), 0);
  assert_int_equal(eddy_tail_encode(&other, again, sizeof again), size);
  assert_memory_equal(bytes, again, size);
  assert_int_equal(other.floor, tail.floor);
  assert_int_equal(other.lines[1].name.len, 4);
  assert_true(other.lines[0].name.data == NULL);
  assert_true(other.lines[1].category.data != NULL && other.lines[1].category.len == 0);
  assert_int_equal(eddy_tail_compare(other.lines[2].currency, kit_str("EUR")), 0);
  assert_true(other.changes[1].currency.data == NULL);
  assert_true(other.changes[1].price == INT64_MIN && other.changes[1].time == INT64_MAX);
  assert_true(other.armed[0].subject.data != NULL && other.armed[1].subject.data == NULL);
  assert_int_equal(other.armed[1].first_time, 1);
  assert_true(other.unsubscribed_at == 9 && other.subscribed_at == EDDY_TIME_NONE);
  assert_int_equal(other.attributes[0].time, 11);
  assert_true(other.marks[0].fired && other.marks[0].step == 3 && other.marks[0].subject_hash == UINT64_MAX);
  assert_true(!other.marks[1].fired && other.marks[1].due == -1);
}

static void test_a_usual_tail_is_small(void **state) {
  (void)state;
  fill_usual();
  uint8_t bytes[256];
  size_t size = eddy_tail_encode(&tail, bytes, sizeof bytes);
  print_message("3 lines and one deadline: %zu bytes\n", size);
  assert_true(size > 0 && size < 150);
}

static void test_the_folded_section_comes_first_with_its_size(void **state) {
  (void)state;
  fill_usual();
  uint8_t before[256], after[256];
  size_t size = eddy_tail_encode(&tail, before, sizeof before);
  tail.marks[tail.mark_count++] = (struct eddy_fired_mark){.due = 99, .trigger_hash = 1};
  assert_true(eddy_tail_encode(&tail, after, sizeof after) > size);
  size_t folded = (size_t)before[0] | (size_t)before[1] << 8;
  assert_int_equal(folded + 2 + 1, size); /* an empty published section is one byte */
  assert_memory_equal(before, after, folded + 2);
}

static void test_a_small_buffer_is_an_answer(void **state) {
  (void)state;
  fill_all();
  uint8_t bytes[1024];
  size_t size = eddy_tail_encode(&tail, bytes, sizeof bytes);
  for (size_t capacity = 0; capacity < size; capacity++) assert_true(eddy_tail_encode(&tail, bytes, capacity) == SIZE_MAX);
  assert_true(eddy_tail_encode(&tail, bytes, size) == size);
}

static void test_cut_bytes_are_corrupt(void **state) {
  (void)state;
  fill_all();
  uint8_t bytes[1024];
  size_t size = eddy_tail_encode(&tail, bytes, sizeof bytes);
  for (size_t cut = 1; cut < size; cut++) {
    uint8_t *copy = malloc(cut); /* so that the sanitizer sees a read past its end */
    memcpy(copy, bytes, cut);
    assert_int_equal(eddy_tail_decode(&other, copy, cut), EDDY_E_CORRUPT);
    assert_true(eddy_tail_empty(&other));
    free(copy);
  }
  bytes[size] = 0;
  assert_int_equal(eddy_tail_decode(&other, bytes, size + 1), EDDY_E_CORRUPT);
}

/* Whatever decodes can be folded into, decided and encoded. */
static void drive(struct kit *kit, const uint8_t *bytes, size_t size, struct eddy_rng *rng) {
  if (eddy_tail_decode(&kit->tail, bytes, size) != 0) return;
  struct eddy_item item = {.product_id = kit_str("p"), .quantity = 1};
  struct eddy_event event = eddy_event_empty;
  const enum eddy_event_type types[] = {EDDY_PRODUCT_ADDED, EDDY_CART_UPDATED, EDDY_ORDER_COMPLETED, EDDY_EMAIL_UNSUBSCRIBED};
  event.type = types[eddy_rng_below(rng, 4)];
  event.event_time = INT64_C(1700000000000);
  event.items = &item;
  event.item_count = 1;
  if (eddy_rng_below(rng, 2)) event.cart_id = kit_str("new");
  kit->partition_time = INT64_C(1700000000000) + EDDY_DAY_MS;
  struct eddy_decision decision = {.spec = &kit->spec,
                                   .user_id = kit_str("u"),
                                   .partition_time = kit->partition_time,
                                   .now = kit->now,
                                   .next_effect = &kit->next_effect,
                                   .effects = &kit->effects,
                                   .counters = &kit->counters};
  assert_true(eddy_triggers_decide(&decision, &kit->tail) >= 0);
  eddy_cart_fold(&kit->spec, &kit->tail, &event, event.event_time, &kit->counters);
  eddy_triggers_fold(&kit->spec, &kit->tail, &event, event.event_time, &kit->counters);
  assert_true(eddy_triggers_decide(&decision, &kit->tail) >= 0);
  eddy_effects_clear(&kit->effects);
  static uint8_t out[64 * 1024];
  size_t encoded = eddy_tail_encode(&kit->tail, out, sizeof out);
  assert_true(encoded == SIZE_MAX || eddy_tail_decode(&kit->tail, out, encoded) == 0);
}

static void test_changed_bytes_do_no_harm(void **state) {
  (void)state;
  static struct kit kit;
  kit_init(&kit);
  kit_add_trigger(&kit, EDDY_SUBJECT_CART, EDDY_PAYLOAD_CART);
  kit_add_trigger(&kit, EDDY_SUBJECT_USER, EDDY_PAYLOAD_CART);
  fill_all();
  uint8_t bytes[1024], changed[1024];
  size_t size = eddy_tail_encode(&tail, bytes, sizeof bytes);
  struct eddy_rng rng;
  eddy_rng_seed(&rng, 20240611);
  for (int round = 0; round < 40000; round++) {
    memcpy(changed, bytes, size);
    for (uint64_t changes = 1 + eddy_rng_below(&rng, 4); changes > 0; changes--) {
      changed[eddy_rng_below(&rng, size)] = (uint8_t)eddy_rng_next(&rng);
    }
    drive(&kit, changed, size, &rng);
  }
  eddy_effects_fini(&kit.effects);
}

static void test_cutting_keeps_characters_whole(void **state) {
  (void)state;
  assert_int_equal(eddy_tail_cut(kit_str("abc"), 3).len, 3);
  assert_int_equal(eddy_tail_cut(kit_str("abcd"), 3).len, 3);
  assert_int_equal(eddy_tail_cut(kit_str("ab\xc3\xa9"), 3).len, 2);
  assert_int_equal(eddy_tail_cut(kit_str("\xe2\x82\xac\xe2\x82\xac"), 5).len, 3);
  assert_int_equal(eddy_tail_cut(kit_str("\x80\x80\x80"), 2).len, 0);
}

static void test_times_stop_at_the_ends(void **state) {
  (void)state;
  assert_true(eddy_time_add(INT64_MAX, 1) == INT64_MAX && eddy_time_add(INT64_MIN, -1) == INT64_MIN &&
              eddy_time_add(2, 3) == 5);
  assert_true(eddy_time_sub(INT64_MIN, 1) == INT64_MIN && eddy_time_sub(INT64_MAX, -1) == INT64_MAX &&
              eddy_time_sub(2, 3) == -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_an_empty_tail_has_no_bytes),  cmocka_unit_test(test_what_is_written_comes_back),
      cmocka_unit_test(test_a_usual_tail_is_small),       cmocka_unit_test(test_the_folded_section_comes_first_with_its_size),
      cmocka_unit_test(test_a_small_buffer_is_an_answer), cmocka_unit_test(test_cut_bytes_are_corrupt),
      cmocka_unit_test(test_changed_bytes_do_no_harm),    cmocka_unit_test(test_cutting_keeps_characters_whole),
      cmocka_unit_test(test_times_stop_at_the_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
