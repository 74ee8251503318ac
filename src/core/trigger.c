#include "core/trigger.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "core/cart.h"
#include "core/consent.h"
#include "core/effects.h"
#include "core/triggers/kind.h"

static const struct eddy_kind *const kinds[] = {
    [EDDY_TRIGGER_ABSENCE] = &eddy_kind_absence,
};

/* A fire this long after due + lateness says that the engine was behind. */
#define LATE_AFTER_MS EDDY_MINUTE_MS

/* Folding
 * --------------------------------------------------------------------------------------------------------------------*/

static bool active(const struct eddy_trigger_spec *trigger) {
  return trigger->mode != EDDY_MODE_OFF;
}

eddy_event_mask eddy_triggers_mask(const struct eddy_spec *spec) {
  eddy_event_mask mask = EDDY_EVENT_BIT(EDDY_PRODUCT_ADDED) | EDDY_EVENT_BIT(EDDY_PRODUCT_REMOVED) |
                         EDDY_EVENT_BIT(EDDY_CART_UPDATED) | EDDY_EVENT_BIT(EDDY_ORDER_COMPLETED) | eddy_consent_mask();
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    if (active(&spec->triggers[i])) {
      mask |= spec->triggers[i].after | spec->triggers[i].without;
    }
  }
  return mask;
}

void eddy_triggers_fold(const struct eddy_spec *spec, struct eddy_tail *tail, const struct eddy_event *event, int64_t newest,
                        struct eddy_counters *counters) {
  eddy_tail_raise_floor(tail, spec, newest);
  eddy_consent_fold(tail, event);
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    if (active(&spec->triggers[i])) {
      kinds[spec->triggers[i].kind]->fold(spec, tail, i, event, counters);
    }
  }
  eddy_consent_tidy(tail);
}

/* Marks
 * ----------------------------------------------------------------------------------------------------------------------*/

/* What a mark is about. */
struct key {
  uint64_t subject_hash;
  uint32_t trigger_hash;
  uint8_t step;
};

static uint32_t hash_of_trigger(const struct eddy_trigger_spec *trigger) {
  return (uint32_t)eddy_hash_stable(trigger->name, strnlen(trigger->name, sizeof trigger->name));
}

static uint64_t hash_of_subject(struct eddy_str subject) {
  if (subject.len == 0) {
    return 0;
  }
  uint64_t hash = eddy_hash_stable(subject.data, subject.len);
  return hash != 0 ? hash : 1;
}

static struct key key_of(const struct eddy_spec *spec, const struct eddy_tail *tail, const struct eddy_deadline *deadline) {
  return (struct key){.subject_hash = hash_of_subject(tail->armed[deadline->pair].subject),
                      .trigger_hash = hash_of_trigger(&spec->triggers[deadline->trigger]),
                      .step = deadline->step};
}

static bool same_key(const struct eddy_fired_mark *mark, const struct key *key) {
  return mark->step == key->step && mark->trigger_hash == key->trigger_hash && mark->subject_hash == key->subject_hash;
}

/* Judged by times alone, not by what has been dropped meanwhile: the outcome must not depend on when that happens. */
static bool covers(const struct eddy_spec *spec, const struct eddy_fired_mark *mark, const struct key *key,
                   const struct eddy_deadline *deadline) {
  if (!same_key(mark, key)) {
    return false;
  }
  bool once = mark->fired && key->subject_hash != 0 && deadline->armed_at <= eddy_time_add(mark->due, spec->cart_ttl_ms);
  return once || deadline->due <= mark->due;
}

static bool decided(const struct eddy_spec *spec, const struct eddy_tail *tail, const struct eddy_deadline *deadline) {
  if (tail->mark_count == 0) {
    return false;
  }
  struct key key = key_of(spec, tail, deadline);
  for (uint16_t i = 0; i < tail->mark_count; i++) {
    if (covers(spec, &tail->marks[i], &key, deadline)) {
      return true;
    }
  }
  return false;
}

