/* Reading a snapshot. The bytes may come from anywhere: every count is checked against what is left before memory is taken for
 * it, every value against what an engine could have written.
 */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "core/engine_decide.h"
#include "core/engine_tail.h"
#include "core/snapshot_format.h"
#include "core/trigger.h"

enum { CRC_BYTES = 4, HEAD_BYTES = 8 + 4 + 8 };

/* Far beyond what events can add up to, and far from overflow. */
#define LANE_MAX 1e35f

static int64_t read_i64(struct eddy_reader *reader) {
  return (int64_t)eddy_read_u64(reader);
}

/* A time that an event or a clock can have set, or none. */
static bool time_ok(int64_t time) {
  return time == EDDY_TIME_NONE || (time >= -EDDY_EVENT_TIME_MAX && time <= EDDY_EVENT_TIME_MAX);
}

/* Head ----------------------------------------------------------------------------------------------------------------------*/

static int check_head(const struct eddy_engine *engine, const uint8_t *bytes, size_t size) {
  struct eddy_reader reader;
  if (size < HEAD_BYTES + CRC_BYTES || memcmp(bytes, eddy_snapshot_magic, sizeof eddy_snapshot_magic) != 0) {
    return EDDY_E_CORRUPT;
  }
  eddy_reader_init(&reader, bytes + sizeof eddy_snapshot_magic, HEAD_BYTES - sizeof eddy_snapshot_magic);
  uint32_t version = eddy_read_u32(&reader);
  uint64_t fingerprint = eddy_read_u64(&reader);
  if (version != EDDY_SNAPSHOT_VERSION) return version > EDDY_SNAPSHOT_VERSION ? EDDY_E_VERSION : EDDY_E_CORRUPT;
  eddy_reader_init(&reader, bytes + size - CRC_BYTES, CRC_BYTES);
  if (eddy_read_u32(&reader) != eddy_crc32c(0, bytes, size - CRC_BYTES)) return EDDY_E_CORRUPT;
  return fingerprint == eddy_spec_fingerprint(engine->spec) ? 0 : EDDY_E_SPEC_MISMATCH;
}

static bool clock_ok(const struct eddy_engine *engine) {
  const struct eddy_sweep *sweep = &engine->sweep;
  bool started = engine->partition_time != EDDY_TIME_NONE;
  return time_ok(engine->partition_time) && time_ok(engine->newest_time) && time_ok(sweep->lap_start) &&
         started == (sweep->lap_start != EDDY_TIME_NONE) && sweep->lap_start <= engine->partition_time &&
         (started || engine->newest_time == EDDY_TIME_NONE);
}

/* The allowed lateness may have become shorter since. */
static void catch_up(struct eddy_engine *engine) {
  if (engine->newest_time == EDDY_TIME_NONE) return;
  eddy_engine_advance(engine, engine->newest_time - engine->spec->allowed_lateness_ms);
}

static int read_engine(struct eddy_engine *engine, struct eddy_reader *reader) {
  engine->partition_time = read_i64(reader);
  engine->newest_time = read_i64(reader);
  engine->next_effect = eddy_read_u64(reader);
  for (int i = 0; i < 4; i++) engine->rng.s[i] = eddy_read_u64(reader);
  engine->sweep.lap_start = read_i64(reader);
  engine->sweep.cursor = eddy_read_u32(reader);
  bool counters_ok = eddy_read_u16(reader) == EDDY_COUNTER_COUNT;
#define X(name, help) engine->counters.name = eddy_read_u64(reader);
  EDDY_COUNTERS(X)
#undef X
  const uint64_t *s = engine->rng.s;
  bool generator_ok = (s[0] | s[1] | s[2] | s[3]) != 0; /* xoshiro never leaves the state zero */
  return !reader->failed && counters_ok && generator_ok && clock_ok(engine) ? 0 : EDDY_E_CORRUPT;
}

/* Reservoir -----------------------------------------------------------------------------------------------------------------*/

static bool read_vector(struct eddy_reservoir *reservoir, uint16_t at, struct eddy_reader *reader) {
  bool finite = true;
  reservoir->keys[at] = eddy_read_f64(reader);
  reservoir->weights[at] = eddy_read_f32(reader);
  reservoir->users[at] = eddy_read_u64(reader);
  float *vector = reservoir->vectors + (size_t)at * reservoir->dimensions;
  for (uint16_t d = 0; d < reservoir->dimensions; d++) {
    vector[d] = eddy_read_f32(reader);
    finite = finite && isfinite(vector[d]);
  }
  return finite && reservoir->keys[at] <= 0 && reservoir->weights[at] > 0 && reservoir->weights[at] <= 1;
}

