/* Where a Redis is: redis://[user:password@]host[:port][/database] or unix:///path[?db=N]. User and password may be
 * percent-encoded. A plain value; the password never appears in a message.
 */
#ifndef EDDY_SINK_REDIS_URL_H
#define EDDY_SINK_REDIS_URL_H

#include <stddef.h>

struct eddy_redis_url {
  char host[256]; /* empty: unix socket */
  char path[108]; /* of the socket */
  char user[128], password[256];
  int port, database;
};

/* 0, or -1 with a sentence in `why`. */
int eddy_redis_url_parse(struct eddy_redis_url *url, const char *text, char *why, size_t why_size);
/* "host:port" or the path of the socket, for messages. */
void eddy_redis_url_where(const struct eddy_redis_url *url, char *text, size_t size);

#endif
