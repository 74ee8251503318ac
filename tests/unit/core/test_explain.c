/* What an explanation says, against values computed here, and against what the engine then does. */
#include "engine_fixture.h"

#include <math.h>

#include "base/timer_queue.h"
#include "eddy/explain.h"

static struct eddy_explanation explanation; /* large */

static void explain(const struct fixture *fixture, const char *user) {
  memset(&explanation, 0xa5, sizeof explanation); /* nothing may rest on what was there */
  assert_int_equal(eddy_engine_explain(fixture->engine, (struct eddy_str){user, (uint32_t)strlen(user)}, EDDY_TIME_NONE, &explanation), 0);
}

static void assert_near(double value, double expected) {
  if (!(fabs(value - expected) <= 1e-5 * fmax(1, fabs(expected)))) fail_msg("%.9g is not %.9g", value, expected);
}

static void assert_str(struct eddy_str text, const char *expected) {
  assert_int_equal(text.len, strlen(expected));
  assert_memory_equal(text.data, expected, text.len);
}

static void add(struct fixture *fixture, const char *user, const char *cart, const char *product, int64_t price, int64_t time) {
  struct eddy_item item = {.product_id = {product, (uint32_t)strlen(product)},
                           .name = EDDY_STR("Trail shoes"),
                           .price = price,
                           .has_price = true,
                           .quantity = 2};
  struct eddy_event event = event_of(EDDY_PRODUCT_ADDED, user, time);
  event.cart_id = (struct eddy_str){cart, (uint32_t)strlen(cart)};
  event.currency = EDDY_STR("EUR");
  event.items = &item;
  event.item_count = 1;
  step(fixture, &event);
}

static void tick_to(struct fixture *fixture, int64_t time) {
  while (eddy_engine_tick(fixture->engine, time, EDDY_TIME_NONE, 100, &fixture->effects) > 0) {
  }
}

/* Segment -------------------------------------------------------------------------------------------------------------------*/

/* Two dimensions: opens with a half-life of a day and a weight, views of two days. */
static struct fixture *plane(void) {
  struct fixture *fixture = fixture_new();
  struct eddy_feature_spec *features = fixture->spec.features;
  int kept[] = {(int)feature_at(fixture, "opens_1d"), (int)feature_at(fixture, "since_order"),
                (int)feature_at(fixture, "views_1d")};
  struct eddy_feature_spec three[3];
  for (int i = 0; i < 3; i++) three[i] = features[kept[i]];
  memcpy(features, three, sizeof three);
  features[0].cluster = features[2].cluster = true;
  features[2].half_life_ms = 2 * EDDY_DAY_MS;
  fixture->spec.feature_count = 3;
  fixture->spec.allowed_lateness_ms = 0;
  fixture_start(fixture);
  return fixture;
}

static struct eddy_model *three_clusters(void) {
  static const float mean[] = {1, 0.5f}, deviation[] = {0.5f, 0.01f}, weight[] = {0.5f, 1};
  static const float centroids[] = {0, 0, 0.6f, 0, 3, 3};
  static const struct eddy_segment_card cards[] = {{.id = 7, .name = "a"}, {.id = 5, .name = "b"}, {.id = 9, .name = "c"}};
  struct eddy_model_parts parts = {.version = 1,
                                   .dimensions = 2,
                                   .clusters = 3,
                                   .mean = mean,
                                   .deviation = deviation,
                                   .weight = weight,
                                   .centroids = centroids,
                                   .cards = cards};
  struct eddy_model *model = eddy_model_new(&parts, NULL);
  assert_non_null(model);
  return model;
}

/* z of `opens` opens, `views` views in the plane; deviations below 0.05 count as that, z ends at 5. */
static void position(double opens, double views, double *z) {
  z[0] = (log1p(opens) - 1) / 0.5;
  z[1] = (log1p(views) - 0.5) / 0.05;
  for (int i = 0; i < 2; i++) z[i] = fmin(5, fmax(-5, z[i]));
}

static void assert_distance(const struct eddy_explained_distance *distance, const double *z, uint32_t id, double x, double y) {
  assert_int_equal(distance->id, id);
  assert_near((double)distance->distance, hypot(0.5 * z[0] - x, z[1] - y));
}

