/* What an engine decides, case by case. Random runs are in tests/sim/core/sim_engine.c. */
#include "engine_fixture.h"

#include <math.h>

static void assert_near(double value, double expected) {
  if (fabs(value - expected) > 1e-5 * fmax(1, fabs(expected))) fail_msg("%.9g is not %.9g", value, expected);
}

/* Time and users ------------------------------------------------------------------------------------------------------------*/

static void test_partition_time_never_goes_back(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  assert_int_equal(eddy_engine_partition_time(fixture->engine), EDDY_TIME_NONE);
  assert_int_equal(eddy_engine_newest_time(fixture->engine), EDDY_TIME_NONE);
  happen(fixture, EDDY_PRODUCT_VIEWED, "a", T0);
  assert_int_equal(eddy_engine_partition_time(fixture->engine), T0 - 10 * EDDY_SECOND_MS);
  happen(fixture, EDDY_PRODUCT_VIEWED, "b", T0 - EDDY_HOUR_MS);
  assert_int_equal(eddy_engine_partition_time(fixture->engine), T0 - 10 * EDDY_SECOND_MS);
  assert_int_equal(eddy_engine_newest_time(fixture->engine), T0);
  assert_int_equal(eddy_engine_counters(fixture->engine)->late, 1);
  assert_int_equal(eddy_engine_tick(fixture->engine, T0 - EDDY_DAY_MS, EDDY_TIME_NONE, 10, &fixture->effects), 0);
  assert_int_equal(eddy_engine_partition_time(fixture->engine), T0 - 10 * EDDY_SECOND_MS);
  eddy_engine_tick(fixture->engine, T0 + 1, EDDY_TIME_NONE, 10, &fixture->effects);
  assert_int_equal(eddy_engine_partition_time(fixture->engine), T0 + 1);
  assert_int_equal(eddy_engine_users(fixture->engine), 2);
  fixture_free(fixture);
}

/* A clock may say anything: what is far outside counts as the nearest time that is not. */
static void test_clocks_out_of_range(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  eddy_engine_tick(fixture->engine, INT64_MIN + 1, EDDY_TIME_NONE, 10, &fixture->effects);
  happen(fixture, EDDY_PAGE_VIEWED, "a", T0);
  while (eddy_engine_tick(fixture->engine, EDDY_TIME_NONE, EDDY_TIME_NONE, 10, &fixture->effects) > 0) {
  }
  assert_int_equal(eddy_engine_partition_time(fixture->engine), T0 - fixture->spec.allowed_lateness_ms);
  eddy_engine_tick(fixture->engine, INT64_MAX, EDDY_TIME_NONE, 10, &fixture->effects);
  assert_in_range(eddy_engine_partition_time(fixture->engine), T0, INT64_C(1) << 46);
  fixture_free(fixture);
}

static void test_events_out_of_range_change_nothing(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  happen(fixture, EDDY_PRODUCT_VIEWED, "a", T0);
  struct eddy_buffer before, after;
  world_snapshot(fixture->engine, &before);
  char id[EDDY_USER_ID_MAX + 2];
  memset(id, 'x', sizeof id);
  struct eddy_event bad[] = {
      event_of(EDDY_USER_MERGED, "a", T0 + 1),       event_of((enum eddy_event_type)99, "a", T0 + 1),
      event_of(EDDY_PRODUCT_VIEWED, "", T0 + 1),     event_of(EDDY_PRODUCT_VIEWED, "a", -1),
      event_of(EDDY_PRODUCT_VIEWED, "a", INT64_MAX), event_of(EDDY_PRODUCT_VIEWED, "a", EDDY_TIME_NONE),
      event_of(EDDY_PRODUCT_VIEWED, "a", T0 + 1),
  };
  size_t count = sizeof bad / sizeof bad[0];
  bad[count - 1].user_id = (struct eddy_str){id, EDDY_USER_ID_MAX + 1};
  assert_int_equal(eddy_engine_step_batch(fixture->engine, bad, count, EDDY_TIME_NONE, &fixture->effects), count);
  world_snapshot(fixture->engine, &after);
  assert_int_equal(before.size, after.size);
  assert_memory_equal(before.data, after.data, before.size);
  eddy_buffer_fini(&before);
  eddy_buffer_fini(&after);
  fixture_free(fixture);
}

