/* A member's view of its group, as the worker hands it from the consumer to the producer. */
#ifndef EDDY_SIM_PROTOCOL_GROUP_H
#define EDDY_SIM_PROTOCOL_GROUP_H

#include <librdkafka/rdkafka.h>

#include "sim/protocol/kafka.h"

struct sim;

enum kafka_verdict group_judge(int process, const struct sim *sim, const rd_kafka_consumer_group_metadata_t *group);

#endif
