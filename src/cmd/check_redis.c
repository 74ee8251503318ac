/* What `eddy check` asks Redis: the same steps as sink/redis_link, in one blocking conversation. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "cmd/check.h"
#include "sink/redis_url.h"

enum { ANSWER_S = 5 };

static redisContext *connect_to(const struct eddy_redis_url *url) {
  const struct timeval limit = {.tv_sec = ANSWER_S};
  redisContext *context =
      url->path[0] ? redisConnectUnixWithTimeout(url->path, limit) : redisConnectWithTimeout(url->host, url->port, limit);
  if (context && !context->err) redisSetTimeout(context, limit);
  return context;
}

/* One command; 0, or -1 with Redis' or the connection's words in `why`. The password does not get there. */
static int ask(redisContext *context, int argc, const char **argv, char *why, size_t why_size) {
  redisReply *reply = redisCommandArgv(context, argc, argv, NULL);
  int failed = !reply || reply->type == REDIS_REPLY_ERROR;
  if (failed) snprintf(why, why_size, "%s: %s", argv[0], reply ? reply->str : context->errstr);
  freeReplyObject(reply);
  return failed ? -1 : 0;
}

static int enter(redisContext *context, const struct eddy_redis_url *url, char *why, size_t why_size) {
  char database[16];
  const char *named[] = {"AUTH", url->user, url->password}, *unnamed[] = {"AUTH", url->password};
  const char *select[] = {"SELECT", database}, *ping[] = {"PING"};
  snprintf(database, sizeof(database), "%d", url->database);
  int failed = 0;
  if (url->password[0]) {
    failed = url->user[0] ? ask(context, 3, named, why, why_size) : ask(context, 2, unnamed, why, why_size);
  }
  if (!failed) failed = ask(context, 2, select, why, why_size);
  return failed ? failed : ask(context, 1, ping, why, why_size);
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

static void talk(struct eddy_check *check, redisContext *context, const struct eddy_redis_url *url) {
  char why[320];
  if (enter(context, url, why, sizeof(why)) != 0) {
    eddy_check_say(check, EDDY_CHECK_FAIL, "redis", "check user, password and database in redis.url", "%s", why);
  } else if (try_writing(context, check->config->app, why, sizeof(why)) != 0) {
    eddy_check_say(check, EDDY_CHECK_FAIL, "redis", "the user needs the keys <app>:* and scripts, on a primary", "%s", why);
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
  redisContext *context = connect_to(&url);
  if (!context || context->err) {
    eddy_check_say(check, EDDY_CHECK_FAIL, "redis", "start it, or change redis.url", "cannot connect: %s",
                   context ? context->errstr : "out of memory");
  } else {
    talk(check, context, &url);
  }
  if (context) redisFree(context);
}
