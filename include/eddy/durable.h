/* What durable state needs of an engine: which profiles a commit has to write, their bytes, and the way back.
 *
 * The state of an engine is in memory. Its durable form is one record per profile, one marker per erased user and one record
 * of engine-wide state, written by the shell at each commit (rules 3-8 of the recovery protocol), plus the events since
 * `replay_from`, which are folded again (rule 24). "Position" is the offset of the next event of the partition.
 *
 * Only engines made with options.durable keep count. Same thread as everything else of the engine. No call between reading
 * what is to be written and eddy_engine_mark_committed() may change the engine.
 */
#ifndef EDDY_DURABLE_H
#define EDDY_DURABLE_H

#include "eddy/engine.h"

/* What a commit writes ------------------------------------------------------------------------------------------------------*/

/* Where a profile stands against its last committed record. */
enum eddy_slot_state {
  EDDY_SLOT_FREE,      /* no profile */
  EDDY_SLOT_CLEAN,     /* as in its record */
  EDDY_SLOT_DIRTY,     /* folded fields have changed: written when the hand comes by (rule 4) */
  EDDY_SLOT_WRITE_NOW, /* belongs into the next commit (rule 3) */
};

/* Slots are 0 .. eddy_engine_slots() - 1; the number never shrinks. */
uint32_t eddy_engine_slots(const struct eddy_engine *engine);
enum eddy_slot_state eddy_engine_slot_state(const struct eddy_engine *engine, uint32_t slot);
/* The first DIRTY slot of from .. to - 1; `to` if there is none. Reads ahead: for walking over all of them. */
uint32_t eddy_engine_next_dirty(const struct eddy_engine *engine, uint32_t from, uint32_t to);
/* Brings a slot's record into the cache, some records before it is encoded. */
void eddy_engine_prefetch(const struct eddy_engine *engine, uint32_t slot);
/* Profiles that are DIRTY or WRITE_NOW. */
size_t eddy_engine_dirty(const struct eddy_engine *engine);
/* Slots that became WRITE_NOW since the last commit. Some may have changed since (freed, used again) or appear twice: look at
 * their state. Valid until the engine is called. */
const uint32_t *eddy_engine_write_now(const struct eddy_engine *engine, size_t *count);
/* Users whose profile became absent since the last commit (evicted, erased), one after the other: *cursor = 0 to start, false
 * at the end. One of them may exist again: its tombstone comes before its record. */
bool eddy_engine_next_gone(const struct eddy_engine *engine, size_t *cursor, struct eddy_str *user_id);
/* Markers that were set or taken away since the last commit: keyed hashes of erased users; may repeat. */
const uint64_t *eddy_engine_marker_changes(const struct eddy_engine *engine, size_t *count);
/* Whether the user of this keyed hash is erased, and by an event of which time (may be NULL). */
bool eddy_engine_erased(const struct eddy_engine *engine, uint64_t hash, int64_t *erased_at);
/* True if the next commit must write something although no event came: a slot, a user that is gone or a marker. Profiles that
 * are merely dirty wait for the hand. */
bool eddy_engine_has_writes(const struct eddy_engine *engine);

/* No profile's bytes are longer. */
size_t eddy_engine_profile_bytes_max(const struct eddy_engine *engine);
/* The profile of a live slot as bytes of the current layout: equal profiles give equal bytes, in whatever slot and order of
 * history. `user_id` points into the profile. Returns the size, SIZE_MAX if it does not fit. */
size_t eddy_engine_encode_profile(const struct eddy_engine *engine, uint32_t slot, struct eddy_str *user_id, void *buffer,
                                  size_t capacity);
/* Engine-wide state: partition time, next effect number, generator, counters, sweep. Contributions are no part of it: take the
 * delta first (rule 12). Returns the size, SIZE_MAX if it does not fit; EDDY_ENGINE_STATE_MAX is enough. */
enum { EDDY_ENGINE_STATE_MAX = 1024 };
size_t eddy_engine_encode_state(const struct eddy_engine *engine, void *buffer, size_t capacity);

/* Layout: which feature and trigger each place of a profile's bytes belongs to, by name. Profiles carry the id, the layout
 * itself is written once. EDDY_LAYOUT_MAX bytes are enough. */
enum { EDDY_LAYOUT_MAX = 4096 };
uint32_t eddy_engine_layout_id(const struct eddy_engine *engine);
size_t eddy_engine_encode_layout(const struct eddy_engine *engine, void *buffer, size_t capacity);

/* The commit succeeded (rule 16): the hand has written every dirty profile of slots from .. to - 1 (at most once per commit,
 * for eviction rests on the number of passes) ... */
void eddy_engine_mark_passed(struct eddy_engine *engine, uint32_t from, uint32_t to);
/* ... and everything above was written. `all_saved`: nothing is left to replay, replay_from is the position. */
void eddy_engine_mark_committed(struct eddy_engine *engine, bool all_saved);

/* What is known about a user's membership, for views that are rebuilt from memory. False for a free slot. */
struct eddy_member {
  struct eddy_str user_id;
  bool has_segment;
  uint32_t segment;
  int64_t since; /* ms, EDDY_TIME_NONE without a segment */
};
bool eddy_engine_member(const struct eddy_engine *engine, uint32_t slot, struct eddy_member *member);
/* Slot of a user; UINT32_MAX if it has no profile. */
uint32_t eddy_engine_find(const struct eddy_engine *engine, struct eddy_str user_id);

/* The way back --------------------------------------------------------------------------------------------------------------*/

/* A new, empty engine is filled: begin (EDDY_E_INVALID if it is not empty); records in the order of the log, of each key the
 * newest counts; the state; then events; end. Bytes may be hostile. 0, EDDY_E_NOMEM (nothing has changed, may be tried again),
 * EDDY_E_CORRUPT, EDDY_E_VERSION. After an error other than NOMEM the engine may only be freed. */
int eddy_engine_recover_begin(struct eddy_engine *engine);
/* A layout comes before the profiles that were written under it. Fields that the specification does not know any more are
 * dropped, new ones are empty. */
int eddy_engine_recover_layout(struct eddy_engine *engine, const void *bytes, size_t size);
/* Makes or replaces a profile. `includes`: events before this offset are in it. `slot` may be NULL. */
int eddy_engine_recover_profile(struct eddy_engine *engine, struct eddy_str user_id, int64_t includes, const void *bytes,
                                size_t size, uint32_t *slot);
/* A tombstone; fine if there is no such profile. */
void eddy_engine_recover_gone(struct eddy_engine *engine, struct eddy_str user_id);
int eddy_engine_recover_erased(struct eddy_engine *engine, uint64_t hash, int64_t includes, int64_t erased_at);
void eddy_engine_recover_not_erased(struct eddy_engine *engine, uint64_t hash);
int eddy_engine_recover_state(struct eddy_engine *engine, const void *bytes, size_t size);
/* Folds those of the events that their user's profile or marker does not include, and makes those profiles dirty: no effect, no
 * counter, no time (rule 24). Prefetches like eddy_engine_step_batch(). Returns how many were handled: less than `count` only
 * when memory is short. */
size_t eddy_engine_recover_events(struct eddy_engine *engine, const struct eddy_event *events, const int64_t *offsets,
                                  size_t count);
/* Live from here. Counts the segments; timers are armed already. */
void eddy_engine_recover_end(struct eddy_engine *engine);

#endif
