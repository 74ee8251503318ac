/* Triggers of kind absence: one test per rule. Waits are 1000 ms, lateness 100 ms unless said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/trigger_kit.h"

static struct kit kit;
static struct kit_user user;
static struct eddy_trigger_spec *trigger;

static int setup(void **state) {
  (void)state;
  eddy_effects_fini(&kit.effects);
  kit_init(&kit);
  kit.spec.allowed_lateness_ms = 100;
  trigger = kit_add_trigger(&kit, EDDY_SUBJECT_USER, EDDY_PAYLOAD_NONE);
  user = (struct kit_user){.id = kit_str("u"), .newest = EDDY_TIME_NONE};
  return 0;
}

static void by_cart(void) {
  trigger->subject = EDDY_SUBJECT_CART;
  trigger->payload = EDDY_PAYLOAD_CART;
}

static void send_id(enum eddy_event_type type, int64_t time, const char *cart, const char *product, const char *id) {
  struct eddy_item item = {.product_id = kit_str(product), .quantity = 1};
  struct eddy_event event = eddy_event_empty;
  event.type = type;
  event.event_time = time;
  event.cart_id = kit_str(cart);
  event.event_id = kit_str(id);
  event.items = &item;
  event.item_count = product != NULL;
  kit_step(&kit, &user, &event);
}

static void send(enum eddy_event_type type, int64_t time, const char *cart, const char *product) {
  send_id(type, time, cart, product, NULL);
}

static void add(int64_t time) {
  send(EDDY_PRODUCT_ADDED, time, NULL, NULL);
}

static void bounce(int64_t time, const char *bounce_type) {
  struct eddy_event event = eddy_event_empty;
  event.type = EDDY_EMAIL_BOUNCED;
  event.event_time = time;
  event.bounce_type = kit_str(bounce_type);
  kit_step(&kit, &user, &event);
}

/* Everything decided since the start, up to `time`: "due[/step][:subject][!suppression]" each. */
static const char *decided(int64_t time) {
  static char text[4096];
  size_t size = 0;
  text[0] = 0;
  kit_tick(&kit, &user, time);
  for (size_t i = 0; i < kit.effects.count; i++) {
    const struct eddy_trigger_fired *fired = &kit.effects.items[i].as.trigger;
    size += (size_t)snprintf(text + size, sizeof text - size, "%s%lld", i > 0 ? " " : "", (long long)fired->due_at);
    if (fired->step > 0) size += (size_t)snprintf(text + size, sizeof text - size, "/%d", fired->step);
    if (fired->subject.len > 0)
      size += (size_t)snprintf(text + size, sizeof text - size, ":%.*s", (int)fired->subject.len, fired->subject.data);
    bool suppressed = kit.effects.items[i].kind == EDDY_TRIGGER_SUPPRESSED;
    assert_true(suppressed == (fired->suppression != EDDY_SUPPRESS_NONE));
    if (suppressed) size += (size_t)snprintf(text + size, sizeof text - size, "!%s", eddy_suppression_name(fired->suppression));
  }
  return text;
}

static const struct eddy_trigger_fired *effect(size_t at) {
  assert_true(at < kit.effects.count);
  return &kit.effects.items[at].as.trigger;
}

static int64_t next_due(void) {
  kit_load(&kit, &user);
  return eddy_triggers_next_due(&kit.spec, &kit.tail);
}

static uint16_t kept_times(void) {
  kit_load(&kit, &user);
  return kit.tail.time_count;
}

/* The definition
 * -------------------------------------------------------------------------------------------------------------*/

static void test_fires_when_partition_time_reaches_the_deadline(void **state) {
  (void)state;
  add(5000);
  assert_int_equal(next_due(), 6000);
  assert_string_equal(decided(5999), "");
  assert_string_equal(decided(6000), "6000");
  assert_true(next_due() == INT64_MAX);
  assert_string_equal(decided(9000), "6000");
}

static void test_a_newer_addition_restarts_the_wait(void **state) {
  (void)state;
  add(5000);
  add(5500);
  assert_int_equal(next_due(), 6500);
  assert_string_equal(decided(9000), "6500");
}

static void test_an_exit_cancels(void **state) {
  (void)state;
  add(5000);
  send(EDDY_ORDER_COMPLETED, 5999, NULL, NULL);
  assert_string_equal(decided(9000), "");
}

