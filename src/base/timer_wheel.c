#include "base/timer_wheel.h"

#include <stdio.h>

#include "base/assert.h"

/* Where a timer stands follows from (now, due) alone. Both are read as numbers in base 64; the level is the highest digit in
 * which they differ, the slot is due's digit there. So
 *
 *   - what stands in level n is due earlier than anything in level n + 1;
 *   - the slot that now itself points at is empty in every level (what would stand there belongs to a lower level);
 *   - when time moves to the start of the earliest occupied slot, only that slot has to be dealt out again.
 *
 * The top level is circular: differences above its digit are left out, and DELAY_MAX is half a turn of it.
 */
enum { DIGIT_BITS = 6, LEVEL_TOP = EDDY_WHEEL_LEVELS - 1, BUCKET_READY = EDDY_WHEEL_LEVELS * EDDY_WHEEL_SLOTS };
#define DELAY_MAX (INT64_C(1) << 47)

_Static_assert(1 << DIGIT_BITS == EDDY_WHEEL_SLOTS, "a slot is a digit");

static unsigned digit_at(int64_t time, unsigned level) {
  return (unsigned)((uint64_t)time >> (DIGIT_BITS * level)) % EDDY_WHEEL_SLOTS;
}

static uint16_t bucket_of(int64_t now, int64_t due) {
  if (due <= now) return BUCKET_READY;
  unsigned highest_bit = 63 - (unsigned)__builtin_clzll((uint64_t)due ^ (uint64_t)now);
  unsigned level = highest_bit / DIGIT_BITS;
  if (level > LEVEL_TOP) level = LEVEL_TOP;
  return (uint16_t)(level * EDDY_WHEEL_SLOTS + digit_at(due, level));
}

/* Lists: circular, with a head that is not a timer. -------------------------------------------------------------------------*/

static void list_clear(struct eddy_timer *head) { head->next = head->prev = head; }

static bool list_empty(const struct eddy_timer *head) { return head->next == head; }

static void insert_before(struct eddy_timer *at, struct eddy_timer *timer) {
  timer->next = at;
  timer->prev = at->prev;
  at->prev->next = timer;
  at->prev = timer;
}

/* Due-and-seq order; a negative, zero or positive number. */
static int compare(const struct eddy_timer *a, const struct eddy_timer *b) {
  if (a->due != b->due) return a->due < b->due ? -1 : 1;
  return (a->seq > b->seq) - (a->seq < b->seq);
}

/* Sorting: merges of natural runs, in place, along `next` only. -------------------------------------------------------------*/

static struct eddy_timer *merge(struct eddy_timer *a, struct eddy_timer *b) {
  struct eddy_timer *first = NULL, **end = &first;
  while (a != NULL && b != NULL) {
    struct eddy_timer **from = compare(a, b) <= 0 ? &a : &b;
    *end = *from;
    end = &(*from)->next;
    *from = *end;
  }
  *end = a != NULL ? a : b;
  return first;
}

/* Cuts the ascending run off the front of *rest and returns it. */
static struct eddy_timer *cut_run(struct eddy_timer **rest) {
  struct eddy_timer *first = *rest, *last = first;
  while (last->next != NULL && compare(last, last->next) <= 0) last = last->next;
  *rest = last->next;
  last->next = NULL;
  return first;
}

static struct eddy_timer *sort(struct eddy_timer *rest) {
  enum { RUNS_LOG2_MAX = 48 };
  struct eddy_timer *runs[RUNS_LOG2_MAX] = {0}; /* runs[i]: merged from 2^i natural runs, or NULL: a binary counter */
  while (rest != NULL) {
    struct eddy_timer *run = cut_run(&rest);
    unsigned i = 0;
    for (; i < RUNS_LOG2_MAX - 1 && runs[i] != NULL; i++) {
      run = merge(runs[i], run);
      runs[i] = NULL;
    }
    runs[i] = run;
  }
  struct eddy_timer *sorted = NULL;
  for (unsigned i = 0; i < RUNS_LOG2_MAX; i++) sorted = merge(runs[i], sorted);
  return sorted;
}

static void sort_ready(struct eddy_wheel *wheel) {
  struct eddy_timer *head = &wheel->ready;
  head->prev->next = NULL;
  head->next = sort(head->next);
  struct eddy_timer *last = head;
  for (struct eddy_timer *timer = head->next; timer != NULL; timer = timer->next) {
    timer->prev = last;
    last = timer;
  }
  last->next = head;
  head->prev = last;
  wheel->ready_sorted = true;
}

/* The ready list ------------------------------------------------------------------------------------------------------------*/