static void remove_mark(struct eddy_tail *tail, uint16_t at) {
  tail->mark_count--;
  memmove(&tail->marks[at], &tail->marks[at + 1], (size_t)(tail->mark_count - at) * sizeof tail->marks[0]);
}

/* How long after its due time a mark may still matter to an event in time. */
static int64_t mark_life(const struct eddy_spec *spec, const struct eddy_fired_mark *mark) {
  int64_t life = spec->cart_ttl_ms;
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    const struct eddy_trigger_spec *trigger = &spec->triggers[i];
    if (hash_of_trigger(trigger) == mark->trigger_hash && trigger->step_count > 0) {
      life = eddy_time_add(life, trigger->wait_ms[trigger->step_count - 1]);
      life = trigger->cooldown_ms > life ? trigger->cooldown_ms : life;
    }
  }
  return life;
}

static void drop_old_marks(const struct eddy_spec *spec, struct eddy_tail *tail) {
  uint16_t kept = 0;
  for (uint16_t i = 0; i < tail->mark_count; i++) {
    if (eddy_time_add(tail->marks[i].due, mark_life(spec, &tail->marks[i])) >= tail->floor) {
      tail->marks[kept++] = tail->marks[i];
    }
  }
  tail->mark_count = kept;
}

/* Which marks guard a deadline: it can still be found and would be decided again without the mark. */
struct guards {
  const struct eddy_spec *spec;
  const struct eddy_tail *tail;
  bool marks[EDDY_TAIL_MARKS_MAX];
};

static void note_guards(void *ctx, const struct eddy_deadline *deadline) {
  struct guards *guards = ctx;
  struct key key = key_of(guards->spec, guards->tail, deadline);
  for (uint16_t i = 0; i < guards->tail->mark_count; i++) {
    guards->marks[i] = guards->marks[i] || covers(guards->spec, &guards->tail->marks[i], &key, deadline);
  }
}

/* Position of the oldest mark that guards nothing; the number of marks if there is none. */
static uint16_t find_idle_mark(const struct eddy_spec *spec, const struct eddy_tail *tail) {
  struct guards guards = {.spec = spec, .tail = tail};
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    if (active(&spec->triggers[i])) {
      kinds[spec->triggers[i].kind]->visit(spec, tail, i, note_guards, &guards);
    }
  }
  uint16_t at = 0;
  while (at < tail->mark_count && guards.marks[at]) {
    at++;
  }
  return at;
}

/* Beyond the limit the oldest mark goes that guards nothing; marks that do are at most two for each pair and step. */
static void limit_marks(const struct eddy_decision *decision, struct eddy_tail *tail) {
  while (tail->mark_count > 0 &&
         (tail->mark_count >= decision->spec->limits.fired_marks || tail->mark_count >= EDDY_TAIL_MARKS_MAX)) {
    uint16_t victim = find_idle_mark(decision->spec, tail);
    if (victim == tail->mark_count && tail->mark_count < EDDY_TAIL_MARKS_MAX) {
      return;
    }
    remove_mark(tail, victim < tail->mark_count ? victim : 0);
    decision->counters->limit_fired_marks++;
  }
}

/* A fire replaces what was marked; a suppression leaves the last fire, which the cooldown and the subject's id rest on. */
static void leave_mark(const struct eddy_decision *decision, struct eddy_tail *tail, const struct eddy_deadline *deadline,
                       bool fired) {
  struct key key = key_of(decision->spec, tail, deadline);
  for (uint16_t i = tail->mark_count; i-- > 0;) {
    if (same_key(&tail->marks[i], &key) && (fired || !tail->marks[i].fired)) {
      remove_mark(tail, i);
    }
  }
  limit_marks(decision, tail);
  tail->marks[tail->mark_count++] = (struct eddy_fired_mark){.subject_hash = key.subject_hash,
                                                             .due = deadline->due,
                                                             .trigger_hash = key.trigger_hash,
                                                             .step = key.step,
                                                             .fired = fired};
}

