#include "core/profile_codec.h"

#include <string.h>

#include "base/bytes.h"
#include "base/rules.h"
#include "core/plausible.h"

enum flag { EVIDENCE = 1, LIVES = 2, CONTRIBUTED = 4, SEGMENT = 8, LANES = 16, AGES = 32, IDS = 64, TAIL = 128 };

/* What times are relative to. */
static int64_t base_of(const struct eddy_profile *profile) {
  return profile->last_time != EDDY_TIME_NONE ? profile->last_time : 0;
}

/* Writing -------------------------------------------------------------------------------------------------------------------*/

/* Differences wrap, so that any two times have one. */
static void write_time(struct eddy_writer *writer, int64_t base, int64_t time) {
  eddy_write_varint(writer, (int64_t)((uint64_t)base - (uint64_t)time));
}

static uint64_t lanes_in_use(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < compiled->lane_count; i++) bits |= profile->lanes[i] != 0 ? UINT64_C(1) << i : 0;
  return bits;
}

static uint64_t ages_in_use(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile) {
  const int64_t *ages = eddy_profile_ages(compiled, profile);
  uint64_t bits = 0;
  for (unsigned i = 0; i < compiled->age_count; i++) bits |= ages[i] != EDDY_TIME_NONE ? UINT64_C(1) << i : 0;
  return bits;
}

static void write_bits(struct eddy_writer *writer, uint64_t bits, unsigned count) {
  for (unsigned i = 0; i < count; i += 8) eddy_write_u8(writer, (uint8_t)(bits >> i));
}

static void write_arrays(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile, uint64_t lanes,
                         uint64_t ages, struct eddy_writer *writer) {
  if (lanes != 0) write_bits(writer, lanes, compiled->lane_count);
  for (; lanes != 0; lanes &= lanes - 1) eddy_write_f32(writer, profile->lanes[__builtin_ctzll(lanes)]);
  if (ages != 0) write_bits(writer, ages, compiled->age_count);
  for (; ages != 0; ages &= ages - 1) {
    write_time(writer, base_of(profile), eddy_profile_ages(compiled, profile)[__builtin_ctzll(ages)]);
  }
}

static void write_ids(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile,
                      struct eddy_writer *writer) {
  unsigned room = compiled->spec->limits.recent_ids, count = profile->recent_count;
  const uint64_t *recent = eddy_profile_recent(compiled, profile);
  eddy_write_u8(writer, (uint8_t)count);
  for (unsigned i = 0; i < count; i++) eddy_write_u64(writer, recent[(profile->recent_next + room - count + i) % room]);
}

size_t eddy_profile_encode(const struct eddy_spec_compiled *compiled, uint32_t layout, const struct eddy_profile *profile,
                           void *buffer, size_t capacity) {
  struct eddy_writer writer;
  int64_t base = base_of(profile);
  uint64_t lanes = lanes_in_use(compiled, profile), ages = ages_in_use(compiled, profile);
  bool lives = profile->last_time != EDDY_TIME_NONE, contributed = profile->last_contribution != EDDY_TIME_NONE;
  bool ids = profile->recent_count > 0 && EDDY_RULE(IDS_IN_RECORD);
  eddy_writer_init(&writer, buffer, capacity);
  eddy_write_u32(&writer, layout);
  eddy_write_u8(&writer,
                (uint8_t)((profile->evidence != 0 ? EVIDENCE : 0) | (lives ? LIVES : 0) | (contributed ? CONTRIBUTED : 0) |
                          (profile->has_segment ? SEGMENT : 0) | (lanes != 0 ? LANES : 0) | (ages != 0 ? AGES : 0) |
                          (ids ? IDS : 0) | (profile->tail_size > 0 ? TAIL : 0)));
  if (profile->evidence != 0) eddy_write_f32(&writer, profile->evidence);
  if (lives) eddy_write_varint(&writer, profile->last_time);
  if (lives) write_time(&writer, base, profile->first_seen);
  if (contributed) write_time(&writer, base, profile->last_contribution);
  if (profile->has_segment) eddy_write_varint(&writer, profile->segment);
  if (profile->has_segment) write_time(&writer, base, profile->segment_since);
  write_arrays(compiled, profile, lanes, ages, &writer);
  if (ids) write_ids(compiled, profile, &writer);
  eddy_write_bytes(&writer, profile->tail, profile->tail_size);
  return writer.overflow ? SIZE_MAX : eddy_writer_size(&writer);
}

/* Reading -------------------------------------------------------------------------------------------------------------------*/

static int64_t read_time(struct eddy_reader *reader, int64_t base) {
  return (int64_t)((uint64_t)base - (uint64_t)eddy_read_varint(reader));
}

