/* From records to events: framing, schemas and their source, keys, stamps, checks. */
#include "unit/codec/avro_bytes.h"

#include <dirent.h>
#include <math.h>
#include <unistd.h>

#include "base/memory.h"
#include "codec/container.h"
#include "codec/event_check.h"
#include "codec/event_decoder.h"

#define JSON_TYPE "{\"type\":\"page_viewed\","

struct fixture {
  struct eddy_event_decoder *decoder;
  struct eddy_event_room room;
  struct eddy_event event;
  bool clamped;
  /* a source of two schemas that counts how often it is asked */
  int asked;
  bool down;
};

static const char *find_id(void *ctx, uint32_t id, size_t *size, bool *retry) {
  static const char good[] = WRITER(""), bad[] = "{\"type\":\"record\",\"name\":\"Event\",\"fields\":[]}";
  struct fixture *fixture = ctx;
  fixture->asked++;
  *retry = fixture->down;
  if (fixture->down || (id != 7 && id != 8 && id != 9)) return NULL;
  const char *text = id == 8 ? bad : id == 9 ? "nonsense" : good;
  *size = strlen(text);
  return text;
}

static const char *find_fingerprint(void *ctx, uint64_t fingerprint, size_t *size, bool *retry) {
  return find_id(ctx, (uint32_t)fingerprint, size, retry);
}

static int setup(void **state) {
  struct fixture *fixture = calloc(1, sizeof *fixture);
  struct eddy_schema_source source = {find_id, find_fingerprint, fixture};
  eddy_event_room_init(&fixture->room);
  *state = fixture;
  return eddy_event_decoder_new(&fixture->decoder, &source);
}

static int teardown(void **state) {
  struct fixture *fixture = *state;
  eddy_event_decoder_free(fixture->decoder);
  eddy_event_room_fini(&fixture->room);
  free(fixture);
  return 0;
}

static int decode(struct fixture *fixture, const char *key, const void *value, size_t size) {
  struct eddy_raw_record record = {.key = (const uint8_t *)key,
                                   .value = value,
                                   .key_size = key ? strlen(key) : 0,
                                   .value_size = size,
                                   .record_time = EDDY_TIME_NONE};
  return eddy_event_decoder_run(fixture->decoder, &record, &fixture->room, &fixture->event, &fixture->clamped);
}

/* A record of WRITER("") behind a header. */
static int decode_framed(struct fixture *fixture, const void *header, size_t header_size) {
  struct body body, framed = {.size = 0};
  put_required(&body);
  put_raw(&framed, header, header_size);
  put_raw(&framed, body.bytes, body.size);
  return decode(fixture, "u1", framed.bytes, framed.size);
}

static void confluent_framing(void **state) {
  struct fixture *fixture = *state;
  for (int i = 0; i < 3; i++) assert_int_equal(decode_framed(fixture, "\0\0\0\0\7", 5), 0);
  assert_int_equal(fixture->asked, 1);
  assert_int_equal(fixture->event.type, EDDY_PAGE_VIEWED);
  assert_int_equal(decode_framed(fixture, "\0\7\0\0\0", 5), EDDY_EVENT_E_SCHEMA);
  assert_int_equal(decode_framed(fixture, "\0\7\0\0\0", 5), EDDY_EVENT_E_SCHEMA);
  assert_int_equal(fixture->asked, 3); /* it is for the source to remember what it does not have */
  for (int i = 0; i < 3; i++) assert_int_equal(decode_framed(fixture, "\0\0\0\0\10", 5), EDDY_EVENT_E_SCHEMA_UNUSABLE);
  assert_int_equal(fixture->asked, 4);
  assert_non_null(strstr(eddy_event_decoder_why(fixture->decoder), "Event.type"));
  assert_int_equal(decode_framed(fixture, "\0\0\0\0\11", 5), EDDY_EVENT_E_SCHEMA_UNUSABLE);
  assert_int_equal(decode_framed(fixture, "\0\0\0\0\7", 5), 0);
  for (size_t size = 1; size < 5; size++) assert_int_equal(decode(fixture, "u1", "\0\0\0\0\7", size), EDDY_EVENT_E_TRUNCATED);
}

static void a_source_that_is_down(void **state) {
  struct fixture *fixture = *state;
  fixture->down = true;
  assert_int_equal(decode_framed(fixture, "\0\0\0\0\7", 5), EDDY_DECODE_RETRY);
  fixture->down = false;
  assert_int_equal(decode_framed(fixture, "\0\0\0\0\7", 5), 0);
  fixture->down = true;
  assert_int_equal(decode_framed(fixture, "\0\0\0\0\7", 5), 0); /* known by now */
}

