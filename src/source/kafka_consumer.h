/* What every Kafka consumer of ours has in common, whatever it reads: the member of the group, and readers without a group.
 */
#ifndef EDDY_SOURCE_KAFKA_CONSUMER_H
#define EDDY_SOURCE_KAFKA_CONSUMER_H

#include <librdkafka/rdkafka.h>
#include <stddef.h>

/* One wish: a name that this version of librdkafka does not know is left out. */
void eddy_kafka_consumer_wish(rd_kafka_conf_t *conf, const char *name, const char *value);

/* What suits all of them; set before the operator's properties. */
void eddy_kafka_consumer_prefer(rd_kafka_conf_t *conf);

/* What reading rests on: set after the operator's properties, since it is not theirs to change. `offset_reset` says what
 * happens to an offset that is not there any more ("error" or "earliest"). 0, or -1 with a sentence in `why`. */
int eddy_kafka_consumer_require(rd_kafka_conf_t *conf, const char *offset_reset, char *why, size_t why_size);

#endif
