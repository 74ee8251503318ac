/* eddy redis rebuild: takes the view out of Redis, so that whoever writes it writes all of it again. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "cmd/json_line.h"
#include "cmd/redis_client.h"
#include "daemon/config.h"
#include "sink/redis_errors.h"

static const char usage[] =
    "usage: eddy redis rebuild [-c FILE] [--dry-run] [-J]\n\n"
    "Removes from Redis what eddy can write again: the hashes of users, the members of segments, and what\n"
    "it says about how far it has been written. Processes that run, and those that start, then write\n"
    "everything anew. The streams of triggers stay. If it is interrupted, run it again.\n\n"
    "  -c, --config FILE   the configuration (default: built-in)\n"
    "      --dry-run       only count\n"
    "  -J, --json          the counts as a JSON object: users, segments, partitions, dry_run, complete\n\n"
    "Exit codes: 0, 69 Redis does not answer or refuses, 78 the configuration.\n";

enum { SCAN_COUNT = 1000, UNLINK_MAX = 1000, PATTERN_MAX = 320 };

struct rebuild {
  const char *config_path;
  bool dry_run, json;
  redisContext *context;
  char why[320];
};

/* Options -------------------------------------------------------------------------------------------------------------------*/

static int read_verb(char **argv) {
  if (!argv[optind]) return eddy_cmd_misuse(argv[0], "what about it? `eddy redis rebuild`");
  if (argv[optind + 1]) return eddy_cmd_misuse(argv[0], "what is %s? A file needs -c", argv[optind + 1]);
  if (strcmp(argv[optind], "rebuild") == 0) return 0;
  return eddy_cmd_misuse(argv[0], "there is no `%s`, only `rebuild`", argv[optind]);
}

static int read_options(int argc, char **argv, struct rebuild *rebuild) {
  static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                          {"dry-run", no_argument, NULL, 'n'},
                                          {"json", no_argument, NULL, 'J'},
                                          {NULL, 0, NULL, 0}};
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":c:J", options, NULL)) != -1;) {
    if (option == ':' || option == '?') return eddy_cmd_bad_option(argv, option, options);
    if (option == 'c') rebuild->config_path = optarg;
    if (option == 'n') rebuild->dry_run = true;
    if (option == 'J') rebuild->json = true;
  }
  return read_verb(argv);
}

/* Keys ----------------------------------------------------------------------------------------------------------------------*/

/* "<app>:<kind>:*", with what a pattern would take for something else escaped. */
static void make_pattern(char pattern[PATTERN_MAX], const char *app, const char *kind) {
  size_t length = 0;
  for (; *app && length < PATTERN_MAX / 2; app++) {
    if (strchr("*?[]\\", *app)) pattern[length++] = '\\';
    pattern[length++] = *app;
  }
  snprintf(pattern + length, PATTERN_MAX - length, ":%s:*", kind);
}

/* command keys... in pieces; false with `why`. `first` is the key in front of fields, NULL = none. */
static bool remove_all(struct rebuild *rebuild, const char *command, const char *first, const redisReply *keys) {
  const char *argv[UNLINK_MAX + 2] = {command, first};
  size_t sizes[UNLINK_MAX + 2] = {strlen(command), first ? strlen(first) : 0};
  size_t front = first ? 2 : 1;
  for (size_t done = 0; done < keys->elements;) {
    size_t count = 0;
    for (; done < keys->elements && count < UNLINK_MAX; done++, count++) {
      argv[front + count] = keys->element[done]->str;
      sizes[front + count] = keys->element[done]->len;
    }
    redisReply *reply =
        eddy_cmd_redis_ask(rebuild->context, (int)(front + count), argv, sizes, rebuild->why, sizeof rebuild->why);
    if (!reply) return false;
    freeReplyObject(reply);
  }
  return true;
}

/* A SCAN answers (cursor, keys); anything else is none of Redis. */
static const redisReply *keys_of(const redisReply *reply) {
  bool well = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[0]->type == REDIS_REPLY_STRING &&
              reply->element[1]->type == REDIS_REPLY_ARRAY;
  return well ? reply->element[1] : NULL;
}

/* Counts (a key may come twice: then it does when nothing is removed) and removes the keys of a pattern. */
static bool sweep(struct rebuild *rebuild, const char *pattern, uint64_t *count) {
  char cursor[32] = "0", step[16];
  snprintf(step, sizeof step, "%d", SCAN_COUNT);
  do {
    const char *scan[] = {"SCAN", cursor, "MATCH", pattern, "COUNT", step};
    redisReply *reply = eddy_cmd_redis_ask(rebuild->context, 6, scan, NULL, rebuild->why, sizeof rebuild->why);
    const redisReply *keys = reply ? keys_of(reply) : NULL;
    bool done = keys && (rebuild->dry_run || remove_all(rebuild, "UNLINK", NULL, keys));
    if (done) {
      *count += keys->elements;
      snprintf(cursor, sizeof cursor, "%s", reply->element[0]->str);
    }
    freeReplyObject(reply);
    if (!done) return false;
  } while (strcmp(cursor, "0") != 0);
  return true;
}

