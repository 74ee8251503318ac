/* Effects as Avro and as JSON lines: random effects are written, read back by libavro and jansson, and compared field by field
 * (and in order) with what the effect says. */
#include "codec/avro_schema.h"
#include "codec/framing.h"
#include "codec/output_codec.h"
#include "unit/codec/avro_json.h"
#include "unit/codec/output_world.h"

static const struct eddy_output_place place = {.partition = 11, .published_at = INT64_C(1511582430123)};

static const char *const schema_names[EDDY_OUTPUT_COUNT] = {
#define X(constant, file, topic) #file,
    EDDY_OUTPUTS(X)
#undef X
};

/* What an effect should say ------------------------------------------------------------------------------------------------*/

static json_t *expected_causes(const struct eddy_trigger_fired *fired) {
  json_t *causes = json_array();
  for (int i = 0; i < fired->cause_count; i++) json_array_append_new(causes, json_of_str(fired->cause_event_ids[i]));
  return causes;
}

static json_t *expected_segment_change(const struct world *world, const struct eddy_effect *effect, const char *to_name) {
  const struct eddy_segment_changed *change = &effect->as.segment;
  json_t *reasons = json_array();
  for (int i = 0; i < change->reason_count; i++) {
    const struct eddy_segment_reason *reason = &change->reasons[i];
    json_array_append_new(reasons, json_pack("{s:s, s:o, s:o, s:o}", "feature", world->spec.features[reason->feature].name,
                                             "value", json_of_real((double)reason->value), "z", json_of_real((double)reason->z),
                                             "contribution", json_of_real((double)reason->contribution)));
  }
  return json_pack("{s:o, s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:i, s:I}", "user_id", json_of_str(effect->user_id),
                   "kind", "cluster", "from", change->has_from ? json_integer(change->from) : json_null(), "to",
                   change->has_to ? json_integer(change->to) : json_null(), "to_name",
                   to_name ? json_string(to_name) : json_null(), "event_time", (json_int_t)change->event_time, "published_at",
                   (json_int_t)place.published_at, "model_version", (json_int_t)change->model_version, "distance",
                   json_of_real((double)change->distance), "runner_up", json_of_real((double)change->runner_up), "reasons",
                   reasons, "partition", 11, "effect", (json_int_t)effect->number);
}

static json_t *expected_payload(const struct eddy_trigger_fired *fired) {
  json_t *items = json_array();
  bool priced = false;
  for (int i = 0; i < fired->line_count; i++) {
    const struct eddy_cart_line *line = &fired->lines[i];
    json_array_append_new(items, json_pack("{s:o, s:o, s:o, s:o, s:i, s:I}", "product_id", json_of_str(line->product_id),
                                           "name", json_of_str(line->name), "category", json_of_str(line->category), "price",
                                           line->has_price ? json_integer(line->price) : json_null(), "quantity",
                                           line->quantity, "added_at", (json_int_t)line->added_at));
    if (line->has_price) priced = true;
  }
  return json_pack("{s:o, s:o, s:o}", "items", items, "value", priced ? json_integer(fired->cart_value) : json_null(),
                   "currency", json_of_str(fired->currency));
}

/* The reason's text is another test's matter: it is copied from what was found. */
static json_t *expected_trigger(const struct world *world, const struct eddy_effect *effect, const json_t *got) {
  const struct eddy_trigger_fired *fired = &effect->as.trigger;
  const struct eddy_trigger_spec *spec = &world->spec.triggers[fired->trigger];
  const char *text = json_string_value(json_object_get(json_array_get(json_object_get(got, "reasons"), 0), "text"));
  char id[40];
  snprintf(id, sizeof id, "%016llx%016llx", (unsigned long long)fired->trigger_id[0], (unsigned long long)fired->trigger_id[1]);
  json_t *json = json_pack("{s:s, s:s, s:o}", "trigger", spec->name, "trigger_id", id, "user_id", json_of_str(effect->user_id));
  if (effect->kind == EDDY_TRIGGER_SUPPRESSED)
    json_object_set_new(json, "reason", json_string(eddy_suppression_name(fired->suppression)));
  json_object_set_new(json, "subject", fired->subject.len ? json_of_str(fired->subject) : json_null());
  json_object_set_new(json, "step", json_integer(fired->step));
  json_object_set_new(json, "due_at", json_integer(fired->due_at));
  json_object_set_new(json, "fired_at", json_integer(fired->fired_at));
  json_object_set_new(json, "published_at", json_integer(fired->published_at));
  json_object_set_new(json, "expires_at", fired->expires_at == EDDY_TIME_NONE ? json_null() : json_integer(fired->expires_at));
  json_object_set_new(json, "late", json_boolean(fired->late));
  json_object_set_new(json, "priority", json_integer(spec->priority));
  json_object_set_new(json, "payload", expected_payload(fired));
  json_object_set_new(json, "reasons",
                      json_pack("[{s:s, s:I, s:s}]", "event", eddy_event_type_name(fired->armed_by), "at",
                                (json_int_t)fired->armed_at, "text", text ? text : ""));
  json_object_set_new(json, "cause_event_ids", expected_causes(fired));
  json_object_set_new(json, "partition", json_integer(11));
  json_object_set_new(json, "effect", json_integer((json_int_t)effect->number));
  return json;
}

