/* Believable shoppers: a seeded stream of events in the order of event time, for `generate`, the demo and the benches.
 *
 * Each shopper has an archetype (loyal, bargain hunter, window shopper, newsletter reader, ...) and lives two lives: visits to
 * the shop (session, views, searches, a cart that is ordered, emptied or left behind) and mail (campaigns that are sent,
 * delivered or bounced, opened by machines and people, clicked, unsubscribed). Both follow a daily rhythm in the shopper's time
 * zone.
 *
 * Deterministic: equal options give equal events. Times never go back. About 0.4 us per event, 120 bytes per shopper; no
 * allocation after eddy_shopper_new(). One thread.
 */
#ifndef EDDY_SOURCE_SHOPPER_H
#define EDDY_SOURCE_SHOPPER_H

#include "eddy/event.h"

struct eddy_shopper_options {
  uint32_t users; /* 1 .. 100,000,000 */
  uint64_t seed;
  int64_t start_ms; /* nothing happens before it; the campaigns start with the first full day after it */
};
void eddy_shopper_options_default(struct eddy_shopper_options *options); /* 1,000 users from 2024-01-01 */

struct eddy_shopper_world;

/* 0, EDDY_E_NOMEM or EDDY_E_INVALID. */
int eddy_shopper_new(struct eddy_shopper_world **world, const struct eddy_shopper_options *options);
void eddy_shopper_free(struct eddy_shopper_world *world);

/* The next event. Views are valid until the next call. There is always one. */
void eddy_shopper_next(struct eddy_shopper_world *world, struct eddy_event *event);
/* When the next thing happens (it may turn out to be no event): a lower bound of the next event's time, for pacing. */
int64_t eddy_shopper_next_time(const struct eddy_shopper_world *world);

#endif
