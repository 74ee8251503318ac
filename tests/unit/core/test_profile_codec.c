/* Profiles as bytes: canonical, read back under other specifications, and whatever else the bytes may be. */
#include "base/hash.h"
#include "durable_fixture.h"

enum { USERS = 20, EVENTS = 4000 };

/* Engines -------------------------------------------------------------------------------------------------------------------*/

static void feed(struct eddy_engine *engine, struct world *world, unsigned count, struct eddy_effects *effects) {
  static struct world_event event;
  for (unsigned i = 0; i < count; i++) {
    world_next(world, &event);
    assert_int_equal(eddy_engine_step(engine, &event.event, EDDY_TIME_NONE, effects), 0);
  }
}

static void start_world(struct world *world, uint64_t seed) {
  struct world_options options = {
      .users = USERS, .step_ms = EDDY_MINUTE_MS, .disorder_ms = 5 * EDDY_MINUTE_MS, .percent_duplicate = 10};
  world_init(world, seed, &options);
}

static struct fixture *busy(uint64_t seed, const struct eddy_spec *spec) {
  struct fixture *fixture = malloc(sizeof *fixture);
  struct world world;
  assert_non_null(fixture);
  fixture->spec = *spec;
  assert_int_equal(eddy_spec_check(spec, NULL, 0), 0);
  fixture->engine = durable_engine(&fixture->spec);
  eddy_effects_init(&fixture->effects, NULL);
  struct eddy_model *model = world_model(spec, seed);
  assert_int_equal(eddy_engine_set_model(fixture->engine, model), 0);
  start_world(&world, seed);
  feed(fixture->engine, &world, EVENTS, &fixture->effects);
  eddy_effects_clear(&fixture->effects);
  assert_int_equal(eddy_engine_set_model(fixture->engine, NULL), 0);
  eddy_model_free(model);
  return fixture;
}

static void copy_state(const struct eddy_engine *from, struct eddy_engine *to) {
  uint8_t state[EDDY_ENGINE_STATE_MAX];
  size_t size = eddy_engine_encode_state(from, state, sizeof state);
  assert_int_equal(eddy_engine_recover_state(to, state, size), 0);
}

static void copy_markers(const struct eddy_engine *from, struct eddy_engine *to) {
  for (unsigned user = 0; user < USERS; user++) {
    char name[48];
    int64_t erased_at;
    snprintf(name, sizeof name, user % 3 == 0 ? "user-%u-with-a-rather-long-name@shop" : "user-%u", user);
    uint64_t hash = eddy_hash_keyed(erasure_key, name, strlen(name));
    if (!eddy_engine_erased(from, hash, &erased_at)) continue;
    assert_int_equal(eddy_engine_recover_erased(to, hash, 1, erased_at), 0);
  }
}

/* An engine of another specification with everything that the first one knows. */
static struct eddy_engine *successor(const struct eddy_engine *from, const struct eddy_spec *spec) {
  static struct bytes bytes;
  struct eddy_engine *to = durable_engine(spec);
  assert_int_equal(eddy_engine_recover_begin(to), 0);
  bytes.size = eddy_engine_encode_layout(from, bytes.data, EDDY_LAYOUT_MAX);
  assert_int_equal(eddy_engine_recover_layout(to, bytes.data, bytes.size), 0);
  for (uint32_t slot = 0; slot < eddy_engine_slots(from); slot++) {
    struct eddy_str id;
    if (eddy_engine_slot_state(from, slot) == EDDY_SLOT_FREE) continue;
    encode_slot(from, slot, &id, &bytes);
    uint32_t made;
    assert_int_equal(eddy_engine_recover_profile(to, id, 1, bytes.data, bytes.size, &made), 0);
    assert_int_equal(made, eddy_engine_find(to, id));
  }
  copy_markers(from, to);
  copy_state(from, to);
  eddy_engine_recover_end(to);
  assert_valid(to);
  assert_int_equal(eddy_engine_dirty(to), 0);
  return to;
}