/* Fails where a bit belongs to no place, or none is set. */
static uint64_t read_bits(struct eddy_reader *reader, unsigned count) {
  uint64_t bits = 0;
  for (unsigned i = 0; i < count; i += 8) bits |= (uint64_t)eddy_read_u8(reader) << i;
  if (bits == 0 || (count < 64 && bits >> count != 0)) reader->failed = true;
  return reader->failed ? 0 : bits;
}

static void read_lanes(struct eddy_reader *reader, const struct eddy_layout *layout, struct eddy_profile *profile) {
  for (uint64_t bits = read_bits(reader, layout->lane_count); bits != 0; bits &= bits - 1) {
    uint8_t place = layout->lanes[__builtin_ctzll(bits)];
    float value = eddy_read_f32(reader);
    if (place != EDDY_PLACE_NONE) profile->lanes[place] = value;
  }
}

static void read_ages(struct eddy_reader *reader, const struct eddy_spec_compiled *compiled, const struct eddy_layout *layout,
                      struct eddy_profile *profile) {
  for (uint64_t bits = read_bits(reader, layout->age_count); bits != 0; bits &= bits - 1) {
    uint8_t place = layout->ages[__builtin_ctzll(bits)];
    int64_t time = read_time(reader, base_of(profile));
    if (place != EDDY_PLACE_NONE) eddy_profile_ages(compiled, profile)[place] = time;
  }
}

static void read_ids(struct eddy_reader *reader, const struct eddy_spec_compiled *compiled, struct eddy_profile *profile) {
  unsigned count = eddy_read_u8(reader), room = compiled->spec->limits.recent_ids;
  unsigned kept = count < room ? count : room;
  uint64_t *recent = eddy_profile_recent(compiled, profile);
  for (unsigned i = 0; i < count; i++) {
    uint64_t id = eddy_read_u64(reader);
    if (i >= count - kept) recent[i - (count - kept)] = id;
  }
  profile->recent_count = (uint8_t)kept;
  profile->recent_next = (uint8_t)(room > 0 ? kept % room : 0);
}

static void read_life(struct eddy_reader *reader, uint8_t flags, struct eddy_profile *profile) {
  if (flags & EVIDENCE) profile->evidence = eddy_read_f32(reader);
  if (flags & LIVES) {
    profile->last_time = eddy_read_varint(reader);
    profile->first_seen = read_time(reader, profile->last_time);
  }
  if (flags & CONTRIBUTED) profile->last_contribution = read_time(reader, base_of(profile));
  if (!(flags & SEGMENT)) return;
  int64_t segment = eddy_read_varint(reader);
  if (segment < 0 || segment > UINT32_MAX) reader->failed = true;
  profile->has_segment = true;
  profile->segment = (uint32_t)segment;
  profile->segment_since = read_time(reader, base_of(profile));
}

/* As before the first event. */
static void clear_image(const struct eddy_spec_compiled *compiled, union eddy_profile_image *image) {
  memset(image, 0, sizeof *image);
  struct eddy_profile *profile = &image->profile;
  profile->first_seen = profile->last_time = profile->last_contribution = profile->segment_since = EDDY_TIME_NONE;
  for (unsigned i = 0; i < compiled->age_count; i++) eddy_profile_ages(compiled, profile)[i] = EDDY_TIME_NONE;
}

bool eddy_profile_layout_id(struct eddy_profile_bytes bytes, uint32_t *id) {
  struct eddy_reader reader;
  eddy_reader_init(&reader, bytes.data, bytes.size);
  *id = eddy_read_u32(&reader);
  return !reader.failed;
}

int eddy_profile_decode(const struct eddy_spec_compiled *compiled, const struct eddy_layout *layout,
                        struct eddy_profile_bytes bytes, union eddy_profile_image *image, struct eddy_profile_bytes *tail) {
  struct eddy_reader reader;
  struct eddy_profile *profile = &image->profile;
  clear_image(compiled, image);
  eddy_reader_init(&reader, bytes.data, bytes.size);
  uint32_t id = eddy_read_u32(&reader);
  uint8_t flags = eddy_read_u8(&reader);
  read_life(&reader, flags, profile);
  if (flags & LANES) read_lanes(&reader, layout, profile);
  if (flags & AGES) read_ages(&reader, compiled, layout, profile);
  if (flags & IDS) read_ids(&reader, compiled, profile);
  *tail = (struct eddy_profile_bytes){reader.at, eddy_reader_left(&reader)};
  bool ok = !reader.failed && id == layout->id && (tail->size > 0) == ((flags & TAIL) != 0) &&
            eddy_profile_plausible(compiled, profile);
  return ok ? 0 : EDDY_E_CORRUPT;
}
