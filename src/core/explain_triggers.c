#include "core/explain_triggers.h"

#include "base/assert.h"
#include "core/consent.h"
#include "core/trigger.h"

_Static_assert((int)EDDY_EXPLAINED_PENDING_MAX == (int)EDDY_TAIL_ARMED_MAX * (int)EDDY_STEPS_MAX,
               "one per step, trigger and subject");
_Static_assert((int)EDDY_EXPLAINED_DECIDED_MAX == (int)EDDY_TAIL_MARKS_MAX, "every mark");

struct work {
  const struct eddy_known *known;
  struct eddy_explanation *explanation;
};

/* What was decided ----------------------------------------------------------------------------------------------------------*/

static int trigger_of(const struct eddy_spec *spec, const struct eddy_fired_mark *mark) {
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    if (eddy_mark_of_trigger(mark, &spec->triggers[i])) return i;
  }
  return -1;
}

/* A mark keeps no more than a hash of its subject: absent if nothing that is known has it. */
static struct eddy_str subject_of(const struct eddy_tail *tail, const struct eddy_fired_mark *mark) {
  if (eddy_mark_of_subject(mark, EDDY_STR(""))) return EDDY_STR("");
  for (uint16_t i = 0; i < tail->armed_count; i++) {
    if (eddy_mark_of_subject(mark, tail->armed[i].subject)) return tail->armed[i].subject;
  }
  for (uint16_t i = 0; i < tail->cart_count; i++) {
    if (eddy_mark_of_subject(mark, tail->carts[i].cart_id)) return tail->carts[i].cart_id;
  }
  return (struct eddy_str){0};
}

/* Behind those that were due later, and of one instant behind none: the newest decision comes first. */
static void insert_decided(struct eddy_explanation *explanation, const struct eddy_explained_decided *decided) {
  EDDY_ASSERT(explanation->decided_count < EDDY_EXPLAINED_DECIDED_MAX);
  uint16_t at = explanation->decided_count++;
  for (; at > 0 && explanation->decided[at - 1].due_at <= decided->due_at; at--) {
    explanation->decided[at] = explanation->decided[at - 1];
  }
  explanation->decided[at] = *decided;
}

static void list_decided(const struct work *work) {
  const struct eddy_spec *spec = work->known->compiled->spec;
  const struct eddy_tail *tail = work->known->tail;
  for (uint16_t i = 0; i < tail->mark_count; i++) {
    const struct eddy_fired_mark *mark = &tail->marks[i];
    int trigger = trigger_of(spec, mark);
    if (trigger < 0) continue; /* it is no longer in the specification */
    struct eddy_explained_decided decided = {.trigger = (uint16_t)trigger,
                                             .step = mark->step,
                                             .fired = mark->fired,
                                             .subject = subject_of(tail, mark),
                                             .due_at = mark->due};
    insert_decided(work->explanation, &decided);
  }
}

static void note_decided(struct work *work) {
  struct eddy_explanation *explanation = work->explanation;
  for (uint16_t i = 0; i < explanation->decided_count; i++) {
    const struct eddy_explained_decided *decided = &explanation->decided[i];
    struct eddy_explained_trigger *trigger = &explanation->triggers[decided->trigger];
    int64_t cooldown = work->known->compiled->spec->triggers[decided->trigger].cooldown_ms;
    int64_t until = eddy_time_add(decided->due_at, cooldown);
    if (decided->fired && cooldown > 0 && until > explanation->now && until > trigger->cooldown_until) {
      trigger->cooldown_until = until;
    }
    if (trigger->decided_due != EDDY_TIME_NONE) continue; /* newest first */
    trigger->decided_due = decided->due_at;
    trigger->decided_fired = decided->fired;
  }
}

/* What waits ----------------------------------------------------------------------------------------------------------------*/

