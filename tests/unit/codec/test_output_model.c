/* Models, segment cards and deltas: written, judged by libavro, read back, and damaged. */
#include "codec/framing.h"
#include "codec/output_codec.h"
#include "unit/codec/avro_json.h"
#include "unit/codec/output_world.h"

struct fixture {
  struct world world;
  struct eddy_output_codec *codec;
  struct eddy_buffer buffer;
};

static int set_up(void **state) {
  struct fixture *fixture = test_malloc(sizeof *fixture);
  world_init(&fixture->world, 7);
  eddy_buffer_init(&fixture->buffer, NULL);
  *state = fixture;
  return eddy_output_codec_new(&fixture->codec, &fixture->world.spec);
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  eddy_buffer_fini(&fixture->buffer);
  eddy_output_codec_free(fixture->codec);
  test_free(fixture);
  return 0;
}

static json_t *json_of_floats(const float *values, size_t count) {
  json_t *array = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(array, json_real((double)values[i]));
  return array;
}

static json_t *json_of_doubles(const double *values, size_t count) {
  json_t *array = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(array, json_real(values[i]));
  return array;
}

static json_t *expected_segments(const struct eddy_model_record *record) {
  json_t *segments = json_array();
  uint16_t d = record->parts.dimensions;
  for (uint16_t slot = 0; slot < record->parts.clusters; slot++)
    json_array_append_new(
        segments, json_pack("{s:I, s:s, s:o, s:f, s:f}", "id", (json_int_t)record->parts.cards[slot].id, "name",
                            record->parts.cards[slot].name, "centroid", json_of_floats(record->parts.centroids + slot * d, d),
                            "mass", record->trainer.mass[slot], "sse", record->trainer.sse[slot]));
  return segments;
}

static json_t *expected_model(const struct eddy_model_record *record) {
  const struct eddy_model_parts *parts = &record->parts;
  const struct eddy_trainer_state *trainer = &record->trainer;
  json_t *features = json_array(), *positions = json_array();
  for (int i = 0; i < parts->dimensions; i++) json_array_append_new(features, json_of_str(record->feature_names[i]));
  for (uint32_t i = 0; i < trainer->position_count; i++)
    json_array_append_new(positions, json_pack("{s:i, s:I, s:I}", "partition", (int)trainer->positions[i].partition, "included",
                                               (json_int_t)trainer->positions[i].included, "sample_from",
                                               (json_int_t)trainer->positions[i].sample_from));
  return json_pack(
      "{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:o, s:I, s:I, s:o}", "version", (json_int_t)parts->version, "trained_at",
      (json_int_t)parts->trained_at, "features", features, "mean", json_of_floats(parts->mean, parts->dimensions), "deviation",
      json_of_floats(parts->deviation, parts->dimensions), "weight", json_of_floats(parts->weight, parts->dimensions),
      "segments", expected_segments(record), "moments_weight", trainer->moments_weight, "moments_mean",
      json_of_doubles(trainer->moments_mean, parts->dimensions), "moments_m2",
      json_of_doubles(trainer->moments_m2, parts->dimensions), "next_segment_id", (json_int_t)trainer->next_segment_id,
      "contributions", (json_int_t)trainer->contributions, "positions", positions);
}

static void compare_with_libavro(const char *schema, const struct eddy_buffer *buffer, json_t *want) {
  json_t *got = decode_with_libavro(schema, buffer->data + EDDY_PREFIX_MAX, buffer->size - EDDY_PREFIX_MAX);
  assert_non_null(want);
  assert_same_json(got, want, schema);
  json_decref(got);
  json_decref(want);
}

static void a_model_survives_the_topic(void **state) {
  struct fixture *fixture = *state;
  for (int round = 0; round < 50; round++) {
    struct eddy_model_record record, again;
    void *block;
    random_model(&fixture->world, &record);
    fixture->buffer.size = 0;
    assert_int_equal(eddy_model_encode(fixture->codec, &record, &fixture->buffer), 0);
    compare_with_libavro("Model", &fixture->buffer, expected_model(&record));
    assert_int_equal(eddy_model_decode(&fixture->world.spec, fixture->buffer.data, fixture->buffer.size, &again, &block), 0);
    json_t *got = expected_model(&again), *want = expected_model(&record);
    assert_same_json(got, want, "decoded");
    assert_true(again.parts.cards[0].mass == record.trainer.mass[0]);
    json_decref(got);
    json_decref(want);
    free(block);
  }
}

