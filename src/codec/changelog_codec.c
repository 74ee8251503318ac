/* The value of every record, then what its kind adds:
 *
 *   0          1         5
 *   | version  | crc32c  | partition | incarnation | sequence | position | ...    varints are Avro's (zig-zag)
 *                        `--- covered by the crc, behind the bytes of the key ---'
 *
 *   profile, layout   bytes up to the end, as the engine wrote them
 *   erased            erased_at varint
 *   aggregate         four sections, each a u32 length and that many bytes
 *                       numbers    replay_from, partition_count, erasure_check, model_version, written_at, has_trigger,
 * last_trigger redis      known, sequence, trigger, since rejected   count, then per run its distance from the end of the one
 * before (the first: from replay_from) and its length - 1 state      bytes, as the engine wrote them
 *
 * A later version of eddy may append fields to a section and sections to an aggregate: what is left over is not looked at.
 */
#include "codec/changelog_codec.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "eddy/event.h"

enum {
  CRC_AT = 1,
  CRC_END = CRC_AT + 4,
  VARINT_MAX = 10,
  NUMBERS_MAX = 7 * VARINT_MAX,
  REDIS_MAX = 4 * VARINT_MAX,
  RUN_MAX = 2 * VARINT_MAX,
  SECTION_HEAD = 4,
  SECTIONS = 4,
};
_Static_assert(EDDY_CHANGELOG_HEAD_MAX == CRC_END + 4 * VARINT_MAX, "see the drawing");
_Static_assert(EDDY_CHANGELOG_KEY_MAX == 1 + EDDY_USER_ID_MAX, "a profile's key is the longest");

/* Keys ---------------------------------------------------------------------------------------------------------------------*/

static struct eddy_str little_endian_key(char kind, uint64_t value, uint32_t size, char *room) {
  room[0] = kind;
  for (uint32_t i = 0; i < size; i++) room[1 + i] = (char)(uint8_t)(value >> (8 * i));
  return (struct eddy_str){room, 1 + size};
}

struct eddy_str eddy_changelog_profile_key(struct eddy_str user_id, char *room) {
  EDDY_ASSERT(user_id.len > 0 && user_id.len <= EDDY_USER_ID_MAX);
  room[0] = 'p';
  memcpy(room + 1, user_id.data, user_id.len);
  return (struct eddy_str){room, 1 + user_id.len};
}

struct eddy_str eddy_changelog_erased_key(uint64_t hash, char *room) {
  return little_endian_key('e', hash, 8, room);
}

struct eddy_str eddy_changelog_layout_key(uint32_t layout, char *room) {
  return little_endian_key('l', layout, 4, room);
}

struct eddy_str eddy_changelog_aggregate_key(void) {
  return EDDY_STR("a");
}

/* Writing ------------------------------------------------------------------------------------------------------------------*/

/* A value being appended to a buffer. */
struct output {
  struct eddy_buffer *buffer;
  struct eddy_writer writer;
};

static int output_begin(struct output *output, const struct eddy_changelog_place *place, size_t more,
                        struct eddy_buffer *buffer) {
  if (more > SIZE_MAX / 4 || eddy_buffer_reserve(buffer, EDDY_CHANGELOG_HEAD_MAX + more) != 0) return EDDY_E_NOMEM;
  struct eddy_writer *writer = &output->writer;
  output->buffer = buffer;
  eddy_writer_init(writer, buffer->data + buffer->size, EDDY_CHANGELOG_HEAD_MAX + more);
  eddy_write_u8(writer, EDDY_CHANGELOG_VERSION);
  eddy_write_u32(writer, 0); /* crc, see output_end() */
  eddy_write_varint(writer, place->partition);
  eddy_write_varint(writer, (int64_t)place->incarnation);
  eddy_write_varint(writer, (int64_t)place->sequence);
  eddy_write_varint(writer, place->position);
  return 0;
}

static uint32_t checksum(struct eddy_str key, const uint8_t *value, size_t size) {
  uint32_t crc = eddy_crc32c(0, key.data, key.len);
  return eddy_crc32c(crc, value + CRC_END, size - CRC_END);
}

static int output_end(struct output *output, struct eddy_str key) {
  struct eddy_writer *writer = &output->writer, crc;
  EDDY_ASSERT(!writer->overflow);
  size_t size = eddy_writer_size(writer);
  eddy_writer_init(&crc, writer->begin + CRC_AT, CRC_END - CRC_AT);
  eddy_write_u32(&crc, checksum(key, writer->begin, size));
  output->buffer->size += size;
  return 0;
}

