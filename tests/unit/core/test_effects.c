#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/effects.h"
#include "lib/engine_world.h"

static void test_copies_stay_where_they_are(void **state) {
  (void)state;
  enum { COUNT = 5000 };
  struct eddy_effects effects;
  eddy_effects_init(&effects, NULL);
  for (uint32_t i = 0; i < COUNT; i++) {
    char text[40];
    memset(text, 'a' + (int)(i % 26), sizeof text);
    assert_int_equal(eddy_effects_reserve(&effects, 1, sizeof text), 0);
    struct eddy_effect *effect = eddy_effects_push(&effects);
    effect->user_id = eddy_effects_copy_str(&effects, (struct eddy_str){text, 1 + i % 39});
    assert_int_equal((uintptr_t)effect->user_id.data % 8, 0);
  }
  for (uint32_t i = 0; i < COUNT; i++) {
    assert_int_equal(effects.items[i].user_id.len, 1 + i % 39);
    assert_int_equal(effects.items[i].user_id.data[i % 39], 'a' + (int)(i % 26));
  }
  eddy_effects_truncate(&effects, 10);
  assert_int_equal(effects.count, 10);
  eddy_effects_fini(&effects);
  eddy_effects_fini(NULL);
}

static void test_absent_and_empty_strings(void **state) {
  (void)state;
  struct eddy_effects effects;
  eddy_effects_init(&effects, NULL);
  assert_int_equal(eddy_effects_reserve(&effects, 0, 8), 0);
  assert_null(eddy_effects_copy_str(&effects, (struct eddy_str){0}).data);
  assert_non_null(eddy_effects_copy_str(&effects, EDDY_STR("")).data);
  eddy_effects_fini(&effects);
}

/* After the first batches a list of the same size takes no more memory. */
static void test_clear_keeps_the_memory(void **state) {
  (void)state;
  struct failing_allocator failing = {0};
  struct eddy_allocator allocator = failing_allocator(&failing);
  struct eddy_effects effects;
  eddy_effects_init(&effects, &allocator);
  uint64_t calls = 0;
  for (int batch = 0; batch < 30; batch++) {
    for (int i = 0; i < 1000; i++) {
      assert_int_equal(eddy_effects_reserve(&effects, 1, 300), 0);
      eddy_effects_push(&effects);
      eddy_effects_copy(&effects, &failing, sizeof failing);
      eddy_effects_copy(&effects, "0123456789", 10);
    }
    if (batch == 10) calls = failing.calls;
    eddy_effects_clear(&effects);
  }
  assert_int_equal(failing.calls, calls);
  eddy_effects_fini(&effects);
  assert_int_equal(failing.live_bytes, 0);
}

static void test_no_memory_changes_nothing(void **state) {
  (void)state;
  struct failing_allocator failing = {.fail_at = 1};
  struct eddy_allocator allocator = failing_allocator(&failing);
  struct eddy_effects effects;
  eddy_effects_init(&effects, &allocator);
  assert_int_equal(eddy_effects_reserve(&effects, 1, 100), EDDY_E_NOMEM);
  failing.fail_at = 3;
  assert_int_equal(eddy_effects_reserve(&effects, 1, 100), EDDY_E_NOMEM); /* items came, the block did not */
  assert_int_equal(effects.count, 0);
  assert_int_equal(eddy_effects_reserve(&effects, 1, 100), 0);
  assert_int_equal(eddy_effects_reserve(&effects, 1, SIZE_MAX), EDDY_E_NOMEM);
  assert_int_equal(eddy_effects_reserve(&effects, SIZE_MAX / 2, 0), EDDY_E_NOMEM);
  eddy_effects_fini(&effects);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_copies_stay_where_they_are),
      cmocka_unit_test(test_absent_and_empty_strings),
      cmocka_unit_test(test_clear_keeps_the_memory),
      cmocka_unit_test(test_no_memory_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
