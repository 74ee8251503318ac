/* The documents for the live page, from numbers made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "daemon/status_parts.h"

struct fixture {
  struct eddy_config config;
  struct eddy_status status;
  struct eddy_pipeline_stats stats;
  struct eddy_flows flows;
};

static int make(void **state) {
  struct fixture *fixture = calloc(1, sizeof(*fixture));
  assert_int_equal(eddy_config_load(&fixture->config, NULL, stderr), 0);
  fixture->status = (struct eddy_status){.config = &fixture->config, .history = eddy_history_new(), .started_at = 5};
  *state = fixture;
  return 0;
}

static int drop(void **state) {
  struct fixture *fixture = *state;
  eddy_history_free(fixture->status.history);
  eddy_config_free(&fixture->config);
  free(fixture);
  return 0;
}

static json_int_t whole(const json_t *document, const char *name) {
  const json_t *value = json_object_get(document, name);
  if (!json_is_integer(value)) fail_msg("%s is no whole number", name);
  return json_integer_value(value);
}

static void test_an_empty_pipeline_has_every_field(void **state) {
  struct fixture *fixture = *state;
  json_t *document = eddy_status_overview(&fixture->status, &fixture->stats, EDDY_ACCESS_CLOSED, 77);
  assert_string_equal(json_string_value(json_object_get(document, "app")), "eddy");
  assert_int_equal(whole(document, "now"), 77);
  assert_int_equal(whole(document, "started_at"), 5);
  assert_true(json_is_false(json_object_get(document, "ready")));
  assert_true(json_is_null(json_object_get(document, "redis")));
  assert_true(json_is_null(json_object_get(document, "event_time")));
  assert_true(json_is_null(json_object_get(json_object_get(document, "model"), "trained_at")));
  assert_int_equal(whole(json_object_get(document, "model"), "users_needed"), 4096);
  assert_true(json_is_null(json_object_get(json_object_get(document, "latency_ms"), "p50")));
  assert_int_equal(json_array_size(json_object_get(json_object_get(document, "history"), "lag")), 0);
  assert_int_equal(json_object_size(json_object_get(document, "suppressed_by")), 0);
  assert_string_equal(json_string_value(json_object_get(document, "personal")), "closed");
  json_decref(document);
}

static void fill(struct eddy_pipeline_stats *stats) {
  stats->workers = 1;
  stats->joined = 1;
  stats->events = 1000;
  stats->triggers_fired = 3;
  stats->suppressed_by[EDDY_SUPPRESS_SHADOW] = 2;
  stats->partition_count = 3;
  stats->board_partitions[0].time = 500;
  stats->board_partitions[1].time = EDDY_TIME_NONE;
  stats->board_partitions[2].time = 400;
  stats->latency.classes[3] = 10;
  stats->model_version = 4;
  stats->trained_at = 123;
  stats->segment_count = 1;
  stats->segments[0] = (struct eddy_board_segment){.id = 7,
                                                   .name = "high \"x\"",
                                                   .users = 12,
                                                   .strongest_count = 1,
                                                   .strongest = {{.feature = 2, .z = 1.5F, .typical = 3.25F}}};
}

static void test_numbers_of_a_running_pipeline(void **state) {
  struct fixture *fixture = *state;
  eddy_history_take(fixture->status.history, &fixture->stats, 0, 1000);
  fill(&fixture->stats);
  eddy_history_take(fixture->status.history, &fixture->stats, 2000, 3000);
  json_t *document = eddy_status_overview(&fixture->status, &fixture->stats, EDDY_ACCESS_OPEN, 3000);
  assert_true(json_is_true(json_object_get(document, "ready")));
  assert_int_equal(whole(document, "events"), 1000);
  assert_int_equal(whole(document, "event_time"), 400); /* the partition that is behind */
  assert_int_equal(whole(json_object_get(document, "suppressed_by"), "shadow"), 2);
  assert_int_equal(whole(json_object_get(document, "model"), "trained_at"), 123);
  double p50 = json_real_value(json_object_get(json_object_get(document, "latency_ms"), "p50"));
  assert_true(p50 > 25 && p50 < 50);
  const json_t *history = json_object_get(document, "history");
  assert_int_equal(whole(history, "until"), 3000);
  assert_true(json_real_value(json_array_get(json_object_get(history, "events_per_s"), 0)) == 500);
  assert_true(json_real_value(json_array_get(json_object_get(history, "fired_per_s"), 0)) == 1.5);
  json_decref(document);
}

