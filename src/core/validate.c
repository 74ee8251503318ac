/* Every invariant that can be looked up in a resting engine; the numbers are those of core/README.md. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/engine_decide.h"
#include "core/engine_tail.h"
#include "core/trigger.h"
#include "eddy/durable.h"

struct complaint {
  char *why;
  size_t size;
};

static bool broken(const struct complaint *complaint, const char *invariant, uint32_t slot) {
  snprintf(complaint->why, complaint->size, "%s (slot %u)", invariant, slot);
  return false;
}

static bool lanes_ok(const struct eddy_engine *engine, const struct eddy_profile *profile, const struct complaint *complaint) {
  const struct eddy_spec_compiled *compiled = &engine->compiled;
  for (unsigned i = 0; i < compiled->lane_count; i++) {
    if (!isfinite(profile->lanes[i])) return broken(complaint, "6: a lane is not finite", profile->timer.seq);
  }
  const int64_t *ages = eddy_profile_ages(compiled, profile);
  for (unsigned i = 0; i < compiled->age_count; i++) {
    if (ages[i] > profile->last_time) return broken(complaint, "6: an age is newer than the newest event", profile->timer.seq);
  }
  if (profile->first_seen > profile->last_time) return broken(complaint, "6: first seen after last seen", profile->timer.seq);
  return true;
}

static bool limits_ok(const struct eddy_engine *engine, const struct eddy_profile *profile, const struct complaint *complaint) {
  const struct eddy_limits *limits = &engine->spec->limits;
  if (profile->recent_count > limits->recent_ids) return broken(complaint, "9: recent ids", profile->timer.seq);
  if (profile->tail_size > engine->encoded_capacity) return broken(complaint, "9: tail bytes", profile->timer.seq);
  if ((profile->tail_size == 0) != (profile->tail == NULL))
    return broken(complaint, "9: a tail without bytes", profile->timer.seq);
  return true;
}

static bool timer_ok(const struct eddy_engine *engine, const struct eddy_profile *profile, const struct complaint *complaint) {
  struct eddy_tail *tail = &engine->scratch->tail;
  if (eddy_tail_decode(tail, profile->tail, profile->tail_size) != 0) {
    return broken(complaint, "a tail that does not decode", profile->timer.seq);
  }
  int64_t due = eddy_triggers_next_due(engine->spec, tail);
  bool armed = eddy_timer_armed(&profile->timer);
  if (armed != (due != INT64_MAX)) return broken(complaint, "8: armed without a deadline, or the reverse", profile->timer.seq);
  if (armed && profile->timer.due != due) return broken(complaint, "8: armed at another time", profile->timer.seq);
  if (armed && due < engine->due_bound) return broken(complaint, "8: due before the engine looks", profile->timer.seq);
  return true;
}

static bool profiles_ok(const struct eddy_engine *engine, const struct complaint *complaint) {
  size_t armed = 0;
  for (uint32_t slot = 0; slot < engine->table.slab.used; slot++) {
    const struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slot);
    if (profile->id_length == 0) continue;
    if (!lanes_ok(engine, profile, complaint) || !limits_ok(engine, profile, complaint)) return false;
    if (!timer_ok(engine, profile, complaint)) return false;
    armed += eddy_timer_armed(&profile->timer) ? 1 : 0;
  }
  return armed == engine->timers.armed || broken(complaint, "8: timers of no profile", 0);
}

static bool free_slots_ok(const struct eddy_engine *engine, const struct complaint *complaint) {
  const struct eddy_slab *slab = &engine->table.slab;
  uint32_t count = 0;
  for (uint32_t slot = slab->free_head; slot != EDDY_SLOT_NONE; count++) {
    if (slot >= slab->used || eddy_profile_table_live(&engine->table, slot) || count > slab->used - slab->live) {
      return broken(complaint, "7: the list of free slots", slot);
    }
    memcpy(&slot, eddy_slab_at(slab, slot), sizeof slot);
  }
  return count == slab->used - slab->live || broken(complaint, "7: a free slot that is not listed", count);
}

static bool sizes_ok(const struct eddy_engine *engine, const struct complaint *complaint) {
  struct eddy_segment_sizes sizes;
  eddy_engine_count_segments(engine, &sizes);
  if (sizes.count != engine->sizes.count || memcmp(sizes.users, engine->sizes.users, sizeof sizes.users) != 0) {
    return broken(complaint, "sizes of segments", 0);
  }
  return sizes.elsewhere == engine->sizes.elsewhere || broken(complaint, "users of segments that are gone", 0);
}

/* Bits of a profile, added up. */
static bool bits_ok(const struct eddy_engine *engine, const struct complaint *complaint) {
  size_t dirty = 0, write_now = 0, listed = 0, count;
  for (uint32_t slot = 0; slot < engine->table.slab.used; slot++) {
    const struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slot);
    if (profile->id_length == 0) continue;
    if (profile->write_now && !profile->dirty) return broken(complaint, "11: to be written now, but not dirty", slot);
    dirty += profile->dirty ? 1 : 0;
    write_now += profile->write_now ? 1 : 0;
  }
  const uint32_t *slots = eddy_engine_write_now(engine, &count);
  for (size_t i = 0; i < count; i++) {
    if (slots[i] >= engine->table.slab.used) return broken(complaint, "12: a slot that there never was", slots[i]);
    const struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slots[i]);
    listed += profile->id_length > 0 && profile->write_now ? 1 : 0;
  }
  if (dirty != engine->durable.dirty) return broken(complaint, "11: the number of dirty profiles", (uint32_t)dirty);
  if (!engine->durable.on && dirty + count > 0) return broken(complaint, "11: dirty without options.durable", 0);
  return write_now <= listed || broken(complaint, "12: to be written now, but not listed", (uint32_t)write_now);
}

static bool erased_ok(const struct eddy_engine *engine, const struct complaint *complaint) {
  for (uint32_t slot = 0; slot < engine->table.slab.used && engine->erased.count > 0; slot++) {
    const struct eddy_profile *profile = eddy_profile_table_at(&engine->table, slot);
    if (profile->id_length == 0 || engine->recovery.active) continue;
    uint64_t hash = eddy_engine_erasure_hash(engine, eddy_profile_id(profile));
    if (eddy_erased_find(&engine->erased, hash) != NULL) return broken(complaint, "13: erased, but there", slot);
  }
  return true;
}

static bool clock_ok(const struct eddy_engine *engine, const struct complaint *complaint) {
  if (engine->newest_time != EDDY_TIME_NONE &&
      engine->partition_time < engine->newest_time - engine->spec->allowed_lateness_ms) {
    return broken(complaint, "3: partition time is behind the newest event", 0);
  }
  if (engine->sweep.cursor > engine->table.slab.used)
    return broken(complaint, "the sweep is beyond the slots", engine->sweep.cursor);
  return true;
}

int eddy_engine_validate(const struct eddy_engine *engine, char *why, size_t size) {
  const struct complaint complaint = {why, size};
  if (eddy_profile_table_validate(&engine->table, why, size) != 0) return EDDY_E_CORRUPT;
  if (eddy_timer_queue_validate(&engine->timers, why, size) != 0) return EDDY_E_CORRUPT;
  if (eddy_erased_validate(&engine->erased, why, size) != 0) return EDDY_E_CORRUPT;
  bool ok = profiles_ok(engine, &complaint) && free_slots_ok(engine, &complaint) && sizes_ok(engine, &complaint) &&
            clock_ok(engine, &complaint) && bits_ok(engine, &complaint) && erased_ok(engine, &complaint);
  return ok ? 0 : EDDY_E_CORRUPT;
}