static void a_delta_survives_the_topic(void **state) {
  struct fixture *fixture = *state;
  struct eddy_output_place place = {.partition = 3};
  for (int round = 0; round < 50; round++) {
    struct eddy_effect effect = {.number = 9};
    struct eddy_model_delta again;
    void *block;
    random_delta(&fixture->world, &effect);
    const struct eddy_model_delta *delta = &effect.as.delta;
    fixture->buffer.size = 0;
    assert_int_equal(eddy_output_encode(fixture->codec, &effect, &place, &fixture->buffer), 0);
    assert_int_equal(eddy_delta_decode(&fixture->world.spec, fixture->buffer.data, fixture->buffer.size, &again, &block), 0);
    assert_true(again.newest_time == delta->newest_time && again.offered == delta->offered);
    assert_true(again.offered_weight == delta->offered_weight);
    assert_int_equal(again.count, delta->count);
    assert_int_equal(again.dimensions, delta->dimensions);
    assert_memory_equal(again.vectors, delta->vectors, (size_t)delta->count * delta->dimensions * sizeof(float));
    assert_memory_equal(again.weights, delta->weights, delta->count * sizeof(float));
    assert_memory_equal(again.users, delta->users, delta->count * sizeof(uint64_t));
    free(block);
  }
}

/* Centroids in natural units: (mean + z / weight * deviation) through the inverse of log1p. */
static void a_card_speaks_in_natural_units(void **state) {
  struct fixture *fixture = *state;
  struct eddy_model_record record;
  random_model(&fixture->world, &record);
  for (int i = 0; i < record.parts.clusters * record.parts.dimensions; i++)
    fixture->world.centroids[i] = (float)(eddy_rng_unit(&fixture->world.rng) * 10 - 5);
  uint16_t slot = (uint16_t)(record.parts.clusters - 1);
  json_t *features = json_array();
  double total = 0;
  for (uint16_t i = 0; i < record.parts.dimensions; i++) {
    const struct eddy_feature_spec *spec = &fixture->world.spec.features[eddy_spec_dimension_feature(&fixture->world.spec, i)];
    double z = (double)record.parts.centroids[slot * record.parts.dimensions + i];
    double x = (double)record.parts.mean[i] + z / 0.5 * fmax((double)record.parts.deviation[i], 0.05f);
    double typical = spec->transform == EDDY_TRANSFORM_LOG1P ? expm1(x > 0 ? x : 0) : x;
    json_array_append_new(features, json_pack("{s:s, s:f, s:f}", "feature", spec->name, "typical", typical, "z", z));
  }
  for (uint16_t i = 0; i < record.parts.clusters; i++) total += record.trainer.mass[i];
  json_t *want =
      json_pack("{s:I, s:s, s:I, s:I, s:f, s:o}", "id", (json_int_t)record.parts.cards[slot].id, "name",
                record.parts.cards[slot].name, "model_version", (json_int_t)record.parts.version, "trained_at",
                (json_int_t)record.parts.trained_at, "share", record.trainer.mass[slot] / total, "features", features);
  assert_int_equal(eddy_segment_encode(fixture->codec, &record, slot, &fixture->buffer), 0);
  json_t *got = decode_with_libavro("Segment", fixture->buffer.data + EDDY_PREFIX_MAX, fixture->buffer.size - EDDY_PREFIX_MAX);
  for (size_t i = 0; i < json_array_size(features); i++) { /* float arithmetic: compare to six digits, then take over */
    json_t *expected = json_array_get(features, i), *found = json_array_get(json_object_get(got, "features"), i);
    double a = json_number_value(json_object_get(found, "typical")),
           b = json_number_value(json_object_get(expected, "typical"));
    assert_true(fabs(a - b) <= 1e-6 * fabs(b) + 1e-9);
    json_object_set(expected, "typical", json_object_get(found, "typical"));
  }
  assert_same_json(got, want, "Segment");
  json_decref(got);
  json_decref(want);
}

static int decode_model(struct fixture *fixture, const uint8_t *bytes, size_t size) {
  struct eddy_model_record record;
  void *block;
  int error = eddy_model_decode(&fixture->world.spec, bytes, size, &record, &block);
  if (error) assert_null(block);
  free(block);
  return error;
}

static void framing_is_checked(void **state) {
  struct fixture *fixture = *state;
  struct eddy_model_record record;
  random_model(&fixture->world, &record);
  assert_int_equal(eddy_model_encode(fixture->codec, &record, &fixture->buffer), 0);
  uint8_t *bytes = fixture->buffer.data;
  size_t size = fixture->buffer.size;
  bytes[5] ^= 1;
  assert_int_equal(decode_model(fixture, bytes, size), EDDY_E_VERSION);
  bytes[0] = 0xC2;
  assert_int_equal(decode_model(fixture, bytes, size), EDDY_E_CORRUPT);
  for (size_t cut = 0; cut < 10; cut++) assert_int_equal(decode_model(fixture, bytes, cut), EDDY_E_CORRUPT);
  memcpy(bytes + 5, "\0\0\0\0\1", 5);
  assert_int_equal(decode_model(fixture, bytes + 5, size - 5), 0);
}

