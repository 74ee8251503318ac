/* Blocks of the pool never overlap, keep their bytes, and come back within their class. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/pool.h"
#include "base/rng.h"

enum { BLOCKS = 400 };

/* Oracle: the classes written out. */
static const size_t classes[EDDY_POOL_CLASSES] = {32,   48,   64,   96,   128,  192,  256,   384,   512,   768,   1024, 1536,
                                                  2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768, 49152, 65536};

static int class_of(size_t size) {
  int class = 0;
  while (classes[class] < size) class++;
  return class;
}

struct world {
  struct eddy_pool pool;
  struct eddy_rng rng;
  uint8_t *blocks[BLOCKS];
  size_t sizes[BLOCKS];
};

/* Every byte of the block's whole class carries the block's number. */
static void check_block(struct world *world, int i) {
  size_t size = classes[class_of(world->sizes[i])];
  const uint8_t *block = world->blocks[i];
  assert_int_equal(block[0], i % 256);
  assert_int_equal(memcmp(block, block + 1, size - 1), 0); /* each byte equals the next */
}

static void toggle(struct world *world, int i) {
  if (world->blocks[i] != NULL) {
    check_block(world, i);
    eddy_pool_free(&world->pool, world->blocks[i], world->sizes[i]);
    world->blocks[i] = NULL;
    return;
  }
  uint64_t largest = EDDY_POOL_BLOCK_MAX >> eddy_rng_below(&world->rng, 12);
  world->sizes[i] = 1 + (size_t)eddy_rng_below(&world->rng, largest);
  world->blocks[i] = eddy_pool_new(&world->pool, world->sizes[i]);
  if (world->blocks[i] == NULL) return;
  assert_int_equal((uintptr_t)world->blocks[i] % 16, 0);
  memset(world->blocks[i], i % 256, classes[class_of(world->sizes[i])]);
}

static void blocks_keep_their_bytes(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    struct eddy_budget budget;
    eddy_budget_init(&budget, NULL, seed % 2 == 0 ? 1 << 20 : 0); /* with memory short, and not */
    struct eddy_allocator allocator = eddy_budget_allocator(&budget);
    eddy_pool_init(&world->pool, &allocator);
    eddy_rng_seed(&world->rng, seed);
    for (int step = 0; step < 3000; step++) toggle(world, (int)eddy_rng_below(&world->rng, BLOCKS));
    for (int i = 0; i < BLOCKS; i++) {
      if (world->blocks[i] != NULL) check_block(world, i);
    }
    eddy_pool_fini(&world->pool);
    assert_int_equal(budget.used, 0);
    free(world);
  }
}

static void freed_blocks_come_back_last_first(void **state) {
  (void)state;
  struct eddy_pool pool;
  eddy_pool_init(&pool, NULL);
  void *a = eddy_pool_new(&pool, 100), *b = eddy_pool_new(&pool, 128), *c = eddy_pool_new(&pool, 129);
  eddy_pool_free(&pool, a, 100);
  eddy_pool_free(&pool, b, 97);
  eddy_pool_free(&pool, c, 129);
  eddy_pool_free(&pool, NULL, 5);
  assert_ptr_equal(eddy_pool_new(&pool, 110), b);
  assert_ptr_equal(eddy_pool_new(&pool, 110), a);
  assert_ptr_equal(eddy_pool_new(&pool, 192), c);
  eddy_pool_fini(&pool);
  eddy_pool_fini(NULL);
}

/* What is left of the first chunk when it cannot hold a fourth block of 64 KiB is handed out as smaller blocks: so the second
 * chunk still has room for three large ones. */
static void the_rest_of_a_chunk_is_used(void **state) {
  (void)state;
  static const size_t sizes[] = {49152, 12288, 3072, 65536, 65536, 49152};
  struct eddy_budget budget;
  struct eddy_pool pool;
  eddy_budget_init(&budget, NULL, 0);
  struct eddy_allocator allocator = eddy_budget_allocator(&budget);
  eddy_pool_init(&pool, &allocator);
  for (int i = 0; i < 4; i++) assert_non_null(eddy_pool_new(&pool, 65536));
  size_t used = budget.used;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) assert_non_null(eddy_pool_new(&pool, sizes[i]));
  assert_int_equal(budget.used, used);
  eddy_pool_fini(&pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_keep_their_bytes),
      cmocka_unit_test(freed_blocks_come_back_last_first),
      cmocka_unit_test(the_rest_of_a_chunk_is_used),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