static json_t *expected_delta(const struct world *world, const struct eddy_effect *effect) {
  const struct eddy_model_delta *delta = &effect->as.delta;
  json_t *features = json_array(), *vectors = json_array();
  for (uint16_t i = 0; i < world->dimensions; i++)
    json_array_append_new(features, json_string(world->spec.features[eddy_spec_dimension_feature(&world->spec, i)].name));
  for (int i = 0; i < delta->count; i++) {
    json_t *x = json_array();
    for (int j = 0; j < delta->dimensions; j++)
      json_array_append_new(x, json_of_real((double)delta->vectors[i * delta->dimensions + j]));
    json_array_append_new(vectors, json_pack("{s:I, s:o, s:o}", "user", (json_int_t)delta->users[i], "weight",
                                             json_of_real((double)delta->weights[i]), "x", x));
  }
  return json_pack("{s:o, s:I, s:I, s:f, s:o, s:i, s:I}", "features", features, "newest_time", (json_int_t)delta->newest_time,
                   "offered", (json_int_t)delta->offered, "offered_weight", delta->offered_weight, "vectors", vectors,
                   "partition", 11, "effect", (json_int_t)effect->number);
}

static json_t *expected_receipt(const struct eddy_effect *effect) {
  const struct eddy_profile_erased *erased = &effect->as.erased;
  return json_pack("{s:o, s:o, s:I, s:I, s:b, s:i, s:I}", "user_id", json_of_str(effect->user_id), "event_id",
                   json_of_str(erased->event_id), "erased_at", (json_int_t)erased->erased_at, "published_at",
                   (json_int_t)place.published_at, "had_profile", (int)erased->had_profile, "partition", 11, "effect",
                   (json_int_t)effect->number);
}

static json_t *expected_record(const struct world *world, const struct eddy_effect *effect, const json_t *got,
                               const char *to_name) {
  if (effect->kind == EDDY_SEGMENT_CHANGED) return expected_segment_change(world, effect, to_name);
  if (effect->kind == EDDY_MODEL_DELTA) return expected_delta(world, effect);
  if (effect->kind == EDDY_PROFILE_ERASED) return expected_receipt(effect);
  return expected_trigger(world, effect, got);
}

/* Tests --------------------------------------------------------------------------------------------------------------------*/

static const char *expected_type(const struct eddy_effect *effect) {
  if (effect->kind == EDDY_SEGMENT_CHANGED) return "segment_change";
  if (effect->kind == EDDY_MODEL_DELTA) return "model_delta";
  if (effect->kind == EDDY_PROFILE_ERASED) return "receipt";
  return effect->kind == EDDY_TRIGGER_FIRED ? "trigger" : "suppressed";
}

static void check_avro(struct eddy_output_codec *codec, const struct world *world, const struct eddy_effect *effect,
                       const char *to_name) {
  struct eddy_buffer buffer;
  eddy_buffer_init(&buffer, NULL);
  assert_int_equal(eddy_buffer_append(&buffer, "front", 5), 0);
  assert_int_equal(eddy_output_encode(codec, effect, &place, &buffer), 0);
  int output = eddy_output_of(effect);
  size_t offset = 0;
  assert_memory_equal(buffer.data, "front", 5);
  assert_int_equal(eddy_prefix_check((enum eddy_output)output, buffer.data + 5, buffer.size - 5, &offset), 0);
  json_t *got = decode_with_libavro(schema_names[output], buffer.data + 5 + offset, buffer.size - 5 - offset);
  json_t *want = expected_record(world, effect, got, to_name);
  assert_non_null(want);
  assert_same_json(got, want, schema_names[output]);
  json_decref(got);
  json_decref(want);
  eddy_buffer_fini(&buffer);
}

