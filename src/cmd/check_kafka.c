/* What `eddy check` asks the brokers. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/check.h"
#include "cmd/client.h"
#include "daemon/clock.h"
#include "daemon/offset_meta.h"
#include "daemon/topics.h"
#include "source/kafka_trouble.h"

enum { ASK_MS = 5000, CLOCK_MAX_MS = 5000, SKEW_WARN_MS = 1000, SKEW_FAIL_MS = 300000 };

struct kafka_check {
  struct eddy_check *check;
  struct eddy_cmd_client reader, member; /* in no group; of the group, which it does not join */
  struct eddy_topics topics;
  int32_t found[EDDY_TOPIC_ALL];
  rd_kafka_topic_partition_list_t *first, *next; /* offsets of the input's partitions; NULL = not known */
};

/* Topics --------------------------------------------------------------------------------------------------------------------*/

static void say_create(struct eddy_check *check, enum eddy_check_status status, const char *item, const char *what) {
  char hint[512];
  snprintf(hint, sizeof(hint), "eddy topics create%s%s", check->config->path ? " -c " : "",
           check->config->path ? check->config->path : "");
  eddy_check_say(check, status, item, hint, "%s", what);
}

static const char *role_of(int topic) {
  if (topic == EDDY_TOPIC_PROFILES) return "state";
  return topic == EDDY_TOPIC_INPUT ? "input" : "output";
}

static void check_topic(struct kafka_check *kafka, int topic, const struct eddy_topic_facts *facts, size_t bytes_max) {
  struct eddy_topic_plan plan = eddy_topics_plan(&kafka->topics, topic, kafka->found[EDDY_TOPIC_INPUT], bytes_max);
  char item[320], text[512];
  snprintf(item, sizeof(item), "%s topic %s", role_of(topic), plan.name);
  if (kafka->found[topic] == 0) {
    bool comes = topic != EDDY_TOPIC_INPUT && kafka->found[EDDY_TOPIC_INPUT] > 0 && kafka->check->config->kafka.create_topics;
    if (eddy_topic_is_hidden(facts, plan.name))
      eddy_check_say(kafka->check, EDDY_CHECK_FAIL, item,
                     "allow the user DESCRIBE on it (see \"Rights\" in src/deploy/README.md)",
                     "missing, or this user may not see it");
    else
      say_create(kafka->check, comes ? EDDY_CHECK_WARN : EDDY_CHECK_FAIL, item,
                 comes ? "missing, `eddy run` will create it" : "missing");
    return;
  }
  int differs = eddy_topic_compare(facts, &plan, kafka->found[topic], text, sizeof(text));
  if (differs) {
    eddy_check_say(kafka->check, differs & EDDY_TOPIC_REFUSED ? EDDY_CHECK_FAIL : EDDY_CHECK_WARN, item,
                   eddy_topics_advice(topic, differs), "%s", text);
  } else {
    eddy_check_say(kafka->check, EDDY_CHECK_OK, item, NULL, "%d partition%s", kafka->found[topic],
                   kafka->found[topic] == 1 ? "" : "s");
  }
}

static void check_topics(struct kafka_check *kafka) {
  struct eddy_topic_facts facts;
  eddy_topics_ask(&kafka->topics, kafka->reader.kafka, ASK_MS, &facts);
  size_t bytes_max = kafka->found[EDDY_TOPIC_INPUT] > 0 ? eddy_topic_bytes_max(&facts, kafka->topics.input) : 0;
  check_topic(kafka, EDDY_TOPIC_INPUT, &facts, 0);
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) check_topic(kafka, i, &facts, bytes_max);
  eddy_topic_facts_fini(&facts);
}

/* Committed offsets ---------------------------------------------------------------------------------------------------------*/

static rd_kafka_topic_partition_list_t *list_input(const struct kafka_check *kafka) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(kafka->found[EDDY_TOPIC_INPUT]);
  rd_kafka_topic_partition_list_add_range(list, kafka->topics.input, 0, kafka->found[EDDY_TOPIC_INPUT] - 1);
  return list;
}

