/* Container files: null and deflate, bad records stepped over, every way to be broken. */
#include "unit/codec/avro_bytes.h"

#include <zlib.h>

#include "base/memory.h"
#include "codec/container.h"
#include "codec/event_check.h"
#include "codec/event_error.h"

#define SCHEMA WRITER(",{\"name\":\"channel\",\"type\":\"string\"}")
#define SYNC "0123456789abcdef"

static void put_header(struct body *file, const char *codec) {
  file->size = 0;
  put_raw(file, "Obj\1", 4);
  put_long(file, codec ? 2 : 1);
  put_text(file, "avro.schema");
  put_text(file, SCHEMA);
  if (codec) {
    put_text(file, "avro.codec");
    put_text(file, codec);
  }
  put_long(file, 0);
  put_raw(file, SYNC, 16);
}

static void put_event(struct body *body, const char *user, int64_t time, const char *channel) {
  put_long(body, 0);
  put_text(body, user);
  put_long(body, time);
  put_text(body, channel);
}

static void put_block(struct body *file, int64_t count, const struct body *records) {
  put_long(file, count);
  put_long(file, (int64_t)records->size);
  put_raw(file, records->bytes, records->size);
  put_raw(file, SYNC, 16);
}

struct result {
  int good, refused, last_error;
  bool opened, broken;
  char why[256];
};

static struct result read_file(FILE *file) {
  struct result result = {0};
  struct eddy_container_reader *reader;
  struct eddy_event_room room;
  struct eddy_event event;
  bool clamped;
  eddy_event_room_init(&room);
  rewind(file);
  result.opened = eddy_container_open(&reader, file, result.why, sizeof result.why) == 0;
  for (int got = 1; result.opened && got != 0;) {
    got = eddy_container_next(reader, &room, &event, result.why, sizeof result.why);
    result.broken = got == -1;
    if (result.broken) break;
    int error = got == 1 ? eddy_event_settle(&event, event.received_at, &clamped) : 0;
    if (error) got = error;
    if (got == 1) result.good++;
    if (got < 0) {
      result.refused++;
      result.last_error = got;
    }
    eddy_event_room_clear(&room);
  }
  char again[64];
  if (result.broken) assert_int_equal(eddy_container_next(reader, &room, &event, again, sizeof again), -1);
  if (result.opened) eddy_container_close(reader);
  eddy_event_room_fini(&room);
  return result;
}

static struct result read_body(const struct body *body, size_t size) {
  FILE *file = tmpfile();
  assert_int_equal(fwrite(body->bytes, 1, size, file), size);
  struct result result = read_file(file);
  fclose(file);
  return result;
}

static void blocks(void **state) {
  (void)state;
  struct body file, records = {.size = 0}, none = {.size = 0};
  for (int i = 0; i < 3; i++) put_event(&records, "u1", EVENT_TIME + i, "web");
  put_header(&file, NULL);
  assert_true(read_body(&file, file.size).opened);
  put_block(&file, 3, &records);
  put_block(&file, 0, &none);
  put_block(&file, 3, &records);
  struct result result = read_body(&file, file.size);
  assert_int_equal(result.good, 6);
  assert_int_equal(result.refused, 0);
  assert_false(result.broken);
  put_header(&file, "null");
  put_block(&file, 3, &records);
  size_t whole = file.size;
  assert_int_equal(read_body(&file, whole).good, 3);
  size_t header = whole - records.size - 16 - 3;
  for (size_t cut = 0; cut < whole; cut++) { /* cut off anywhere: never the whole, never a crash */
    result = read_body(&file, cut);
    assert_int_equal(result.good, 0);
    if (cut < header) assert_false(result.opened);
  }
}

static void deflated(void **state) {
  (void)state;
  struct body file, records = {.size = 0}, packed = {.size = 0};
  for (int i = 0; i < 2000; i++) put_event(&records, "u1", EVENT_TIME + i, "web");
  z_stream stream = {0};
  assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = records.bytes;
  stream.avail_in = (uInt)records.size;
  stream.next_out = packed.bytes;
  stream.avail_out = sizeof packed.bytes;
  assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.size = stream.total_out;
  deflateEnd(&stream);
  put_header(&file, "deflate");
  size_t header = file.size;
  put_block(&file, 2000, &packed);
  assert_int_equal(read_body(&file, file.size).good, 2000);
  packed.size -= 5;
  file.size = header;
  put_block(&file, 2000, &packed);
  struct result result = read_body(&file, file.size);
  assert_true(result.broken);
  assert_non_null(strstr(result.why, "inflated"));
}