static void assert_same_bytes(const struct eddy_engine *a, const struct eddy_engine *b) {
  static struct bytes left, right;
  assert_int_equal(eddy_engine_users(a), eddy_engine_users(b));
  for (uint32_t slot = 0; slot < eddy_engine_slots(a); slot++) {
    struct eddy_str id, other;
    if (eddy_engine_slot_state(a, slot) == EDDY_SLOT_FREE) continue;
    encode_slot(a, slot, &id, &left);
    encode_slot(b, eddy_engine_find(b, id), &other, &right);
    assert_int_equal(left.size, right.size);
    assert_memory_equal(left.data, right.data, left.size);
  }
}

/* Round trips ---------------------------------------------------------------------------------------------------------------*/

static void test_round_trip(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 6; seed++) {
    struct eddy_spec spec;
    world_spec(&spec);
    spec.limits.recent_ids = (uint16_t)(seed * 3 % 8);
    struct fixture *fixture = busy(seed, &spec);
    struct eddy_engine *other = successor(fixture->engine, &fixture->spec);
    assert_same_bytes(fixture->engine, other);
    for (uint32_t slot = 0; slot < eddy_engine_slots(fixture->engine); slot++) {
      struct eddy_member member, same;
      struct eddy_user_view view, copy;
      if (!eddy_engine_member(fixture->engine, slot, &member)) continue;
      assert_true(eddy_engine_member(other, eddy_engine_find(other, member.user_id), &same));
      assert_true(member.has_segment == same.has_segment && member.segment == same.segment && member.since == same.since);
      assert_int_equal(eddy_engine_user(fixture->engine, member.user_id, EDDY_TIME_NONE, &view), 0);
      assert_int_equal(eddy_engine_user(other, member.user_id, EDDY_TIME_NONE, &copy), 0);
      assert_memory_equal(view.features, copy.features, fixture->spec.feature_count * sizeof view.features[0]);
      assert_int_equal(view.next_due, copy.next_due);
      assert_int_equal(view.first_seen, copy.first_seen);
    }
    eddy_engine_free(other);
    fixture_free(fixture);
  }
}

/* The ring of recent ids begins elsewhere after a recovery; neither the bytes nor what is forgotten next may show that. */
static void test_the_place_in_the_ring_does_not_show(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  static struct bytes left, right;
  fixture->spec.limits.recent_ids = 3;
  fixture->engine = durable_engine(&fixture->spec);
  eddy_effects_init(&fixture->effects, NULL);
  char id[8];
  struct eddy_engine *other = NULL;
  for (int i = 0; i < 12; i++) {
    struct eddy_event event = event_of(EDDY_PAGE_VIEWED, "ann", T0 + i);
    snprintf(id, sizeof id, "e%d", i);
    event.event_id = name_of(id);
    step(fixture, &event);
    if (other != NULL) assert_int_equal(eddy_engine_step(other, &event, EDDY_TIME_NONE, &fixture->effects), 0);
    if (i == 4) other = successor(fixture->engine, &fixture->spec);
    if (other == NULL) continue;
    encode_user(fixture->engine, "ann", &left);
    encode_user(other, "ann", &right);
    assert_int_equal(left.size, right.size);
    assert_memory_equal(left.data, right.data, left.size);
  }
  eddy_engine_free(other);
  fixture_free(fixture);
}

static void test_size(void **state) {
  (void)state;
  struct eddy_spec spec;
  static struct bytes bytes;
  eddy_spec_default(&spec);
  struct fixture *fixture = busy(3, &spec);
  size_t least = SIZE_MAX, most = 0;
  for (uint32_t slot = 0; slot < eddy_engine_slots(fixture->engine); slot++) {
    struct eddy_str id;
    if (eddy_engine_slot_state(fixture->engine, slot) == EDDY_SLOT_FREE) continue;
    encode_slot(fixture->engine, slot, &id, &bytes);
    least = bytes.size < least ? bytes.size : least;
    most = bytes.size > most ? bytes.size : most;
  }
  print_message("busy users with carts: %zu to %zu bytes\n", least, most);
  for (int i = 0; i < 20; i++) {
    char event_id[8];
    const enum eddy_event_type types[] = {EDDY_EMAIL_SENT, EDDY_EMAIL_OPENED, EDDY_PAGE_VIEWED, EDDY_PRODUCT_VIEWED};
    struct eddy_event event = event_of(types[i % 4], "typical", T0 + i * EDDY_HOUR_MS);
    snprintf(event_id, sizeof event_id, "e%d", i);
    event.event_id = name_of(event_id);
    step(fixture, &event);
  }
  encode_user(fixture->engine, "typical", &bytes);
  print_message("a reader of mails: %zu bytes\n", bytes.size);
  assert_true(bytes.size < 200);
  fixture_free(fixture);
}

