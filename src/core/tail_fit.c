#include "core/tail_fit.h"

#include <string.h>

#include "core/cart.h"
#include "core/engine_fold.h"
#include "core/facts.h"

/* Triggers ------------------------------------------------------------------------------------------------------------------*/

static bool comes_before(const struct eddy_armed *a, const struct eddy_armed *b) {
  return a->trigger != b->trigger ? a->trigger < b->trigger : eddy_tail_compare(a->subject, b->subject) < 0;
}

/* Pairs ascend by trigger. */
bool eddy_tail_of_layout(const struct eddy_layout *layout, const struct eddy_tail *tail) {
  return tail->armed_count == 0 || tail->armed[tail->armed_count - 1].trigger < layout->trigger_count;
}

void eddy_tail_move_triggers(const struct eddy_layout *layout, struct eddy_tail *tail) {
  uint16_t kept = 0;
  for (uint16_t i = 0; i < tail->armed_count; i++) {
    struct eddy_armed pair = tail->armed[i];
    pair.trigger = layout->triggers[pair.trigger];
    if (pair.trigger == EDDY_PLACE_NONE) continue;
    uint16_t at = kept++;
    for (; at > 0 && comes_before(&pair, &tail->armed[at - 1]); at--) tail->armed[at] = tail->armed[at - 1];
    tail->armed[at] = pair;
  }
  tail->armed_count = kept;
}

/* Limits --------------------------------------------------------------------------------------------------------------------*/

static bool times_within(const struct eddy_spec *spec, const struct eddy_tail *tail) {
  for (uint16_t i = 0; i < tail->armed_count; i++) {
    if (tail->armed[i].time_count > spec->limits.armed_times) return false;
  }
  return true;
}

bool eddy_tail_within_limits(const struct eddy_spec *spec, const struct eddy_tail *tail) {
  const struct eddy_limits *limits = &spec->limits;
  return tail->line_count + tail->change_count <= limits->cart_lines && tail->cart_count <= limits->carts &&
         tail->viewed_count <= limits->viewed_items && tail->attribute_count <= limits->attributes && times_within(spec, tail);
}

/* The oldest times of a pair go; what they arm is decided late at worst by those that stay. */
static void fit_times(const struct eddy_spec *spec, struct eddy_tail *tail) {
  uint16_t limit = spec->limits.armed_times, kept = 0;
  for (uint16_t i = 0; i < tail->armed_count; i++) {
    struct eddy_armed pair = tail->armed[i];
    if (pair.time_count > limit) {
      pair.first_time = (uint16_t)(pair.first_time + pair.time_count - limit);
      pair.time_count = limit;
    }
    if (pair.time_count > 0) tail->armed[kept++] = pair;
  }
  tail->armed_count = kept;
}

void eddy_tail_fit_limits(const struct eddy_spec_compiled *compiled, struct eddy_tail *tail) {
  struct eddy_counters ignored = {0};
  eddy_cart_fit(compiled->spec, tail, &ignored);
  eddy_facts_fit(compiled->spec, tail);
  fit_times(compiled->spec, tail);
}

bool eddy_tail_drop_part(const struct eddy_spec_compiled *compiled, struct eddy_tail *tail) {
  struct eddy_counters ignored = {0};
  if (eddy_fold_shed(compiled, tail, &ignored)) return true;
  if (tail->cart_count > 0 || tail->settled_count > 0) {
    tail->cart_count = tail->settled_count = 0; /* without lines by now */
    return true;
  }
  if (tail->armed_count > 0) {
    tail->armed_count--;
    return true;
  }
  bool history = tail->consent_count > 0;
  tail->consent_count = 0; /* the newest changes are kept beside it */
  return history;
}
