/* What a dead letter says about itself, and the record that it once was: the way back of daemon/dead_letter.h. Anybody may have
 * written to the topic: nothing is taken for granted. Views into the message. One thread.
 */
#ifndef EDDY_DAEMON_DEAD_LETTER_READ_H
#define EDDY_DAEMON_DEAD_LETTER_READ_H

#include <librdkafka/rdkafka.h>

#include "eddy/types.h"

struct eddy_dead_letter {
  struct eddy_str code, message;            /* absent if the header is missing */
  struct eddy_str topic, partition, offset; /* where the record was, as text */
  struct eddy_str cut_size;                 /* bytes that the value had; absent = it is whole */
  bool key_cut, headers_dropped;
};

/* `headers` may be NULL. */
void eddy_dead_letter_read(const rd_kafka_headers_t *headers, struct eddy_dead_letter *letter);

/* NULL if the letter holds all that the record held, else why it cannot become that record again. */
const char *eddy_dead_letter_flaw(const struct eddy_dead_letter *letter);

/* The record's own headers, without those that eddy added, and x-eddy-retry-of: topic/partition/offset of the record. NULL if
 * memory is short. */
rd_kafka_headers_t *eddy_dead_letter_retry_headers(const rd_kafka_headers_t *headers, const struct eddy_dead_letter *letter);

#endif
