/* The invented shoppers: deterministic, in order of time, consistent carts, valid events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "codec/container.h"
#include "codec/event_check.h"
#include "codec/event_decoder.h"
#include "source/shopper.h"

enum { EVENTS = 60000, USERS = 300 };

static struct eddy_shopper_world *make_world(uint64_t seed) {
  struct eddy_shopper_world *world;
  struct eddy_shopper_options options;
  eddy_shopper_options_default(&options);
  options.users = USERS;
  options.seed = seed;
  assert_int_equal(eddy_shopper_new(&world, &options), 0);
  return world;
}

static uint64_t hash_of_events(uint64_t seed) {
  struct eddy_shopper_world *world = make_world(seed);
  struct eddy_buffer buffer;
  struct eddy_event event;
  uint64_t hash = 0;
  eddy_buffer_init(&buffer, NULL);
  for (int i = 0; i < EVENTS; i++) {
    eddy_shopper_next(world, &event);
    buffer.size = 0;
    assert_int_equal(eddy_event_encode(&event, &buffer), 0);
    hash = eddy_hash_mix(hash ^ eddy_hash_stable(buffer.data, buffer.size));
  }
  eddy_buffer_fini(&buffer);
  eddy_shopper_free(world);
  return hash;
}

static void equal_seeds_give_equal_events(void **state) {
  (void)state;
  uint64_t first = hash_of_events(5);
  assert_true(first == hash_of_events(5));
  assert_true(first != hash_of_events(6));
}

static void time_never_goes_back_and_every_event_is_valid(void **state) {
  (void)state;
  struct eddy_shopper_world *world = make_world(7);
  struct eddy_event event;
  int64_t last = INT64_C(1704067200000);
  for (int i = 0; i < EVENTS; i++) {
    int64_t announced = eddy_shopper_next_time(world);
    eddy_shopper_next(world, &event);
    assert_true(event.event_time >= last);
    assert_true(announced <= event.event_time);
    last = event.event_time;
    int error = eddy_event_check(&event);
    if (error) fail_msg("event %d: code %d", i, error);
  }
  eddy_shopper_free(world);
}

static int compare_ids(const void *a, const void *b) {
  return memcmp(a, b, 16);
}

static void event_ids_are_distinct(void **state) {
  (void)state;
  struct eddy_shopper_world *world = make_world(8);
  char(*ids)[16] = test_malloc(sizeof *ids * EVENTS);
  for (int i = 0; i < EVENTS; i++) {
    struct eddy_event event;
    eddy_shopper_next(world, &event);
    assert_int_equal(event.event_id.len, 16);
    memcpy(ids[i], event.event_id.data, 16);
  }
  qsort(ids, EVENTS, sizeof *ids, compare_ids);
  for (int i = 1; i < EVENTS; i++) assert_memory_not_equal(ids[i - 1], ids[i], 16);
  test_free(ids);
  eddy_shopper_free(world);
}

/* What a listener knows about one user's cart: pieces by product (48 of them). */
struct cart {
  char id[40];
  uint32_t id_size;
  bool done; /* ordered or emptied: its id may not come again */
  int pieces[48];
};

static int product_of(const struct eddy_item *item) {
  assert_int_equal(item->product_id.len, 8); /* sku-1001: category 1..8, product 1..6 */
  return (item->product_id.data[4] - '1') * 6 + (item->product_id.data[7] - '1');
}

static void start_cart(struct cart *cart, struct eddy_str id) {
  if (cart->id_size == id.len && memcmp(cart->id, id.data, id.len) == 0) {
    assert_false(cart->done);
    return;
  }
  memset(cart, 0, sizeof *cart);
  memcpy(cart->id, id.data, id.len);
  cart->id_size = id.len;
}

static int pieces_of(const struct cart *cart) {
  int pieces = 0;
  for (int i = 0; i < 48; i++) pieces += cart->pieces[i];
  return pieces;
}

/* A snapshot or an order lists exactly what was added and not removed, and adds it up. */
static void compare_cart(const struct cart *cart, const struct eddy_event *event) {
  int listed = 0;
  int64_t value = 0;
  for (uint32_t i = 0; i < event->item_count; i++) {
    assert_int_equal(cart->pieces[product_of(&event->items[i])], event->items[i].quantity);
    listed += event->items[i].quantity;
    value += event->items[i].quantity * event->items[i].price;
  }
  assert_int_equal(pieces_of(cart), listed);
  assert_true(event->has_value && event->value == value);
}

