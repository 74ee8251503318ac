/* Hierarchical timer wheel (Varghese & Lauck, SOSP 1987): 8 levels of 64 slots, 1 ms ticks, with a bitmap per level, so that
 * jumps over idle hours cost a few instructions. Arm, disarm and re-arm are O(1); nothing allocates: timers are embedded in
 * their owners.
 *
 * Order is canonical: timers come out by (due, seq) whatever the history of arming was, so that a wheel rebuilt from a
 * snapshot behaves like the one that was saved. (A slot of the lowest level holds one millisecond; it is sorted by seq, in
 * place, when it is reached.) A timer armed at or before the wheel's current time comes out next.
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
  int64_t now; /* all timers due before it have come out; starts at init's argument */
  uint64_t occupied[EDDY_WHEEL_LEVELS];
  struct eddy_timer heads[EDDY_WHEEL_LEVELS * EDDY_WHEEL_SLOTS]; /* circular lists */
  struct eddy_timer overdue;                                     /* armed with due <= now; sorted by (due, seq) when read */
  bool overdue_sorted;
  size_t armed;
};

void eddy_wheel_init(struct eddy_wheel *wheel, int64_t now);
/* (Re-)arms a timer. due in [now - any, now + 2^47]; beyond is clamped to that. */
void eddy_wheel_arm(struct eddy_wheel *wheel, struct eddy_timer *timer, int64_t due);
void eddy_wheel_disarm(struct eddy_wheel *wheel, struct eddy_timer *timer);
static inline bool eddy_timer_armed(const struct eddy_timer *timer) { return timer->next != NULL; }
/* Takes out and returns the first timer with due <= until, by (due, seq); NULL if there is none, then now = max(now, until). */
struct eddy_timer *eddy_wheel_pop(struct eddy_wheel *wheel, int64_t until);
/* A lower bound of the earliest due time, exact within the lowest level; INT64_MAX if nothing is armed. O(levels). */
int64_t eddy_wheel_next(const struct eddy_wheel *wheel);
/* 0, or -1 with the broken invariant in `why`. */
int eddy_wheel_validate(const struct eddy_wheel *wheel, char *why, size_t size);

#endif
