/* A connection to Redis on a libuv loop that comes back by itself.
 *
 *   DOWN -> CONNECTING -> GREETING -> UP -> DOWN ...     GREETING: AUTH, SELECT, CLIENT SETNAME, SCRIPT LOAD of the scripts
 *
 * hiredis 0.14's own libuv adapter never reports a refused connection and knows no timeouts, hence this glue: connect timer,
 * watchdog on the oldest unanswered command, jittered back-off 50 ms .. 5 s. Says "waiting for Redis" once per outage, however
 * often it connects in vain. One thread; no call blocks (but the look-up of a host name by the resolver: use an address where
 * that matters).
 */
#ifndef EDDY_SINK_REDIS_LINK_H
#define EDDY_SINK_REDIS_LINK_H

#include <hiredis/async.h>
#include <uv.h>

#include "base/logger.h"
#include "base/memory.h"
#include "sink/redis_url.h"

struct eddy_redis_link;

enum { EDDY_REDIS_SCRIPTS_MAX = 4 };

struct eddy_redis_link_options {
  uv_loop_t *loop;
  struct eddy_redis_url url;
  const char *name;                            /* for CLIENT SETNAME */
  const char *scripts[EDDY_REDIS_SCRIPTS_MAX]; /* Lua, loaded before UP */
  size_t script_count;
  const struct eddy_logger *logger;
  void (*up)(void *ctx);   /* commands may be sent from now on */
  void (*down)(void *ctx); /* every unanswered command has got a NULL reply before */
  void *ctx;
};

/* NULL if memory is short. Begins to connect at once. */
struct eddy_redis_link *eddy_redis_link_open(const struct eddy_redis_link_options *options);
/* Sends one formatted command; `reply` is called exactly once, with NULL when the connection was lost. False if not UP. */
bool eddy_redis_link_send(struct eddy_redis_link *link, const struct eddy_buffer *command, redisCallbackFn *reply, void *ctx);
/* Drops the connection (an answer said that going on makes no sense now) and connects again after the back-off. */
void eddy_redis_link_reset(struct eddy_redis_link *link, const char *reason);
bool eddy_redis_link_is_up(const struct eddy_redis_link *link);
/* SHA-1 in hex of a script, as Redis answered it. */
const char *eddy_redis_link_script(const struct eddy_redis_link *link, size_t script);
uint64_t eddy_redis_link_reconnects(const struct eddy_redis_link *link);
/* Closes; `closed` is called from the loop when every handle is closed and the link is freed. No other callback comes then. */
void eddy_redis_link_close(struct eddy_redis_link *link, void (*closed)(void *ctx), void *ctx);

#endif