static void test_the_interval_is_open_at_both_ends(void **state) {
  (void)state;
  add(5000);
  send(EDDY_ORDER_COMPLETED, 5000, NULL, NULL);
  send(EDDY_ORDER_COMPLETED, 6000, NULL, NULL);
  assert_string_equal(decided(9000), "6000");
}

static void test_additions_at_one_time_fire_once(void **state) {
  (void)state;
  send_id(EDDY_PRODUCT_ADDED, 5000, NULL, NULL, "b");
  send_id(EDDY_PRODUCT_ADDED, 5000, NULL, NULL, "e");
  send_id(EDDY_PRODUCT_ADDED, 5000, NULL, NULL, "d");
  send_id(EDDY_PRODUCT_ADDED, 5000, NULL, NULL, "a");
  send_id(EDDY_PRODUCT_ADDED, 5000, NULL, NULL, "c");
  assert_string_equal(decided(9000), "6000");
  assert_int_equal(effect(0)->cause_count, EDDY_CAUSES_MAX);
  for (int i = 0; i < EDDY_CAUSES_MAX; i++) assert_int_equal(effect(0)->cause_event_ids[i].data[0], 'a' + i);
}

static void test_a_late_exit_cancels(void **state) {
  (void)state;
  add(5000);
  send(EDDY_PAGE_VIEWED, 6080, NULL, NULL);
  send(EDDY_ORDER_COMPLETED, 5990, NULL, NULL);
  assert_string_equal(decided(9000), "");
}

static void test_a_newer_addition_does_not_hide_an_undecided_one(void **state) {
  (void)state;
  add(5000);
  add(6050); /* beyond the deadline at 6000, which is not decided yet */
  assert_int_equal(next_due(), 6000);
  assert_string_equal(decided(9000), "6000 7050");
}

static void test_a_late_addition_is_put_in_order(void **state) {
  (void)state;
  add(5000);
  add(6090);
  add(5995);
  assert_string_equal(decided(9000), "7090");
}

static void test_a_removal_listed_as_exit_cancels(void **state) {
  (void)state;
  trigger->without |= EDDY_EVENT_BIT(EDDY_PRODUCT_REMOVED);
  add(5000);
  send(EDDY_PRODUCT_REMOVED, 5100, NULL, NULL);
  assert_string_equal(decided(9000), "");
}

static void test_steps_rest_on_the_same_addition(void **state) {
  (void)state;
  trigger->step_count = 3;
  trigger->wait_ms[1] = 2000;
  trigger->wait_ms[2] = 3000;
  add(5000);
  send(EDDY_ORDER_COMPLETED, 7500, NULL, NULL);
  assert_string_equal(decided(9000), "6000 7000/1");
}

static void test_an_earlier_step_survives_what_ends_a_later_one(void **state) {
  (void)state;
  kit.spec.allowed_lateness_ms = 5000;
  trigger->step_count = 2;
  trigger->wait_ms[1] = 4000;
  add(5000);
  send(EDDY_ORDER_COMPLETED, 7000, NULL, NULL);
  send(EDDY_EMAIL_SUBSCRIBED, 10500, NULL, NULL);
  assert_string_equal(decided(5999), "");
  assert_string_equal(decided(20000), "6000");
}

static void test_a_trigger_that_is_off_arms_nothing(void **state) {
  (void)state;
  trigger->mode = EDDY_MODE_OFF;
  add(5000);
  assert_int_equal(kept_times(), 0);
  assert_string_equal(decided(9000), "");
}

/* Subjects
 * -------------------------------------------------------------------------------------------------------------------*/

static void test_carts_are_apart(void **state) {
  (void)state;
  by_cart();
  send(EDDY_PRODUCT_ADDED, 5000, "a", NULL);
  send(EDDY_PRODUCT_ADDED, 5500, "b", NULL);
  send(EDDY_CHECKOUT_STARTED, 5600, "b", NULL);
  assert_string_equal(decided(9000), "6000:a");
}

static void test_a_cart_event_without_id_means_the_default_cart(void **state) {
  (void)state;
  by_cart();
  send(EDDY_PRODUCT_ADDED, 5000, "a", NULL);
  send(EDDY_PRODUCT_ADDED, 5001, NULL, NULL);
  send(EDDY_CHECKOUT_STARTED, 5600, NULL, NULL);
  assert_string_equal(decided(9000), "6000:a");
}