static void check_json(struct eddy_output_codec *codec, const struct world *world, const struct eddy_effect *effect,
                       const char *to_name) {
  struct eddy_buffer buffer;
  eddy_buffer_init(&buffer, NULL);
  assert_int_equal(eddy_output_json(codec, effect, &place, &buffer), 0);
  assert_memory_equal(buffer.data, "{\"type\":\"", 9);
  json_t *got = parse_line(&buffer);
  assert_string_equal(json_string_value(json_object_get(got, "type")), expected_type(effect));
  json_object_del(got, "type");
  json_t *want = expected_record(world, effect, got, to_name);
  assert_same_json(got, want, expected_type(effect));
  json_decref(got);
  json_decref(want);
  eddy_buffer_fini(&buffer);
}

static void any_effect_is_read_back_as_it_was(void **state) {
  (void)state;
  const uint64_t seed = 20171125;
  struct world *world = test_malloc(sizeof *world);
  struct eddy_output_codec *codec;
  world_init(world, seed);
  assert_int_equal(eddy_output_codec_new(&codec, &world->spec), 0);
  for (int i = 0; i < 600; i++) {
    struct eddy_effect effect;
    random_effect(world, &effect);
    print_message(i == 0 ? "seed %llu\n" : "", (unsigned long long)seed);
    check_avro(codec, world, &effect, NULL);
    check_json(codec, world, &effect, NULL);
  }
  eddy_output_codec_free(codec);
  test_free(world);
}

static void the_new_segment_has_its_name(void **state) {
  (void)state;
  struct world *world = test_malloc(sizeof *world);
  struct eddy_output_codec *codec;
  struct eddy_model_record record;
  world_init(world, 3);
  random_model(world, &record);
  for (int i = 0; i < record.parts.clusters * world->dimensions; i++) world->centroids[i] = (float)i / 100;
  struct eddy_model *model = eddy_model_new(&record.parts, &eddy_allocator_malloc);
  assert_non_null(model);
  assert_int_equal(eddy_output_codec_new(&codec, &world->spec), 0);
  eddy_output_codec_set_model(codec, model);
  struct eddy_effect effect = {.kind = EDDY_SEGMENT_CHANGED, .user_id = EDDY_STR("u1")};
  effect.as.segment.has_to = true;
  for (int slot = 0; slot < record.parts.clusters; slot++) {
    effect.as.segment.to = world->cards[slot].id;
    check_avro(codec, world, &effect, world->cards[slot].name);
    check_json(codec, world, &effect, world->cards[slot].name);
  }
  effect.as.segment.to = 999999;
  check_avro(codec, world, &effect, NULL);
  eddy_output_codec_set_model(codec, NULL);
  effect.as.segment.to = world->cards[0].id;
  check_json(codec, world, &effect, NULL);
  eddy_output_codec_free(codec);
  eddy_model_free(model);
  test_free(world);
}

static void a_reason_is_a_sentence(void **state) {
  (void)state;
  struct eddy_spec *spec = test_malloc(sizeof *spec);
  struct eddy_output_codec *codec;
  struct eddy_buffer buffer;
  eddy_spec_default(spec);
  assert_int_equal(spec->trigger_count, 1);
  spec->triggers[0].without = EDDY_EVENT_BIT(EDDY_ORDER_COMPLETED) | EDDY_EVENT_BIT(EDDY_CHECKOUT_STARTED);
  spec->triggers[0].wait_ms[0] = EDDY_HOUR_MS;
  assert_int_equal(eddy_output_codec_new(&codec, spec), 0);
  struct eddy_effect effect = {.kind = EDDY_TRIGGER_FIRED, .user_id = EDDY_STR("u1")};
  effect.as.trigger = (struct eddy_trigger_fired){.armed_by = EDDY_PRODUCT_ADDED,
                                                  .armed_at = INT64_C(1511582430000),
                                                  .due_at = INT64_C(1511586030000),
                                                  .expires_at = EDDY_TIME_NONE};
  eddy_buffer_init(&buffer, NULL);
  assert_int_equal(eddy_output_json(codec, &effect, &place, &buffer), 0);
  json_t *json = parse_line(&buffer);
  const json_t *reason = json_array_get(json_object_get(json, "reasons"), 0);
  assert_string_equal(json_string_value(json_object_get(reason, "text")),
                      "product_added at 2017-11-25T04:00:30Z, then no checkout_started or order_completed for 1h");
  json_decref(json);
  eddy_buffer_fini(&buffer);
  eddy_output_codec_free(codec);
  test_free(spec);
}

