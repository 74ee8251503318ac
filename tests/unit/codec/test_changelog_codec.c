/* Records of the changelog: what is written comes back, damage of every byte is noticed, and limits hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/rng.h"
#include "codec/changelog_codec.h"

static const struct eddy_changelog_place place = {
    .partition = 7, .incarnation = 1700000000000, .sequence = 42, .position = 100000};

static struct eddy_rejected runs_out[EDDY_REJECTED_MAX];

/* Decodes; the record's key must be what it was written under. */
static int decode(struct eddy_str key, const struct eddy_buffer *value, struct eddy_changelog_record *record, char *why) {
  return eddy_changelog_decode(key.data, key.len, value->data, value->size, runs_out, record, why, 128);
}

static void assert_place(const struct eddy_changelog_record *record) {
  assert_false(record->tombstone);
  assert_int_equal(record->place.partition, place.partition);
  assert_int_equal(record->place.incarnation, place.incarnation);
  assert_int_equal(record->place.sequence, place.sequence);
  assert_int_equal(record->place.position, place.position);
}

static void profiles_come_back(void **state) {
  (void)state;
  char room[EDDY_CHANGELOG_KEY_MAX], long_id[255];
  memset(long_id, 'u', sizeof long_id);
  const struct eddy_str ids[] = {EDDY_STR("u"), EDDY_STR("a"), {long_id, sizeof long_id}};
  const struct eddy_str bytes[] = {EDDY_STR(""), EDDY_STR("bytes of a profile")};
  for (size_t i = 0; i < 6; i++) {
    struct eddy_buffer value;
    struct eddy_changelog_record record;
    eddy_buffer_init(&value, NULL);
    struct eddy_str key = eddy_changelog_profile_key(ids[i % 3], room);
    assert_int_equal(eddy_changelog_encode_profile(&place, key, bytes[i / 3].data, bytes[i / 3].len, &value), 0);
    assert_int_equal(decode(key, &value, &record, NULL), 0);
    assert_int_equal(record.kind, EDDY_CHANGELOG_PROFILE);
    assert_place(&record);
    assert_int_equal(record.user_id.len, ids[i % 3].len);
    assert_memory_equal(record.user_id.data, ids[i % 3].data, ids[i % 3].len);
    assert_int_equal(record.size, bytes[i / 3].len);
    assert_memory_equal(record.bytes, bytes[i / 3].data, record.size);
    eddy_buffer_fini(&value);
  }
}

static void markers_and_layouts_come_back(void **state) {
  (void)state;
  char room[EDDY_CHANGELOG_KEY_MAX];
  struct eddy_buffer value;
  struct eddy_changelog_record record;
  eddy_buffer_init(&value, NULL);
  struct eddy_str key = eddy_changelog_erased_key(UINT64_C(0xfedcba9876543210), room);
  assert_int_equal(eddy_changelog_encode_erased(&place, key, -5, &value), 0);
  assert_int_equal(decode(key, &value, &record, NULL), 0);
  assert_int_equal(record.kind, EDDY_CHANGELOG_ERASED);
  assert_place(&record);
  assert_true(record.hash == UINT64_C(0xfedcba9876543210) && record.erased_at == -5);
  value.size = 0;
  key = eddy_changelog_layout_key(0x89abcdef, room);
  assert_int_equal(eddy_changelog_encode_layout(&place, key, "layout", 6, &value), 0);
  assert_int_equal(decode(key, &value, &record, NULL), 0);
  assert_int_equal(record.kind, EDDY_CHANGELOG_LAYOUT);
  assert_place(&record);
  assert_true(record.layout == 0x89abcdef && record.size == 6 && memcmp(record.bytes, "layout", 6) == 0);
  eddy_buffer_fini(&value);
}

static void values_are_appended(void **state) {
  (void)state;
  struct eddy_buffer value;
  struct eddy_changelog_record record;
  char room[EDDY_CHANGELOG_KEY_MAX];
  eddy_buffer_init(&value, NULL);
  struct eddy_str key = eddy_changelog_layout_key(1, room);
  assert_int_equal(eddy_buffer_append(&value, "before", 6), 0);
  assert_int_equal(eddy_changelog_encode_layout(&place, key, "x", 1, &value), 0);
  assert_memory_equal(value.data, "before", 6);
  assert_int_equal(eddy_changelog_decode(key.data, key.len, value.data + 6, value.size - 6, NULL, &record, NULL, 0), 0);
  eddy_buffer_fini(&value);
}