static int encode_bytes(const struct eddy_changelog_place *place, struct eddy_str key, const void *bytes, size_t size,
                        struct eddy_buffer *buffer) {
  struct output output;
  int error = output_begin(&output, place, size, buffer);
  if (error != 0) return error;
  eddy_write_bytes(&output.writer, bytes, size);
  return output_end(&output, key);
}

int eddy_changelog_encode_profile(const struct eddy_changelog_place *place, struct eddy_str key, const void *bytes, size_t size,
                                  struct eddy_buffer *buffer) {
  return encode_bytes(place, key, bytes, size, buffer);
}

int eddy_changelog_encode_layout(const struct eddy_changelog_place *place, struct eddy_str key, const void *bytes, size_t size,
                                 struct eddy_buffer *buffer) {
  return encode_bytes(place, key, bytes, size, buffer);
}

int eddy_changelog_encode_erased(const struct eddy_changelog_place *place, struct eddy_str key, int64_t erased_at,
                                 struct eddy_buffer *buffer) {
  struct output output;
  int error = output_begin(&output, place, VARINT_MAX, buffer);
  if (error != 0) return error;
  eddy_write_varint(&output.writer, erased_at);
  return output_end(&output, key);
}

static uint8_t *section_begin(struct eddy_writer *writer) {
  uint8_t *head = writer->at;
  eddy_write_u32(writer, 0);
  return head;
}

static void section_end(struct eddy_writer *writer, uint8_t *head) {
  struct eddy_writer length;
  eddy_writer_init(&length, head, SECTION_HEAD);
  eddy_write_u32(&length, (uint32_t)(writer->at - head - SECTION_HEAD));
}

static void write_numbers(const struct eddy_aggregate *aggregate, struct eddy_writer *writer) {
  uint8_t *head = section_begin(writer);
  eddy_write_varint(writer, aggregate->replay_from);
  eddy_write_varint(writer, aggregate->partition_count);
  eddy_write_varint(writer, (int64_t)aggregate->erasure_check);
  eddy_write_varint(writer, (int64_t)aggregate->model_version);
  eddy_write_varint(writer, aggregate->written_at);
  eddy_write_varint(writer, aggregate->has_trigger);
  eddy_write_varint(writer, (int64_t)aggregate->last_trigger);
  section_end(writer, head);
}

static void write_redis(const struct eddy_aggregate *aggregate, struct eddy_writer *writer) {
  uint8_t *head = section_begin(writer);
  eddy_write_varint(writer, aggregate->redis.known);
  eddy_write_varint(writer, (int64_t)aggregate->redis.sequence);
  eddy_write_varint(writer, (int64_t)aggregate->redis.trigger);
  eddy_write_varint(writer, aggregate->redis.since);
  section_end(writer, head);
}

static void write_rejected(const struct eddy_aggregate *aggregate, int64_t position, struct eddy_writer *writer) {
  uint8_t *head = section_begin(writer);
  int64_t end = aggregate->replay_from;
  eddy_write_varint(writer, (int64_t)aggregate->rejected_count);
  for (size_t i = 0; i < aggregate->rejected_count; i++) {
    const struct eddy_rejected *run = &aggregate->rejected[i];
    int64_t first = i == 0 && run->first < end ? end : run->first;
    EDDY_ASSERT(first >= end + (i > 0) && run->end > first && run->end <= position);
    eddy_write_varint(writer, first - end);
    eddy_write_varint(writer, run->end - first - 1);
    end = run->end;
  }
  section_end(writer, head);
}

static void write_state(const struct eddy_aggregate *aggregate, struct eddy_writer *writer) {
  uint8_t *head = section_begin(writer);
  eddy_write_bytes(writer, aggregate->state, aggregate->state_size);
  section_end(writer, head);
}

int eddy_changelog_encode_aggregate(const struct eddy_changelog_place *place, const struct eddy_aggregate *aggregate,
                                    struct eddy_buffer *buffer) {
  EDDY_ASSERT(aggregate->rejected_count <= EDDY_REJECTED_MAX && aggregate->state_size <= UINT32_MAX);
  EDDY_ASSERT(aggregate->replay_from >= 0 && aggregate->replay_from <= place->position);
  struct output output;
  size_t more = SECTIONS * SECTION_HEAD + NUMBERS_MAX + REDIS_MAX + VARINT_MAX + aggregate->rejected_count * RUN_MAX;
  int error = output_begin(&output, place, more + aggregate->state_size, buffer);
  if (error != 0) return error;
  write_numbers(aggregate, &output.writer);
  write_redis(aggregate, &output.writer);
  write_rejected(aggregate, place->position, &output.writer);
  write_state(aggregate, &output.writer);
  return output_end(&output, eddy_changelog_aggregate_key());
}