/* Other specifications ------------------------------------------------------------------------------------------------------*/

static int position(const struct eddy_spec *spec, const char *name) {
  for (uint16_t i = 0; i < spec->feature_count; i++) {
    if (strcmp(spec->features[i].name, name) == 0) return i;
  }
  return -1;
}

static bool computed(const struct eddy_feature_spec *feature) {
  return feature->fold == EDDY_FOLD_RATIO || feature->fold == EDDY_FOLD_SHARE;
}

/* Backwards, without every third of those that are counted, with two new ones in front. Ratios go: they name positions. */
static void other_features(const struct eddy_spec *from, struct eddy_spec *to) {
  to->feature_count = 0;
  for (uint16_t i = 0; i < 2; i++) {
    struct eddy_feature_spec *feature = &to->features[to->feature_count++];
    *feature = from->features[0];
    snprintf(feature->name, sizeof feature->name, "brand_new_%u", i);
    feature->fold = i == 0 ? EDDY_FOLD_COUNT : EDDY_FOLD_AGE;
  }
  for (uint16_t i = from->feature_count; i-- > 0;) {
    if (!computed(&from->features[i]) && i % 3 != 0) to->features[to->feature_count++] = from->features[i];
  }
}

static void assert_features_follow_their_names(const struct fixture *fixture, const struct eddy_engine *other,
                                               const struct eddy_spec *spec) {
  unsigned compared = 0;
  for (uint32_t slot = 0; slot < eddy_engine_slots(fixture->engine); slot++) {
    struct eddy_member member;
    struct eddy_user_view view, moved;
    if (!eddy_engine_member(fixture->engine, slot, &member)) continue;
    assert_int_equal(eddy_engine_user(fixture->engine, member.user_id, EDDY_TIME_NONE, &view), 0);
    assert_int_equal(eddy_engine_user(other, member.user_id, EDDY_TIME_NONE, &moved), 0);
    assert_int_equal(view.last_seen, moved.last_seen);
    for (uint16_t i = 0; i < spec->feature_count; i++) {
      int was = position(&fixture->spec, spec->features[i].name);
      bool age = spec->features[i].fold == EDDY_FOLD_AGE;
      float expected = was >= 0 ? view.features[was] : age ? (float)((double)spec->idle_ttl_ms / (double)EDDY_DAY_MS) : 0;
      assert_true(moved.features[i] == expected);
      compared += was >= 0 && expected != 0 ? 1 : 0;
    }
  }
  assert_true(compared > 100);
}

static void test_features_are_known_by_name(void **state) {
  (void)state;
  struct eddy_spec spec, changed;
  world_spec(&spec);
  changed = spec;
  other_features(&spec, &changed);
  assert_int_equal(eddy_spec_check(&changed, NULL, 0), 0);
  struct fixture *fixture = busy(5, &spec);
  struct eddy_engine *other = successor(fixture->engine, &changed);
  assert_features_follow_their_names(fixture, other, &changed);
  assert_int_not_equal(eddy_engine_layout_id(fixture->engine), eddy_engine_layout_id(other));
  struct eddy_engine *same = successor(other, &changed);
  assert_same_bytes(other, same);
  eddy_engine_free(same);
  eddy_engine_free(other);
  fixture_free(fixture);
}

