/* Events as Avro, as JSON and in object container files: judged by libavro and jansson. */
#include "codec/container.h"
#include "unit/codec/avro_json.h"
#include "unit/codec/output_world.h"

enum { ITEMS = 4, PROPERTIES = 3 };

struct sample {
  struct eddy_event event;
  struct eddy_item items[ITEMS];
  struct eddy_property properties[PROPERTIES];
};

static eddy_tristate random_tristate(struct world *world) {
  return (eddy_tristate)((int)below(world, 3) - 1);
}

/* The optional strings of an event by their names on the wire, in the schema's order. */
#define STRINGS_BEFORE_RECEIVED(X) X(event_id)
#define STRINGS_ENVELOPE(X) X(channel) X(ip) X(user_agent) X(locale) X(timezone)
#define STRINGS_EMAIL(X) X(message_id) X(campaign_id) X(template_id) X(link_id) X(link_url) X(list_id)
#define STRINGS_EMAIL_END(X) X(bounce_type) X(unsubscribe_method)
#define STRINGS_COMMERCE(X) X(cart_id) X(checkout_id) X(order_id)
#define STRINGS_COMMERCE_END(X) X(currency) X(coupon)
#define STRINGS_PAGE(X) X(page_url) X(page_title) X(referrer) X(search_query)
#define STRINGS_PERSON(X) X(consent_class) X(consent_state) X(merged_into) X(custom_name)

static void random_items(struct world *world, struct sample *sample) {
  struct eddy_event *event = &sample->event;
  event->item_count = (uint32_t)below(world, ITEMS + 1);
  event->items = sample->items;
  for (uint32_t i = 0; i < event->item_count; i++)
    sample->items[i] = (struct eddy_item){.product_id = random_text(world, 6),
                                          .name = maybe_text(world, 6),
                                          .category = maybe_text(world, 6),
                                          .brand = maybe_text(world, 6),
                                          .price = random_long(world),
                                          .quantity = (int32_t)random_long(world),
                                          .has_price = chance(world),
                                          .image_url = maybe_text(world, 6),
                                          .url = maybe_text(world, 6)};
}

static void random_event(struct world *world, struct sample *sample) {
  struct eddy_event *event = &sample->event;
  *event = eddy_event_empty;
#define X(field) event->field = maybe_text(world, 8);
  STRINGS_BEFORE_RECEIVED(X)
  STRINGS_ENVELOPE(X) STRINGS_EMAIL(X) STRINGS_EMAIL_END(X) STRINGS_COMMERCE(X) STRINGS_COMMERCE_END(X) STRINGS_PAGE(X)
      STRINGS_PERSON(X)
#undef X
          event->type = (enum eddy_event_type)below(world, EDDY_EVENT_TYPE_COUNT);
  event->user_id = random_text(world, 10);
  event->event_time = random_time(world);
  if (chance(world)) event->received_at = random_time(world);
  event->source = maybe_text(world, 3);
  event->machine_open = random_tristate(world);
  event->bot_suspected = random_tristate(world);
  event->has_value = chance(world);
  event->value = random_long(world);
  if (chance(world)) event->latitude = eddy_rng_unit(&world->rng) * 180 - 90;
  if (chance(world)) event->longitude = (double)below(world, 180);
  event->property_count = (uint32_t)below(world, PROPERTIES + 1);
  event->properties = sample->properties;
  static const char keys[] = "abc";
  for (uint32_t i = 0; i < event->property_count; i++)
    sample->properties[i] = (struct eddy_property){{keys + i, 1}, random_text(world, 5)};
  random_items(world, sample);
}

/* With `sparse`, what is absent is left out (our JSON); else it is null, "" or empty (the Avro record). */
static void set(json_t *json, const char *name, json_t *value, bool sparse) {
  bool nothing = json_is_null(value) ||
                 ((json_is_array(value) || json_is_object(value)) && json_array_size(value) + json_object_size(value) == 0);
  if (sparse && nothing) {
    json_decref(value);
  } else {
    json_object_set_new(json, name, value);
  }
}

static json_t *of_tristate(eddy_tristate value) {
  return value < 0 ? json_null() : json_boolean(value);
}

static json_t *expected_items(const struct eddy_event *event, bool sparse) {
  json_t *items = json_array();
  for (uint32_t i = 0; i < event->item_count; i++) {
    const struct eddy_item *item = &event->items[i];
    json_t *json = json_object();
    set(json, "product_id", json_of_str(item->product_id), sparse);
    set(json, "name", json_of_str(item->name), sparse);
    set(json, "category", json_of_str(item->category), sparse);
    set(json, "brand", json_of_str(item->brand), sparse);
    set(json, "price", item->has_price ? json_integer(item->price) : json_null(), sparse);
    set(json, "quantity", json_integer(item->quantity), sparse);
    set(json, "image_url", json_of_str(item->image_url), sparse);
    set(json, "url", json_of_str(item->url), sparse);
    json_array_append_new(items, json);
  }
  return items;
}

static json_t *expected_properties(const struct eddy_event *event) {
  json_t *properties = json_object();
  for (uint32_t i = 0; i < event->property_count; i++) {
    char key[2] = {event->properties[i].key.data[0], '\0'};
    json_object_set_new(properties, key, json_of_str(event->properties[i].value));
  }
  return properties;
}