static void test_distances_and_deviations(void **state) {
  (void)state;
  struct fixture *fixture = plane();
  struct eddy_model *model = three_clusters();
  double z[2];
  assert_int_equal(eddy_engine_set_model(fixture->engine, model), 0);
  for (int i = 0; i < 3; i++) happen(fixture, EDDY_EMAIL_OPENED, "a", T0);
  explain(fixture, "a");
  position(3, 0, z);
  assert_int_equal(explanation.now, T0);
  assert_int_equal(explanation.distance_count, 3);
  assert_distance(&explanation.distances[0], z, 5, 0.6, 0);
  assert_distance(&explanation.distances[1], z, 7, 0, 0);
  assert_distance(&explanation.distances[2], z, 9, 3, 3);
  assert_true(explanation.distances[0].current && !explanation.distances[1].current && !explanation.distances[2].current);
  assert_true(explanation.has_segment && explanation.segment == 5 && explanation.segment_since == T0);
  assert_int_equal(explanation.verdict, EDDY_VERDICT_NEAREST);
  assert_ptr_equal(explanation.model, model);
  assert_near((double)explanation.evidence, 3);
  assert_true(explanation.features[0].has_z && !explanation.features[1].has_z && explanation.features[2].has_z);
  assert_near((double)explanation.features[0].z, z[0]);
  assert_near((double)explanation.features[2].z, -5);
  for (int i = 0; i < EDDY_EXPLAINED_TIMES; i++) {
    assert_near((double)explanation.features[0].values[i], 3 * exp2(-eddy_explained_days[i]));
    assert_near((double)explanation.features[1].values[i], 400);
  }
  eddy_engine_set_model(fixture->engine, NULL);
  eddy_model_free(model);
  fixture_free(fixture);
}

/* Time goes on: the position moves, first another segment is nearer by less than the margin, then by more. */
static void test_the_margin_keeps(void **state) {
  (void)state;
  struct fixture *fixture = plane();
  struct eddy_model *model = three_clusters();
  fixture->spec.sweep = false;
  bool kept = false, waits = false;
  eddy_engine_set_model(fixture->engine, model);
  for (int i = 0; i < 3; i++) happen(fixture, EDDY_EMAIL_OPENED, "a", T0);
  for (int hour = 1; hour <= 48; hour++) {
    double z[2];
    tick_to(fixture, T0 + hour * EDDY_HOUR_MS);
    explain(fixture, "a");
    assert_int_equal(explanation.now, T0 + hour * EDDY_HOUR_MS);
    position(3 * exp2(-hour / 24.0), 0, z);
    double b = hypot(0.5 * z[0] - 0.6, z[1]), a = hypot(0.5 * z[0], z[1]);
    enum eddy_verdict expected = b <= a ? EDDY_VERDICT_NEAREST : a < 0.9 * b ? EDDY_VERDICT_WAITS : EDDY_VERDICT_MARGIN;
    assert_int_equal(explanation.verdict, expected);
    kept |= expected == EDDY_VERDICT_MARGIN;
    assert_true(explanation.has_segment && explanation.segment == 5);
  }
  assert_true(kept);
  fixture->spec.switch_margin = 0; /* the same place without a margin */
  explain(fixture, "a");
  waits = explanation.verdict == EDDY_VERDICT_WAITS;
  assert_true(waits);
  eddy_engine_set_model(fixture->engine, NULL);
  eddy_model_free(model);
  fixture_free(fixture);
}