static void follow_cart(struct cart *cart, const struct eddy_event *event, int *orders) {
  bool snapshot = event->type == EDDY_CART_UPDATED;
  if (!event->cart_id.data) return;
  start_cart(cart, event->cart_id);
  if (snapshot) memset(cart->pieces, 0, sizeof cart->pieces);
  for (uint32_t i = 0; snapshot && i < event->item_count; i++)
    cart->pieces[product_of(&event->items[i])] = event->items[i].quantity;
  if (event->type == EDDY_PRODUCT_ADDED) cart->pieces[product_of(event->items)] += event->items->quantity;
  if (event->type == EDDY_PRODUCT_REMOVED) cart->pieces[product_of(event->items)] -= event->items->quantity;
  if (event->type == EDDY_PRODUCT_REMOVED) cart->done = pieces_of(cart) == 0;
  if (event->type == EDDY_CHECKOUT_STARTED || event->type == EDDY_ORDER_COMPLETED || snapshot) compare_cart(cart, event);
  if (event->type == EDDY_ORDER_COMPLETED) {
    assert_true(event->item_count > 0 && event->order_id.len > 0);
    cart->done = true;
    (*orders)++;
  }
}

static void orders_are_what_was_put_into_the_cart(void **state) {
  (void)state;
  struct eddy_shopper_world *world = make_world(9);
  struct cart *carts = test_calloc(USERS, sizeof *carts);
  int orders = 0;
  for (int i = 0; i < EVENTS; i++) {
    struct eddy_event event;
    char number[16] = "";
    eddy_shopper_next(world, &event);
    memcpy(number, event.user_id.data + 1, 10);
    follow_cart(&carts[atoi(number)], &event, &orders);
  }
  assert_true(orders > 100);
  test_free(carts);
  eddy_shopper_free(world);
}

static void all_sorts_of_things_happen(void **state) {
  (void)state;
  static const enum eddy_event_type wanted[] = {
      EDDY_EMAIL_SENT,     EDDY_EMAIL_DELIVERED, EDDY_EMAIL_OPENED,     EDDY_EMAIL_CLICKED,     EDDY_EMAIL_BOUNCED,
      EDDY_PRODUCT_VIEWED, EDDY_PRODUCT_ADDED,   EDDY_PRODUCT_REMOVED,  EDDY_PRODUCTS_SEARCHED, EDDY_PRODUCT_LIST_VIEWED,
      EDDY_CART_VIEWED,    EDDY_CART_UPDATED,    EDDY_CHECKOUT_STARTED, EDDY_ORDER_COMPLETED,   EDDY_WISHLIST_ADDED,
      EDDY_COUPON_APPLIED, EDDY_PAGE_VIEWED,     EDDY_SESSION_STARTED,
  };
  struct eddy_shopper_world *world = make_world(10);
  int counts[EDDY_EVENT_TYPE_COUNT] = {0}, machine = 0, hours[24] = {0};
  for (int i = 0; i < EVENTS; i++) {
    struct eddy_event event;
    eddy_shopper_next(world, &event);
    counts[event.type]++;
    machine += event.machine_open == 1;
    if (event.type == EDDY_SESSION_STARTED) hours[event.event_time / EDDY_HOUR_MS % 24]++;
  }
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
    if (counts[wanted[i]] == 0) fail_msg("no %s", eddy_event_type_name(wanted[i]));
  assert_true(machine > 0 && machine < counts[EDDY_EMAIL_OPENED]);
  assert_true(counts[EDDY_ORDER_COMPLETED] < counts[EDDY_PRODUCT_ADDED] / 2);
  assert_true(hours[19] > 2 * hours[6]); /* people sleep */
  eddy_shopper_free(world);
}

static void impossible_worlds_are_refused(void **state) {
  (void)state;
  struct eddy_shopper_world *world;
  struct eddy_shopper_options options;
  eddy_shopper_options_default(&options);
  options.users = 0;
  assert_int_equal(eddy_shopper_new(&world, &options), EDDY_E_INVALID);
  assert_null(world);
  eddy_shopper_free(world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_seeds_give_equal_events), cmocka_unit_test(time_never_goes_back_and_every_event_is_valid),
      cmocka_unit_test(event_ids_are_distinct),        cmocka_unit_test(orders_are_what_was_put_into_the_cart),
      cmocka_unit_test(all_sorts_of_things_happen),    cmocka_unit_test(impossible_worlds_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
