/* An explanation as JSON: fields, types and sentences of a contract that others read, whatever bytes the names are. */
#include "unit/core/engine_fixture.h"

#include "daemon/user_json.h"
#include "daemon/user_text.h"

static struct eddy_explanation explanation; /* large */

static void explain(const struct fixture *fixture, const char *user) {
  assert_int_equal(eddy_engine_explain(fixture->engine, (struct eddy_str){user, (uint32_t)strlen(user)}, EDDY_TIME_NONE, &explanation), 0);
}

/* What a reader gets: dumped and read again, which checks the UTF-8, too. */
static json_t *read_user(const struct fixture *fixture, const char *user) {
  explain(fixture, user);
  json_t *made = eddy_user_json(&explanation, &fixture->spec, 3);
  assert_non_null(made);
  char *text = json_dumps(made, EDDY_USER_JSON_FLAGS);
  assert_non_null(text);
  json_error_t error;
  json_t *read = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
  if (!read) fail_msg("%s: %s", error.text, text);
  free(text);
  json_decref(made);
  return read;
}

static void assert_keys(const json_t *object, const char *const *keys) {
  size_t count = 0;
  for (; keys[count]; count++) {
    if (!json_object_get(object, keys[count])) fail_msg("no %s", keys[count]);
  }
  assert_int_equal(json_object_size(object), count);
}
#define ASSERT_KEYS(object, ...) assert_keys(object, (const char *const[]){__VA_ARGS__, NULL})

static const char *text_at(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  if (!text) fail_msg("%s is no string", key);
  return text;
}

static int64_t whole_at(const json_t *object, const char *key) {
  assert_true(json_is_integer(json_object_get(object, key)));
  return json_integer_value(json_object_get(object, key));
}

static json_t *item_of(const json_t *object, const char *array, size_t at) {
  json_t *item = json_array_get(json_object_get(object, array), at);
  if (!item) fail_msg("%s has no %zu", array, at);
  return item;
}

static void assert_standing(const json_t *user, const char *expected) {
  assert_string_equal(text_at(item_of(user, "triggers", 0), "text"), expected);
}

static void add(struct fixture *fixture, const char *user, const char *cart, struct eddy_str name, int64_t time) {
  struct eddy_item item = {.product_id = EDDY_STR("p1"), .name = name, .price = 11900, .has_price = true, .quantity = 1};
  struct eddy_event event = event_of(EDDY_PRODUCT_ADDED, user, time);
  event.cart_id = (struct eddy_str){cart, (uint32_t)strlen(cart)};
  event.currency = EDDY_STR("USD");
  event.items = &item;
  event.item_count = 1;
  step(fixture, &event);
}

static void tick_to(struct fixture *fixture, int64_t time) {
  while (eddy_engine_tick(fixture->engine, time, EDDY_TIME_NONE, 100, &fixture->effects) > 0) {
  }
}

static void every_field_of_the_contract(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  struct eddy_model *model = world_model(&fixture->spec, 1);
  fixture_start(fixture);
  eddy_engine_set_model(fixture->engine, model);
  for (int i = 0; i < 3; i++) add(fixture, "ann", "c1", EDDY_STR("Trail shoes"), T0 - 4 * EDDY_HOUR_MS);
  add(fixture, "ann", "", EDDY_STR("Trail shoes"), T0);
  json_t *user = read_user(fixture, "ann");
  ASSERT_KEYS(user, "user_id", "partition", "now", "first_seen", "last_seen", "segment", "evidence", "evidence_min",
              "switch_margin", "verdict", "distances", "projected_days", "features", "carts", "pending", "triggers", "decided",
              "consent");
  assert_string_equal(text_at(user, "user_id"), "ann");
  assert_int_equal(whole_at(user, "partition"), 3);
  assert_int_equal(whole_at(user, "now"), T0);
  assert_int_equal(whole_at(user, "first_seen"), T0 - 4 * EDDY_HOUR_MS);
  assert_int_equal(whole_at(user, "last_seen"), T0);
  assert_true(json_real_value(json_object_get(user, "switch_margin")) == 0.1);
  assert_true(json_real_value(json_object_get(user, "evidence")) == 4);
  ASSERT_KEYS(json_object_get(user, "segment"), "id", "name", "since");
  ASSERT_KEYS(item_of(user, "distances", 4), "id", "name", "distance", "current");
  json_t *feature = item_of(user, "features", feature_at(fixture, "carts_7d"));
  ASSERT_KEYS(feature, "name", "fold", "half_life_ms", "cluster", "z", "value", "projected");
  assert_string_equal(text_at(feature, "fold"), "count");
  assert_int_equal(whole_at(feature, "half_life_ms"), 7 * EDDY_DAY_MS);
  assert_true(json_is_true(json_object_get(feature, "cluster")) && json_is_real(json_object_get(feature, "z")));
  assert_int_equal(json_array_size(json_object_get(feature, "projected")), EDDY_EXPLAINED_TIMES);
  feature = item_of(user, "features", feature_at(fixture, "since_order"));
  assert_true(json_is_null(json_object_get(feature, "z")) && json_is_null(json_object_get(feature, "half_life_ms")));
  ASSERT_KEYS(item_of(user, "carts", 1), "cart_id", "value", "currency", "items");
  assert_string_equal(text_at(item_of(user, "carts", 1), "cart_id"), "c1");
  assert_int_equal(whole_at(item_of(user, "carts", 1), "value"), 3 * 11900);
  ASSERT_KEYS(item_of(item_of(user, "carts", 1), "items", 0), "product_id", "name", "quantity", "price");
  json_t *pending = item_of(user, "pending", 0);
  ASSERT_KEYS(pending, "trigger", "subject", "step", "armed_at", "due_at", "because", "unless", "postponed_by");
  assert_string_equal(text_at(pending, "because"), "product_added");
  assert_int_equal(json_array_size(json_object_get(pending, "unless")), 2);
  ASSERT_KEYS(item_of(user, "triggers", 0), "trigger", "mode", "text");
  ASSERT_KEYS(item_of(user, "decided", 0), "trigger", "subject", "step", "due_at");
  assert_int_equal(json_object_size(json_object_get(user, "consent")), 0);
  json_decref(user);
  eddy_engine_set_model(fixture->engine, NULL);
  eddy_model_free(model);
  fixture_free(fixture);
}

