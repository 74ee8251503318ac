#include "daemon/topic_admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { ADMIN_TIMEOUT_MS = 10000, RECORD_BYTES_DEFAULT = 1048588, PLANS_MAX = 16 };

static rd_kafka_event_t *await(rd_kafka_queue_t *queue) {
  return rd_kafka_queue_poll(queue, ADMIN_TIMEOUT_MS + 1000);
}

static rd_kafka_AdminOptions_t *admin_options(rd_kafka_t *client, rd_kafka_admin_op_t operation) {
  char why[64];
  rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, operation);
  rd_kafka_AdminOptions_set_request_timeout(options, ADMIN_TIMEOUT_MS, why, sizeof(why));
  return options;
}

/* Creation ------------------------------------------------------------------------------------------------------------------*/

static rd_kafka_NewTopic_t *describe(const struct eddy_topic_plan *plan) {
  char why[256];
  rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(plan->name, plan->partitions, -1, why, sizeof(why));
  if (made && plan->setting) rd_kafka_NewTopic_set_config(made, plan->setting, plan->value);
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
  rd_kafka_AdminOptions_t *options = admin_options(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  rd_kafka_CreateTopics(client, made, described, options, queue);
  rd_kafka_event_t *event = await(queue);
  int result = judge_creation(event, why, why_size);
  if (event) rd_kafka_event_destroy(event);
  rd_kafka_AdminOptions_destroy(options);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy_array(made, described);
  return result;
}

/* Settings ------------------------------------------------------------------------------------------------------------------*/

static bool find_setting(const rd_kafka_ConfigResource_t *resource, const char *setting, char *value, size_t value_size) {
  size_t count;
  const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
  for (size_t i = 0; i < count; i++) {
    const char *found = rd_kafka_ConfigEntry_value(entries[i]);
    if (!found || strcmp(rd_kafka_ConfigEntry_name(entries[i]), setting) != 0) continue;
    snprintf(value, value_size, "%s", found);
    return true;
  }
  return false;
}

bool eddy_topic_setting(rd_kafka_t *client, const char *topic, const char *setting, char *value, size_t value_size) {
  rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
  rd_kafka_AdminOptions_t *options = admin_options(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
  rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
  rd_kafka_DescribeConfigs(client, &resource, 1, options, queue);
  rd_kafka_event_t *event = await(queue);
  bool known = false;
  if (event && !rd_kafka_event_error(event)) {
    size_t count;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
    known = count == 1 && find_setting(resources[0], setting, value, value_size);
  }
  if (event) rd_kafka_event_destroy(event);
  rd_kafka_ConfigResource_destroy(resource);
  rd_kafka_AdminOptions_destroy(options);
  rd_kafka_queue_destroy(queue);
  return known;
}

size_t eddy_topic_bytes_max(rd_kafka_t *client, const char *topic) {
  char value[32];
  size_t bytes = eddy_topic_setting(client, topic, "max.message.bytes", value, sizeof(value)) ? strtoul(value, NULL, 10) : 0;
  return bytes ? bytes : RECORD_BYTES_DEFAULT;
}

/* Comparison ----------------------------------------------------------------------------------------------------------------*/

static bool serves(const char *found, const char *expected) {
  char *end;
  unsigned long long least = strtoull(expected, &end, 10);
  bool is_size = end != expected && *end == '\0';
  return is_size ? strtoull(found, NULL, 10) >= least : strcmp(found, expected) == 0;
}

int eddy_topic_compare(rd_kafka_t *client, const struct eddy_topic_plan *plan, int32_t partitions, char *text,
                       size_t text_size) {
  int differences = EDDY_TOPIC_SAME, used = 0;
  char value[64];
  text[0] = '\0';
  if (partitions < plan->partitions || (plan->exactly && partitions != plan->partitions)) {
    used = snprintf(text, text_size, "partitions %d, expected %d", partitions, plan->partitions);
    differences |= EDDY_TOPIC_PARTITIONS;
  }
  if (plan->setting && (size_t)used < text_size &&
      eddy_topic_setting(client, plan->name, plan->setting, value, sizeof(value)) && !serves(value, plan->value)) {
    snprintf(text + used, text_size - (size_t)used, "%s%s %s, expected %s", used ? "; " : "", plan->setting, value,
             plan->value);
    differences |= EDDY_TOPIC_SETTING;
  }
  return differences;
}
