#include "sink/redis_errors.h"

#include <stddef.h>
#include <string.h>

static const struct {
  const char *kind;
  bool passes;
  const char *advice;
} errors[] = {
    {"LOADING", true, NULL},
    {"READONLY", true, "connected to a replica: point redis.url at the master"},
    {"OOM", true, "Redis has no memory left: raise its maxmemory, or lower redis.stream_max_length"},
    {"NOSCRIPT", true, NULL},
    {"BUSY", true, "a script of somebody blocks Redis: SCRIPT KILL ends it"},
    {"MASTERDOWN", true, NULL},
    {"TRYAGAIN", true, NULL},
    {"NOAUTH", true, "Redis wants a password: write redis://USER:PASSWORD@host into redis.url"},
    {"WRONGPASS", true, "Redis does not accept the user and password in redis.url"},
    {"NOPERM", true,
     "the user in redis.url may not do this: allow it get, set, del, hget, hmget, hset, hdel, zadd, zrem, xadd, evalsha and "
     "script load on the keys of this application"},
    {"MISCONF", true, "Redis cannot save to disk and refuses writes: look at its log, free the disk"},
    {"CLUSTERDOWN", true, NULL},
    {"NOREPLICAS", true, "Redis wants more replicas before it takes writes (min-replicas-to-write)"},
    {"UNKILLABLE", true, NULL},
    {"MOVED", false, "Redis Cluster is not supported: use one server"},
    {"CROSSSLOT", false, "Redis Cluster is not supported: use one server"},
    {"Protocol error", true, "what answers is no Redis, or wants TLS: check host and port in redis.url"},
    {"Connection refused", true, "start it, or change host and port in redis.url"},
    {"Name or service not known", true, "is the host name in redis.url right?"},
    {"WRONGTYPE", false, "a key of this application holds something else: remove it, then run `eddy redis rebuild`"},
};

static int find(const char *error) {
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    if (strstr(error, errors[i].kind)) return (int)i;
  }
  return -1;
}

bool eddy_redis_error_passes(const char *error) {
  int at = find(error);
  return at >= 0 && errors[at].passes;
}

const char *eddy_redis_error_advice(const char *error) {
  int at = find(error);
  return at >= 0 ? errors[at].advice : NULL;
}