/* Reading ------------------------------------------------------------------------------------------------------------------*/

/* The sentence, and the code to return. */
struct verdict {
  char *why;
  size_t why_size;
};

static int refuse(const struct verdict *verdict, int error, const char *sentence) {
  if (verdict->why != NULL && verdict->why_size > 0) snprintf(verdict->why, verdict->why_size, "%s", sentence);
  return error;
}

static int corrupt(const struct verdict *verdict, const char *sentence) {
  return refuse(verdict, EDDY_E_CORRUPT, sentence);
}

static int read_key(const uint8_t *key, size_t size, struct eddy_changelog_record *record, const struct verdict *verdict) {
  char kind = size > 0 ? (char)key[0] : '\0';
  if (kind == 'p' && size > 1 && size <= EDDY_CHANGELOG_KEY_MAX) {
    record->kind = EDDY_CHANGELOG_PROFILE;
    record->user_id = (struct eddy_str){(const char *)key + 1, (uint32_t)size - 1};
  } else if (kind == 'e' && size == 1 + 8) {
    record->kind = EDDY_CHANGELOG_ERASED;
    record->hash = eddy_load_u64(key + 1);
  } else if (kind == 'l' && size == 1 + 4) {
    record->kind = EDDY_CHANGELOG_LAYOUT;
    record->layout = eddy_load_u32(key + 1);
  } else if (kind == 'a' && size == 1) {
    record->kind = EDDY_CHANGELOG_AGGREGATE;
  } else {
    return corrupt(verdict, "the key is none of this topic");
  }
  return 0;
}

/* Version and crc; leaves the reader behind them. */
static int read_head(struct eddy_str key, const uint8_t *value, size_t size, struct eddy_reader *reader,
                     const struct verdict *verdict) {
  eddy_reader_init(reader, value, size);
  uint8_t version = eddy_read_u8(reader);
  if (!reader->failed && version > EDDY_CHANGELOG_VERSION) {
    return refuse(verdict, EDDY_E_VERSION, "the record was written by a newer eddy");
  }
  uint32_t crc = eddy_read_u32(reader);
  if (reader->failed || version == 0) return corrupt(verdict, "the record has no head");
  if (crc != checksum(key, value, size)) return corrupt(verdict, "the checksum does not match");
  return 0;
}

static int read_place(struct eddy_reader *reader, struct eddy_changelog_place *place, const struct verdict *verdict) {
  int64_t partition = eddy_read_varint(reader);
  place->incarnation = (uint64_t)eddy_read_varint(reader);
  place->sequence = (uint64_t)eddy_read_varint(reader);
  place->position = eddy_read_varint(reader);
  bool sound = !reader->failed && partition >= 0 && partition <= UINT32_MAX && place->sequence > 0 && place->position >= 0;
  place->partition = (uint32_t)partition;
  return sound ? 0 : corrupt(verdict, "partition, incarnation, sequence and position are not sound");
}

/* A reader over the next section alone. */
static struct eddy_reader read_section(struct eddy_reader *reader) {
  struct eddy_reader section;
  size_t size = eddy_read_u32(reader);
  const uint8_t *bytes = eddy_read_bytes(reader, size);
  eddy_reader_init(&section, bytes, reader->failed ? 0 : size);
  section.failed = reader->failed;
  return section;
}

/* 0 or 1; anything else fails the reader. */
static bool read_bool(struct eddy_reader *reader) {
  int64_t value = eddy_read_varint(reader);
  if (value != 0 && value != 1) reader->failed = true;
  return value == 1;
}

static int read_numbers(struct eddy_reader section, int64_t position, struct eddy_aggregate *aggregate,
                        const struct verdict *verdict) {
  aggregate->replay_from = eddy_read_varint(&section);
  int64_t partition_count = eddy_read_varint(&section);
  aggregate->erasure_check = (uint64_t)eddy_read_varint(&section);
  aggregate->model_version = (uint64_t)eddy_read_varint(&section);
  aggregate->written_at = eddy_read_varint(&section);
  aggregate->has_trigger = read_bool(&section);
  aggregate->last_trigger = (uint64_t)eddy_read_varint(&section);
  bool sound = !section.failed && partition_count > 0 && partition_count <= UINT32_MAX && aggregate->replay_from >= 0 &&
               aggregate->replay_from <= position;
  aggregate->partition_count = (uint32_t)partition_count;
  return sound ? 0 : corrupt(verdict, "the numbers of the aggregate are not sound");
}

