#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "daemon/history.h"

struct fixture {
  struct eddy_history *history;
  struct eddy_pipeline_stats stats;
  struct eddy_history_step steps[EDDY_HISTORY_STEPS];
};

static int make(void **state) {
  struct fixture *fixture = calloc(1, sizeof(*fixture));
  fixture->history = eddy_history_new();
  *state = fixture;
  return 0;
}

static int drop(void **state) {
  struct fixture *fixture = *state;
  eddy_history_free(fixture->history);
  free(fixture);
  return 0;
}

static void take(struct fixture *fixture, int64_t mono) {
  eddy_history_take(fixture->history, &fixture->stats, mono, 1000000 + mono);
}

static void test_nothing_yet(void **state) {
  struct fixture *fixture = *state;
  int64_t until;
  uint64_t users[EDDY_HISTORY_TREND];
  assert_true(eddy_history_due(fixture->history, 5));
  assert_int_equal(eddy_history_steps(fixture->history, fixture->steps, &until), 0);
  assert_int_equal(until, 0);
  assert_int_equal(eddy_history_trend(fixture->history, 1, users), 0);
  assert_true(isnan(eddy_history_times(fixture->history, &fixture->stats).latency_p50));
}

static void test_rates_are_those_between_two_samples(void **state) {
  struct fixture *fixture = *state;
  int64_t until;
  fixture->stats.events = 100;
  take(fixture, 10000);
  assert_false(eddy_history_due(fixture->history, 11999));
  assert_true(eddy_history_due(fixture->history, 12000));
  fixture->stats.events = 500;
  fixture->stats.triggers_fired = 2;
  fixture->stats.segment_changes = 10;
  fixture->stats.lag = 7;
  fixture->stats.latency.classes[2] = 10; /* 10 .. 25 ms */
  take(fixture, 12000);
  take(fixture, 16000);
  assert_int_equal(eddy_history_steps(fixture->history, fixture->steps, &until), 2);
  assert_int_equal(until, 1016000);
  assert_true(fixture->steps[0].events_per_s == 200 && fixture->steps[0].fired_per_s == 1 &&
              fixture->steps[0].changes_per_s == 5);
  assert_int_equal(fixture->steps[0].lag, 7);
  assert_true(fixture->steps[0].p50_ms > 10 && fixture->steps[0].p50_ms < 25);
  assert_true(fixture->steps[1].events_per_s == 0);
  assert_true(isnan(fixture->steps[1].p50_ms));
}

static void test_ten_minutes_are_kept(void **state) {
  struct fixture *fixture = *state;
  int64_t until;
  for (int i = 0; i < 2 * EDDY_HISTORY_STEPS; i++) {
    fixture->stats.events += (uint64_t)i;
    take(fixture, i * EDDY_HISTORY_STEP_MS);
  }
  assert_int_equal(eddy_history_steps(fixture->history, fixture->steps, &until), EDDY_HISTORY_STEPS);
  assert_true(fixture->steps[EDDY_HISTORY_STEPS - 1].events_per_s == (2 * EDDY_HISTORY_STEPS - 1) / 2.0);
  assert_true(fixture->steps[0].events_per_s == EDDY_HISTORY_STEPS / 2.0);
}

static void test_times_are_those_of_the_last_seconds(void **state) {
  struct fixture *fixture = *state;
  fixture->stats.commit_time.classes[9] = 1000; /* long ago */
  for (int i = 0; i < 10; i++) take(fixture, i * EDDY_HISTORY_STEP_MS);
  fixture->stats.commit_time.classes[0] = 10;
  struct eddy_history_times times = eddy_history_times(fixture->history, &fixture->stats);
  assert_true(times.commit_p99 <= 5);
  assert_true(isnan(times.latency_p99));
}

static void test_trend_begins_with_the_first_model(void **state) {
  struct fixture *fixture = *state;
  uint64_t users[EDDY_HISTORY_TREND];
  take(fixture, 0);
  fixture->stats.segment_count = 1;
  fixture->stats.segments[0] = (struct eddy_board_segment){.id = 4, .users = 10};
  take(fixture, 2000);
  fixture->stats.segments[0].users = 11;
  take(fixture, 4000); /* within the minute */
  fixture->stats.segments[1] = (struct eddy_board_segment){.id = 5, .users = 20};
  fixture->stats.segment_count = 2;
  take(fixture, 62000);
  assert_int_equal(eddy_history_trend(fixture->history, 4, users), 2);
  assert_int_equal(users[0], 10);
  assert_int_equal(users[1], 11);
  assert_int_equal(eddy_history_trend(fixture->history, 5, users), 2);
  assert_int_equal(users[0], 0);
  assert_int_equal(users[1], 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_nothing_yet, make, drop),
                                     cmocka_unit_test_setup_teardown(test_rates_are_those_between_two_samples, make, drop),
                                     cmocka_unit_test_setup_teardown(test_ten_minutes_are_kept, make, drop),
                                     cmocka_unit_test_setup_teardown(test_times_are_those_of_the_last_seconds, make, drop),
                                     cmocka_unit_test_setup_teardown(test_trend_begins_with_the_first_model, make, drop)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