static void test_duplicates_within_the_window(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture->spec.limits.recent_ids = 2;
  fixture_start(fixture);
  struct eddy_event event = event_of(EDDY_PRODUCT_VIEWED, "a", T0);
  const char *ids[] = {"1", "1", "2", "1", "3", "1"}; /* the last "1" has left the window of two */
  for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
    event.event_id = (struct eddy_str){ids[i], 1};
    step(fixture, &event);
  }
  event.event_id = (struct eddy_str){0};
  step(fixture, &event);
  step(fixture, &event);
  assert_int_equal(eddy_engine_counters(fixture->engine)->duplicates, 2);
  assert_int_equal(eddy_engine_counters(fixture->engine)->events, 6);
  assert_near(feature_of(fixture, "a", T0, "views_7d"), 6);
  fixture_free(fixture);
}

static void test_erasure_leaves_nothing(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  struct eddy_item item = {.product_id = EDDY_STR("secret-product"), .quantity = 1};
  struct eddy_event event = event_of(EDDY_PRODUCT_ADDED, "somebody-with-a-long-and-unique-name", T0);
  event.items = &item;
  event.item_count = 1;
  step(fixture, &event);
  assert_int_not_equal(eddy_engine_next_due(fixture->engine), EDDY_TIME_NONE);
  happen(fixture, EDDY_USER_ERASED, "somebody-with-a-long-and-unique-name", T0 + 1);
  assert_int_equal(eddy_engine_users(fixture->engine), 0);
  assert_int_equal(eddy_engine_next_due(fixture->engine), EDDY_TIME_NONE);
  assert_int_equal(fixture->effects.count, 1);
  assert_int_equal(fixture->effects.items[0].kind, EDDY_PROFILE_ERASED);
  assert_memory_equal(fixture->effects.items[0].user_id.data, "somebody", 8);
  struct eddy_buffer bytes;
  world_snapshot(fixture->engine, &bytes);
  for (size_t i = 0; i + 8 < bytes.size; i++) assert_memory_not_equal(bytes.data + i, "somebody", 8);
  eddy_buffer_fini(&bytes);
  happen(fixture, EDDY_USER_ERASED, "never seen", T0 + 2); /* a receipt is due, too */
  assert_int_equal(fixture->effects.count, 2);
  assert_int_equal(eddy_engine_counters(fixture->engine)->erased, 1);
  fixture_free(fixture);
}

/* Features ------------------------------------------------------------------------------------------------------------------*/

static void test_machines_weigh_nothing(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  struct eddy_event event = event_of(EDDY_EMAIL_OPENED, "a", T0);
  event.machine_open = 1;
  step(fixture, &event);
  event.machine_open = 0;
  event.bot_suspected = 1;
  event.type = EDDY_EMAIL_CLICKED;
  step(fixture, &event);
  event.type = EDDY_EMAIL_SENT; /* only opens and clicks can be a machine's */
  step(fixture, &event);
  assert_int_equal(eddy_engine_counters(fixture->engine)->machine_opens, 2);
  assert_near(feature_of(fixture, "a", T0, "opens_7d"), 0);
  assert_near(feature_of(fixture, "a", T0, "clicks_7d"), 0);
  assert_near(feature_of(fixture, "a", T0, "sends_4d"), 1);
  assert_near(feature_of(fixture, "a", T0 + EDDY_DAY_MS, "since_open"), 400); /* none: the idle TTL */
  fixture_free(fixture);
}

/* A user who is never silent for long: what was counted long ago ends at 0, not in the slow numbers below FLT_MIN. */
static void test_what_was_counted_fades_to_nothing(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  happen(fixture, EDDY_EMAIL_OPENED, "a", T0);
  for (int i = 1; i <= 4 * 80; i++) happen(fixture, EDDY_PAGE_VIEWED, "a", T0 + i * 6 * EDDY_HOUR_MS);
  assert_true(feature_of(fixture, "a", EDDY_TIME_NONE, "opens_1d") > 0);
  for (int i = 4 * 80 + 1; i <= 4 * 300; i++) happen(fixture, EDDY_PAGE_VIEWED, "a", T0 + i * 6 * EDDY_HOUR_MS);
  assert_true(feature_of(fixture, "a", EDDY_TIME_NONE, "opens_1d") == 0);
  assert_true(feature_of(fixture, "a", EDDY_TIME_NONE, "opens_60d") > 0);
  fixture_free(fixture);
}

