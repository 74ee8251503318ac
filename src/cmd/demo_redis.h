/* A private redis-server for the demo: on a socket in a folder of its own, gone with the demo. */
#ifndef EDDY_CMD_DEMO_REDIS_H
#define EDDY_CMD_DEMO_REDIS_H

#include <stdbool.h>
#include <sys/types.h>

struct eddy_demo_redis {
  pid_t pid; /* 0: not running */
  char folder[64], socket[96];
};

/* False if there is no redis-server on this machine or it does not start. */
bool eddy_demo_redis_start(struct eddy_demo_redis *redis);
void eddy_demo_redis_stop(struct eddy_demo_redis *redis);

#endif
