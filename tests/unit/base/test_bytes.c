/* What is written is read back; nothing is written or read past an end, however hostile the bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/rng.h"

static void bytes_are_little_endian(void **state) {
  (void)state;
  static const uint8_t expected[] = {0x01, 0x03, 0x02, 0x07, 0x06, 0x05, 0x04, 0x0f, 0x0e, 0x0d, 0x0c, 0x0b, 0x0a, 0x09, 0x08,
                                     0x00, 0x00, 0x80, 0x3f, 0,    0,    0,    0,    0,    0,    0,    0xc0};
  uint8_t bytes[sizeof expected];
  struct eddy_writer writer;
  eddy_writer_init(&writer, bytes, sizeof bytes);
  eddy_write_u8(&writer, 0x01);
  eddy_write_u16(&writer, 0x0203);
  eddy_write_u32(&writer, 0x04050607);
  eddy_write_u64(&writer, UINT64_C(0x08090a0b0c0d0e0f));
  eddy_write_f32(&writer, 1.0f);
  eddy_write_f64(&writer, -2.0);
  assert_false(writer.overflow);
  assert_int_equal(eddy_writer_size(&writer), sizeof expected);
  assert_memory_equal(bytes, expected, sizeof expected);
  struct eddy_reader reader;
  eddy_reader_init(&reader, bytes, sizeof bytes);
  assert_int_equal(eddy_read_u8(&reader), 0x01);
  assert_int_equal(eddy_read_u16(&reader), 0x0203);
  assert_int_equal(eddy_read_u32(&reader), 0x04050607);
  assert_true(eddy_read_u64(&reader) == UINT64_C(0x08090a0b0c0d0e0f));
  assert_true(eddy_read_f32(&reader) == 1.0f);
  assert_true(eddy_read_f64(&reader) == -2.0);
  assert_false(reader.failed);
  assert_int_equal(eddy_reader_left(&reader), 0);
}

static void check_varint(int64_t value, size_t expected_size) {
  uint8_t bytes[10];
  struct eddy_writer writer;
  struct eddy_reader reader;
  eddy_writer_init(&writer, bytes, sizeof bytes);
  eddy_write_varint(&writer, value);
  assert_false(writer.overflow);
  if (expected_size > 0) assert_int_equal(eddy_writer_size(&writer), expected_size);
  eddy_reader_init(&reader, bytes, eddy_writer_size(&writer));
  assert_true(eddy_read_varint(&reader) == value);
  assert_false(reader.failed);
  assert_int_equal(eddy_reader_left(&reader), 0);
  for (size_t cut = 0; cut < eddy_writer_size(&writer); cut++) { /* every truncation fails */
    eddy_reader_init(&reader, bytes, cut);
    assert_true(eddy_read_varint(&reader) == 0);
    assert_true(reader.failed);
  }
}

static void varints_are_read_back(void **state) {
  (void)state;
  check_varint(0, 1);
  check_varint(-1, 1);
  check_varint(63, 1);
  check_varint(-64, 1);
  check_varint(64, 2);
  check_varint(-65, 2);
  check_varint(INT64_MAX, 10);
  check_varint(INT64_MIN, 10);
  struct eddy_rng rng;
  eddy_rng_seed(&rng, 5);
  for (int i = 0; i < 20000; i++) check_varint((int64_t)(eddy_rng_next(&rng) >> eddy_rng_below(&rng, 64)), 0);
}

static void check_malformed(const uint8_t *bytes, size_t size) {
  struct eddy_reader reader;
  eddy_reader_init(&reader, bytes, size);
  assert_true(eddy_read_varint(&reader) == 0);
  assert_true(reader.failed);
  assert_int_equal(eddy_reader_left(&reader), 0);
  assert_int_equal(eddy_read_u8(&reader), 0);
}

static void malformed_varints_fail(void **state) {
  (void)state;
  uint8_t bytes[12];
  memset(bytes, 0xff, sizeof bytes);
  check_malformed(bytes, sizeof bytes); /* never ends */
  bytes[9] = 0x02;                      /* a 65th bit */
  check_malformed(bytes, sizeof bytes);
  bytes[9] = 0x81; /* an eleventh byte */
  bytes[10] = 0x00;
  check_malformed(bytes, sizeof bytes);
}

