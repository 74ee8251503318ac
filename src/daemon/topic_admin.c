#include "daemon/topic_admin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { RECORD_BYTES_DEFAULT = 1048588, PLANS_MAX = 16, ANSWER_MARGIN_MS = 1000 };

static rd_kafka_AdminOptions_t *admin_options(rd_kafka_t *client, rd_kafka_admin_op_t operation, int timeout_ms) {
  char why[64];
  rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, operation);
  rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, why, sizeof(why));
  return options;
}

/* Creation ------------------------------------------------------------------------------------------------------------------*/

static rd_kafka_NewTopic_t *describe(const struct eddy_topic_plan *plan) {
  char why[256];
  rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(plan->name, plan->partitions, -1, why, sizeof(why));
  for (size_t i = 0; made && i < plan->setting_count; i++) {
    rd_kafka_NewTopic_set_config(made, plan->settings[i].name, plan->settings[i].value);
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
  const rd_kafka_topic_result_t **results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
  for (size_t i = 0; i < count; i++) {
    rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    if (!error || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
    const char *reason = rd_kafka_topic_result_error_string(results[i]);
    snprintf(why, why_size, "topic %s could not be created: %s", rd_kafka_topic_result_name(results[i]),
             reason ? reason : rd_kafka_err2str(error));
    return -1;
  }
  return 0;
}

int eddy_topic_create(rd_kafka_t *client, const struct eddy_topic_plan *plans, size_t count, char *why, size_t why_size) {
  rd_kafka_NewTopic_t *made[PLANS_MAX];
  size_t described = 0;
  EDDY_ASSERT(count <= PLANS_MAX);
  for (size_t i = 0; i < count; i++) {
    made[described] = describe(&plans[i]);
    if (made[described]) described++;
  }
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  rd_kafka_AdminOptions_t *options = admin_options(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, EDDY_TOPIC_ADMIN_MS);
  rd_kafka_CreateTopics(client, made, described, options, queue);
  rd_kafka_event_t *event = rd_kafka_queue_poll(queue, EDDY_TOPIC_ADMIN_MS + ANSWER_MARGIN_MS);
  int result = judge_creation(event, why, why_size);
  if (event) rd_kafka_event_destroy(event);
  rd_kafka_AdminOptions_destroy(options);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy_array(made, described);
  return result;
}

/* Settings ------------------------------------------------------------------------------------------------------------------*/

/* Any broker can answer. By itself librdkafka would wait for the controller, and the mock cluster has none: for as long as it
 * may. */
static void choose_broker(rd_kafka_AdminOptions_t *options, rd_kafka_t *client, int timeout_ms) {
  const struct rd_kafka_metadata *metadata;
  char why[64];
  if (rd_kafka_metadata(client, 0, NULL, &metadata, timeout_ms)) return;
  int32_t broker = metadata->orig_broker_id; /* certainly up; -1 if it was asked before its number was known */
  if (broker < 0 && metadata->broker_cnt > 0) broker = metadata->brokers[0].id;
  if (broker >= 0) rd_kafka_AdminOptions_set_broker(options, broker, why, sizeof(why));
  rd_kafka_metadata_destroy(metadata);
}

void eddy_topic_facts_init(struct eddy_topic_facts *facts, rd_kafka_t *client, const char *const *topics, size_t count,
                           int timeout_ms) {
  rd_kafka_ConfigResource_t *resources[PLANS_MAX];
  EDDY_ASSERT(count <= PLANS_MAX);
  for (size_t i = 0; i < count; i++) resources[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i]);
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  rd_kafka_AdminOptions_t *options = admin_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
  choose_broker(options, client, timeout_ms);
  rd_kafka_DescribeConfigs(client, resources, count, options, queue);
  facts->answer = rd_kafka_queue_poll(queue, timeout_ms + ANSWER_MARGIN_MS);
  if (facts->answer && rd_kafka_event_error(facts->answer)) eddy_topic_facts_fini(facts);
  rd_kafka_ConfigResource_destroy_array(resources, count);
  rd_kafka_AdminOptions_destroy(options);
  rd_kafka_queue_destroy(queue);
}

void eddy_topic_facts_fini(struct eddy_topic_facts *facts) {
  if (facts->answer) rd_kafka_event_destroy(facts->answer);
  facts->answer = NULL;
}

static const char *find_setting(const rd_kafka_ConfigResource_t *resource, const char *setting) {
  size_t count;
  const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), setting) == 0) return rd_kafka_ConfigEntry_value(entries[i]);
  }
  return NULL;
}

