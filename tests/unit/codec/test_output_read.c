/* Output records read back as JSON: exactly what eddy_output_json() says of the same effect; corrupt bytes are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "codec/output_read.h"
#include "unit/codec/output_world.h"

static const struct eddy_output_place place = {.partition = 11, .published_at = INT64_C(1511582430123)};

struct fixture {
  struct world world;
  struct eddy_output_codec *codec;
  struct eddy_output_reader *readers[EDDY_OUTPUT_COUNT];
  struct eddy_buffer bytes, got, want;
};

static int set_up(void **state) {
  struct fixture *fixture = test_calloc(1, sizeof *fixture);
  world_init(&fixture->world, 42);
  print_message("seed 42\n");
  eddy_output_codec_new(&fixture->codec, &fixture->world.spec);
  for (int i = 0; i < EDDY_OUTPUT_COUNT; i++) eddy_output_reader_new(&fixture->readers[i], (enum eddy_output)i);
  eddy_buffer_init(&fixture->bytes, NULL);
  eddy_buffer_init(&fixture->got, NULL);
  eddy_buffer_init(&fixture->want, NULL);
  *state = fixture;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  for (int i = 0; i < EDDY_OUTPUT_COUNT; i++) eddy_output_reader_free(fixture->readers[i]);
  eddy_output_codec_free(fixture->codec);
  eddy_buffer_fini(&fixture->bytes);
  eddy_buffer_fini(&fixture->got);
  eddy_buffer_fini(&fixture->want);
  test_free(fixture);
  return 0;
}

static int random_record(struct fixture *fixture, struct eddy_effect *effect) {
  random_effect(&fixture->world, effect);
  fixture->bytes.size = fixture->got.size = fixture->want.size = 0;
  assert_int_equal(eddy_output_encode(fixture->codec, effect, &place, &fixture->bytes), 0);
  return eddy_output_of(effect);
}

static void it_says_what_the_effect_said(void **state) {
  struct fixture *fixture = *state;
  for (int i = 0; i < 500; i++) {
    struct eddy_effect effect;
    int output = random_record(fixture, &effect);
    assert_int_equal(eddy_output_json(fixture->codec, &effect, &place, &fixture->want), 0);
    assert_int_equal(eddy_output_reader_json(fixture->readers[output], fixture->bytes.data, fixture->bytes.size, &fixture->got),
                     0);
    assert_int_equal(fixture->got.size, fixture->want.size);
    assert_memory_equal(fixture->got.data, fixture->want.data, fixture->want.size);
  }
}

/* What is taken out of a trigger is what its JSON says; of everything else nothing. */
static void the_brief_of_a_trigger_is_taken_out(void **state) {
  struct fixture *fixture = *state;
  const struct eddy_output_reader *reader = fixture->readers[EDDY_OUTPUT_TRIGGER];
  struct eddy_trigger_brief brief;
  for (int i = 0; i < 300; i++) {
    struct eddy_effect effect;
    bool is_trigger = random_record(fixture, &effect) == EDDY_OUTPUT_TRIGGER;
    int error = eddy_output_reader_trigger(reader, fixture->bytes.data, fixture->bytes.size, &brief);
    assert_int_equal(error, is_trigger ? 0 : EDDY_E_VERSION);
    if (!is_trigger) continue;
    const char *name = fixture->world.spec.triggers[effect.as.trigger.trigger].name;
    assert_int_equal(brief.trigger.len, strlen(name));
    assert_memory_equal(brief.trigger.data, name, brief.trigger.len);
    assert_int_equal(brief.trigger_id.len, 32);
    assert_int_equal(brief.user_id.len, effect.user_id.len);
    assert_memory_equal(brief.user_id.data, effect.user_id.data, effect.user_id.len);
    assert_true(brief.due_at == effect.as.trigger.due_at && brief.fired_at == effect.as.trigger.fired_at);
    assert_true(brief.number == effect.number);
    for (size_t size = 0; size < fixture->bytes.size; size += fixture->bytes.size / 50 + 1)
      assert_int_equal(eddy_output_reader_trigger(reader, fixture->bytes.data, size, &brief), EDDY_E_CORRUPT);
  }
}

