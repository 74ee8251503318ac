#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/stats.h"

struct fixture {
  struct eddy_worker_stats workers[2];
  struct eddy_pipeline_stats sum;
  struct eddy_spec spec;
};

static int make(void **state) {
  struct fixture *fixture = calloc(1, sizeof(*fixture));
  for (int i = 0; i < 2; i++) eddy_worker_stats_init(&fixture->workers[i]);
  eddy_spec_default(&fixture->spec);
  *state = fixture;
  return 0;
}

static int drop(void **state) {
  struct fixture *fixture = *state;
  for (int i = 0; i < 2; i++) eddy_worker_stats_fini(&fixture->workers[i]);
  free(fixture);
  return 0;
}

static void merge(struct fixture *fixture) {
  memset(&fixture->sum, 0, sizeof(fixture->sum));
  for (int i = 0; i < 2; i++) eddy_stats_merge(&fixture->sum, &fixture->workers[i]);
  eddy_stats_finish(&fixture->sum);
}

static void test_numbers_add_up(void **state) {
  struct fixture *fixture = *state;
  eddy_stat_add(&fixture->workers[0].events, 3);
  eddy_stat_add(&fixture->workers[1].events, 4);
  eddy_stat_set(&fixture->workers[1].users, 9);
  merge(fixture);
  assert_int_equal(fixture->sum.events, 7);
  assert_int_equal(fixture->sum.users, 9);
}

static void show(struct fixture *fixture, int worker, int64_t published_at) {
  const struct eddy_cart_line lines[] = {{.product_id = EDDY_STR("p1"), .name = EDDY_STR("shoe"), .quantity = 2},
                                         {.product_id = EDDY_STR("p2"), .quantity = 1}};
  struct eddy_effect effect = {.kind = EDDY_TRIGGER_FIRED, .user_id = EDDY_STR("ann")};
  effect.as.trigger = (struct eddy_trigger_fired){.published_at = published_at,
                                                  .armed_at = 0,
                                                  .due_at = EDDY_HOUR_MS,
                                                  .armed_by = EDDY_PRODUCT_ADDED,
                                                  .lines = lines,
                                                  .line_count = 2,
                                                  .currency = EDDY_STR("EUR")};
  eddy_board_show(&fixture->workers[worker], &fixture->spec, &effect);
}

static void test_newest_triggers_of_all_workers(void **state) {
  struct fixture *fixture = *state;
  for (int64_t i = 0; i < 30; i++) show(fixture, i % 3 == 0, i);
  merge(fixture);
  assert_int_equal(fixture->sum.trigger_count, EDDY_BOARD_TRIGGERS);
  for (int i = 0; i < EDDY_BOARD_TRIGGERS; i++) assert_int_equal(fixture->sum.triggers[i].published_at, 29 - i);
  assert_string_equal(fixture->sum.triggers[0].user, "ann");
  assert_string_equal(fixture->sum.triggers[0].cart, "2 x shoe, 1 x p2");
  assert_string_equal(fixture->sum.triggers[0].reason,
                      "product_added at 1970-01-01T00:00:00Z, then no checkout_started or order_completed for 1h");
}

static void test_triggers_are_read_on_from_a_cursor(void **state) {
  struct fixture *fixture = *state;
  struct eddy_board_trigger triggers[EDDY_BOARD_RING];
  uint64_t cursor = 0, skipped = 0;
  for (int64_t i = 0; i < EDDY_BOARD_RING + 3; i++) show(fixture, 0, i);
  assert_int_equal(eddy_board_triggers(&fixture->workers[0], &cursor, triggers, 10, &skipped), 10);
  assert_int_equal(triggers[0].published_at, 3); /* the oldest that is kept */
  assert_int_equal(skipped, 3);
  assert_int_equal(eddy_board_triggers(&fixture->workers[0], &cursor, triggers, EDDY_BOARD_RING, &skipped),
                   EDDY_BOARD_RING - 10);
  assert_int_equal(triggers[0].published_at, 13);
  assert_int_equal(eddy_board_triggers(&fixture->workers[0], &cursor, triggers, EDDY_BOARD_RING, &skipped), 0);
  for (int64_t i = 0; i < EDDY_BOARD_RING + 5; i++) show(fixture, 0, 1000 + i);
  assert_int_equal(eddy_board_triggers(&fixture->workers[0], &cursor, triggers, EDDY_BOARD_RING, &skipped), EDDY_BOARD_RING);
  assert_int_equal(skipped, 3 + 5);
  assert_int_equal(triggers[0].published_at, 1005);
}

