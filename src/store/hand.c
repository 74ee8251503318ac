#include "store/hand.h"

#include <stdbool.h>

#include "base/assert.h"

static struct eddy_hand_mark *mark_at(struct eddy_hand *hand, uint32_t i) {
  return &hand->marks[(hand->first + i) % EDDY_HAND_MARKS];
}

void eddy_hand_reset(struct eddy_hand *hand, int64_t position) {
  hand->cursor = 0;
  hand->first = 0;
  hand->count = 1;
  hand->marks[0] = (struct eddy_hand_mark){.end = UINT32_MAX, .position = position};
}

/* Makes one mark of two neighbours; not across the end of the slots. */
static void merge_newest(struct eddy_hand *hand) {
  uint32_t i = hand->count - 2;
  if (mark_at(hand, i)->end == UINT32_MAX) i--;
  EDDY_ASSERT(mark_at(hand, i)->end != UINT32_MAX);
  mark_at(hand, i)->end = mark_at(hand, i + 1)->end; /* its own position is the older one */
  for (uint32_t j = i + 1; j + 1 < hand->count; j++) *mark_at(hand, j) = *mark_at(hand, j + 1);
  hand->count--;
}

static void add_mark(struct eddy_hand *hand, uint32_t end, int64_t position) {
  if (hand->count == EDDY_HAND_MARKS) merge_newest(hand);
  *mark_at(hand, hand->count++) = (struct eddy_hand_mark){.end = end, .position = position};
}

static void drop_first(struct eddy_hand *hand) {
  EDDY_ASSERT(hand->count > 0);
  hand->first = (hand->first + 1) % EDDY_HAND_MARKS;
  hand->count--;
}

void eddy_hand_pass(struct eddy_hand *hand, uint32_t to, uint32_t slots, int64_t position) {
  int64_t before = eddy_hand_replay_from(hand);
  EDDY_ASSERT(hand->cursor <= to && to <= slots && position >= before);
  bool wraps = to == slots;
  if (to == hand->cursor && !wraps) return; /* a mark of no slots would hold replay_from back */
  while (hand->count > 0 && (mark_at(hand, 0)->end <= to || (wraps && mark_at(hand, 0)->end != UINT32_MAX))) drop_first(hand);
  if (wraps) drop_first(hand); /* the mark of all that follow */
  add_mark(hand, wraps ? UINT32_MAX : to, position);
  hand->cursor = wraps ? 0 : to;
  EDDY_ASSERT(eddy_hand_replay_from(hand) >= before); /* rule 29 */
}

int64_t eddy_hand_replay_from(const struct eddy_hand *hand) {
  EDDY_ASSERT(hand->count > 0);
  return hand->marks[hand->first].position;
}