/* RD_KAFKA_OFFSET_BEGINNING or _END of all partitions at once. NULL if one of them does not tell. */
static rd_kafka_topic_partition_list_t *ask_offsets(const struct kafka_check *kafka, int64_t which) {
  rd_kafka_topic_partition_list_t *list = list_input(kafka);
  for (int i = 0; i < list->cnt; i++) list->elems[i].offset = which;
  rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(kafka->reader.kafka, list, ASK_MS);
  for (int i = 0; i < list->cnt && !error; i++) error = list->elems[i].err;
  if (!error) return list;
  rd_kafka_topic_partition_list_destroy(list);
  return NULL;
}

/* What is wrong with a committed offset, and what to do; NULL if nothing is. */
static const char *judge_offset(const struct kafka_check *kafka, const rd_kafka_topic_partition_t *at, const char **hint) {
  struct eddy_offset_meta meta;
  *hint = "a transaction that never ended, or READ on the group is missing";
  if (at->err) return rd_kafka_err2str(at->err);
  *hint = "use another kafka.group, or delete the group to begin anew";
  if (eddy_offset_meta_parse(at->metadata, at->metadata_size, &meta) != 0) return "another program has committed it";
  if (!kafka->first || !kafka->next) return NULL;
  *hint = "give the input a longer retention; `eddy run --accept-loss` goes on without what is gone";
  if (at->offset < kafka->first->elems[at->partition].offset) return "events from there on are deleted";
  *hint = "the topic was made anew or has lost its end: begin anew as another app";
  return at->offset > kafka->next->elems[at->partition].offset ? "the log ends before it" : NULL;
}

/* A line per partition where something is wrong, else one for all. */
static void judge_offsets(struct kafka_check *kafka, const rd_kafka_topic_partition_list_t *list) {
  const char *group = kafka->check->config->kafka.group, *hint;
  int committed = 0, wrong = 0;
  for (int i = 0; i < list->cnt; i++) {
    const rd_kafka_topic_partition_t *at = &list->elems[i];
    if (!at->err && at->offset < 0) continue;
    committed++;
    const char *what = judge_offset(kafka, at, &hint);
    if (!what) continue;
    wrong++;
    char offset[32] = "";
    if (at->offset >= 0) snprintf(offset, sizeof(offset), ", offset %" PRId64, at->offset);
    eddy_check_say(kafka->check, EDDY_CHECK_FAIL, "offsets", hint, "group %s, partition %d%s: %s", group, at->partition, offset,
                   what);
  }
  if (wrong) return;
  eddy_check_say(kafka->check, EDDY_CHECK_OK, "offsets", NULL, "group %s has committed %d of %d partitions", group, committed,
                 list->cnt);
}

static void check_offsets(struct kafka_check *kafka) {
  rd_kafka_topic_partition_list_t *list = list_input(kafka);
  rd_kafka_resp_err_t error = rd_kafka_committed(kafka->member.kafka, list, EDDY_CMD_REACH_MS);
  if (error) {
    eddy_check_say(kafka->check, EDDY_CHECK_FAIL, "offsets", "a transaction that never ended, or READ on the group is missing",
                   "group %s: %s", kafka->check->config->kafka.group, eddy_cmd_client_why(&kafka->member, error));
  } else {
    judge_offsets(kafka, list);
  }
  rd_kafka_topic_partition_list_destroy(list);
}

/* Clock ---------------------------------------------------------------------------------------------------------------------*/

/* Goes to the last record of every partition, where there is none to the end. */
static void seek_last(const struct kafka_check *kafka, struct eddy_cmd_reading *reading) {
  for (int32_t i = 0; kafka->first && kafka->next && i < kafka->next->cnt; i++) {
    int64_t next = kafka->next->elems[i].offset;
    eddy_cmd_reading_start(reading, i, next > kafka->first->elems[i].offset ? next - 1 : next);
  }
}

/* The newest time that a broker wrote on one of these records; -1 if there is none. `refused` = why one could not be read. */
static int64_t newest_append(struct eddy_cmd_reading *reading, rd_kafka_resp_err_t *refused) {
  int64_t newest = -1, started = eddy_clock_mono();
  int left = reading->partitions->cnt;
  while (left > 0 && eddy_clock_mono() - started < CLOCK_MAX_MS) {
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    rd_kafka_message_t *message = eddy_cmd_reading_next(reading, 100);
    if (!message) continue;
    int64_t time = message->err ? -1 : rd_kafka_message_timestamp(message, &type);
    if (type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME && time > newest) newest = time;
    left -= message->err != 0;
    if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) *refused = message->err;
    rd_kafka_message_destroy(message);
  }
  return newest;
}

