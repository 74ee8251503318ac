/* The partition that producers with usual settings give to a key. Pure, any thread. */
#ifndef EDDY_SOURCE_KAFKA_PARTITION_H
#define EDDY_SOURCE_KAFKA_PARTITION_H

#include "eddy/types.h"

/* Java's default, murmur2. */
int32_t eddy_kafka_partition_java(struct eddy_str key, int32_t partitions);
/* librdkafka's default, CRC-32. */
int32_t eddy_kafka_partition_librdkafka(struct eddy_str key, int32_t partitions);

#endif