/* A count that became a sum of money is another feature. */
static void test_kinds_belong_to_names(void **state) {
  (void)state;
  struct eddy_spec spec, changed;
  world_spec(&spec);
  changed = spec;
  int at = position(&spec, "product_views");
  for (uint16_t i = 0; at < 0 && i < spec.feature_count; i++) at = spec.features[i].fold == EDDY_FOLD_COUNT ? i : at;
  changed.features[at].fold = EDDY_FOLD_SUM;
  struct fixture *fixture = busy(5, &spec);
  struct eddy_engine *other = successor(fixture->engine, &changed);
  for (uint32_t slot = 0; slot < eddy_engine_slots(other); slot++) {
    struct eddy_member member;
    struct eddy_user_view view;
    assert_true(eddy_engine_member(other, slot, &member));
    assert_int_equal(eddy_engine_user(other, member.user_id, EDDY_TIME_NONE, &view), 0);
    assert_true(view.features[at] == 0);
  }
  eddy_engine_free(other);
  fixture_free(fixture);
}

/* Fires per trigger name and user, whatever the order. */
static uint64_t fired_of(const struct eddy_spec *spec, const struct eddy_effects *effects, const char *trigger,
                         unsigned *count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < effects->count; i++) {
    struct eddy_effect copy = effects->items[i];
    bool trigger_effect = copy.kind == EDDY_TRIGGER_FIRED || copy.kind == EDDY_TRIGGER_SUPPRESSED;
    if (!trigger_effect || strcmp(spec->triggers[copy.as.trigger.trigger].name, trigger) != 0) continue;
    copy.number = 0;
    copy.as.trigger.trigger = 0;
    struct eddy_effects one = {.items = &copy, .count = 1};
    sum += world_effects_hash(1, &one, 0);
    ++*count;
  }
  return sum;
}

static void triggers_spec(struct eddy_spec *spec) {
  world_spec(spec);
  spec->limits.tail_bytes = 16 * 1024;
  spec->limits.armed_times = spec->limits.fired_marks = 64;
  spec->sweep = false;
  spec->idle_ttl_ms = 400 * EDDY_DAY_MS;
  spec->triggers[2] = spec->triggers[1];
  strcpy(spec->triggers[2].name, "wishes");
  spec->triggers[2].after = EDDY_EVENT_BIT(EDDY_EMAIL_OPENED) | EDDY_EVENT_BIT(EDDY_PRODUCT_VIEWED);
  spec->trigger_count = 3;
}

static void run_on(struct eddy_engine *engine, uint64_t seed, struct eddy_effects *effects) {
  struct world world;
  start_world(&world, seed);
  world.clock += EVENTS * EDDY_MINUTE_MS;
  world.serial = 1000000;
  eddy_effects_clear(effects);
  feed(engine, &world, 1000, effects);
  while (eddy_engine_tick(engine, world.clock + 10 * EDDY_DAY_MS, EDDY_TIME_NONE, 100, effects) > 0) {
  }
  assert_valid(engine);
}

/* Moved triggers fire what they would have fired in their old places. */
static void test_triggers_are_known_by_name(void **state) {
  (void)state;
  const unsigned orders[][4] = {
      {2, 1, 0, 3}, {1, 2, 3, 0}, {2, 3, 3, 3}, {3, 0, 3, 1}, {3, 3, 3, 3}}; /* 3: a new one, or none */
  for (unsigned order = 0; order < sizeof orders / sizeof orders[0]; order++) {
    struct eddy_spec spec, changed;
    triggers_spec(&spec);
    changed = spec;
    changed.trigger_count = 0;
    for (unsigned i = 0; i < 4; i++) {
      struct eddy_trigger_spec *trigger = &changed.triggers[changed.trigger_count];
      *trigger = spec.triggers[orders[order][i] % 3];
      if (orders[order][i] == 3 && i > 1) continue;
      if (orders[order][i] == 3) snprintf(trigger->name, sizeof trigger->name, "new_%u", i);
      changed.trigger_count++;
    }
    assert_int_equal(eddy_spec_check(&changed, NULL, 0), 0);
    struct fixture *fixture = busy(order, &spec);
    struct eddy_engine *other = successor(fixture->engine, &changed);
    struct eddy_effects effects;
    eddy_effects_init(&effects, NULL);
    run_on(fixture->engine, 77, &fixture->effects);
    run_on(other, 77, &effects);
    for (unsigned i = 0; i < changed.trigger_count; i++) {
      unsigned before = 0, after = 0;
      const char *name = changed.triggers[i].name;
      uint64_t expected = fired_of(&spec, &fixture->effects, name, &before);
      uint64_t actual = fired_of(&changed, &effects, name, &after);
      if (strncmp(name, "new_", 4) == 0) continue;
      assert_true(before > 0);
      assert_int_equal(before, after);
      assert_int_equal(expected, actual);
    }
    eddy_effects_fini(&effects);
    eddy_engine_free(other);
    fixture_free(fixture);
  }
}

