/* The hand against an array that remembers where every slot was last passed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "store/hand.h"

enum { SLOTS_MAX = 6000 };

/* Slots not handed out yet count as passed together with the last lap's end, as nothing happened to them before. */
struct model {
  uint32_t slots, cursor;
  int64_t passed[SLOTS_MAX];
};

static void model_reset(struct model *model, int64_t position) {
  model->cursor = 0;
  for (uint32_t slot = 0; slot < SLOTS_MAX; slot++) model->passed[slot] = position;
}

static void model_pass(struct model *model, uint32_t to, int64_t position) {
  bool wraps = to == model->slots;
  for (uint32_t slot = model->cursor; slot < (wraps ? SLOTS_MAX : to); slot++) model->passed[slot] = position;
  model->cursor = wraps ? 0 : to;
}

/* replay_from as the hand must give it: exact with few marks, at most too early with many; never too late for any slot. */
static void compare(const struct eddy_hand *hand, const struct model *model, bool exact, uint64_t seed) {
  int64_t replay_from = eddy_hand_replay_from(hand), oldest = INT64_MAX;
  for (uint32_t slot = 0; slot < model->slots; slot++) {
    if (model->passed[slot] < oldest) oldest = model->passed[slot];
  }
  if (model->slots == 0) oldest = model->passed[0];
  if (hand->cursor != model->cursor) fail_msg("seed %lu: cursor %u, not %u", (unsigned long)seed, hand->cursor, model->cursor);
  if (exact ? replay_from != oldest : replay_from > oldest) {
    fail_msg("seed %lu: replay_from %ld, oldest %ld", (unsigned long)seed, (long)replay_from, (long)oldest);
  }
}

static void follows_the_model(uint64_t seed, uint32_t stride, bool exact) {
  static struct eddy_hand hand;
  static struct model model;
  struct eddy_rng rng;
  int64_t position = 0;
  eddy_rng_seed(&rng, seed);
  model.slots = (uint32_t)eddy_rng_below(&rng, 40) * stride;
  model_reset(&model, 0);
  eddy_hand_reset(&hand, 0);
  for (int step = 0; step < 3000; step++) {
    position += (int64_t)eddy_rng_below(&rng, 3);
    if (eddy_rng_below(&rng, 10) == 0 && model.slots + 8 < SLOTS_MAX) model.slots += (uint32_t)eddy_rng_below(&rng, 8);
    if (eddy_rng_below(&rng, 400) == 0) {
      model_reset(&model, position);
      eddy_hand_reset(&hand, position);
    }
    uint32_t left = model.slots - model.cursor;
    uint32_t to = model.cursor + (uint32_t)eddy_rng_below(&rng, (left < stride ? left : stride) + 1);
    if (eddy_rng_below(&rng, 100) == 0) to = model.slots;
    model_pass(&model, to, position);
    eddy_hand_pass(&hand, to, model.slots, position);
    compare(&hand, &model, exact, seed);
  }
}

static void replay_from_is_where_the_next_slot_was_passed(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 60; seed++) follows_the_model(seed, 7, false);
  for (uint64_t seed = 1; seed <= 60; seed++) follows_the_model(seed, 60, true);
}

/* A lap of more commits than there are marks: replay_from may lag, but still gets to every position in the end. */
static void laps_of_many_commits_stay_safe(void **state) {
  (void)state;
  static struct eddy_hand hand;
  static struct model model;
  model.slots = SLOTS_MAX - 1;
  model_reset(&model, 0);
  eddy_hand_reset(&hand, 0);
  for (int64_t position = 1; position <= 5 * (int64_t)model.slots; position++) {
    eddy_hand_pass(&hand, model.cursor + 1, model.slots, position);
    model_pass(&model, model.cursor + 1, position);
    if (position % 97 == 0) compare(&hand, &model, false, 0);
  }
  assert_true(eddy_hand_replay_from(&hand) >= 3 * (int64_t)model.slots);
}

static void without_slots_a_pass_is_a_lap(void **state) {
  (void)state;
  static struct eddy_hand hand;
  eddy_hand_reset(&hand, 5);
  assert_int_equal(eddy_hand_replay_from(&hand), 5);
  eddy_hand_pass(&hand, 0, 0, 9);
  assert_int_equal(eddy_hand_replay_from(&hand), 9);
  assert_int_equal(hand.cursor, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(replay_from_is_where_the_next_slot_was_passed),
      cmocka_unit_test(laps_of_many_commits_stay_safe),
      cmocka_unit_test(without_slots_a_pass_is_a_lap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
