/* The queue against a naive list: whatever was armed comes out by (due, seq), and the invariants hold after every step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/rng.h"
#include "base/timer_queue.h"

enum { TIMERS = 160, SEEDS = 300, STEPS = 400 };

struct world {
  uint64_t seed;
  struct eddy_rng rng;
  struct eddy_timer_queue queue;
  struct eddy_timer timers[TIMERS];
  /* the oracle */
  bool armed[TIMERS];
  int64_t due[TIMERS];
  int64_t now;
};

static struct world *world_new(uint64_t seed, int64_t now) {
  struct world *world = calloc(1, sizeof *world);
  assert_non_null(world);
  world->seed = seed;
  world->now = now;
  eddy_rng_seed(&world->rng, seed);
  eddy_timer_queue_init(&world->queue);
  for (uint32_t i = 0; i < TIMERS; i++) world->timers[i].seq = i;
  return world;
}

/* a + b without leaving int64_t */
static int64_t add_time(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t below(struct world *world, int64_t bound) {
  return (int64_t)eddy_rng_below(&world->rng, (uint64_t)bound);
}

/* A span of time of a random order of magnitude: often the next milliseconds, sometimes years. */
static int64_t random_span(struct world *world) {
  static const int64_t bounds[] = {
      2,
      64,
      70,
      4096,
      5000,
      EDDY_MINUTE_MS,
      EDDY_HOUR_MS,
      EDDY_DAY_MS,
      30 * EDDY_DAY_MS,
      400 * EDDY_DAY_MS,
      30 * 365 * EDDY_DAY_MS,
      INT64_C(1) << 42,
      INT64_C(1) << 46,
  };
  return below(world, bounds[below(world, sizeof bounds / sizeof bounds[0])]);
}

static void check(struct world *world) {
  char why[128] = "";
  if (eddy_timer_queue_validate(&world->queue, why, sizeof why) != 0) fail_msg("seed %lu: %s", (unsigned long)world->seed, why);
  size_t armed = 0;
  int64_t earliest = INT64_MAX;
  for (uint32_t i = 0; i < TIMERS; i++) {
    if (eddy_timer_armed(&world->timers[i]) != world->armed[i]) fail_msg("seed %lu: timer %u", (unsigned long)world->seed, i);
    armed += world->armed[i];
    if (world->armed[i] && world->due[i] < earliest) earliest = world->due[i];
  }
  assert_int_equal(world->queue.armed, armed);
  int64_t next = eddy_timer_queue_next(&world->queue);
  if (next != earliest) fail_msg("seed %lu: next is not the earliest", (unsigned long)world->seed);
}

static void arm(struct world *world, uint32_t i, int64_t due) {
  eddy_timer_queue_arm(&world->queue, &world->timers[i], due);
  world->due[i] = due;
  world->armed[i] = true;
}

static void arm_random(struct world *world) {
  uint32_t i = (uint32_t)below(world, TIMERS);
  int64_t span = random_span(world);
  if (below(world, 6) == 0) span = -span;
  if (below(world, 200) == 0) span = INT64_MAX;
  int64_t due = add_time(world->now, span);
  if (below(world, 4) == 0) due = world->due[below(world, TIMERS)]; /* many at the same millisecond */
  arm(world, i, due);
}

static void disarm_random(struct world *world) {
  uint32_t i = (uint32_t)below(world, TIMERS);
  eddy_timer_queue_disarm(&world->queue, &world->timers[i]);
  world->armed[i] = false;
}

/* The first armed timer by (due, seq) with due <= until, -1 if there is none. */
static int oracle_first(const struct world *world, int64_t until) {
  int first = -1;
  for (int i = 0; i < TIMERS; i++) {
    if (!world->armed[i] || world->due[i] > until) continue;
    if (first < 0 || world->due[i] < world->due[first]) first = i;
  }
  return first;
}

static bool pop_one(struct world *world, int64_t until) {
  int expected = oracle_first(world, until);
  struct eddy_timer *timer = eddy_timer_queue_pop(&world->queue, until);
  int got = timer != NULL ? (int)timer->seq : -1;
  if (got != expected) fail_msg("seed %lu: got timer %d, expected %d", (unsigned long)world->seed, got, expected);
  if (timer != NULL) {
    assert_true(timer->due == world->due[got]);
    world->armed[got] = false;
  }
  return timer != NULL;
}

/* Pops up to `budget` timers as of a later time; the budget may leave some behind. */
static void pop_some(struct world *world) {
  int64_t budget = below(world, 8);
  int64_t until = add_time(world->now, random_span(world));
  if (below(world, 10) == 0) until = add_time(world->now, -random_span(world));
  if (until > world->now) world->now = until;
  while (budget-- > 0 && pop_one(world, until)) {
    check(world);
    if (below(world, 3) == 0) arm_random(world);
  }
}

static void run_seed(uint64_t seed, int64_t now) {
  struct world *world = world_new(seed, now);
  for (int step = 0; step < STEPS; step++) {
    int64_t what = below(world, 10);
    if (what < 5) arm_random(world);
    if (what == 5) disarm_random(world);
    if (what > 5) pop_some(world);
    check(world);
  }
  while (pop_one(world, INT64_MAX)) check(world);
  assert_int_equal(world->queue.armed, 0);
  free(world);
}

static void queue_agrees_with_a_sorted_list(void **state) {
  (void)state;
  static const int64_t starts[] = {0,
                                   INT64_C(1700000000000),
                                   -100,
                                   INT64_MIN,
                                   (INT64_C(1) << 48) - 50,
                                   -(INT64_C(1) << 48) - 3,
                                   INT64_MAX - (INT64_C(1) << 44)};
  for (uint64_t seed = 1; seed <= SEEDS; seed++) run_seed(seed, starts[seed % (sizeof starts / sizeof starts[0])]);
}

/* The same armed set reached by two histories comes out in the same order. */
static void order_does_not_depend_on_history(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 50; seed++) {
    struct world *a = world_new(seed, 1000), *b = world_new(seed, 1000);
    for (int i = 0; i < 2 * TIMERS; i++) arm_random(a);
    for (int i = 0; i < TIMERS / 2; i++) pop_one(a, 5000);
    eddy_timer_queue_init(&b->queue);
    for (uint32_t i = TIMERS; i-- > 0;) {
      if (a->armed[i]) arm(b, i, a->due[i]);
    }
    for (bool more = true; more;) {
      struct eddy_timer *from_a = eddy_timer_queue_pop(&a->queue, INT64_MAX),
                        *from_b = eddy_timer_queue_pop(&b->queue, INT64_MAX);
      assert_true((from_a == NULL) == (from_b == NULL));
      more = from_a != NULL;
      if (more) assert_int_equal(from_a->seq, from_b->seq);
    }
    free(a);
    free(b);
  }
}