static void test_without_evidence_or_model(void **state) {
  (void)state;
  struct fixture *fixture = plane();
  struct eddy_model *model = three_clusters();
  happen(fixture, EDDY_EMAIL_OPENED, "a", T0);
  explain(fixture, "a");
  assert_int_equal(explanation.verdict, EDDY_VERDICT_NO_MODEL);
  assert_int_equal(explanation.distance_count, 0);
  assert_true(!explanation.features[0].has_z && !explanation.has_segment && explanation.model == NULL);
  eddy_engine_set_model(fixture->engine, model);
  explain(fixture, "a");
  assert_int_equal(explanation.verdict, EDDY_VERDICT_EVIDENCE);
  assert_int_equal(explanation.distance_count, 3);
  eddy_engine_set_model(fixture->engine, NULL);
  happen(fixture, EDDY_EMAIL_OPENED, "a", T0 + 1);
  happen(fixture, EDDY_EMAIL_OPENED, "a", T0 + 2);
  eddy_engine_set_model(fixture->engine, model);
  explain(fixture, "a");
  assert_int_equal(explanation.verdict, EDDY_VERDICT_WAITS); /* the model came after the events */
  assert_false(explanation.has_segment);
  eddy_engine_set_model(fixture->engine, NULL);
  eddy_model_free(model);
  fixture_free(fixture);
}

static void test_whom_nobody_knows(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  happen(fixture, EDDY_PAGE_VIEWED, "a", T0);
  assert_int_equal(eddy_engine_explain(fixture->engine, EDDY_STR("b"), EDDY_TIME_NONE, &explanation), EDDY_E_NOT_FOUND);
  assert_int_equal(eddy_engine_explain(fixture->engine, EDDY_STR(""), EDDY_TIME_NONE, &explanation), EDDY_E_NOT_FOUND);
  assert_int_equal(eddy_engine_explain(fixture->engine, (struct eddy_str){0}, EDDY_TIME_NONE, &explanation), EDDY_E_NOT_FOUND);
  explain(fixture, "a"); /* without a tail */
  assert_int_equal(explanation.first_seen, T0);
  assert_int_equal(explanation.last_seen, T0);
  assert_int_equal(explanation.now, T0);
  assert_int_equal(explanation.cart_count + explanation.pending_count + explanation.decided_count, 0);
  assert_int_equal(explanation.triggers[0].standing, EDDY_STANDING_UNSEEN);
  assert_int_equal(explanation.unsubscribed_at, EDDY_TIME_NONE);
  fixture_free(fixture);
}

static void test_a_stub_knows_consent_alone(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  struct eddy_model *model = world_model(&fixture->spec, 1);
  fixture_start(fixture);
  eddy_engine_set_model(fixture->engine, model);
  add(fixture, "a", "", "p", 1, T0);
  happen(fixture, EDDY_EMAIL_UNSUBSCRIBED, "a", T0);
  int64_t later = T0 + fixture->spec.idle_ttl_ms + 2 * EDDY_DAY_MS;
  tick_to(fixture, later);
  explain(fixture, "a");
  assert_int_equal(explanation.verdict, EDDY_VERDICT_FORGOTTEN);
  assert_int_equal(explanation.now, later);
  assert_int_equal(explanation.first_seen, EDDY_TIME_NONE);
  assert_int_equal(explanation.last_seen, EDDY_TIME_NONE);
  assert_int_equal(explanation.unsubscribed_at, T0);
  assert_int_equal(explanation.subscribed_at, EDDY_TIME_NONE);
  assert_true(explanation.consent_withdrawn && !explanation.has_segment);
  assert_int_equal(explanation.distance_count + explanation.cart_count + explanation.decided_count, 0);
  for (int i = 0; i < EDDY_EXPLAINED_TIMES; i++) assert_true(explanation.features[0].values[i] == 0);
  eddy_engine_set_model(fixture->engine, NULL);
  eddy_model_free(model);
  fixture_free(fixture);
}

/* Carts and triggers --------------------------------------------------------------------------------------------------------*/

