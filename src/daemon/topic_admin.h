/* Topics on the broker: making them as planned, and comparing what is there with the plan.
 *
 * Calls block for their timeout at most (creation: 10 s), mostly some ms. Any thread that owns the client.
 */
#ifndef EDDY_DAEMON_TOPIC_ADMIN_H
#define EDDY_DAEMON_TOPIC_ADMIN_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

enum { EDDY_TOPIC_SETTINGS_MAX = 8, EDDY_TOPIC_ADMIN_MS = 10000 };

/* How found values may differ from the planned one. */
enum eddy_topic_sense { EDDY_TOPIC_EXACTLY, EDDY_TOPIC_AT_LEAST, EDDY_TOPIC_AT_MOST };

struct eddy_topic_setting {
  const char *name;
  enum eddy_topic_sense sense;
  char value[24];
  char limit[24]; /* beyond this one, in the same sense, eddy refuses to start; "" = never */
};

/* How a topic should be. Everything else is left to the broker's defaults. */
struct eddy_topic_plan {
  const char *name;
  int32_t partitions; /* with fewer eddy refuses to start */
  bool exactly;       /* more is a difference, too ... */
  bool more_refused;  /* ... and as bad */
  struct eddy_topic_setting settings[EDDY_TOPIC_SETTINGS_MAX];
  size_t setting_count;
};

/* Makes `count` topics, at most 16; that one exists already is fine. 0, or -1 with a sentence. */
int eddy_topic_create(rd_kafka_t *client, const struct eddy_topic_plan *plans, size_t count, char *why, size_t why_size);

/* What a broker tells about the settings of topics: in one answer, that may know nothing (no right to ask, no such topic, too
 * late). librdkafka's mock cluster, which knows no admin, says so at once. */
struct eddy_topic_facts {
  rd_kafka_event_t *answer;
};
void eddy_topic_facts_init(struct eddy_topic_facts *facts, rd_kafka_t *client, const char *const *topics, size_t count,
                           int timeout_ms);
void eddy_topic_facts_fini(struct eddy_topic_facts *facts);
/* NULL if it is not known. Valid as long as `facts`. */
const char *eddy_topic_fact(const struct eddy_topic_facts *facts, const char *topic, const char *setting);
/* The broker did not tell about it for want of rights: a topic that is in no list may be there all the same. */
bool eddy_topic_is_hidden(const struct eddy_topic_facts *facts, const char *topic);
/* max.message.bytes of a topic; Kafka's default if it is not known. */
size_t eddy_topic_bytes_max(const struct eddy_topic_facts *facts, const char *topic);

enum eddy_topic_difference {
  EDDY_TOPIC_SAME = 0,
  EDDY_TOPIC_PARTITIONS = 1, /* bits */
  EDDY_TOPIC_SETTING = 2,
  EDDY_TOPIC_REFUSED = 4, /* eddy cannot work like that */
};
/* Compares a topic of `partitions` with its plan; `text` gets "partitions 4, expected 8; ...". Any bits of the enumeration.
 * A setting that is not known is not compared. */
int eddy_topic_compare(const struct eddy_topic_facts *facts, const struct eddy_topic_plan *plan, int32_t partitions, char *text,
                       size_t text_size);

#endif