static void tombstones_have_only_a_key(void **state) {
  (void)state;
  char room[EDDY_CHANGELOG_KEY_MAX];
  struct eddy_changelog_record record;
  struct eddy_str key = eddy_changelog_profile_key(EDDY_STR("user"), room);
  assert_int_equal(eddy_changelog_decode(key.data, key.len, NULL, 0, NULL, &record, NULL, 0), 0);
  assert_true(record.tombstone && record.kind == EDDY_CHANGELOG_PROFILE && record.user_id.len == 4);
  key = eddy_changelog_erased_key(77, room);
  assert_int_equal(eddy_changelog_decode(key.data, key.len, NULL, 0, NULL, &record, NULL, 0), 0);
  assert_true(record.tombstone && record.kind == EDDY_CHANGELOG_ERASED && record.hash == 77);
}

static void foreign_keys_are_refused(void **state) {
  (void)state;
  static const char too_long[257] = "p";
  static const struct {
    const char *bytes;
    size_t size;
  } keys[] = {{"", 0},     {"p", 1},      {too_long, 257}, {"e1234567", 8}, {"e123456789", 10},
              {"l123", 4}, {"l12345", 6}, {"ab", 2},       {"x", 1}};
  struct eddy_changelog_record record;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    char why[64] = "";
    int error = eddy_changelog_decode(keys[i].bytes, keys[i].size, NULL, 0, runs_out, &record, why, sizeof why);
    assert_int_equal(error, EDDY_E_CORRUPT);
    assert_string_equal(why, "the key is none of this topic");
  }
}

/* Aggregates ---------------------------------------------------------------------------------------------------------------*/

struct sample {
  struct eddy_aggregate aggregate;
  struct eddy_rejected runs[EDDY_REJECTED_MAX];
  uint8_t state[300];
};

static void sample_init(struct sample *sample, struct eddy_rng *rng, size_t runs) {
  struct eddy_aggregate *aggregate = &sample->aggregate;
  memset(sample, 0, sizeof *sample);
  aggregate->replay_from = (int64_t)eddy_rng_below(rng, 20000);
  aggregate->partition_count = (uint32_t)eddy_rng_below(rng, UINT32_MAX) + 1;
  aggregate->erasure_check = eddy_rng_next(rng);
  aggregate->model_version = eddy_rng_next(rng);
  aggregate->written_at = (int64_t)eddy_rng_next(rng);
  aggregate->has_trigger = eddy_rng_below(rng, 2) == 1;
  aggregate->last_trigger = eddy_rng_next(rng);
  aggregate->redis.known = eddy_rng_below(rng, 2) == 1;
  aggregate->redis.sequence = eddy_rng_next(rng);
  aggregate->redis.trigger = eddy_rng_next(rng);
  aggregate->redis.since = (int64_t)eddy_rng_next(rng);
  int64_t end = aggregate->replay_from;
  for (size_t i = 0; i < runs; i++) {
    int64_t first = end + (i > 0) + (int64_t)eddy_rng_below(rng, 3);
    end = first + 1 + (int64_t)eddy_rng_below(rng, 3);
    sample->runs[i] = (struct eddy_rejected){first, end};
  }
  aggregate->rejected = sample->runs;
  aggregate->rejected_count = runs;
  aggregate->state = sample->state;
  aggregate->state_size = (size_t)eddy_rng_below(rng, sizeof sample->state + 1);
  for (size_t i = 0; i < sizeof sample->state; i++) sample->state[i] = (uint8_t)eddy_rng_next(rng);
}

static void assert_aggregate(const struct eddy_aggregate *is, const struct eddy_aggregate *should) {
  assert_int_equal(is->replay_from, should->replay_from);
  assert_int_equal(is->partition_count, should->partition_count);
  assert_true(is->erasure_check == should->erasure_check && is->model_version == should->model_version);
  assert_true(is->written_at == should->written_at);
  assert_true(is->has_trigger == should->has_trigger && is->last_trigger == should->last_trigger);
  assert_true(is->redis.known == should->redis.known && is->redis.sequence == should->redis.sequence);
  assert_true(is->redis.trigger == should->redis.trigger && is->redis.since == should->redis.since);
  assert_int_equal(is->rejected_count, should->rejected_count);
  assert_memory_equal(is->rejected, should->rejected, should->rejected_count * sizeof *should->rejected);
  assert_int_equal(is->state_size, should->state_size);
  assert_memory_equal(is->state, should->state, should->state_size);
}

