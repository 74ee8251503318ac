#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/metrics.h"
#include "daemon/status.h"

struct fixture {
  struct eddy_worker_stats worker;
  struct eddy_pipeline_stats sum;
  struct eddy_buffer page;
};

static int make(void **state) {
  struct fixture *fixture = calloc(1, sizeof(*fixture));
  eddy_worker_stats_init(&fixture->worker);
  eddy_buffer_init(&fixture->page, NULL);
  *state = fixture;
  return 0;
}

static int drop(void **state) {
  struct fixture *fixture = *state;
  eddy_worker_stats_fini(&fixture->worker);
  eddy_buffer_fini(&fixture->page);
  free(fixture);
  return 0;
}

static void fill(struct fixture *fixture) {
  struct eddy_worker_stats *worker = &fixture->worker;
  const struct eddy_board_partition partitions[] = {{.id = 3, .lag = 7, .time = 1700000000500},
                                                    {.id = 4, .time = EDDY_TIME_NONE}};
  eddy_stat_add(&worker->events, 12);
  eddy_stat_add(&worker->triggers_fired, 2);
  eddy_stat_add(&worker->invalid_by[1], 5);
  eddy_stat_add(&worker->suppressed_by[EDDY_SUPPRESS_COOLDOWN], 4);
  eddy_times_add(&worker->commit_time, 5);
  eddy_times_add(&worker->commit_time, 6);
  eddy_times_add(&worker->commit_time, 999999);
  eddy_times_add(&worker->latency, -1);
  eddy_stage_add(worker, EDDY_STAGE_APPLY, 60);
  eddy_stage_add(worker, EDDY_STAGE_APPLY, 3000000);
  eddy_board_partitions(worker, partitions, 2);
  worker->board.segment_count = 1;
  worker->board.model_version = 9;
  worker->board.segments[0] = (struct eddy_board_segment){.id = 1, .name = "a \"b\" \\ c", .users = 8};
}

static void write_page(struct fixture *fixture) {
  eddy_stats_merge(&fixture->sum, &fixture->worker);
  assert_int_equal(eddy_metrics_write(&fixture->page, &fixture->sum, 1700000000123), 0);
  assert_int_equal(eddy_buffer_append(&fixture->page, "", 1), 0);
  fixture->page.size--;
}

static void expect(const struct fixture *fixture, const char *line) {
  if (!strstr((const char *)fixture->page.data, line)) fail_msg("no line\n%s in\n%s", line, (const char *)fixture->page.data);
}

static void test_every_number_is_there(void **state) {
  struct fixture *fixture = *state;
  fill(fixture);
  write_page(fixture);
  expect(fixture, "# TYPE eddy_events_total counter\neddy_events_total 12\n");
  expect(fixture, "# TYPE eddy_lag_records gauge\n");
  expect(fixture, "eddy_invalid_total{reason=\"unknown_framing\"} 5\n");
  expect(fixture, "eddy_triggers_total{outcome=\"fired\"} 2\n");
  expect(fixture, "eddy_suppressed_total{reason=\"cooldown\"} 4\n");
  expect(fixture, "eddy_partition_lag_records{partition=\"3\"} 7\n");
  expect(fixture, "eddy_partition_paused{partition=\"3\"} 0\n");
  expect(fixture, "eddy_partition_time_seconds{partition=\"3\"} 1700000000.500\n");
  assert_null(strstr((const char *)fixture->page.data, "eddy_partition_time_seconds{partition=\"4\"}"));
  expect(fixture, "eddy_segment_users{id=\"1\",name=\"a \\\"b\\\" \\\\ c\"} 8\n");
  expect(fixture, "process_start_time_seconds 1700000000.123\n");
}

static void test_registry_only_where_there_is_one(void **state) {
  struct fixture *fixture = *state;
  fill(fixture);
  write_page(fixture);
  assert_null(strstr((const char *)fixture->page.data, "eddy_registry"));
  fixture->sum.has_registry = true;
  fixture->sum.registry = (struct eddy_registry_stats){.away = true, .answered = 3, .failed = 4, .schemas = 2};
  fixture->page.size = 0;
  eddy_metrics_write(&fixture->page, &fixture->sum, 0);
  eddy_buffer_append(&fixture->page, "", 1);
  expect(fixture, "eddy_registry_up 0\n");
  expect(fixture, "eddy_registry_requests_total{outcome=\"failed\"} 4\n");
}