static struct eddy_event rich_event(void) {
  static struct eddy_item item = {.product_id = {"p1", 2}, .price = 5, .has_price = true, .quantity = 2};
  struct eddy_event event = eddy_event_empty;
  event.type = EDDY_PRODUCT_ADDED;
  event.user_id = EDDY_STR("u1");
  event.event_time = EVENT_TIME;
  event.source = EDDY_STR("web");
  event.items = &item;
  event.item_count = 1;
  return event;
}

static void single_object_encoding(void **state) {
  struct fixture *fixture = *state;
  uint8_t header[10];
  struct eddy_buffer buffer;
  struct eddy_event event = rich_event();
  eddy_buffer_init(&buffer, NULL);
  eddy_event_header(header);
  eddy_buffer_append(&buffer, header, sizeof header);
  assert_int_equal(eddy_event_encode(&event, &buffer), 0);
  assert_int_equal(decode(fixture, "u1", buffer.data, buffer.size), 0);
  assert_int_equal(fixture->asked, 0); /* our own schema is built in */
  assert_int_equal(fixture->event.item_count, 1);
  assert_int_equal(fixture->event.items[0].quantity, 2);
  eddy_buffer_append(&buffer, "x", 1);
  assert_int_equal(decode(fixture, "u1", buffer.data, buffer.size), EDDY_EVENT_E_TRAILING);
  for (size_t size = 2; size + 1 < buffer.size; size++) {
    assert_int_equal(decode(fixture, "u1", buffer.data, size), EDDY_EVENT_E_TRUNCATED);
  }
  eddy_buffer_fini(&buffer);
  assert_int_equal(decode_framed(fixture, "\xC3\x01\7\0\0\0\0\0\0\0", 10), 0);
  assert_int_equal(decode_framed(fixture, "\xC3\x01\1\0\0\0\0\0\0\0", 10), EDDY_EVENT_E_SCHEMA);
}

static void other_framing(void **state) {
  struct fixture *fixture = *state;
  assert_int_equal(decode(fixture, "u1", NULL, 0), EDDY_EVENT_E_EMPTY);
  assert_int_equal(decode(fixture, "u1", "", 0), EDDY_EVENT_E_EMPTY);
  assert_int_equal(decode(fixture, "u1", "hello", 5), EDDY_EVENT_E_FRAMING);
  assert_int_equal(decode(fixture, "u1", "\xC3", 1), EDDY_EVENT_E_FRAMING);
  assert_int_equal(decode(fixture, "u1", "\xC3\x02", 2), EDDY_EVENT_E_FRAMING);
  assert_int_equal(decode(fixture, "u1", "{", 1), EDDY_EVENT_E_JSON);
  assert_int_equal(decode(fixture, NULL, "{", 1), EDDY_EVENT_E_NO_KEY);
}

static int decode_json(struct fixture *fixture, const char *key, const char *text) {
  return decode(fixture, key, text, strlen(text));
}

static void keys(void **state) {
  struct fixture *fixture = *state;
  const char *text = JSON_TYPE "\"user_id\":\"u1\",\"event_time\":1700000000000}";
  assert_int_equal(decode_json(fixture, "u1", text), 0);
  assert_int_equal(decode_json(fixture, "u2", text), EDDY_EVENT_E_KEY);
  assert_int_equal(decode_json(fixture, "u", text), EDDY_EVENT_E_KEY);
  assert_int_equal(decode_json(fixture, "u11", text), EDDY_EVENT_E_KEY);
  assert_int_equal(decode_json(fixture, "", text), EDDY_EVENT_E_NO_KEY);
  assert_int_equal(decode_json(fixture, NULL, text), EDDY_EVENT_E_NO_KEY);
  static char million[1 << 20];
  memset(million, 'u', sizeof million - 1);
  assert_int_equal(decode_json(fixture, million, text), EDDY_EVENT_E_KEY);
}

#define NOW INT64_C(1700000000000)
#define YEAR_2090 INT64_C(3786912000000)

