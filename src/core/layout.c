#include "core/layout.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "eddy/durable.h"

enum { VERSION = 1, HEAD_BYTES = 4 };
enum { BYTES_MAX = HEAD_BYTES + 8 * (EDDY_FEATURES_MAX + EDDY_TRIGGERS_MAX) };
_Static_assert((int)BYTES_MAX <= (int)EDDY_LAYOUT_MAX, "as promised");

/* Names ---------------------------------------------------------------------------------------------------------------------*/

static uint64_t hash_name(const char *name, const uint8_t kind[2]) {
  uint8_t bytes[EDDY_NAME_MAX + 3];
  struct eddy_writer writer;
  eddy_writer_init(&writer, bytes, sizeof bytes);
  eddy_write_bytes(&writer, kind, 2);
  eddy_write_bytes(&writer, name, strnlen(name, EDDY_NAME_MAX));
  return eddy_hash_stable(bytes, eddy_writer_size(&writer));
}

/* A count and a sum of one name are two things: a number of events makes no amount of money. */
static uint64_t hash_of_feature(const struct eddy_feature_spec *feature) {
  bool sum = feature->fold == EDDY_FOLD_SUM;
  return hash_name(feature->name, (const uint8_t[]){(uint8_t)feature->fold, (uint8_t)(sum ? feature->value : 0)});
}

static uint64_t hash_of_trigger(const struct eddy_trigger_spec *trigger) {
  return hash_name(trigger->name, (const uint8_t[]){(uint8_t)trigger->kind, (uint8_t)trigger->subject});
}

/* The places of a layout, one list after the other. */
struct places {
  uint8_t lane_count, age_count, trigger_count;
  uint64_t lanes[EDDY_FEATURES_MAX], ages[EDDY_FEATURES_MAX], triggers[EDDY_TRIGGERS_MAX];
};

static void list_places(const struct eddy_spec *spec, struct places *places) {
  places->lane_count = places->age_count = places->trigger_count = 0;
  for (uint16_t i = 0; i < spec->feature_count; i++) {
    const struct eddy_feature_spec *feature = &spec->features[i];
    bool lane = feature->fold == EDDY_FOLD_COUNT || feature->fold == EDDY_FOLD_SUM;
    if (lane) places->lanes[places->lane_count++] = hash_of_feature(feature);
    if (feature->fold == EDDY_FOLD_AGE) places->ages[places->age_count++] = hash_of_feature(feature);
  }
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    places->triggers[places->trigger_count++] = hash_of_trigger(&spec->triggers[i]);
  }
}

/* Bytes ---------------------------------------------------------------------------------------------------------------------*/

static void write_list(struct eddy_writer *writer, const uint64_t *hashes, uint8_t count) {
  for (uint8_t i = 0; i < count; i++) eddy_write_u64(writer, hashes[i]);
}

size_t eddy_layout_encode(const struct eddy_spec *spec, void *buffer, size_t capacity) {
  struct places places;
  struct eddy_writer writer;
  list_places(spec, &places);
  eddy_writer_init(&writer, buffer, capacity);
  eddy_write_u8(&writer, VERSION);
  eddy_write_u8(&writer, places.lane_count);
  eddy_write_u8(&writer, places.age_count);
  eddy_write_u8(&writer, places.trigger_count);
  write_list(&writer, places.lanes, places.lane_count);
  write_list(&writer, places.ages, places.age_count);
  write_list(&writer, places.triggers, places.trigger_count);
  return writer.overflow ? SIZE_MAX : eddy_writer_size(&writer);
}

static bool read_list(struct eddy_reader *reader, uint64_t *hashes, uint8_t count, uint8_t max) {
  if (count > max) return false;
  for (uint8_t i = 0; i < count; i++) hashes[i] = eddy_read_u64(reader);
  return !reader->failed;
}

static int read_places(const void *bytes, size_t size, struct places *places) {
  struct eddy_reader reader;
  eddy_reader_init(&reader, bytes, size);
  uint8_t version = eddy_read_u8(&reader);
  if (version > VERSION) return EDDY_E_VERSION;
  places->lane_count = eddy_read_u8(&reader);
  places->age_count = eddy_read_u8(&reader);
  places->trigger_count = eddy_read_u8(&reader);
  bool ok = version == VERSION && read_list(&reader, places->lanes, places->lane_count, EDDY_FEATURES_MAX) &&
            read_list(&reader, places->ages, places->age_count, EDDY_FEATURES_MAX) &&
            read_list(&reader, places->triggers, places->trigger_count, EDDY_TRIGGERS_MAX);
  return ok && eddy_reader_left(&reader) == 0 ? 0 : EDDY_E_CORRUPT;
}

/* Mapping -------------------------------------------------------------------------------------------------------------------*/

/* No two places lead to one: of equal names only the first one has a place. */
static void map_list(const uint64_t *from, uint8_t from_count, const uint64_t *to, uint8_t to_count, uint8_t *map) {
  for (uint8_t i = 0; i < from_count; i++) {
    uint8_t first = 0, at = 0;
    while (from[first] != from[i]) first++;
    while (at < to_count && to[at] != from[i]) at++;
    map[i] = at < to_count && first == i ? at : EDDY_PLACE_NONE;
  }
}

static uint32_t id_of(const void *bytes, size_t size) {
  return (uint32_t)eddy_hash_stable(bytes, size);
}

int eddy_layout_compile(const struct eddy_spec *spec, const void *bytes, size_t size, struct eddy_layout *layout) {
  struct places from, to;
  int error = read_places(bytes, size, &from);
  if (error != 0) return error;
  list_places(spec, &to);
  *layout = (struct eddy_layout){
      .id = id_of(bytes, size),
      .lane_count = from.lane_count,
      .age_count = from.age_count,
      .trigger_count = from.trigger_count,
  };
  map_list(from.lanes, from.lane_count, to.lanes, to.lane_count, layout->lanes);
  map_list(from.ages, from.age_count, to.ages, to.age_count, layout->ages);
  map_list(from.triggers, from.trigger_count, to.triggers, to.trigger_count, layout->triggers);
  layout->same_triggers = true;
  for (uint8_t i = 0; i < from.trigger_count; i++) layout->same_triggers = layout->same_triggers && layout->triggers[i] == i;
  return 0;
}

void eddy_layout_own(const struct eddy_spec *spec, struct eddy_layout *layout) {
  uint8_t bytes[BYTES_MAX];
  size_t size = eddy_layout_encode(spec, bytes, sizeof bytes);
  int error = size != SIZE_MAX ? eddy_layout_compile(spec, bytes, size, layout) : EDDY_E_INVALID;
  EDDY_ASSERT(error == 0);
}
