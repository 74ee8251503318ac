/* Kind `absence`: an event of `after` (A), then none of `after` or `without` (B) of the same subject for the wait.
 *
 * Defined on the set of a user's events, not on their arrival: an A at time a fires step s at a + wait[s] exactly if no A or B
 * of its subject, and no end of consent, has its time in the open interval (a, a + wait[s]). As at one time are one A.
 *
 * Times kept per subject, so that every order of arrival within the allowed lateness leads to the same deadlines:
 * 1. all at or above the floor: an event in time can still come before or after them;
 * 2. below it only an A with an open deadline above it. Nothing that ends one of its other deadlines is missed: it lies at or
 *    above that open deadline, hence above the floor;
 * 3. an A without an open deadline only ends others, like a B, and loses its event ids;
 * 4. a time x between p and n with n - p < the shortest wait is never needed: n ends every deadline that x sets, and p or n
 * every one that x ends. So a busy subject keeps a few times per shortest wait, not one per event.
 *
 * Subjects: the user, or a cart (an event without cart id means the default cart, whose subject is empty). An exit that is no
 * cart event and names no cart, such as an order, ends the deadlines of all carts: it is kept once per trigger under the absent
 * subject. cart_updated with zero items is an emptying and arms nothing.
 */
#include <string.h>

#include "core/consent.h"
#include "core/triggers/kind.h"

/* Reading the times
 * ----------------------------------------------------------------------------------------------------------*/

static bool all_carts(const struct eddy_armed *pair) {
  return pair->subject.data == NULL;
}

/* Position of the trigger's first pair, or where it would stand. */
static uint16_t first_pair(const struct eddy_tail *tail, uint16_t trigger) {
  uint16_t at = 0;
  while (at < tail->armed_count && tail->armed[at].trigger < trigger) {
    at++;
  }
  return at;
}

static int64_t first_after(const struct eddy_tail *tail, const struct eddy_armed *pair, int64_t time) {
  for (uint16_t i = 0; i < pair->time_count; i++) {
    if (tail->times[pair->first_time + i].time > time) {
      return tail->times[pair->first_time + i].time;
    }
  }
  return INT64_MAX;
}

/* The first thing after `time` that ends deadlines of the pair set at it. */
static int64_t next_end(const struct eddy_tail *tail, const struct eddy_armed *pair, int64_t time) {
  int64_t next = first_after(tail, pair, time);
  const struct eddy_armed *all = &tail->armed[first_pair(tail, pair->trigger)];
  if (all_carts(all)) {
    int64_t end = first_after(tail, all, time);
    next = end < next ? end : next;
  }
  int64_t end = eddy_consent_exit_after(tail, time);
  return end < next ? end : next;
}

static bool step_open(const struct eddy_tail *tail, const struct eddy_trigger_spec *spec, uint8_t step, int64_t time,
                      int64_t next) {
  int64_t due = eddy_time_add(time, spec->wait_ms[step]);
  return due > tail->floor && due <= next;
}

static bool any_open(const struct eddy_tail *tail, const struct eddy_trigger_spec *spec, int64_t time, int64_t next) {
  for (uint8_t step = 0; step < spec->step_count; step++) {
    if (step_open(tail, spec, step, time, next)) {
      return true;
    }
  }
  return false;
}

/* How many of times[at..end) have one time, counted from `at`. */
static uint16_t group_size(const struct eddy_armed_time *times, uint16_t at, uint16_t end) {
  uint16_t size = 1;
  while (at + size < end && times[at + size].time == times[at].time) {
    size++;
  }
  return size;
}

static uint16_t arming(const struct eddy_armed_time *group, uint16_t size) {
  uint16_t count = 0;
  while (count < size && group[count].arms) {
    count++;
  }
  return count;
}