static void every_cut_and_every_extra_byte_is_noticed(void **state) {
  struct fixture *fixture = *state;
  struct eddy_model_record record;
  random_model(&fixture->world, &record);
  assert_int_equal(eddy_model_encode(fixture->codec, &record, &fixture->buffer), 0);
  for (size_t size = 0; size < fixture->buffer.size; size++) {
    uint8_t *copy = malloc(size ? size : 1); /* its own block, so that a sanitizer sees a read past the end */
    memcpy(copy, fixture->buffer.data, size);
    assert_int_not_equal(decode_model(fixture, copy, size), 0);
    free(copy);
  }
  assert_int_equal(eddy_buffer_append(&fixture->buffer, "", 1), 0);
  assert_int_equal(decode_model(fixture, fixture->buffer.data, fixture->buffer.size), EDDY_E_CORRUPT);
}

static void other_features_are_refused(void **state) {
  struct fixture *fixture = *state;
  struct eddy_model_record record;
  random_model(&fixture->world, &record);
  fixture->world.names[3] = EDDY_STR("no_such_feature");
  assert_int_equal(eddy_model_encode(fixture->codec, &record, &fixture->buffer), 0);
  assert_int_equal(decode_model(fixture, fixture->buffer.data, fixture->buffer.size), EDDY_E_SPEC_MISMATCH);
  struct eddy_effect effect = {.number = 1};
  struct eddy_output_place place = {.partition = 0};
  struct eddy_model_delta delta;
  void *block;
  random_delta(&fixture->world, &effect);
  fixture->buffer.size = 0;
  assert_int_equal(eddy_output_encode(fixture->codec, &effect, &place, &fixture->buffer), 0);
  fixture->world.spec.features[eddy_spec_dimension_feature(&fixture->world.spec, 0)].cluster = false;
  assert_int_equal(eddy_delta_decode(&fixture->world.spec, fixture->buffer.data, fixture->buffer.size, &delta, &block),
                   EDDY_E_SPEC_MISMATCH);
}

static void numbers_that_are_none_are_refused(void **state) {
  struct fixture *fixture = *state;
  struct eddy_model_record record;
  float *const places[] = {&fixture->world.mean[0], &fixture->world.deviation[1], &fixture->world.weight[2],
                           &fixture->world.centroids[0]};
  for (size_t i = 0; i < 4; i++) {
    random_model(&fixture->world, &record);
    *places[i] = (float)NAN;
    fixture->buffer.size = 0;
    assert_int_equal(eddy_model_encode(fixture->codec, &record, &fixture->buffer), 0);
    assert_int_equal(decode_model(fixture, fixture->buffer.data, fixture->buffer.size), EDDY_E_CORRUPT);
  }
  random_model(&fixture->world, &record);
  fixture->world.sse[0] = INFINITY;
  fixture->buffer.size = 0;
  assert_int_equal(eddy_model_encode(fixture->codec, &record, &fixture->buffer), 0);
  assert_int_equal(decode_model(fixture, fixture->buffer.data, fixture->buffer.size), EDDY_E_CORRUPT);
}

static void negative_masses_are_refused(void **state) {
  struct fixture *fixture = *state;
  double *const places[] = {&fixture->world.mass[0], &fixture->world.sse[0]};
  for (size_t i = 0; i < 2; i++) {
    struct eddy_model_record record;
    random_model(&fixture->world, &record);
    *places[i] = -1;
    fixture->buffer.size = 0;
    assert_int_equal(eddy_model_encode(fixture->codec, &record, &fixture->buffer), 0);
    assert_int_equal(decode_model(fixture, fixture->buffer.data, fixture->buffer.size), EDDY_E_CORRUPT);
  }
}