static void test_an_order_without_cart_ends_all_carts_also_one_that_comes_late(void **state) {
  (void)state;
  by_cart();
  send(EDDY_PRODUCT_ADDED, 5000, "a", NULL);
  send(EDDY_PRODUCT_ADDED, 5001, NULL, NULL);
  send(EDDY_ORDER_COMPLETED, 5600, NULL, NULL);
  send(EDDY_PRODUCT_ADDED, 5590, "late", NULL);
  send(EDDY_PRODUCT_ADDED, 5610, "after", NULL);
  assert_string_equal(decided(9000), "6610:after");
}

static void test_an_order_with_cart_ends_that_one_only(void **state) {
  (void)state;
  by_cart();
  send(EDDY_PRODUCT_ADDED, 5000, "a", NULL);
  send(EDDY_PRODUCT_ADDED, 5000, "b", NULL);
  send(EDDY_ORDER_COMPLETED, 5600, "a", NULL);
  assert_string_equal(decided(9000), "6000:b");
}

/* Carts
 * ----------------------------------------------------------------------------------------------------------------------*/

static void test_an_emptied_cart_closes_silently(void **state) {
  (void)state;
  by_cart();
  send(EDDY_PRODUCT_ADDED, 5000, NULL, "p");
  assert_int_equal(next_due(), 6000);
  send(EDDY_PRODUCT_REMOVED, 5100, NULL, "p");
  assert_true(next_due() == INT64_MAX);
  assert_string_equal(decided(9000), "");
}

static void test_a_cart_emptied_at_the_deadline_is_still_full(void **state) {
  (void)state;
  by_cart();
  send(EDDY_PRODUCT_ADDED, 5000, NULL, "p");
  send(EDDY_PRODUCT_REMOVED, 6000, NULL, "p");
  assert_string_equal(decided(9000), "6000");
}

static void test_an_emptying_snapshot_arms_nothing(void **state) {
  (void)state;
  send(EDDY_CART_UPDATED, 5000, NULL, NULL);
  assert_string_equal(decided(9000), "");
  by_cart();
  send(EDDY_CART_UPDATED, 10000, NULL, "p");
  send(EDDY_CART_UPDATED, 10100, NULL, NULL);
  assert_string_equal(decided(20000), "");
}

static void test_additions_without_items_fire_although_no_cart_is_known(void **state) {
  (void)state;
  by_cart();
  send(EDDY_PRODUCT_ADDED, 5000, "a", NULL);
  assert_string_equal(decided(9000), "6000:a");
  assert_int_equal(effect(0)->line_count, 0);
}

static void test_payload_none_for_a_user_never_looks_at_the_cart(void **state) {
  (void)state;
  send(EDDY_PRODUCT_ADDED, 5000, NULL, "p");
  send(EDDY_PRODUCT_REMOVED, 5100, NULL, "p");
  assert_string_equal(decided(9000), "6000");
}

static void test_the_payload_is_the_cart_as_of_the_deadline(void **state) {
  (void)state;
  by_cart();
  send(EDDY_PRODUCT_ADDED, 5000, NULL, "p");
  send(EDDY_PRODUCT_ADDED, 6000, NULL, "q"); /* folded before the deadline is decided */
  send(EDDY_PRODUCT_REMOVED, 6050, NULL, "p");
  assert_string_equal(decided(6000), "6000");
  assert_int_equal(effect(0)->line_count, 1);
  assert_memory_equal(effect(0)->lines[0].product_id.data, "p", 1);
}

static void test_payload_for_a_user_is_all_carts(void **state) {
  (void)state;
  trigger->payload = EDDY_PAYLOAD_CART;
  send(EDDY_PRODUCT_ADDED, 5000, "a", "p");
  send(EDDY_PRODUCT_ADDED, 5010, "b", "q");
  assert_string_equal(decided(9000), "6010");
  assert_int_equal(effect(0)->line_count, 2);
}

/* Consent
 * --------------------------------------------------------------------------------------------------------------------*/

static void test_unsubscribing_cancels_and_suppresses_later_ones(void **state) {
  (void)state;
  add(5000);
  send(EDDY_EMAIL_UNSUBSCRIBED, 5500, NULL, NULL);
  add(7000);
  assert_string_equal(decided(9000), "8000!unsubscribed");
}