static int read_redis(struct eddy_reader section, struct eddy_aggregate *aggregate, const struct verdict *verdict) {
  aggregate->redis.known = read_bool(&section);
  aggregate->redis.sequence = (uint64_t)eddy_read_varint(&section);
  aggregate->redis.trigger = (uint64_t)eddy_read_varint(&section);
  aggregate->redis.since = eddy_read_varint(&section);
  return section.failed ? corrupt(verdict, "what the aggregate says of Redis is not sound") : 0;
}

/* The run behind `end`, within `position`; false if it is not sound. */
static bool read_run(struct eddy_reader *section, int64_t end, int64_t position, struct eddy_rejected *run) {
  int64_t distance = eddy_read_varint(section), more = eddy_read_varint(section);
  if (section->failed || distance < 0 || distance >= position - end) return false;
  run->first = end + distance;
  if (more < 0 || more >= position - run->first) return false;
  run->end = run->first + more + 1;
  return true;
}

static int read_rejected(struct eddy_reader section, int64_t position, struct eddy_rejected *room,
                         struct eddy_aggregate *aggregate, const struct verdict *verdict) {
  static const char sentence[] = "the rejected offsets of the aggregate are not sound";
  int64_t count = eddy_read_varint(&section), end = aggregate->replay_from;
  if (section.failed || count < 0 || count > EDDY_REJECTED_MAX) return corrupt(verdict, sentence);
  for (int64_t i = 0; i < count; i++) {
    struct eddy_rejected run;
    if (!read_run(&section, end, position, &run) || (i > 0 && run.first == end)) return corrupt(verdict, sentence);
    if (room != NULL) room[i] = run;
    end = run.end;
  }
  aggregate->rejected = room;
  aggregate->rejected_count = (size_t)count;
  return 0;
}

static int read_aggregate(struct eddy_reader *reader, struct eddy_rejected *room, struct eddy_changelog_record *record,
                          const struct verdict *verdict) {
  struct eddy_aggregate *aggregate = &record->aggregate;
  int64_t position = record->place.position;
  int error = read_numbers(read_section(reader), position, aggregate, verdict);
  if (error == 0) error = read_redis(read_section(reader), aggregate, verdict);
  if (error == 0) error = read_rejected(read_section(reader), position, room, aggregate, verdict);
  if (error != 0) return error;
  struct eddy_reader state = read_section(reader);
  if (state.failed) return corrupt(verdict, "the state of the aggregate is cut off");
  aggregate->state = state.at;
  aggregate->state_size = eddy_reader_left(&state);
  return 0;
}

static int read_erased(struct eddy_reader *reader, struct eddy_changelog_record *record, const struct verdict *verdict) {
  record->erased_at = eddy_read_varint(reader);
  bool sound = !reader->failed && eddy_reader_left(reader) == 0;
  return sound ? 0 : corrupt(verdict, "the marker of an erased user is not sound");
}

static int read_body(struct eddy_reader *reader, struct eddy_rejected *room, struct eddy_changelog_record *record,
                     const struct verdict *verdict) {
  switch (record->kind) {
    case EDDY_CHANGELOG_PROFILE:
    case EDDY_CHANGELOG_LAYOUT:
      record->bytes = reader->at;
      record->size = eddy_reader_left(reader);
      return 0;
    case EDDY_CHANGELOG_ERASED:
      return read_erased(reader, record, verdict);
    case EDDY_CHANGELOG_AGGREGATE:
      return read_aggregate(reader, room, record, verdict);
  }
  return EDDY_E_CORRUPT;
}

int eddy_changelog_decode(const void *key, size_t key_size, const void *value, size_t value_size, struct eddy_rejected *room,
                          struct eddy_changelog_record *record, char *why, size_t why_size) {
  struct verdict verdict = {why, why_size};
  struct eddy_reader reader;
  memset(record, 0, sizeof *record);
  int error = read_key(key, key_size, record, &verdict);
  if (error != 0) return error;
  record->tombstone = value == NULL;
  if (record->tombstone) return 0;
  error = read_head((struct eddy_str){key, (uint32_t)key_size}, value, value_size, &reader, &verdict);
  if (error == 0) error = read_place(&reader, &record->place, &verdict);
  return error == 0 ? read_body(&reader, room, record, &verdict) : error;
}