static void test_money(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  struct eddy_item items[] = {{.product_id = EDDY_STR("p"), .price = 1000, .quantity = 3, .has_price = true},
                              {.product_id = EDDY_STR("q"), .price = 500, .quantity = 1, .has_price = false}};
  struct eddy_event event = event_of(EDDY_ORDER_COMPLETED, "a", T0);
  event.items = items;
  event.item_count = 2;
  step(fixture, &event); /* no value: 3 x 10.00; no currency: the specification's */
  assert_near(feature_of(fixture, "a", T0, "spend_30d"), 3000);
  event.has_value = true;
  event.value = 200;
  event.currency = EDDY_STR("USD");
  step(fixture, &event);
  assert_near(feature_of(fixture, "a", T0, "spend_30d"), 3200);
  event.currency = EDDY_STR("EUR");
  step(fixture, &event);
  assert_near(feature_of(fixture, "a", T0, "spend_30d"), 3200);
  assert_int_equal(eddy_engine_counters(fixture->engine)->other_currency, 1);
  event.type = EDDY_ORDER_REFUNDED;
  event.currency = EDDY_STR("USD");
  event.value = 1200;
  step(fixture, &event);
  assert_near(feature_of(fixture, "a", T0, "spend_30d"), 2000);
  event.value = 9999;
  step(fixture, &event);
  assert_near(feature_of(fixture, "a", T0, "spend_30d"), 0);  /* clipped where it is read */
  assert_near(feature_of(fixture, "a", T0, "orders_30d"), 3); /* counts count orders, not refunds */
  fixture_free(fixture);
}

static void test_ages_and_rates(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  happen(fixture, EDDY_SESSION_STARTED, "a", T0);
  happen(fixture, EDDY_SESSION_STARTED, "a", T0 - EDDY_HOUR_MS); /* late: does not make it older */
  assert_near(feature_of(fixture, "a", T0 + 12 * EDDY_HOUR_MS, "since_visit"), 0.5);
  assert_near(feature_of(fixture, "a", T0, "since_order"), 400);
  assert_near(feature_of(fixture, "a", T0, "click_rate_60d"), 0);
  for (int i = 0; i < 4; i++) happen(fixture, EDDY_EMAIL_SENT, "a", T0);
  happen(fixture, EDDY_EMAIL_CLICKED, "a", T0);
  assert_near(feature_of(fixture, "a", T0 + 90 * EDDY_DAY_MS, "click_rate_60d"), 0.25);
  assert_near(feature_of(fixture, "a", T0 + 60 * EDDY_DAY_MS, "sends_60d"), 2);
  struct eddy_user_view view = view_of(fixture, "a", EDDY_TIME_NONE);
  assert_int_equal(view.first_seen, T0 - EDDY_HOUR_MS);
  assert_int_equal(view.last_seen, T0);
  fixture_free(fixture);
}

/* Segments ------------------------------------------------------------------------------------------------------------------*/

/* Two centroids on the axis of opens_7d, which is dimension 0: at 0 and at 2 (in ln(1 + opens)). */
static struct eddy_model *line_model(const struct eddy_spec *spec, uint32_t first_id, uint32_t second_id) {
  float zeros[EDDY_FEATURES_MAX] = {0}, ones[EDDY_FEATURES_MAX], centroids[2 * EDDY_FEATURES_MAX] = {0};
  uint16_t d = eddy_spec_dimensions(spec);
  struct eddy_segment_card cards[2] = {{.id = first_id, .name = "low"}, {.id = second_id, .name = "high"}};
  float weight[EDDY_FEATURES_MAX] = {1}; /* the other dimensions do not count */
  for (int i = 0; i < EDDY_FEATURES_MAX; i++) ones[i] = 1;
  centroids[d] = 2;
  struct eddy_model_parts parts = {
      .version = 9,
      .dimensions = d,
      .clusters = 2,
      .mean = zeros,
      .deviation = ones,
      .weight = weight,
      .centroids = centroids,
      .cards = cards,
  };
  struct eddy_model *model = eddy_model_new(&parts, NULL);
  assert_non_null(model);
  return model;
}

