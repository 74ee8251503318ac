#include "cmd/redis_client.h"

#include <stdio.h>
#include <sys/time.h>

enum { ANSWER_S = 5 };

redisContext *eddy_cmd_redis_connect(const struct eddy_redis_url *url, char *why, size_t why_size) {
  const struct timeval limit = {.tv_sec = ANSWER_S};
  redisContext *context =
      url->path[0] ? redisConnectUnixWithTimeout(url->path, limit) : redisConnectWithTimeout(url->host, url->port, limit);
  if (context && !context->err) {
    redisSetTimeout(context, limit);
    return context;
  }
  snprintf(why, why_size, "%s", context ? context->errstr : "out of memory");
  if (context) redisFree(context);
  return NULL;
}

redisReply *eddy_cmd_redis_ask(redisContext *context, int argc, const char **argv, const size_t *sizes, char *why,
                               size_t why_size) {
  redisReply *reply = redisCommandArgv(context, argc, argv, sizes);
  if (reply && reply->type != REDIS_REPLY_ERROR) return reply;
  snprintf(why, why_size, "%s: %s", argv[0], reply ? reply->str : context->errstr);
  freeReplyObject(reply);
  return NULL;
}

static int step(redisContext *context, int argc, const char **argv, char *why, size_t why_size) {
  redisReply *reply = eddy_cmd_redis_ask(context, argc, argv, NULL, why, why_size);
  if (!reply) return -1;
  freeReplyObject(reply);
  return 0;
}

int eddy_cmd_redis_enter(redisContext *context, const struct eddy_redis_url *url, char *why, size_t why_size) {
  char database[16];
  const char *named[] = {"AUTH", url->user, url->password}, *unnamed[] = {"AUTH", url->password};
  const char *select[] = {"SELECT", database}, *ping[] = {"PING"};
  snprintf(database, sizeof(database), "%d", url->database);
  int failed = 0;
  if (url->password[0]) {
    failed = url->user[0] ? step(context, 3, named, why, why_size) : step(context, 2, unnamed, why, why_size);
  }
  if (!failed) failed = step(context, 2, select, why, why_size);
  return failed ? failed : step(context, 1, ping, why, why_size);
}
