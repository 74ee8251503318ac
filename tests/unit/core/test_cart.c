/* Carts: one test per rule of core/cart.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/trigger_kit.h"

static struct kit kit;
static struct kit_user user;
static struct eddy_cart_line lines[EDDY_TAIL_LINES_MAX];
static int64_t value;
static struct eddy_str currency;

static int setup(void **state) {
  (void)state;
  eddy_effects_fini(&kit.effects);
  kit_init(&kit);
  kit.spec.allowed_lateness_ms = 100;
  user = (struct kit_user){.id = kit_str("u"), .newest = EDDY_TIME_NONE};
  return 0;
}

static struct eddy_item item(const char *product, int32_t quantity) {
  return (struct eddy_item){.product_id = kit_str(product), .quantity = quantity};
}

static struct eddy_item priced(const char *product, int32_t quantity, int64_t price) {
  return (struct eddy_item){.product_id = kit_str(product), .quantity = quantity, .price = price, .has_price = true};
}

static void send(enum eddy_event_type type, int64_t time, const char *cart, const struct eddy_item *items, uint32_t count) {
  struct eddy_event event = eddy_event_empty;
  event.type = type;
  event.event_time = time;
  event.cart_id = kit_str(cart);
  event.currency = kit_str("EUR");
  event.items = items;
  event.item_count = count;
  kit_step(&kit, &user, &event);
}

static void add(int64_t time, const char *product, int32_t quantity) {
  send(EDDY_PRODUCT_ADDED, time, NULL, (struct eddy_item[]){item(product, quantity)}, 1);
}

static void take_out(int64_t time, const char *product, int32_t quantity) {
  send(EDDY_PRODUCT_REMOVED, time, NULL, (struct eddy_item[]){item(product, quantity)}, 1);
}

/* "p2 q1" = two of p, then one of q. */
static const char *contents_of(struct eddy_str cart, int64_t time) {
  static char text[4096];
  size_t size = 0;
  text[0] = 0;
  kit_load(&kit, &user);
  uint16_t count = eddy_cart_read(&kit.spec, &kit.tail, cart, time, lines, &value, &currency);
  for (uint16_t i = 0; i < count; i++) {
    size += (size_t)snprintf(text + size, sizeof text - size, "%s%.*s%d", i > 0 ? " " : "", (int)lines[i].product_id.len,
                             lines[i].product_id.data, lines[i].quantity);
  }
  return text;
}

static const char *contents(int64_t time) {
  return contents_of(EDDY_STR(""), time);
}

static bool emptied(int64_t time) {
  kit_load(&kit, &user);
  return eddy_cart_emptied(&kit.spec, &kit.tail, EDDY_STR(""), time);
}

static void test_additions_and_removals_add_up(void **state) {
  (void)state;
  add(1000, "p", 2);
  add(1010, "q", 1);
  add(1020, "p", 1);
  take_out(1030, "p", 2);
  assert_string_equal(contents(1031), "p1 q1");
  take_out(1040, "p", 5);
  assert_string_equal(contents(1041), "q1");
  add(1050, "p", 4);
  assert_string_equal(contents(1051), "q1"); /* 3 - 7 + 4 */
  add(1060, "p", 1);
  assert_string_equal(contents(1061), "p1 q1");
}

static void test_newest_addition_comes_first_ties_by_product(void **state) {
  (void)state;
  add(1000, "b", 1);
  add(1000, "a", 1);
  add(1000, "c", 1);
  assert_string_equal(contents(2000), "a1 b1 c1");
  add(1010, "b", 1);
  take_out(1020, "c", 0); /* no quantity, no change */
  assert_string_equal(contents(2000), "b2 a1 c1");
}

static void test_changes_at_the_time_asked_for_do_not_count(void **state) {
  (void)state;
  add(1000, "p", 1);
  assert_string_equal(contents(1000), "");
  assert_string_equal(contents(1001), "p1");
}

static void test_as_of_a_time_before_what_is_known(void **state) {
  (void)state;
  add(1000, "p", 1);
  add(1050, "q", 1);
  take_out(1060, "p", 1);
  assert_string_equal(contents(1060), "q1 p1");
  assert_string_equal(contents(1061), "q1");
}

static void test_a_snapshot_drops_what_is_older(void **state) {
  (void)state;
  add(1000, "p", 1);
  send(EDDY_CART_UPDATED, 1010, NULL, (struct eddy_item[]){item("q", 2), item("r", 1), item("q", 1)}, 3);
  assert_string_equal(contents(1011), "q3 r1");
  add(1020, "q", 1);
  assert_string_equal(contents(1021), "q4 r1");
}