static int decode_stamped(struct fixture *fixture, int64_t event_time, int64_t received_at, int64_t append_time) {
  char text[256];
  int size = snprintf(text, sizeof text, JSON_TYPE "\"user_id\":\"u1\",\"event_time\":%lld", (long long)event_time);
  if (received_at != EDDY_TIME_NONE) {
    size += snprintf(text + size, sizeof text - (size_t)size, ",\"received_at\":%lld", (long long)received_at);
  }
  text[size++] = '}';
  struct eddy_raw_record record = {.key = (const uint8_t *)"u1",
                                   .key_size = 2,
                                   .value = (uint8_t *)text,
                                   .value_size = (size_t)size,
                                   .record_time = append_time == EDDY_TIME_NONE ? NOW : append_time,
                                   .log_append = append_time != EDDY_TIME_NONE};
  return eddy_event_decoder_run(fixture->decoder, &record, &fixture->room, &fixture->event, &fixture->clamped);
}

static void stamps(void **state) {
  struct fixture *fixture = *state;
  static const int64_t none = EDDY_TIME_NONE, minutes = 5 * EDDY_MINUTE_MS, year_2190 = INT64_C(6942585600000);
  static const struct {
    int64_t event_time, received_at, append_time;
    int error;
    int64_t want; /* the clamped stamp, or none */
  } cases[] = {
      {NOW, none, NOW, 0, none},
      {NOW + minutes, none, NOW, 0, none},
      {NOW + minutes + 1, none, NOW, 0, NOW},
      {YEAR_2090, none, NOW, 0, NOW},
      {YEAR_2090, NOW - 5, none, 0, NOW - 5},
      {YEAR_2090, NOW - 5, NOW, 0, NOW}, /* the broker knows best */
      {YEAR_2090, none, none, 0, none},  /* the producer's own stamp is no judge */
      {year_2190, none, NOW, 0, NOW},
      {year_2190, none, none, EDDY_EVENT_E_TIME, none},
      {INT64_MAX, none, NOW, EDDY_EVENT_E_TIME, none},
      {INT64_MAX, INT64_MAX, none, EDDY_EVENT_E_TIME, none},
      {YEAR_2090, INT64_MAX, none, 0, none},
      {YEAR_2090, 5, none, 0, none}, /* received in 1970: not to be believed */
      {INT64_C(946684799999), none, NOW, EDDY_EVENT_E_TIME, none},
      {INT64_C(946684800000), none, NOW, 0, none},
      {INT64_C(4102444799999), none, none, 0, none},
      {INT64_C(4102444800000), none, none, EDDY_EVENT_E_TIME, none},
      {0, none, none, EDDY_EVENT_E_TIME, none},
      {INT64_MIN + 1, none, NOW, EDDY_EVENT_E_TIME, none},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int error = decode_stamped(fixture, cases[i].event_time, cases[i].received_at, cases[i].append_time);
    if (error != cases[i].error) fail_msg("case %zu: %d", i, error);
    if (error) continue;
    if (fixture->clamped != (cases[i].want != none)) fail_msg("case %zu: clamped %d", i, fixture->clamped);
    assert_true(fixture->event.event_time == (cases[i].want != none ? cases[i].want : cases[i].event_time));
  }
}

static void checks(void **state) {
  (void)state;
  struct eddy_event event = rich_event();
  assert_int_equal(eddy_event_check(&event), 0);
  event.user_id = EDDY_STR("");
  assert_int_equal(eddy_event_check(&event), EDDY_EVENT_E_USER_ID);
  event.user_id = EDDY_STR("a\nb");
  assert_int_equal(eddy_event_check(&event), EDDY_EVENT_E_USER_ID);
  event.user_id = EDDY_STR("a\xFF");
  assert_int_equal(eddy_event_check(&event), EDDY_EVENT_E_USER_ID);
  event = rich_event();
  event.channel = EDDY_STR("\xC3");
  assert_int_equal(eddy_event_check(&event), EDDY_EVENT_E_TEXT);
  event = rich_event();
  event.type = EDDY_EVENT_TYPE_COUNT;
  assert_int_equal(eddy_event_check(&event), EDDY_EVENT_E_TYPE);
  event = rich_event();
  event.longitude = 181;
  assert_int_equal(eddy_event_check(&event), EDDY_EVENT_E_NUMBER);
  event.longitude = (double)INFINITY;
  assert_int_equal(eddy_event_check(&event), EDDY_EVENT_E_NUMBER);
  event = rich_event();
  event.item_count = 257;
  event.items = calloc(257, sizeof *event.items);
  assert_int_equal(eddy_event_check(&event), EDDY_EVENT_E_LIMIT);
  event.item_count = 1; /* without a product */
  assert_int_equal(eddy_event_check(&event), EDDY_EVENT_E_FIELD);
  free((void *)(uintptr_t)event.items);
}