static void test_segments_with_trend_strength_and_flows(void **state) {
  struct fixture *fixture = *state;
  fill(&fixture->stats);
  eddy_history_take(fixture->status.history, &fixture->stats, 0, 1000);
  fixture->flows = (struct eddy_flows){.since = 1000, .count = 1};
  fixture->flows.flows[0] = (struct eddy_flow){.to = 7, .has_to = true, .count = 12};
  json_t *document = eddy_status_segments(&fixture->status, &fixture->stats, &fixture->flows, 61000);
  const json_t *segment = json_array_get(json_object_get(document, "segments"), 0);
  assert_int_equal(whole(segment, "id"), 7);
  assert_string_equal(json_string_value(json_object_get(segment, "name")), "high \"x\"");
  assert_int_equal(json_integer_value(json_array_get(json_object_get(segment, "trend"), 0)), 12);
  const json_t *strength = json_array_get(json_object_get(segment, "strongest"), 0);
  assert_string_equal(json_string_value(json_object_get(strength, "feature")), fixture->config.spec.features[2].name);
  assert_null(json_object_get(strength, "currency"));
  assert_true(json_real_value(json_object_get(strength, "z")) == 1.5);
  assert_true(json_real_value(json_object_get(strength, "typical")) == 3.25);
  const json_t *flows = json_object_get(document, "flows");
  assert_int_equal(whole(flows, "window_ms"), 60000);
  const json_t *flow = json_array_get(json_object_get(flows, "counts"), 0);
  assert_true(json_is_null(json_object_get(flow, "from")));
  assert_int_equal(whole(flow, "to"), 7);
  assert_int_equal(whole(flow, "count"), 12);
  json_decref(document);
}

static void test_money_has_its_currency(void **state) {
  struct fixture *fixture = *state;
  const struct eddy_spec *spec = &fixture->config.spec;
  uint16_t money = 0;
  while (!eddy_feature_is_money(&spec->features[money])) money++;
  fill(&fixture->stats);
  fixture->stats.segments[0].strongest[0].feature = money;
  json_t *document = eddy_status_segments(&fixture->status, &fixture->stats, &fixture->flows, 0);
  const json_t *segment = json_array_get(json_object_get(document, "segments"), 0);
  const json_t *strength = json_array_get(json_object_get(segment, "strongest"), 0);
  assert_string_equal(json_string_value(json_object_get(strength, "currency")), "USD");
  json_decref(document);
}

/* What is no number in JSON must not come out as one. */
static void test_numbers_that_are_none(void **state) {
  struct fixture *fixture = *state;
  fill(&fixture->stats);
  fixture->stats.segments[0].strongest[0].typical = (float)INFINITY;
  json_t *document = eddy_status_segments(&fixture->status, &fixture->stats, &fixture->flows, 0);
  char *text = json_dumps(document, 0);
  assert_non_null(text);
  assert_non_null(strstr(text, "\"typical\": null"));
  free(text);
  json_decref(document);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_an_empty_pipeline_has_every_field, make, drop),
                                     cmocka_unit_test_setup_teardown(test_numbers_of_a_running_pipeline, make, drop),
                                     cmocka_unit_test_setup_teardown(test_segments_with_trend_strength_and_flows, make, drop),
                                     cmocka_unit_test_setup_teardown(test_money_has_its_currency, make, drop),
                                     cmocka_unit_test_setup_teardown(test_numbers_that_are_none, make, drop)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