static void test_histograms_are_cumulative(void **state) {
  struct fixture *fixture = *state;
  fill(fixture);
  write_page(fixture);
  expect(fixture, "eddy_commit_duration_seconds_bucket{le=\"0.005\"} 1\n");
  expect(fixture, "eddy_commit_duration_seconds_bucket{le=\"0.01\"} 2\n");
  expect(fixture, "eddy_commit_duration_seconds_bucket{le=\"10\"} 2\n");
  expect(fixture, "eddy_commit_duration_seconds_bucket{le=\"+Inf\"} 3\n");
  expect(fixture, "eddy_commit_duration_seconds_sum 1000.010\neddy_commit_duration_seconds_count 3\n");
  expect(fixture, "eddy_end_to_end_latency_seconds_bucket{le=\"0.005\"} 1\n");
  expect(fixture, "eddy_stage_duration_seconds_bucket{stage=\"apply\",le=\"5e-05\"} 0\n");
  expect(fixture, "eddy_stage_duration_seconds_bucket{stage=\"apply\",le=\"0.0001\"} 1\n");
  expect(fixture, "eddy_stage_duration_seconds_bucket{stage=\"apply\",le=\"+Inf\"} 2\n");
  expect(fixture, "eddy_stage_duration_seconds_sum{stage=\"apply\"} 3.000060\n");
  expect(fixture, "eddy_stage_duration_seconds_count{stage=\"poll\"} 0\n");
}

static void test_promtool_is_content(void **state) {
  struct fixture *fixture = *state;
  if (system("promtool --version > /dev/null 2>&1") != 0) {
    print_message("no promtool: apt-get install prometheus\n");
    skip();
  }
  fill(fixture);
  write_page(fixture);
  FILE *promtool = popen("promtool check metrics", "w");
  assert_non_null(promtool);
  assert_int_equal(fwrite(fixture->page.data, 1, fixture->page.size, promtool), fixture->page.size);
  assert_int_equal(pclose(promtool), 0);
}

static int ask(struct fixture *fixture, const char *path, int64_t mono) {
  struct eddy_http_reply reply = {.status = 200, .type = "text/plain"};
  eddy_buffer_init(&reply.body, NULL);
  eddy_status_answer((struct eddy_str){path, (uint32_t)strlen(path)}, &fixture->sum, mono, 0, &reply);
  fixture->page.size = 0;
  assert_int_equal(eddy_buffer_append(&fixture->page, reply.body.data, reply.body.size), 0);
  assert_int_equal(eddy_buffer_append(&fixture->page, "", 1), 0);
  eddy_buffer_fini(&reply.body);
  return reply.status;
}

static void test_health_names_the_stuck_worker(void **state) {
  struct fixture *fixture = *state;
  fixture->sum.workers = 2;
  fixture->sum.heartbeats[0] = 100000;
  fixture->sum.heartbeats[1] = 100000 - EDDY_STUCK_MS;
  assert_int_equal(ask(fixture, "/healthz", 100000), 200);
  assert_int_equal(ask(fixture, "/healthz", 100001), 503);
  expect(fixture, "\"stuck_workers\":[1]");
}

static void test_ready_says_what_is_missing(void **state) {
  struct fixture *fixture = *state;
  fixture->sum.workers = 2;
  fixture->sum.joined = 1;
  fixture->sum.away = 1;
  fixture->sum.paused = 1;
  assert_int_equal(ask(fixture, "/readyz", 0), 503);
  expect(fixture, "broker");
  expect(fixture, "membership");
  expect(fixture, "paused partitions");
  fixture->sum.joined = 2;
  fixture->sum.away = fixture->sum.paused = 0;
  assert_int_equal(ask(fixture, "/readyz", 0), 200);
  expect(fixture, "\"ready\":true,\"missing\":[]");
}

static void test_unknown_paths(void **state) {
  struct fixture *fixture = *state;
  assert_int_equal(ask(fixture, "/metric", 0), 404);
  assert_int_equal(ask(fixture, "/metrics/", 0), 404);
  expect(fixture, "/readyz");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_every_number_is_there, make, drop),
      cmocka_unit_test_setup_teardown(test_registry_only_where_there_is_one, make, drop),
      cmocka_unit_test_setup_teardown(test_histograms_are_cumulative, make, drop),
      cmocka_unit_test_setup_teardown(test_promtool_is_content, make, drop),
      cmocka_unit_test_setup_teardown(test_health_names_the_stuck_worker, make, drop),
      cmocka_unit_test_setup_teardown(test_ready_says_what_is_missing, make, drop),
      cmocka_unit_test_setup_teardown(test_unknown_paths, make, drop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
