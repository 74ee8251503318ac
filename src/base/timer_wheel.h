/* Hierarchical timer wheel (Varghese & Lauck, SOSP 1987): 8 levels of 64 slots, 1 ms ticks, with a bitmap per level, so that
 * jumps over idle hours cost a few instructions. Arm, disarm and re-arm are O(1); nothing allocates: timers are embedded in
 * their owners.
 *
 * Order is canonical: timers come out by (due, seq) whatever the history of arming was, so that a wheel rebuilt from a
 * snapshot behaves like the one that was saved. (A slot of the lowest level holds one millisecond; it is sorted by seq, in
 * place, when it is reached.) A timer armed at or before the wheel's current time comes out next. Seqs should be distinct:
 * timers with equal (due, seq) come out in any order.
 *
 * Cost: a timer moves down at most 7 times in its life. The ready list (due <= now) is sorted with natural merges when it is
 * read; a timer that belongs near its front or at its end does not make it sort again. To rebuild a large wheel, init it
 * with the earliest due time or before, so that the backlog does not end up in that one list.
 *
 * The wheel must not move in memory (its lists point into it). One thread.
 */
#ifndef EDDY_BASE_TIMER_WHEEL_H
#define EDDY_BASE_TIMER_WHEEL_H

#include "eddy/types.h"

struct eddy_timer {
  struct eddy_timer *next, *prev; /* next == NULL: not armed; zeroed memory is a valid, unarmed timer */
  int64_t due;                    /* ms */
  uint32_t seq;                   /* tie-break and back-reference, set by the owner before arming (profile slot) */
  uint16_t bucket;                /* private */
};

enum { EDDY_WHEEL_LEVELS = 8, EDDY_WHEEL_SLOTS = 64 };

struct eddy_wheel {
  int64_t now; /* timers due later are in the levels, all others in the ready list; never goes back */
  uint64_t occupied[EDDY_WHEEL_LEVELS];
  struct eddy_timer heads[EDDY_WHEEL_LEVELS * EDDY_WHEEL_SLOTS]; /* circular lists */
  struct eddy_timer ready;                                       /* due <= now; sorted by (due, seq) when read */
  bool ready_sorted;
  int64_t ready_from; /* no timer in the ready list is due earlier */
  size_t armed;
};

void eddy_wheel_init(struct eddy_wheel *wheel, int64_t now);
/* (Re-)arms a timer. due in [now - any, now + 2^47]; beyond is clamped to that. O(1). */
void eddy_wheel_arm(struct eddy_wheel *wheel, struct eddy_timer *timer, int64_t due);
void eddy_wheel_disarm(struct eddy_wheel *wheel, struct eddy_timer *timer); /* nothing happens if it is not armed */
static inline bool eddy_timer_armed(const struct eddy_timer *timer) { return timer->next != NULL; }
/* Takes out and returns the first timer with due <= until, by (due, seq); NULL if there is none, then now = max(now, until). */
struct eddy_timer *eddy_wheel_pop(struct eddy_wheel *wheel, int64_t until);
/* A lower bound of the earliest due time, exact within the lowest level (due / 64 = now / 64); INT64_MAX if nothing is armed.
 * O(levels). */
int64_t eddy_wheel_next(const struct eddy_wheel *wheel);
/* 0, or -1 with the broken invariant in `why`. */
int eddy_wheel_validate(const struct eddy_wheel *wheel, char *why, size_t size);

#endif