/* Keeps the list sorted if that takes a few steps: late timers come before what is already there, or after all of it. */
static void insert_ready(struct eddy_wheel *wheel, struct eddy_timer *timer) {
  enum { STEPS_MAX = 16 };
  struct eddy_timer *head = &wheel->ready;
  if (list_empty(head)) {
    wheel->ready_sorted = true;
    wheel->ready_from = timer->due;
  }
  if (timer->due < wheel->ready_from) wheel->ready_from = timer->due;
  struct eddy_timer *at = head;
  if (wheel->ready_sorted && !list_empty(head) && compare(timer, head->prev) < 0) {
    at = head->next;
    for (int steps = 0; steps < STEPS_MAX && compare(at, timer) < 0; steps++) at = at->next;
    if (compare(at, timer) < 0) {
      at = head;
      wheel->ready_sorted = false;
    }
  }
  insert_before(at, timer);
}

/* All timers of a slot of the lowest level are due at the same time: they become the (empty) ready list as they stand. */
static void move_to_ready(struct eddy_wheel *wheel, struct eddy_timer *slot) {
  struct eddy_timer *head = &wheel->ready;
  for (struct eddy_timer *timer = slot->next; timer != slot; timer = timer->next) timer->bucket = BUCKET_READY;
  wheel->ready_from = slot->next->due;
  wheel->ready_sorted = slot->next->next == slot;
  *head = (struct eddy_timer){.next = slot->next, .prev = slot->prev};
  head->next->prev = head->prev->next = head;
  list_clear(slot);
}

/* Arming --------------------------------------------------------------------------------------------------------------------*/

static void link_timer(struct eddy_wheel *wheel, struct eddy_timer *timer) {
  timer->bucket = bucket_of(wheel->now, timer->due);
  if (timer->bucket == BUCKET_READY) {
    insert_ready(wheel, timer);
    return;
  }
  insert_before(&wheel->heads[timer->bucket], timer);
  wheel->occupied[timer->bucket / EDDY_WHEEL_SLOTS] |= UINT64_C(1) << timer->bucket % EDDY_WHEEL_SLOTS;
}

static void mark_empty(struct eddy_wheel *wheel, uint16_t bucket) {
  wheel->occupied[bucket / EDDY_WHEEL_SLOTS] &= ~(UINT64_C(1) << bucket % EDDY_WHEEL_SLOTS);
}

void eddy_wheel_init(struct eddy_wheel *wheel, int64_t now) {
  *wheel = (struct eddy_wheel){.now = now, .ready_sorted = true};
  list_clear(&wheel->ready);
  for (int i = 0; i < BUCKET_READY; i++) list_clear(&wheel->heads[i]);
}

void eddy_wheel_arm(struct eddy_wheel *wheel, struct eddy_timer *timer, int64_t due) {
  eddy_wheel_disarm(wheel, timer);
  int64_t latest = wheel->now < INT64_MAX - DELAY_MAX ? wheel->now + DELAY_MAX : INT64_MAX;
  timer->due = due < latest ? due : latest;
  link_timer(wheel, timer);
  wheel->armed++;
}

void eddy_wheel_disarm(struct eddy_wheel *wheel, struct eddy_timer *timer) {
  if (!eddy_timer_armed(timer)) return;
  EDDY_ASSERT(wheel->armed > 0 && timer->next->prev == timer && timer->prev->next == timer);
  timer->next->prev = timer->prev;
  timer->prev->next = timer->next;
  timer->next = timer->prev = NULL;
  if (timer->bucket != BUCKET_READY && list_empty(&wheel->heads[timer->bucket])) mark_empty(wheel, timer->bucket);
  wheel->armed--;
}

/* Time ----------------------------------------------------------------------------------------------------------------------*/

/* The earliest occupied slot and the time at which it starts; false if all levels are empty. */
static bool earliest_slot(const struct eddy_wheel *wheel, unsigned *level, int64_t *start) {
  for (*level = 0; *level < EDDY_WHEEL_LEVELS && wheel->occupied[*level] == 0;) ++*level;
  if (*level == EDDY_WHEEL_LEVELS) return false;
  unsigned here = digit_at(wheel->now, *level), shift = DIGIT_BITS * *level;
  uint64_t slots = wheel->occupied[*level];
  uint64_t from_here = here > 0 ? slots >> here | slots << (EDDY_WHEEL_SLOTS - here) : slots;
  uint64_t ahead = (uint64_t)__builtin_ctzll(from_here);
  *start = (int64_t)((((uint64_t)wheel->now >> shift) + ahead) << shift);
  return true;
}