static void test_subscribing_again_lifts_it(void **state) {
  (void)state;
  send(EDDY_EMAIL_COMPLAINED, 4000, NULL, NULL);
  add(5000);
  send(EDDY_EMAIL_SUBSCRIBED, 5500, NULL, NULL);
  assert_string_equal(decided(9000), "6000");
  send(EDDY_EMAIL_COMPLAINED, 10000, NULL, NULL);
  send(EDDY_EMAIL_SUBSCRIBED, 10000, NULL, NULL); /* at one instant the end wins */
  add(11000);
  assert_string_equal(decided(20000), "6000 12000!unsubscribed");
}

static void test_consent_is_judged_as_of_the_deadline(void **state) {
  (void)state;
  add(5000);
  send(EDDY_EMAIL_UNSUBSCRIBED, 6000, NULL, NULL); /* known when 6000 is decided, but not before it */
  assert_string_equal(decided(6000), "6000");
}

static void test_only_hard_bounces_count(void **state) {
  (void)state;
  add(5000);
  bounce(5100, "soft");
  bounce(5100, NULL);
  assert_string_equal(decided(6000), "6000");
  add(7000);
  bounce(7100, "Hard");
  add(9000);
  bounce(9100, "Permanent");
  assert_string_equal(decided(20000), "6000");
}

/* Once
 * -----------------------------------------------------------------------------------------------------------------------*/

static void test_a_cart_with_an_id_fires_a_step_once(void **state) {
  (void)state;
  by_cart();
  trigger->step_count = 2;
  trigger->wait_ms[1] = 2000;
  send(EDDY_PRODUCT_ADDED, 5000, "a", NULL);
  assert_string_equal(decided(6500), "6000:a");
  send(EDDY_PRODUCT_ADDED, 6800, "a", NULL);
  assert_string_equal(decided(9000), "6000:a 8800/1:a");
  send(EDDY_PRODUCT_ADDED, 10000, "a", NULL);
  assert_true(next_due() == INT64_MAX);
  assert_string_equal(decided(20000), "6000:a 8800/1:a");
}

static void test_a_cart_may_fire_again_after_its_life(void **state) {
  (void)state;
  by_cart();
  kit.spec.cart_ttl_ms = 10000;
  send(EDDY_PRODUCT_ADDED, 5000, "a", NULL);
  send(EDDY_PRODUCT_ADDED, 16000, "a", NULL); /* 10,000 after the fire */
  send(EDDY_PRODUCT_ADDED, 18000, "a", NULL);
  assert_string_equal(decided(30000), "6000:a 19000:a");
}

static void test_the_default_cart_and_the_user_begin_new_episodes(void **state) {
  (void)state;
  by_cart();
  add(5000);
  add(7000);
  assert_string_equal(decided(9000), "6000 8000");
}

static void test_a_suppressed_deadline_is_decided_once(void **state) {
  (void)state;
  kit.spec.publish_after_ms = 6001;
  kit.spec.allowed_lateness_ms = 3000;
  add(5000);
  kit_tick(&kit, &user, 6000);
  kit_tick(&kit, &user, 6500);
  assert_string_equal(decided(7000), "6000!backfill");
}

static void test_marks_that_guard_are_kept_beyond_the_limit(void **state) {
  (void)state;
  by_cart();
  kit.spec.allowed_lateness_ms = 3000;
  kit.spec.limits.fired_marks = 1;
  send(EDDY_PRODUCT_ADDED, 5000, "a", NULL);
  send(EDDY_PRODUCT_ADDED, 5000, "b", NULL);
  send(EDDY_PRODUCT_ADDED, 5000, "c", NULL);
  assert_string_equal(decided(6000), "6000:a 6000:b 6000:c");
  assert_string_equal(decided(6500), "6000:a 6000:b 6000:c");
  assert_int_equal(kit.counters.limit_fired_marks, 0);
}

static void test_other_marks_are_bounded(void **state) {
  (void)state;
  by_cart();
  kit.spec.limits.fired_marks = 2;
  static const char *const carts[] = {"a", "b", "c", "d", "e"};
  for (int i = 0; i < 5; i++) send(EDDY_PRODUCT_ADDED, 5000 + 2000 * i, carts[i], NULL);
  decided(20000);
  kit_load(&kit, &user);
  assert_int_equal(kit.tail.mark_count, 2);
  assert_int_equal(kit.counters.limit_fired_marks, 3);
}