static void a_delta_of_too_many_vectors_is_refused(void **state) {
  struct fixture *fixture = *state;
  struct eddy_output_place place = {.partition = 0};
  size_t room = EDDY_DELTA_VECTORS_MAX + 1;
  struct eddy_effect effect = {.kind = EDDY_MODEL_DELTA};
  float *vectors = test_calloc(room * fixture->world.dimensions, sizeof *vectors);
  float *weights = test_calloc(room, sizeof *weights);
  uint64_t *users = test_calloc(room, sizeof *users);
  for (uint16_t count = EDDY_DELTA_VECTORS_MAX; count <= room; count++) {
    struct eddy_model_delta again;
    void *block;
    effect.as.delta = (struct eddy_model_delta){
        .count = count, .dimensions = fixture->world.dimensions, .vectors = vectors, .weights = weights, .users = users};
    fixture->buffer.size = 0;
    assert_int_equal(eddy_output_encode(fixture->codec, &effect, &place, &fixture->buffer), 0);
    int error = eddy_delta_decode(&fixture->world.spec, fixture->buffer.data, fixture->buffer.size, &again, &block);
    assert_int_equal(error, count <= EDDY_DELTA_VECTORS_MAX ? 0 : EDDY_E_CORRUPT);
    free(block);
  }
  test_free(vectors);
  test_free(weights);
  test_free(users);
}

/* The last byte ends the array of positions; anything else there would be a second block. */
static void an_array_that_goes_on_is_refused(void **state) {
  struct fixture *fixture = *state;
  struct eddy_model_record record;
  random_model(&fixture->world, &record);
  while (record.trainer.position_count == 0) random_model(&fixture->world, &record);
  assert_int_equal(eddy_model_encode(fixture->codec, &record, &fixture->buffer), 0);
  uint8_t *last = &fixture->buffer.data[fixture->buffer.size - 1];
  assert_int_equal(*last, 0);
  *last = 2;
  assert_int_equal(decode_model(fixture, fixture->buffer.data, fixture->buffer.size), EDDY_E_CORRUPT);
}

/* Whatever is accepted obeys the limits that readers rely on. */
static void look_at_everything(const struct eddy_model_record *record) {
  double sum = 0;
  assert_in_range(record->parts.dimensions, 1, EDDY_FEATURES_MAX);
  assert_in_range(record->parts.clusters, 1, EDDY_CLUSTERS_MAX);
  for (int i = 0; i < record->parts.clusters * record->parts.dimensions; i++) sum += (double)record->parts.centroids[i];
  for (int i = 0; i < record->parts.clusters; i++) sum += (double)strlen(record->parts.cards[i].name) + record->trainer.sse[i];
  for (int i = 0; i < record->parts.dimensions; i++) sum += (double)record->parts.mean[i] + record->trainer.moments_m2[i];
  for (uint32_t i = 0; i < record->trainer.position_count; i++) sum += (double)record->trainer.positions[i].included;
  assert_true(isfinite(sum));
}

static void damaged_bytes_never_hurt(void **state) {
  struct fixture *fixture = *state;
  struct eddy_output_place place = {.partition = 0};
  const uint64_t seed = 4711;
  print_message("seed %llu\n", (unsigned long long)seed);
  eddy_rng_seed(&fixture->world.rng, seed);
  int accepted = 0;
  for (int round = 0; round < 4000; round++) {
    struct eddy_model_record record, read;
    struct eddy_effect effect = {.number = 1};
    struct eddy_model_delta delta;
    void *block;
    bool model = round % 2 == 0;
    fixture->buffer.size = 0;
    if (model) {
      random_model(&fixture->world, &record);
      eddy_model_encode(fixture->codec, &record, &fixture->buffer);
    } else {
      random_delta(&fixture->world, &effect);
      eddy_output_encode(fixture->codec, &effect, &place, &fixture->buffer);
    }
    for (uint64_t i = below(&fixture->world, 4); i < 4; i++)
      fixture->buffer.data[10 + below(&fixture->world, fixture->buffer.size - 10)] =
          (uint8_t)eddy_rng_next(&fixture->world.rng);
    int error = model ? eddy_model_decode(&fixture->world.spec, fixture->buffer.data, fixture->buffer.size, &read, &block)
                      : eddy_delta_decode(&fixture->world.spec, fixture->buffer.data, fixture->buffer.size, &delta, &block);
    if (!error) accepted++;
    if (!error && model) look_at_everything(&read);
    free(block);
  }
  assert_true(accepted > 100); /* most bytes are mantissas */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_model_survives_the_topic, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_delta_survives_the_topic, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_card_speaks_in_natural_units, set_up, tear_down),
      cmocka_unit_test_setup_teardown(framing_is_checked, set_up, tear_down),
      cmocka_unit_test_setup_teardown(every_cut_and_every_extra_byte_is_noticed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(other_features_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(numbers_that_are_none_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(negative_masses_are_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_delta_of_too_many_vectors_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_array_that_goes_on_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(damaged_bytes_never_hurt, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