static int read_reservoir(struct eddy_reservoir *reservoir, struct eddy_reader *reader) {
  uint16_t dimensions = eddy_read_u16(reader), count = eddy_read_u16(reader);
  reservoir->newest_time = read_i64(reader);
  reservoir->offered = eddy_read_u64(reader);
  reservoir->offered_weight = eddy_read_f64(reader);
  bool ok = !reader->failed && dimensions == reservoir->dimensions && count <= EDDY_DELTA_VECTORS_MAX &&
            reservoir->offered >= count && isfinite(reservoir->offered_weight) && reservoir->offered_weight >= 0 &&
            (dimensions > 0 || count == 0) && time_ok(reservoir->newest_time);
  for (uint16_t i = 0; ok && i < count; i++) ok = read_vector(reservoir, i, reader);
  if (!ok || reader->failed) return EDDY_E_CORRUPT;
  reservoir->count = count;
  eddy_reservoir_find_least(reservoir);
  return 0;
}

/* Profiles ------------------------------------------------------------------------------------------------------------------*/

static bool life_ok(const struct eddy_profile *profile) {
  bool stub = profile->last_time == EDDY_TIME_NONE;
  bool times = time_ok(profile->first_seen) && time_ok(profile->last_time) && time_ok(profile->last_contribution);
  bool order = stub ? profile->first_seen == EDDY_TIME_NONE && !profile->has_segment
                    : profile->first_seen >= 0 && profile->first_seen <= profile->last_time;
  return times && order && (stub || profile->last_time < EDDY_EVENT_TIME_MAX) && profile->evidence >= 0 &&
         profile->evidence <= LANE_MAX;
}

static bool arrays_ok(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile) {
  const int64_t *ages = eddy_profile_ages(compiled, profile);
  for (unsigned i = 0; i < compiled->lane_count; i++) {
    if (!(profile->lanes[i] >= -LANE_MAX && profile->lanes[i] <= LANE_MAX)) return false; /* also refuses NaN */
  }
  for (unsigned i = 0; i < compiled->age_count; i++) {
    if (ages[i] != EDDY_TIME_NONE && (ages[i] < 0 || ages[i] > profile->last_time)) return false;
  }
  unsigned room = compiled->spec->limits.recent_ids;
  return profile->recent_count <= room && (profile->recent_next < room || profile->recent_next == 0);
}

static bool read_record(const struct eddy_spec_compiled *compiled, struct eddy_profile *profile, struct eddy_reader *reader) {
  profile->evidence = eddy_read_f32(reader);
  profile->recent_next = eddy_read_u8(reader);
  profile->recent_count = eddy_read_u8(reader);
  uint8_t has_segment = eddy_read_u8(reader);
  profile->has_segment = has_segment == 1;
  profile->first_seen = read_i64(reader);
  profile->last_time = read_i64(reader);
  profile->last_contribution = read_i64(reader);
  profile->segment_since = read_i64(reader);
  profile->segment = eddy_read_u32(reader);
  int64_t *ages = eddy_profile_ages(compiled, profile);
  uint64_t *recent = eddy_profile_recent(compiled, profile);
  for (unsigned i = 0; i < compiled->lane_count; i++) profile->lanes[i] = eddy_read_f32(reader);
  for (unsigned i = 0; i < compiled->age_count; i++) ages[i] = read_i64(reader);
  for (unsigned i = 0; i < compiled->spec->limits.recent_ids; i++) recent[i] = eddy_read_u64(reader);
  return !reader->failed && has_segment <= 1 && life_ok(profile) && arrays_ok(compiled, profile);
}

/* The folded section must leave the published one its room, or a decision could not be kept (see EDDY_TAIL_SLACK). */
static bool tail_ok(struct eddy_engine *engine, const uint8_t *bytes, size_t size) {
  return size <= engine->encoded_capacity && eddy_tail_folded_size(bytes, size) <= engine->spec->limits.tail_bytes &&
         eddy_tail_decode(&engine->scratch->tail, bytes, size) == 0 && !eddy_tail_empty(&engine->scratch->tail);
}

static int read_tail(struct eddy_engine *engine, struct eddy_profile *profile, struct eddy_reader *reader) {
  uint32_t size = eddy_read_u32(reader);
  const uint8_t *bytes = size > 0 ? eddy_read_bytes(reader, size) : NULL;
  if (reader->failed) return EDDY_E_CORRUPT;
  if (size == 0) return 0;
  if (!tail_ok(engine, bytes, size)) return EDDY_E_CORRUPT;
  profile->tail = eddy_profile_table_new_block(&engine->table, size);
  if (profile->tail == NULL) return EDDY_E_NOMEM;
  memcpy(profile->tail, bytes, size);
  profile->tail_size = size;
  eddy_engine_arm(engine, profile, eddy_triggers_next_due(engine->spec, &engine->scratch->tail));
  return 0;
}

