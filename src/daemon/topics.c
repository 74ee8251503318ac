#include "daemon/topics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/clock.h"

enum {
  METADATA_TIMEOUT_MS = 2000,
  SETTINGS_TIMEOUT_MS = 5000,
  RECORD_BYTES_DEFAULT = 1048588,
  DLQ_MARGIN_BYTES = 65536,
  CREATED_TRIES = 40
};

/* What bounds the time of a restore, and what keeps the state. A profile may take 73 KiB, an aggregate 200 KiB. */
static const struct eddy_topic_setting profiles_settings[] = {
    {"cleanup.policy", EDDY_TOPIC_EXACTLY, "compact", "compact"},
    {"segment.bytes", EDDY_TOPIC_AT_MOST, "67108864", ""},
    {"segment.ms", EDDY_TOPIC_AT_MOST, "600000", ""},
    {"min.cleanable.dirty.ratio", EDDY_TOPIC_AT_MOST, "0.2", ""},
    {"delete.retention.ms", EDDY_TOPIC_AT_LEAST, "86400000", ""},
    {"max.message.bytes", EDDY_TOPIC_AT_LEAST, "1048576", "524288"},
};
/* The broker's clock bounds the stamps of events; a compacted input lacks events when they have to be read again. */
static const struct eddy_topic_setting input_settings[] = {
    {"message.timestamp.type", EDDY_TOPIC_EXACTLY, "LogAppendTime", ""},
    {"cleanup.policy", EDDY_TOPIC_EXACTLY, "delete", "delete"},
};
static const struct eddy_topic_setting catalogue_settings[] = {{"cleanup.policy", EDDY_TOPIC_EXACTLY, "compact", ""}};

static char *join(const char *app, const char *suffix) {
  size_t size = strlen(app) + strlen(suffix) + 2;
  char *name = malloc(size);
  if (name) snprintf(name, size, "%s.%s", app, suffix);
  return name;
}

const char *eddy_topics_suffix(int topic) {
  if (topic == EDDY_TOPIC_PROFILES) return "profiles";
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
static bool is_catalogue(int topic) {
  return topic == EDDY_OUTPUT_MODEL || topic == EDDY_OUTPUT_SEGMENT;
}

int32_t eddy_topics_partitions(const struct rd_kafka_metadata *metadata, const char *name) {
  for (int i = 0; i < metadata->topic_cnt; i++) {
    if (strcmp(metadata->topics[i].topic, name) == 0) return metadata->topics[i].err ? 0 : metadata->topics[i].partition_cnt;
  }
  return 0;
}

static void add_settings(struct eddy_topic_plan *plan, const struct eddy_topic_setting *settings, size_t count) {
  memcpy(plan->settings, settings, count * sizeof(*settings));
  plan->setting_count = count;
}
#define ADD_SETTINGS(plan, settings) add_settings(plan, settings, sizeof(settings) / sizeof(*(settings)))

struct eddy_topic_plan eddy_topics_plan(const struct eddy_topics *topics, int topic, int32_t partitions, size_t bytes_max) {
  struct eddy_topic_plan plan = {.partitions = partitions};
  plan.name = topic == EDDY_TOPIC_INPUT ? topics->input : topics->names[topic];
  if (topic == EDDY_TOPIC_INPUT) {
    ADD_SETTINGS(&plan, input_settings);
  } else if (topic == EDDY_TOPIC_PROFILES) { /* a user's state is where its events are: no other number will do */
    plan.exactly = true;
    plan.more_refused = true;
    ADD_SETTINGS(&plan, profiles_settings);
  } else if (is_catalogue(topic)) {
    plan.partitions = 1;
    plan.exactly = true;
    ADD_SETTINGS(&plan, catalogue_settings);
  } else if (topic == EDDY_TOPIC_DLQ && bytes_max) { /* a dead letter is a record of the input with headers */
    struct eddy_topic_setting *setting = &plan.settings[plan.setting_count++];
    *setting = (struct eddy_topic_setting){.name = "max.message.bytes", .sense = EDDY_TOPIC_AT_LEAST};
    snprintf(setting->value, sizeof(setting->value), "%zu", bytes_max + DLQ_MARGIN_BYTES);
  }
  return plan;
}

const char *eddy_topics_advice(int topic, int differences) {
  bool partitions = differences & EDDY_TOPIC_PARTITIONS, refused = differences & EDDY_TOPIC_REFUSED;
  if (topic == EDDY_TOPIC_PROFILES) {
    if (partitions)
      return "state cannot follow users to other partitions: give both topics the same number, or begin anew as another app";
    if (refused) return "state in it would get lost: change it with kafka-configs.sh --alter --add-config";
    return "restoring takes longer: change it with kafka-configs.sh --alter --add-config";
  }
  if (topic == EDDY_TOPIC_INPUT && partitions)
    return "once there is state, another number means another app: src/deploy/README.md, Partitions";
  if (topic == EDDY_TOPIC_INPUT && refused)
    return "events that must be read again after a crash may be gone: take a topic that is not compacted";
  if (partitions && is_catalogue(topic)) return "only partition 0 is used: make it anew with one";
  if (partitions) return "raise its number of partitions to that";
  return "change it with kafka-configs.sh --alter --add-config";
}

void eddy_topics_ask(const struct eddy_topics *topics, rd_kafka_t *client, int timeout_ms, struct eddy_topic_facts *facts) {
  const char *names[EDDY_TOPIC_ALL];
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) names[i] = topics->names[i];
  names[EDDY_TOPIC_INPUT] = topics->input;
  eddy_topic_facts_init(facts, client, names, EDDY_TOPIC_ALL, timeout_ms);
}

