#include "daemon/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"

enum { METADATA_TIMEOUT_MS = 2000, RECORD_BYTES_DEFAULT = 1048588, DLQ_MARGIN_BYTES = 65536, CREATED_TRIES = 40 };

static char *join(const char *app, const char *suffix) {
  size_t size = strlen(app) + strlen(suffix) + 2;
  char *name = malloc(size);
  if (name) snprintf(name, size, "%s.%s", app, suffix);
  return name;
}

const char *eddy_topics_suffix(int topic) {
  return topic == EDDY_TOPIC_DLQ ? "dlq" : eddy_output_topic((enum eddy_output)topic);
}

int eddy_topics_init(struct eddy_topics *topics, const struct eddy_config *config) {
  *topics = (struct eddy_topics){.dead_letter_max = RECORD_BYTES_DEFAULT};
  topics->input = strdup(config->kafka.input);
  bool complete = topics->input != NULL;
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    topics->names[i] = join(config->app, eddy_topics_suffix(i));
    complete = complete && topics->names[i];
  }
  return complete ? 0 : EDDY_E_NOMEM;
}

void eddy_topics_fini(struct eddy_topics *topics) {
  free(topics->input);
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) free(topics->names[i]);
  *topics = (struct eddy_topics){0};
}

/* One partition, compacted: the newest record per key is all that counts. */
static bool is_catalogue(int topic) { return topic == EDDY_OUTPUT_MODEL || topic == EDDY_OUTPUT_SEGMENT; }

static int32_t partitions_in(const struct rd_kafka_metadata *metadata, const char *name) {
  for (int i = 0; i < metadata->topic_cnt; i++) {
    if (strcmp(metadata->topics[i].topic, name) == 0) return metadata->topics[i].err ? 0 : metadata->topics[i].partition_cnt;
  }
  return 0;
}

struct eddy_topic_plan eddy_topics_plan(const struct eddy_topics *topics, int topic, int32_t partitions, size_t bytes_max) {
  struct eddy_topic_plan plan = {.partitions = partitions};
  plan.name = topic == EDDY_TOPIC_INPUT ? topics->input : topics->names[topic];
  if (topic == EDDY_TOPIC_INPUT) {
    plan.setting = "message.timestamp.type"; /* the broker's clock bounds the stamps of events */
    snprintf(plan.value, sizeof(plan.value), "LogAppendTime");
  } else if (is_catalogue(topic)) {
    plan.partitions = 1;
    plan.exactly = true;
    plan.setting = "cleanup.policy";
    snprintf(plan.value, sizeof(plan.value), "compact");
  } else if (topic == EDDY_TOPIC_DLQ && bytes_max) {
    plan.setting = "max.message.bytes"; /* a dead letter is a record of the input with headers */
    snprintf(plan.value, sizeof(plan.value), "%zu", bytes_max + DLQ_MARGIN_BYTES);
  }
  return plan;
}

/* All topics are asked for: asking for one by name would make it, where the broker creates topics by itself. */
rd_kafka_resp_err_t eddy_topics_survey(const struct eddy_topics *topics, rd_kafka_t *client, int timeout_ms,
                                       int32_t found[EDDY_TOPIC_ALL]) {
  const struct rd_kafka_metadata *metadata;
  rd_kafka_resp_err_t error = rd_kafka_metadata(client, 1, NULL, &metadata, timeout_ms);
  if (error) return error;
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) found[i] = partitions_in(metadata, topics->names[i]);
  found[EDDY_TOPIC_INPUT] = partitions_in(metadata, topics->input);
  rd_kafka_metadata_destroy(metadata);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int first_missing(const int32_t *found) {
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    if (found[i] == 0) return i;
  }
  return -1;
}

static int create_missing(struct eddy_topics *topics, rd_kafka_t *client, const int32_t *found, const struct eddy_logger *logger,
                          char *why, size_t why_size) {
  struct eddy_topic_plan plans[EDDY_TOPIC_COUNT];
  size_t count = 0, bytes_max = eddy_topic_bytes_max(client, topics->input);
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    if (found[i] == 0) plans[count++] = eddy_topics_plan(topics, i, topics->partitions, bytes_max);
  }
  if (eddy_topic_create(client, plans, count, why, why_size) != 0) return -1;
  eddy_log(logger, EDDY_LOG_INFO, "topics created", "first=%s count=%zu partitions=%d", topics->names[first_missing(found)],
           count, topics->partitions);
  return 0;
}

/* Outputs of input partition p go to partition p: the topics must have as many. */
static enum eddy_topics_result check_sizes(const struct eddy_topics *topics, const int32_t *found, char *why, size_t why_size) {
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    if (is_catalogue(i) || found[i] >= topics->partitions) continue;
    snprintf(why, why_size, "topic %s has %d partitions, but the input %s has %d: raise it to as many", topics->names[i],
             found[i], topics->input, topics->partitions);
    return EDDY_TOPICS_REFUSED;
  }
  return EDDY_TOPICS_READY;
}

/* What was created is known everywhere a moment later. */
static int await_created(const struct eddy_topics *topics, rd_kafka_t *client, int32_t *found) {
  int missing = 0;
  for (int tries = 0; tries < CREATED_TRIES && missing >= 0; tries++) {
    if (tries > 0) eddy_clock_sleep(50);
    rd_kafka_resp_err_t error = eddy_topics_survey(topics, client, METADATA_TIMEOUT_MS, found);
    if (!error) missing = first_missing(found);
  }
  return missing;
}

enum eddy_topics_result eddy_topics_check(struct eddy_topics *topics, rd_kafka_t *client, bool create,
                                          const struct eddy_logger *logger, char *why, size_t why_size) {
  int32_t found[EDDY_TOPIC_ALL];
  rd_kafka_resp_err_t error = eddy_topics_survey(topics, client, METADATA_TIMEOUT_MS, found);
  if (error) {
    snprintf(why, why_size, "%s", rd_kafka_err2str(error));
    return EDDY_TOPICS_UNREACHABLE;
  }
  topics->partitions = found[EDDY_TOPIC_INPUT];
  if (found[EDDY_TOPIC_INPUT] == 0) {
    snprintf(why, why_size, "%s", topics->input);
    return EDDY_TOPICS_MISSING;
  }
  int missing = first_missing(found);
  if (missing >= 0 && create) {
    if (create_missing(topics, client, found, logger, why, why_size) != 0) return EDDY_TOPICS_MISSING;
    missing = await_created(topics, client, found);
  }
  if (missing >= 0) {
    snprintf(why, why_size, "%s", topics->names[missing]);
    return EDDY_TOPICS_MISSING;
  }
  /* Without admin rights (or on librdkafka's mock cluster, which knows none) the default has to do. */
  if (create) topics->dead_letter_max = eddy_topic_bytes_max(client, topics->names[EDDY_TOPIC_DLQ]);
  return check_sizes(topics, found, why, why_size);
}