/* The earliest deadline of the most hopeful standing; those come first in enum eddy_standing. */
static void note(const struct work *work, const struct eddy_deadline *deadline, enum eddy_standing standing) {
  struct eddy_explained_trigger *trigger = &work->explanation->triggers[deadline->trigger];
  if (standing > trigger->standing || (standing == trigger->standing && deadline->due >= trigger->due_at)) return;
  trigger->standing = standing;
  trigger->due_at = deadline->due;
  trigger->subject = work->known->tail->armed[deadline->pair].subject;
}

/* Later than every decision and yet closed by one: its cart has had its trigger. */
static void note_marked(void *ctx, const struct eddy_deadline *deadline) {
  const struct work *work = ctx;
  if (deadline->due > work->explanation->triggers[deadline->trigger].decided_due) note(work, deadline, EDDY_STANDING_ONCE);
}

static void note_emptied(void *ctx, const struct eddy_deadline *deadline) {
  note(ctx, deadline, EDDY_STANDING_EMPTIED);
}

static void note_pending(void *ctx, const struct eddy_deadline *deadline, enum eddy_suppression outcome) {
  struct work *work = ctx;
  const struct eddy_tail *tail = work->known->tail;
  struct eddy_explanation *explanation = work->explanation;
  note(work, deadline, EDDY_STANDING_PENDING);
  if (explanation->pending_count == EDDY_EXPLAINED_PENDING_MAX) {
    explanation->pending_left_out++;
    return;
  }
  explanation->pending[explanation->pending_count++] = (struct eddy_explained_pending){
      .trigger = deadline->trigger,
      .step = deadline->step,
      .subject = tail->armed[deadline->pair].subject,
      .armed_at = deadline->armed_at,
      .due_at = deadline->due,
      .armed_by = (enum eddy_event_type)tail->times[deadline->first_cause].type,
      .outcome = outcome,
  };
}

/* What is past --------------------------------------------------------------------------------------------------------------*/

/* Newest event of one of `types` that an age feature tells of; *which = the types that it may have been. */
static int64_t newest_by_age(const struct eddy_known *known, eddy_event_mask types, eddy_event_mask *which) {
  const struct eddy_spec_compiled *compiled = known->compiled;
  int64_t newest = EDDY_TIME_NONE;
  for (uint16_t i = 0; i < compiled->spec->feature_count; i++) {
    const struct eddy_feature_spec *feature = &compiled->spec->features[i];
    if (feature->fold != EDDY_FOLD_AGE || (feature->on & ~types) != 0) continue;
    int64_t at = eddy_profile_ages(compiled, known->profile)[compiled->feature_place[i]];
    if (at <= newest) continue;
    newest = at;
    *which = feature->on;
  }
  return newest;
}

/* Whether a feature still counts an event of one of `types`. */
static bool is_counted(const struct work *work, eddy_event_mask types) {
  const struct eddy_spec *spec = work->known->compiled->spec;
  for (uint16_t i = 0; i < spec->feature_count; i++) {
    const struct eddy_feature_spec *feature = &spec->features[i];
    if (feature->fold == EDDY_FOLD_COUNT && (feature->on & ~types) == 0 && work->explanation->features[i].values[0] > 0)
      return true;
  }
  return false;
}

/* Newest time kept for a trigger: of events that arm, or of those that only end. */
static int64_t newest_kept(const struct eddy_tail *tail, uint16_t trigger, bool arms) {
  int64_t newest = EDDY_TIME_NONE;
  for (uint16_t i = 0; i < tail->armed_count; i++) {
    const struct eddy_armed *pair = &tail->armed[i];
    for (uint16_t j = 0; j < pair->time_count && pair->trigger == trigger; j++) {
      const struct eddy_armed_time *time = &tail->times[pair->first_time + j];
      if (time->arms == arms && time->time > newest) newest = time->time;
    }
  }
  return newest;
}

