/* A number in Redis that grows with each write of one sink, and is written only over its predecessor. Redis executes the writes
 * of a connection in order, replicates and logs them in order: so the number is lost whenever anything written before it is.
 * One thread.
 */
#ifndef EDDY_SINK_REDIS_CHAIN_H
#define EDDY_SINK_REDIS_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct eddy_redis_chain {
  char key[192];      /* <app>:wrote:<sink> */
  uint64_t at;        /* what Redis holds once all that was sent is done */
  uint64_t confirmed; /* the newest that was answered */
  uint64_t sent;      /* the newest that was sent; numbers are never used twice */
};

/* A place in the chain that a command takes. */
struct eddy_redis_step {
  const char *key;
  uint64_t expected, next;
};

void eddy_redis_chain_init(struct eddy_redis_chain *chain, const char *app, uint64_t sink);
/* A connection begins: Redis holds this text, NULL = none. False if it has lost something that it had confirmed. */
bool eddy_redis_chain_check(struct eddy_redis_chain *chain, const char *text, size_t size);
/* For the next command. */
struct eddy_redis_step eddy_redis_chain_step(struct eddy_redis_chain *chain);
void eddy_redis_chain_confirm(struct eddy_redis_chain *chain, uint64_t next);

#endif
