/* Triggers: kinds as rows of a table, instances from the specification.
 *
 * A kind has two halves. `fold` is pure: it keeps, per (trigger, subject), the event times that its deadlines rest on. `decide`
 * fires or suppresses what is due at partition time and leaves marks. Adding a kind = one file in core/triggers/ and one row.
 *
 * What closes a deadline silently besides its own exits:
 * - an unsubscribe, complaint or hard bounce of the user between the arming event and the deadline;
 * - a cart that was emptied: a trigger whose payload or subject is the cart looks at it (subject user: at all carts together)
 *   as of the deadline, and an empty one that ever held something (eddy_cart_emptied) cancels. A cart that never held anything,
 *   because the additions carry no items, does not. A trigger with subject user and payload none never looks at a cart;
 * - a mark: the deadline was decided before, or the same step of a subject with an id has fired and the arming event is not
 *   later than cart_ttl after that.
 *
 * Cost: O(tail) per call and per deadline decided. Thread: whoever owns the engine.
 */
#ifndef EDDY_CORE_TRIGGER_H
#define EDDY_CORE_TRIGGER_H

#include "core/tail.h"
#include "core/triggers/kind.h"

/* Everything a decision may look at besides the profile. */
struct eddy_decision {
  const struct eddy_spec *spec;
  struct eddy_str user_id;
  int64_t partition_time; /* deadlines <= it are due */
  int64_t now;            /* of publication; EDDY_TIME_NONE = partition time, nothing is too late */
  uint64_t *next_effect;  /* numbers are taken from here */
  struct eddy_effects *effects;
  struct eddy_counters *counters; /* triggers_fired, triggers_suppressed, limit_fired_marks */
};

/* Types that any trigger or cart of this spec cares about: other events leave the tail alone. */
eddy_event_mask eddy_triggers_mask(const struct eddy_spec *spec);

/* Folds an event into the armed times (and consent) of every trigger. `newest` as in eddy_cart_fold, which ran before. */
void eddy_triggers_fold(const struct eddy_spec *spec, struct eddy_tail *tail, const struct eddy_event *event, int64_t newest,
                        struct eddy_counters *counters);

/* Earliest deadline that is not decided yet; INT64_MAX if there is none. */
int64_t eddy_triggers_next_due(const struct eddy_spec *spec, const struct eddy_tail *tail);

/* Decides every deadline <= partition_time, in order of (due, trigger, step, subject). Returns how many effects were appended,
 * or EDDY_E_NOMEM with tail, effects and numbers as before the call. Marks change only together with an effect. */
int eddy_triggers_decide(const struct eddy_decision *decision, struct eddy_tail *tail);

/* For people who ask ------------------------------------------------------------------------------------------------------- */

/* Calls `fn` with what eddy_triggers_decide() would decide, in that order, as partition time goes on and nothing more happens;
 * each in time, but for what is due already. Marks are left in the tail on the way as deciding would leave them. */
typedef void (*eddy_foreseen_fn)(void *ctx, const struct eddy_deadline *deadline, enum eddy_suppression outcome);
void eddy_triggers_foresee(const struct eddy_spec *spec, struct eddy_tail *tail, int64_t partition_time, int64_t published_at,
                           eddy_foreseen_fn fn, void *ctx);

/* Calls the functions for every open deadline that a mark closes, or else its emptied cart; in no particular order. */
void eddy_triggers_visit_closed(const struct eddy_spec *spec, const struct eddy_tail *tail, eddy_deadline_fn marked,
                                eddy_deadline_fn emptied, void *ctx);

/* Whether a mark is about this trigger; about this subject. */
bool eddy_mark_of_trigger(const struct eddy_fired_mark *mark, const struct eddy_trigger_spec *trigger);
bool eddy_mark_of_subject(const struct eddy_fired_mark *mark, struct eddy_str subject);

#endif