/* Lines of carts are there because something was added. */
static int64_t newest_line(const struct eddy_explanation *explanation) {
  int64_t newest = EDDY_TIME_NONE;
  for (uint16_t i = 0; i < explanation->line_count; i++) {
    if (explanation->lines[i].added_at > newest) newest = explanation->lines[i].added_at;
  }
  return newest;
}

static int64_t seen_at(const struct work *work, uint16_t position) {
  const eddy_event_mask adds = EDDY_EVENT_BIT(EDDY_PRODUCT_ADDED) | EDDY_EVENT_BIT(EDDY_CART_UPDATED);
  const struct eddy_trigger_spec *trigger = &work->known->compiled->spec->triggers[position];
  eddy_event_mask which;
  int64_t kept = newest_kept(work->known->tail, position, true), aged = newest_by_age(work->known, trigger->after, &which);
  int64_t line = (adds & ~trigger->after) == 0 ? newest_line(work->explanation) : EDDY_TIME_NONE;
  int64_t newest = kept > aged ? kept : aged;
  return line > newest ? line : newest;
}

static void find_end(const struct work *work, uint16_t position, struct eddy_explained_trigger *trigger) {
  const struct eddy_trigger_spec *spec = &work->known->compiled->spec->triggers[position];
  eddy_event_mask which = 0;
  int64_t end = newest_by_age(work->known, spec->without, &which);
  int64_t kept = newest_kept(work->known->tail, position, false);
  if (kept > end) {
    end = kept;
    which = spec->without;
  }
  if (work->explanation->unsubscribed_at >= end) {
    end = work->explanation->unsubscribed_at;
    which = 0;
  }
  if (end == EDDY_TIME_NONE || end < trigger->seen_at) return;
  /* Later than the last deadline it has ended nothing. */
  bool known = trigger->seen_at != EDDY_TIME_NONE;
  if (known && end > eddy_time_add(trigger->seen_at, spec->wait_ms[spec->step_count - 1])) return;
  trigger->ended_at = end;
  trigger->ended_by = which;
}

static void judge_past(const struct work *work, uint16_t position) {
  struct eddy_explained_trigger *trigger = &work->explanation->triggers[position];
  const struct eddy_trigger_spec *spec = &work->known->compiled->spec->triggers[position];
  trigger->seen_at = seen_at(work, position);
  if (trigger->standing != EDDY_STANDING_UNSEEN) return;
  if (trigger->decided_due != EDDY_TIME_NONE && trigger->seen_at <= trigger->decided_due) {
    trigger->standing = EDDY_STANDING_DECIDED;
  } else if (trigger->seen_at != EDDY_TIME_NONE || is_counted(work, spec->after)) {
    trigger->standing = EDDY_STANDING_ENDED;
    find_end(work, position, trigger);
  }
}

/* All of it -----------------------------------------------------------------------------------------------------------------*/

void eddy_explain_triggers(const struct eddy_known *known, struct eddy_explanation *explanation) {
  const struct eddy_spec *spec = known->compiled->spec;
  struct work work = {known, explanation};
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    explanation->triggers[i] = (struct eddy_explained_trigger){
        .standing = EDDY_STANDING_UNSEEN,
        .due_at = EDDY_TIME_NONE,
        .decided_due = EDDY_TIME_NONE,
        .cooldown_until = EDDY_TIME_NONE,
        .seen_at = EDDY_TIME_NONE,
        .ended_at = EDDY_TIME_NONE,
    };
  }
  list_decided(&work);
  note_decided(&work);
  eddy_triggers_visit_closed(spec, known->tail, note_marked, note_emptied, &work);
  eddy_triggers_foresee(spec, known->tail, known->partition_time, known->published_at, note_pending,
                        &work); /* last: it leaves marks */
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    judge_past(&work, i);
    if (spec->triggers[i].mode == EDDY_MODE_OFF) explanation->triggers[i].standing = EDDY_STANDING_OFF;
  }
}
