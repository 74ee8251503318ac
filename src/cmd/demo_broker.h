/* The demo's broker: librdkafka's mock cluster, inside this process. All that knows the mock API, which librdkafka calls
 * experimental, is in demo_broker.c.
 *
 * The mock keeps 5 MiB per partition and drops the oldest silently: whoever produces must keep pace with the consumer.
 */
#ifndef EDDY_CMD_DEMO_BROKER_H
#define EDDY_CMD_DEMO_BROKER_H

#include <stddef.h>

struct eddy_demo_broker;

/* Starts the cluster and creates the topics of `app` with `partitions` each. 0, or -1 with a sentence in `why`. */
int eddy_demo_broker_start(struct eddy_demo_broker **broker, const char *app, int partitions, char *why, size_t why_size);
void eddy_demo_broker_stop(struct eddy_demo_broker *broker);
/* host:port */
const char *eddy_demo_broker_address(const struct eddy_demo_broker *broker);
/* Produces one record; waits while the local queue is full. 0 or -1. One thread at a time. */
int eddy_demo_broker_produce(struct eddy_demo_broker *broker, const void *key, size_t key_size, const void *value,
                             size_t value_size);

#endif
