/* From the configuration to librdkafka's: the wishes of the module, then the operator's properties under their own names
 * (`consumer.` or `producer.` in front: that client only), then what the protocol needs.
 */
#ifndef EDDY_DAEMON_KAFKA_CONF_H
#define EDDY_DAEMON_KAFKA_CONF_H

#include <librdkafka/rdkafka.h>

#include "daemon/config.h"

enum eddy_kafka_role {
  EDDY_KAFKA_CONSUMER, /* member of the group */
  EDDY_KAFKA_PRODUCER, /* transactional */
  EDDY_KAFKA_READER,   /* reads topics of our own, in no group */
  EDDY_KAFKA_WRITER,   /* idempotent, without transactions: for input that people type */
  EDDY_KAFKA_RESTORER, /* reads much of a topic at once, for source/kafka_reader */
};

/* `worker` = number of the worker in the process, part of its names. NULL with a sentence (file, line, property) in `why`. */
rd_kafka_conf_t *eddy_kafka_conf(const struct eddy_config *config, enum eddy_kafka_role role, uint32_t worker, char *why,
                                 size_t why_size);

/* A number among the settings of a client. */
int64_t eddy_kafka_conf_number(const rd_kafka_conf_t *conf, const char *name, int64_t fallback);

#endif
