/* fold: what an event does to its user's profile, and nothing else (invariants 1 and 2, DURABILITY rule 1).
 *
 * A pure function of profile and event: it sees no model, no partition time, no wall clock and no generator. `counters` are
 * written and never read. In three parts, so that everything that needs memory can happen between them:
 *   plan    looks: is the event a duplicate, too old, the first of a new life?
 *   tail    changes the working tail (only for event types that concern it)
 *   record  changes the fixed record, and returns the weight with which the user may teach the trainer
 * Builds with AddressSanitizer, or with EDDY_CHECK_FOLD defined, fold everything twice and compare the bytes.
 */
#ifndef EDDY_CORE_ENGINE_FOLD_H
#define EDDY_CORE_ENGINE_FOLD_H

#include "core/profile.h"
#include "core/tail.h"

#if defined(__SANITIZE_ADDRESS__) && !defined(EDDY_CHECK_FOLD)
#define EDDY_CHECK_FOLD 1
#endif

enum eddy_fold_action {
  EDDY_FOLD_EVENT,        /* all of it */
  EDDY_FOLD_CONSENT_ONLY, /* older than the idle TTL allows: it belongs to a life that ended, but consent survives that */
  EDDY_FOLD_DUPLICATE,    /* nothing */
};

struct eddy_fold_plan {
  enum eddy_fold_action action;
  bool afresh;      /* the user was silent for longer than the idle TTL: empty the profile first */
  int64_t newest;   /* the user's newest event time including this event */
  uint64_t id_hash; /* of the event id; 0: none */
};

/* `profile` NULL = unknown user. */
struct eddy_fold_plan eddy_fold_plan(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile,
                                     const struct eddy_event *event);

/* Whether the plan may change a tail of that size. */
bool eddy_fold_needs_tail(const struct eddy_spec_compiled *compiled, const struct eddy_fold_plan *plan,
                          const struct eddy_event *event, uint32_t tail_size);
void eddy_fold_tail(const struct eddy_spec_compiled *compiled, const struct eddy_fold_plan *plan,
                    const struct eddy_event *event, struct eddy_tail *tail, struct eddy_counters *counters);

/* Makes a tail that has grown too large smaller: facts go first, then the oldest cart lines; when deadlines are due stays
 * known. False if nothing of that kind is left. */
bool eddy_fold_shed(const struct eddy_spec_compiled *compiled, struct eddy_tail *tail, struct eddy_counters *counters);

/* Returns the weight of the contribution, 0 for none. */
float eddy_fold_record(const struct eddy_spec_compiled *compiled, const struct eddy_fold_plan *plan,
                       const struct eddy_event *event, struct eddy_profile *profile, struct eddy_counters *counters);

/* An empty life: all folded fields of the record as before the first event. */
void eddy_profile_empty(const struct eddy_spec_compiled *compiled, struct eddy_profile *profile);
/* Drops everything of a tail but the consent. */
void eddy_tail_keep_consent(struct eddy_tail *tail);

/* Weight of a contribution at `time` by the time since the user's last one (ALGORITHMS 3.4); moves last_contribution if it is
 * not 0. */
float eddy_profile_contribute(struct eddy_profile *profile, int64_t time);

#endif