static json_t *expected_event(const struct eddy_event *event, bool sparse) {
  json_t *json = json_object();
#define X(field) set(json, #field, json_of_str(event->field), sparse);
  STRINGS_BEFORE_RECEIVED(X)
  set(json, "type", json_string(eddy_event_type_name(event->type)), sparse);
  set(json, "user_id", json_of_str(event->user_id), sparse);
  set(json, "event_time", json_integer(event->event_time), sparse);
  set(json, "received_at", event->received_at == EDDY_TIME_NONE ? json_null() : json_integer(event->received_at), sparse);
  if (!sparse || event->source.len)
    set(json, "source", event->source.data ? json_of_str(event->source) : json_string(""), sparse);
  STRINGS_ENVELOPE(X) STRINGS_EMAIL(X) set(json, "machine_open", of_tristate(event->machine_open), sparse);
  set(json, "bot_suspected", of_tristate(event->bot_suspected), sparse);
  STRINGS_EMAIL_END(X) STRINGS_COMMERCE(X) set(json, "items", expected_items(event, sparse), sparse);
  set(json, "value", event->has_value ? json_integer(event->value) : json_null(), sparse);
  STRINGS_COMMERCE_END(X) STRINGS_PAGE(X) set(json, "latitude", json_of_real(event->latitude), sparse);
  set(json, "longitude", json_of_real(event->longitude), sparse);
  STRINGS_PERSON(X)
  set(json, "properties", expected_properties(event), sparse);
#undef X
  return json;
}

static void any_event_is_read_back_as_it_was(void **state) {
  (void)state;
  struct world *world = test_malloc(sizeof *world);
  struct eddy_buffer buffer;
  world_init(world, 5);
  eddy_buffer_init(&buffer, NULL);
  for (int i = 0; i < 400; i++) {
    struct sample sample;
    random_event(world, &sample);
    buffer.size = 0;
    assert_int_equal(eddy_event_encode(&sample.event, &buffer), 0);
    json_t *got = decode_with_libavro("event", buffer.data, buffer.size), *want = expected_event(&sample.event, false);
    assert_same_json(got, want, "Event");
    json_decref(got);
    json_decref(want);
    buffer.size = 0;
    assert_int_equal(eddy_event_to_json(&sample.event, &buffer), 0);
    got = parse_line(&buffer);
    want = expected_event(&sample.event, true);
    assert_same_json(got, want, "event");
    json_decref(got);
    json_decref(want);
  }
  eddy_buffer_fini(&buffer);
  test_free(world);
}

/* A file of a few hundred events in several blocks, as libavro's own reader sees it. */
static void a_container_file_holds_every_event(void **state) {
  (void)state;
  enum { EVENTS = 2000 };
  struct world *world = test_malloc(sizeof *world);
  struct eddy_container_writer *writer;
  char *bytes;
  size_t size;
  world_init(world, 6);
  FILE *file = open_memstream(&bytes, &size);
  assert_non_null(file);
  assert_int_equal(eddy_container_create(&writer, file, 42), 0);
  for (int i = 0; i < EVENTS; i++) {
    struct sample sample;
    random_event(world, &sample);
    assert_int_equal(eddy_container_append(writer, &sample.event), 0);
  }
  assert_int_equal(eddy_container_finish(writer), 0);
  fclose(file);
  assert_true(size > 2 * 65536);

  avro_file_reader_t reader;
  FILE *input = fmemopen(bytes, size, "rb");
  assert_int_equal(avro_file_reader_fp(input, "memory", 0, &reader), 0);
  avro_schema_t schema = avro_file_reader_get_writer_schema(reader);
  avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
  avro_value_t value;
  avro_generic_value_new(iface, &value);
  world_init(world, 6);
  for (int i = 0; i < EVENTS; i++) {
    struct sample sample;
    random_event(world, &sample);
    if (avro_file_reader_read_value(reader, &value) != 0) fail_msg("event %d: %s", i, avro_strerror());
    json_t *got = json_of_avro(&value), *want = expected_event(&sample.event, false);
    assert_same_json(got, want, "Event");
    json_decref(got);
    json_decref(want);
  }
  assert_int_not_equal(avro_file_reader_read_value(reader, &value), 0);
  avro_value_decref(&value);
  avro_value_iface_decref(iface);
  avro_schema_decref(schema);
  avro_file_reader_close(reader);
  fclose(input);
  free(bytes);
  test_free(world);
}

static void a_full_disk_is_reported(void **state) {
  (void)state;
  struct eddy_container_writer *writer;
  FILE *full = fopen("/dev/full", "wb");
  if (!full) skip();
  struct eddy_event event = eddy_event_empty;
  event.user_id = EDDY_STR("u");
  event.event_time = 0;
  static char room[1 << 16]; /* so that the first bytes reach the disk at the end only */
  assert_int_equal(setvbuf(full, room, _IOFBF, sizeof room), 0);
  assert_int_equal(eddy_container_create(&writer, full, 1), 0);
  assert_int_equal(eddy_container_append(writer, &event), 0);
  assert_int_equal(eddy_container_finish(writer), -1);
  fclose(full);
  full = fopen("/dev/full", "wb");
  assert_non_null(full);
  setvbuf(full, NULL, _IONBF, 0);
  assert_int_equal(eddy_container_create(&writer, full, 1), -1);
  assert_null(writer);
  fclose(full);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(any_event_is_read_back_as_it_was),
      cmocka_unit_test(a_container_file_holds_every_event),
      cmocka_unit_test(a_full_disk_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