static void open_mails(struct fixture *fixture, int count) {
  for (int i = 0; i < count; i++) happen(fixture, EDDY_EMAIL_OPENED, "a", T0);
}

static void test_segments_need_evidence_and_keep_a_margin(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  struct eddy_model *model = line_model(&fixture->spec, 70, 80);
  assert_int_equal(eddy_engine_set_model(fixture->engine, model), 0);
  happen(fixture, EDDY_PAGE_VIEWED, "a", T0);
  happen(fixture, EDDY_PAGE_VIEWED, "a", T0);
  assert_int_equal(fixture->effects.count, 0); /* evidence 2 of 3 */
  happen(fixture, EDDY_PAGE_VIEWED, "a", T0);
  assert_int_equal(fixture->effects.count, 1);
  const struct eddy_segment_changed *change = &fixture->effects.items[0].as.segment;
  assert_false(change->has_from);
  assert_true(change->has_to);
  assert_int_equal(change->to, 70);
  assert_int_equal(change->model_version, 9);
  assert_int_equal(change->reason_count, 0); /* nothing speaks for the origin against the population */
  /* x = ln 3 = 1.0986: nearer to 2 (distance .901) than to 0, but not by 10 %; ln 4 = 1.386 is. */
  open_mails(fixture, 2);
  /* .9014 < .9 * 1.0986 = .9887: this is past the margin already. */
  assert_int_equal(fixture->effects.count, 2);
  change = &fixture->effects.items[1].as.segment;
  assert_int_equal(change->from, 70);
  assert_int_equal(change->to, 80);
  assert_int_equal(change->reason_count, 1);
  assert_int_equal(change->reasons[0].feature, feature_at(fixture, "opens_7d"));
  assert_near((double)change->reasons[0].value, 2);
  assert_near((double)change->reasons[0].contribution, 2 * (2 * log(3) - 2));
  uint64_t sizes[EDDY_CLUSTERS_MAX];
  eddy_engine_segment_sizes(fixture->engine, sizes);
  assert_int_equal(sizes[0], 0);
  assert_int_equal(sizes[1], 1);
  assert_true(view_of(fixture, "a", T0).has_segment);
  assert_int_equal(view_of(fixture, "a", T0).segment, 80);
  fixture_free(fixture);
  eddy_model_free(model);
}

/* Decay takes the user back towards the origin: just past the middle the margin keeps it. */
static void test_margin_keeps_and_retired_ids_switch_at_once(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  struct eddy_model *model = line_model(&fixture->spec, 70, 80), *next = line_model(&fixture->spec, 71, 81);
  eddy_engine_set_model(fixture->engine, model);
  open_mails(fixture, 3); /* x = ln 4 = 1.386 -> high */
  assert_int_equal(fixture->effects.items[0].as.segment.to, 80);
  /* After 6 days 3 * 2^(-6/7) = 1.656 opens: x = .977, .023 before the middle; the margin asks for .9474. */
  happen(fixture, EDDY_PAGE_VIEWED, "a", T0 + 6 * EDDY_DAY_MS);
  assert_int_equal(fixture->effects.count, 1);
  assert_int_equal(eddy_engine_counters(fixture->engine)->kept_by_margin, 1);
  /* A model without id 80 has no margin for it. */
  eddy_engine_set_model(fixture->engine, next);
  happen(fixture, EDDY_PAGE_VIEWED, "a", T0 + 6 * EDDY_DAY_MS);
  assert_int_equal(fixture->effects.count, 2);
  assert_int_equal(fixture->effects.items[1].as.segment.from, 80);
  assert_int_equal(fixture->effects.items[1].as.segment.to, 71);
  assert_int_equal(eddy_engine_counters(fixture->engine)->segment_changes, 2);
  fixture_free(fixture);
  eddy_model_free(model);
  eddy_model_free(next);
}

static void test_models_of_other_dimensions_are_refused(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  struct eddy_spec other = fixture->spec;
  other.features[0].cluster = true;
  struct eddy_model *model = line_model(&other, 1, 2);
  assert_int_equal(eddy_engine_set_model(fixture->engine, model), EDDY_E_INVALID);
  assert_int_equal(eddy_engine_set_model(fixture->engine, NULL), 0);
  eddy_model_free(model);
  fixture_free(fixture);
}

