#include "core/engine_fold.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "core/cart.h"
#include "core/consent.h"
#include "core/facts.h"
#include "core/feature.h"
#include "core/trigger.h"

/* Plan ----------------------------------------------------------------------------------------------------------------------*/

static uint64_t hash_event_id(struct eddy_str event_id) {
  if (event_id.len == 0) return 0;
  uint64_t hash = eddy_hash_stable(event_id.data, event_id.len);
  return hash != 0 ? hash : 1;
}

static bool is_recent(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, uint64_t id_hash) {
  const uint64_t *recent = eddy_profile_recent(compiled, profile);
  for (unsigned i = 0; i < profile->recent_count; i++) {
    if (recent[i] == id_hash) return true;
  }
  return false;
}

struct eddy_fold_plan eddy_fold_plan(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile,
                                     const struct eddy_event *event) {
  struct eddy_fold_plan plan = {.newest = event->event_time, .id_hash = hash_event_id(event->event_id)};
  if (profile == NULL) return plan;
  if (plan.id_hash != 0 && is_recent(compiled, profile, plan.id_hash)) plan.action = EDDY_FOLD_DUPLICATE;
  if (profile->last_time == EDDY_TIME_NONE) return plan;
  if (profile->last_time > plan.newest) plan.newest = profile->last_time;
  int64_t ahead = event->event_time - profile->last_time;
  plan.afresh = ahead > compiled->oldest_matters_ms && plan.action == EDDY_FOLD_EVENT;
  if (-ahead > compiled->oldest_matters_ms && plan.action == EDDY_FOLD_EVENT) plan.action = EDDY_FOLD_CONSENT_ONLY;
  return plan;
}

/* Tail ----------------------------------------------------------------------------------------------------------------------*/

static bool concerns_consent(enum eddy_event_type type) {
  return (eddy_consent_mask() & EDDY_EVENT_BIT(type)) != 0;
}

bool eddy_fold_needs_tail(const struct eddy_spec_compiled *compiled, const struct eddy_fold_plan *plan,
                          const struct eddy_event *event, uint32_t tail_size) {
  if (plan->action == EDDY_FOLD_DUPLICATE) return false;
  if (plan->action == EDDY_FOLD_CONSENT_ONLY && !concerns_consent(event->type)) return false;
  bool concerned = (compiled->tail_types & EDDY_EVENT_BIT(event->type)) != 0;
  return concerned || (plan->afresh && tail_size > 0);
}

void eddy_tail_keep_consent(struct eddy_tail *tail) {
  int64_t unsubscribed_at = tail->unsubscribed_at, subscribed_at = tail->subscribed_at;
  eddy_tail_clear(tail);
  tail->unsubscribed_at = unsubscribed_at;
  tail->subscribed_at = subscribed_at;
}

void eddy_fold_tail(const struct eddy_spec_compiled *compiled, const struct eddy_fold_plan *plan,
                    const struct eddy_event *event, struct eddy_tail *tail, struct eddy_counters *counters) {
  if (plan->afresh) eddy_tail_keep_consent(tail);
  if ((compiled->tail_types & EDDY_EVENT_BIT(event->type)) == 0) return;
  if (plan->action == EDDY_FOLD_EVENT) {
    eddy_cart_fold(compiled->spec, tail, event, plan->newest, counters);
    eddy_facts_fold(compiled->spec, tail, event, counters);
  }
  eddy_triggers_fold(compiled->spec, tail, event, plan->newest, counters);
}

bool eddy_fold_shed(const struct eddy_spec_compiled *compiled, struct eddy_tail *tail, struct eddy_counters *counters) {
  return eddy_facts_shed(tail, counters) || eddy_cart_shed(compiled->spec, tail, counters);
}

/* Record --------------------------------------------------------------------------------------------------------------------*/

void eddy_profile_empty(const struct eddy_spec_compiled *compiled, struct eddy_profile *profile) {
  profile->evidence = 0;
  profile->recent_next = profile->recent_count = 0;
  profile->first_seen = profile->last_time = profile->last_contribution = EDDY_TIME_NONE;
  for (unsigned i = 0; i < compiled->lane_count; i++) profile->lanes[i] = 0;
  int64_t *ages = eddy_profile_ages(compiled, profile);
  for (unsigned i = 0; i < compiled->age_count; i++) ages[i] = EDDY_TIME_NONE;
  uint64_t *recent = eddy_profile_recent(compiled, profile);
  for (unsigned i = 0; i < compiled->spec->limits.recent_ids; i++) recent[i] = 0;
}

static void remember_id(const struct eddy_spec_compiled *compiled, struct eddy_profile *profile, uint64_t id_hash) {
  unsigned room = compiled->spec->limits.recent_ids;
  if (id_hash == 0 || room == 0) return;
  eddy_profile_recent(compiled, profile)[profile->recent_next] = id_hash;
  profile->recent_next = (uint8_t)((profile->recent_next + 1u) % room);
  if (profile->recent_count < room) profile->recent_count++;
}

float eddy_profile_contribute(struct eddy_profile *profile, int64_t time) {
  const float first = 0.25f, least = 1.0f / 48;
  float weight = first;
  if (profile->last_contribution != EDDY_TIME_NONE) {
    int64_t elapsed = time - profile->last_contribution;
    weight = elapsed >= EDDY_DAY_MS ? 1 : (float)elapsed / (float)EDDY_DAY_MS;
  }
  if (!(weight >= least)) return 0;
  profile->last_contribution = time;
  return weight;
}

static float fold_record(const struct eddy_spec_compiled *compiled, const struct eddy_fold_plan *plan,
                         const struct eddy_event *event, struct eddy_profile *profile, struct eddy_counters *counters) {
  if (plan->action == EDDY_FOLD_DUPLICATE) {
    counters->duplicates++;
    return 0;
  }
  if (plan->afresh) eddy_profile_empty(compiled, profile);
  remember_id(compiled, profile, plan->id_hash);
  if (plan->action == EDDY_FOLD_CONSENT_ONLY) {
    counters->late_ignored++;
    return 0;
  }
  eddy_features_fold(compiled, profile, event, counters);
  EDDY_ASSERT(profile->last_time == plan->newest); /* invariant 6 */
  return eddy_profile_contribute(profile, event->event_time);
}

#ifdef EDDY_CHECK_FOLD
/* Invariant 2: the same profile and event give the same bytes. */
static void check_twice(const struct eddy_spec_compiled *compiled, const struct eddy_fold_plan *plan,
                        const struct eddy_event *event, const struct eddy_profile *profile) {
  union {
    struct eddy_profile profile;
    uint8_t bytes[EDDY_PROFILE_SIZE_MAX];
  } copies[2];
  float weights[2];
  for (int i = 0; i < 2; i++) {
    struct eddy_counters counters = {.events = (uint64_t)i}; /* what they hold must not matter */
    memcpy(copies[i].bytes, profile, eddy_profile_size(compiled));
    weights[i] = fold_record(compiled, plan, event, &copies[i].profile, &counters);
  }
  EDDY_ASSERT(memcmp(copies[0].bytes, copies[1].bytes, eddy_profile_size(compiled)) == 0);
  EDDY_ASSERT(memcmp(&weights[0], &weights[1], sizeof weights[0]) == 0);
}
#endif

float eddy_fold_record(const struct eddy_spec_compiled *compiled, const struct eddy_fold_plan *plan,
                       const struct eddy_event *event, struct eddy_profile *profile, struct eddy_counters *counters) {
#ifdef EDDY_CHECK_FOLD
  check_twice(compiled, plan, event, profile);
#endif
  return fold_record(compiled, plan, event, profile, counters);
}
