#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "core/profile_table.h"

static const uint64_t key[2] = {11, 12};

static struct eddy_str name_of(char *buffer, size_t size, unsigned number) {
  /* Lengths around the 24 bytes that lie in the record. */
  int length = snprintf(buffer, size, "%0*u", 8 + (int)(number % 32), number);
  return (struct eddy_str){buffer, (uint32_t)length};
}

static uint32_t insert(struct eddy_profile_table *table, struct eddy_str id) {
  assert_int_equal(eddy_profile_table_reserve(table), 0);
  return eddy_profile_table_insert(table, eddy_profile_table_hash(table, id), id);
}

static uint32_t find(struct eddy_profile_table *table, struct eddy_str id) {
  return eddy_profile_table_find(table, eddy_profile_table_hash(table, id), id);
}

/* Against an array of what is there. */
static void test_random_inserts_and_removals(void **state) {
  (void)state;
  enum { NAMES = 3000, STEPS = 60000 };
  static uint32_t slots[NAMES];
  struct eddy_profile_table table;
  struct eddy_rng rng;
  char text[64], why[200] = "";
  eddy_rng_seed(&rng, 3);
  assert_int_equal(eddy_profile_table_init(&table, &eddy_allocator_malloc, 128, key), 0);
  for (int i = 0; i < NAMES; i++) slots[i] = EDDY_SLOT_NONE;
  for (int i = 0; i < STEPS; i++) {
    unsigned number = (unsigned)eddy_rng_below(&rng, NAMES);
    struct eddy_str id = name_of(text, sizeof text, number);
    assert_int_equal(find(&table, id), slots[number]);
    if (slots[number] == EDDY_SLOT_NONE) {
      slots[number] = insert(&table, id);
      assert_int_equal(eddy_profile_table_at(&table, slots[number])->timer.seq, slots[number]);
    } else if (eddy_rng_below(&rng, 3) == 0) {
      eddy_profile_table_remove(&table, slots[number]);
      slots[number] = EDDY_SLOT_NONE;
    }
    if (i % 5000 == 0 && eddy_profile_table_validate(&table, why, sizeof why) != 0) fail_msg("%s", why);
  }
  for (unsigned number = 0; number < NAMES; number++)
    assert_int_equal(find(&table, name_of(text, sizeof text, number)), slots[number]);
  eddy_profile_table_fini(&table);
}

/* Ids under one hash are told apart, and removing one does not lose the others. */
static void test_collisions(void **state) {
  (void)state;
  enum { COUNT = 40 };
  struct eddy_profile_table table;
  char text[64];
  uint32_t slots[COUNT];
  uint64_t hash = UINT64_C(0xfffffffff0000000); /* at the end of the index: probes wrap around */
  assert_int_equal(eddy_profile_table_init(&table, &eddy_allocator_malloc, 128, key), 0);
  for (unsigned i = 0; i < COUNT; i++) {
    slots[i] = eddy_profile_table_insert(&table, hash, name_of(text, sizeof text, i));
    assert_int_not_equal(slots[i], EDDY_SLOT_NONE);
  }
  for (unsigned i = 0; i < COUNT; i++) {
    assert_int_equal(eddy_profile_table_find(&table, hash, name_of(text, sizeof text, i)), slots[i]);
  }
  assert_int_equal(eddy_profile_table_find(&table, hash, EDDY_STR("none")), EDDY_SLOT_NONE);
  eddy_profile_table_fini(&table);
}

static void test_prefetch_is_only_a_hint(void **state) {
  (void)state;
  struct eddy_profile_table table;
  assert_int_equal(eddy_profile_table_init(&table, &eddy_allocator_malloc, 128, key), 0);
  insert(&table, EDDY_STR("a"));
  for (uint64_t hash = 0; hash < 1000; hash++) {
    eddy_profile_table_prefetch_entry(&table, hash << 54);
    eddy_profile_table_prefetch_record(&table, hash << 54);
  }
  eddy_profile_table_prefetch_record(&table, eddy_profile_table_hash(&table, EDDY_STR("a")));
  eddy_profile_table_fini(&table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_random_inserts_and_removals),
      cmocka_unit_test(test_collisions),
      cmocka_unit_test(test_prefetch_is_only_a_hint),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