static void test_old_marks_go_with_the_next_decision(void **state) {
  (void)state;
  by_cart();
  kit.spec.cart_ttl_ms = 10000;
  send(EDDY_PRODUCT_ADDED, 5000, "a", NULL);
  send(EDDY_PRODUCT_ADDED, 50000, "b", NULL);
  kit_load(&kit, &user);
  assert_int_equal(kit.tail.mark_count, 1); /* published: folding leaves it */
  decided(60000);
  kit_load(&kit, &user);
  assert_int_equal(kit.tail.mark_count, 1);
}

/* Suppression
 * ----------------------------------------------------------------------------------------------------------------*/

static void test_cooldown(void **state) {
  (void)state;
  trigger->cooldown_ms = 5000;
  add(5000);
  add(8999); /* due 3999 after the fire */
  assert_string_equal(decided(12000), "6000 9999!cooldown");
  add(12000);
  add(16000); /* due 4000 after the fire */
  add(17000); /* due 5000 after the fire: not less than the cooldown */
  assert_string_equal(decided(40000), "6000 9999!cooldown 13000 17000!cooldown 18000");
}

static void test_cooldown_is_not_extended_by_a_suppression(void **state) {
  (void)state;
  trigger->cooldown_ms = 5000;
  add(5000);
  add(8000);
  add(10000);
  assert_string_equal(decided(20000), "6000 9000!cooldown 11000");
}

static void test_cooldown_reaches_across_the_carts_of_a_user(void **state) {
  (void)state;
  by_cart();
  trigger->cooldown_ms = 5000;
  send(EDDY_PRODUCT_ADDED, 5000, "a", NULL);
  send(EDDY_PRODUCT_ADDED, 5500, "b", NULL);
  assert_string_equal(decided(20000), "6000:a 6500:b!cooldown");
}

static void test_shadow_shows_what_would_have_been_sent(void **state) {
  (void)state;
  trigger->mode = EDDY_MODE_SHADOW;
  trigger->cooldown_ms = 5000;
  add(5000);
  add(8000);
  assert_string_equal(decided(20000), "6000!shadow 9000!cooldown");
  assert_int_equal(kit.counters.triggers_suppressed, 2);
  assert_int_equal(kit.counters.triggers_fired, 0);
}

static void test_backfill_comes_before_too_late(void **state) {
  (void)state;
  trigger->max_lateness_ms = 500;
  kit.spec.publish_after_ms = 6500;
  kit.now = 9000;
  add(5000);
  add(7000);
  add(7500);
  assert_string_equal(decided(9000), "6000!backfill 8500");
}

static void test_too_late_needs_a_clock(void **state) {
  (void)state;
  trigger->max_lateness_ms = 500;
  add(5000);
  assert_string_equal(decided(9000), "6000");
  kit.now = 20000;
  add(10000);
  assert_string_equal(decided(12000), "6000 11000!too_late");
  assert_int_equal(effect(1)->published_at, 20000);
}

/* The effect
 * -----------------------------------------------------------------------------------------------------------------*/

static void test_an_effect_says_everything(void **state) {
  (void)state;
  trigger->expires_ms = 700;
  send_id(EDDY_PRODUCT_ADDED, 5000, NULL, NULL, "e1");
  decided(6100);
  const struct eddy_trigger_fired *fired = effect(0);
  assert_int_equal(kit.effects.items[0].number, 0);
  assert_int_equal(kit.next_effect, 1);
  assert_int_equal(kit.effects.items[0].user_id.len, 1);
  assert_true(fired->armed_at == 5000 && fired->due_at == 6000 && fired->fired_at == 6100 && fired->published_at == 6100);
  assert_true(fired->expires_at == 6700 && fired->armed_by == EDDY_PRODUCT_ADDED && !fired->late);
  assert_true(fired->cause_count == 1 && fired->cause_event_ids[0].len == 2);
  assert_true(fired->trigger_id[0] != 0 && fired->trigger_id[0] != fired->trigger_id[1]);
  assert_true(fired->subject.data != NULL && fired->subject.len == 0);
}

static void test_late_after_a_minute_beyond_the_lateness(void **state) {
  (void)state;
  add(5000);
  decided(6000 + 100 + 60000);
  assert_false(effect(0)->late);
  add(100000);
  decided(101000 + 100 + 60001);
  assert_true(effect(1)->late);
}