static void visit_pair(const struct eddy_spec *spec, const struct eddy_tail *tail, uint16_t at, eddy_deadline_fn fn,
                       void *ctx) {
  const struct eddy_armed *pair = &tail->armed[at];
  const struct eddy_trigger_spec *trigger = &spec->triggers[pair->trigger];
  uint16_t end = (uint16_t)(pair->first_time + pair->time_count);
  for (uint16_t i = pair->first_time, size; i < end; i = (uint16_t)(i + size)) {
    size = group_size(tail->times, i, end);
    int64_t armed_at = tail->times[i].time;
    struct eddy_deadline deadline = {.armed_at = armed_at,
                                     .trigger = pair->trigger,
                                     .pair = at,
                                     .first_cause = i,
                                     .cause_count = arming(&tail->times[i], size)};
    if (deadline.cause_count == 0) {
      continue;
    }
    int64_t next = next_end(tail, pair, armed_at);
    for (uint8_t step = 0; step < trigger->step_count; step++) {
      if (step_open(tail, trigger, step, armed_at, next)) {
        deadline.step = step;
        deadline.due = eddy_time_add(armed_at, trigger->wait_ms[step]);
        fn(ctx, &deadline);
      }
    }
  }
}

static void visit(const struct eddy_spec *spec, const struct eddy_tail *tail, uint16_t trigger, eddy_deadline_fn fn,
                  void *ctx) {
  for (uint16_t i = first_pair(tail, trigger); i < tail->armed_count && tail->armed[i].trigger == trigger; i++) {
    if (!all_carts(&tail->armed[i])) {
      visit_pair(spec, tail, i, fn, ctx);
    }
  }
}

/* Taking an event in
 * ---------------------------------------------------------------------------------------------------------*/

static void remove_time(struct eddy_tail *tail, uint16_t pair, uint16_t at) {
  tail->time_count--;
  memmove(&tail->times[at], &tail->times[at + 1], (size_t)(tail->time_count - at) * sizeof tail->times[0]);
  tail->armed[pair].time_count--;
  for (uint16_t i = (uint16_t)(pair + 1); i < tail->armed_count; i++) {
    tail->armed[i].first_time--;
  }
}

static void insert_time(struct eddy_tail *tail, uint16_t pair, uint16_t at, const struct eddy_armed_time *time) {
  memmove(&tail->times[at + 1], &tail->times[at], (size_t)(tail->time_count - at) * sizeof tail->times[0]);
  tail->times[at] = *time;
  tail->time_count++;
  tail->armed[pair].time_count++;
  for (uint16_t i = (uint16_t)(pair + 1); i < tail->armed_count; i++) {
    tail->armed[i].first_time++;
  }
}

static int compare_times(const struct eddy_armed_time *a, const struct eddy_armed_time *b) {
  if (a->time != b->time) {
    return a->time < b->time ? -1 : 1;
  }
  if (a->arms != b->arms) {
    return a->arms ? -1 : 1;
  }
  return a->type != b->type ? (a->type > b->type) - (a->type < b->type) : eddy_tail_compare(a->event_id, b->event_id);
}

static void remove_pair(struct eddy_tail *tail, uint16_t pair) {
  uint16_t first = tail->armed[pair].first_time, count = tail->armed[pair].time_count;
  tail->time_count = (uint16_t)(tail->time_count - count);
  memmove(&tail->times[first], &tail->times[first + count], (size_t)(tail->time_count - first) * sizeof tail->times[0]);
  tail->armed_count--;
  memmove(&tail->armed[pair], &tail->armed[pair + 1], (size_t)(tail->armed_count - pair) * sizeof tail->armed[0]);
  for (uint16_t i = pair; i < tail->armed_count; i++) {
    tail->armed[i].first_time = (uint16_t)(tail->armed[i].first_time - count);
  }
}

static int64_t newest_time(const struct eddy_tail *tail, const struct eddy_armed *pair) {
  return tail->times[pair->first_time + pair->time_count - 1].time;
}

/* Room for one more pair by dropping the one left alone the longest; false if the newcomer itself is that. */
static bool make_room_for_pair(struct eddy_tail *tail, int64_t time, struct eddy_counters *counters) {
  if (tail->armed_count < EDDY_TAIL_ARMED_MAX) {
    return true;
  }
  counters->limit_armed_times++;
  uint16_t oldest = 0;
  for (uint16_t i = 1; i < tail->armed_count; i++) {
    if (newest_time(tail, &tail->armed[i]) < newest_time(tail, &tail->armed[oldest])) {
      oldest = i;
    }
  }
  if (time < newest_time(tail, &tail->armed[oldest])) {
    return false;
  }
  remove_pair(tail, oldest);
  return true;
}