static void a_reason_with_every_type_fits(void **state) {
  (void)state;
  struct eddy_spec *spec = test_malloc(sizeof *spec);
  struct eddy_output_codec *codec;
  struct eddy_buffer buffer;
  eddy_spec_default(spec);
  spec->triggers[0].without = EDDY_EVENT_BIT(EDDY_EVENT_TYPE_COUNT) - 1;
  assert_int_equal(eddy_output_codec_new(&codec, spec), 0);
  struct eddy_effect effect = {.kind = EDDY_TRIGGER_SUPPRESSED, .user_id = EDDY_STR("u1")};
  effect.as.trigger =
      (struct eddy_trigger_fired){.armed_by = EDDY_PRODUCT_ADDED, .armed_at = INT64_MAX, .suppression = EDDY_SUPPRESS_SHADOW};
  eddy_buffer_init(&buffer, NULL);
  assert_int_equal(eddy_output_json(codec, &effect, &place, &buffer), 0);
  json_t *json = parse_line(&buffer);
  const char *text = json_string_value(json_object_get(json_array_get(json_object_get(json, "reasons"), 0), "text"));
  assert_non_null(strstr(text, "user_erased or custom for 1h"));
  json_decref(json);
  eddy_buffer_fini(&buffer);
  eddy_output_codec_free(codec);
  test_free(spec);
}

static void what_json_cannot_say_becomes_null(void **state) {
  (void)state;
  struct eddy_spec *spec = test_malloc(sizeof *spec);
  struct eddy_output_codec *codec;
  struct eddy_buffer buffer;
  eddy_spec_default(spec);
  assert_int_equal(eddy_output_codec_new(&codec, spec), 0);
  struct eddy_effect effect = {.kind = EDDY_SEGMENT_CHANGED, .user_id = EDDY_STR("a\xFF\xC0\x80\xED\xA0\x80\xE2\x82")};
  effect.as.segment.distance = (float)NAN;
  effect.as.segment.runner_up = (float)INFINITY;
  eddy_buffer_init(&buffer, NULL);
  assert_int_equal(eddy_output_json(codec, &effect, &place, &buffer), 0);
  json_t *json = parse_line(&buffer);
  assert_true(json_is_null(json_object_get(json, "distance")));
  assert_true(json_is_null(json_object_get(json, "runner_up")));
  assert_int_equal(json_string_length(json_object_get(json, "user_id")), 1 + 8 * 3);
  json_decref(json);
  eddy_buffer_fini(&buffer);
  eddy_output_codec_free(codec);
  test_free(spec);
}

static void equal_numbers_give_equal_text(void **state) {
  (void)state;
  struct eddy_spec *spec = test_malloc(sizeof *spec);
  struct eddy_output_codec *codec;
  struct eddy_buffer buffer;
  eddy_spec_default(spec);
  assert_int_equal(eddy_output_codec_new(&codec, spec), 0);
  struct eddy_effect effect = {.kind = EDDY_SEGMENT_CHANGED, .user_id = EDDY_STR("u\"\n")};
  effect.as.segment = (struct eddy_segment_changed){
      .has_to = true, .to = 17, .event_time = 5, .distance = 1e10f, .runner_up = -0.0f, .reason_count = 1};
  effect.as.segment.reasons[0] = (struct eddy_segment_reason){0, 0.1f, -2.5f, 1e-20f};
  eddy_buffer_init(&buffer, NULL);
  assert_int_equal(eddy_output_json(codec, &effect, &place, &buffer), 0);
  char want[512];
  int size = snprintf(
      want, sizeof want,
      "{\"type\":\"segment_change\",\"user_id\":\"u\\\"\\n\",\"kind\":\"cluster\",\"from\":null,\"to\":17,\"to_name\":null,"
      "\"event_time\":5,\"published_at\":1511582430123,\"model_version\":0,\"distance\":10000000000,\"runner_up\":0,"
      "\"reasons\":[{\"feature\":\"%s\",\"value\":0.100000001,\"z\":-2.5,\"contribution\":9.99999968e-21}],"
      "\"partition\":11,\"effect\":0}\n",
      spec->features[0].name);
  assert_int_equal(buffer.size, size);
  assert_memory_equal(buffer.data, want, buffer.size);
  eddy_buffer_fini(&buffer);
  eddy_output_codec_free(codec);
  test_free(spec);
}

