/* The topics of an application: their names, whether they are there, and making those that are missing.
 *
 * Used by each worker on its own thread before it starts; making a topic that somebody else makes at the same time is fine.
 */
#ifndef EDDY_DAEMON_TOPICS_H
#define EDDY_DAEMON_TOPICS_H

#include <librdkafka/rdkafka.h>

#include "base/logger.h"
#include "codec/output_codec.h"
#include "daemon/config.h"

/* Positions in names[]: the outputs of codec/output_codec.h, then: */
enum { EDDY_TOPIC_DLQ = EDDY_OUTPUT_COUNT, EDDY_TOPIC_COUNT };

struct eddy_topics {
  char *input;
  char *names[EDDY_TOPIC_COUNT];
  int32_t partitions;       /* of the input; 0 = not known yet */
  size_t dead_letter_max;   /* bytes of the largest dead letter that its topic takes */
};

int eddy_topics_init(struct eddy_topics *topics, const struct eddy_config *config); /* 0 or EDDY_E_NOMEM */
void eddy_topics_fini(struct eddy_topics *topics);

enum eddy_topics_result {
  EDDY_TOPICS_READY,
  EDDY_TOPICS_UNREACHABLE, /* no broker answers */
  EDDY_TOPICS_MISSING,     /* `why` names the topic; it may come */
  EDDY_TOPICS_REFUSED,     /* cannot work, `why` says what to do */
};
/* Looks, makes what is missing if `create`, looks again. Blocks for some seconds at most. */
enum eddy_topics_result eddy_topics_check(struct eddy_topics *topics, rd_kafka_t *client, bool create,
                                          const struct eddy_logger *logger, char *why, size_t why_size);

#endif
