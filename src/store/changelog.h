/* What a partition's commits write to the changelog, and from where a successor would have to replay (rules 10-17, 28).
 *
 * The hand is a cursor over the engine's slots: each commit it passes some and writes those that are dirty, so that a lap takes
 * at most flush_interval and flush_events. replay_from is the position at which the slot that it reaches next was last
 * passed: every change since then of a profile that was not written is in the events from there on.
 *
 * write() plans and hands out records, and changes nothing but the plan: after aborted() the same may be done again, with
 * whatever the engine has become. committed() makes the plan fact. Pure: records go through a function, time is an argument.
 * One thread. Invariants (rule 29, asserted): replay_from never decreases and is never past the position; sequence grows by
 * one.
 */
#ifndef EDDY_STORE_CHANGELOG_H
#define EDDY_STORE_CHANGELOG_H

#include "codec/changelog_codec.h"
#include "eddy/durable.h"

struct eddy_changelog;

struct eddy_changelog_options {
  struct eddy_engine *engine;
  uint32_t partition, partition_count;
  uint64_t incarnation;
  uint64_t erasure_check;
  int64_t flush_interval_ms, flush_events; /* of one lap; events of this partition */
  const struct eddy_allocator *allocator;
};

/* A partition without a past, at sequence 0; or one that goes on from its aggregate at place->sequence. NULL `aggregate`:
 * without. `layout_known`: the layout of this engine is in the changelog already. 0 or EDDY_E_NOMEM. */
int eddy_changelog_new(struct eddy_changelog **changelog, const struct eddy_changelog_options *options,
                       const struct eddy_changelog_place *place, const struct eddy_aggregate *aggregate, bool layout_known);
void eddy_changelog_free(struct eddy_changelog *changelog);

/* An event at this offset was refused (dead letter). 0 or EDDY_E_NOMEM. */
int eddy_changelog_reject(struct eddy_changelog *changelog, int64_t offset);

/* Puts one record; value NULL = tombstone. The memory may be reused when it returns. Nonzero ends the write. */
typedef int (*eddy_changelog_put)(void *ctx, struct eddy_str key, const void *value, size_t value_size);

struct eddy_changelog_commit {
  int64_t position;
  int64_t mono; /* monotonic ms, for flush_interval */
  int64_t wall;
  size_t records_max; /* of the hand; what must be written now is always written */
  bool full_lap;      /* as much as records_max allows: a clean stop */
  uint64_t model_version;
  bool has_trigger;      /* outputs of this commit include a record of topic triggers ... */
  uint64_t last_trigger; /* ... with this effect number as the last */
  bool redis_known;
  uint64_t redis_sequence, redis_trigger;
  int64_t redis_since;
};

/* Whether a commit at this position has something to write that no output shows: write-now profiles, markers, work for the
 * hand. */
bool eddy_changelog_wants(const struct eddy_changelog *changelog, int64_t mono);
/* Whether records_max has kept the hand from what it should have passed: commit again soon. */
bool eddy_changelog_owes(const struct eddy_changelog *changelog);
/* Hands out, in this order: layout, tombstones, markers, write-now profiles, the hand's, the aggregate with sequence + 1. 0,
 * what `put` returned, or EDDY_E_NOMEM. */
int eddy_changelog_write(struct eddy_changelog *changelog, const struct eddy_changelog_commit *commit, eddy_changelog_put put,
                         void *ctx);
/* The outcome of the last write(). */
void eddy_changelog_committed(struct eddy_changelog *changelog);
void eddy_changelog_aborted(struct eddy_changelog *changelog);

uint64_t eddy_changelog_sequence(const struct eddy_changelog *changelog); /* of the last commit known to have succeeded */
int64_t eddy_changelog_replay_from(const struct eddy_changelog *changelog);
/* True if everything is saved: replay_from of the last commit is `position` and nothing is dirty. */
bool eddy_changelog_saved(const struct eddy_changelog *changelog, int64_t position);
/* Number of the last effect in topic triggers as of the last commit; false if there was none. */
bool eddy_changelog_last_trigger(const struct eddy_changelog *changelog, uint64_t *number);
uint64_t eddy_changelog_written(const struct eddy_changelog *changelog); /* records handed out so far, for statistics */

#endif