/* Contributions -------------------------------------------------------------------------------------------------------------*/

static void test_contributions_weigh_elapsed_time(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  happen(fixture, EDDY_PRODUCT_VIEWED, "a", T0);                       /* first: 1/4 */
  happen(fixture, EDDY_PRODUCT_VIEWED, "a", T0 + 29 * EDDY_MINUTE_MS); /* below half an hour: none */
  happen(fixture, EDDY_PRODUCT_VIEWED, "a", T0 + 12 * EDDY_HOUR_MS);   /* 1/2 since the first */
  happen(fixture, EDDY_PRODUCT_VIEWED, "a", T0 + 90 * EDDY_HOUR_MS);   /* 1 at most */
  assert_int_equal(eddy_engine_take_delta(fixture->engine, &fixture->effects), 0);
  assert_int_equal(fixture->effects.count, 1);
  const struct eddy_model_delta *delta = &fixture->effects.items[0].as.delta;
  assert_int_equal(delta->count, 3);
  assert_int_equal(delta->offered, 3);
  assert_near(delta->offered_weight, 1.75);
  assert_near((double)delta->weights[0], 0.25);
  assert_near((double)delta->weights[1], 0.5);
  assert_near((double)delta->weights[2], 1);
  assert_int_equal(delta->newest_time, T0 + 90 * EDDY_HOUR_MS);
  assert_int_equal(delta->dimensions, 14);
  assert_int_equal(delta->users[0], delta->users[2]);
  assert_near((double)delta->vectors[4], log(2)); /* views_7d after the first view */
  assert_int_equal(eddy_engine_take_delta(fixture->engine, &fixture->effects), 0);
  assert_int_equal(fixture->effects.count, 1); /* nothing new, no effect */
  fixture_free(fixture);
}

static void test_sweep_visits_everyone_once_a_day(void **state) {
  (void)state;
  enum { USERS = 50 };
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  for (int i = 0; i < USERS; i++) {
    char user[16];
    snprintf(user, sizeof user, "u%d", i);
    happen(fixture, EDDY_PRODUCT_VIEWED, user, T0);
  }
  eddy_engine_take_delta(fixture->engine, &fixture->effects);
  eddy_effects_clear(&fixture->effects);
  int64_t start = eddy_engine_partition_time(fixture->engine);
  assert_int_equal(eddy_engine_tick(fixture->engine, start + EDDY_DAY_MS / 2, EDDY_TIME_NONE, 1000, &fixture->effects), 0);
  assert_int_equal(eddy_engine_counters(fixture->engine)->contributions, USERS + USERS / 2);
  /* Time stands still: nothing to do, however large the budget. */
  assert_int_equal(eddy_engine_tick(fixture->engine, EDDY_TIME_NONE, EDDY_TIME_NONE, 1000, &fixture->effects), 0);
  assert_int_equal(eddy_engine_counters(fixture->engine)->contributions, USERS + USERS / 2);
  assert_int_equal(eddy_engine_tick(fixture->engine, start + EDDY_DAY_MS, EDDY_TIME_NONE, 10, &fixture->effects), 1);
  while (eddy_engine_tick(fixture->engine, EDDY_TIME_NONE, EDDY_TIME_NONE, 10, &fixture->effects) > 0) {
  }
  assert_int_equal(eddy_engine_counters(fixture->engine)->contributions, 2 * USERS);
  /* Ten days at once: one more visit each, not ten. */
  int calls = 1;
  while (eddy_engine_tick(fixture->engine, start + 11 * EDDY_DAY_MS, EDDY_TIME_NONE, 10, &fixture->effects) > 0) calls++;
  assert_in_range(calls, USERS / 10, USERS / 10 + 1);
  assert_int_equal(eddy_engine_counters(fixture->engine)->contributions, 3 * USERS);
  fixture_free(fixture);
}

/* A new life ----------------------------------------------------------------------------------------------------------------*/