static uint16_t place_of(const struct eddy_tail *tail, uint16_t trigger, struct eddy_str subject) {
  uint16_t at = first_pair(tail, trigger);
  while (at < tail->armed_count && tail->armed[at].trigger == trigger &&
         eddy_tail_compare(tail->armed[at].subject, subject) < 0) {
    at++;
  }
  return at;
}

/* Position of the pair, made (without times) if need be; -1 if there is no room. */
static int find_pair(struct eddy_tail *tail, uint16_t trigger, struct eddy_str subject, int64_t time,
                     struct eddy_counters *counters) {
  uint16_t at = place_of(tail, trigger, subject);
  if (at < tail->armed_count && tail->armed[at].trigger == trigger &&
      eddy_tail_compare(tail->armed[at].subject, subject) == 0) {
    return at;
  }
  if (!make_room_for_pair(tail, time, counters)) {
    return -1;
  }
  at = place_of(tail, trigger, subject);
  uint16_t first_time = at < tail->armed_count ? tail->armed[at].first_time : tail->time_count;
  memmove(&tail->armed[at + 1], &tail->armed[at], (size_t)(tail->armed_count - at) * sizeof tail->armed[0]);
  tail->armed[at] = (struct eddy_armed){.trigger = trigger, .subject = subject, .first_time = first_time};
  tail->armed_count++;
  return at;
}

/* Drops the oldest time that sets no deadline, else the oldest, when the pair is full. */
static void make_room_for_time(const struct eddy_spec *spec, struct eddy_tail *tail, uint16_t at,
                               struct eddy_counters *counters) {
  const struct eddy_armed *pair = &tail->armed[at];
  uint16_t limit = spec->limits.armed_times < EDDY_TAIL_TIMES_MAX ? spec->limits.armed_times : EDDY_TAIL_TIMES_MAX;
  while (pair->time_count > 0 && pair->time_count >= limit) {
    uint16_t victim = 0;
    while (victim < pair->time_count && tail->times[pair->first_time + victim].arms) {
      victim++;
    }
    victim = victim < pair->time_count ? victim : 0;
    remove_time(tail, at, (uint16_t)(pair->first_time + victim));
    counters->limit_armed_times++;
  }
}

static void add_time(const struct eddy_spec *spec, struct eddy_tail *tail, uint16_t pair, const struct eddy_armed_time *time,
                     struct eddy_counters *counters) {
  uint16_t first = tail->armed[pair].first_time;
  for (uint16_t i = 0; i < tail->armed[pair].time_count; i++) {
    if (compare_times(&tail->times[first + i], time) == 0) {
      return;
    }
  }
  make_room_for_time(spec, tail, pair, counters);
  uint16_t at = (uint16_t)(first + tail->armed[pair].time_count);
  while (at > first && compare_times(time, &tail->times[at - 1]) < 0) {
    at--;
  }
  insert_time(tail, pair, at, time);
}

static bool is_cart_event(enum eddy_event_type type) {
  const eddy_event_mask types = EDDY_EVENT_BIT(EDDY_PRODUCT_ADDED) | EDDY_EVENT_BIT(EDDY_PRODUCT_REMOVED) |
                                EDDY_EVENT_BIT(EDDY_CART_VIEWED) | EDDY_EVENT_BIT(EDDY_CART_UPDATED) |
                                EDDY_EVENT_BIT(EDDY_CHECKOUT_STARTED) | EDDY_EVENT_BIT(EDDY_COUPON_APPLIED);
  return (types & EDDY_EVENT_BIT(type)) != 0;
}

static struct eddy_str subject_of(const struct eddy_trigger_spec *trigger, const struct eddy_event *event, bool arms) {
  if (trigger->subject == EDDY_SUBJECT_USER) {
    return EDDY_STR("");
  }
  if (event->cart_id.len > 0) {
    return eddy_tail_cut(event->cart_id, EDDY_TAIL_ID_MAX);
  }
  return arms || is_cart_event(event->type) ? EDDY_STR("") : (struct eddy_str){0};
}