/* Moves time to the start of the earliest slot and deals its timers out again. */
static void enter_slot(struct eddy_wheel *wheel, unsigned level, int64_t start) {
  uint16_t bucket = (uint16_t)(level * EDDY_WHEEL_SLOTS + digit_at(start, level));
  struct eddy_timer *head = &wheel->heads[bucket];
  wheel->now = start;
  mark_empty(wheel, bucket);
  if (level == 0) {
    move_to_ready(wheel, head);
    return;
  }
  struct eddy_timer *timer = head->next;
  list_clear(head);
  while (timer != head) {
    struct eddy_timer *next = timer->next;
    link_timer(wheel, timer);
    timer = next;
  }
}

static struct eddy_timer *pop_ready(struct eddy_wheel *wheel, int64_t until) {
  if (!wheel->ready_sorted) sort_ready(wheel);
  struct eddy_timer *first = wheel->ready.next;
  wheel->ready_from = first->due;
  if (first->due > until) return NULL;
  eddy_wheel_disarm(wheel, first);
  return first;
}

struct eddy_timer *eddy_wheel_pop(struct eddy_wheel *wheel, int64_t until) {
  while (list_empty(&wheel->ready)) {
    unsigned level;
    int64_t start;
    if (!earliest_slot(wheel, &level, &start) || start > until) {
      if (until > wheel->now) wheel->now = until; /* no slot starts in between: nothing has to move */
      return NULL;
    }
    enter_slot(wheel, level, start);
  }
  return pop_ready(wheel, until);
}

int64_t eddy_wheel_next(const struct eddy_wheel *wheel) {
  unsigned level;
  int64_t start;
  if (!list_empty(&wheel->ready)) return wheel->ready_sorted ? wheel->ready.next->due : wheel->ready_from;
  return earliest_slot(wheel, &level, &start) ? start : INT64_MAX;
}

/* Validation ----------------------------------------------------------------------------------------------------------------*/

static int broken(char *why, size_t size, const char *what, unsigned bucket) {
  snprintf(why, size, "timer wheel: %s in bucket %u", what, bucket);
  return -1;
}

/* Checks one list and counts its timers into *seen. */
static int validate_list(const struct eddy_wheel *wheel, unsigned bucket, size_t *seen, char *why, size_t size) {
  const struct eddy_timer *head = bucket == BUCKET_READY ? &wheel->ready : &wheel->heads[bucket];
  for (const struct eddy_timer *timer = head->next; timer != head; timer = timer->next) {
    if (timer == NULL || timer->next == NULL || timer->next->prev != timer) return broken(why, size, "a broken link", bucket);
    if (timer->bucket != bucket) return broken(why, size, "a timer of another bucket", bucket);
    if (bucket_of(wheel->now, timer->due) != bucket) return broken(why, size, "a timer that belongs elsewhere", bucket);
    uint64_t delay = (uint64_t)timer->due - (uint64_t)wheel->now;
    if (bucket != BUCKET_READY && delay > DELAY_MAX) return broken(why, size, "too long a delay", bucket);
    if (++*seen > wheel->armed) return broken(why, size, "more timers than are armed", bucket);
  }
  return head->next->prev == head ? 0 : broken(why, size, "a broken head", bucket);
}

static int validate_ready(const struct eddy_wheel *wheel, char *why, size_t size) {
  const struct eddy_timer *head = &wheel->ready;
  for (const struct eddy_timer *timer = head->next; timer != head; timer = timer->next) {
    if (timer->due < wheel->ready_from) return broken(why, size, "a timer before ready_from", BUCKET_READY);
    bool falls = timer->next != head && compare(timer, timer->next) > 0;
    if (wheel->ready_sorted && falls) return broken(why, size, "a descent in the sorted list", BUCKET_READY);
  }
  return 0;
}

int eddy_wheel_validate(const struct eddy_wheel *wheel, char *why, size_t size) {
  size_t seen = 0;
  for (unsigned bucket = 0; bucket <= BUCKET_READY; bucket++) {
    if (validate_list(wheel, bucket, &seen, why, size) != 0) return -1;
    if (bucket == BUCKET_READY) continue;
    bool occupied = wheel->occupied[bucket / EDDY_WHEEL_SLOTS] >> bucket % EDDY_WHEEL_SLOTS & 1;
    if (occupied == list_empty(&wheel->heads[bucket])) return broken(why, size, "a wrong bit", bucket);
  }
  if (seen != wheel->armed) return broken(why, size, "fewer timers than are armed", BUCKET_READY);
  return validate_ready(wheel, why, size);
}
