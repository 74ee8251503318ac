/* Prometheus text, and what is none. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "daemon/metrics.h"
#include "daemon/metrics_read.h"

static struct eddy_metrics_reader over(const char *text) {
  return (struct eddy_metrics_reader){text, text + strlen(text), 0};
}

static void samples_are_read_one_by_one(void **state) {
  (void)state;
  struct eddy_metric metric;
  char text[16];
  struct eddy_metrics_reader reader =
      over("# HELP a b\n\n  a_total 12\nb{x=\"1\",name=\"a\\\"}\\n\\\\b\"} 0.5 1700000000\r\nc {} +Inf\nd NaN");
  assert_int_equal(eddy_metrics_next(&reader, &metric), 1);
  assert_true(eddy_metric_is(&metric, "a_total") && !eddy_metric_is(&metric, "a") && metric.value == 12);
  assert_false(eddy_metric_label(&metric, "x", text, sizeof text));
  assert_int_equal(eddy_metrics_next(&reader, &metric), 1);
  assert_true(metric.value == 0.5 && reader.line == 4);
  assert_true(eddy_metric_label(&metric, "x", text, sizeof text));
  assert_string_equal(text, "1");
  assert_true(eddy_metric_label(&metric, "name", text, sizeof text));
  assert_string_equal(text, "a\"}n\\b");
  assert_true(eddy_metric_label(&metric, "name", text, 3));
  assert_string_equal(text, "a\"");
  assert_int_equal(eddy_metrics_next(&reader, &metric), 1);
  assert_true(isinf(metric.value));
  assert_int_equal(eddy_metrics_next(&reader, &metric), 1);
  assert_true(isnan(metric.value));
  assert_int_equal(eddy_metrics_next(&reader, &metric), 0);
}

static void what_is_no_sample_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = {"a", "a ", "a x", "{} 1", "a{ 1", "a{x=\"} 1", "<html>", "a{x=\"\\", "a 1x", "\x01 1"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct eddy_metric metric;
    struct eddy_metrics_reader reader = over(bad[i]);
    if (eddy_metrics_next(&reader, &metric) != -1) fail_msg("taken: %s", bad[i]);
  }
}

/* In a block of just its size, so that a sanitizer sees a step too far. */
static void cut_and_changed_text_does_no_harm(void **state) {
  (void)state;
  static const char text[] = "# x\na{le=\"0.5\",id=\"\\\\1\"} 3\nb_bucket{le=\"+Inf\"} 4 5\n";
  struct eddy_metric_histogram histogram = {0};
  for (size_t size = 0; size < sizeof text; size++) {
    for (size_t change = 0; change <= size; change++) {
      char *copy = malloc(size + 1), label[8];
      memcpy(copy, text, size);
      if (change < size) copy[change] = "\"\\{}=\n"[(change + size) % 6];
      char *exact = realloc(copy, size ? size : 1);
      struct eddy_metrics_reader reader = {exact, exact + size, 0};
      struct eddy_metric metric;
      for (int got; (got = eddy_metrics_next(&reader, &metric)) != 0;) {
        if (got < 0) continue;
        eddy_metric_label(&metric, "id", label, sizeof label);
        eddy_metric_histogram_add(&histogram, &metric);
      }
      free(exact);
    }
  }
  assert_int_equal(histogram.count, EDDY_METRIC_BUCKETS_MAX);
}

static struct eddy_metric_histogram histogram_of(const char *text) {
  struct eddy_metric_histogram histogram = {0};
  struct eddy_metrics_reader reader = over(text);
  struct eddy_metric metric;
  while (eddy_metrics_next(&reader, &metric) > 0) eddy_metric_histogram_add(&histogram, &metric);
  return histogram;
}

static void quantiles_are_those_of_the_time_between(void **state) {
  (void)state;
  struct eddy_metric_histogram none = {0};
  struct eddy_metric_histogram first = histogram_of("h{le=\"+Inf\"} 100\nh{le=\"0.1\"} 100\nh{le=\"0.2\"} 100\n");
  struct eddy_metric_histogram then = histogram_of("h{le=\"0.1\"} 150\nh{le=\"0.2\"} 190\nh{le=\"+Inf\"} 200\n");
  assert_true(first.count == 3 && first.bounds[0] == 0.1 && isinf(first.bounds[2]));
  assert_true(fabs(eddy_metric_quantile(&none, &first, 0.5) - 0.05) < 1e-9);
  assert_true(fabs(eddy_metric_quantile(&first, &then, 0.5) - 0.1) < 1e-9);
  assert_true(fabs(eddy_metric_quantile(&first, &then, 0.7) - 0.15) < 1e-9);
  assert_true(fabs(eddy_metric_quantile(&first, &then, 0.99) - 0.2) < 1e-9); /* beyond the last bound */
  assert_true(isnan(eddy_metric_quantile(&then, &then, 0.5)));
  assert_true(isnan(eddy_metric_quantile(&none, &none, 0.5)));
  assert_true(fabs(eddy_metric_quantile(&then, &first, 0.5) - 0.05) < 1e-9); /* started anew */
}

static void our_own_page_is_read(void **state) {
  (void)state;
  struct eddy_pipeline_stats *stats = calloc(1, sizeof *stats);
  struct eddy_buffer page;
  struct eddy_metric metric;
  int samples = 0, got;
  eddy_buffer_init(&page, NULL);
  assert_int_equal(eddy_metrics_write(&page, stats, 1), 0);
  struct eddy_metrics_reader reader = {(char *)page.data, (char *)page.data + page.size, 0};
  while ((got = eddy_metrics_next(&reader, &metric)) > 0) samples++;
  assert_int_equal(got, 0);
  assert_true(samples > 50);
  eddy_buffer_fini(&page);
  free(stats);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(samples_are_read_one_by_one),
      cmocka_unit_test(what_is_no_sample_is_refused),
      cmocka_unit_test(cut_and_changed_text_does_no_harm),
      cmocka_unit_test(quantiles_are_those_of_the_time_between),
      cmocka_unit_test(our_own_page_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