static int read_profile(struct eddy_engine *engine, uint8_t id_length, struct eddy_reader *reader) {
  struct eddy_profile_table *table = &engine->table;
  struct eddy_str id = {(const char *)eddy_read_bytes(reader, id_length), id_length};
  if (reader->failed) return EDDY_E_CORRUPT;
  uint64_t hash = eddy_profile_table_hash(table, id);
  if (eddy_profile_table_find(table, hash, id) != EDDY_SLOT_NONE) return EDDY_E_CORRUPT;
  if (eddy_profile_table_reserve(table) != 0) return EDDY_E_NOMEM;
  uint32_t slot = eddy_profile_table_insert(table, hash, id);
  if (slot == EDDY_SLOT_NONE) return EDDY_E_NOMEM;
  struct eddy_profile *profile = eddy_profile_table_at(table, slot);
  return read_record(&engine->compiled, profile, reader) ? read_tail(engine, profile, reader) : EDDY_E_CORRUPT;
}

/* A slot that is to be free holds a place until the list of free slots is known. */
static int hold_place(struct eddy_engine *engine) {
  uint32_t slot = eddy_slab_new(&engine->table.slab);
  if (slot == EDDY_SLOT_NONE) return EDDY_E_NOMEM;
  eddy_profile_table_at(&engine->table, slot)->recent_count = 1; /* zeroed when it is freed */
  return 0;
}

static int read_slots(struct eddy_engine *engine, struct eddy_reader *reader) {
  uint32_t used = eddy_read_u32(reader), live = eddy_read_u32(reader), seen = 0;
  if (reader->failed || used > eddy_reader_left(reader) || live > used || engine->sweep.cursor > used) return EDDY_E_CORRUPT;
  for (uint32_t slot = 0; slot < used; slot++) {
    uint8_t id_length = eddy_read_u8(reader);
    if (reader->failed) return EDDY_E_CORRUPT;
    int error = id_length > 0 ? read_profile(engine, id_length, reader) : hold_place(engine);
    if (error != 0) return error;
    seen += id_length > 0 ? 1 : 0;
  }
  return seen == live ? 0 : EDDY_E_CORRUPT;
}

/* Freed from the last to the first, the slab's list comes out in the order of the bytes. */
static int read_free_slots(struct eddy_engine *engine, struct eddy_reader *reader) {
  struct eddy_profile_table *table = &engine->table;
  uint32_t used = table->slab.used, live = 0;
  for (uint32_t slot = 0; slot < used; slot++) live += eddy_profile_table_live(table, slot) ? 1 : 0;
  size_t count = used - live;
  const uint8_t *list = count > 0 ? eddy_read_bytes(reader, 4 * count) : NULL;
  if (reader->failed || eddy_reader_left(reader) != 0) return EDDY_E_CORRUPT;
  for (size_t i = count; i-- > 0;) {
    struct eddy_reader entry;
    eddy_reader_init(&entry, list + 4 * i, 4);
    uint32_t slot = eddy_read_u32(&entry);
    if (slot >= used || eddy_profile_table_live(table, slot)) return EDDY_E_CORRUPT;
    if (eddy_profile_table_at(table, slot)->recent_count == 0) return EDDY_E_CORRUPT; /* listed twice */
    eddy_slab_free(&table->slab, slot);
  }
  return 0;
}

int eddy_engine_restore(struct eddy_engine *engine, const void *bytes, size_t size) {
  if (engine->table.slab.used != 0 || engine->partition_time != EDDY_TIME_NONE) return EDDY_E_INVALID;
  int error = check_head(engine, bytes, size);
  if (error != 0) return error;
  struct eddy_reader reader;
  eddy_reader_init(&reader, (const uint8_t *)bytes + HEAD_BYTES, size - HEAD_BYTES - CRC_BYTES);
  error = read_engine(engine, &reader);
  if (error == 0) catch_up(engine);
  if (error == 0) error = read_reservoir(&engine->reservoir, &reader);
  if (error == 0) error = read_slots(engine, &reader);
  if (error == 0) error = read_free_slots(engine, &reader);
  if (error == 0) eddy_engine_count_segments(engine, &engine->sizes);
  return error;
}
