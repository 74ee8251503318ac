#include "source/kafka_offsets.h"

/* Not rd_kafka_query_watermark_offsets(): in 2.0.2 it does not heed its timeout while the broker is away. */
rd_kafka_resp_err_t eddy_kafka_offset_ask(rd_kafka_t *client, const char *topic, int32_t partition, int64_t time,
                                          int64_t *offset, int timeout_ms) {
  rd_kafka_topic_partition_list_t *times = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(times, topic, partition)->offset = time;
  rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(client, times, timeout_ms);
  if (!error) error = times->elems[0].err;
  *offset = times->elems[0].offset;
  rd_kafka_topic_partition_list_destroy(times);
  return error;
}

rd_kafka_resp_err_t eddy_kafka_offset_bounds(rd_kafka_t *client, const char *topic, int32_t partition, int64_t *low,
                                             int64_t *high, int timeout_ms) {
  rd_kafka_resp_err_t error = eddy_kafka_offset_ask(client, topic, partition, RD_KAFKA_OFFSET_BEGINNING, low, timeout_ms);
  return error ? error : eddy_kafka_offset_ask(client, topic, partition, RD_KAFKA_OFFSET_END, high, timeout_ms);
}

rd_kafka_resp_err_t eddy_kafka_offset_at_time(rd_kafka_t *client, const char *topic, int32_t partition, int64_t time,
                                              int64_t *offset, int timeout_ms) {
  rd_kafka_resp_err_t error = eddy_kafka_offset_ask(client, topic, partition, time, offset, timeout_ms);
  if (error || *offset >= 0) return error;
  return eddy_kafka_offset_ask(client, topic, partition, RD_KAFKA_OFFSET_END, offset, timeout_ms);
}