static void test_idle_users_vanish_and_consent_stays(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  happen(fixture, EDDY_PRODUCT_VIEWED, "gone", T0);
  happen(fixture, EDDY_EMAIL_UNSUBSCRIBED, "stub", T0);
  int64_t later = T0 + 400 * EDDY_DAY_MS + EDDY_MINUTE_MS;
  while (eddy_engine_tick(fixture->engine, later, EDDY_TIME_NONE, 10, &fixture->effects) > 0) {
  }
  assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 2);
  assert_int_equal(eddy_engine_users(fixture->engine), 1);
  assert_int_equal(view_of(fixture, "stub", EDDY_TIME_NONE).last_seen, EDDY_TIME_NONE);
  /* Its next cart is still suppressed. */
  happen(fixture, EDDY_PRODUCT_ADDED, "stub", later + EDDY_DAY_MS);
  while (eddy_engine_tick(fixture->engine, later + 2 * EDDY_DAY_MS, EDDY_TIME_NONE, 10, &fixture->effects) > 0) {
  }
  assert_int_equal(eddy_engine_counters(fixture->engine)->triggers_suppressed, 1);
  assert_int_equal(fixture->effects.items[0].as.trigger.suppression, EDDY_SUPPRESS_UNSUBSCRIBED);
  assert_int_equal(eddy_engine_counters(fixture->engine)->evicted, 2);
  fixture_free(fixture);
}

static void add_to_cart(struct fixture *fixture, const char *user, int64_t time) {
  struct eddy_item item = {.product_id = EDDY_STR("p"), .price = 500, .quantity = 2, .has_price = true};
  struct eddy_event event = event_of(EDDY_PRODUCT_ADDED, user, time);
  event.items = &item;
  event.item_count = 1;
  event.event_id = EDDY_STR("cause");
  step(fixture, &event);
}

static void test_a_new_life_has_an_empty_cart(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture->spec.idle_ttl_ms = EDDY_DAY_MS; /* shorter than a cart lives */
  fixture_start(fixture);
  add_to_cart(fixture, "a", T0);
  happen(fixture, EDDY_EMAIL_UNSUBSCRIBED, "a", T0);
  happen(fixture, EDDY_PAGE_VIEWED, "a", T0 + EDDY_DAY_MS);
  assert_int_equal(view_of(fixture, "a", EDDY_TIME_NONE).cart_lines, 1);
  happen(fixture, EDDY_PAGE_VIEWED, "a", T0 + 2 * EDDY_DAY_MS + 1);
  assert_int_equal(view_of(fixture, "a", EDDY_TIME_NONE).cart_lines, 0);
  eddy_effects_clear(&fixture->effects);
  add_to_cart(fixture, "a", T0 + 3 * EDDY_DAY_MS);
  eddy_engine_tick(fixture->engine, T0 + 4 * EDDY_DAY_MS, EDDY_TIME_NONE, 100, &fixture->effects);
  assert_int_equal(fixture->effects.count, 1);
  assert_int_equal(fixture->effects.items[0].as.trigger.suppression, EDDY_SUPPRESS_UNSUBSCRIBED);
  fixture_free(fixture);
}

/* Whether the sweep came by or not, an event after the idle TTL finds the same empty profile. */
static void test_events_after_the_ttl_start_afresh(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  struct eddy_model *model = line_model(&fixture->spec, 70, 80);
  eddy_engine_set_model(fixture->engine, model);
  for (int i = 0; i < 3; i++) happen(fixture, EDDY_ORDER_COMPLETED, "a", T0);
  assert_int_equal(fixture->effects.count, 1);
  int64_t later = T0 + 400 * EDDY_DAY_MS + 1;
  happen(fixture, EDDY_PRODUCT_VIEWED, "a", later);
  assert_int_equal(fixture->effects.count, 2); /* it leaves its segment; one event is no evidence for another */
  assert_true(fixture->effects.items[1].as.segment.has_from);
  assert_false(fixture->effects.items[1].as.segment.has_to);
  assert_near(feature_of(fixture, "a", later, "orders_180d"), 0);
  assert_int_equal(view_of(fixture, "a", later).first_seen, later);
  happen(fixture, EDDY_ORDER_COMPLETED, "a", T0); /* belongs to the life before */
  assert_int_equal(eddy_engine_counters(fixture->engine)->late_ignored, 1);
  assert_near(feature_of(fixture, "a", later, "orders_180d"), 0);
  fixture_free(fixture);
  eddy_model_free(model);
}