static void test_an_older_addition_after_a_snapshot_is_dropped(void **state) {
  (void)state;
  send(EDDY_CART_UPDATED, 1010, NULL, (struct eddy_item[]){item("q", 2)}, 1);
  add(1005, "p", 1);
  assert_string_equal(contents(1011), "q2");
  assert_string_equal(contents(1010), "p1");
}

static void test_two_snapshots_of_one_instant_take_the_larger(void **state) {
  (void)state;
  send(EDDY_CART_UPDATED, 1010, NULL, (struct eddy_item[]){item("q", 2)}, 1);
  send(EDDY_CART_UPDATED, 1010, NULL, (struct eddy_item[]){item("q", 1), item("r", 1)}, 2);
  assert_string_equal(contents(1011), "q2 r1");
}

static void test_an_order_empties_the_cart_it_names(void **state) {
  (void)state;
  send(EDDY_PRODUCT_ADDED, 1000, "a", (struct eddy_item[]){item("p", 1)}, 1);
  send(EDDY_PRODUCT_ADDED, 1000, "b", (struct eddy_item[]){item("q", 1)}, 1);
  send(EDDY_ORDER_COMPLETED, 1010, "a", NULL, 0);
  assert_string_equal(contents_of(kit_str("a"), 1011), "");
  assert_string_equal(contents_of(kit_str("b"), 1011), "q1");
  assert_string_equal(contents_of((struct eddy_str){0}, 1011), "q1");
}

static void test_an_order_without_cart_empties_all_also_those_that_come_late(void **state) {
  (void)state;
  send(EDDY_PRODUCT_ADDED, 1000, "a", (struct eddy_item[]){item("p", 1)}, 1);
  send(EDDY_ORDER_COMPLETED, 1050, NULL, NULL, 0);
  send(EDDY_PRODUCT_ADDED, 1040, "late", (struct eddy_item[]){item("q", 1)}, 1);
  send(EDDY_PRODUCT_ADDED, 1060, "late", (struct eddy_item[]){item("r", 1)}, 1);
  assert_string_equal(contents_of((struct eddy_str){0}, 1061), "r1");
  assert_string_equal(contents_of((struct eddy_str){0}, 1050), "q1 p1");
}

static void test_a_cart_left_alone_expires(void **state) {
  (void)state;
  kit.spec.cart_ttl_ms = 1000;
  add(1000, "p", 1);
  assert_string_equal(contents(2000), "p1");
  assert_string_equal(contents(2001), "");
  assert_false(emptied(2001));
  add(2500, "q", 1); /* a new life */
  assert_string_equal(contents(2501), "q1");
}

static void test_emptied_needs_to_have_been_filled(void **state) {
  (void)state;
  send(EDDY_PRODUCT_ADDED, 1000, NULL, NULL, 0);
  take_out(1010, "p", 1);
  send(EDDY_CART_UPDATED, 1015, NULL, NULL, 0);
  assert_false(emptied(1100));
  add(1020, "q", 1);
  assert_false(emptied(1100));
  send(EDDY_CART_UPDATED, 1030, NULL, NULL, 0);
  assert_true(emptied(1100));
  assert_false(emptied(1030));
}

static void test_words_come_from_the_newest_addition_that_has_them(void **state) {
  (void)state;
  struct eddy_item named = priced("p", 1, 500);
  named.name = kit_str("Shoe");
  send(EDDY_PRODUCT_ADDED, 1000, NULL, &named, 1);
  add(1010, "p", 1);
  assert_string_equal(contents(1100), "p2");
  assert_int_equal(lines[0].name.len, 4);
  assert_true(lines[0].has_price && lines[0].price == 500 && lines[0].added_at == 1010);
  take_out(1020, "p", 2);
  add(1030, "p", 1);
  assert_string_equal(contents(1100), "p1");
  assert_true(lines[0].name.data == NULL && !lines[0].has_price);
}

static void test_long_words_are_cut(void **state) {
  (void)state;
  char text[301];
  memset(text, 'x', 300);
  text[300] = 0;
  struct eddy_item named = item("p", 1);
  named.name = named.category = kit_str(text);
  send(EDDY_PRODUCT_ADDED, 1000, NULL, &named, 1);
  contents(1100);
  assert_true(lines[0].name.len == 127 && lines[0].category.len == 127);
}

static void test_value_sums_what_is_priced_and_saturates(void **state) {
  (void)state;
  send(EDDY_PRODUCT_ADDED, 1000, NULL, (struct eddy_item[]){priced("p", 3, 250)}, 1);
  add(1010, "q", 7);
  contents(1100);
  assert_int_equal(value, 750);
  assert_int_equal(eddy_tail_compare(currency, kit_str("EUR")), 0);
  send(EDDY_PRODUCT_ADDED, 1020, NULL, (struct eddy_item[]){priced("r", 3, INT64_MAX / 2)}, 1);
  contents(1100);
  assert_true(value == INT64_MAX);
}