static void aggregates_come_back(void **state) {
  (void)state;
  static struct sample sample;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, 1);
  for (int i = 0; i < 200; i++) {
    struct eddy_buffer value;
    struct eddy_changelog_record record;
    eddy_buffer_init(&value, NULL);
    sample_init(&sample, &rng, i % 50 == 0 ? EDDY_REJECTED_MAX : (size_t)eddy_rng_below(&rng, 5));
    assert_int_equal(eddy_changelog_encode_aggregate(&place, &sample.aggregate, &value), 0);
    assert_int_equal(decode(eddy_changelog_aggregate_key(), &value, &record, NULL), 0);
    assert_int_equal(record.kind, EDDY_CHANGELOG_AGGREGATE);
    assert_place(&record);
    assert_aggregate(&record.aggregate, &sample.aggregate);
    eddy_buffer_fini(&value);
  }
}

static void what_lies_before_replay_from_is_left_out(void **state) {
  (void)state;
  const struct eddy_rejected runs[] = {{10, 60}, {70, 71}};
  struct eddy_aggregate aggregate = {.replay_from = 50, .partition_count = 1, .rejected = runs, .rejected_count = 2};
  struct eddy_buffer value;
  struct eddy_changelog_record record;
  eddy_buffer_init(&value, NULL);
  assert_int_equal(eddy_changelog_encode_aggregate(&place, &aggregate, &value), 0);
  assert_int_equal(decode(eddy_changelog_aggregate_key(), &value, &record, NULL), 0);
  assert_true(record.aggregate.rejected[0].first == 50 && record.aggregate.rejected[0].end == 60);
  assert_true(record.aggregate.rejected[1].first == 70 && record.aggregate.rejected[1].end == 71);
  eddy_buffer_fini(&value);
}

static void runs_are_optional_to_the_reader(void **state) {
  (void)state;
  static struct sample sample;
  struct eddy_rng rng;
  struct eddy_buffer value;
  struct eddy_changelog_record record;
  eddy_rng_seed(&rng, 2);
  eddy_buffer_init(&value, NULL);
  sample_init(&sample, &rng, 3);
  assert_int_equal(eddy_changelog_encode_aggregate(&place, &sample.aggregate, &value), 0);
  assert_int_equal(eddy_changelog_decode("a", 1, value.data, value.size, NULL, &record, NULL, 0), 0);
  assert_null(record.aggregate.rejected);
  assert_int_equal(record.aggregate.rejected_count, 3);
  eddy_buffer_fini(&value);
}

/* Damage -------------------------------------------------------------------------------------------------------------------*/

/* Makes the checksum right again after the value was changed. */
static void seal(struct eddy_str key, struct eddy_buffer *value) {
  struct eddy_writer writer;
  uint32_t crc = eddy_crc32c(eddy_crc32c(0, key.data, key.len), value->data + 5, value->size - 5);
  eddy_writer_init(&writer, value->data + 1, 4);
  eddy_write_u32(&writer, crc);
}

static void damage_is_noticed(void **state) {
  (void)state;
  static struct sample sample;
  struct eddy_rng rng;
  struct eddy_buffer value;
  struct eddy_changelog_record record;
  eddy_rng_seed(&rng, 3);
  eddy_buffer_init(&value, NULL);
  sample_init(&sample, &rng, 4);
  assert_int_equal(eddy_changelog_encode_aggregate(&place, &sample.aggregate, &value), 0);
  for (size_t i = 0; i < value.size; i++) {
    for (unsigned bit = 0; bit < 8; bit++) {
      value.data[i] = (uint8_t)(value.data[i] ^ 1u << bit);
      int error = decode(eddy_changelog_aggregate_key(), &value, &record, NULL);
      assert_true(error == EDDY_E_CORRUPT || (i == 0 && error == EDDY_E_VERSION));
      value.data[i] = (uint8_t)(value.data[i] ^ 1u << bit);
    }
  }
  eddy_buffer_fini(&value);
}