/* Triggers ------------------------------------------------------------------------------------------------------------------*/

static void test_a_deadline_fires_when_partition_time_reaches_it(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  add_to_cart(fixture, "a", T0);
  int64_t due = T0 + EDDY_HOUR_MS, lateness = fixture->spec.allowed_lateness_ms;
  assert_int_equal(view_of(fixture, "a", T0).next_due, due);
  assert_int_equal(view_of(fixture, "a", T0).cart_lines, 1);
  happen(fixture, EDDY_PAGE_VIEWED, "b", due + lateness - 1);
  assert_int_equal(fixture->effects.count, 0); /* never early */
  happen(fixture, EDDY_PAGE_VIEWED, "b", due + lateness);
  assert_int_equal(fixture->effects.count, 1); /* another user's event takes it along */
  const struct eddy_trigger_fired *fired = &fixture->effects.items[0].as.trigger;
  assert_int_equal(fixture->effects.items[0].kind, EDDY_TRIGGER_FIRED);
  assert_int_equal(fired->due_at, due);
  assert_int_equal(fired->fired_at, due);
  assert_int_equal(fired->line_count, 1);
  assert_int_equal(fired->cart_value, 1000);
  assert_int_equal(eddy_engine_next_due(fixture->engine), EDDY_TIME_NONE);
  fixture_free(fixture);
}

/* An event that arrives so late that its deadline has passed is decided at once. */
static void test_a_late_event_may_arm_what_is_due(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  happen(fixture, EDDY_PAGE_VIEWED, "other", T0 + 3 * EDDY_HOUR_MS);
  add_to_cart(fixture, "a", T0);
  assert_int_equal(fixture->effects.count, 1);
  assert_int_equal(fixture->effects.items[0].as.trigger.due_at, T0 + EDDY_HOUR_MS);
  assert_true(fixture->effects.items[0].as.trigger.late);
  fixture_free(fixture);
}

static void test_the_users_own_deadline_comes_before_its_event(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  add_to_cart(fixture, "a", T0);
  happen(fixture, EDDY_ORDER_COMPLETED, "a", T0 + 2 * EDDY_HOUR_MS); /* too late to cancel (invariant 3) */
  assert_int_equal(fixture->effects.count, 1);
  add_to_cart(fixture, "b", T0 + 3 * EDDY_HOUR_MS);
  happen(fixture, EDDY_ORDER_COMPLETED, "b", T0 + 4 * EDDY_HOUR_MS - 1);
  eddy_engine_tick(fixture->engine, T0 + 9 * EDDY_HOUR_MS, EDDY_TIME_NONE, 100, &fixture->effects);
  assert_int_equal(fixture->effects.count, 1);
  fixture_free(fixture);
}

/* A cart too large for limit tail_bytes loses its oldest lines, but every change restarts the hour and the order ends it. */
static void test_a_full_tail_still_knows_when(void **state) {
  (void)state;
  enum { CHANGES = 60 };
  struct fixture *fixture = fixture_new();
  fixture->spec.limits.tail_bytes = 4096;
  fixture_start(fixture);
  char name[120], product[16];
  memset(name, 'n', sizeof name);
  int64_t time = T0;
  for (int i = 0; i < CHANGES; i++) {
    struct eddy_item item = {.product_id = {product, (uint32_t)snprintf(product, sizeof product, "p%d", i)}, .quantity = 1};
    item.name = item.category = (struct eddy_str){name, sizeof name};
    struct eddy_event event = event_of(EDDY_PRODUCT_ADDED, "a", time += EDDY_MINUTE_MS);
    event.items = &item;
    event.item_count = 1;
    step(fixture, &event);
    assert_int_equal(view_of(fixture, "a", time).next_due, time + EDDY_HOUR_MS);
  }
  assert_in_range(view_of(fixture, "a", time).cart_lines, 10, CHANGES - 1);
  assert_true(eddy_engine_counters(fixture->engine)->limit_tail_bytes > 0);
  assert_true(eddy_engine_counters(fixture->engine)->limit_cart_lines > 0);
  happen(fixture, EDDY_ORDER_COMPLETED, "a", time + EDDY_MINUTE_MS);
  assert_int_equal(view_of(fixture, "a", time).next_due, EDDY_TIME_NONE);
  eddy_engine_tick(fixture->engine, time + EDDY_DAY_MS, EDDY_TIME_NONE, 100, &fixture->effects);
  assert_int_equal(fixture->effects.count, 0);
  fixture_free(fixture);
}

