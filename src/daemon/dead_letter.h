/* A record that is no valid event becomes a dead letter: topic `<app>.dlq`, same partition, key, value and headers as they
 * came, plus headers that say why. Larger than its topic takes: the value is cut, and its size and SHA-256 stand in headers.
 */
#ifndef EDDY_DAEMON_DEAD_LETTER_H
#define EDDY_DAEMON_DEAD_LETTER_H

#include "daemon/outbox.h"
#include "daemon/topics.h"

/* `error` = a code of codec/event_error.h. 0 or EDDY_E_NOMEM. */
int eddy_dead_letter_add(struct eddy_outbox *outbox, const struct eddy_topics *topics, const rd_kafka_message_t *message,
                         int error);

#endif
