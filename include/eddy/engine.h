/* The engine: all users of one input partition, and everything that is decided about them.
 *
 * Pure: no I/O, no clock, no threads, no globals. Time is an argument, randomness a seeded generator in the state, memory
 * comes from the allocator given at init. The same build, specification, seed and sequence of calls give the same effects
 * and byte-identical snapshots. Not thread-safe: one engine belongs to one thread at a time.
 *
 * A call that fails with EDDY_E_NOMEM has changed nothing: each event is all-or-nothing.
 *
 * Time inside an engine is *partition time*: the newest event time seen minus the allowed lateness, or later where
 * eddy_engine_tick() moved it on; it never goes back. Deadlines fire when partition time reaches them.
 */
#ifndef EDDY_ENGINE_H
#define EDDY_ENGINE_H

#include "eddy/effect.h"
#include "eddy/model.h"

struct eddy_engine;

struct eddy_engine_options {
  const struct eddy_spec *spec;      /* must outlive the engine and have passed eddy_spec_check() */
  struct eddy_allocator allocator;   /* all zero: malloc without a ceiling */
  size_t memory_max;                 /* bytes; 0 = no ceiling beyond the allocator's own */
  uint64_t seed;                     /* of the generator (reservoir sampling) */
  uint64_t hash_key[2];              /* of the profile index, so that ids cannot be chosen to collide */
  uint64_t erasure_key[2];           /* under which erased users are remembered; the same for ever */
  bool durable;                      /* keep count of what has to be written, see eddy/durable.h */
};

/* A new, empty engine. 0, EDDY_E_NOMEM or EDDY_E_INVALID. */
int eddy_engine_new(struct eddy_engine **engine, const struct eddy_engine_options *options);
void eddy_engine_free(struct eddy_engine *engine);

/* Applies events in order, appending to `effects`: per event advance partition time, fire a bounded slice of other users' due
 * deadlines, then what is due for its user, fold, decide. `now` is the time of publication (wall clock in live
 * operation, EDDY_TIME_NONE = use partition time). Returns how many events were applied: less than `count` only when memory
 * is short (the event at that position changed nothing and may be tried again). Profiles are prefetched across the batch:
 * 256-1024 events a call are best. An event with no effect on state (duplicate id, unsupported type) counts as applied. */
size_t eddy_engine_step_batch(struct eddy_engine *engine, const struct eddy_event *events, size_t count, int64_t now,
                              struct eddy_effects *effects);

/* One event. 0 or EDDY_E_NOMEM. */
int eddy_engine_step(struct eddy_engine *engine, const struct eddy_event *event, int64_t now, struct eddy_effects *effects);

/* Moves partition time on to `partition_time` if that is later (at the end of the input: the clock chosen by time.at_end)
 * and handles at most `budget` due deadlines and profiles of the idle sweep. Returns 1 if more is due, 0 if all is done,
 * EDDY_E_NOMEM. Pass EDDY_TIME_NONE to go on with what is due without moving time. */
int eddy_engine_tick(struct eddy_engine *engine, int64_t partition_time, int64_t now, size_t budget,
                     struct eddy_effects *effects);

/* The replay half of step: folds and decides nothing, moves no partition time, counts nothing, emits nothing. */
int eddy_engine_fold(struct eddy_engine *engine, const struct eddy_event *event);

/* Swaps the model, between batches only. The engine keeps the pointer; NULL = no cluster segments. Users are re-assigned at
 * their next event or sweep. EDDY_E_INVALID if its dimensions are not the spec's. */
int eddy_engine_set_model(struct eddy_engine *engine, const struct eddy_model *model);

/* Appends the contributions since the last call as one MODEL_DELTA; nothing if there were none. 0 or EDDY_E_NOMEM. */
int eddy_engine_take_delta(struct eddy_engine *engine, struct eddy_effects *effects);

