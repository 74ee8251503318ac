#include "base/timer_queue.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/hash.h"

static bool earlier(const struct eddy_timer *a, const struct eddy_timer *b) {
  return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

/* Stands nearer to the root. A total order, so that the shape is one function of the set. */
static bool higher(const struct eddy_timer *a, const struct eddy_timer *b) {
  return a->priority != b->priority ? a->priority > b->priority : a->seq < b->seq;
}

void eddy_timer_queue_init(struct eddy_timer_queue *queue) {
  *queue = (struct eddy_timer_queue){0};
}

/* Parts a tree into what is earlier and what is later than the timer, as its children. */
static void part(struct eddy_timer *rest, struct eddy_timer *timer) {
  struct eddy_timer **left = &timer->left, **right = &timer->right;
  while (rest != NULL) {
    if (earlier(rest, timer)) {
      *left = rest;
      left = &rest->right;
      rest = rest->right;
    } else {
      *right = rest;
      right = &rest->left;
      rest = rest->left;
    }
  }
  *left = *right = NULL;
}

/* Joins two trees, all of `left` earlier than all of `right`, at `link`. */
static void join(struct eddy_timer **link, struct eddy_timer *left, struct eddy_timer *right) {
  while (left != NULL && right != NULL) {
    if (higher(left, right)) {
      *link = left;
      link = &left->right;
      left = left->right;
    } else {
      *link = right;
      link = &right->left;
      right = right->left;
    }
  }
  *link = left != NULL ? left : right;
}

static struct eddy_timer **toward(struct eddy_timer *at, const struct eddy_timer *timer) {
  return earlier(timer, at) ? &at->left : &at->right;
}

void eddy_timer_queue_arm(struct eddy_timer_queue *queue, struct eddy_timer *timer, int64_t due) {
  eddy_timer_queue_disarm(queue, timer);
  timer->due = due;
  timer->priority = (uint32_t)eddy_hash_mix(timer->seq) | 1;
  struct eddy_timer **link = &queue->root;
  while (*link != NULL && higher(*link, timer)) link = toward(*link, timer);
  part(*link, timer);
  *link = timer;
  queue->armed++;
}

static void unlink_timer(struct eddy_timer_queue *queue, struct eddy_timer **link) {
  struct eddy_timer *timer = *link;
  join(link, timer->left, timer->right);
  timer->left = timer->right = NULL;
  timer->priority = 0;
  queue->armed--;
}

void eddy_timer_queue_disarm(struct eddy_timer_queue *queue, struct eddy_timer *timer) {
  if (!eddy_timer_armed(timer)) return;
  struct eddy_timer **link = &queue->root;
  while (*link != timer) {
    EDDY_ASSERT(*link != NULL); /* it stands where due and seq say */
    link = toward(*link, timer);
  }
  unlink_timer(queue, link);
}

struct eddy_timer *eddy_timer_queue_pop(struct eddy_timer_queue *queue, int64_t until) {
  struct eddy_timer **link = &queue->root;
  if (*link == NULL) return NULL;
  while ((*link)->left != NULL) link = &(*link)->left;
  struct eddy_timer *first = *link;
  if (first->due > until) return NULL;
  unlink_timer(queue, link);
  return first;
}

int64_t eddy_timer_queue_next(const struct eddy_timer_queue *queue) {
  const struct eddy_timer *first = queue->root;
  while (first != NULL && first->left != NULL) first = first->left;
  return first != NULL ? first->due : INT64_MAX;
}

/* Validation ----------------------------------------------------------------------------------------------------------------*/

static int broken(char *why, size_t size, const char *what, const struct eddy_timer *timer) {
  snprintf(why, size, "timer queue: %s (seq %u)", what, timer != NULL ? timer->seq : 0);
  return -1;
}

static bool below(const struct eddy_timer *child, const struct eddy_timer *parent) {
  return child == NULL || (eddy_timer_armed(child) && higher(parent, child));
}

/* In order, with the way back on a stack: 256 is far beyond any depth that a hash leads to. */
int eddy_timer_queue_validate(const struct eddy_timer_queue *queue, char *why, size_t size) {
  enum { DEPTH_MAX = 256 };
  const struct eddy_timer *way[DEPTH_MAX], *at = queue->root, *before = NULL;
  size_t depth = 0, seen = 0;
  while (at != NULL || depth > 0) {
    for (; at != NULL; at = at->left) {
      if (depth == DEPTH_MAX) return broken(why, size, "too deep", at);
      if (!below(at->left, at) || !below(at->right, at)) return broken(why, size, "a child above its parent", at);
      way[depth++] = at;
    }
    at = way[--depth];
    if (before != NULL && !earlier(before, at)) return broken(why, size, "not in order", at);
    if (++seen > queue->armed) return broken(why, size, "more timers than are armed", at);
    before = at;
    at = at->right;
  }
  return seen == queue->armed ? 0 : broken(why, size, "fewer timers than are armed", NULL);
}