static void test_carts_one_by_one(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  add(fixture, "a", "c2", "p1", 500, T0);
  add(fixture, "a", "", "p2", 300, T0 + 1);
  add(fixture, "a", "c2", "p3", 50, T0 + 2);
  add(fixture, "a", "gone", "p4", 50, T0 + 2);
  struct eddy_event order = event_of(EDDY_ORDER_COMPLETED, "a", T0 + 3);
  order.cart_id = EDDY_STR("gone");
  step(fixture, &order);
  explain(fixture, "a");
  assert_int_equal(explanation.cart_count, 2);
  assert_int_equal(explanation.line_count, 3);
  assert_str(explanation.carts[0].cart_id, "");
  assert_int_equal(explanation.carts[0].value, 600);
  assert_str(explanation.carts[1].cart_id, "c2");
  assert_int_equal(explanation.carts[1].value, 1100);
  assert_str(explanation.carts[1].currency, "EUR");
  const struct eddy_cart_line *lines = &explanation.lines[explanation.carts[1].first_line];
  assert_int_equal(explanation.carts[1].line_count, 2);
  assert_str(lines[0].product_id, "p3");
  assert_str(lines[1].product_id, "p1");
  assert_str(lines[1].name, "Trail shoes");
  assert_true(lines[1].price == 500 && lines[1].quantity == 2 && lines[1].has_price && lines[1].added_at == T0);
  tick_to(fixture, T0 + fixture->spec.cart_ttl_ms + EDDY_HOUR_MS);
  explain(fixture, "a");
  assert_int_equal(explanation.cart_count + explanation.line_count, 0); /* expired */
  fixture_free(fixture);
}

static const struct eddy_explained_trigger *standing(const struct fixture *fixture, const char *user,
                                                     enum eddy_standing expected) {
  explain(fixture, user);
  assert_int_equal(explanation.triggers[0].standing, expected);
  return &explanation.triggers[0];
}

static void test_a_deadline_from_beginning_to_cooldown(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  happen(fixture, EDDY_PAGE_VIEWED, "a", T0 - EDDY_MINUTE_MS);
  standing(fixture, "a", EDDY_STANDING_UNSEEN);
  add(fixture, "a", "c", "p", 500, T0);
  const struct eddy_explained_trigger *trigger = standing(fixture, "a", EDDY_STANDING_PENDING);
  assert_int_equal(trigger->due_at, T0 + EDDY_HOUR_MS);
  assert_int_equal(trigger->seen_at, T0);
  assert_int_equal(explanation.pending_count, 1);
  const struct eddy_explained_pending *pending = &explanation.pending[0];
  assert_str(pending->subject, "c");
  assert_true(pending->armed_at == T0 && pending->due_at == T0 + EDDY_HOUR_MS && pending->armed_by == EDDY_PRODUCT_ADDED);
  assert_true(pending->step == 0 && pending->outcome == EDDY_SUPPRESS_NONE);

  tick_to(fixture, T0 + 2 * EDDY_HOUR_MS);
  trigger = standing(fixture, "a", EDDY_STANDING_DECIDED);
  assert_int_equal(trigger->decided_due, T0 + EDDY_HOUR_MS);
  assert_int_equal(trigger->cooldown_until, T0 + 25 * EDDY_HOUR_MS);
  assert_true(trigger->decided_fired);
  assert_int_equal(explanation.decided_count, 1);
  assert_str(explanation.decided[0].subject, "c"); /* the cart is still there */
  assert_int_equal(explanation.decided[0].due_at, T0 + EDDY_HOUR_MS);

  add(fixture, "a", "c", "p", 500, T0 + 3 * EDDY_HOUR_MS - 1);
  trigger = standing(fixture, "a", EDDY_STANDING_ONCE);
  assert_str(trigger->subject, "c");
  assert_int_equal(trigger->due_at, T0 + 4 * EDDY_HOUR_MS - 1);
  add(fixture, "a", "other", "p", 500, T0 + 3 * EDDY_HOUR_MS);
  standing(fixture, "a", EDDY_STANDING_PENDING);
  assert_int_equal(explanation.pending[0].outcome, EDDY_SUPPRESS_COOLDOWN);
  happen(fixture, EDDY_ORDER_COMPLETED, "a", T0 + 3 * EDDY_HOUR_MS + 1);
  standing(fixture, "a", EDDY_STANDING_DECIDED); /* when the cart began again is no longer known */
  assert_int_equal(explanation.pending_count, 0);
  tick_to(fixture, T0 + 25 * EDDY_HOUR_MS);
  explain(fixture, "a");
  assert_int_equal(explanation.triggers[0].cooldown_until, EDDY_TIME_NONE);
  fixture_free(fixture);
}

