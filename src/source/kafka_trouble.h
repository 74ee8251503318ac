/* What librdkafka says of connections that do not come about, for people. Any thread. */
#ifndef EDDY_SOURCE_KAFKA_TROUBLE_H
#define EDDY_SOURCE_KAFKA_TROUBLE_H

#include <stddef.h>

/* The reason that an error callback gets, without the tail about how long and how often. */
void eddy_kafka_trouble_copy(char *text, size_t size, const char *reason);
/* What to do about it; never NULL. */
const char *eddy_kafka_trouble_advice(const char *reason);

#endif
