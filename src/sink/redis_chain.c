#include "sink/redis_chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void eddy_redis_chain_init(struct eddy_redis_chain *chain, const char *app, uint64_t sink) {
  memset(chain, 0, sizeof *chain);
  snprintf(chain->key, sizeof chain->key, "%s:wrote:%016" PRIx64, app, sink);
}

/* What is no number of ours counts as nothing, as in the scripts. */
static uint64_t read_number(const char *text, size_t size) {
  uint64_t value = 0;
  if (!text || size > 15) return 0;
  for (size_t i = 0; i < size; i++) {
    if (text[i] < '0' || text[i] > '9') return 0;
    value = value * 10 + (uint64_t)(text[i] - '0');
  }
  return value;
}

/* Writes that were on their way when the connection broke may have been done or not. */
bool eddy_redis_chain_check(struct eddy_redis_chain *chain, const char *text, size_t size) {
  uint64_t number = read_number(text, size);
  bool intact = number >= chain->confirmed && number <= chain->sent;
  chain->at = chain->confirmed = number;
  if (number > chain->sent) chain->sent = number;
  return intact;
}

struct eddy_redis_step eddy_redis_chain_step(struct eddy_redis_chain *chain) {
  struct eddy_redis_step step = {chain->key, chain->at, ++chain->sent};
  chain->at = step.next;
  return step;
}

void eddy_redis_chain_confirm(struct eddy_redis_chain *chain, uint64_t next) {
  if (next > chain->confirmed) chain->confirmed = next;
}