/* Limits that shrank drop what is too much and refuse nothing. */
static void test_limits_that_shrank(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 4; seed++) {
    struct eddy_spec spec, changed;
    triggers_spec(&spec);
    spec.limits.viewed_items = 32;
    spec.limits.cart_lines = 200;
    spec.limits.carts = 8;
    spec.limits.recent_ids = 8;
    changed = spec;
    changed.limits = (struct eddy_limits){.recent_ids = (uint16_t)(seed % 3),
                                          .cart_lines = 2,
                                          .carts = 1,
                                          .armed_times = 1,
                                          .fired_marks = 1,
                                          .tail_bytes = 1024};
    struct fixture *fixture = busy(seed, &spec);
    struct eddy_engine *other = successor(fixture->engine, &changed);
    assert_int_equal(eddy_engine_users(other), eddy_engine_users(fixture->engine));
    for (uint32_t slot = 0; slot < eddy_engine_slots(other); slot++) {
      struct eddy_member member;
      struct eddy_user_view view;
      assert_true(eddy_engine_member(other, slot, &member));
      assert_int_equal(eddy_engine_user(other, member.user_id, EDDY_TIME_NONE, &view), 0);
      assert_int_equal(view.viewed_items + view.attributes, 0);
      assert_true(view.cart_lines <= 2);
    }
    run_on(other, 78, &fixture->effects);
    eddy_engine_free(other);
    fixture_free(fixture);
  }
}

/* A tail that is too large as a whole: consent is what stays. */
static void test_bytes_that_shrank(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  static struct bytes bytes;
  fixture->spec.limits.attributes = 64;
  fixture->engine = durable_engine(&fixture->spec);
  eddy_effects_init(&fixture->effects, NULL);
  struct eddy_property properties[60];
  char keys[60][8];
  char value[101];
  memset(value, 'v', sizeof value);
  value[100] = 0;
  for (int i = 0; i < 60; i++) {
    snprintf(keys[i], sizeof keys[i], "k%d", i);
    properties[i] = (struct eddy_property){name_of(keys[i]), name_of(value)};
  }
  struct eddy_event event = event_of(EDDY_PROFILE_UPDATED, "ann", T0);
  event.properties = properties;
  event.property_count = 60;
  step(fixture, &event);
  happen(fixture, EDDY_EMAIL_UNSUBSCRIBED, "ann", T0 + 1);
  encode_user(fixture->engine, "ann", &bytes);
  assert_true(bytes.size > 6000);
  struct eddy_spec changed = fixture->spec;
  changed.limits.tail_bytes = 1024;
  struct eddy_engine *other = successor(fixture->engine, &changed);
  struct eddy_user_view view;
  assert_int_equal(eddy_engine_user(other, EDDY_STR("ann"), EDDY_TIME_NONE, &view), 0);
  assert_true(view.attributes > 5 && view.attributes < 20);
  encode_user(other, "ann", &bytes);
  assert_true(bytes.size < 1200);
  eddy_engine_free(other);
  fixture_free(fixture);
}

/* Hostile bytes -------------------------------------------------------------------------------------------------------------*/