/* A million at one millisecond, armed in any order: no path is long, so every call is short whatever is due (a call walks one
 * path).
 */
static void a_wave_makes_no_path_long(void **state) {
  (void)state;
  enum { WAVE = 1000000 };
  struct eddy_timer *timers = calloc(WAVE, sizeof *timers);
  assert_non_null(timers);
  struct eddy_timer_queue queue;
  eddy_timer_queue_init(&queue);
  for (uint32_t i = 0; i < WAVE; i++) {
    struct eddy_timer *timer = &timers[(uint64_t)i * 612839 % WAVE]; /* 612839 shares no factor with the number of timers */
    timer->seq = (uint32_t)(timer - timers);
    eddy_timer_queue_arm(&queue, timer, 1000);
  }
  unsigned longest = 0;
  for (uint32_t i = 0; i < WAVE; i += 7) {
    unsigned steps = 0;
    for (const struct eddy_timer *at = queue.root; at != &timers[i]; steps++) at = i < at->seq ? at->left : at->right;
    longest = steps > longest ? steps : longest;
  }
  assert_in_range(longest, 20, 80);
  for (uint32_t i = 0; i < WAVE; i++) assert_int_equal(eddy_timer_queue_pop(&queue, 1000)->seq, i);
  assert_null(eddy_timer_queue_pop(&queue, INT64_MAX));
  free(timers);
}

static void disarming_an_unarmed_timer_does_nothing(void **state) {
  (void)state;
  struct world *world = world_new(1, 0);
  eddy_timer_queue_disarm(&world->queue, &world->timers[3]);
  assert_int_equal(world->queue.armed, 0);
  assert_true(eddy_timer_queue_next(&world->queue) == INT64_MAX);
  free(world);
}

static void validate_names_what_is_broken(void **state) {
  (void)state;
  char why[128] = "";
  struct world *world = world_new(1, 0);
  arm(world, 0, 500);
  arm(world, 1, 600);
  world->timers[0].due = 700;
  assert_int_equal(eddy_timer_queue_validate(&world->queue, why, sizeof why), -1);
  assert_string_not_equal(why, "");
  world->timers[0].due = 500;
  assert_int_equal(eddy_timer_queue_validate(&world->queue, why, sizeof why), 0);
  world->queue.armed = 3;
  assert_int_equal(eddy_timer_queue_validate(&world->queue, why, sizeof why), -1);
  world->queue.armed = 2;
  world->queue.root->priority = 1;
  assert_int_equal(eddy_timer_queue_validate(&world->queue, why, sizeof why), -1);
  free(world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(queue_agrees_with_a_sorted_list), cmocka_unit_test(order_does_not_depend_on_history),
      cmocka_unit_test(a_wave_makes_no_path_long),       cmocka_unit_test(disarming_an_unarmed_timer_does_nothing),
      cmocka_unit_test(validate_names_what_is_broken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
