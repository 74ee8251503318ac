/* From changelog records back to an engine (rules 22, 24, 25), without any I/O: the owner feeds what it reads.
 *
 *   READING    take() the changelog's records in order until it answers DONE: the aggregate of the committed sequence was seen
 *   REPLAYING  skip() tells which events from replay_from on live operation had refused; the others go to
 *              eddy_engine_recover_events() up to the position
 *   finish()   gives a changelog that goes on from there
 *
 * Whatever does not fit together is refused with a sentence that names what, where and what to do; nothing is guessed. One
 * thread.
 */
#ifndef EDDY_STORE_RECOVERY_H
#define EDDY_STORE_RECOVERY_H

#include "store/changelog.h"

struct eddy_recovery;

struct eddy_recovery_options {
  struct eddy_changelog_options changelog; /* engine: new and empty */
  bool expect_nothing;                     /* no offset is committed: any record is a contradiction ... */
  bool adopt_newest; /* ... or, with this, what to go on from: the newest aggregate (--offsets-from-profiles) */
  uint64_t sequence; /* that of the committed offset */
  int64_t position;  /* the committed offset */
};

int eddy_recovery_new(struct eddy_recovery **recovery, const struct eddy_recovery_options *options); /* 0, EDDY_E_NOMEM */
void eddy_recovery_free(struct eddy_recovery *recovery);

enum eddy_recovery_result {
  EDDY_RECOVERY_MORE,
  EDDY_RECOVERY_DONE,    /* the aggregate of the sequence was taken */
  EDDY_RECOVERY_NEWER,   /* somebody has committed since the offset was read: find it again and start anew */
  EDDY_RECOVERY_NOMEM,   /* nothing changed: take it again later */
  EDDY_RECOVERY_REFUSED, /* see `why` */
};
/* One record; value NULL = tombstone. */
enum eddy_recovery_result eddy_recovery_take(struct eddy_recovery *recovery, const void *key, size_t key_size,
                                             const void *value, size_t value_size, int64_t offset, char *why, size_t why_size);
/* The end of the changelog was reached. MORE if the aggregate may still come (its marker is on the way). Where nothing was
 * expected: DONE if nothing was found or adopt_newest took what was there, else REFUSED. */
enum eddy_recovery_result eddy_recovery_at_end(struct eddy_recovery *recovery, char *why, size_t why_size);
/* True if adopt_newest found something; the commit that is gone on from. */
bool eddy_recovery_adopted(const struct eddy_recovery *recovery, struct eddy_changelog_place *place);
/* Rule 23. 0, or -1 with a sentence: log start <= replay_from <= position <= log end. `accept_loss`: events between replay_from
 * and the start are given up; if the start is beyond the position, live operation begins at the start. Sets where the replay
 * begins. */
int eddy_recovery_check_log(struct eddy_recovery *recovery, int64_t log_start, int64_t log_end, bool accept_loss, char *why,
                            size_t why_size);

int64_t eddy_recovery_replay_from(const struct eddy_recovery *recovery);
/* Where live operation begins: the position, or the start of the log if that is beyond it and the loss was accepted. */
int64_t eddy_recovery_position(const struct eddy_recovery *recovery);
/* True if live operation had refused the event at this offset. Cheapest in ascending order. */
bool eddy_recovery_skip(struct eddy_recovery *recovery, int64_t offset);
/* Valid from DONE on; state is not kept. NULL if nothing was found. */
const struct eddy_aggregate *eddy_recovery_aggregate(const struct eddy_recovery *recovery);
uint64_t eddy_recovery_records(const struct eddy_recovery *recovery);
uint64_t eddy_recovery_bytes(const struct eddy_recovery *recovery);

/* Users that changed in commits which Redis has not acknowledged, by the aggregate; some that did not may be among them.
 * *cursor = 0 to start, false at the end. What is true of each is in the engine: no profile = gone. Nobody if the aggregate
 * knows nothing of Redis: all of it has to be sent then. Of more than some million users that are gone, those are missing (and
 * every user is told): only `eddy redis rebuild` drops them. To be called before the engine is live. */
bool eddy_recovery_next_changed(const struct eddy_recovery *recovery, size_t *cursor, struct eddy_str *user_id);

/* Ends the recovery: the engine is live. 0 or EDDY_E_NOMEM. */
int eddy_recovery_finish(struct eddy_recovery *recovery, struct eddy_changelog **changelog);

#endif