static void test_the_id_depends_on_what_was_decided_alone(void **state) {
  (void)state;
  add(5000);
  decided(6000);
  uint64_t id[2] = {effect(0)->trigger_id[0], effect(0)->trigger_id[1]};
  setup(NULL);
  kit.next_effect = 17;
  kit.now = 99;
  add(5000);
  decided(8000);
  assert_true(effect(0)->trigger_id[0] == id[0] && effect(0)->trigger_id[1] == id[1]);
  setup(NULL);
  user.id = kit_str("v");
  add(5000);
  decided(6000);
  assert_true(effect(0)->trigger_id[0] != id[0] && effect(0)->trigger_id[1] != id[1]);
}

static void test_decisions_come_in_order(void **state) {
  (void)state;
  by_cart();
  trigger->step_count = 2;
  trigger->wait_ms[1] = 1500;
  kit_add_trigger(&kit, EDDY_SUBJECT_USER, EDDY_PAYLOAD_NONE);
  send(EDDY_PRODUCT_ADDED, 5500, "b", NULL);
  send(EDDY_PRODUCT_ADDED, 5500, "a", NULL);
  send(EDDY_PRODUCT_ADDED, 5000, "c", NULL); /* too late by 400, but nothing was decided */
  assert_string_equal(decided(20000), "6000:c 6500:a 6500:b 6500/1:c 6500 7000/1:a 7000/1:b");
}

/* The Nth allocation fails. */
struct failing {
  int left;
};
static void *resize_failing(void *ctx, void *old, size_t old_size, size_t new_size) {
  (void)old_size;
  struct failing *failing = ctx;
  if (new_size == 0) {
    free(old);
    return NULL;
  }
  return failing->left-- > 0 ? realloc(old, new_size) : NULL;
}

static void test_without_memory_nothing_changes(void **state) {
  (void)state;
  by_cart();
  send(EDDY_PRODUCT_ADDED, 5000, "a", "p");
  struct failing failing = {0};
  struct eddy_allocator allocator = {.resize = resize_failing, .ctx = &failing};
  struct kit_user before = user;
  for (int allocations = 0;; allocations++) {
    eddy_effects_fini(&kit.effects);
    eddy_effects_init(&kit.effects, &allocator);
    failing.left = allocations;
    int count = kit_tick(&kit, &user, 9000);
    if (count == 1) break;
    assert_int_equal(count, EDDY_E_NOMEM);
    assert_true(kit.effects.count == 0 && kit.next_effect == 0 && kit.counters.triggers_fired == 0);
    assert_int_equal(user.size, before.size);
    assert_memory_equal(user.bytes, before.bytes, before.size);
  }
  assert_true(failing.left == 0); /* items and arena: both failed before */
  setup(NULL);
}

/* Bounds
 * ---------------------------------------------------------------------------------------------------------------------*/

static void test_a_busy_subject_keeps_few_times(void **state) {
  (void)state;
  kit.spec.allowed_lateness_ms = 900;
  for (int i = 0; i < 500; i++) add(5000 + i);
  assert_int_equal(kept_times(), 2);
  assert_string_equal(decided(20000), "6499");
  assert_int_equal(kit.counters.limit_armed_times, 0);
}

static void test_pairs_with_nothing_left_vanish(void **state) {
  (void)state;
  add(5000);
  send(EDDY_EMAIL_SUBSCRIBED, 8000, NULL, NULL);
  assert_int_equal(kept_times(), 0);
}

static void test_times_of_a_pair_are_bounded(void **state) {
  (void)state;
  kit.spec.allowed_lateness_ms = 1000000;
  kit.spec.limits.armed_times = 4;
  for (int i = 0; i < 20; i++) add(5000 + 1500 * i);
  assert_int_equal(kept_times(), 4);
  assert_int_equal(kit.counters.limit_armed_times, 16);
}

static void test_pairs_are_bounded(void **state) {
  (void)state;
  by_cart();
  trigger->payload = EDDY_PAYLOAD_NONE;
  kit.spec.allowed_lateness_ms = 1000000;
  char name[16];
  for (int i = 0; i < 60; i++) {
    snprintf(name, sizeof name, "cart%d", i);
    send(EDDY_PRODUCT_ADDED, 5000 + i, name, NULL);
  }
  assert_int_equal(kept_times(), EDDY_TAIL_ARMED_MAX);
  assert_int_equal(kit.counters.limit_armed_times, 60 - EDDY_TAIL_ARMED_MAX);
}

