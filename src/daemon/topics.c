#include "daemon/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"

enum { METADATA_TIMEOUT_MS = 2000, ADMIN_TIMEOUT_MS = 10000, RECORD_BYTES_DEFAULT = 1048588, DLQ_MARGIN_BYTES = 65536,
      CREATED_TRIES = 40 };

static char *join(const char *app, const char *suffix) {
  size_t size = strlen(app) + strlen(suffix) + 2;
  char *name = malloc(size);
  if (name) snprintf(name, size, "%s.%s", app, suffix);
  return name;
}

int eddy_topics_init(struct eddy_topics *topics, const struct eddy_config *config) {
  *topics = (struct eddy_topics){.dead_letter_max = RECORD_BYTES_DEFAULT};
  topics->input = strdup(config->kafka.input);
  bool complete = topics->input != NULL;
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    topics->names[i] = join(config->app, i == EDDY_TOPIC_DLQ ? "dlq" : eddy_output_topic((enum eddy_output)i));
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

struct survey {
  int32_t input;
  int32_t outputs[EDDY_TOPIC_COUNT];
};

/* All topics are asked for: asking for one by name would make it, where the broker creates topics by itself. */
static rd_kafka_resp_err_t survey(const struct eddy_topics *topics, rd_kafka_t *client, struct survey *found) {
  const struct rd_kafka_metadata *metadata;
  rd_kafka_resp_err_t error = rd_kafka_metadata(client, 1, NULL, &metadata, METADATA_TIMEOUT_MS);
  if (error) return error;
  found->input = partitions_in(metadata, topics->input);
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) found->outputs[i] = partitions_in(metadata, topics->names[i]);
  rd_kafka_metadata_destroy(metadata);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_event_t *await(rd_kafka_queue_t *queue) { return rd_kafka_queue_poll(queue, ADMIN_TIMEOUT_MS + 1000); }

static rd_kafka_AdminOptions_t *admin_options(rd_kafka_t *client, rd_kafka_admin_op_t operation) {
  char why[64];
  rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, operation);
  rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_TIMEOUT_MS, why, sizeof(why));
  return options;
}

static size_t bytes_max_of(const rd_kafka_ConfigResource_t *resource) {
  size_t count;
  const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
  for (size_t i = 0; i < count; i++) {
    const char *value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value && strcmp(rd_kafka_ConfigEntry_name(entries[i]), "max.message.bytes") == 0) return strtoul(value, NULL, 10);
  }
  return 0;
}

/* max.message.bytes of a topic; the broker's default if it cannot be learnt. */
static size_t topic_bytes_max(rd_kafka_t *client, const char *topic) {
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  rd_kafka_AdminOptions_t *options = admin_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
  rd_kafka_DescribeConfigs(client, &resource, 1, options, queue);
  rd_kafka_event_t *event = await(queue);
  size_t bytes = 0;
  if (event && !rd_kafka_event_error(event)) {
    size_t count;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
    if (count == 1) bytes = bytes_max_of(resources[0]);
  }
  if (event) rd_kafka_event_destroy(event);
  rd_kafka_ConfigResource_destroy(resource);
  rd_kafka_AdminOptions_destroy(options);
  rd_kafka_queue_destroy(queue);
  return bytes ? bytes : RECORD_BYTES_DEFAULT;
}

static rd_kafka_NewTopic_t *describe(const struct eddy_topics *topics, int topic, size_t dlq_bytes) {
  char why[256], bytes[32];
  rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topics->names[topic], is_catalogue(topic) ? 1 : topics->partitions, -1, why,
                                                    sizeof(why));
  if (!made) return NULL;
  if (is_catalogue(topic)) rd_kafka_NewTopic_set_config(made, "cleanup.policy", "compact");
  if (topic == EDDY_TOPIC_DLQ) {
    snprintf(bytes, sizeof(bytes), "%zu", dlq_bytes);
    rd_kafka_NewTopic_set_config(made, "max.message.bytes", bytes);
  }
  return made;
}

