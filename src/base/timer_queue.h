/* Timers in the order of (due, seq), embedded in their owners: nothing allocates.
 *
 * A treap (Seidel & Aragon, Randomized search trees, Algorithmica 16, 1996): a binary search tree by (due, seq) and at the same
 * time a heap by priority, which is a hash of seq. Its shape, and so the order in which timers come out, follows from what is
 * armed alone, whatever the history was: a queue rebuilt from a snapshot behaves like the one that was saved. Seqs are
 * distinct.
 *
 * Cost: every call is O(log armed) (expected over the hash), whatever is due at once. That is why this is no timer wheel: a
 * wheel arms in O(1), but deals out and sorts a whole slot when time reaches it. With 1 M timers due at one millisecond one pop
 * took 3 s, here the worst takes microseconds. One thread.
 */
#ifndef EDDY_BASE_TIMER_QUEUE_H
#define EDDY_BASE_TIMER_QUEUE_H

#include "eddy/types.h"

struct eddy_timer {
  struct eddy_timer *left, *right; /* earlier and later ones of lower priority */
  int64_t due;                     /* ms */
  uint32_t seq;                    /* tie-break and back-reference, set by the owner before arming (profile slot) */
  uint32_t priority;               /* 0: not armed; zeroed memory is a valid, unarmed timer */
};

struct eddy_timer_queue {
  struct eddy_timer *root;
  size_t armed;
};

void eddy_timer_queue_init(struct eddy_timer_queue *queue);
/* (Re-)arms a timer. */
void eddy_timer_queue_arm(struct eddy_timer_queue *queue, struct eddy_timer *timer, int64_t due);
/* Nothing happens if it is not armed. */
void eddy_timer_queue_disarm(struct eddy_timer_queue *queue, struct eddy_timer *timer);
static inline bool eddy_timer_armed(const struct eddy_timer *timer) {
  return timer->priority != 0;
}
/* Takes out and returns the first timer with due <= until; NULL if there is none. */
struct eddy_timer *eddy_timer_queue_pop(struct eddy_timer_queue *queue, int64_t until);
/* The earliest due time; INT64_MAX if nothing is armed. */
int64_t eddy_timer_queue_next(const struct eddy_timer_queue *queue);
/* 0, or -1 with the broken invariant in `why`. O(armed). */
int eddy_timer_queue_validate(const struct eddy_timer_queue *queue, char *why, size_t size);

#endif
