/* Somebody looks while a worker works: two threads at what they share. Says most under ThreadSanitizer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/history.h"
#include "daemon/question.h"
#include "daemon/recent.h"

enum { ROUNDS = 2000 };

struct fixture {
  struct eddy_worker_stats stats;
  struct eddy_recent *recent;
  struct eddy_mailbox mailbox;
  struct eddy_history *history;
  struct eddy_spec spec;
  atomic_bool over;
  atomic_int told;
};

static int make(void **state) {
  struct fixture *fixture = calloc(1, sizeof(*fixture));
  eddy_worker_stats_init(&fixture->stats);
  eddy_mailbox_init(&fixture->mailbox);
  eddy_spec_default(&fixture->spec);
  fixture->recent = eddy_recent_new();
  fixture->history = eddy_history_new();
  *state = fixture;
  return 0;
}

static int drop(void **state) {
  struct fixture *fixture = *state;
  eddy_worker_stats_fini(&fixture->stats);
  eddy_mailbox_fini(&fixture->mailbox);
  eddy_recent_free(fixture->recent);
  eddy_history_free(fixture->history);
  free(fixture);
  return 0;
}

static void answer(struct fixture *fixture, int round) {
  for (struct eddy_question *question; (question = eddy_mailbox_take(&fixture->mailbox)); eddy_question_drop(question)) {
    struct eddy_buffer text;
    const int32_t partition = 3;
    eddy_buffer_init(&text, NULL);
    if (round % 2 == 0 && eddy_buffer_append(&text, "{}", 2) == 0)
      eddy_question_found(question, &text);
    else
      eddy_question_not_here(question, &partition, 1, 0, 4);
    eddy_buffer_fini(&text);
  }
}

static void *work(void *ctx) {
  struct fixture *fixture = ctx;
  struct eddy_effect effects[2] = {{.kind = EDDY_SEGMENT_CHANGED, .user_id = EDDY_STR("ann")},
                                   {.kind = EDDY_TRIGGER_FIRED, .user_id = EDDY_STR("bob")}};
  effects[0].as.segment = (struct eddy_segment_changed){.has_to = true, .to = 5};
  for (int i = 0; i < ROUNDS || !atomic_load(&fixture->over); i++) {
    eddy_recent_note(fixture->recent, effects, 2, i);
    eddy_board_show(&fixture->stats, &fixture->spec, &effects[1]);
    eddy_stat_add(&fixture->stats.events, 1);
    eddy_stage_add(&fixture->stats, EDDY_STAGE_APPLY, i);
    answer(fixture, i);
  }
  return NULL;
}

static void told(void *ctx) {
  atomic_fetch_add(&((struct fixture *)ctx)->told, 1);
}

/* Asks, and sometimes leaves before there is an answer. */
static void ask(struct fixture *fixture, bool waits) {
  struct eddy_question *question = eddy_question_new(EDDY_STR("ann"), 1, told, fixture);
  assert_non_null(question);
  eddy_mailbox_put(&fixture->mailbox, question);
  while (waits && eddy_question_result(question).state == EDDY_QUESTION_OPEN) {
  }
  struct eddy_question_result result = eddy_question_result(question);
  if (result.state == EDDY_QUESTION_FOUND) assert_memory_equal(result.text->data, "{}", 2);
  if (result.state == EDDY_QUESTION_NOWHERE) assert_int_equal(result.partitions[0], 3);
  eddy_question_leave(question);
}

static void look(struct fixture *fixture, struct eddy_pipeline_stats *sum, struct eddy_flows *flows, uint64_t *cursor,
                 int round) {
  struct eddy_board_trigger triggers[4];
  struct eddy_recent_entry entry;
  uint64_t skipped = 0;
  memset(sum, 0, sizeof(*sum));
  eddy_stats_merge(sum, &fixture->stats);
  eddy_history_take(fixture->history, sum, round * EDDY_HISTORY_STEP_MS, round);
  eddy_board_triggers(&fixture->stats, cursor, triggers, 4, &skipped);
  eddy_recent_of_user(fixture->recent, EDDY_STR("ann"), &entry, 1);
  memset(flows, 0, sizeof(*flows));
  flows->since = eddy_recent_begins(fixture->recent);
  eddy_recent_add_flows(fixture->recent, flows);
}

static void test_a_worker_that_is_watched(void **state) {
  struct fixture *fixture = *state;
  struct eddy_pipeline_stats *sum = calloc(1, sizeof(*sum));
  struct eddy_flows *flows = calloc(1, sizeof(*flows));
  uint64_t cursor = 0;
  pthread_t worker;
  assert_int_equal(pthread_create(&worker, NULL, work, fixture), 0);
  for (int i = 0; i < 50; i++) {
    look(fixture, sum, flows, &cursor, i);
    ask(fixture, i % 3 != 0);
  }
  atomic_store(&fixture->over, true);
  pthread_join(worker, NULL);
  look(fixture, sum, flows, &cursor, 50);
  assert_true(sum->events >= ROUNDS);
  assert_int_equal(flows->count, 1);
  assert_true(atomic_load(&fixture->told) >= 33); /* all who waited */
  free(sum);
  free(flows);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_a_worker_that_is_watched, make, drop)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
