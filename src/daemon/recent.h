/* What was decided lately, for people who look: one per worker, a ring of its newest effects. Tells what happened to a user,
 * and how many moved from which segment to which.
 *
 * The worker notes a batch of effects under one lock; whoever asks walks through the ring (about 1 ms) under the same. Effects
 * are noted when they are decided: one whose partition is lost before its commit is decided again elsewhere, and stands here
 * all the same. Bounded: EDDY_RECENT_MAX effects, 2.5 MiB.
 */
#ifndef EDDY_DAEMON_RECENT_H
#define EDDY_DAEMON_RECENT_H

#include "eddy/effect.h"

enum { EDDY_RECENT_MAX = 65536, EDDY_FLOWS_MAX = 1024 };

struct eddy_recent;

struct eddy_recent_entry {
  uint64_t user;     /* hash of the id */
  int64_t at;        /* event time of a change, partition time of a trigger */
  int64_t noted_at;  /* wall clock */
  uint32_t from, to; /* segment ids */
  uint16_t trigger;  /* position in the spec */
  uint8_t kind;      /* enum eddy_effect_kind: a change, a trigger fired or suppressed, an erasure */
  uint8_t suppression;
  bool has_from, has_to;
};

/* NULL if memory is short. */
struct eddy_recent *eddy_recent_new(void);
void eddy_recent_free(struct eddy_recent *recent);
/* Takes what of the effects is of interest. */
void eddy_recent_note(struct eddy_recent *recent, const struct eddy_effect *effects, size_t count, int64_t now);

/* The newest of one user since it was erased last, newest first; returns how many were written to `entries`. */
size_t eddy_recent_of_user(struct eddy_recent *recent, struct eddy_str user_id, struct eddy_recent_entry *entries, size_t max);

/* Who moved between segments. */
struct eddy_flow {
  uint32_t from, to;
  bool has_from, has_to; /* false: without a segment */
  uint64_t count;
};
struct eddy_flows {
  int64_t since; /* wall clock: before it nothing is counted; moved on to where a ring begins */
  size_t count;
  struct eddy_flow flows[EDDY_FLOWS_MAX]; /* what is more than about this many pairs is left out */
};
/* Adds the moves of one worker to `flows` (set `since`, all else zero, before the first). Call eddy_recent_begins() of all
 * workers first, so that all count the same span. */
void eddy_recent_add_flows(struct eddy_recent *recent, struct eddy_flows *flows);
/* Wall time from which on the ring has everything: INT64_MIN while it was never full. */
int64_t eddy_recent_begins(struct eddy_recent *recent);
/* Largest first. */
void eddy_flows_sort(struct eddy_flows *flows);

#endif