/* All topics are asked for: asking for one by name would make it, where the broker creates topics by itself. */
rd_kafka_resp_err_t eddy_topics_survey(const struct eddy_topics *topics, rd_kafka_t *client, int timeout_ms,
                                       int32_t found[EDDY_TOPIC_ALL]) {
  const struct rd_kafka_metadata *metadata;
  rd_kafka_resp_err_t error = rd_kafka_metadata(client, 1, NULL, &metadata, timeout_ms);
  if (error) return error;
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) found[i] = eddy_topics_partitions(metadata, topics->names[i]);
  found[EDDY_TOPIC_INPUT] = eddy_topics_partitions(metadata, topics->input);
  rd_kafka_metadata_destroy(metadata);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int first_missing(const int32_t *found) {
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    if (found[i] == 0) return i;
  }
  return -1;
}

static int create_missing(struct eddy_topics *topics, rd_kafka_t *client, const int32_t *found,
                          const struct eddy_logger *logger, char *why, size_t why_size) {
  struct eddy_topic_plan plans[EDDY_TOPIC_COUNT];
  struct eddy_topic_facts facts;
  eddy_topics_ask(topics, client, SETTINGS_TIMEOUT_MS, &facts);
  size_t count = 0, bytes_max = eddy_topic_bytes_max(&facts, topics->input);
  eddy_topic_facts_fini(&facts);
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) {
    if (found[i] == 0) plans[count++] = eddy_topics_plan(topics, i, topics->partitions, bytes_max);
  }
  if (eddy_topic_create(client, plans, count, why, why_size) != 0) return -1;
  eddy_log(logger, EDDY_LOG_INFO, "topics created", "first=%s count=%zu partitions=%d", topics->names[first_missing(found)],
           count, topics->partitions);
  return 0;
}

/* Outputs of input partition p go to partition p, so all topics must have as many; settings as far as `facts` knows them. */
static enum eddy_topics_result judge(const struct eddy_topics *topics, const struct eddy_topic_facts *facts,
                                     const int32_t *found, const struct eddy_logger *logger, char *why, size_t why_size) {
  char text[512];
  for (int i = 0; i < EDDY_TOPIC_ALL; i++) {
    struct eddy_topic_plan plan = eddy_topics_plan(topics, i, topics->partitions, 0);
    int differences = eddy_topic_compare(facts, &plan, found[i], text, sizeof(text));
    const char *advice = eddy_topics_advice(i, differences);
    if (differences & EDDY_TOPIC_REFUSED) {
      snprintf(why, why_size, "topic %s: %s; %s", plan.name, text, advice);
      return EDDY_TOPICS_REFUSED;
    }
    if (i != EDDY_TOPIC_PROFILES || differences == EDDY_TOPIC_SAME) continue;
    eddy_log(logger, EDDY_LOG_WARN, "topic differs", "topic=%s difference=\"%s\" advice=\"%s\"", plan.name, text, advice);
  }
  return EDDY_TOPICS_READY;
}

static enum eddy_topics_result check_present(struct eddy_topics *topics, rd_kafka_t *client, const int32_t *found,
                                             const struct eddy_logger *logger, char *why, size_t why_size) {
  struct eddy_topic_facts facts;
  eddy_topics_ask(topics, client, SETTINGS_TIMEOUT_MS, &facts);
  topics->dead_letter_max = eddy_topic_bytes_max(&facts, topics->names[EDDY_TOPIC_DLQ]);
  enum eddy_topics_result result = judge(topics, &facts, found, logger, why, why_size);
  eddy_topic_facts_fini(&facts);
  return result;
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

static enum eddy_topics_result miss(const char *name, char *why, size_t why_size) {
  snprintf(why, why_size, "%s is missing, or this user may not see it; `eddy topics create` makes it, `eddy check` tells more",
           name);
  return EDDY_TOPICS_MISSING;
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
  if (found[EDDY_TOPIC_INPUT] == 0) return miss(topics->input, why, why_size);
  int missing = first_missing(found);
  if (missing >= 0 && create) {
    if (create_missing(topics, client, found, logger, why, why_size) != 0) return EDDY_TOPICS_MISSING;
    missing = await_created(topics, client, found);
  }
  if (missing >= 0) return miss(topics->names[missing], why, why_size);
  return check_present(topics, client, found, logger, why, why_size);
}
