/* Events as a producer sends them: Avro in single-object encoding, keys of 20 bytes, users drawn evenly or by Zipf's law, types
 * drawn from a shop's mix, without items; carts of three lines on request. Seeded: the same events each time. One thread.
 */
#ifndef EDDY_BENCH_TRAFFIC_H
#define EDDY_BENCH_TRAFFIC_H

#include "base/memory.h"
#include "base/rng.h"
#include "eddy/event.h"

enum { EDDY_TRAFFIC_ID = 20 };

struct eddy_traffic {
  struct eddy_rng rng;
  uint64_t seed, number; /* together they name an event */
  uint32_t users;
  double zipf;   /* exponent of Zipf's law, 0 = evenly */
  uint32_t user; /* of the event that was made last */
  char user_id[EDDY_TRAFFIC_ID + 1];
  struct eddy_buffer value;
};

void eddy_traffic_init(struct eddy_traffic *traffic, uint64_t seed, uint32_t users, double zipf);
void eddy_traffic_fini(struct eddy_traffic *traffic);
/* Makes the next event: the key in user_id, the bytes in value. */
void eddy_traffic_make(struct eddy_traffic *traffic, int64_t event_time);
/* The same for this user. */
void eddy_traffic_make_for(struct eddy_traffic *traffic, uint32_t user, int64_t event_time);
/* Makes a cart_updated of three lines for this user. */
void eddy_traffic_make_cart(struct eddy_traffic *traffic, uint32_t user, int64_t event_time);

#endif