/* Whatever the bytes are: refused, or an engine that holds all its invariants and runs on. Returns whether they were taken. */
static bool try_bytes(const struct eddy_spec *spec, const struct bytes *layout, const void *bytes, size_t size) {
  struct eddy_engine *engine = durable_engine(spec);
  assert_int_equal(eddy_engine_recover_begin(engine), 0);
  if (layout != NULL) assert_int_equal(eddy_engine_recover_layout(engine, layout->data, layout->size), 0);
  void *copy = malloc(size > 0 ? size : 1); /* so that reading past the end shows */
  assert_non_null(copy);
  memcpy(copy, bytes, size);
  int error = eddy_engine_recover_profile(engine, EDDY_STR("ann"), 5, copy, size, NULL);
  free(copy);
  assert_true(error == 0 || error == EDDY_E_CORRUPT);
  if (error == 0) {
    static struct bytes again;
    struct eddy_effects effects;
    eddy_effects_init(&effects, NULL);
    eddy_engine_recover_end(engine);
    assert_valid(engine);
    encode_user(engine, "ann", &again);
    struct eddy_event event = event_of(EDDY_PRODUCT_ADDED, "ann", T0 + 400 * EDDY_DAY_MS);
    assert_int_equal(eddy_engine_step(engine, &event, EDDY_TIME_NONE, &effects), 0);
    eddy_engine_tick(engine, T0 + 401 * EDDY_DAY_MS, EDDY_TIME_NONE, 50, &effects);
    assert_valid(engine);
    eddy_effects_fini(&effects);
  }
  eddy_engine_free(engine);
  return error == 0;
}

static void attack(const struct eddy_spec *spec, const struct bytes *layout, const struct bytes *good) {
  static struct bytes bad;
  assert_true(try_bytes(spec, layout, good->data, good->size));
  for (size_t size = 0; size < good->size; size++) try_bytes(spec, layout, good->data, size);
  for (size_t bit = 0; bit<8 * good->size; bit += good->size> 300 ? 3 : 1) {
    bad = *good;
    bad.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    try_bytes(spec, layout, bad.data, bad.size);
  }
  bad = *good;
  bad.data[bad.size++] = 7;
  assert_false(try_bytes(spec, layout, bad.data, bad.size));
}

static void test_hostile_profiles(void **state) {
  (void)state;
  struct eddy_spec spec, changed;
  static struct bytes bytes, layout;
  world_spec(&spec);
  changed = spec;
  other_features(&spec, &changed);
  changed.triggers[0] = spec.triggers[1];
  changed.triggers[1] = spec.triggers[0];
  struct fixture *fixture = busy(9, &spec);
  layout.size = eddy_engine_encode_layout(fixture->engine, layout.data, EDDY_LAYOUT_MAX);
  for (uint32_t slot = 0; slot < eddy_engine_slots(fixture->engine); slot += 5) {
    struct eddy_str id;
    if (eddy_engine_slot_state(fixture->engine, slot) == EDDY_SLOT_FREE) continue;
    encode_slot(fixture->engine, slot, &id, &bytes);
    attack(&spec, NULL, &bytes);
    attack(&changed, &layout, &bytes);
    assert_false(try_bytes(&changed, NULL, bytes.data, bytes.size)); /* a layout that was never written */
  }
  fixture_free(fixture);
}

static void test_hostile_layouts(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  static struct bytes good, bad;
  good.size = eddy_engine_encode_layout(fixture->engine, good.data, EDDY_LAYOUT_MAX);
  assert_int_equal(eddy_engine_recover_begin(fixture->engine), 0);
  assert_int_equal(eddy_engine_recover_layout(fixture->engine, good.data, good.size), 0);
  for (size_t size = 0; size < good.size; size++) {
    assert_int_equal(eddy_engine_recover_layout(fixture->engine, good.data, size), EDDY_E_CORRUPT);
  }
  for (int value = 0; value < 256; value++) {
    for (size_t at = 0; at < 4; at++) {
      bad = good;
      bad.data[at] = (uint8_t)value;
      int error = eddy_engine_recover_layout(fixture->engine, bad.data, bad.size);
      bool same = bad.data[at] == good.data[at];
      assert_int_equal(error, same ? 0 : at == 0 && value > good.data[0] ? EDDY_E_VERSION : EDDY_E_CORRUPT);
    }
  }
  fixture_free(fixture);
}

