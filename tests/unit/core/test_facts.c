/* Viewed products and attributes: newest wins, bounded, the same for every order of arrival. */
#include "engine_fixture.h"

#include "base/rng.h"
#include "core/facts.h"

enum { EVENTS = 60 };

/* Equal sets: what stands where may differ. */
static void assert_same_facts(const struct eddy_tail *a, const struct eddy_tail *b) {
  assert_int_equal(a->viewed_count, b->viewed_count);
  assert_int_equal(a->attribute_count, b->attribute_count);
  for (uint16_t i = 0; i < a->viewed_count; i++) {
    bool found = false;
    for (uint16_t j = 0; j < b->viewed_count; j++) {
      found |=
          a->viewed[i].time == b->viewed[j].time && eddy_tail_compare(a->viewed[i].product_id, b->viewed[j].product_id) == 0;
    }
    assert_true(found);
  }
  for (uint16_t i = 0; i < a->attribute_count; i++) {
    bool found = false;
    for (uint16_t j = 0; j < b->attribute_count; j++) {
      found |= a->attributes[i].time == b->attributes[j].time &&
               eddy_tail_compare(a->attributes[i].key, b->attributes[j].key) == 0 &&
               eddy_tail_compare(a->attributes[i].value, b->attributes[j].value) == 0;
    }
    assert_true(found);
  }
}

struct story {
  char names[EVENTS][8], values[EVENTS][8];
  struct eddy_item items[EVENTS];
  struct eddy_property properties[EVENTS];
  struct eddy_event events[EVENTS];
};

static struct eddy_str text(char *room, const char *prefix, uint64_t number) {
  snprintf(room, 8, "%s%u", prefix, (unsigned)number);
  return (struct eddy_str){room, (uint32_t)strlen(room)};
}

static void tell(struct story *story, struct eddy_rng *rng) {
  for (int i = 0; i < EVENTS; i++) {
    bool view = eddy_rng_below(rng, 2) == 0;
    struct eddy_str name = text(story->names[i], view ? "p" : "k", eddy_rng_below(rng, 8));
    story->items[i] = (struct eddy_item){.product_id = name, .quantity = 1};
    story->properties[i] = (struct eddy_property){name, text(story->values[i], "v", eddy_rng_below(rng, 4))};
    story->events[i] = event_of(view ? EDDY_PRODUCT_VIEWED : EDDY_PROFILE_UPDATED, "a", T0 + (int64_t)eddy_rng_below(rng, 40));
    story->events[i].items = &story->items[i];
    story->events[i].item_count = view ? 1 : 0;
    story->events[i].properties = &story->properties[i];
    story->events[i].property_count = view ? 0 : 1;
  }
}

static void test_order_of_arrival_does_not_matter(void **state) {
  static struct eddy_tail in_order, shuffled;
  static struct story story;
  struct eddy_spec spec;
  struct eddy_rng rng;
  (void)state;
  eddy_spec_default(&spec);
  for (uint64_t seed = 1; seed <= 500; seed++) {
    struct eddy_counters counters = {0};
    eddy_rng_seed(&rng, seed);
    spec.limits.viewed_items = (uint16_t)(1 + eddy_rng_below(&rng, 10));
    spec.limits.attributes = (uint16_t)(1 + eddy_rng_below(&rng, 10));
    tell(&story, &rng);
    eddy_tail_clear(&in_order);
    eddy_tail_clear(&shuffled);
    for (int i = 0; i < EVENTS; i++) eddy_facts_fold(&spec, &in_order, &story.events[i], &counters);
    assert_true(in_order.viewed_count <= spec.limits.viewed_items && in_order.attribute_count <= spec.limits.attributes);
    assert_true(spec.limits.viewed_items > 3 || counters.limit_viewed_items > 0);
    assert_true(spec.limits.attributes > 3 || counters.limit_attributes > 0);
    for (int i = EVENTS - 1; i > 0; i--) {
      uint64_t other = eddy_rng_below(&rng, (uint64_t)i + 1);
      struct eddy_event event = story.events[i];
      story.events[i] = story.events[other];
      story.events[other] = event;
    }
    for (int i = 0; i < EVENTS; i++) eddy_facts_fold(&spec, &shuffled, &story.events[i], &counters);
    assert_same_facts(&in_order, &shuffled);
  }
}

static void test_the_engine_keeps_them(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  struct eddy_user_view view;
  struct eddy_item item = {.product_id = EDDY_STR("p1"), .quantity = 1};
  struct eddy_property properties[] = {{EDDY_STR("plan"), EDDY_STR("gold")}, {EDDY_STR("city"), EDDY_STR("Oslo")}};
  fixture->spec.limits.viewed_items = 4;
  fixture_start(fixture);
  struct eddy_event viewed = event_of(EDDY_PRODUCT_VIEWED, "a", T0), updated = event_of(EDDY_PROFILE_UPDATED, "a", T0 + 1);
  viewed.items = &item;
  viewed.item_count = 1;
  updated.properties = properties;
  updated.property_count = 2;
  assert_int_equal(eddy_engine_step(fixture->engine, &viewed, EDDY_TIME_NONE, &fixture->effects), 0);
  assert_int_equal(eddy_engine_step(fixture->engine, &updated, EDDY_TIME_NONE, &fixture->effects), 0);
  assert_int_equal(eddy_engine_user(fixture->engine, EDDY_STR("a"), EDDY_TIME_NONE, &view), 0);
  assert_int_equal(view.viewed_items, 1);
  assert_int_equal(view.attributes, 2);
  fixture_free(fixture);
}

static void test_the_oldest_goes_first(void **state) {
  (void)state;
  static struct eddy_tail tail;
  struct eddy_counters counters = {0};
  eddy_tail_clear(&tail);
  tail.viewed_count = 1;
  tail.viewed[0] = (struct eddy_viewed_item){EDDY_STR("p"), T0};
  tail.attribute_count = 3;
  tail.attributes[0] = (struct eddy_attribute){EDDY_STR("a"), EDDY_STR("1"), T0 + 2};
  tail.attributes[1] = (struct eddy_attribute){EDDY_STR("b"), EDDY_STR("1"), T0};
  tail.attributes[2] = (struct eddy_attribute){EDDY_STR("c"), EDDY_STR("1"), T0 + 1};
  assert_true(eddy_facts_shed(&tail, &counters));
  assert_int_equal(tail.viewed_count, 0);
  assert_true(eddy_facts_shed(&tail, &counters) && eddy_facts_shed(&tail, &counters));
  assert_int_equal(tail.attribute_count, 1);
  assert_int_equal(eddy_tail_compare(tail.attributes[0].key, EDDY_STR("a")), 0);
  assert_true(eddy_facts_shed(&tail, &counters));
  assert_false(eddy_facts_shed(&tail, &counters));
  assert_int_equal(counters.limit_viewed_items, 1);
  assert_int_equal(counters.limit_attributes, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_order_of_arrival_does_not_matter),
      cmocka_unit_test(test_the_engine_keeps_them),
      cmocka_unit_test(test_the_oldest_goes_first),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
