/* Triggers: kinds as rows of a table, instances from the specification.
 *
 * A kind has two halves. `fold` is pure: it keeps, per (trigger, subject), the event times that its deadlines rest on. `decide`
 * fires or suppresses what is due at partition time and leaves marks. Adding a kind = one file in core/triggers/ and one row.
 */
#ifndef EDDY_CORE_TRIGGER_H
#define EDDY_CORE_TRIGGER_H

#include "core/tail.h"

/* Everything a decision may look at besides the profile. */
struct eddy_decision {
  const struct eddy_spec *spec;
  struct eddy_str user_id;
  int64_t partition_time; /* deadlines <= it are due */
  int64_t now;            /* time of publication, see eddy_engine_step_batch */
  uint64_t *next_effect;  /* numbers are taken from here */
  struct eddy_effects *effects;
  struct eddy_counters *counters;
};

/* Types that any trigger or cart of this spec cares about: other events leave the tail alone. */
eddy_event_mask eddy_triggers_mask(const struct eddy_spec *spec);

/* Folds an event into the armed times (and consent) of every trigger. `newest` as in eddy_cart_fold, which ran before. */
void eddy_triggers_fold(const struct eddy_spec *spec, struct eddy_tail *tail, const struct eddy_event *event, int64_t newest,
                        struct eddy_counters *counters);

/* Earliest deadline that is not decided yet; INT64_MAX if there is none. `partition_time` as of the last decision. */
int64_t eddy_triggers_next_due(const struct eddy_spec *spec, const struct eddy_tail *tail);

/* Decides every deadline <= partition_time, in order of (due, trigger, step, subject). Returns how many effects were appended,
 * or EDDY_E_NOMEM with tail, effects and numbers as before the call. */
int eddy_triggers_decide(const struct eddy_decision *decision, struct eddy_tail *tail);

#endif
