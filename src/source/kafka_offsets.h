/* Offsets that only a broker knows, for a client of any kind. Each call is one or two ListOffsets and blocks for `timeout_ms`
 * per question at most. Under read_committed the next offset is the first one that is not decided yet.
 */
#ifndef EDDY_SOURCE_KAFKA_OFFSETS_H
#define EDDY_SOURCE_KAFKA_OFFSETS_H

#include <librdkafka/rdkafka.h>

/* First (RD_KAFKA_OFFSET_BEGINNING) or next (RD_KAFKA_OFFSET_END) offset, or the first at or after a time: negative if none. */
rd_kafka_resp_err_t eddy_kafka_offset_ask(rd_kafka_t *client, const char *topic, int32_t partition, int64_t time,
                                          int64_t *offset, int timeout_ms);
/* First and next offset. */
rd_kafka_resp_err_t eddy_kafka_offset_bounds(rd_kafka_t *client, const char *topic, int32_t partition, int64_t *low,
                                             int64_t *high, int timeout_ms);
/* First offset at or after a time (ms); the next offset if there is none. */
rd_kafka_resp_err_t eddy_kafka_offset_at_time(rd_kafka_t *client, const char *topic, int32_t partition, int64_t time,
                                              int64_t *offset, int timeout_ms);

#endif