/* Two places of one name: the second leads nowhere, so that nothing collides. */
static void test_a_layout_that_names_a_trigger_twice(void **state) {
  (void)state;
  struct eddy_spec spec;
  static struct bytes bytes, layout;
  triggers_spec(&spec);
  struct fixture *fixture = busy(4, &spec);
  layout.size = eddy_engine_encode_layout(fixture->engine, layout.data, EDDY_LAYOUT_MAX);
  memcpy(layout.data + layout.size - 8, layout.data + layout.size - 16, 8);
  struct eddy_engine *other = durable_engine(&spec);
  assert_int_equal(eddy_engine_recover_begin(other), 0);
  assert_int_equal(eddy_engine_recover_layout(other, layout.data, layout.size), 0);
  uint32_t id = (uint32_t)eddy_hash_stable(layout.data, layout.size);
  for (uint32_t slot = 0; slot < eddy_engine_slots(fixture->engine); slot++) {
    struct eddy_str user;
    if (eddy_engine_slot_state(fixture->engine, slot) == EDDY_SLOT_FREE) continue;
    encode_slot(fixture->engine, slot, &user, &bytes);
    for (int i = 0; i < 4; i++) bytes.data[i] = (uint8_t)(id >> 8 * i);
    assert_int_equal(eddy_engine_recover_profile(other, user, 1, bytes.data, bytes.size, NULL), 0);
  }
  eddy_engine_recover_end(other);
  assert_valid(other);
  eddy_engine_free(other);
  fixture_free(fixture);
}

/* A layout with a trigger less: pairs that name it are of no engine. */
static void test_a_pair_of_no_trigger(void **state) {
  (void)state;
  struct eddy_spec spec;
  static struct bytes bytes, layout;
  triggers_spec(&spec);
  struct fixture *fixture = fixture_new();
  fixture->spec = spec;
  fixture->engine = durable_engine(&fixture->spec);
  eddy_effects_init(&fixture->effects, NULL);
  happen(fixture, EDDY_EMAIL_OPENED, "ann", T0); /* arms the third trigger alone */
  encode_user(fixture->engine, "ann", &bytes);
  layout.size = eddy_engine_encode_layout(fixture->engine, layout.data, EDDY_LAYOUT_MAX) - 8;
  layout.data[3]--;
  uint32_t id = (uint32_t)eddy_hash_stable(layout.data, layout.size);
  for (int i = 0; i < 4; i++) bytes.data[i] = (uint8_t)(id >> 8 * i);
  struct eddy_spec changed = spec;
  changed.triggers[0] = spec.triggers[1];
  changed.triggers[1] = spec.triggers[0];
  assert_false(try_bytes(&changed, &layout, bytes.data, bytes.size));
  assert_false(try_bytes(&spec, &layout, bytes.data, bytes.size)); /* the first two are where they were */
  fixture_free(fixture);
}

/* Bytes that differ from what an engine writes, though they could be read. The specification has one lane and nothing else, so
 * that every place is known: layout 0-3, flags 4, evidence 5-8, last_time 9-14, first_seen 15, last_contribution 16. */
enum { FLAGS_AT = 4, SEGMENT_AT = 17, LANES_AT = 17, TAIL_FLAG = 128, SEGMENT_FLAG = 8 };

static void small_spec(struct eddy_spec *spec) {
  eddy_spec_default(spec);
  for (uint16_t i = 1; i < spec->feature_count; i++) spec->features[i] = (struct eddy_feature_spec){0};
  spec->feature_count = 1;
  spec->features[0].fold = EDDY_FOLD_COUNT;
  spec->features[0].on = EDDY_EVENT_BIT(EDDY_PAGE_VIEWED);
  spec->features[0].half_life_ms = EDDY_DAY_MS;
  assert_int_equal(eddy_spec_check(spec, NULL, 0), 0);
}

static void insert_bytes(struct bytes *bytes, size_t at, const uint8_t *more, size_t size) {
  memmove(bytes->data + at + size, bytes->data + at, bytes->size - at);
  memcpy(bytes->data + at, more, size);
  bytes->size += size;
}