/* The Nth growth of the buffer fails: the caller's buffer is as it was, and the next attempt gives the whole record. */
static void short_memory_leaves_the_buffer_alone(void **state) {
  (void)state;
  struct world *world = test_malloc(sizeof *world);
  struct eddy_output_codec *codec;
  world_init(world, 99);
  assert_int_equal(eddy_output_codec_new(&codec, &world->spec), 0);
  for (int i = 0; i < 40; i++) {
    struct eddy_effect effect;
    random_effect(world, &effect);
    for (size_t max = 64; max < 4096; max += 61) {
      struct eddy_budget budget;
      struct eddy_buffer buffer;
      eddy_budget_init(&budget, &eddy_allocator_malloc, max);
      struct eddy_allocator allocator = eddy_budget_allocator(&budget);
      eddy_buffer_init(&buffer, &allocator);
      assert_int_equal(eddy_buffer_append(&buffer, "front", 5), 0);
      bool json = max % 2 == 0;
      int error =
          json ? eddy_output_json(codec, &effect, &place, &buffer) : eddy_output_encode(codec, &effect, &place, &buffer);
      if (error) assert_int_equal(buffer.size, 5);
      if (!error) assert_true(buffer.size > 20);
      assert_memory_equal(buffer.data, "front", 5);
      eddy_buffer_fini(&buffer);
    }
  }
  eddy_output_codec_free(codec);
  test_free(world);
}

static void registry_ids_replace_fingerprints(void **state) {
  (void)state;
  struct eddy_spec *spec = test_malloc(sizeof *spec);
  struct eddy_output_codec *codec;
  struct eddy_buffer buffer;
  eddy_spec_default(spec);
  assert_int_equal(eddy_output_codec_new(&codec, spec), 0);
  eddy_output_codec_set_id(codec, EDDY_OUTPUT_SEGMENT_CHANGE, 0x01020304);
  struct eddy_effect effect = {.kind = EDDY_SEGMENT_CHANGED, .user_id = EDDY_STR("u")};
  eddy_buffer_init(&buffer, NULL);
  assert_int_equal(eddy_output_encode(codec, &effect, &place, &buffer), 0);
  assert_memory_equal(buffer.data, "\0\1\2\3\4\2u", 7);
  eddy_buffer_fini(&buffer);
  eddy_output_codec_free(codec);
  test_free(spec);
}

static void fingerprints_are_those_of_the_schemas(void **state) {
  (void)state;
  for (int i = 0; i <= EDDY_OUTPUT_COUNT; i++) {
    const char *name = i < EDDY_OUTPUT_COUNT ? schema_names[i] : "event";
    uint64_t constant = i < EDDY_OUTPUT_COUNT ? eddy_output_fingerprint((enum eddy_output)i) : eddy_event_fingerprint();
    char why[256] = "", *text = schema_text(name);
    struct eddy_avro_schema *schema = eddy_avro_schema_parse(text, strlen(text), why, sizeof why);
    if (!schema) fail_msg("%s: %s", name, why);
    if (eddy_avro_schema_fingerprint(schema) != constant)
      fail_msg("%s: write 0x%016llx in codec/framing.c", name, (unsigned long long)eddy_avro_schema_fingerprint(schema));
    eddy_avro_schema_free(schema);
    free(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_effect_is_read_back_as_it_was),
      cmocka_unit_test(the_new_segment_has_its_name),
      cmocka_unit_test(a_reason_is_a_sentence),
      cmocka_unit_test(a_reason_with_every_type_fits),
      cmocka_unit_test(what_json_cannot_say_becomes_null),
      cmocka_unit_test(equal_numbers_give_equal_text),
      cmocka_unit_test(short_memory_leaves_the_buffer_alone),
      cmocka_unit_test(registry_ids_replace_fingerprints),
      cmocka_unit_test(fingerprints_are_those_of_the_schemas),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