static void a_record_under_another_key_is_refused(void **state) {
  (void)state;
  char room[EDDY_CHANGELOG_KEY_MAX], why[128];
  struct eddy_buffer value;
  struct eddy_changelog_record record;
  eddy_buffer_init(&value, NULL);
  struct eddy_str key = eddy_changelog_profile_key(EDDY_STR("ann"), room);
  assert_int_equal(eddy_changelog_encode_profile(&place, key, "x", 1, &value), 0);
  key = eddy_changelog_profile_key(EDDY_STR("bob"), room);
  assert_int_equal(decode(key, &value, &record, why), EDDY_E_CORRUPT);
  assert_string_equal(why, "the checksum does not match");
  eddy_buffer_fini(&value);
}

static void newer_versions_are_told_apart_from_damage(void **state) {
  (void)state;
  char room[EDDY_CHANGELOG_KEY_MAX];
  struct eddy_buffer value;
  struct eddy_changelog_record record;
  eddy_buffer_init(&value, NULL);
  struct eddy_str key = eddy_changelog_profile_key(EDDY_STR("ann"), room);
  assert_int_equal(eddy_changelog_encode_profile(&place, key, "x", 1, &value), 0);
  value.data[0] = EDDY_CHANGELOG_VERSION + 1;
  value.data[1]++; /* a newer version may have another checksum */
  assert_int_equal(decode(key, &value, &record, NULL), EDDY_E_VERSION);
  value.data[0] = 0;
  assert_int_equal(decode(key, &value, &record, NULL), EDDY_E_CORRUPT);
  eddy_buffer_fini(&value);
}

static void every_cut_is_noticed(void **state) {
  (void)state;
  static struct sample sample;
  struct eddy_rng rng;
  struct eddy_buffer value;
  struct eddy_changelog_record record;
  const struct eddy_str key = eddy_changelog_aggregate_key();
  eddy_rng_seed(&rng, 4);
  eddy_buffer_init(&value, NULL);
  sample_init(&sample, &rng, 4);
  assert_int_equal(eddy_changelog_encode_aggregate(&place, &sample.aggregate, &value), 0);
  for (size_t size = value.size; size-- > 0;) {
    uint8_t *copy = malloc(size > 0 ? size : 1); /* so that the sanitizer sees a read behind the end */
    assert_non_null(copy);
    memcpy(copy, value.data, size);
    struct eddy_buffer cut = {.data = copy, .size = size};
    if (size >= 5) seal(key, &cut);
    assert_int_equal(decode(key, &cut, &record, NULL), EDDY_E_CORRUPT);
    free(copy);
  }
  eddy_buffer_fini(&value);
}

/* Writes an aggregate by hand: four sections, the first with one more field than this version knows, and a fifth. */
static void put_section(struct eddy_writer *writer, const int64_t *numbers, size_t count) {
  uint8_t bytes[256];
  struct eddy_writer section;
  eddy_writer_init(&section, bytes, sizeof bytes);
  for (size_t i = 0; i < count; i++) eddy_write_varint(&section, numbers[i]);
  eddy_write_u32(writer, (uint32_t)eddy_writer_size(&section));
  eddy_write_bytes(writer, bytes, eddy_writer_size(&section));
}

struct by_hand {
  int64_t place[4], numbers[8], redis[5], rejected[8];
  size_t numbers_count, rejected_count;
};

static int decode_by_hand(const struct by_hand *by_hand, struct eddy_changelog_record *record) {
  uint8_t bytes[512];
  struct eddy_writer writer;
  eddy_writer_init(&writer, bytes, sizeof bytes);
  eddy_write_u8(&writer, EDDY_CHANGELOG_VERSION);
  eddy_write_u32(&writer, 0);
  for (int i = 0; i < 4; i++) eddy_write_varint(&writer, by_hand->place[i]);
  put_section(&writer, by_hand->numbers, by_hand->numbers_count);
  put_section(&writer, by_hand->redis, 5);
  put_section(&writer, by_hand->rejected, by_hand->rejected_count);
  put_section(&writer, NULL, 0);
  put_section(&writer, (const int64_t[]){1, 2, 3}, 3);
  struct eddy_buffer value = {.data = bytes, .size = eddy_writer_size(&writer)};
  seal(eddy_changelog_aggregate_key(), &value);
  return decode(eddy_changelog_aggregate_key(), &value, record, NULL);
}

static const struct by_hand sound = {
    .place = {7, 1, 42, 100},
    .numbers = {50, 12, 3, 4, 5, 1, 6, 99},
    .numbers_count = 8,
    .redis = {1, 2, 3, 4, 99},
    .rejected = {2, 0, 9, 5, 4},
    .rejected_count = 5, /* 50 .. 59, 65 .. 69 */
};

