/* The demo's input: invented shoppers in accelerated time, produced by a thread of its own in the pace of the wall clock, and
 * held back while the consumer is behind (the mock broker would drop what is not read in time).
 */
#ifndef EDDY_CMD_DEMO_FEED_H
#define EDDY_CMD_DEMO_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/demo_broker.h"

struct eddy_demo_feed;

struct eddy_demo_feed_options {
  struct eddy_demo_broker *broker;
  uint32_t users;
  uint64_t seed;
  int64_t start_ms; /* event time at which the shoppers wake up */
  int64_t begin_ms; /* what happened before it is sent at once, as a past to start from */
  double speed;     /* event time runs this much faster than the wall clock */
};

/* 0, or -1 if memory or threads are short. */
int eddy_demo_feed_start(struct eddy_demo_feed **feed, const struct eddy_demo_feed_options *options);
void eddy_demo_feed_stop(struct eddy_demo_feed *feed);
/* Stands still while `hold` is set; event time stands still, too. */
void eddy_demo_feed_hold(struct eddy_demo_feed *feed, bool hold);
/* Event time so far, and how many events went out. */
int64_t eddy_demo_feed_time(const struct eddy_demo_feed *feed);
uint64_t eddy_demo_feed_events(const struct eddy_demo_feed *feed);

#endif
