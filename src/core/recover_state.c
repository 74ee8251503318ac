/* Engine-wide state as bytes (rule 8), little-endian:
 *
 *   version u8, partition_time, newest_time i64, next_effect u64, generator 4 x u64, sweep: lap_start i64, cursor u32
 *   counters: number u16, each u64
 *
 * Counters are only ever appended, so a record with fewer or more of them is read as far as both know.
 */
#include "base/bytes.h"
#include "base/rules.h"
#include "core/plausible.h"
#include "core/recovery.h"
#include "core/snapshot_format.h"
#include "eddy/durable.h"

enum { VERSION = 1, STATE_BYTES = 1 + 8 + 8 + 8 + 32 + 12 + 2 + 8 * EDDY_COUNTER_COUNT };
_Static_assert((int)STATE_BYTES <= (int)EDDY_ENGINE_STATE_MAX, "as promised");

size_t eddy_engine_encode_state(const struct eddy_engine *engine, void *buffer, size_t capacity) {
  struct eddy_writer writer;
  eddy_writer_init(&writer, buffer, capacity);
  eddy_write_u8(&writer, VERSION);
  eddy_write_u64(&writer, (uint64_t)engine->partition_time);
  eddy_write_u64(&writer, (uint64_t)engine->newest_time);
  eddy_write_u64(&writer, engine->next_effect);
  for (int i = 0; i < 4; i++) eddy_write_u64(&writer, engine->rng.s[i]);
  eddy_write_u64(&writer, (uint64_t)engine->sweep.lap_start);
  eddy_write_u32(&writer, engine->sweep.cursor);
  eddy_write_u16(&writer, EDDY_COUNTER_COUNT);
#define X(name, help) eddy_write_u64(&writer, engine->counters.name);
  EDDY_COUNTERS(X)
#undef X
  return writer.overflow ? SIZE_MAX : eddy_writer_size(&writer);
}

static void read_counters(struct eddy_engine *engine, struct eddy_reader *reader) {
  uint16_t count = eddy_read_u16(reader), at = 0;
#define X(name, help) engine->counters.name = at++ < count ? eddy_read_u64(reader) : 0;
  EDDY_COUNTERS(X)
#undef X
  for (; at < count; at++) eddy_read_u64(reader);
}

/* Without rule 8 a successor begins its time anew. */
static void forget_time(struct eddy_engine *engine) {
  engine->partition_time = engine->newest_time = engine->sweep.lap_start = EDDY_TIME_NONE;
}

int eddy_engine_recover_state(struct eddy_engine *engine, const void *bytes, size_t size) {
  struct eddy_reader reader;
  eddy_reader_init(&reader, bytes, size);
  uint8_t version = eddy_read_u8(&reader);
  if (version > VERSION) return EDDY_E_VERSION;
  engine->partition_time = (int64_t)eddy_read_u64(&reader);
  engine->newest_time = (int64_t)eddy_read_u64(&reader);
  engine->next_effect = engine->recovery.next_effect = eddy_read_u64(&reader);
  for (int i = 0; i < 4; i++) engine->rng.s[i] = eddy_read_u64(&reader);
  engine->sweep.lap_start = (int64_t)eddy_read_u64(&reader);
  engine->sweep.cursor = eddy_read_u32(&reader);
  read_counters(engine, &reader);
  bool ok = !reader.failed && version == VERSION && eddy_reader_left(&reader) == 0 && eddy_rng_plausible(&engine->rng) &&
            eddy_clock_plausible(engine);
  if (!ok) return EDDY_E_CORRUPT;
  if (!EDDY_RULE(TIME_IN_AGGREGATE)) forget_time(engine);
  eddy_engine_catch_up(engine);
  return 0;
}
