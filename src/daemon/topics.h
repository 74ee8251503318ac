/* The topics of an application: their names, how each should be (one table, for `eddy run` and for people), whether they are
 * there, and making those that are missing.
 *
 * Used by each worker on its own thread before it starts; making a topic that somebody else makes at the same time is fine.
 */
#ifndef EDDY_DAEMON_TOPICS_H
#define EDDY_DAEMON_TOPICS_H

#include <librdkafka/rdkafka.h>

#include "base/logger.h"
#include "codec/output_codec.h"
#include "daemon/config.h"
#include "daemon/topic_admin.h"

/* Positions in names[]: the outputs of codec/output_codec.h, the dead letters, the state. The input is no output, but is
 * planned and counted like one. */
enum {
  EDDY_TOPIC_DLQ = EDDY_OUTPUT_COUNT,
  EDDY_TOPIC_PROFILES,
  EDDY_TOPIC_COUNT,
  EDDY_TOPIC_INPUT = EDDY_TOPIC_COUNT,
  EDDY_TOPIC_ALL
};

struct eddy_topics {
  char *input;
  char *names[EDDY_TOPIC_COUNT];
  int32_t partitions;     /* of the input; 0 = not known yet */
  size_t dead_letter_max; /* bytes of the largest dead letter that its topic takes */
};

int eddy_topics_init(struct eddy_topics *topics, const struct eddy_config *config); /* 0 or EDDY_E_NOMEM */
void eddy_topics_fini(struct eddy_topics *topics);

/* "triggers", ..., "dlq", "profiles": what stands behind the application's name. */
const char *eddy_topics_suffix(int topic);
/* How a topic should be beside an input of `partitions` that takes records of `bytes_max` (0 = not known). Valid as long as
 * `topics`. */
struct eddy_topic_plan eddy_topics_plan(const struct eddy_topics *topics, int topic, int32_t partitions, size_t bytes_max);
/* Asks for the settings of all topics, those that are there and those that are not. */
void eddy_topics_ask(const struct eddy_topics *topics, rd_kafka_t *client, int timeout_ms, struct eddy_topic_facts *facts);
/* What to do about differences (bits of eddy_topic_compare()) of a topic from its plan. */
const char *eddy_topics_advice(int topic, int differences);
/* Partitions of a topic in what a broker has told, 0 = missing. */
int32_t eddy_topics_partitions(const struct rd_kafka_metadata *metadata, const char *name);
/* Partitions of each topic, 0 = missing. Asks the broker for all it has, which creates none. */
rd_kafka_resp_err_t eddy_topics_survey(const struct eddy_topics *topics, rd_kafka_t *client, int timeout_ms,
                                       int32_t found[EDDY_TOPIC_ALL]);

enum eddy_topics_result {
  EDDY_TOPICS_READY,
  EDDY_TOPICS_UNREACHABLE, /* no broker answers */
  EDDY_TOPICS_MISSING,     /* `why` names the topic and says what to do; it may come */
  EDDY_TOPICS_REFUSED,     /* cannot work, `why` says what to do */
};
/* Looks, makes what is missing if `create`, looks again. When all are there: asks once for the settings that the state rests
 * on, refuses those that would lose it, warns of others. Where settings cannot be asked they are taken to be right. Blocks for
 * some seconds at most. */
enum eddy_topics_result eddy_topics_check(struct eddy_topics *topics, rd_kafka_t *client, bool create,
                                          const struct eddy_logger *logger, char *why, size_t why_size);

#endif
