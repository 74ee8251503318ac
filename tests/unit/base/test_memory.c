/* The ceiling is kept and everything is given back; a buffer that cannot grow is unchanged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"

static void malloc_is_the_default(void **state) {
  (void)state;
  struct eddy_allocator zero = {0};
  const struct eddy_allocator *allocators[] = {NULL, &zero, &eddy_allocator_malloc};
  for (int i = 0; i < 3; i++) {
    char *block = eddy_resize(allocators[i], NULL, 0, 5);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % 16, 0);
    memcpy(block, "eddy", 5);
    block = eddy_resize(allocators[i], block, 5, 5000);
    assert_string_equal(block, "eddy");
    assert_null(eddy_resize(allocators[i], block, 5000, 0));
  }
}

static void budget_refuses_exactly_beyond_max(void **state) {
  (void)state;
  struct eddy_budget budget;
  eddy_budget_init(&budget, NULL, 100);
  struct eddy_allocator allocator = eddy_budget_allocator(&budget);
  void *a = eddy_resize(&allocator, NULL, 0, 60);
  assert_non_null(a);
  assert_null(eddy_resize(&allocator, NULL, 0, 41));
  assert_null(eddy_resize(&allocator, a, 60, 101));
  assert_null(eddy_resize(&allocator, a, 60, SIZE_MAX));
  assert_int_equal(budget.used, 60);
  void *b = eddy_resize(&allocator, NULL, 0, 40);
  assert_non_null(b);
  budget.max = 50; /* lowered below what is used: growing fails, shrinking works */
  assert_null(eddy_resize(&allocator, NULL, 0, 1));
  a = eddy_resize(&allocator, a, 60, 10);
  assert_non_null(a);
  assert_int_equal(budget.used, 50);
  eddy_resize(&allocator, a, 10, 0);
  eddy_resize(&allocator, b, 40, 0);
  assert_int_equal(budget.used, 0);
}

static void budget_without_max_only_counts(void **state) {
  (void)state;
  struct eddy_budget budget;
  eddy_budget_init(&budget, NULL, 0);
  struct eddy_allocator allocator = eddy_budget_allocator(&budget);
  void *block = eddy_resize(&allocator, NULL, 0, 1 << 20);
  assert_non_null(block);
  assert_int_equal(budget.used, 1 << 20);
  eddy_resize(&allocator, block, 1 << 20, 0);
}

static void *refuse(void *ctx, void *old, size_t old_size, size_t new_size) {
  (void)ctx;
  (void)old;
  (void)old_size;
  (void)new_size;
  return NULL;
}

static void budget_counts_nothing_that_its_parent_refuses(void **state) {
  (void)state;
  struct eddy_allocator parent = {.resize = refuse};
  struct eddy_budget budget;
  eddy_budget_init(&budget, &parent, 1000);
  struct eddy_allocator allocator = eddy_budget_allocator(&budget);
  assert_null(eddy_resize(&allocator, NULL, 0, 10));
  assert_int_equal(budget.used, 0);
}

static void buffer_holds_what_was_appended(void **state) {
  (void)state;
  static uint8_t expected[20000];
  struct eddy_rng rng;
  struct eddy_buffer buffer;
  eddy_rng_seed(&rng, 4);
  eddy_buffer_init(&buffer, NULL);
  assert_int_equal(eddy_buffer_append(&buffer, NULL, 0), 0);
  for (size_t size = 0; size < sizeof expected - 300;) {
    size_t more = (size_t)eddy_rng_below(&rng, 300);
    for (size_t i = 0; i < more; i++) expected[size + i] = (uint8_t)eddy_rng_next(&rng);
    assert_int_equal(eddy_buffer_append(&buffer, expected + size, more), 0);
    size += more;
    assert_int_equal(buffer.size, size);
    if (size > 0) assert_memory_equal(buffer.data, expected, size);
  }
  eddy_buffer_fini(&buffer);
  eddy_buffer_fini(&buffer);
  eddy_buffer_fini(NULL);
}

static void buffer_uses_the_last_bytes_below_a_ceiling(void **state) {
  (void)state;
  struct eddy_budget budget;
  struct eddy_buffer buffer;
  eddy_budget_init(&budget, NULL, 150);
  struct eddy_allocator allocator = eddy_budget_allocator(&budget);
  eddy_buffer_init(&buffer, &allocator);
  assert_int_equal(eddy_buffer_append(&buffer, "0123456789", 10), 0);
  assert_int_equal(eddy_buffer_reserve(&buffer, 100), 0); /* 110 bytes */
  assert_int_equal(eddy_buffer_reserve(&buffer, 120), 0); /* 130 fit, twice 110 do not */
  assert_int_equal(eddy_buffer_reserve(&buffer, 141), EDDY_E_NOMEM);
  assert_int_equal(eddy_buffer_reserve(&buffer, SIZE_MAX), EDDY_E_NOMEM);
  assert_int_equal(eddy_buffer_reserve(&buffer, SIZE_MAX - 5), EDDY_E_NOMEM);
  assert_int_equal(buffer.size, 10);
  assert_memory_equal(buffer.data, "0123456789", 10);
  eddy_buffer_fini(&buffer);
  assert_int_equal(budget.used, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(malloc_is_the_default),
      cmocka_unit_test(budget_refuses_exactly_beyond_max),
      cmocka_unit_test(budget_without_max_only_counts),
      cmocka_unit_test(budget_counts_nothing_that_its_parent_refuses),
      cmocka_unit_test(buffer_holds_what_was_appended),
      cmocka_unit_test(buffer_uses_the_last_bytes_below_a_ceiling),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