/* Keeps those fields whose name begins with sync: in front. */
static void keep_sync(redisReply *fields) {
  size_t kept = 0;
  for (size_t i = 0; i < fields->elements; i++) {
    redisReply *field = fields->element[i];
    if (field->type != REDIS_REPLY_STRING || strncmp(field->str, "sync:", 5) != 0) continue;
    fields->element[i] = fields->element[kept];
    fields->element[kept++] = field;
  }
  for (size_t i = kept; i < fields->elements; i++) freeReplyObject(fields->element[i]);
  fields->elements = kept;
}

static bool forget_progress(struct rebuild *rebuild, const char *app, uint64_t *count) {
  char key[PATTERN_MAX];
  snprintf(key, sizeof key, "%s:status", app);
  const char *names[] = {"HKEYS", key};
  redisReply *fields = eddy_cmd_redis_ask(rebuild->context, 2, names, NULL, rebuild->why, sizeof rebuild->why);
  if (!fields) return false;
  if (fields->type == REDIS_REPLY_ARRAY) keep_sync(fields);
  *count = fields->elements;
  bool done = rebuild->dry_run || remove_all(rebuild, "HDEL", key, fields);
  freeReplyObject(fields);
  return done;
}

struct counts {
  uint64_t users, segments, partitions;
};

static void say_counts(const struct rebuild *rebuild, const struct counts *counts, bool complete) {
  struct eddy_cmd_json line;
  if (!rebuild->json) {
    printf("%s %" PRIu64 " users, %" PRIu64 " segments, progress of %" PRIu64 " partitions\n",
           rebuild->dry_run ? "would remove" : "removed", counts->users, counts->segments, counts->partitions);
    return;
  }
  eddy_cmd_json_begin(&line);
  eddy_cmd_json_integer(&line, "users", (int64_t)counts->users);
  eddy_cmd_json_integer(&line, "segments", (int64_t)counts->segments);
  eddy_cmd_json_integer(&line, "partitions", (int64_t)counts->partitions);
  eddy_cmd_json_bool(&line, "dry_run", rebuild->dry_run);
  eddy_cmd_json_bool(&line, "complete", complete);
  eddy_cmd_json_end(&line);
}

/* The progress goes last: it is what running processes watch, and what they write from then on stays. */
static int work(struct rebuild *rebuild, const char *app) {
  char pattern[PATTERN_MAX];
  struct counts counts = {0};
  make_pattern(pattern, app, "user");
  bool done = sweep(rebuild, pattern, &counts.users);
  make_pattern(pattern, app, "segment");
  done = done && sweep(rebuild, pattern, &counts.segments);
  done = done && forget_progress(rebuild, app, &counts.partitions);
  say_counts(rebuild, &counts, done);
  if (done) return EX_OK;
  fprintf(stderr, "eddy redis: %s\n", rebuild->why);
  return EX_UNAVAILABLE;
}

static int cannot_enter(const struct rebuild *rebuild, const struct eddy_redis_url *url) {
  char where[300];
  const char *advice = eddy_redis_error_advice(rebuild->why);
  eddy_redis_url_where(url, where, sizeof where);
  fprintf(stderr, "eddy redis: %s: %s; %s\n", where, rebuild->why, advice ? advice : "is it up, and is redis.url right?");
  return EX_UNAVAILABLE;
}

static int run(struct rebuild *rebuild, const struct eddy_config *config) {
  struct eddy_redis_url url;
  snprintf(rebuild->why, sizeof rebuild->why, "no redis.url is configured");
  if (!config->redis.url || eddy_redis_url_parse(&url, config->redis.url, rebuild->why, sizeof rebuild->why) != 0) {
    fprintf(stderr, "eddy redis: %s\n", rebuild->why);
    return EX_CONFIG;
  }
  rebuild->context = eddy_cmd_redis_connect(&url, rebuild->why, sizeof rebuild->why);
  if (!rebuild->context || eddy_cmd_redis_enter(rebuild->context, &url, rebuild->why, sizeof rebuild->why) != 0)
    return cannot_enter(rebuild, &url);
  return work(rebuild, config->app);
}

int eddy_cmd_redis(int argc, char **argv) {
  struct rebuild rebuild = {0};
  struct eddy_config config;
  if (eddy_cmd_help(argc, argv, usage)) return EX_OK;
  int code = read_options(argc, argv, &rebuild);
  if (code) return code;
  code = eddy_config_load(&config, rebuild.config_path, stderr) == 0 ? run(&rebuild, &config) : EX_CONFIG;
  if (rebuild.context) redisFree(rebuild.context);
  eddy_config_free(&config);
  return code;
}
