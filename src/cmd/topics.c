/* eddy topics create: what `eddy run` would need, made beforehand with the settings that suit it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/json_line.h"
#include "daemon/clock.h"
#include "daemon/topics.h"

static const char usage[] =
    "usage: eddy topics create [-c FILE] [--partitions N] [--dry-run] [-J]\n\n"
    "Creates the input topic and every other topic that is missing, and compares the others with what\n"
    "eddy needs. One line per topic: ok, created (would create), or how it differs. Nothing that exists\n"
    "is changed.\n\n"
    "  -c, --config FILE     the configuration (default: built-in)\n"
    "      --partitions N    partitions of the input, 1..10000 (default: what it has, else 4); others get\n"
    "                        as many\n"
    "      --dry-run         only say what would be done\n"
    "  -J, --json            one JSON object per topic: topic, status (ok, created, missing, differs),\n"
    "                        partitions, settings (as they should be), difference, hint\n\n"
    "Exit codes: 0 all as it should be, 69 a topic differs, could not be created, or no broker answers\n"
    "within 10 s, 78 the configuration.\n";

enum { PARTITIONS_DEFAULT = 4, PARTITIONS_MAX = 10000, VISIBLE_TRIES = 100, VISIBLE_STEP_MS = 50 };

struct request {
  const char *config;
  int32_t partitions; /* 0 = not said */
  bool dry_run, json;
};

struct job {
  const struct request *request;
  struct eddy_cmd_client client;
  struct eddy_topics topics;
  int32_t found[EDDY_TOPIC_ALL];
  int32_t partitions; /* of the input, now or soon */
  size_t bytes_max;   /* of its records; 0 = not known */
  struct eddy_topic_facts facts;
  bool differs;
};

/* Options -------------------------------------------------------------------------------------------------------------------*/

static int read_verb(char **argv) {
  if (!argv[optind]) return eddy_cmd_misuse(argv[0], "what about them? `eddy topics create`");
  if (argv[optind + 1]) return eddy_cmd_misuse(argv[0], "what is %s? A file needs -c", argv[optind + 1]);
  if (strcmp(argv[optind], "create") == 0) return 0;
  return eddy_cmd_misuse(argv[0], "there is no `%s`, only `create`", argv[optind]);
}

static int read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                          {"partitions", required_argument, NULL, 'p'},
                                          {"dry-run", no_argument, NULL, 'n'},
                                          {"json", no_argument, NULL, 'J'},
                                          {NULL, 0, NULL, 0}};
  uint64_t partitions;
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:J", options, NULL)) != -1;) {
    switch (option) {
      case 'c':
        request->config = optarg;
        break;
      case 'p':
        if (!eddy_cmd_whole(optarg, 1, PARTITIONS_MAX, &partitions))
          return eddy_cmd_misuse(argv[0], "expected a whole number from 1 to %d, not `%s`", PARTITIONS_MAX, optarg);
        request->partitions = (int32_t)partitions;
        break;
      case 'n':
        request->dry_run = true;
        break;
      case 'J':
        request->json = true;
        break;
      default:
        return eddy_cmd_bad_option(argv, option, options);
    }
  }
  return read_verb(argv);
}

/* The work ------------------------------------------------------------------------------------------------------------------*/

static int refuse(const char *why) {
  fprintf(stderr, "eddy topics: %s\n", why);
  return EX_UNAVAILABLE;
}

static bool all_there(const int32_t *found, int from) {
  while (from < EDDY_TOPIC_ALL && found[from] > 0) from++;
  return from == EDDY_TOPIC_ALL;
}

/* Until the new topics from this one on (the input is the last) are known to the broker that we ask: whoever comes next needs
 * them. */
static void await_visible(struct job *job, int from) {
  int32_t found[EDDY_TOPIC_ALL];
  for (int tries = 0; tries < VISIBLE_TRIES; tries++) {
    if (!eddy_topics_survey(&job->topics, job->client.kafka, EDDY_CMD_REACH_MS, found) && all_there(found, from)) return;
    eddy_clock_sleep(VISIBLE_STEP_MS);
  }
}

static void say_json(const char *status, const struct eddy_topic_plan *plan, int32_t partitions, const char *difference,
                     const char *hint) {
  struct eddy_cmd_json line;
  eddy_cmd_json_begin(&line);
  eddy_cmd_json_text(&line, "topic", plan->name);
  eddy_cmd_json_text(&line, "status", status);
  eddy_cmd_json_integer(&line, "partitions", partitions);
  eddy_json_key(&line.out, "settings");
  eddy_json_open(&line.out, '{');
  for (size_t i = 0; i < plan->setting_count; i++) eddy_cmd_json_text(&line, plan->settings[i].name, plan->settings[i].value);
  eddy_json_close(&line.out, '}');
  eddy_cmd_json_text(&line, "difference", difference);
  eddy_cmd_json_text(&line, "hint", hint);
  eddy_cmd_json_end(&line);
}

