#include "source/kafka_partition.h"

#include <librdkafka/rdkafka.h>

/* librdkafka's functions look at key and number alone. */
int32_t eddy_kafka_partition_java(struct eddy_str key, int32_t partitions) {
  return rd_kafka_msg_partitioner_murmur2(NULL, key.data, key.len, partitions, NULL, NULL);
}

int32_t eddy_kafka_partition_librdkafka(struct eddy_str key, int32_t partitions) {
  return rd_kafka_msg_partitioner_consistent(NULL, key.data, key.len, partitions, NULL, NULL);
}