static void check_clock(struct kafka_check *kafka) {
  struct eddy_cmd_reading reading;
  rd_kafka_resp_err_t refused = RD_KAFKA_RESP_ERR_NO_ERROR;
  if (eddy_cmd_reading_open(&reading, kafka->reader.kafka, kafka->topics.input)) return;
  seek_last(kafka, &reading);
  int64_t newest = newest_append(&reading, &refused), ahead = newest - eddy_clock_wall();
  eddy_cmd_reading_close(&reading);
  if (refused) {
    char item[320];
    snprintf(item, sizeof(item), "input topic %s", kafka->topics.input);
    eddy_check_say(kafka->check, EDDY_CHECK_FAIL, item, "allow the user READ on it (see \"Rights\" in src/deploy/README.md)",
                   "cannot be read: %s", rd_kafka_err2str(refused));
  } else if (newest < 0) {
    eddy_check_say(kafka->check, EDDY_CHECK_OK, "clock", NULL, "not known: no record carries a broker's time yet");
  } else if (ahead > SKEW_WARN_MS) {
    eddy_check_say(kafka->check, ahead > SKEW_FAIL_MS ? EDDY_CHECK_FAIL : EDDY_CHECK_WARN, "clock",
                   "synchronise both, for instance with chrony", "at least %.1f s behind the broker's", (double)ahead / 1000);
  } else {
    eddy_check_say(kafka->check, EDDY_CHECK_OK, "clock", NULL, "not behind the broker's, whose newest record is %.1f s old",
                   (double)-ahead / 1000);
  }
}

/* All -----------------------------------------------------------------------------------------------------------------------*/

static int open_all(struct kafka_check *kafka) {
  char why[512] = "out of memory";
  const struct eddy_config *config = kafka->check->config;
  if (eddy_topics_init(&kafka->topics, config) == 0 &&
      eddy_cmd_client_open(&kafka->reader, config, EDDY_KAFKA_READER, why, sizeof(why)) == 0 &&
      eddy_cmd_client_open(&kafka->member, config, EDDY_KAFKA_CONSUMER, why, sizeof(why)) == 0) {
    eddy_check_say(kafka->check, EDDY_CHECK_OK, "configuration", NULL, "%s", config->path ? config->path : "built-in");
    return 0;
  }
  eddy_check_say(kafka->check, EDDY_CHECK_FAIL, "configuration", NULL, "%s", why);
  return EX_CONFIG;
}

static void ask(struct kafka_check *kafka) {
  const char *brokers = kafka->check->config->kafka.brokers;
  rd_kafka_resp_err_t error = eddy_topics_survey(&kafka->topics, kafka->reader.kafka, EDDY_CMD_REACH_MS, kafka->found);
  if (error) {
    const char *why = eddy_cmd_client_why(&kafka->reader, error);
    eddy_check_say(kafka->check, EDDY_CHECK_FAIL, "brokers", eddy_kafka_trouble_advice(why),
                   "none at %s: %s (topics are not checked)", brokers, why);
    return;
  }
  eddy_check_say(kafka->check, EDDY_CHECK_OK, "brokers", NULL, "%s answers", brokers);
  check_topics(kafka);
  if (kafka->found[EDDY_TOPIC_INPUT] == 0) return;
  kafka->first = ask_offsets(kafka, RD_KAFKA_OFFSET_BEGINNING);
  kafka->next = ask_offsets(kafka, RD_KAFKA_OFFSET_END);
  check_offsets(kafka);
  check_clock(kafka);
}

int eddy_check_kafka(struct eddy_check *check) {
  struct kafka_check kafka = {.check = check};
  int code = open_all(&kafka);
  if (code == 0) ask(&kafka);
  if (kafka.first) rd_kafka_topic_partition_list_destroy(kafka.first);
  if (kafka.next) rd_kafka_topic_partition_list_destroy(kafka.next);
  eddy_cmd_client_close(&kafka.member);
  eddy_cmd_client_close(&kafka.reader);
  eddy_topics_fini(&kafka.topics);
  return code;
}
