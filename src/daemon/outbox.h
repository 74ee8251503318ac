/* Outputs on their way into Kafka. Each stays here, at a fixed address, until the commit that contains it is known to have
 * succeeded: after an abort the same records are produced again (DURABILITY rule 17).
 *
 * Records keep their order. Memory comes in chunks that are reused; adding costs one copy. One thread.
 */
#ifndef EDDY_DAEMON_OUTBOX_H
#define EDDY_DAEMON_OUTBOX_H

#include "sink/kafka_sink.h"

struct eddy_outbox_chunk;

struct eddy_outbox_record {
  struct eddy_kafka_record record;
  rd_kafka_headers_t *headers; /* owned */
  int32_t origin;              /* input partition that it came from */
};

struct eddy_outbox {
  struct eddy_outbox_record *records;
  size_t count, capacity;
  size_t produced;             /* records[0..produced) are part of the open transaction */
  size_t bytes;
  struct eddy_outbox_chunk *full, *spare; /* the head of `full` is being filled */
};

void eddy_outbox_init(struct eddy_outbox *outbox);
void eddy_outbox_fini(struct eddy_outbox *outbox);
/* Copies key and value, takes over the headers (also on failure). 0 or EDDY_E_NOMEM. */
int eddy_outbox_add(struct eddy_outbox *outbox, const struct eddy_kafka_record *record, rd_kafka_headers_t *headers,
                    int32_t origin);
/* The transaction was aborted: nothing has been produced. */
void eddy_outbox_rewind(struct eddy_outbox *outbox);
/* Forgets the records of one input partition; only while nothing is produced. */
void eddy_outbox_drop(struct eddy_outbox *outbox, int32_t origin);
/* Everything was committed. Keeps memory for the next interval. */
void eddy_outbox_clear(struct eddy_outbox *outbox);

#endif
