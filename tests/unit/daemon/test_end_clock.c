#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/end_clock.h"

static const struct eddy_end_rule wall_rule = {.at_end = EDDY_AT_END_WALL, .lateness_ms = 100};

static int64_t time_at(struct eddy_end_clock *clock, const struct eddy_end_rule *rule, int64_t mono) {
  return eddy_end_clock_time(clock, rule, mono, 1000000 + mono, 5000);
}

static void test_stands_still_while_reading(void **state) {
  (void)state;
  struct eddy_end_clock clock = {0};
  assert_true(time_at(&clock, &wall_rule, 10) == EDDY_TIME_NONE);
  eddy_end_clock_reached(&clock, 10, 1000010, 5000);
  assert_int_equal(time_at(&clock, &wall_rule, 20), 1000020 - 100);
  eddy_end_clock_moved(&clock);
  assert_true(time_at(&clock, &wall_rule, 30) == EDDY_TIME_NONE);
  assert_false(eddy_end_clock_probe_due(&clock, 100000)); /* librdkafka tells the new end by itself */
}

static void test_lease_lapses_and_comes_back(void **state) {
  (void)state;
  struct eddy_end_clock clock = {0};
  eddy_end_clock_reached(&clock, 10000, 0, 5000);
  assert_false(eddy_end_clock_probe_due(&clock, 10000 + EDDY_END_PROBE_MS - 1));
  assert_true(eddy_end_clock_probe_due(&clock, 10000 + EDDY_END_PROBE_MS));
  assert_false(eddy_end_clock_probe_due(&clock, 10000 + EDDY_END_PROBE_MS + 1)); /* once per interval */
  assert_true(time_at(&clock, &wall_rule, 10000 + EDDY_END_LEASE_MS) != EDDY_TIME_NONE);
  assert_true(time_at(&clock, &wall_rule, 10000 + EDDY_END_LEASE_MS + 1) == EDDY_TIME_NONE);
  assert_true(eddy_end_clock_probe_due(&clock, 20000)); /* goes on asking */
  eddy_end_clock_reached(&clock, 20100, 0, 5000);
  assert_true(time_at(&clock, &wall_rule, 20100) != EDDY_TIME_NONE);
}

static void test_doubt_stops_time_at_once(void **state) {
  (void)state;
  struct eddy_end_clock clock = {0};
  eddy_end_clock_doubt(&clock); /* not at the end: nothing to doubt, the end is still to come by itself */
  assert_int_equal(clock.state, EDDY_END_READING);
  eddy_end_clock_reached(&clock, 10000, 0, 5000);
  eddy_end_clock_doubt(&clock);
  assert_true(time_at(&clock, &wall_rule, 10001) == EDDY_TIME_NONE);
  assert_true(eddy_end_clock_probe_due(&clock, 10000 + EDDY_END_PROBE_MS));
}

static void test_rules(void **state) {
  (void)state;
  struct eddy_end_clock clock = {0};
  eddy_end_clock_reached(&clock, 0, 1000000, 5000);
  const struct eddy_end_rule newest = {.at_end = EDDY_AT_END_NEWEST, .lateness_ms = 100};
  const struct eddy_end_rule hold = {.at_end = EDDY_AT_END_HOLD};
  const struct eddy_end_rule scaled = {.at_end = EDDY_AT_END_SCALED, .scale = 60, .lateness_ms = 100};
  assert_int_equal(time_at(&clock, &newest, 500), 5000);
  assert_true(time_at(&clock, &hold, 500) == EDDY_TIME_NONE);
  assert_int_equal(time_at(&clock, &scaled, 500), 5000 + 60 * 500 - 100);
  eddy_end_clock_reached(&clock, 1000, 1001000, 5000); /* a renewed lease does not move the anchor */
  assert_int_equal(time_at(&clock, &scaled, 1500), 5000 + 60 * 1500 - 100);
}

static void test_scaled_without_events(void **state) {
  (void)state;
  struct eddy_end_clock clock = {0};
  const struct eddy_end_rule scaled = {.at_end = EDDY_AT_END_SCALED, .scale = 60};
  eddy_end_clock_reached(&clock, 0, 0, EDDY_TIME_NONE);
  assert_true(eddy_end_clock_time(&clock, &scaled, 500, 500, EDDY_TIME_NONE) == EDDY_TIME_NONE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_stands_still_while_reading), cmocka_unit_test(test_lease_lapses_and_comes_back),
      cmocka_unit_test(test_doubt_stops_time_at_once),   cmocka_unit_test(test_rules),
      cmocka_unit_test(test_scaled_without_events),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