static void test_other_ends(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  add(fixture, "a", "c", "p", 500, T0);
  happen(fixture, EDDY_EMAIL_UNSUBSCRIBED, "a", T0 + EDDY_MINUTE_MS);
  const struct eddy_explained_trigger *trigger = standing(fixture, "a", EDDY_STANDING_ENDED);
  assert_int_equal(trigger->seen_at, T0);
  assert_int_equal(trigger->ended_at, T0 + EDDY_MINUTE_MS);
  assert_int_equal(trigger->ended_by, 0);
  assert_true(explanation.consent_withdrawn);

  add(fixture, "o", "c", "p", 500, T0);
  happen(fixture, EDDY_ORDER_COMPLETED, "o", T0 + EDDY_MINUTE_MS);
  trigger = standing(fixture, "o", EDDY_STANDING_ENDED);
  assert_int_equal(trigger->seen_at, EDDY_TIME_NONE); /* counted, but no age tells when */
  assert_int_equal(trigger->ended_at, T0 + EDDY_MINUTE_MS);
  assert_true((trigger->ended_by & EDDY_EVENT_BIT(EDDY_ORDER_COMPLETED)) != 0);

  add(fixture, "b", "c", "p", 500, T0);
  struct eddy_item item = {.product_id = EDDY_STR("p"), .quantity = 2};
  struct eddy_event removal = event_of(EDDY_PRODUCT_REMOVED, "b", T0 + EDDY_MINUTE_MS);
  removal.cart_id = EDDY_STR("c");
  removal.items = &item;
  removal.item_count = 1;
  step(fixture, &removal);
  trigger = standing(fixture, "b", EDDY_STANDING_EMPTIED);
  assert_int_equal(trigger->due_at, T0 + EDDY_HOUR_MS);
  assert_int_equal(explanation.pending_count, 0);
  fixture->spec.triggers[0].mode = EDDY_MODE_OFF;
  standing(fixture, "b", EDDY_STANDING_OFF);
  fixture_free(fixture);
}

/* Random events -------------------------------------------------------------------------------------------------------------*/

enum { USERS = 6, FORESEEN_MAX = 400 };

struct foreseen {
  char user[48], subject[8];
  struct eddy_explained_pending pending;
  bool came;
};
static struct foreseen foreseen[FORESEEN_MAX];
static size_t foreseen_count;

static void user_name(unsigned user, char name[48]) {
  snprintf(name, 48, user % 3 == 0 ? "user-%u-with-a-rather-long-name@shop" : "user-%u", user);
}

static bool known(const struct fixture *fixture, const char *user) {
  struct eddy_user_view view;
  return eddy_engine_user(fixture->engine, (struct eddy_str){user, (uint32_t)strlen(user)}, EDDY_TIME_NONE, &view) == 0;
}

static void foresee_all(const struct fixture *fixture) {
  foreseen_count = 0;
  for (unsigned user = 0; user < USERS; user++) {
    char name[48];
    user_name(user, name);
    if (!known(fixture, name)) continue;
    explain(fixture, name);
    assert_int_equal(explanation.pending_left_out, 0);
    assert_int_equal(explanation.pending_count == 0, view_of(fixture, name, EDDY_TIME_NONE).next_due == EDDY_TIME_NONE);
    if (explanation.pending_count > 0)
      assert_int_equal(explanation.pending[0].due_at, view_of(fixture, name, EDDY_TIME_NONE).next_due);
    for (unsigned i = 0; i < explanation.pending_count; i++) {
      assert_true(foreseen_count < FORESEEN_MAX);
      struct foreseen *one = &foreseen[foreseen_count++];
      *one = (struct foreseen){.pending = explanation.pending[i]};
      strcpy(one->user, name);
      snprintf(one->subject, sizeof one->subject, "%.*s", (int)one->pending.subject.len, one->pending.subject.data);
    }
  }
}