static void say_made(const struct job *job, const struct eddy_topic_plan *plan) {
  if (job->request->json) {
    say_json(job->request->dry_run ? "missing" : "created", plan, plan->partitions, NULL, NULL);
    return;
  }
  printf("%s: %s: partitions %d", plan->name, job->request->dry_run ? "would create" : "created", plan->partitions);
  for (size_t i = 0; i < plan->setting_count; i++) printf(", %s %s", plan->settings[i].name, plan->settings[i].value);
  putchar('\n');
}

static void say_found(const struct job *job, int topic, const struct eddy_topic_plan *plan, int differences, const char *text) {
  const char *advice = differences ? eddy_topics_advice(topic, differences) : NULL;
  if (job->request->json) {
    say_json(advice ? "differs" : "ok", plan, job->found[topic], advice ? text : NULL, advice);
    return;
  }
  printf("%s: %s%s\n", plan->name, advice ? "differs: " : "ok", text);
  if (advice) fprintf(stderr, "eddy topics: %s: %s\n", plan->name, advice);
}

/* One line about one topic. Nonzero: it could not be created. */
static int settle(struct job *job, int topic) {
  char text[512];
  struct eddy_topic_plan plan = eddy_topics_plan(&job->topics, topic, job->partitions, job->bytes_max);
  if (topic == EDDY_TOPIC_INPUT) plan.exactly = job->request->partitions > 0;
  if (job->found[topic] == 0) {
    bool make = !job->request->dry_run;
    if (make && eddy_topic_create(job->client.kafka, &plan, 1, text, sizeof(text)) != 0) return refuse(text);
    say_made(job, &plan);
    return 0;
  }
  int differences = eddy_topic_compare(&job->facts, &plan, job->found[topic], text, sizeof(text));
  say_found(job, topic, &plan, differences, text);
  job->differs = job->differs || differences;
  return 0;
}

static void ask_settings(struct job *job) {
  eddy_topic_facts_fini(&job->facts);
  eddy_topics_ask(&job->topics, job->client.kafka, EDDY_TOPIC_ADMIN_MS, &job->facts);
}

/* The input first: how large dead letters get depends on it. */
static int settle_all(struct job *job) {
  const int32_t there = job->found[EDDY_TOPIC_INPUT];
  job->partitions = job->request->partitions ? job->request->partitions : there ? there : PARTITIONS_DEFAULT;
  ask_settings(job);
  int code = settle(job, EDDY_TOPIC_INPUT);
  if (code == 0 && there == 0 && !job->request->dry_run) {
    await_visible(job, EDDY_TOPIC_INPUT);
    ask_settings(job);
  }
  if (there > 0) job->partitions = there; /* outputs follow what is, not what was wished */
  if (there > 0 || !job->request->dry_run) job->bytes_max = eddy_topic_bytes_max(&job->facts, job->topics.input);
  for (int i = 0; i < EDDY_TOPIC_COUNT && code == 0; i++) code = settle(job, i);
  if (code == 0 && !job->request->dry_run) await_visible(job, 0);
  return code ? code : job->differs ? EX_UNAVAILABLE : EX_OK;
}

static int run(struct job *job, const struct eddy_config *config) {
  char why[512] = "out of memory";
  if (eddy_cmd_client_open(&job->client, config, EDDY_KAFKA_READER, why, sizeof(why)) != 0) {
    fprintf(stderr, "%s\n", why);
    return EX_CONFIG;
  }
  if (eddy_topics_init(&job->topics, config) != 0) return EX_OSERR;
  rd_kafka_resp_err_t error = eddy_topics_survey(&job->topics, job->client.kafka, EDDY_CMD_REACH_MS, job->found);
  return error ? eddy_cmd_client_away(&job->client, "topics", config->kafka.brokers, error) : settle_all(job);
}

int eddy_cmd_topics(int argc, char **argv) {
  struct request request = {0};
  struct job job = {.request = &request};
  struct eddy_config config;
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int code = read_options(argc, argv, &request);
  if (code) return code;
  code = eddy_config_load(&config, request.config, stderr) == 0 ? run(&job, &config) : EX_CONFIG;
  eddy_topic_facts_fini(&job.facts);
  eddy_topics_fini(&job.topics);
  eddy_cmd_client_close(&job.client);
  eddy_config_free(&config);
  return code;
}
