/* Hostile records of the changelog: what decodes is taken by a recovery, and whatever comes out of that is a sound engine whose
 * next commit can be read again. The input is a list of records:
 *
 *   flags u8 (1: tombstone, 2: make the checksum right, so that the fuzzer gets past it), key size u8, value size u16, key,
 * value
 *
 * The first byte of the input chooses what the recovery expects. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "store/recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TOMBSTONE = 1, RIGHT_CHECKSUM = 2, NOTHING = 1, ADOPT = 2 };

struct target {
  struct eddy_spec spec;
  struct eddy_engine *engine;
  struct eddy_recovery *recovery;
  struct eddy_recovery_options options;
  struct eddy_rejected room[EDDY_REJECTED_MAX];
};

static struct target *target_new(uint8_t choice) {
  struct target *target = calloc(1, sizeof *target);
  EDDY_ASSERT(target);
  eddy_spec_default(&target->spec);
  struct eddy_engine_options options = {.spec = &target->spec, .seed = 1, .memory_max = 64 << 20, .durable = true};
  EDDY_ASSERT(eddy_engine_new(&target->engine, &options) == 0);
  target->options = (struct eddy_recovery_options){.changelog = {.engine = target->engine,
                                                                 .partition_count = 1,
                                                                 .incarnation = 1,
                                                                 .flush_interval_ms = 1000,
                                                                 .flush_events = 1000},
                                                   .expect_nothing = choice & NOTHING,
                                                   .adopt_newest = choice & ADOPT,
                                                   .sequence = 2,
                                                   .position = 100};
  EDDY_ASSERT(eddy_recovery_new(&target->recovery, &target->options) == 0);
  return target;
}

static void target_free(struct target *target) {
  eddy_recovery_free(target->recovery);
  eddy_engine_free(target->engine);
  free(target);
}

struct piece {
  uint8_t flags;
  struct eddy_str key;
  uint8_t *value; /* a block of its own, so that the sanitizer sees its ends */
  size_t value_size;
};

static bool next_piece(struct eddy_reader *reader, struct piece *piece) {
  piece->flags = eddy_read_u8(reader);
  piece->key.len = eddy_read_u8(reader);
  piece->value_size = eddy_read_u16(reader);
  if (piece->value_size > eddy_reader_left(reader)) piece->value_size = eddy_reader_left(reader);
  if (piece->key.len > piece->value_size) piece->key.len = (uint32_t)piece->value_size;
  piece->value_size -= piece->key.len;
  const uint8_t *key = eddy_read_bytes(reader, piece->key.len), *value = eddy_read_bytes(reader, piece->value_size);
  if (reader->failed) return false;
  piece->key.data = (const char *)key;
  piece->value = malloc(piece->value_size + 1);
  EDDY_ASSERT(piece->value);
  if (piece->value_size > 0) memcpy(piece->value, value, piece->value_size);
  if ((piece->flags & RIGHT_CHECKSUM) && piece->value_size >= 5) {
    struct eddy_writer writer;
    eddy_writer_init(&writer, piece->value + 1, 4);
    eddy_write_u32(&writer, eddy_crc32c(eddy_crc32c(0, key, piece->key.len), piece->value + 5, piece->value_size - 5));
  }
  return true;
}

static enum eddy_recovery_result take(struct target *target, const struct piece *piece, char *why, size_t why_size) {
  const void *value = piece->flags & TOMBSTONE ? NULL : piece->value;
  size_t value_size = value ? piece->value_size : 0;
  struct eddy_changelog_record record;
  int error = eddy_changelog_decode(piece->key.data, piece->key.len, value, value_size, target->room, &record, why, why_size);
  enum eddy_recovery_result result =
      eddy_recovery_take(target->recovery, piece->key.data, piece->key.len, value, value_size, 5, why, why_size);
  EDDY_ASSERT(error == 0 || result == EDDY_RECOVERY_REFUSED);
  return result;
}

static int check_record(void *ctx, struct eddy_str key, const void *value, size_t value_size) {
  struct target *target = ctx;
  struct eddy_changelog_record record;
  EDDY_ASSERT(eddy_changelog_decode(key.data, key.len, value, value_size, target->room, &record, NULL, 0) == 0);
  return 0;
}

/* The engine is live now. */
static void go_on(struct target *target) {
  struct eddy_changelog *changelog;
  struct eddy_str user_id;
  char why[256];
  size_t cursor = 0;
  while (eddy_recovery_next_changed(target->recovery, &cursor, &user_id)) EDDY_ASSERT(user_id.len > 0);
  EDDY_ASSERT(eddy_recovery_finish(target->recovery, &changelog) == 0);
  EDDY_ASSERT(eddy_engine_validate(target->engine, why, sizeof why) == 0);
  struct eddy_changelog_commit commit = {.position = INT64_MAX, .records_max = SIZE_MAX, .full_lap = true};
  EDDY_ASSERT(eddy_changelog_write(changelog, &commit, check_record, target) == 0);
  eddy_changelog_committed(changelog);
  eddy_changelog_free(changelog);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct eddy_reader reader;
  struct piece piece;
  char why[256];
  eddy_reader_init(&reader, data, size);
  struct target *target = target_new(eddy_read_u8(&reader));
  enum eddy_recovery_result result = EDDY_RECOVERY_MORE;
  while (result == EDDY_RECOVERY_MORE && eddy_reader_left(&reader) > 0 && next_piece(&reader, &piece)) {
    result = take(target, &piece, why, sizeof why);
    free(piece.value);
  }
  if (result == EDDY_RECOVERY_MORE) result = eddy_recovery_at_end(target->recovery, why, sizeof why);
  if (result == EDDY_RECOVERY_DONE) go_on(target);
  target_free(target);
  return 0;
}
