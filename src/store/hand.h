/* The hand: a cursor that goes round over slots, and the memory of where each slot was last passed (rule 14).
 *
 *   slots      0 ........ cursor ............. end
 *   marks           4th   |  1st  | 2nd | 3rd     each: slots up to `end` were last passed at `position`
 *
 * Everything about a slot before the position at which it was last passed is saved, so a successor has to replay from the
 * position of the first mark, the one that the cursor reaches next. Slots that are handed out later lie behind the last known
 * one and belong to the last mark: nothing happened to them before it. Plain value, O(1) amortised, one thread.
 */
#ifndef EDDY_STORE_HAND_H
#define EDDY_STORE_HAND_H

#include <stdint.h>

/* One mark per commit of a lap; beyond that neighbours become one, with the older position. */
enum { EDDY_HAND_MARKS = 1024 };

struct eddy_hand_mark {
  uint32_t end; /* UINT32_MAX: all that follow */
  int64_t position;
};

struct eddy_hand {
  uint32_t cursor;
  uint32_t first, count;
  struct eddy_hand_mark marks[EDDY_HAND_MARKS]; /* a ring */
};

/* Every slot was passed at `position`: at the start, after a replay (from where it began), or when everything is saved. */
void eddy_hand_reset(struct eddy_hand *hand, int64_t position);
/* Passes cursor .. to - 1 of `slots` at `position`; to == slots begins the next lap. */
void eddy_hand_pass(struct eddy_hand *hand, uint32_t to, uint32_t slots, int64_t position);
int64_t eddy_hand_replay_from(const struct eddy_hand *hand);

#endif