static void test_only_canonical_bytes(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  static struct bytes good, bad;
  small_spec(&fixture->spec);
  fixture->engine = durable_engine(&fixture->spec);
  eddy_effects_init(&fixture->effects, NULL);
  happen(fixture, EDDY_PAGE_VIEWED, "ann", T0);
  encode_user(fixture->engine, "ann", &good);
  assert_int_equal(good.size, LANES_AT + 1 + 4);
  assert_true(try_bytes(&fixture->spec, NULL, good.data, good.size));
  for (int bits = 0; bits < 256; bits++) { /* one place, one bit */
    bad = good;
    bad.data[LANES_AT] = (uint8_t)bits;
    assert_int_equal(try_bytes(&fixture->spec, NULL, bad.data, bad.size), bits == 1);
  }
  bad = good;
  bad.data[FLAGS_AT] |= TAIL_FLAG;
  assert_false(try_bytes(&fixture->spec, NULL, bad.data, bad.size));
  bad = good;
  bad.data[FLAGS_AT] |= SEGMENT_FLAG;
  insert_bytes(&bad, SEGMENT_AT, (const uint8_t[]){4, 0}, 2); /* segment 2, since last_time */
  assert_true(try_bytes(&fixture->spec, NULL, bad.data, bad.size));
  bad = good;
  bad.data[FLAGS_AT] |= SEGMENT_FLAG;
  insert_bytes(&bad, SEGMENT_AT, (const uint8_t[]){0x84, 0x80, 0x80, 0x80, 0x20, 0}, 6); /* segment 2^32 + 2 */
  assert_false(try_bytes(&fixture->spec, NULL, bad.data, bad.size));
  happen(fixture, EDDY_EMAIL_UNSUBSCRIBED, "ann", T0);
  encode_user(fixture->engine, "ann", &bad);
  assert_true(try_bytes(&fixture->spec, NULL, bad.data, bad.size));
  bad.data[FLAGS_AT] &= (uint8_t)~TAIL_FLAG;
  assert_false(try_bytes(&fixture->spec, NULL, bad.data, bad.size));
  fixture_free(fixture);
}

/* Fewer recent ids are kept: the newest. */
static void test_recent_ids_that_shrank(void **state) {
  (void)state;
  struct fixture *fixture = durable_new();
  const char *ids[] = {"e0", "e1", "e2", "e3", "e4"};
  struct eddy_event event = event_of(EDDY_PAGE_VIEWED, "ann", T0);
  for (int i = 0; i < 5; i++) {
    event.event_id = name_of(ids[i]);
    step(fixture, &event);
  }
  struct eddy_spec changed = fixture->spec;
  changed.limits.recent_ids = 2;
  struct eddy_engine *other = successor(fixture->engine, &changed);
  uint64_t before = eddy_engine_counters(other)->duplicates;
  event.event_id = EDDY_STR("e4");
  assert_int_equal(eddy_engine_step(other, &event, EDDY_TIME_NONE, &fixture->effects), 0);
  event.event_id = EDDY_STR("e3");
  assert_int_equal(eddy_engine_step(other, &event, EDDY_TIME_NONE, &fixture->effects), 0);
  assert_int_equal(eddy_engine_counters(other)->duplicates, before + 2);
  event.event_id = EDDY_STR("e2");
  assert_int_equal(eddy_engine_step(other, &event, EDDY_TIME_NONE, &fixture->effects), 0);
  assert_int_equal(eddy_engine_counters(other)->duplicates, before + 2);
  event.event_id = EDDY_STR("e4"); /* e3 fell out */
  assert_int_equal(eddy_engine_step(other, &event, EDDY_TIME_NONE, &fixture->effects), 0);
  assert_int_equal(eddy_engine_counters(other)->duplicates, before + 3);
  eddy_engine_free(other);
  fixture_free(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_the_place_in_the_ring_does_not_show),
      cmocka_unit_test(test_size),
      cmocka_unit_test(test_features_are_known_by_name),
      cmocka_unit_test(test_kinds_belong_to_names),
      cmocka_unit_test(test_triggers_are_known_by_name),
      cmocka_unit_test(test_limits_that_shrank),
      cmocka_unit_test(test_bytes_that_shrank),
      cmocka_unit_test(test_hostile_profiles),
      cmocka_unit_test(test_hostile_layouts),
      cmocka_unit_test(test_a_layout_that_names_a_trigger_twice),
      cmocka_unit_test(test_a_pair_of_no_trigger),
      cmocka_unit_test(test_only_canonical_bytes),
      cmocka_unit_test(test_recent_ids_that_shrank),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