static void what_a_later_version_appends_is_ignored(void **state) {
  (void)state;
  struct eddy_changelog_record record;
  assert_int_equal(decode_by_hand(&sound, &record), 0);
  assert_int_equal(record.aggregate.replay_from, 50);
  assert_int_equal(record.aggregate.last_trigger, 6);
  assert_int_equal(record.aggregate.redis.since, 4);
  assert_int_equal(record.aggregate.rejected_count, 2);
  assert_int_equal(record.aggregate.rejected[0].first, 50);
  assert_int_equal(record.aggregate.rejected[1].first, 65);
  assert_int_equal(record.aggregate.rejected[1].end, 70);
}

/* Each case changes one number of a sound aggregate. */
static void implausible_numbers_are_refused(void **state) {
  (void)state;
  static const struct {
    size_t at;
    int64_t value;
  } cases[] = {
      {offsetof(struct by_hand, place[0]), -1},
      {offsetof(struct by_hand, place[0]), (int64_t)UINT32_MAX + 1},
      {offsetof(struct by_hand, place[2]), 0}, /* commits count from 1 */
      {offsetof(struct by_hand, place[3]), -1},
      {offsetof(struct by_hand, place[3]), 69}, /* a run beyond the position */
      {offsetof(struct by_hand, numbers[0]), -1},
      {offsetof(struct by_hand, numbers[0]), 101}, /* replay_from beyond the position */
      {offsetof(struct by_hand, numbers[1]), 0},
      {offsetof(struct by_hand, numbers[1]), (int64_t)UINT32_MAX + 1},
      {offsetof(struct by_hand, numbers[5]), 2},
      {offsetof(struct by_hand, redis[0]), 2},
      {offsetof(struct by_hand, rejected[0]), -1},
      {offsetof(struct by_hand, rejected[0]), 3},
      {offsetof(struct by_hand, rejected[0]), EDDY_REJECTED_MAX + 1},
      {offsetof(struct by_hand, rejected[1]), -1},
      {offsetof(struct by_hand, rejected[1]), INT64_MAX},
      {offsetof(struct by_hand, rejected[2]), -1},
      {offsetof(struct by_hand, rejected[2]), INT64_MAX},
      {offsetof(struct by_hand, rejected[3]), 0}, /* not apart from the run before */
      {offsetof(struct by_hand, rejected[3]), 40},
      {offsetof(struct by_hand, rejected[4]), 40},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct by_hand changed = sound;
    struct eddy_changelog_record record;
    memcpy((char *)&changed + cases[i].at, &cases[i].value, sizeof cases[i].value);
    if (decode_by_hand(&changed, &record) != EDDY_E_CORRUPT) fail_msg("case %zu was accepted", i);
  }
}

static void without_memory_nothing_is_appended(void **state) {
  (void)state;
  struct eddy_budget budget;
  struct eddy_buffer value;
  eddy_budget_init(&budget, NULL, 16);
  struct eddy_allocator allocator = eddy_budget_allocator(&budget);
  eddy_buffer_init(&value, &allocator);
  assert_int_equal(eddy_changelog_encode_profile(&place, EDDY_STR("pu"), "x", 1, &value), EDDY_E_NOMEM);
  assert_int_equal(value.size, 0);
  eddy_buffer_fini(&value);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(profiles_come_back),
      cmocka_unit_test(markers_and_layouts_come_back),
      cmocka_unit_test(values_are_appended),
      cmocka_unit_test(tombstones_have_only_a_key),
      cmocka_unit_test(foreign_keys_are_refused),
      cmocka_unit_test(aggregates_come_back),
      cmocka_unit_test(what_lies_before_replay_from_is_left_out),
      cmocka_unit_test(runs_are_optional_to_the_reader),
      cmocka_unit_test(damage_is_noticed),
      cmocka_unit_test(a_record_under_another_key_is_refused),
      cmocka_unit_test(newer_versions_are_told_apart_from_damage),
      cmocka_unit_test(every_cut_is_noticed),
      cmocka_unit_test(what_a_later_version_appends_is_ignored),
      cmocka_unit_test(implausible_numbers_are_refused),
      cmocka_unit_test(without_memory_nothing_is_appended),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