static void test_an_erased_user_is_not_shown(void **state) {
  struct fixture *fixture = *state;
  struct eddy_board_trigger triggers[4];
  uint64_t cursor = 0, skipped = 0;
  show(fixture, 0, 1);
  show(fixture, 0, 2);
  eddy_board_forget(&fixture->workers[0], EDDY_STR("an"));
  assert_int_equal(eddy_board_triggers(&fixture->workers[0], &cursor, triggers, 4, &skipped), 2);
  eddy_board_forget(&fixture->workers[0], EDDY_STR("ann"));
  cursor = 0;
  assert_int_equal(eddy_board_triggers(&fixture->workers[0], &cursor, triggers, 4, &skipped), 0);
  assert_int_equal(cursor, 2);
  merge(fixture);
  assert_int_equal(fixture->sum.trigger_count, 0);
}

static void test_what_sets_a_segment_apart(void **state) {
  struct fixture *fixture = *state;
  uint16_t dimensions = eddy_spec_dimensions(&fixture->spec);
  float mean[EDDY_FEATURES_MAX], deviation[EDDY_FEATURES_MAX], weight[EDDY_FEATURES_MAX],
      centroids[2 * EDDY_FEATURES_MAX] = {0};
  for (int i = 0; i < dimensions; i++) mean[i] = 1, deviation[i] = 0.5F, weight[i] = 2;
  centroids[dimensions + 3] = -2; /* z = -1: log1p(x) = 0.5 */
  centroids[dimensions + 5] = 4;  /* z = 2: log1p(x) = 2 */
  const struct eddy_segment_card cards[] = {{.id = 7, .name = "average"}, {.id = 9, .name = "other"}};
  const struct eddy_model_parts parts = {.version = 4,
                                         .trained_at = 1234,
                                         .dimensions = dimensions,
                                         .clusters = 2,
                                         .mean = mean,
                                         .deviation = deviation,
                                         .weight = weight,
                                         .centroids = centroids,
                                         .cards = cards};
  struct eddy_model *model = eddy_model_new(&parts, NULL);
  assert_non_null(model);
  uint64_t sizes[EDDY_CLUSTERS_MAX] = {10, 20};
  eddy_board_segments(&fixture->workers[0], &fixture->spec, model, sizes);
  sizes[1] = 30;
  eddy_board_segments(&fixture->workers[0], &fixture->spec, model, sizes);
  merge(fixture);
  assert_int_equal(fixture->sum.trained_at, 1234);
  const struct eddy_board_segment *segment = &fixture->sum.segments[0];
  assert_int_equal(segment->id, 9);
  assert_int_equal(segment->users, 30);
  assert_int_equal(segment->strongest_count, EDDY_STRONGEST_MAX);
  assert_int_equal(segment->strongest[0].feature, eddy_spec_dimension_feature(&fixture->spec, 5));
  assert_true(segment->strongest[0].z == 2);
  assert_true(segment->strongest[0].typical > 6.388F && segment->strongest[0].typical < 6.390F); /* e^2 - 1 */
  assert_int_equal(segment->strongest[1].feature, eddy_spec_dimension_feature(&fixture->spec, 3));
  assert_true(segment->strongest[1].z == -1);
  assert_true(segment->strongest[1].typical > 0.648F && segment->strongest[1].typical < 0.650F); /* e^0.5 - 1 */
  eddy_model_free(model);
}

static void test_long_texts_are_cut(void **state) {
  struct fixture *fixture = *state;
  char text[300];
  memset(text, 'x', sizeof(text));
  struct eddy_cart_line lines[20];
  for (int i = 0; i < 20; i++) lines[i] = (struct eddy_cart_line){.product_id = {text, 40}, .quantity = 1};
  struct eddy_effect effect = {.kind = EDDY_TRIGGER_FIRED, .user_id = {text, 255}};
  effect.as.trigger = (struct eddy_trigger_fired){.lines = lines, .line_count = 20, .subject = {text, 255}};
  eddy_board_show(&fixture->workers[0], &fixture->spec, &effect);
  merge(fixture);
  assert_int_equal(strlen(fixture->sum.triggers[0].user), 255);
  assert_int_equal(strlen(fixture->sum.triggers[0].subject), EDDY_BOARD_TEXT - 1);
  assert_int_equal(strlen(fixture->sum.triggers[0].cart), EDDY_BOARD_TEXT - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_numbers_add_up, make, drop),
      cmocka_unit_test_setup_teardown(test_newest_triggers_of_all_workers, make, drop),
      cmocka_unit_test_setup_teardown(test_triggers_are_read_on_from_a_cursor, make, drop),
      cmocka_unit_test_setup_teardown(test_an_erased_user_is_not_shown, make, drop),
      cmocka_unit_test_setup_teardown(test_what_sets_a_segment_apart, make, drop),
      cmocka_unit_test_setup_teardown(test_long_texts_are_cut, make, drop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