static const rd_kafka_ConfigResource_t *find_resource(const struct eddy_topic_facts *facts, const char *topic) {
  size_t count;
  const rd_kafka_ConfigResource_t **resources =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(facts->answer), &count);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(rd_kafka_ConfigResource_name(resources[i]), topic) == 0) return resources[i];
  }
  return NULL;
}

const char *eddy_topic_fact(const struct eddy_topic_facts *facts, const char *topic, const char *setting) {
  const rd_kafka_ConfigResource_t *resource = facts->answer ? find_resource(facts, topic) : NULL;
  return resource ? find_setting(resource, setting) : NULL;
}

bool eddy_topic_is_hidden(const struct eddy_topic_facts *facts, const char *topic) {
  const rd_kafka_ConfigResource_t *resource = facts->answer ? find_resource(facts, topic) : NULL;
  return resource && rd_kafka_ConfigResource_error(resource) == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
}

size_t eddy_topic_bytes_max(const struct eddy_topic_facts *facts, const char *topic) {
  const char *value = eddy_topic_fact(facts, topic, "max.message.bytes");
  size_t bytes = value ? strtoul(value, NULL, 10) : 0;
  return bytes ? bytes : RECORD_BYTES_DEFAULT;
}

/* Comparison ----------------------------------------------------------------------------------------------------------------*/

static const char *const senses[] = {"", "at least ", "at most "};

static bool serves(enum eddy_topic_sense sense, const char *found, const char *expected) {
  switch (sense) {
    case EDDY_TOPIC_AT_LEAST:
      return strtod(found, NULL) >= strtod(expected, NULL);
    case EDDY_TOPIC_AT_MOST:
      return strtod(found, NULL) <= strtod(expected, NULL);
    case EDDY_TOPIC_EXACTLY:
      break;
  }
  return strcmp(found, expected) == 0;
}

/* Appends one difference as far as there is room. */
__attribute__((format(printf, 3, 4))) static void add(char *text, size_t text_size, const char *format, ...) {
  size_t used = strlen(text);
  va_list arguments;
  if (used > 0) used += (size_t)snprintf(text + used, text_size - used, "; ");
  if (used >= text_size) return;
  va_start(arguments, format);
  vsnprintf(text + used, text_size - used, format, arguments);
  va_end(arguments);
}

static int compare_partitions(const struct eddy_topic_plan *plan, int32_t partitions, char *text, size_t text_size) {
  bool fewer = partitions < plan->partitions, more = plan->exactly && partitions > plan->partitions;
  if (!fewer && !more) return EDDY_TOPIC_SAME;
  add(text, text_size, "partitions %d, expected %d", partitions, plan->partitions);
  return EDDY_TOPIC_PARTITIONS | (fewer || plan->more_refused ? EDDY_TOPIC_REFUSED : 0);
}

static int compare_setting(const char *found, const struct eddy_topic_setting *setting, char *text, size_t text_size) {
  if (!found || serves(setting->sense, found, setting->value)) return EDDY_TOPIC_SAME;
  add(text, text_size, "%s %s, expected %s%s", setting->name, found, senses[setting->sense], setting->value);
  bool refused = setting->limit[0] && !serves(setting->sense, found, setting->limit);
  return EDDY_TOPIC_SETTING | (refused ? EDDY_TOPIC_REFUSED : 0);
}

int eddy_topic_compare(const struct eddy_topic_facts *facts, const struct eddy_topic_plan *plan, int32_t partitions, char *text,
                       size_t text_size) {
  text[0] = '\0';
  int differences = compare_partitions(plan, partitions, text, text_size);
  for (size_t i = 0; i < plan->setting_count; i++) {
    const struct eddy_topic_setting *setting = &plan->settings[i];
    differences |= compare_setting(eddy_topic_fact(facts, plan->name, setting->name), setting, text, text_size);
  }
  return differences;
}