static void models_and_cards_are_read(void **state) {
  struct fixture *fixture = *state;
  struct eddy_model_record record;
  json_t *json;
  random_model(&fixture->world, &record);
  eddy_model_encode(fixture->codec, &record, &fixture->bytes);
  assert_int_equal(
      eddy_output_reader_json(fixture->readers[EDDY_OUTPUT_MODEL], fixture->bytes.data, fixture->bytes.size, &fixture->got), 0);
  json = json_loadb((char *)fixture->got.data, fixture->got.size, 0, NULL);
  assert_string_equal(json_string_value(json_object_get(json, "type")), "model");
  assert_int_equal(json_array_size(json_object_get(json, "segments")), record.parts.clusters);
  json_decref(json);
  fixture->bytes.size = fixture->got.size = 0;
  eddy_segment_encode(fixture->codec, &record, 0, &fixture->bytes);
  assert_int_equal(
      eddy_output_reader_json(fixture->readers[EDDY_OUTPUT_SEGMENT], fixture->bytes.data, fixture->bytes.size, &fixture->got),
      0);
  json = json_loadb((char *)fixture->got.data, fixture->got.size, 0, NULL);
  assert_string_equal(json_string_value(json_object_get(json, "name")), record.parts.cards[0].name);
  json_decref(json);
}

/* In heap blocks of exactly their size, so that a sanitizer sees every step too far. */
static int read_copy(struct fixture *fixture, int output, const uint8_t *bytes, size_t size) {
  uint8_t *copy = test_malloc(size + 1);
  memcpy(copy + 1, bytes, size);
  int error = eddy_output_reader_json(fixture->readers[output], copy + 1, size, &fixture->got);
  test_free(copy);
  return error;
}

static void every_cut_and_every_extra_byte_is_noticed(void **state) {
  struct fixture *fixture = *state;
  for (int i = 0; i < 40; i++) {
    struct eddy_effect effect;
    int output = random_record(fixture, &effect);
    size_t step = fixture->bytes.size / 200 + 1;
    for (size_t size = 0; size < fixture->bytes.size; size += step)
      assert_int_equal(read_copy(fixture, output, fixture->bytes.data, size), EDDY_E_CORRUPT);
    assert_int_equal(eddy_buffer_append(&fixture->bytes, "", 1), 0);
    assert_int_equal(read_copy(fixture, output, fixture->bytes.data, fixture->bytes.size), EDDY_E_CORRUPT);
    assert_int_equal(fixture->got.size, 0);
  }
}

static void flipped_bits_do_no_harm(void **state) {
  struct fixture *fixture = *state;
  for (int i = 0; i < 3000; i++) {
    struct eddy_effect effect;
    int output = random_record(fixture, &effect);
    for (int flips = 0; flips < 3; flips++)
      fixture->bytes.data[10 + below(&fixture->world, fixture->bytes.size - 10)] ^= (uint8_t)(1U << below(&fixture->world, 8));
    if (read_copy(fixture, output, fixture->bytes.data, fixture->bytes.size) != 0) {
      assert_int_equal(fixture->got.size, 0);
      continue;
    }
    json_t *json = json_loadb((char *)fixture->got.data, fixture->got.size, JSON_ALLOW_NUL, NULL);
    assert_non_null(json);
    json_decref(json);
  }
}

static void another_schema_is_another_version(void **state) {
  struct fixture *fixture = *state;
  struct eddy_effect effect;
  int output = random_record(fixture, &effect);
  fixture->bytes.data[5] ^= 1;
  assert_int_equal(read_copy(fixture, output, fixture->bytes.data, fixture->bytes.size), EDDY_E_VERSION);
}

/* Confluent's framing: ids are given by a registry that readers of our own topics need not know. */
static void any_id_is_accepted(void **state) {
  struct fixture *fixture = *state;
  for (int i = 0; i < EDDY_OUTPUT_COUNT; i++)
    eddy_output_codec_set_id(fixture->codec, (enum eddy_output)i, 0x7fffff00u + (uint32_t)i);
  for (int i = 0; i < 100; i++) {
    struct eddy_effect effect;
    struct eddy_trigger_brief brief;
    int output = random_record(fixture, &effect);
    const uint8_t *bytes = fixture->bytes.data;
    assert_int_equal(bytes[0], 0);
    assert_int_equal(bytes[4], output);
    assert_int_equal(eddy_output_json(fixture->codec, &effect, &place, &fixture->want), 0);
    assert_int_equal(eddy_output_reader_json(fixture->readers[output], bytes, fixture->bytes.size, &fixture->got), 0);
    assert_int_equal(fixture->got.size, fixture->want.size);
    assert_memory_equal(fixture->got.data, fixture->want.data, fixture->want.size);
    if (output == EDDY_OUTPUT_TRIGGER)
      assert_int_equal(eddy_output_reader_trigger(fixture->readers[output], bytes, fixture->bytes.size, &brief), 0);
  }
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(it_says_what_the_effect_said), TEST(the_brief_of_a_trigger_is_taken_out),
      TEST(models_and_cards_are_read),    TEST(every_cut_and_every_extra_byte_is_noticed),
      TEST(flipped_bits_do_no_harm),      TEST(another_schema_is_another_version),
      TEST(any_id_is_accepted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
