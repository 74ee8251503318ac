/* Reading a snapshot. The bytes may come from anywhere: every count is checked against what is left before memory is taken for
 * it, every value against what an engine could have written.
 */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "core/durable.h"
#include "core/engine_decide.h"
#include "core/engine_tail.h"
#include "core/plausible.h"
#include "core/snapshot_format.h"
#include "core/trigger.h"

enum { CRC_BYTES = 4, HEAD_BYTES = 8 + 4 + 8 };

static int64_t read_i64(struct eddy_reader *reader) {
  return (int64_t)eddy_read_u64(reader);
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
  bool ok = !reader->failed && counters_ok && eddy_rng_plausible(&engine->rng) && eddy_clock_plausible(engine);
  return ok ? 0 : EDDY_E_CORRUPT;
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
            (dimensions > 0 || count == 0) && eddy_time_plausible(reservoir->newest_time);
  for (uint16_t i = 0; ok && i < count; i++) ok = read_vector(reservoir, i, reader);
  if (!ok || reader->failed) return EDDY_E_CORRUPT;
  reservoir->count = count;
  eddy_reservoir_find_least(reservoir);
  return 0;
}

/* Profiles ------------------------------------------------------------------------------------------------------------------*/

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
  return !reader->failed && has_segment <= 1 && eddy_profile_plausible(compiled, profile);
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

/* In ascending order, as they were written: equal states give equal bytes. */
static int read_erased(struct eddy_engine *engine, struct eddy_reader *reader) {
  enum { ENTRY_BYTES = 16 };
  uint32_t count = eddy_read_u32(reader);
  if (reader->failed || count > eddy_reader_left(reader) / ENTRY_BYTES) return EDDY_E_CORRUPT;
  uint64_t before = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint64_t hash = eddy_read_u64(reader);
    int64_t erased_at = read_i64(reader);
    bool ok = (i == 0 || hash > before) && eddy_time_plausible(erased_at) && erased_at != EDDY_TIME_NONE;
    if (!ok) return EDDY_E_CORRUPT;
    if (eddy_erased_reserve(&engine->erased) != 0) return EDDY_E_NOMEM;
    eddy_erased_put(&engine->erased, hash)->erased_at = erased_at;
    before = hash;
  }
  return 0;
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
  if (error == 0) eddy_engine_catch_up(engine);
  if (error == 0) error = read_reservoir(&engine->reservoir, &reader);
  if (error == 0) error = read_erased(engine, &reader);
  if (error == 0) error = read_slots(engine, &reader);
  if (error == 0) error = read_free_slots(engine, &reader);
  if (error != 0) return error;
  eddy_engine_count_segments(engine, &engine->sizes);
  eddy_durable_all_dirty(engine);
  return 0;
}