/* Finding what is due
 * --------------------------------------------------------------------------------------------------------*/

/* All carts for subject user. */
static struct eddy_str cart_of(const struct eddy_spec *spec, const struct eddy_tail *tail,
                               const struct eddy_deadline *deadline) {
  bool user = spec->triggers[deadline->trigger].subject == EDDY_SUBJECT_USER;
  return user ? (struct eddy_str){0} : tail->armed[deadline->pair].subject;
}

static bool closed_by_cart(const struct eddy_spec *spec, const struct eddy_tail *tail, const struct eddy_deadline *deadline) {
  const struct eddy_trigger_spec *trigger = &spec->triggers[deadline->trigger];
  bool looks = trigger->payload == EDDY_PAYLOAD_CART || trigger->subject == EDDY_SUBJECT_CART;
  return looks && eddy_cart_emptied(spec, tail, cart_of(spec, tail, deadline), deadline->due);
}

/* Pairs are in the order of their subjects. */
static int compare_deadlines(const struct eddy_deadline *a, const struct eddy_deadline *b) {
  if (a->due != b->due) {
    return a->due < b->due ? -1 : 1;
  }
  int order = (a->trigger > b->trigger) - (a->trigger < b->trigger);
  order = order != 0 ? order : (a->step > b->step) - (a->step < b->step);
  return order != 0 ? order : (a->pair > b->pair) - (a->pair < b->pair);
}

/* The first deadline after another that is to be decided. */
struct search {
  const struct eddy_spec *spec;
  const struct eddy_tail *tail;
  const struct eddy_deadline *after; /* or NULL */
  bool found;
  struct eddy_deadline first;
};

static void consider(void *ctx, const struct eddy_deadline *deadline) {
  struct search *search = ctx;
  if ((search->after != NULL && compare_deadlines(deadline, search->after) <= 0) ||
      (search->found && compare_deadlines(deadline, &search->first) >= 0) || decided(search->spec, search->tail, deadline) ||
      closed_by_cart(search->spec, search->tail, deadline)) {
    return;
  }
  search->found = true;
  search->first = *deadline;
}

static bool find_next(const struct eddy_spec *spec, const struct eddy_tail *tail, const struct eddy_deadline *after,
                      struct eddy_deadline *found) {
  struct search search = {.spec = spec, .tail = tail, .after = after};
  for (uint16_t i = 0; i < spec->trigger_count && tail->armed_count > 0; i++) {
    if (active(&spec->triggers[i])) {
      kinds[spec->triggers[i].kind]->visit(spec, tail, i, consider, &search);
    }
  }
  *found = search.first;
  return search.found;
}

int64_t eddy_triggers_next_due(const struct eddy_spec *spec, const struct eddy_tail *tail) {
  struct eddy_deadline next;
  return find_next(spec, tail, NULL, &next) ? next.due : INT64_MAX;
}

/* Deciding
 * -------------------------------------------------------------------------------------------------------------------*/

static bool cooling_down(const struct eddy_decision *decision, const struct eddy_tail *tail,
                         const struct eddy_deadline *deadline) {
  const struct eddy_trigger_spec *trigger = &decision->spec->triggers[deadline->trigger];
  if (trigger->cooldown_ms <= 0) {
    return false;
  }
  uint32_t trigger_hash = hash_of_trigger(trigger);
  for (uint16_t i = 0; i < tail->mark_count; i++) {
    const struct eddy_fired_mark *mark = &tail->marks[i];
    if (mark->fired && mark->trigger_hash == trigger_hash && eddy_time_sub(deadline->due, mark->due) < trigger->cooldown_ms) {
      return true;
    }
  }
  return false;
}

