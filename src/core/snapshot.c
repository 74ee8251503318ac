#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "core/engine_state.h"
#include "core/snapshot_format.h"

enum { PIECE_MAX = 4096, BUFFER = 4 * PIECE_MAX };
_Static_assert(EDDY_PROFILE_SIZE_MAX + EDDY_USER_ID_MAX + 64 < PIECE_MAX, "a record fits into a piece");

/* Collects small pieces; passes them on with a running checksum. */
struct output {
  eddy_write_fn write;
  void *ctx;
  struct eddy_writer writer;
  uint32_t crc;
  int error; /* of `write`; nothing is written after it */
  uint8_t buffer[BUFFER];
};

static void pass_on(struct output *output, const void *bytes, size_t size) {
  if (output->error != 0 || size == 0) return;
  output->crc = eddy_crc32c(output->crc, bytes, size);
  output->error = output->write(output->ctx, bytes, size);
}

static void flush(struct output *output) {
  EDDY_ASSERT(!output->writer.overflow);
  pass_on(output, output->buffer, eddy_writer_size(&output->writer));
  eddy_writer_init(&output->writer, output->buffer, sizeof output->buffer);
}

/* The writer, with room for one piece. */
static struct eddy_writer *begin_piece(struct output *output) {
  if (eddy_writer_size(&output->writer) > BUFFER - PIECE_MAX) flush(output);
  return &output->writer;
}

static void write_i64(struct eddy_writer *writer, int64_t value) {
  eddy_write_u64(writer, (uint64_t)value);
}

static void write_head(const struct eddy_engine *engine, struct eddy_writer *writer) {
  eddy_write_bytes(writer, eddy_snapshot_magic, sizeof eddy_snapshot_magic);
  eddy_write_u32(writer, EDDY_SNAPSHOT_VERSION);
  eddy_write_u64(writer, eddy_spec_fingerprint(engine->spec));
  write_i64(writer, engine->partition_time);
  write_i64(writer, engine->newest_time);
  eddy_write_u64(writer, engine->next_effect);
  for (int i = 0; i < 4; i++) eddy_write_u64(writer, engine->rng.s[i]);
  write_i64(writer, engine->sweep.lap_start);
  eddy_write_u32(writer, engine->sweep.cursor);
  eddy_write_u16(writer, EDDY_COUNTER_COUNT);
#define X(name, help) eddy_write_u64(writer, engine->counters.name);
  EDDY_COUNTERS(X)
#undef X
}

static void write_reservoir(const struct eddy_reservoir *reservoir, struct output *output) {
  struct eddy_writer *writer = begin_piece(output);
  eddy_write_u16(writer, reservoir->dimensions);
  eddy_write_u16(writer, reservoir->count);
  write_i64(writer, reservoir->newest_time);
  eddy_write_u64(writer, reservoir->offered);
  eddy_write_f64(writer, reservoir->offered_weight);
  for (uint16_t i = 0; i < reservoir->count; i++) {
    writer = begin_piece(output);
    eddy_write_f64(writer, reservoir->keys[i]);
    eddy_write_f32(writer, reservoir->weights[i]);
    eddy_write_u64(writer, reservoir->users[i]);
    const float *vector = reservoir->vectors + (size_t)i * reservoir->dimensions;
    for (uint16_t d = 0; d < reservoir->dimensions; d++) eddy_write_f32(writer, vector[d]);
  }
}

static void write_erased(const struct eddy_erased *erased, struct output *output) {
  const struct eddy_erased_entry *entry;
  size_t at = 0;
  eddy_write_u32(begin_piece(output), (uint32_t)erased->count);
  while ((entry = eddy_erased_next(erased, &at)) != NULL) {
    struct eddy_writer *writer = begin_piece(output);
    eddy_write_u64(writer, entry->hash);
    write_i64(writer, entry->erased_at);
  }
}

static void write_arrays(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile,
                         struct eddy_writer *writer) {
  const int64_t *ages = eddy_profile_ages(compiled, profile);
  const uint64_t *recent = eddy_profile_recent(compiled, profile);
  for (unsigned i = 0; i < compiled->lane_count; i++) eddy_write_f32(writer, profile->lanes[i]);
  for (unsigned i = 0; i < compiled->age_count; i++) write_i64(writer, ages[i]);
  for (unsigned i = 0; i < compiled->spec->limits.recent_ids; i++) eddy_write_u64(writer, recent[i]);
}

static void write_profile(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile,
                          struct output *output) {
  struct eddy_writer *writer = begin_piece(output);
  eddy_write_u8(writer, profile->id_length);
  if (profile->id_length == 0) return;
  eddy_write_bytes(writer, eddy_profile_id(profile).data, profile->id_length);
  eddy_write_f32(writer, profile->evidence);
  eddy_write_u8(writer, profile->recent_next);
  eddy_write_u8(writer, profile->recent_count);
  eddy_write_u8(writer, profile->has_segment);
  write_i64(writer, profile->first_seen);
  write_i64(writer, profile->last_time);
  write_i64(writer, profile->last_contribution);
  write_i64(writer, profile->segment_since);
  eddy_write_u32(writer, profile->segment);
  write_arrays(compiled, profile, writer);
  eddy_write_u32(writer, profile->tail_size);
  if (profile->tail_size == 0) return;
  flush(output);
  pass_on(output, profile->tail, profile->tail_size);
}

static void write_slots(const struct eddy_engine *engine, struct output *output) {
  const struct eddy_slab *slab = &engine->table.slab;
  struct eddy_writer *writer = begin_piece(output);
  eddy_write_u32(writer, slab->used);
  eddy_write_u32(writer, slab->live);
  for (uint32_t slot = 0; slot < slab->used && output->error == 0; slot++) {
    write_profile(&engine->compiled, eddy_profile_table_at(&engine->table, slot), output);
  }
}

static void write_free_slots(const struct eddy_slab *slab, struct output *output) {
  for (uint32_t slot = slab->free_head; slot != EDDY_SLOT_NONE;) {
    eddy_write_u32(begin_piece(output), slot);
    memcpy(&slot, eddy_slab_at(slab, slot), sizeof slot); /* see base/slab.h */
  }
}

int eddy_engine_snapshot(const struct eddy_engine *engine, eddy_write_fn write, void *ctx) {
  struct output output;
  output.write = write;
  output.ctx = ctx;
  output.crc = 0;
  output.error = 0;
  eddy_writer_init(&output.writer, output.buffer, sizeof output.buffer);
  write_head(engine, &output.writer);
  write_reservoir(&engine->reservoir, &output);
  write_erased(&engine->erased, &output);
  write_slots(engine, &output);
  write_free_slots(&engine->table.slab, &output);
  flush(&output);
  eddy_write_u32(&output.writer, output.crc);
  flush(&output);
  return output.error;
}