static void test_the_mask_names_what_is_folded(void **state) {
  (void)state;
  trigger->after = EDDY_EVENT_BIT(EDDY_PRODUCT_VIEWED);
  eddy_event_mask mask = eddy_triggers_mask(&kit.spec);
  assert_true(mask & EDDY_EVENT_BIT(EDDY_PRODUCT_VIEWED));
  assert_true(mask & EDDY_EVENT_BIT(EDDY_EMAIL_UNSUBSCRIBED));
  assert_true(mask & EDDY_EVENT_BIT(EDDY_PRODUCT_REMOVED));
  assert_false(mask & EDDY_EVENT_BIT(EDDY_PAGE_VIEWED));
  trigger->mode = EDDY_MODE_OFF;
  assert_false(eddy_triggers_mask(&kit.spec) & EDDY_EVENT_BIT(EDDY_PRODUCT_VIEWED));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)
int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_fires_when_partition_time_reaches_the_deadline),
      TEST(test_a_newer_addition_restarts_the_wait),
      TEST(test_an_exit_cancels),
      TEST(test_the_interval_is_open_at_both_ends),
      TEST(test_additions_at_one_time_fire_once),
      TEST(test_a_late_exit_cancels),
      TEST(test_a_newer_addition_does_not_hide_an_undecided_one),
      TEST(test_a_late_addition_is_put_in_order),
      TEST(test_a_removal_listed_as_exit_cancels),
      TEST(test_steps_rest_on_the_same_addition),
      TEST(test_an_earlier_step_survives_what_ends_a_later_one),
      TEST(test_a_trigger_that_is_off_arms_nothing),
      TEST(test_carts_are_apart),
      TEST(test_a_cart_event_without_id_means_the_default_cart),
      TEST(test_an_order_without_cart_ends_all_carts_also_one_that_comes_late),
      TEST(test_an_order_with_cart_ends_that_one_only),
      TEST(test_an_emptied_cart_closes_silently),
      TEST(test_a_cart_emptied_at_the_deadline_is_still_full),
      TEST(test_an_emptying_snapshot_arms_nothing),
      TEST(test_additions_without_items_fire_although_no_cart_is_known),
      TEST(test_payload_none_for_a_user_never_looks_at_the_cart),
      TEST(test_the_payload_is_the_cart_as_of_the_deadline),
      TEST(test_payload_for_a_user_is_all_carts),
      TEST(test_unsubscribing_cancels_and_suppresses_later_ones),
      TEST(test_subscribing_again_lifts_it),
      TEST(test_consent_is_judged_as_of_the_deadline),
      TEST(test_only_hard_bounces_count),
      TEST(test_a_cart_with_an_id_fires_a_step_once),
      TEST(test_a_cart_may_fire_again_after_its_life),
      TEST(test_the_default_cart_and_the_user_begin_new_episodes),
      TEST(test_a_suppressed_deadline_is_decided_once),
      TEST(test_marks_that_guard_are_kept_beyond_the_limit),
      TEST(test_other_marks_are_bounded),
      TEST(test_old_marks_go_with_the_next_decision),
      TEST(test_cooldown),
      TEST(test_cooldown_is_not_extended_by_a_suppression),
      TEST(test_cooldown_reaches_across_the_carts_of_a_user),
      TEST(test_shadow_shows_what_would_have_been_sent),
      TEST(test_backfill_comes_before_too_late),
      TEST(test_too_late_needs_a_clock),
      TEST(test_an_effect_says_everything),
      TEST(test_late_after_a_minute_beyond_the_lateness),
      TEST(test_the_id_depends_on_what_was_decided_alone),
      TEST(test_decisions_come_in_order),
      TEST(test_without_memory_nothing_changes),
      TEST(test_a_busy_subject_keeps_few_times),
      TEST(test_pairs_with_nothing_left_vanish),
      TEST(test_times_of_a_pair_are_bounded),
      TEST(test_pairs_are_bounded),
      TEST(test_the_mask_names_what_is_folded),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  eddy_effects_fini(&kit.effects);
  return failed;
}