/* Shadow comes last, so that it shows exactly what would have been sent. */
static enum eddy_suppression suppression_of(const struct eddy_decision *decision, const struct eddy_tail *tail,
                                            const struct eddy_deadline *deadline) {
  const struct eddy_trigger_spec *trigger = &decision->spec->triggers[deadline->trigger];
  if (deadline->due < decision->spec->publish_after_ms) {
    return EDDY_SUPPRESS_BACKFILL;
  }
  if (decision->now != EDDY_TIME_NONE && trigger->max_lateness_ms != INT64_MAX &&
      eddy_time_sub(decision->now, deadline->due) > trigger->max_lateness_ms) {
    return EDDY_SUPPRESS_TOO_LATE;
  }
  if (eddy_consent_withdrawn(tail, deadline->due)) {
    return EDDY_SUPPRESS_UNSUBSCRIBED;
  }
  if (cooling_down(decision, tail, deadline)) {
    return EDDY_SUPPRESS_COOLDOWN;
  }
  return trigger->mode == EDDY_MODE_SHADOW ? EDDY_SUPPRESS_SHADOW : EDDY_SUPPRESS_NONE;
}

/* Length-prefixed, so that no two triggers share their bytes; the prefix tells the two halves apart. */
static uint64_t hash_identity(const struct eddy_decision *decision, const struct eddy_trigger_fired *fired, uint8_t prefix) {
  const struct eddy_trigger_spec *trigger = &decision->spec->triggers[fired->trigger];
  uint8_t bytes[2 * 256 + EDDY_NAME_MAX + 64];
  struct eddy_writer writer;
  eddy_writer_init(&writer, bytes, sizeof bytes);
  eddy_write_u8(&writer, prefix);
  eddy_write_string(&writer, decision->user_id);
  eddy_write_string(&writer, (struct eddy_str){trigger->name, (uint32_t)strnlen(trigger->name, sizeof trigger->name)});
  eddy_write_string(&writer, fired->subject);
  eddy_write_u8(&writer, fired->step);
  eddy_write_u64(&writer, (uint64_t)fired->due_at);
  EDDY_ASSERT(!writer.overflow); /* user ids have EDDY_USER_ID_MAX bytes, subjects EDDY_TAIL_ID_MAX */
  return eddy_hash_stable(bytes, eddy_writer_size(&writer));
}

static void copy_cart(const struct eddy_decision *decision, const struct eddy_tail *tail, const struct eddy_deadline *deadline,
                      struct eddy_trigger_fired *fired) {
  struct eddy_cart_line lines[EDDY_TAIL_LINES_MAX];
  struct eddy_effects *effects = decision->effects;
  struct eddy_str currency;
  fired->line_count = eddy_cart_read(decision->spec, tail, cart_of(decision->spec, tail, deadline), deadline->due, lines,
                                     &fired->cart_value, &currency);
  for (uint16_t i = 0; i < fired->line_count; i++) {
    lines[i].product_id = eddy_effects_copy_str(effects, lines[i].product_id);
    lines[i].name = eddy_effects_copy_str(effects, lines[i].name);
    lines[i].category = eddy_effects_copy_str(effects, lines[i].category);
  }
  fired->lines = eddy_effects_copy(effects, lines, fired->line_count * sizeof lines[0]);
  fired->currency = eddy_effects_copy_str(effects, currency);
}

static void fill_times(const struct eddy_decision *decision, const struct eddy_deadline *deadline,
                       struct eddy_trigger_fired *fired) {
  const struct eddy_trigger_spec *trigger = &decision->spec->triggers[deadline->trigger];
  fired->armed_at = deadline->armed_at;
  fired->due_at = deadline->due;
  fired->fired_at = decision->partition_time;
  fired->published_at = decision->now != EDDY_TIME_NONE ? decision->now : decision->partition_time;
  fired->expires_at = trigger->expires_ms > 0 ? eddy_time_add(deadline->due, trigger->expires_ms) : EDDY_TIME_NONE;
  int64_t in_time = eddy_time_add(eddy_time_add(deadline->due, decision->spec->allowed_lateness_ms), LATE_AFTER_MS);
  fired->late = decision->partition_time > in_time;
}

