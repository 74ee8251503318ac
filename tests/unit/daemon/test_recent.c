#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/recent.h"

static int make(void **state) {
  *state = eddy_recent_new();
  return *state ? 0 : -1;
}

static int drop(void **state) {
  eddy_recent_free(*state);
  return 0;
}

static struct eddy_effect change(struct eddy_str user, int from, int to, int64_t time) {
  struct eddy_effect effect = {.kind = EDDY_SEGMENT_CHANGED, .user_id = user};
  effect.as.segment = (struct eddy_segment_changed){.has_from = from >= 0,
                                                    .has_to = to >= 0,
                                                    .from = from >= 0 ? (uint32_t)from : 0,
                                                    .to = to >= 0 ? (uint32_t)to : 0,
                                                    .event_time = time};
  return effect;
}

static void test_what_happened_to_a_user(void **state) {
  struct eddy_effect effects[4] = {change(EDDY_STR("ann"), -1, 3, 10),
                                   change(EDDY_STR("bob"), -1, 4, 11),
                                   {.kind = EDDY_TRIGGER_SUPPRESSED, .user_id = EDDY_STR("ann")},
                                   {.kind = EDDY_MODEL_DELTA}};
  effects[2].as.trigger = (struct eddy_trigger_fired){.trigger = 2, .suppression = EDDY_SUPPRESS_COOLDOWN, .fired_at = 20};
  eddy_recent_note(*state, effects, 4, 1000);
  struct eddy_recent_entry entries[8];
  assert_int_equal(eddy_recent_of_user(*state, EDDY_STR("ann"), entries, 8), 2);
  assert_int_equal(entries[0].kind, EDDY_TRIGGER_SUPPRESSED);
  assert_int_equal(entries[0].trigger, 2);
  assert_int_equal(entries[0].suppression, EDDY_SUPPRESS_COOLDOWN);
  assert_int_equal(entries[0].at, 20);
  assert_int_equal(entries[1].kind, EDDY_SEGMENT_CHANGED);
  assert_int_equal(entries[1].to, 3);
  assert_false(entries[1].has_from);
  assert_int_equal(entries[1].noted_at, 1000);
  assert_int_equal(eddy_recent_of_user(*state, EDDY_STR("ann"), entries, 1), 1);
  assert_int_equal(eddy_recent_of_user(*state, EDDY_STR("eve"), entries, 8), 0);
}

static void test_an_erased_user_begins_anew(void **state) {
  struct eddy_effect effects[3] = {change(EDDY_STR("ann"), -1, 3, 10),
                                   {.kind = EDDY_PROFILE_ERASED, .user_id = EDDY_STR("ann")},
                                   change(EDDY_STR("ann"), -1, 4, 20)};
  struct eddy_recent_entry entries[4];
  eddy_recent_note(*state, effects, 2, 0);
  assert_int_equal(eddy_recent_of_user(*state, EDDY_STR("ann"), entries, 4), 0);
  eddy_recent_note(*state, &effects[2], 1, 0);
  assert_int_equal(eddy_recent_of_user(*state, EDDY_STR("ann"), entries, 4), 1);
  assert_int_equal(entries[0].to, 4);
}

static void test_flows_are_counted_by_pair(void **state) {
  struct eddy_effect effects[] = {change(EDDY_STR("a"), -1, 1, 0), change(EDDY_STR("b"), 1, 2, 0),
                                  change(EDDY_STR("c"), 1, 2, 0),  change(EDDY_STR("d"), 2, 1, 0),
                                  change(EDDY_STR("e"), 2, -1, 0), change(EDDY_STR("f"), 1, 2, 0)};
  eddy_recent_note(*state, effects, 1, 50); /* before the span */
  eddy_recent_note(*state, effects, 6, 100);
  struct eddy_flows *flows = calloc(1, sizeof(*flows));
  flows->since = 60;
  eddy_recent_add_flows(*state, flows);
  eddy_recent_add_flows(*state, flows); /* of a second worker */
  eddy_flows_sort(flows);
  assert_int_equal(flows->count, 4);
  assert_int_equal(flows->flows[0].from, 1);
  assert_int_equal(flows->flows[0].to, 2);
  assert_int_equal(flows->flows[0].count, 6);
  for (int i = 1; i < 4; i++) assert_int_equal(flows->flows[i].count, 2);
  assert_int_equal(flows->flows[4].count, 0);
  free(flows);
}

static void test_more_pairs_than_room(void **state) {
  struct eddy_flows *flows = calloc(1, sizeof(*flows));
  for (int from = 0; from < 40; from++) {
    for (int to = 0; to < 40; to++) {
      struct eddy_effect effect = change(EDDY_STR("a"), from, to, 0);
      eddy_recent_note(*state, &effect, 1, 0);
    }
  }
  eddy_recent_add_flows(*state, flows);
  assert_in_range(flows->count, EDDY_FLOWS_MAX * 9 / 10, EDDY_FLOWS_MAX);
  free(flows);
}

static void test_the_ring_turns(void **state) {
  struct eddy_recent_entry entry;
  assert_true(eddy_recent_begins(*state) == INT64_MIN);
  for (int i = 0; i < EDDY_RECENT_MAX + 5; i++) {
    struct eddy_effect effect = change(i == 4 ? EDDY_STR("gone") : EDDY_STR("kept"), 0, 1, i);
    eddy_recent_note(*state, &effect, 1, 1000 + i);
  }
  assert_int_equal(eddy_recent_begins(*state), 1005);
  assert_int_equal(eddy_recent_of_user(*state, EDDY_STR("gone"), &entry, 1), 0);
  assert_int_equal(eddy_recent_of_user(*state, EDDY_STR("kept"), &entry, 1), 1);
  assert_int_equal(entry.at, EDDY_RECENT_MAX + 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_what_happened_to_a_user, make, drop),
                                     cmocka_unit_test_setup_teardown(test_an_erased_user_begins_anew, make, drop),
                                     cmocka_unit_test_setup_teardown(test_flows_are_counted_by_pair, make, drop),
                                     cmocka_unit_test_setup_teardown(test_more_pairs_than_room, make, drop),
                                     cmocka_unit_test_setup_teardown(test_the_ring_turns, make, drop)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