static bool is_it(const struct foreseen *one, const struct eddy_effect *effect) {
  const struct eddy_trigger_fired *fired = &effect->as.trigger;
  const struct eddy_explained_pending *pending = &one->pending;
  return !one->came && effect->user_id.len == strlen(one->user) &&
         memcmp(effect->user_id.data, one->user, effect->user_id.len) == 0 && fired->subject.len == strlen(one->subject) &&
         memcmp(fired->subject.data, one->subject, fired->subject.len) == 0 && fired->trigger == pending->trigger &&
         fired->step == pending->step && fired->due_at == pending->due_at && fired->armed_at == pending->armed_at &&
         fired->armed_by == pending->armed_by && fired->suppression == pending->outcome;
}

static void expect(const struct eddy_effect *effect, uint64_t seed) {
  if (effect->kind != EDDY_TRIGGER_FIRED && effect->kind != EDDY_TRIGGER_SUPPRESSED) return;
  for (size_t i = 0; i < foreseen_count; i++) {
    if (!is_it(&foreseen[i], effect)) continue;
    foreseen[i].came = true;
    return;
  }
  fail_msg("seed %llu: %.*s trigger %u step %u due %lld was not foreseen", (unsigned long long)seed, (int)effect->user_id.len,
           effect->user_id.data, effect->as.trigger.trigger, effect->as.trigger.step, (long long)effect->as.trigger.due_at);
}

/* Time goes on from deadline to deadline. */
static void let_it_come(struct fixture *fixture, uint64_t seed) {
  eddy_effects_clear(&fixture->effects);
  for (int64_t due; (due = eddy_engine_next_due(fixture->engine)) != EDDY_TIME_NONE;) tick_to(fixture, due);
  for (size_t i = 0; i < fixture->effects.count; i++) expect(&fixture->effects.items[i], seed);
  for (size_t i = 0; i < foreseen_count; i++) {
    if (!foreseen[i].came)
      fail_msg("seed %llu: what was foreseen for %s at %lld did not come", (unsigned long long)seed, foreseen[i].user,
               (long long)foreseen[i].pending.due_at);
  }
}

static struct fixture *random_fixture(uint64_t seed, struct world *world) {
  struct world_options options = {.users = USERS,
                                  .step_ms = EDDY_MINUTE_MS * (seed % 2 ? 2 : 8),
                                  .disorder_ms = 4 * EDDY_MINUTE_MS,
                                  .percent_duplicate = 5,
                                  .percent_ancient = seed % 3 ? 0 : 4,
                                  .percent_gap = 10,
                                  .gap_ms = 6 * EDDY_HOUR_MS};
  struct fixture *fixture = malloc(sizeof *fixture);
  assert_non_null(fixture);
  world_spec(&fixture->spec);
  fixture->spec.triggers[1].cooldown_ms = seed % 4 == 1 ? 3 * EDDY_HOUR_MS : 0;
  fixture->spec.triggers[1].mode = seed % 5 == 0 ? EDDY_MODE_SHADOW : EDDY_MODE_LIVE;
  fixture->spec.limits.armed_times = seed % 2 ? 3 : 32;
  fixture->spec.limits.fired_marks = seed % 2 ? 4 : 32;
  fixture->spec.limits.tail_bytes = 4096;
  fixture->spec.publish_after_ms = seed % 7 == 0 ? T0 + EDDY_DAY_MS : EDDY_TIME_NONE;
  fixture_start(fixture);
  world_init(world, seed, &options);
  return fixture;
}

/* EDDY_SEED=<n> runs one seed alone. */
static uint64_t seed_at(unsigned i) {
  const char *one = getenv("EDDY_SEED");
  return one != NULL ? strtoull(one, NULL, 10) : 1000 + i;
}

static unsigned seed_count(unsigned normally) {
  return getenv("EDDY_SEED") != NULL ? 1 : normally;
}

static void test_what_is_pending_comes(void **state) {
  (void)state;
  static struct world_event event;
  size_t total = 0;
  for (unsigned i = 0; i < seed_count(60); i++) {
    struct world world;
    uint64_t seed = seed_at(i);
    struct fixture *fixture = random_fixture(seed, &world);
    print_message("pending: EDDY_SEED=%llu\n", (unsigned long long)seed);
    for (int round = 0; round < 6; round++) {
      for (int j = 0; j < 60; j++) {
        world_next(&world, &event);
        step(fixture, &event.event);
      }
      foresee_all(fixture);
      total += foreseen_count;
      let_it_come(fixture, seed);
      int64_t reached = eddy_engine_partition_time(fixture->engine);
      world.clock = world.clock > reached ? world.clock : reached + 5 * EDDY_MINUTE_MS;
    }
    fixture_free(fixture);
  }
  print_message("%zu deadlines foreseen\n", total);
  assert_true(total > 100 || getenv("EDDY_SEED") != NULL);
}

