/* A dead letter says where it came from, and becomes the record that it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/dead_letter_read.h"

static rd_kafka_headers_t *headers_of(const char *const pairs[][2], size_t count) {
  rd_kafka_headers_t *headers = rd_kafka_headers_new(count);
  for (size_t i = 0; i < count; i++) rd_kafka_header_add(headers, pairs[i][0], -1, pairs[i][1], -1);
  return headers;
}
#define HEADERS_OF(pairs) headers_of(pairs, sizeof(pairs) / sizeof(pairs[0]))

static const char *const letter_pairs[][2] = {
    {"mine", "1"},                          /* the record's own */
    {"x-eddy-error-code", "forged"},        /* brought along */
    {"x-eddy-retry-of", "shop.events/9/9"}, /* tried before */
    {"mine", "2"},
    {"__streams.errors.exception", "bad_json"},
    {"__streams.errors.message", "the value is not JSON"},
    {"__streams.errors.topic", "shop.events"},
    {"__streams.errors.partition", "3"},
    {"__streams.errors.offset", "41"},
    {"x-eddy-error-code", "bad_json"},
};

static void assert_str(struct eddy_str text, const char *expected) {
  assert_non_null(text.data);
  assert_int_equal(text.len, strlen(expected));
  assert_memory_equal(text.data, expected, text.len);
}

static void a_letter_says_why_and_from_where(void **state) {
  (void)state;
  struct eddy_dead_letter letter;
  rd_kafka_headers_t *headers = HEADERS_OF(letter_pairs);
  eddy_dead_letter_read(headers, &letter);
  assert_str(letter.code, "bad_json");
  assert_str(letter.message, "the value is not JSON");
  assert_str(letter.topic, "shop.events");
  assert_str(letter.partition, "3");
  assert_str(letter.offset, "41");
  assert_null(letter.cut_size.data);
  assert_null(eddy_dead_letter_flaw(&letter));
  rd_kafka_headers_destroy(headers);
}

static void a_retry_has_the_records_own_headers(void **state) {
  (void)state;
  struct eddy_dead_letter letter;
  const char *name;
  const void *value;
  size_t size;
  rd_kafka_headers_t *headers = HEADERS_OF(letter_pairs);
  eddy_dead_letter_read(headers, &letter);
  rd_kafka_headers_t *again = eddy_dead_letter_retry_headers(headers, &letter);
  static const char *const expected[][2] = {{"mine", "1"}, {"mine", "2"}, {"x-eddy-retry-of", "shop.events/3/41"}};
  assert_int_equal(rd_kafka_header_cnt(again), 3);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(rd_kafka_header_get_all(again, i, &name, &value, &size), 0);
    assert_string_equal(name, expected[i][0]);
    assert_str((struct eddy_str){value, (uint32_t)size}, expected[i][1]);
  }
  rd_kafka_headers_destroy(again);
  rd_kafka_headers_destroy(headers);
}

static void what_is_not_whole_is_not_sent_again(void **state) {
  (void)state;
  static const char *const added[][2] = {
      {"x-eddy-original-size", "5000000"}, {"x-eddy-original-key-size", "70000"}, {"x-eddy-dropped-headers", "90000"}};
  static const char *const words[] = {"value was cut", "key was cut", "headers did not fit"};
  for (size_t i = 0; i < 3; i++) {
    struct eddy_dead_letter letter;
    rd_kafka_headers_t *headers = HEADERS_OF(letter_pairs);
    rd_kafka_header_add(headers, added[i][0], -1, added[i][1], -1);
    eddy_dead_letter_read(headers, &letter);
    assert_non_null(strstr(eddy_dead_letter_flaw(&letter), words[i]));
    rd_kafka_headers_destroy(headers);
  }
}

static void a_record_of_somebody_else_is_no_letter(void **state) {
  (void)state;
  static const char *const few[][2] = {{"x-eddy-error-code", "bad_json"}, {"__streams.errors.topic", "t"}};
  struct eddy_dead_letter letter;
  eddy_dead_letter_read(NULL, &letter);
  assert_null(letter.code.data);
  assert_non_null(strstr(eddy_dead_letter_flaw(&letter), "eddy has not written it"));
  rd_kafka_headers_t *headers = HEADERS_OF(few);
  rd_kafka_header_add(headers, "__streams.errors.offset", -1, NULL, 0);
  eddy_dead_letter_read(headers, &letter);
  assert_non_null(eddy_dead_letter_flaw(&letter));
  rd_kafka_headers_destroy(headers);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_letter_says_why_and_from_where),
      cmocka_unit_test(a_retry_has_the_records_own_headers),
      cmocka_unit_test(what_is_not_whole_is_not_sent_again),
      cmocka_unit_test(a_record_of_somebody_else_is_no_letter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