static void append_effect(const struct eddy_decision *decision, const struct eddy_tail *tail,
                          const struct eddy_deadline *deadline, enum eddy_suppression suppression) {
  struct eddy_effects *effects = decision->effects;
  struct eddy_effect *effect = eddy_effects_push(effects);
  effect->kind = suppression == EDDY_SUPPRESS_NONE ? EDDY_TRIGGER_FIRED : EDDY_TRIGGER_SUPPRESSED;
  effect->number = (*decision->next_effect)++;
  effect->user_id = eddy_effects_copy_str(effects, decision->user_id);
  struct eddy_trigger_fired *fired = &effect->as.trigger;
  fired->trigger = deadline->trigger;
  fired->step = deadline->step;
  fired->suppression = suppression;
  fired->subject = eddy_effects_copy_str(effects, tail->armed[deadline->pair].subject);
  fill_times(decision, deadline, fired);
  const struct eddy_armed_time *causes = &tail->times[deadline->first_cause];
  fired->armed_by = (enum eddy_event_type)causes[0].type;
  for (uint16_t i = 0; i < deadline->cause_count && fired->cause_count < EDDY_CAUSES_MAX; i++) {
    if (causes[i].event_id.data != NULL) {
      fired->cause_event_ids[fired->cause_count++] = eddy_effects_copy_str(effects, causes[i].event_id);
    }
  }
  if (decision->spec->triggers[deadline->trigger].payload == EDDY_PAYLOAD_CART) {
    copy_cart(decision, tail, deadline, fired);
  }
  fired->trigger_id[0] = hash_identity(decision, fired, 0);
  fired->trigger_id[1] = hash_identity(decision, fired, 1);
}

static void decide_one(const struct eddy_decision *decision, struct eddy_tail *tail, const struct eddy_deadline *deadline) {
  enum eddy_suppression suppression = suppression_of(decision, tail, deadline);
  append_effect(decision, tail, deadline, suppression);
  leave_mark(decision, tail, deadline, suppression == EDDY_SUPPRESS_NONE || suppression == EDDY_SUPPRESS_SHADOW);
  if (suppression == EDDY_SUPPRESS_NONE) {
    decision->counters->triggers_fired++;
  } else {
    decision->counters->triggers_suppressed++;
  }
}

/* Reserving
 * ------------------------------------------------------------------------------------------------------------------*/

static size_t room(struct eddy_str str) {
  return ((size_t)str.len + 7) & ~(size_t)7;
}

/* Arena bytes that a payload can take at most: every merged line and every change as a line of its own. */
static size_t payload_room(const struct eddy_tail *tail) {
  size_t bytes = 0;
  for (uint16_t i = 0; i < tail->line_count + tail->change_count; i++) {
    const struct eddy_cart_change *line = i < tail->line_count ? &tail->lines[i] : &tail->changes[i - tail->line_count];
    bytes +=
        sizeof(struct eddy_cart_line) + room(line->product_id) + room(line->name) + room(line->category) + room(line->currency);
  }
  return bytes;
}

struct need {
  const struct eddy_decision *decision;
  const struct eddy_tail *tail;
  size_t payload, count, bytes;
};

/* Counts what may be decided; marks left on the way can only make it less. */
static void add_need(void *ctx, const struct eddy_deadline *deadline) {
  struct need *need = ctx;
  const struct eddy_spec *spec = need->decision->spec;
  if (deadline->due > need->decision->partition_time || decided(spec, need->tail, deadline)) {
    return;
  }
  need->count++;
  need->bytes += room(need->decision->user_id) + room(need->tail->armed[deadline->pair].subject);
  for (uint16_t i = 0; i < deadline->cause_count; i++) {
    need->bytes += room(need->tail->times[deadline->first_cause + i].event_id);
  }
  need->bytes += spec->triggers[deadline->trigger].payload == EDDY_PAYLOAD_CART ? need->payload : 0;
}

