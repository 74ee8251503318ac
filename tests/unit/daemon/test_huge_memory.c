/* The allocator for engines: blocks keep their contents, do not overlap, are aligned, and are used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "daemon/huge_memory.h"

enum { BLOCKS = 40 };

struct block {
  uint8_t *at;
  size_t size;
  uint8_t mark;
};

/* First, last and some bytes between say whose block it is. */
static void mark(struct block *block) {
  for (size_t i = 0; i < block->size; i += 4000) block->at[i] = block->mark;
  block->at[block->size - 1] = block->mark;
}

static void check(const struct block *block, size_t size) {
  for (size_t i = 0; i < size; i += 4000) assert_int_equal(block->at[i], block->mark);
}

static size_t random_size(struct eddy_rng *rng) {
  static const size_t scales[] = {100, 300000, 1100000, 20000000};
  return 1 + (size_t)eddy_rng_below(rng, scales[eddy_rng_below(rng, 4)]);
}

static void test_blocks_keep_their_contents(void **state) {
  struct eddy_huge_memory memory;
  struct eddy_rng rng;
  struct block blocks[BLOCKS] = {{0}};
  (void)state;
  eddy_huge_memory_init(&memory);
  struct eddy_allocator allocator = eddy_huge_memory_allocator(&memory);
  eddy_rng_seed(&rng, 17);
  for (int step = 0; step < 3000; step++) {
    struct block *block = &blocks[eddy_rng_below(&rng, BLOCKS)];
    size_t size = eddy_rng_below(&rng, 4) == 0 ? 0 : random_size(&rng);
    uint8_t *at = eddy_resize(&allocator, block->at, block->size, size);
    assert_true((at == NULL) == (size == 0));
    if (at) assert_int_equal((uintptr_t)at % 16, 0);
    size_t kept = block->size < size ? block->size : size;
    *block = (struct block){at, size, block->mark};
    if (kept > 0) check(block, kept);
    block->mark = (uint8_t)step;
    if (at) mark(block);
    for (int i = 0; step % 50 == 0 && i < BLOCKS; i++) check(&blocks[i], blocks[i].size);
  }
  for (int i = 0; i < BLOCKS; i++) eddy_resize(&allocator, blocks[i].at, blocks[i].size, 0);
  eddy_huge_memory_fini(&memory);
}

static void test_a_freed_chunk_serves_the_next_one(void **state) {
  struct eddy_huge_memory memory;
  (void)state;
  eddy_huge_memory_init(&memory);
  struct eddy_allocator allocator = eddy_huge_memory_allocator(&memory);
  uint8_t *first = eddy_resize(&allocator, NULL, 0, 1 << 20), *second = eddy_resize(&allocator, NULL, 0, 1 << 20);
  assert_ptr_not_equal(first, second);
  eddy_resize(&allocator, first, 1 << 20, 0);
  assert_ptr_equal(eddy_resize(&allocator, NULL, 0, 1 << 20), first);
  eddy_huge_memory_fini(&memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blocks_keep_their_contents),
      cmocka_unit_test(test_a_freed_chunk_serves_the_next_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