/* 0, or -1 with a sentence. That a topic exists already is fine. */
static int judge_creation(rd_kafka_event_t *event, char *why, size_t why_size) {
  if (!event || rd_kafka_event_error(event)) {
    snprintf(why, why_size, "topics could not be created: %s", event ? rd_kafka_event_error_string(event) : "no answer");
    return -1;
  }
  size_t count;
  const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event),
                                                                                &count);
  for (size_t i = 0; i < count; i++) {
    rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    if (!error || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
    snprintf(why, why_size, "topic %s could not be created: %s", rd_kafka_topic_result_name(results[i]),
             rd_kafka_topic_result_error_string(results[i]) ? rd_kafka_topic_result_error_string(results[i])
                                                            : rd_kafka_err2str(error));
    return -1;
  }
  return 0;
}

static int first_missing(const struct survey *found) {
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    if (found->outputs[i] == 0) return i;
  }
  return -1;
}

static int create_missing(struct eddy_topics *topics, rd_kafka_t *client, const struct survey *found,
                          const struct eddy_logger *logger, char *why, size_t why_size) {
  rd_kafka_NewTopic_t *made[EDDY_TOPIC_COUNT];
  size_t count = 0, dlq_bytes = topic_bytes_max(client, topics->input) + DLQ_MARGIN_BYTES;
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    if (found->outputs[i] > 0) continue;
    made[count] = describe(topics, i, dlq_bytes);
    if (made[count]) count++;
  }
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  rd_kafka_AdminOptions_t *options = admin_options(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_CreateTopics(client, made, count, options, queue);
  rd_kafka_event_t *event = await(queue);
  int result = judge_creation(event, why, why_size);
  if (result == 0) {
    eddy_log(logger, EDDY_LOG_INFO, "topics created", "first=%s count=%zu partitions=%d", topics->names[first_missing(found)],
             count,
             topics->partitions);
  }
  if (event) rd_kafka_event_destroy(event);
  rd_kafka_AdminOptions_destroy(options);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy_array(made, count);
  return result;
}

/* Outputs of input partition p go to partition p: the topics must have as many. */
static enum eddy_topics_result check_sizes(const struct eddy_topics *topics, const struct survey *found, char *why,
                                           size_t why_size) {
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    if (is_catalogue(i) || found->outputs[i] >= topics->partitions) continue;
    snprintf(why, why_size, "topic %s has %d partitions, but the input %s has %d: raise it to as many", topics->names[i],
             found->outputs[i], topics->input, topics->partitions);
    return EDDY_TOPICS_REFUSED;
  }
  return EDDY_TOPICS_READY;
}

/* What was created is known everywhere a moment later. */
static int await_created(const struct eddy_topics *topics, rd_kafka_t *client, struct survey *found) {
  int missing = 0;
  for (int tries = 0; tries < CREATED_TRIES && missing >= 0; tries++) {
    if (tries > 0) eddy_clock_sleep(50);
    if (survey(topics, client, found) == RD_KAFKA_RESP_ERR_NO_ERROR) missing = first_missing(found);
  }
  return missing;
}

enum eddy_topics_result eddy_topics_check(struct eddy_topics *topics, rd_kafka_t *client, bool create,
                                          const struct eddy_logger *logger, char *why, size_t why_size) {
  struct survey found;
  rd_kafka_resp_err_t error = survey(topics, client, &found);
  if (error) {
    snprintf(why, why_size, "%s", rd_kafka_err2str(error));
    return EDDY_TOPICS_UNREACHABLE;
  }
  topics->partitions = found.input;
  if (found.input == 0) {
    snprintf(why, why_size, "%s", topics->input);
    return EDDY_TOPICS_MISSING;
  }
  int missing = first_missing(&found);
  if (missing >= 0 && create) {
    if (create_missing(topics, client, &found, logger, why, why_size) != 0) return EDDY_TOPICS_MISSING;
    missing = await_created(topics, client, &found);
  }
  if (missing >= 0) {
    snprintf(why, why_size, "%s", topics->names[missing]);
    return EDDY_TOPICS_MISSING;
  }
  /* Without admin rights (or on librdkafka's mock cluster, which knows none) the default has to do. */
  if (create) topics->dead_letter_max = topic_bytes_max(client, topics->names[EDDY_TOPIC_DLQ]);
  return check_sizes(topics, &found, why, why_size);
}
