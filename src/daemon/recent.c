#include "daemon/recent.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct eddy_recent {
  pthread_mutex_t lock;
  uint64_t noted; /* ever; the newest stands at (noted - 1) % EDDY_RECENT_MAX */
  struct eddy_recent_entry entries[EDDY_RECENT_MAX];
};

struct eddy_recent *eddy_recent_new(void) {
  struct eddy_recent *recent = calloc(1, sizeof(*recent));
  if (recent) pthread_mutex_init(&recent->lock, NULL);
  return recent;
}

void eddy_recent_free(struct eddy_recent *recent) {
  if (!recent) return;
  pthread_mutex_destroy(&recent->lock);
  free(recent);
}

/* Noting ------------------------------------------------------------------------------------------------------------------- */

static struct eddy_recent_entry of_change(const struct eddy_segment_changed *change) {
  return (struct eddy_recent_entry){
      .at = change->event_time, .from = change->from, .to = change->to, .has_from = change->has_from, .has_to = change->has_to};
}

static struct eddy_recent_entry of_trigger(const struct eddy_trigger_fired *trigger) {
  return (struct eddy_recent_entry){
      .at = trigger->fired_at, .trigger = trigger->trigger, .suppression = (uint8_t)trigger->suppression};
}

static bool is_trigger(const struct eddy_effect *effect) {
  return effect->kind == EDDY_TRIGGER_FIRED || effect->kind == EDDY_TRIGGER_SUPPRESSED;
}

static bool is_of_interest(const struct eddy_effect *effect) {
  return effect->kind == EDDY_SEGMENT_CHANGED || is_trigger(effect) || effect->kind == EDDY_PROFILE_ERASED;
}

static struct eddy_recent_entry entry_of(const struct eddy_effect *effect) {
  if (effect->kind == EDDY_SEGMENT_CHANGED) return of_change(&effect->as.segment);
  if (is_trigger(effect)) return of_trigger(&effect->as.trigger);
  return (struct eddy_recent_entry){.at = effect->as.erased.erased_at};
}

void eddy_recent_note(struct eddy_recent *recent, const struct eddy_effect *effects, size_t count, int64_t now) {
  pthread_mutex_lock(&recent->lock);
  for (size_t i = 0; i < count; i++) {
    const struct eddy_effect *effect = &effects[i];
    if (!is_of_interest(effect)) continue;
    struct eddy_recent_entry *entry = &recent->entries[recent->noted++ % EDDY_RECENT_MAX];
    *entry = entry_of(effect);
    entry->user = eddy_hash_stable(effect->user_id.data, effect->user_id.len);
    entry->noted_at = now;
    entry->kind = (uint8_t)effect->kind;
  }
  pthread_mutex_unlock(&recent->lock);
}

/* One user ----------------------------------------------------------------------------------------------------------------- */

static uint64_t kept(const struct eddy_recent *recent) {
  return recent->noted < EDDY_RECENT_MAX ? recent->noted : EDDY_RECENT_MAX;
}

/* The i-th from the newest. */
static const struct eddy_recent_entry *entry_back(const struct eddy_recent *recent, uint64_t i) {
  return &recent->entries[(recent->noted - 1 - i) % EDDY_RECENT_MAX];
}

size_t eddy_recent_of_user(struct eddy_recent *recent, struct eddy_str user_id, struct eddy_recent_entry *entries, size_t max) {
  uint64_t user = eddy_hash_stable(user_id.data, user_id.len);
  size_t found = 0;
  pthread_mutex_lock(&recent->lock);
  for (uint64_t i = 0; i < kept(recent) && found < max; i++) {
    const struct eddy_recent_entry *entry = entry_back(recent, i);
    if (entry->user != user) continue;
    if (entry->kind == EDDY_PROFILE_ERASED) break; /* what was before it is nobody's business any more */
    entries[found++] = *entry;
  }
  pthread_mutex_unlock(&recent->lock);
  return found;
}

/* Flows -------------------------------------------------------------------------------------------------------------------- */

static bool same_way(const struct eddy_flow *flow, const struct eddy_recent_entry *entry) {
  return flow->has_from == entry->has_from && flow->has_to == entry->has_to && flow->from == entry->from &&
         flow->to == entry->to;
}

enum { PROBES_MAX = 32 };

/* Open addressing while it is filled: a flow without a count is a free place. Nearly full, new pairs are left out: a worker may
 * wait for the lock. */
static void count_move(struct eddy_flows *flows, const struct eddy_recent_entry *entry) {
  uint64_t ways = ((uint64_t)entry->from << 32 | entry->to) ^ (uint64_t)entry->has_from << 63 ^ (uint64_t)entry->has_to << 31;
  size_t at = eddy_hash_mix(ways) % EDDY_FLOWS_MAX;
  for (size_t tried = 0; tried < PROBES_MAX; tried++, at = (at + 1) % EDDY_FLOWS_MAX) {
    struct eddy_flow *flow = &flows->flows[at];
    if (flow->count > 0 && !same_way(flow, entry)) continue;
    if (flow->count == 0) {
      *flow = (struct eddy_flow){entry->from, entry->to, entry->has_from, entry->has_to, 0};
      flows->count++;
    }
    flow->count++;
    return;
  }
}

void eddy_recent_add_flows(struct eddy_recent *recent, struct eddy_flows *flows) {
  pthread_mutex_lock(&recent->lock);
  for (uint64_t i = 0; i < kept(recent); i++) {
    const struct eddy_recent_entry *entry = entry_back(recent, i);
    if (entry->noted_at < flows->since) break;
    if (entry->kind == EDDY_SEGMENT_CHANGED) count_move(flows, entry);
  }
  pthread_mutex_unlock(&recent->lock);
}

int64_t eddy_recent_begins(struct eddy_recent *recent) {
  pthread_mutex_lock(&recent->lock);
  bool full = recent->noted > EDDY_RECENT_MAX;
  int64_t begins = full ? entry_back(recent, EDDY_RECENT_MAX - 1)->noted_at : INT64_MIN;
  pthread_mutex_unlock(&recent->lock);
  return begins;
}

static int by_count(const void *left, const void *right) {
  const struct eddy_flow *a = left, *b = right;
  if (a->count != b->count) return a->count > b->count ? -1 : 1;
  if (a->from != b->from) return a->from < b->from ? -1 : 1;
  return a->to < b->to ? -1 : a->to > b->to;
}

void eddy_flows_sort(struct eddy_flows *flows) {
  qsort(flows->flows, EDDY_FLOWS_MAX, sizeof(flows->flows[0]), by_count);
}
