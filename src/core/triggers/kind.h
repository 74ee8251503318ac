/* What a kind of trigger is. One file in this folder defines one and core/trigger.c has a row for it.
 *
 * Both functions are pure and are called by the thread that owns the engine, `fold` once per event that touches the tail and
 * trigger of the kind (never for one whose mode is off), `visit` any number of times. Neither allocates or fails.
 */
#ifndef EDDY_CORE_TRIGGERS_KIND_H
#define EDDY_CORE_TRIGGERS_KIND_H

#include "core/tail.h"

/* A deadline that the events known so far leave open; it may have been decided, or be closed by its cart. */
struct eddy_deadline {
  int64_t due, armed_at;
  uint16_t trigger;
  uint8_t step;
  uint16_t pair;                   /* position in eddy_tail.armed */
  uint16_t first_cause, cause_count; /* the arming events in eddy_tail.times, all at armed_at */
};
typedef void (*eddy_deadline_fn)(void *ctx, const struct eddy_deadline *deadline);

struct eddy_kind {
  /* Takes the event into the times of its subject, if it concerns the trigger, and drops times that nothing can rest on any
   * more. The tail's floor, carts and consent include the event already. */
  void (*fold)(const struct eddy_spec *spec, struct eddy_tail *tail, uint16_t trigger, const struct eddy_event *event,
               struct eddy_counters *counters);
  /* Calls `fn` for every open deadline later than the floor, in no particular order. */
  void (*visit)(const struct eddy_spec *spec, const struct eddy_tail *tail, uint16_t trigger, eddy_deadline_fn fn, void *ctx);
};

extern const struct eddy_kind eddy_kind_absence;

#endif
