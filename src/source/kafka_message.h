/* What librdkafka knows about a message beyond its public struct. Apart from source and reader, so that a test can hand out
 * messages that it made itself.
 */
#ifndef EDDY_SOURCE_KAFKA_MESSAGE_H
#define EDDY_SOURCE_KAFKA_MESSAGE_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

/* Its timestamp in ms, EDDY_TIME_NONE if it has none; *log_append tells that the broker set it. */
int64_t eddy_kafka_message_time(const rd_kafka_message_t *message, bool *log_append);
/* Its headers, owned by the message; NULL = none. */
const rd_kafka_headers_t *eddy_kafka_message_headers(const rd_kafka_message_t *message);
void eddy_kafka_message_destroy(rd_kafka_message_t *message);

#endif
