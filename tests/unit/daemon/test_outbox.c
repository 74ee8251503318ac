#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/outbox.h"

static void add(struct eddy_outbox *outbox, int number, size_t size, int32_t origin) {
  char key[16];
  uint8_t *value = malloc(size);
  memset(value, number & 0xff, size);
  snprintf(key, sizeof(key), "k%d", number);
  struct eddy_kafka_record record = {.key = key, .key_size = strlen(key), .value = value, .value_size = size, .partition = origin};
  assert_int_equal(eddy_outbox_add(outbox, &record, NULL, origin), 0);
  free(value);
}

static void check(const struct eddy_outbox_record *record, int number, size_t size) {
  char key[16];
  snprintf(key, sizeof(key), "k%d", number);
  assert_int_equal(record->record.key_size, strlen(key));
  assert_memory_equal(record->record.key, key, strlen(key));
  assert_int_equal(record->record.value_size, size);
  const uint8_t *value = record->record.value;
  for (size_t i = 0; i < size; i++) assert_int_equal(value[i], number & 0xff);
}

static void test_records_stay_in_place(void **state) {
  (void)state;
  struct eddy_outbox outbox;
  eddy_outbox_init(&outbox);
  add(&outbox, 0, 100, 0);
  const void *first = outbox.records[0].record.value;
  for (int i = 1; i < 3000; i++) add(&outbox, i, i % 50 == 0 ? 100000 : 100 + (size_t)i % 7, i % 4);
  add(&outbox, 3000, 3 << 20, 1); /* larger than a chunk */
  assert_ptr_equal(outbox.records[0].record.value, first);
  check(&outbox.records[0], 0, 100);
  for (int i = 1; i < 3000; i++) check(&outbox.records[i], i, i % 50 == 0 ? 100000 : 100 + (size_t)i % 7);
  check(&outbox.records[3000], 3000, 3 << 20);
  eddy_outbox_fini(&outbox);
}

static void test_abort_keeps_commit_clears(void **state) {
  (void)state;
  struct eddy_outbox outbox;
  eddy_outbox_init(&outbox);
  for (int i = 0; i < 10; i++) add(&outbox, i, 10, 0);
  outbox.produced = 10;
  eddy_outbox_rewind(&outbox);
  assert_int_equal(outbox.produced, 0);
  assert_int_equal(outbox.count, 10);
  for (int i = 0; i < 10; i++) check(&outbox.records[i], i, 10);
  eddy_outbox_clear(&outbox);
  assert_int_equal(outbox.count + outbox.bytes + outbox.produced, 0);
  add(&outbox, 7, 10, 0); /* memory is used again */
  check(&outbox.records[0], 7, 10);
  eddy_outbox_fini(&outbox);
}

static void test_drop_keeps_order_of_the_rest(void **state) {
  (void)state;
  struct eddy_outbox outbox;
  eddy_outbox_init(&outbox);
  for (int i = 0; i < 30; i++) add(&outbox, i, 10, i % 3);
  eddy_outbox_drop(&outbox, 1);
  assert_int_equal(outbox.count, 20);
  size_t at = 0, bytes = 0;
  for (int i = 0; i < 30; i++) {
    if (i % 3 == 1) continue;
    check(&outbox.records[at++], i, 10);
    bytes += i < 10 ? 12 : 13;
  }
  assert_int_equal(outbox.bytes, bytes);
  eddy_outbox_drop(&outbox, 0);
  eddy_outbox_drop(&outbox, 2);
  assert_int_equal(outbox.count + outbox.bytes, 0);
  eddy_outbox_fini(&outbox);
}

static void test_absent_and_empty_are_kept_apart(void **state) {
  (void)state;
  struct eddy_outbox outbox;
  eddy_outbox_init(&outbox);
  struct eddy_kafka_record record = {.key = NULL, .value = "", .value_size = 0};
  rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
  rd_kafka_header_add(headers, "h", -1, "v", -1);
  assert_int_equal(eddy_outbox_add(&outbox, &record, headers, 0), 0);
  assert_null(outbox.records[0].record.key);
  assert_non_null(outbox.records[0].record.value);
  assert_ptr_equal(outbox.records[0].record.headers, headers);
  eddy_outbox_fini(&outbox); /* frees the headers: the leak checker looks */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_records_stay_in_place),
      cmocka_unit_test(test_abort_keeps_commit_clears),
      cmocka_unit_test(test_drop_keeps_order_of_the_rest),
      cmocka_unit_test(test_absent_and_empty_are_kept_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