static void test_single_product_types_use_their_first_item(void **state) {
  (void)state;
  send(EDDY_PRODUCT_ADDED, 1000, NULL, (struct eddy_item[]){item("p", 1), item("q", 1)}, 2);
  assert_string_equal(contents(1100), "p1");
}

static void test_a_very_late_change_counts_unless_a_reset_came_after_it(void **state) {
  (void)state;
  add(1000, "p", 2);
  add(5000, "q", 1);
  add(9000, "q", 1);
  take_out(2000, "p", 1); /* far below the floor */
  assert_string_equal(contents(9001), "q2 p1");
  send(EDDY_ORDER_COMPLETED, 9100, NULL, NULL, 0);
  add(20000, "r", 1);
  add(9050, "p", 1);
  assert_string_equal(contents(20001), "r1");
}

static void test_many_lines_keep_the_newest(void **state) {
  (void)state;
  kit.spec.limits.cart_lines = 4;
  static const char *const ids[] = {"a", "b", "c", "d", "e", "f"};
  for (int i = 0; i < 6; i++) add(1000 + i, ids[i], 1);
  assert_string_equal(contents(2000), "f1 e1 d1 c1");
  assert_int_equal(kit.counters.limit_cart_lines, 2);
}

static void test_a_snapshot_larger_than_the_limit(void **state) {
  (void)state;
  static struct eddy_item items[EDDY_EVENT_ITEMS_MAX];
  static char ids[EDDY_EVENT_ITEMS_MAX][8];
  for (int i = 0; i < EDDY_EVENT_ITEMS_MAX; i++) {
    snprintf(ids[i], sizeof ids[i], "i%d", i);
    items[i] = item(ids[i], 1);
  }
  send(EDDY_CART_UPDATED, 1000, NULL, items, EDDY_EVENT_ITEMS_MAX);
  contents(2000);
  kit_load(&kit, &user);
  assert_int_equal(kit.tail.line_count + kit.tail.change_count, 64);
  assert_true(kit.counters.limit_cart_lines >= EDDY_EVENT_ITEMS_MAX - 64);
}

static void test_many_carts_keep_the_newest(void **state) {
  (void)state;
  kit.spec.limits.carts = 2;
  send(EDDY_PRODUCT_ADDED, 1000, "b", (struct eddy_item[]){item("p", 1)}, 1);
  send(EDDY_PRODUCT_ADDED, 1010, "a", (struct eddy_item[]){item("q", 1)}, 1);
  send(EDDY_PRODUCT_ADDED, 1020, "c", (struct eddy_item[]){item("r", 1)}, 1);
  assert_string_equal(contents_of((struct eddy_str){0}, 2000), "r1 q1");
  send(EDDY_PRODUCT_ADDED, 1005, "d", (struct eddy_item[]){item("s", 1)}, 1); /* older than both */
  assert_string_equal(contents_of((struct eddy_str){0}, 2000), "r1 q1");
  assert_int_equal(kit.counters.limit_carts, 2);
}

static void test_carts_that_say_nothing_vanish(void **state) {
  (void)state;
  kit.spec.cart_ttl_ms = 1000;
  add(1000, "p", 1);
  take_out(1010, "p", 1);
  send(EDDY_EMAIL_SUBSCRIBED, 2500, NULL, NULL, 0);
  kit_load(&kit, &user);
  assert_true(kit.tail.cart_count == 0 && kit.tail.line_count == 0 && kit.tail.change_count == 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_additions_and_removals_add_up),
      TEST(test_newest_addition_comes_first_ties_by_product),
      TEST(test_changes_at_the_time_asked_for_do_not_count),
      TEST(test_as_of_a_time_before_what_is_known),
      TEST(test_a_snapshot_drops_what_is_older),
      TEST(test_an_older_addition_after_a_snapshot_is_dropped),
      TEST(test_two_snapshots_of_one_instant_take_the_larger),
      TEST(test_an_order_empties_the_cart_it_names),
      TEST(test_an_order_without_cart_empties_all_also_those_that_come_late),
      TEST(test_a_cart_left_alone_expires),
      TEST(test_emptied_needs_to_have_been_filled),
      TEST(test_words_come_from_the_newest_addition_that_has_them),
      TEST(test_long_words_are_cut),
      TEST(test_value_sums_what_is_priced_and_saturates),
      TEST(test_single_product_types_use_their_first_item),
      TEST(test_a_very_late_change_counts_unless_a_reset_came_after_it),
      TEST(test_many_lines_keep_the_newest),
      TEST(test_a_snapshot_larger_than_the_limit),
      TEST(test_many_carts_keep_the_newest),
      TEST(test_carts_that_say_nothing_vanish),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  eddy_effects_fini(&kit.effects);
  return failed;
}