static void strings_are_read_back_absent_ones_as_empty(void **state) {
  (void)state;
  uint8_t bytes[16];
  struct eddy_writer writer;
  struct eddy_reader reader;
  eddy_writer_init(&writer, bytes, sizeof bytes);
  eddy_write_string(&writer, EDDY_STR("cart"));
  eddy_write_string(&writer, EDDY_STR(""));
  eddy_write_string(&writer, (struct eddy_str){0});
  assert_int_equal(eddy_writer_size(&writer), 7);
  eddy_reader_init(&reader, bytes, 7);
  struct eddy_str cart = eddy_read_string(&reader);
  assert_int_equal(cart.len, 4);
  assert_memory_equal(cart.data, "cart", 4);
  for (int i = 0; i < 2; i++) {
    struct eddy_str empty = eddy_read_string(&reader);
    assert_true(empty.len == 0 && empty.data != NULL && !reader.failed);
  }
}

static void hostile_string_lengths_fail(void **state) {
  (void)state;
  static const int64_t lengths[] = {-1, 3, INT64_MIN, INT64_MAX, UINT32_MAX, (int64_t)UINT32_MAX + 1};
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    uint8_t bytes[12] = {0};
    struct eddy_writer writer;
    struct eddy_reader reader;
    eddy_writer_init(&writer, bytes, sizeof bytes);
    eddy_write_varint(&writer, lengths[i]);
    eddy_reader_init(&reader, bytes, eddy_writer_size(&writer) + 2);
    struct eddy_str text = eddy_read_string(&reader);
    assert_true(reader.failed && text.data == NULL && text.len == 0);
  }
}

static void overflow_stays(void **state) {
  (void)state;
  uint8_t bytes[8] = {0};
  struct eddy_writer writer;
  eddy_writer_init(&writer, bytes, 5);
  eddy_write_u32(&writer, 1);
  eddy_write_u16(&writer, 0xffff);
  assert_true(writer.overflow);
  eddy_write_u8(&writer, 7); /* would fit */
  assert_int_equal(eddy_writer_size(&writer), 4);
  assert_int_equal(bytes[4], 0);
  eddy_writer_init(&writer, NULL, 0);
  eddy_write_bytes(&writer, NULL, 0);
  assert_false(writer.overflow);
  eddy_write_u8(&writer, 1);
  assert_true(writer.overflow);
}

static void failure_stays(void **state) {
  (void)state;
  static const uint8_t bytes[] = {1, 2, 3};
  struct eddy_reader reader;
  eddy_reader_init(&reader, bytes, sizeof bytes);
  assert_int_equal(eddy_read_u32(&reader), 0);
  assert_true(reader.failed);
  assert_int_equal(eddy_read_u8(&reader), 0);
  assert_null(eddy_read_bytes(&reader, 0));
  eddy_reader_init(&reader, NULL, 0);
  assert_true(eddy_read_f64(&reader) == 0 && reader.failed);
}

/* Random calls over random bytes on the heap, where a sanitizer sees every step too far. */
static void random_reads_stay_inside(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 2000; seed++) {
    struct eddy_rng rng;
    struct eddy_reader reader;
    eddy_rng_seed(&rng, seed);
    size_t size = (size_t)eddy_rng_below(&rng, 40);
    uint8_t *bytes = malloc(size > 0 ? size : 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)eddy_rng_next(&rng);
    eddy_reader_init(&reader, bytes, size);
    for (int i = 0; i < 20; i++) {
      size_t before = eddy_reader_left(&reader);
      struct eddy_str text = {0};
      switch (eddy_rng_below(&rng, 4)) {
        case 0: eddy_read_varint(&reader); break;
        case 1: text = eddy_read_string(&reader); break;
        case 2: eddy_read_u64(&reader); break;
        default: eddy_read_bytes(&reader, (size_t)eddy_rng_below(&rng, 9)); break;
      }
      if (text.data != NULL) assert_true((const uint8_t *)text.data + text.len <= bytes + size);
      if (eddy_reader_left(&reader) > before) fail_msg("seed %lu went back", (unsigned long)seed);
    }
    free(bytes);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_are_little_endian),    cmocka_unit_test(varints_are_read_back),
      cmocka_unit_test(malformed_varints_fail),     cmocka_unit_test(strings_are_read_back_absent_ones_as_empty),
      cmocka_unit_test(hostile_string_lengths_fail), cmocka_unit_test(overflow_stays),
      cmocka_unit_test(failure_stays),              cmocka_unit_test(random_reads_stay_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
