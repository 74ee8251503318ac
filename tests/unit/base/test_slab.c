/* The slab against a model: records keep their bytes and addresses, slots come in the documented order, and an allocation that
 * fails changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "base/slab.h"

enum { SLOTS_MAX = 30000 };

static void sizes_follow_from_the_record(void **state) {
  (void)state;
  static const struct { uint32_t asked, size, log2; } rows[] = {
      {1, 16, 16}, {16, 16, 16}, {17, 32, 15}, {192, 192, 12}, {1000, 1008, 10}, {600000, 600000, 0}, {1 << 20, 1 << 20, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct eddy_slab slab;
    eddy_slab_init(&slab, NULL, rows[i].asked);
    assert_int_equal(slab.record_size, rows[i].size);
    assert_int_equal(slab.records_per_chunk_log2, rows[i].log2);
    for (uint32_t slot = 0; slot < 3; slot++) {
      assert_int_equal(eddy_slab_new(&slab), slot);
      memset(eddy_slab_at(&slab, slot), 0xee, slab.record_size);
    }
    if (slab.record_size % 64 == 0) assert_int_equal((uintptr_t)eddy_slab_at(&slab, 1) % 64, 0);
    eddy_slab_fini(&slab);
  }
}

static bool is_zero(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

struct world {
  uint64_t seed;
  struct eddy_rng rng;
  struct eddy_budget budget;
  struct eddy_slab slab;
  /* the model */
  uint8_t *addresses[SLOTS_MAX];
  uint32_t live[SLOTS_MAX], live_count, freed[SLOTS_MAX], freed_count, used;
};

/* Every record carries its slot in every byte. */
static void fill(struct world *world, uint32_t slot) {
  memset(eddy_slab_at(&world->slab, slot), (int)(slot % 255 + 1), world->slab.record_size);
}

static void check_record(struct world *world, uint32_t slot) {
  const uint8_t *record = eddy_slab_at(&world->slab, slot);
  if (record != world->addresses[slot]) fail_msg("seed %lu: slot %u moved", (unsigned long)world->seed, slot);
  assert_int_equal(record[0], slot % 255 + 1);
  assert_int_equal(memcmp(record, record + 1, world->slab.record_size - 1), 0); /* each byte equals the next */
}

static void new_one(struct world *world) {
  uint32_t expected = world->freed_count > 0 ? world->freed[world->freed_count - 1] : world->used;
  struct eddy_slab before = world->slab;
  uint32_t slot = eddy_slab_new(&world->slab);
  if (slot == EDDY_SLOT_NONE) {
    assert_int_equal(world->freed_count, 0);
    assert_true(before.used == world->slab.used && before.live == world->slab.live);
    assert_true(before.chunk_count == world->slab.chunk_count && before.free_head == world->slab.free_head);
    return;
  }
  assert_int_equal(slot, expected);
  if (world->freed_count > 0) world->freed_count--;
  else world->used++;
  world->addresses[slot] = eddy_slab_at(&world->slab, slot);
  assert_true(is_zero(world->addresses[slot], world->slab.record_size));
  world->live[world->live_count++] = slot;
  fill(world, slot);
}

static void free_one(struct world *world) {
  if (world->live_count == 0) return;
  uint32_t at = (uint32_t)eddy_rng_below(&world->rng, world->live_count), slot = world->live[at];
  check_record(world, slot);
  eddy_slab_free(&world->slab, slot);
  assert_true(is_zero((uint8_t *)eddy_slab_at(&world->slab, slot) + 4, world->slab.record_size - 4));
  world->live[at] = world->live[--world->live_count];
  world->freed[world->freed_count++] = slot;
}

static void slab_agrees_with_a_model(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 12; seed++) {
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->seed = seed;
    eddy_rng_seed(&world->rng, seed);
    eddy_budget_init(&world->budget, NULL, (seed % 4 + 1) * 1100000);
    struct eddy_allocator allocator = eddy_budget_allocator(&world->budget);
    eddy_slab_init(&world->slab, &allocator, (uint32_t)(16 << seed % 6) + 600);
    for (int i = 0; i < 12000; i++) {
      if (eddy_rng_below(&world->rng, 3) > 0) new_one(world);
      else free_one(world);
      assert_int_equal(world->slab.live, world->live_count);
      assert_int_equal(world->slab.used, world->used);
    }
    for (uint32_t i = 0; i < world->live_count; i++) check_record(world, world->live[i]);
    eddy_slab_fini(&world->slab);
    assert_int_equal(world->budget.used, 0);
    free(world);
  }
}

/* The recipe of the header: `used` records anew, then the free ones freed from the last of the list to the first. */
static void a_rebuilt_slab_hands_out_the_same_slots(void **state) {
  (void)state;
  enum { USED = 50 };
  struct eddy_slab slab, again;
  uint32_t list[USED], count = 0;
  eddy_slab_init(&slab, NULL, 64);
  eddy_slab_init(&again, NULL, 64);
  for (uint32_t i = 0; i < USED; i++) eddy_slab_new(&slab);
  for (uint32_t i = 0; i < 20; i++) eddy_slab_free(&slab, i * 7 % USED);
  for (uint32_t slot = slab.free_head; slot != EDDY_SLOT_NONE; memcpy(&slot, eddy_slab_at(&slab, slot), sizeof slot)) {
    list[count++] = slot;
  }
  assert_int_equal(count, 20);
  for (uint32_t i = 0; i < slab.used; i++) eddy_slab_new(&again);
  while (count > 0) eddy_slab_free(&again, list[--count]);
  for (int i = 0; i < 30; i++) assert_int_equal(eddy_slab_new(&slab), eddy_slab_new(&again));
  eddy_slab_fini(&slab);
  eddy_slab_fini(&again);
}

static void fini_takes_anything(void **state) {
  (void)state;
  struct eddy_slab zero = {0};
  eddy_slab_fini(NULL);
  eddy_slab_fini(&zero);
  eddy_slab_init(&zero, NULL, 32);
  eddy_slab_new(&zero);
  eddy_slab_fini(&zero);
  assert_int_equal(eddy_slab_new(&zero), 0); /* usable again */
  eddy_slab_fini(&zero);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sizes_follow_from_the_record),
      cmocka_unit_test(slab_agrees_with_a_model),
      cmocka_unit_test(a_rebuilt_slab_hands_out_the_same_slots),
      cmocka_unit_test(fini_takes_anything),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
