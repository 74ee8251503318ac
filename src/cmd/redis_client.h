/* A blocking conversation with Redis for commands that ask a little and end: the same steps as sink/redis_link. One thread; a
 * step takes 5 s at most.
 */
#ifndef EDDY_CMD_REDIS_CLIENT_H
#define EDDY_CMD_REDIS_CLIENT_H

#include <hiredis/hiredis.h>
#include <stddef.h>

#include "sink/redis_url.h"

/* Connects; NULL with a sentence in `why`. redisFree() it. */
redisContext *eddy_cmd_redis_connect(const struct eddy_redis_url *url, char *why, size_t why_size);
/* AUTH, SELECT, PING. 0, or -1 with Redis' words in `why`. The password does not get there. */
int eddy_cmd_redis_enter(redisContext *context, const struct eddy_redis_url *url, char *why, size_t why_size);
/* One command. The answer (freeReplyObject() it), or NULL with Redis' or the connection's words in `why`. */
redisReply *eddy_cmd_redis_ask(redisContext *context, int argc, const char **argv, const size_t *sizes, char *why,
                               size_t why_size);

#endif