static void sentences_of_a_trigger(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  happen(fixture, EDDY_PAGE_VIEWED, "a", T0);
  json_t *user = read_user(fixture, "a");
  assert_standing(user, "not begun: no product_added or cart_updated on record");
  assert_true(json_is_null(json_object_get(user, "segment")));
  assert_string_equal(text_at(user, "verdict"), "in no segment: there is no model yet");
  json_decref(user);

  add(fixture, "a", "", EDDY_STR("x"), T0);
  user = read_user(fixture, "a");
  assert_standing(user,
                  "fires at 2023-11-14T23:13:20Z unless checkout_started or order_completed comes first or another "
                  "product_added or cart_updated puts it off");
  json_decref(user);

  tick_to(fixture, T0 + EDDY_HOUR_MS);
  user = read_user(fixture, "a");
  assert_standing(user, "was due at 2023-11-14T23:13:20Z and fired; not again before 2023-11-15T23:13:20Z (cooldown 1d)");
  json_decref(user);

  add(fixture, "a", "c", EDDY_STR("x"), T0 + 2 * EDDY_HOUR_MS);
  user = read_user(fixture, "a");
  assert_standing(user,
                  "due at 2023-11-15T01:13:20Z for cart `c` unless checkout_started or order_completed comes first or another "
                  "product_added or cart_updated puts it off; but it will be "
                  "held back: it fired for this user within its cooldown of 1d");
  json_decref(user);

  happen(fixture, EDDY_EMAIL_UNSUBSCRIBED, "a", T0 + 3 * EDDY_HOUR_MS - 1);
  user = read_user(fixture, "a");
  assert_standing(user,
                  "began with product_added or cart_updated at 2023-11-15T00:13:20Z; ended by the end of consent at "
                  "2023-11-15T01:13:19.999Z; not again before 2023-11-15T23:13:20Z (cooldown 1d); without consent it would be "
                  "held back");
  assert_int_equal(whole_at(json_object_get(user, "consent"), "unsubscribed_at"), T0 + 3 * EDDY_HOUR_MS - 1);
  json_decref(user);
  fixture_free(fixture);
}

