/* What `eddy check` asks Redis: the same steps as sink/redis_link, in one blocking conversation. */
#include <stdio.h>

#include "cmd/check.h"
#include "cmd/redis_client.h"
#include "sink/redis_errors.h"

static int ask(redisContext *context, int argc, const char **argv, char *why, size_t why_size) {
  redisReply *reply = eddy_cmd_redis_ask(context, argc, argv, NULL, why, why_size);
  if (!reply) return -1;
  freeReplyObject(reply);
  return 0;
}

/* A hash as the sink writes them, and a script as it loads them. */
static int try_writing(redisContext *context, const char *app, char *why, size_t why_size) {
  char key[128], ignored[160];
  snprintf(key, sizeof(key), "%s:check", app);
  const char *write[] = {"HSET", key, "check", "1"}, *script[] = {"SCRIPT", "LOAD", "return 1"}, *remove[] = {"DEL", key};
  int failed = ask(context, 4, write, why, why_size);
  if (!failed) ask(context, 2, remove, ignored, sizeof(ignored)); /* the sink does not need to */
  return failed ? failed : ask(context, 3, script, why, why_size);
}

static void fail(struct eddy_check *check, const struct eddy_redis_url *url, const char *why, const char *otherwise) {
  char where[300];
  const char *advice = eddy_redis_error_advice(why);
  eddy_redis_url_where(url, where, sizeof(where));
  eddy_check_say(check, EDDY_CHECK_FAIL, "redis", advice ? advice : otherwise, "%s: %s", where, why);
}

static void talk(struct eddy_check *check, redisContext *context, const struct eddy_redis_url *url) {
  char why[320];
  if (eddy_cmd_redis_enter(context, url, why, sizeof(why)) != 0) {
    fail(check, url, why, "check user, password and database in redis.url");
  } else if (try_writing(context, check->config->app, why, sizeof(why)) != 0) {
    fail(check, url, why, "the user needs the keys <app>:* and scripts, on a primary");
  } else {
    eddy_check_say(check, EDDY_CHECK_OK, "redis", NULL, "answers and takes writes");
  }
}

void eddy_check_redis(struct eddy_check *check) {
  struct eddy_redis_url url;
  char why[256];
  if (!check->config->redis.url) {
    eddy_check_say(check, EDDY_CHECK_OK, "redis", NULL, "none is configured");
    return;
  }
  if (eddy_redis_url_parse(&url, check->config->redis.url, why, sizeof(why)) != 0) {
    eddy_check_say(check, EDDY_CHECK_FAIL, "redis", "change redis.url", "%s", why);
    return;
  }
  redisContext *context = eddy_cmd_redis_connect(&url, why, sizeof(why));
  if (!context) {
    fail(check, &url, why, "start it, or change redis.url");
    return;
  }
  talk(check, context, &url);
  redisFree(context);
}