static void test_a_wave_is_taken_in_slices(void **state) {
  (void)state;
  enum { USERS = 40, SLICE = 8 };
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  for (int i = 0; i < USERS; i++) {
    char user[16];
    snprintf(user, sizeof user, "u%d", i);
    add_to_cart(fixture, user, T0);
  }
  happen(fixture, EDDY_PAGE_VIEWED, "other", T0 + 2 * EDDY_HOUR_MS);
  assert_int_equal(fixture->effects.count, SLICE);
  assert_int_equal(eddy_engine_tick(fixture->engine, EDDY_TIME_NONE, EDDY_TIME_NONE, 5, &fixture->effects), 1);
  assert_int_equal(fixture->effects.count, SLICE + 5);
  while (eddy_engine_tick(fixture->engine, EDDY_TIME_NONE, EDDY_TIME_NONE, 5, &fixture->effects) > 0) {
  }
  assert_int_equal(fixture->effects.count, USERS);
  for (size_t i = 0; i < USERS; i++) assert_int_equal(fixture->effects.items[i].number, i); /* invariant 4 */
  fixture_free(fixture);
}

/* Options -------------------------------------------------------------------------------------------------------------------*/

static void test_a_broken_specification_is_refused(void **state) {
  (void)state;
  struct eddy_spec spec;
  struct eddy_engine *engine = NULL;
  eddy_spec_default(&spec);
  spec.switch_margin = 2;
  struct eddy_engine_options options = {.spec = &spec};
  assert_int_equal(eddy_engine_new(&engine, &options), EDDY_E_INVALID);
  assert_null(engine);
  eddy_engine_free(NULL);
}

static void test_no_features_at_all(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture->spec.feature_count = 0;
  fixture->spec.trigger_count = 0;
  fixture_start(fixture);
  happen(fixture, EDDY_PRODUCT_VIEWED, "a", T0);
  happen(fixture, EDDY_PRODUCT_ADDED, "a", T0 + EDDY_DAY_MS);
  while (eddy_engine_tick(fixture->engine, T0 + 3 * EDDY_DAY_MS, EDDY_TIME_NONE, 10, &fixture->effects) > 0) {
  }
  assert_int_equal(eddy_engine_take_delta(fixture->engine, &fixture->effects), 0);
  assert_int_equal(fixture->effects.count, 0);
  fixture_free(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_partition_time_never_goes_back),
      cmocka_unit_test(test_clocks_out_of_range),
      cmocka_unit_test(test_events_out_of_range_change_nothing),
      cmocka_unit_test(test_duplicates_within_the_window),
      cmocka_unit_test(test_erasure_leaves_nothing),
      cmocka_unit_test(test_machines_weigh_nothing),
      cmocka_unit_test(test_what_was_counted_fades_to_nothing),
      cmocka_unit_test(test_money),
      cmocka_unit_test(test_ages_and_rates),
      cmocka_unit_test(test_segments_need_evidence_and_keep_a_margin),
      cmocka_unit_test(test_margin_keeps_and_retired_ids_switch_at_once),
      cmocka_unit_test(test_models_of_other_dimensions_are_refused),
      cmocka_unit_test(test_contributions_weigh_elapsed_time),
      cmocka_unit_test(test_sweep_visits_everyone_once_a_day),
      cmocka_unit_test(test_idle_users_vanish_and_consent_stays),
      cmocka_unit_test(test_a_new_life_has_an_empty_cart),
      cmocka_unit_test(test_events_after_the_ttl_start_afresh),
      cmocka_unit_test(test_a_deadline_fires_when_partition_time_reaches_it),
      cmocka_unit_test(test_a_late_event_may_arm_what_is_due),
      cmocka_unit_test(test_the_users_own_deadline_comes_before_its_event),
      cmocka_unit_test(test_a_full_tail_still_knows_when),
      cmocka_unit_test(test_a_wave_is_taken_in_slices),
      cmocka_unit_test(test_a_broken_specification_is_refused),
      cmocka_unit_test(test_no_features_at_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
