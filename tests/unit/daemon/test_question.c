#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/question.h"

static void count(void *ctx) {
  ++*(int *)ctx;
}

static void test_the_worker_that_has_the_user_answers(void **state) {
  (void)state;
  int told = 0;
  struct eddy_mailbox boxes[2];
  struct eddy_question *question = eddy_question_new(EDDY_STR("ann"), 2, count, &told);
  const int32_t partitions[] = {0, 2};
  for (int i = 0; i < 2; i++) {
    eddy_mailbox_init(&boxes[i]);
    eddy_mailbox_put(&boxes[i], question);
  }
  struct eddy_question *asked = eddy_mailbox_take(&boxes[0]);
  assert_ptr_equal(asked, question);
  assert_int_equal(eddy_question_user(asked).len, 3);
  assert_memory_equal(eddy_question_user(asked).data, "ann", 3);
  eddy_question_not_here(asked, partitions, 2, 0, 4);
  eddy_question_drop(asked);
  assert_null(eddy_mailbox_take(&boxes[0]));
  assert_int_equal(eddy_question_result(question).state, EDDY_QUESTION_OPEN);
  assert_int_equal(told, 0);

  struct eddy_buffer text;
  eddy_buffer_init(&text, NULL);
  eddy_buffer_append(&text, "{}", 2);
  asked = eddy_mailbox_take(&boxes[1]);
  eddy_question_found(asked, &text);
  eddy_question_drop(asked);
  eddy_buffer_fini(&text);
  struct eddy_question_result result = eddy_question_result(question);
  assert_int_equal(result.state, EDDY_QUESTION_FOUND);
  assert_int_equal(result.text->size, 2);
  assert_int_equal(told, 1);
  eddy_question_leave(question);
  for (int i = 0; i < 2; i++) eddy_mailbox_fini(&boxes[i]);
}

static void test_nobody_has_the_user(void **state) {
  (void)state;
  int told = 0;
  struct eddy_question *question = eddy_question_new(EDDY_STR("ann"), 2, count, &told);
  const int32_t first[] = {0, 2}, second[] = {1};
  eddy_question_not_here(question, first, 2, 1, 0);
  eddy_question_not_here(question, second, 1, 0, 4);
  struct eddy_question_result result = eddy_question_result(question);
  assert_int_equal(result.state, EDDY_QUESTION_NOWHERE);
  assert_int_equal(result.partition_count, 3);
  assert_int_equal(result.partitions[2], 1);
  assert_int_equal(result.restoring, 1);
  assert_int_equal(result.input_partitions, 4);
  assert_int_equal(told, 1);
  eddy_question_leave(question);
}

/* A partition that moves is known to two workers for a moment. */
static void test_the_first_answer_counts(void **state) {
  (void)state;
  struct eddy_question *question = eddy_question_new(EDDY_STR("ann"), 2, NULL, NULL);
  for (int i = 0; i < 2; i++) {
    struct eddy_buffer text;
    eddy_buffer_init(&text, NULL);
    eddy_buffer_append(&text, i == 0 ? "1" : "22", (size_t)i + 1);
    eddy_question_found(question, &text);
    eddy_buffer_fini(&text);
  }
  assert_int_equal(eddy_question_result(question).text->size, 1);
  eddy_question_drop(question);
}

/* It may be answered when nobody waits any more. */
static void test_whoever_has_left_is_not_told(void **state) {
  (void)state;
  int told = 0;
  struct eddy_mailbox box;
  struct eddy_question *question = eddy_question_new(EDDY_STR("ann"), 1, count, &told);
  eddy_mailbox_init(&box);
  eddy_mailbox_put(&box, question);
  eddy_question_leave(question);
  struct eddy_question *asked = eddy_mailbox_take(&box);
  eddy_question_not_here(asked, NULL, 0, 0, 4);
  eddy_question_drop(asked);
  assert_int_equal(told, 0);
  eddy_mailbox_fini(&box);
}

static void test_limits(void **state) {
  (void)state;
  char longest[EDDY_QUESTION_USER_MAX + 1];
  struct eddy_mailbox box;
  memset(longest, 'x', sizeof(longest));
  assert_null(eddy_question_new((struct eddy_str){longest, sizeof(longest)}, 1, NULL, NULL));
  struct eddy_question *question = eddy_question_new((struct eddy_str){longest, sizeof(longest) - 1}, 1, NULL, NULL);
  assert_non_null(question);
  eddy_mailbox_init(&box);
  for (int i = 0; i < EDDY_MAILBOX_MAX + 3; i++) eddy_mailbox_put(&box, question);
  assert_int_equal(box.count, EDDY_MAILBOX_MAX);
  eddy_question_drop(question); /* the box holds it */
  eddy_mailbox_fini(&box);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_worker_that_has_the_user_answers),
                                     cmocka_unit_test(test_nobody_has_the_user), cmocka_unit_test(test_the_first_answer_counts),
                                     cmocka_unit_test(test_whoever_has_left_is_not_told), cmocka_unit_test(test_limits)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