static void steps_over_bad_records(void **state) {
  (void)state;
  struct body file, records = {.size = 0};
  put_event(&records, "u1", EVENT_TIME, "web");
  put_event(&records, "u1", EVENT_TIME, "\xFF");
  put_event(&records, "u1", 5, "web");
  put_event(&records, "u1", EVENT_TIME, "web");
  put_header(&file, NULL);
  put_block(&file, 4, &records);
  struct result result = read_body(&file, file.size);
  assert_int_equal(result.good, 2);
  assert_int_equal(result.refused, 2);
  assert_int_equal(result.last_error, EDDY_EVENT_E_TIME);
  struct body lost = {.size = 0}; /* where this record ends cannot be known: on with the next block */
  put_event(&lost, "u1", EVENT_TIME, "web");
  put_long(&lost, 0);
  put_long(&lost, 1000);
  put_event(&lost, "u1", EVENT_TIME, "web");
  put_block(&file, 3, &lost);
  put_block(&file, 4, &records);
  result = read_body(&file, file.size);
  assert_int_equal(result.good, 2 + 1 + 2);
  assert_int_equal(result.refused, 2 + 1 + 2);
  assert_false(result.broken);
}

static void expect_broken(const struct body *file, const char *because) {
  struct result result = read_body(file, file->size);
  assert_true(!result.opened || result.broken);
  if (!strstr(result.why, because)) fail_msg("%s", result.why);
}

static void broken_files(void **state) {
  (void)state;
  struct body file = {.size = 0}, records = {.size = 0};
  put_raw(&file, "PAR1", 4);
  expect_broken(&file, "no Avro object container");
  put_header(&file, "zstandard");
  expect_broken(&file, "zstandard");
  put_event(&records, "u1", EVENT_TIME, "web");
  static const int64_t counts[] = {-1, 5, INT64_MAX, INT64_MIN};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    put_header(&file, NULL);
    put_block(&file, counts[i], &records);
    expect_broken(&file, counts[i] < 0 ? "no valid count" : "fewer bytes");
  }
  put_event(&records, "u1", EVENT_TIME, "web");
  put_header(&file, NULL);
  put_block(&file, 1, &records);
  expect_broken(&file, "behind its last record");
  put_header(&file, NULL);
  put_block(&file, 2, &records);
  file.bytes[file.size - 1] ^= 1;
  expect_broken(&file, "sync marker");
  put_header(&file, NULL);
  put_long(&file, 1);
  put_long(&file, INT64_C(1) << 40);
  expect_broken(&file, "larger than 64 MiB");
}

static void broken_headers(void **state) {
  (void)state;
  struct body file = {.size = 0};
  put_raw(&file, "Obj\1", 4);
  put_long(&file, 0);
  put_raw(&file, SYNC, 16);
  expect_broken(&file, "no schema");
  file.size = 4;
  put_long(&file, 1);
  put_text(&file, "avro.schema");
  put_text(&file, "\"int\"");
  put_long(&file, 0);
  put_raw(&file, SYNC, 16);
  expect_broken(&file, "cannot be read as");
  file.size = 4;
  put_long(&file, INT64_MIN);
  put_long(&file, 0);
  expect_broken(&file, "too many entries");
  file.size = 4;
  put_long(&file, 1);
  put_long(&file, INT64_C(1) << 50);
  expect_broken(&file, "too long");
}

/* What our own writer writes is read back; a full room is no loss. */
static void own_files(void **state) {
  (void)state;
  FILE *file = tmpfile();
  struct eddy_container_writer *writer;
  struct eddy_container_reader *reader;
  struct eddy_event event = eddy_event_empty, got;
  struct eddy_item items[5];
  char why[256] = "";
  for (int i = 0; i < 5; i++) items[i] = (struct eddy_item){.product_id = EDDY_STR("p"), .quantity = i};
  event.user_id = EDDY_STR("u1");
  event.items = items;
  event.item_count = 5;
  assert_int_equal(eddy_container_create(&writer, file, 1), 0);
  for (int i = 0; i < 5000; i++) {
    event.event_time = EVENT_TIME + i;
    assert_int_equal(eddy_container_append(writer, &event), 0);
  }
  assert_int_equal(eddy_container_finish(writer), 0);
  rewind(file);
  if (eddy_container_open(&reader, file, why, sizeof why) != 0) fail_msg("%s", why);
  struct eddy_event_room room;
  eddy_event_room_init(&room);
  room.max = 20000;
  int count = 0, full = 0;
  for (int result; (result = eddy_container_next(reader, &room, &got, why, sizeof why)) != 0;) {
    if (result == EDDY_DECODE_FULL) {
      eddy_event_room_clear(&room);
      full++;
      continue;
    }
    if (result < 0) fail_msg("%d %s", result, why);
    assert_true(got.event_time == EVENT_TIME + count);
    assert_int_equal(got.items[4].quantity, 4);
    count++;
  }
  assert_int_equal(count, 5000);
  assert_true(full > 10);
  eddy_event_room_fini(&room);
  eddy_container_close(reader);
  eddy_container_close(NULL);
  fclose(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks),       cmocka_unit_test(deflated),       cmocka_unit_test(steps_over_bad_records),
      cmocka_unit_test(broken_files), cmocka_unit_test(broken_headers), cmocka_unit_test(own_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
