#include "source/kafka_message.h"

#include "eddy/types.h"

int64_t eddy_kafka_message_time(const rd_kafka_message_t *message, bool *log_append) {
  rd_kafka_timestamp_type_t kind;
  int64_t time = rd_kafka_message_timestamp(message, &kind);
  *log_append = kind == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
  return kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || time < 0 ? EDDY_TIME_NONE : time;
}

const rd_kafka_headers_t *eddy_kafka_message_headers(const rd_kafka_message_t *message) {
  rd_kafka_headers_t *headers = NULL;
  return rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR ? headers : NULL;
}

void eddy_kafka_message_destroy(rd_kafka_message_t *message) {
  rd_kafka_message_destroy(message);
}