/* The other sentences, from explanations made up here. */
static void sentences_of_a_verdict(void **state) {
  (void)state;
  static const struct {
    enum eddy_verdict verdict;
    bool has_segment, known;
    const char *text;
  } rows[] = {
      {EDDY_VERDICT_FORGOTTEN, false, false, "nothing but consent is kept: no event came for longer than 400d"},
      {EDDY_VERDICT_EVIDENCE, false, false, "in no segment: the events so far weigh 2, a first segment needs 3"},
      {EDDY_VERDICT_NEAREST, true, true,
       "in `segment 2` since 2023-11-14T22:13:20Z: nearest with distance 0.75; the next, `segment 1`, is at 0.80 (a change "
       "needs one "
       "that is 10 % nearer)"},
      {EDDY_VERDICT_MARGIN, true, false,
       "in `segment 1` since 2023-11-14T22:13:20Z: `segment 2` is nearer (0.75 against 0.80), but a change needs one that is "
       "10 % "
       "nearer, below 0.72"},
      {EDDY_VERDICT_WAITS, true, false,
       "in `segment 1` since 2023-11-14T22:13:20Z: `segment 2` is nearer (0.75 against 0.80), the user moves there with the "
       "next "
       "event or the daily look at all users"},
      {EDDY_VERDICT_WAITS, false, false,
       "in no segment: `segment 2` is nearest (0.75), the user moves there with the next event or the daily look at all users"},
  };
  static struct eddy_explanation made;
  struct eddy_spec spec;
  char text[EDDY_USER_TEXT_MAX];
  eddy_spec_default(&spec);
  struct eddy_model *model = world_model(&spec, 0); /* ids = slots */
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    made = (struct eddy_explanation){.verdict = rows[i].verdict, .has_segment = rows[i].has_segment, .segment_since = T0};
    made.model = model;
    made.evidence = 2;
    made.distance_count = 2;
    made.distances[0] = (struct eddy_explained_distance){.id = 2, .slot = 2, .distance = 0.75f};
    made.distances[1] = (struct eddy_explained_distance){.id = 1, .slot = 1, .distance = 0.8f};
    if (rows[i].has_segment) made.distances[rows[i].known ? 0 : 1].current = true;
    eddy_user_verdict(&made, &spec, text);
    assert_string_equal(text, rows[i].text);
  }
  made = (struct eddy_explanation){.verdict = EDDY_VERDICT_WAITS, .has_segment = true, .segment = 77, .segment_since = T0};
  made.model = model;
  made.distance_count = 1;
  made.distances[0] = (struct eddy_explained_distance){.id = 2, .slot = 2, .distance = 0.75f};
  eddy_user_verdict(&made, &spec, text);
  assert_non_null(strstr(text, "in segment 77 since 2023-11-14T22:13:20Z, which the model no longer has: `segment 2`"));
  eddy_model_free(model);
}

/* Names are cut by the tail and come from outside; control characters stay, escaped. */
static void whatever_bytes_it_is_utf8(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  char name[400];
  for (size_t i = 0; i + 3 < sizeof name; i += 3) memcpy(name + i, "\xe2\x82\xac", 3);
  add(fixture, "a", "c\xff", (struct eddy_str){name, 399}, T0);
  add(fixture, "a", "\x01\x1b[31m", EDDY_STR("a\xc3(\xe2\x82 nul:\0."), T0 + 1);
  json_t *user = read_user(fixture, "a");
  json_t *first = item_of(user, "carts", 0), *second = item_of(user, "carts", 1);
  assert_string_equal(text_at(first, "cart_id"), "\x01\x1b[31m");
  const json_t *odd = json_object_get(item_of(first, "items", 0), "name");
  assert_int_equal(json_string_length(odd), strlen("a\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd nul:") + 2);
  assert_string_equal(text_at(second, "cart_id"), "c\xef\xbf\xbd");
  const char *cut = text_at(item_of(second, "items", 0), "name");
  assert_int_equal(strlen(cut), 126); /* whole characters of 127 bytes */
  assert_memory_equal(cut, name, 126);
  json_decref(user);
  fixture_free(fixture);
}

static void a_stub_has_no_times(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  happen(fixture, EDDY_EMAIL_UNSUBSCRIBED, "a", T0);
  tick_to(fixture, T0 + fixture->spec.idle_ttl_ms + 2 * EDDY_DAY_MS);
  json_t *user = read_user(fixture, "a");
  assert_true(json_is_null(json_object_get(user, "first_seen")) && json_is_null(json_object_get(user, "last_seen")));
  assert_int_equal(whole_at(json_object_get(user, "consent"), "unsubscribed_at"), T0);
  assert_standing(user, "not begun: no product_added or cart_updated on record; without consent it would be held back");
  json_decref(user);
  fixture_free(fixture);
}

static size_t calls, fail_at;

static void *failing_malloc(size_t size) {
  return ++calls == fail_at ? NULL : malloc(size);
}

static void short_memory_gives_all_or_nothing(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  add(fixture, "a", "c\xff", EDDY_STR("x"), T0);
  explain(fixture, "a");
  json_set_alloc_funcs(failing_malloc, free);
  size_t failed = 0;
  for (fail_at = 1;; fail_at += 1 + fail_at / 50) {
    calls = 0;
    json_t *user = eddy_user_json(&explanation, &fixture->spec, 0);
    failed += user == NULL;
    if (user) assert_int_equal(json_object_size(user), 18);
    json_decref(user);
    if (calls < fail_at) break;
  }
  json_set_alloc_funcs(malloc, free);
  assert_true(failed > 20);
  fixture_free(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_of_the_contract), cmocka_unit_test(sentences_of_a_trigger),
      cmocka_unit_test(sentences_of_a_verdict),      cmocka_unit_test(whatever_bytes_it_is_utf8),
      cmocka_unit_test(a_stub_has_no_times),         cmocka_unit_test(short_memory_gives_all_or_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
