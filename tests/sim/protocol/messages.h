/* Messages as librdkafka would hand them out, made from entries of the model's logs. Destroy with eddy_kafka_message_destroy().
 */
#ifndef EDDY_SIM_PROTOCOL_MESSAGES_H
#define EDDY_SIM_PROTOCOL_MESSAGES_H

#include <librdkafka/rdkafka.h>

#include "sim/protocol/kafka.h"

rd_kafka_message_t *message_of(const struct kafka_entry *entry, int partition, int64_t offset);
/* PARTITION_EOF or another error of a partition. */
rd_kafka_message_t *message_error(rd_kafka_resp_err_t error, int partition, int64_t offset);

#endif