static int reserve(const struct eddy_decision *decision, const struct eddy_tail *tail) {
  struct need need = {.decision = decision, .tail = tail, .payload = payload_room(tail)};
  for (uint16_t i = 0; i < decision->spec->trigger_count; i++) {
    if (active(&decision->spec->triggers[i])) {
      kinds[decision->spec->triggers[i].kind]->visit(decision->spec, tail, i, add_need, &need);
    }
  }
  return eddy_effects_reserve(decision->effects, need.count, need.bytes);
}

int eddy_triggers_decide(const struct eddy_decision *decision, struct eddy_tail *tail) {
  struct eddy_deadline deadline;
  if (!find_next(decision->spec, tail, NULL, &deadline) || deadline.due > decision->partition_time) {
    return 0;
  }
  int error = reserve(decision, tail);
  if (error != 0) {
    return error;
  }
  drop_old_marks(decision->spec, tail);
  int count = 0;
  do { /* strictly later each time, so that it ends whatever marks there is room for */
    decide_one(decision, tail, &deadline);
    count++;
    struct eddy_deadline last = deadline;
    if (!find_next(decision->spec, tail, &last, &deadline)) {
      break;
    }
  } while (deadline.due <= decision->partition_time);
  return count;
}

/* For people who ask
 * ---------------------------------------------------------------------------------------------------------*/

void eddy_triggers_foresee(const struct eddy_spec *spec, struct eddy_tail *tail, int64_t partition_time, int64_t published_at,
                           eddy_foreseen_fn fn, void *ctx) {
  struct eddy_counters counters = {0};
  struct eddy_decision decision = {.spec = spec, .partition_time = partition_time, .counters = &counters};
  struct eddy_deadline deadline;
  bool found = find_next(spec, tail, NULL, &deadline);
  if (found) {
    drop_old_marks(spec, tail);
  }
  while (found) {
    int64_t decided_at = deadline.due > partition_time ? deadline.due : partition_time;
    decision.now = decided_at > published_at ? decided_at : published_at; /* EDDY_TIME_NONE is the least */
    enum eddy_suppression outcome = suppression_of(&decision, tail, &deadline);
    fn(ctx, &deadline, outcome);
    leave_mark(&decision, tail, &deadline, outcome == EDDY_SUPPRESS_NONE || outcome == EDDY_SUPPRESS_SHADOW);
    struct eddy_deadline last = deadline;
    found = find_next(spec, tail, &last, &deadline);
  }
}

struct closed {
  const struct eddy_spec *spec;
  const struct eddy_tail *tail;
  eddy_deadline_fn marked, emptied;
  void *ctx;
};

static void pass_closed(void *ctx, const struct eddy_deadline *deadline) {
  const struct closed *closed = ctx;
  if (decided(closed->spec, closed->tail, deadline)) {
    closed->marked(closed->ctx, deadline);
  } else if (closed_by_cart(closed->spec, closed->tail, deadline)) {
    closed->emptied(closed->ctx, deadline);
  }
}

void eddy_triggers_visit_closed(const struct eddy_spec *spec, const struct eddy_tail *tail, eddy_deadline_fn marked,
                                eddy_deadline_fn emptied, void *ctx) {
  struct closed closed = {.spec = spec, .tail = tail, .marked = marked, .emptied = emptied, .ctx = ctx};
  for (uint16_t i = 0; i < spec->trigger_count && tail->armed_count > 0; i++) {
    if (active(&spec->triggers[i])) {
      kinds[spec->triggers[i].kind]->visit(spec, tail, i, pass_closed, &closed);
    }
  }
}

bool eddy_mark_of_trigger(const struct eddy_fired_mark *mark, const struct eddy_trigger_spec *trigger) {
  return mark->trigger_hash == hash_of_trigger(trigger);
}

bool eddy_mark_of_subject(const struct eddy_fired_mark *mark, struct eddy_str subject) {
  return mark->subject_hash == hash_of_subject(subject);
}
