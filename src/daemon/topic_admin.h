/* Topics on the broker: making them as planned, and comparing what is there with the plan.
 *
 * Calls block for ADMIN_TIMEOUT_MS (10 s) at most, mostly some ms. Any thread that owns the client.
 */
#ifndef EDDY_DAEMON_TOPIC_ADMIN_H
#define EDDY_DAEMON_TOPIC_ADMIN_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* How a topic should be. Everything else is left to the broker's defaults. */
struct eddy_topic_plan {
  const char *name;
  int32_t partitions;  /* at least */
  bool exactly;        /* not more either */
  const char *setting; /* NULL = none */
  char value[32];      /* of the setting; a size is a lower bound */
};

/* Makes `count` topics, at most 16; that one exists already is fine. 0, or -1 with a sentence. */
int eddy_topic_create(rd_kafka_t *client, const struct eddy_topic_plan *plans, size_t count, char *why, size_t why_size);

/* The value of a topic's setting. False if it cannot be learnt: no such topic, no right to ask, no answer. */
bool eddy_topic_setting(rd_kafka_t *client, const char *topic, const char *setting, char *value, size_t value_size);

/* max.message.bytes of a topic; Kafka's default if it cannot be learnt. */
size_t eddy_topic_bytes_max(rd_kafka_t *client, const char *topic);

enum eddy_topic_difference {
  EDDY_TOPIC_SAME = 0,
  EDDY_TOPIC_PARTITIONS = 1, /* bits */
  EDDY_TOPIC_SETTING = 2,
};
/* Compares a topic of `partitions` with its plan; `text` gets "partitions 4, expected 8; ...". Any bits of the enumeration.
 * A setting that cannot be learnt is not compared. */
int eddy_topic_compare(rd_kafka_t *client, const struct eddy_topic_plan *plan, int32_t partitions, char *text,
                       size_t text_size);

#endif
