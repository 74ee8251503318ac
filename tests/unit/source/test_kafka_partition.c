/* Where other clients put a key: values that they themselves gave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source/kafka_partition.h"

/* The hashes are those in Kafka's own test of murmur2 (UtilsTest.testMurmur2); positive part, modulo the partitions. */
static void test_java(void **state) {
  (void)state;
  const struct {
    struct eddy_str key;
    int32_t hash;
  } rows[] = {{EDDY_STR("21"), -973932308},
              {EDDY_STR("foobar"), -790332482},
              {EDDY_STR("a-little-bit-long-string"), -985981536},
              {EDDY_STR("a-little-bit-longer-string"), -1486304829},
              {EDDY_STR("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971},
              {EDDY_STR("abc"), 479470107}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    assert_int_equal(eddy_kafka_partition_java(rows[i].key, 1000), (rows[i].hash & 0x7fffffff) % 1000);
  }
}

/* CRC-32 of "123456789" is the check value of its definition. */
static void test_librdkafka(void **state) {
  (void)state;
  assert_int_equal(eddy_kafka_partition_librdkafka(EDDY_STR("123456789"), 1000), 0xcbf43926U % 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_java), cmocka_unit_test(test_librdkafka)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