/* Partition time in ms, EDDY_TIME_NONE before the first event. */
int64_t eddy_engine_partition_time(const struct eddy_engine *engine);
/* Newest event time seen, EDDY_TIME_NONE before the first. */
int64_t eddy_engine_newest_time(const struct eddy_engine *engine);
/* The number that the next effect will get. */
uint64_t eddy_engine_next_effect(const struct eddy_engine *engine);
/* Earliest pending deadline, EDDY_TIME_NONE if there is none. */
int64_t eddy_engine_next_due(const struct eddy_engine *engine);

/* Counters since the engine was made. Append only: records of them are read by position. */
#define EDDY_COUNTERS(X)                                                              \
  X(events, "events applied")                                                         \
  X(duplicates, "events ignored because their id was seen")                           \
  X(late, "events older than partition time when they arrived")                       \
  X(late_ignored, "events too old to matter, kept out of the lanes")                  \
  X(machine_opens, "opens and clicks that weigh nothing: machines")                   \
  X(other_currency, "values skipped because of their currency")                       \
  X(segment_changes, "segment changes")                                               \
  X(kept_by_margin, "users kept in a segment that is no longer the nearest")          \
  X(triggers_fired, "triggers fired")                                                 \
  X(triggers_suppressed, "triggers suppressed")                                       \
  X(contributions, "contributions to the trainer")                                    \
  X(evicted, "profiles dropped after the idle TTL")                                   \
  X(erased, "profiles dropped on request")                                            \
  X(erased_ignored, "events of erased users, ignored until consent is given anew")    \
  X(limit_cart_lines, "cart lines dropped: limit cart_lines")                         \
  X(limit_carts, "carts dropped: limit carts")                                        \
  X(limit_viewed_items, "viewed items dropped: limit viewed_items")                   \
  X(limit_attributes, "attributes dropped: limit attributes")                         \
  X(limit_armed_times, "armed times dropped: limit armed_times")                      \
  X(limit_fired_marks, "fired marks dropped: limit fired_marks")                      \
  X(limit_tail_bytes, "changes that made room or were refused: limit tail_bytes")

struct eddy_counters {
#define X(name, help) uint64_t name;
  EDDY_COUNTERS(X)
#undef X
};
const struct eddy_counters *eddy_engine_counters(const struct eddy_engine *engine);

size_t eddy_engine_users(const struct eddy_engine *engine);
size_t eddy_engine_memory(const struct eddy_engine *engine); /* bytes taken from the allocator */
/* Users per slot of the current model; `sizes` has room for EDDY_CLUSTERS_MAX. */
void eddy_engine_segment_sizes(const struct eddy_engine *engine, uint64_t *sizes);

/* What is known about one user, read out at `time` (EDDY_TIME_NONE = the user's own newest event). */
struct eddy_user_view {
  struct eddy_str user_id;
  int64_t first_seen, last_seen;
  bool has_segment;
  uint32_t segment;
  int64_t segment_since;
  float features[EDDY_FEATURES_MAX]; /* natural units, in the spec's order */
  int64_t next_due;                  /* earliest pending deadline or EDDY_TIME_NONE */
  uint16_t cart_lines;               /* over all carts */
  uint16_t viewed_items, attributes; /* kept word for word */
};
/* 0 or EDDY_E_NOT_FOUND. */
int eddy_engine_user(const struct eddy_engine *engine, struct eddy_str user_id, int64_t time, struct eddy_user_view *view);

/* Writes the whole state through `write` (returns 0, or an error that ends the snapshot and is returned). */
typedef int (*eddy_write_fn)(void *ctx, const void *bytes, size_t size);
int eddy_engine_snapshot(const struct eddy_engine *engine, eddy_write_fn write, void *ctx);

/* Fills a new, empty engine from a snapshot. 0, EDDY_E_NOMEM, EDDY_E_CORRUPT, EDDY_E_VERSION, EDDY_E_SPEC_MISMATCH; after an
 * error the engine may only be freed. The model is not part of a snapshot: set it again. */
int eddy_engine_restore(struct eddy_engine *engine, const void *bytes, size_t size);

/* Checks every invariant (O(users)); 0, or EDDY_E_CORRUPT with the broken one in `why`. */
int eddy_engine_validate(const struct eddy_engine *engine, char *why, size_t size);

#endif