static void an_event_larger_than_the_room(void **state) {
  struct fixture *fixture = *state;
  const char *text = JSON_TYPE "\"user_id\":\"u1\",\"event_time\":1700000000000}";
  fixture->room.max = 8;
  assert_int_equal(decode_json(fixture, "u1", text), EDDY_EVENT_E_LIMIT);
  fixture->room.max = 1 << 14; /* one block */
  int events = 0;
  while (decode_json(fixture, "u1", text) == 0) events++;
  assert_true(events > 100);
  assert_int_equal(decode_json(fixture, "u1", text), EDDY_DECODE_FULL);
  eddy_event_room_clear(&fixture->room);
  assert_int_equal(decode_json(fixture, "u1", text), 0);
}

static void names_of_errors(void **state) {
  (void)state;
  assert_string_equal(eddy_event_error_name(EDDY_EVENT_E_KEY), "key_mismatch");
  assert_string_equal(eddy_event_error_name(12345), "unknown_error");
  assert_true(strlen(eddy_event_error_text(EDDY_EVENT_E_KEY)) > 10);
}

/* Folder ------------------------------------------------------------------------------------------------------------------- */

static void write_file(const char *folder, const char *name, const char *text) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void remove_folder(const char *path) {
  DIR *folder = opendir(path);
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char name[512];
    snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
    unlink(name);
  }
  closedir(folder);
  rmdir(path);
}

static void schemas_from_a_folder(void **state) {
  (void)state;
  char path[] = "schemas-XXXXXX", why[512] = "";
  assert_non_null(mkdtemp(path));
  write_file(path, "7-pages.avsc", WRITER(""));
  write_file(path, "nameless.avsc", WRITER(",{\"name\":\"x\",\"type\":\"int\"}"));
  write_file(path, "README", "no schema");
  struct eddy_schema_folder *folder;
  if (eddy_schema_folder_open(&folder, path, why, sizeof why) != 0) fail_msg("%s", why);
  struct eddy_schema_source source = eddy_schema_folder_source(folder);
  bool retry = true;
  size_t size = 0;
  assert_memory_equal(source.find_id(source.ctx, 7, &size, &retry), WRITER(""), strlen(WRITER("")));
  assert_int_equal(size, strlen(WRITER("")));
  assert_false(retry);
  assert_null(source.find_id(source.ctx, 0, &size, &retry));
  assert_null(source.find_id(source.ctx, 12, &size, &retry));
  write_file(path, "12.avsc", WRITER(",{\"name\":\"y\",\"type\":\"int\"}")); /* appears while we run */
  write_file(path, "13.avsc", "half a sch");
  const char *text = source.find_id(source.ctx, 12, &size, &retry);
  assert_non_null(text);
  struct eddy_avro_schema *schema = eddy_avro_schema_parse(text, size, why, sizeof why);
  uint64_t fingerprint = eddy_avro_schema_fingerprint(schema);
  eddy_avro_schema_free(schema);
  assert_ptr_equal(source.find_fingerprint(source.ctx, fingerprint, &size, &retry), text);
  assert_null(source.find_fingerprint(source.ctx, fingerprint + 1, &size, &retry));
  assert_null(source.find_id(source.ctx, 13, &size, &retry));
  eddy_schema_folder_close(folder);
  assert_int_equal(eddy_schema_folder_open(&folder, path, why, sizeof why), -1); /* at the start every file must be right */
  if (!strstr(why, "13.avsc")) fail_msg("%s", why);
  write_file(path, "13.avsc", WRITER(""));
  write_file(path, "13-again.avsc", WRITER(""));
  assert_int_equal(eddy_schema_folder_open(&folder, path, why, sizeof why), -1);
  assert_non_null(strstr(why, "13"));
  remove_folder(path);
  assert_int_equal(eddy_schema_folder_open(&folder, path, why, sizeof why), -1);
  eddy_schema_folder_close(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(confluent_framing, setup, teardown),
      cmocka_unit_test_setup_teardown(a_source_that_is_down, setup, teardown),
      cmocka_unit_test_setup_teardown(single_object_encoding, setup, teardown),
      cmocka_unit_test_setup_teardown(other_framing, setup, teardown),
      cmocka_unit_test_setup_teardown(keys, setup, teardown),
      cmocka_unit_test_setup_teardown(stamps, setup, teardown),
      cmocka_unit_test_setup_teardown(an_event_larger_than_the_room, setup, teardown),
      cmocka_unit_test(checks),
      cmocka_unit_test(names_of_errors),
      cmocka_unit_test(schemas_from_a_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