static void assert_projections(const struct fixture *fixture, const char *user) {
  for (int i = 0; i < EDDY_EXPLAINED_TIMES; i++) {
    struct eddy_user_view view = view_of(fixture, user, explanation.now + eddy_explained_days[i] * EDDY_DAY_MS);
    for (unsigned j = 0; j < fixture->spec.feature_count; j++)
      assert_true(explanation.features[j].values[i] == view.features[j]);
  }
}

static void assert_ascending(void) {
  for (unsigned i = 1; i < explanation.distance_count; i++)
    assert_true(explanation.distances[i - 1].distance <= explanation.distances[i].distance);
  for (unsigned i = 1; i < explanation.decided_count; i++)
    assert_true(explanation.decided[i - 1].due_at >= explanation.decided[i].due_at);
}

/* A user whose newest event was just decided about waits for nothing, and stays by the margin if the engine said so. */
static void assert_decided(const struct fixture *fixture, const struct eddy_event *event, uint64_t kept_before) {
  bool kept = eddy_engine_counters(fixture->engine)->kept_by_margin > kept_before;
  if (explanation.now != explanation.last_seen || event->event_time != explanation.last_seen) return;
  assert_int_not_equal(explanation.verdict, EDDY_VERDICT_WAITS);
  if (kept) assert_int_equal(explanation.verdict, EDDY_VERDICT_MARGIN);
}

static void assert_same_snapshot(struct fixture *fixture, const char *user) {
  struct eddy_buffer before, after;
  world_snapshot(fixture->engine, &before);
  explain(fixture, user);
  world_snapshot(fixture->engine, &after);
  assert_int_equal(before.size, after.size);
  assert_memory_equal(before.data, after.data, before.size);
  eddy_buffer_fini(&before);
  eddy_buffer_fini(&after);
}

static void test_explaining_agrees_and_changes_nothing(void **state) {
  (void)state;
  static struct world_event event;
  unsigned margins = 0;
  for (unsigned i = 0; i < seed_count(10); i++) {
    struct world world;
    uint64_t seed = seed_at(i);
    struct fixture *fixture = random_fixture(seed, &world);
    struct eddy_model *model = world_model(&fixture->spec, seed);
    print_message("agrees: EDDY_SEED=%llu\n", (unsigned long long)seed);
    eddy_engine_set_model(fixture->engine, model);
    for (int j = 0; j < 400; j++) {
      world_next(&world, &event);
      uint64_t kept = eddy_engine_counters(fixture->engine)->kept_by_margin;
      step(fixture, &event.event);
      if (!known(fixture, event.user)) continue;
      assert_same_snapshot(fixture, event.user);
      if (explanation.last_seen != EDDY_TIME_NONE) assert_projections(fixture, event.user);
      assert_ascending();
      assert_decided(fixture, &event.event, kept);
      margins += explanation.verdict == EDDY_VERDICT_MARGIN;
    }
    eddy_engine_set_model(fixture->engine, NULL);
    eddy_model_free(model);
    fixture_free(fixture);
  }
  print_message("%u times kept by the margin\n", margins);
  assert_true(margins > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_distances_and_deviations),
      cmocka_unit_test(test_the_margin_keeps),
      cmocka_unit_test(test_without_evidence_or_model),
      cmocka_unit_test(test_whom_nobody_knows),
      cmocka_unit_test(test_a_stub_knows_consent_alone),
      cmocka_unit_test(test_carts_one_by_one),
      cmocka_unit_test(test_a_deadline_from_beginning_to_cooldown),
      cmocka_unit_test(test_other_ends),
      cmocka_unit_test(test_what_is_pending_comes),
      cmocka_unit_test(test_explaining_agrees_and_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