static void take(const struct eddy_spec *spec, struct eddy_tail *tail, uint16_t at, const struct eddy_event *event,
                 struct eddy_counters *counters) {
  const struct eddy_trigger_spec *trigger = &spec->triggers[at];
  eddy_event_mask bit = EDDY_EVENT_BIT(event->type);
  bool emptying = event->type == EDDY_CART_UPDATED && event->item_count == 0;
  bool arms = (trigger->after & bit) != 0 && !emptying;
  if (!arms && (trigger->without & bit) == 0) {
    return;
  }
  int pair = find_pair(tail, at, subject_of(trigger, event, arms), event->event_time, counters);
  if (pair < 0) {
    return;
  }
  struct eddy_armed_time time = {.time = event->event_time, .arms = arms};
  if (arms) {
    time.type = (uint8_t)event->type;
    time.event_id = event->event_id.len > 0 ? eddy_tail_cut(event->event_id, EDDY_TAIL_EVENT_ID_MAX) : (struct eddy_str){0};
  }
  add_time(spec, tail, (uint16_t)pair, &time, counters);
}

/* Keeping only what counts
 * ---------------------------------------------------------------------------------------------------*/

/* As without an open deadline become mere ends (rule 3). Before anything is dropped, for they end each other. */
static void disarm(const struct eddy_spec *spec, struct eddy_tail *tail, const struct eddy_armed *pair) {
  uint16_t end = (uint16_t)(pair->first_time + pair->time_count);
  for (uint16_t i = pair->first_time, size; i < end; i = (uint16_t)(i + size)) {
    size = group_size(tail->times, i, end);
    int64_t time = tail->times[i].time;
    if (!tail->times[i].arms || any_open(tail, &spec->triggers[pair->trigger], time, next_end(tail, pair, time))) {
      continue;
    }
    for (uint16_t j = i; j < i + size; j++) {
      tail->times[j] = (struct eddy_armed_time){.time = time};
    }
  }
}

/* Moves what is kept of a pair's times to `out` (at or before them); returns how many. */
static uint16_t compact(struct eddy_tail *tail, const struct eddy_armed *pair, int64_t shortest_wait,
                        struct eddy_armed_time *out) {
  const struct eddy_armed_time *times = &tail->times[pair->first_time];
  uint16_t kept = 0;
  for (uint16_t i = 0, size; i < pair->time_count; i = (uint16_t)(i + size)) {
    size = group_size(times, i, pair->time_count);
    uint16_t arms = arming(&times[i], size);
    int64_t time = times[i].time;
    if (arms == 0 && time < tail->floor) {
      continue; /* rules 1 and 2 */
    }
    if (kept >= 2 && eddy_time_sub(time, out[kept - 2].time) < shortest_wait && out[kept - 2].time != out[kept - 1].time) {
      kept--; /* rule 4: it cannot arm, so it is a single entry */
    }
    uint16_t count = arms == 0 ? 1 : arms < EDDY_CAUSES_MAX ? arms : EDDY_CAUSES_MAX;
    memmove(&out[kept], &times[i], count * sizeof *out);
    kept = (uint16_t)(kept + count);
  }
  return kept;
}

static void tidy(const struct eddy_spec *spec, struct eddy_tail *tail, uint16_t trigger) {
  uint16_t first = first_pair(tail, trigger), pairs = first;
  for (uint16_t i = first; i < tail->armed_count && tail->armed[i].trigger == trigger; i++) {
    disarm(spec, tail, &tail->armed[i]);
  }
  uint16_t times = first < tail->armed_count ? tail->armed[first].first_time : tail->time_count;
  for (uint16_t i = first; i < tail->armed_count; i++) {
    struct eddy_armed pair = tail->armed[i];
    struct eddy_armed_time *out = &tail->times[times];
    uint16_t kept = pair.time_count;
    if (pair.trigger == trigger) {
      kept = compact(tail, &pair, spec->triggers[trigger].wait_ms[0], out);
    } else {
      memmove(out, &tail->times[pair.first_time], kept * sizeof *out);
    }
    pair.first_time = times;
    pair.time_count = kept;
    times = (uint16_t)(times + kept);
    if (kept > 0) {
      tail->armed[pairs++] = pair;
    }
  }
  tail->armed_count = pairs;
  tail->time_count = times;
}

static void fold(const struct eddy_spec *spec, struct eddy_tail *tail, uint16_t trigger, const struct eddy_event *event,
                 struct eddy_counters *counters) {
  take(spec, tail, trigger, event, counters);
  tidy(spec, tail, trigger);
}

const struct eddy_kind eddy_kind_absence = {.fold = fold, .visit = visit};
