/* Which users changed in which commit, as seen while the changelog is read, so that Redis can be told what it missed (rule 26).
 *
 * The acknowledged commit stands in the aggregate, which comes last; hence everything is noted: 8 bytes per slot, and the ids
 * of users that became absent, up to 64 MiB. Beyond that every profile counts as changed, and those users are lost. One thread.
 */
#ifndef EDDY_STORE_CHANGED_H
#define EDDY_STORE_CHANGED_H

#include "base/memory.h"
#include "eddy/durable.h"

struct eddy_changed {
  uint64_t *sequences; /* by slot: the commit that its profile's record is of */
  size_t sequences_count;
  struct eddy_buffer gone; /* entries: u64 commit, u8 length, id */
  size_t undated;          /* entries from here on have no commit yet */
  bool overflow;
};

void eddy_changed_init(struct eddy_changed *changed, const struct eddy_allocator *allocator);
void eddy_changed_fini(struct eddy_changed *changed);

/* Room for one more profile in an engine of so many slots. 0 or EDDY_E_NOMEM. */
int eddy_changed_reserve(struct eddy_changed *changed, uint32_t slots);
void eddy_changed_profile(struct eddy_changed *changed, uint32_t slot, uint64_t sequence); /* never fails */

/* A tombstone. It does not tell its commit; the next record that does is of the same one or a newer one. 0 or EDDY_E_NOMEM. */
int eddy_changed_gone(struct eddy_changed *changed, struct eddy_str user_id);
void eddy_changed_date(struct eddy_changed *changed, uint64_t sequence);

/* Users that changed after the acknowledged commit; *cursor = 0 to start, false at the end. */
bool eddy_changed_next(const struct eddy_changed *changed, const struct eddy_engine *engine, uint64_t acknowledged,
                       size_t *cursor, struct eddy_str *user_id);

#endif
