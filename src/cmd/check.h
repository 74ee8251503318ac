/* The findings of `eddy check`: one line each on standard output, counted. One thread. */
#ifndef EDDY_CMD_CHECK_H
#define EDDY_CMD_CHECK_H

#include "daemon/config.h"

enum eddy_check_status { EDDY_CHECK_OK, EDDY_CHECK_WARN, EDDY_CHECK_FAIL, EDDY_CHECK_STATUSES };

struct eddy_check {
  const struct eddy_config *config;
  bool json;
  int counts[EDDY_CHECK_STATUSES];
};

/* "warn input topic shop.events: what is so; what to do". `hint` NULL = nothing to do. */
void eddy_check_say(struct eddy_check *check, enum eddy_check_status status, const char *item, const char *hint,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Brokers, topics, committed offsets, clock. 0, or 78 if librdkafka refuses the configuration. */
int eddy_check_kafka(struct eddy_check *check);
/* Each address reachable, lets us in; each output's schema registered or compatible. Nothing if no registry is configured. */
void eddy_check_registry(struct eddy_check *check);
/* Reachable, lets us in, takes writes under the application's name. */
void eddy_check_redis(struct eddy_check *check);

#endif
