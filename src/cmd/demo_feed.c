#include "cmd/demo_feed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "codec/container.h"
#include "daemon/clock.h"
#include "source/shopper.h"

enum { STEP_MS = 10, STEP_MS_MAX = 100 };

struct eddy_demo_feed {
  struct eddy_demo_feed_options options;
  struct eddy_shopper_world *world;
  struct eddy_buffer value;
  uint8_t header[10];
  pthread_t thread;
  _Atomic bool stop, hold;
  _Atomic int64_t time_ms;
  _Atomic uint64_t events;
};

static int produce_next(struct eddy_demo_feed *feed) {
  struct eddy_event event;
  eddy_shopper_next(feed->world, &event);
  feed->value.size = 0;
  if (eddy_buffer_append(&feed->value, feed->header, sizeof feed->header) != 0 ||
      eddy_event_encode(&event, &feed->value) != 0) {
    return -1;
  }
  atomic_fetch_add_explicit(&feed->events, 1, memory_order_relaxed);
  return eddy_demo_broker_produce(feed->options.broker, event.user_id.data, event.user_id.len, feed->value.data,
                                  feed->value.size);
}

static void *feed_main(void *ctx) {
  struct eddy_demo_feed *feed = ctx;
  const struct timespec wait = {.tv_nsec = STEP_MS * 1000000};
  int64_t before = eddy_clock_mono();
  double time_ms = (double)feed->options.begin_ms;
  while (!atomic_load(&feed->stop)) {
    nanosleep(&wait, NULL);
    int64_t now = eddy_clock_mono(), passed = now - before;
    before = now;
    if (atomic_load(&feed->hold)) continue;
    /* After a pause of the whole process time goes on from where it was, so that no flood follows. */
    time_ms += (double)(passed < STEP_MS_MAX ? passed : STEP_MS_MAX) * feed->options.speed;
    while (eddy_shopper_next_time(feed->world) <= (int64_t)time_ms && !atomic_load(&feed->stop)) {
      if (produce_next(feed) != 0) break;
    }
    atomic_store(&feed->time_ms, (int64_t)time_ms);
  }
  return NULL;
}

static void free_feed(struct eddy_demo_feed *feed) {
  eddy_shopper_free(feed->world);
  eddy_buffer_fini(&feed->value);
  free(feed);
}

int eddy_demo_feed_start(struct eddy_demo_feed **started, const struct eddy_demo_feed_options *options) {
  struct eddy_demo_feed *feed = calloc(1, sizeof *feed);
  struct eddy_shopper_options shoppers;
  *started = NULL;
  if (!feed) return -1;
  eddy_shopper_options_default(&shoppers);
  shoppers.users = options->users;
  shoppers.seed = options->seed;
  shoppers.start_ms = options->start_ms;
  feed->options = *options;
  feed->time_ms = options->begin_ms;
  eddy_buffer_init(&feed->value, &eddy_allocator_malloc);
  eddy_event_header(feed->header);
  if (eddy_shopper_new(&feed->world, &shoppers) != 0 || pthread_create(&feed->thread, NULL, feed_main, feed) != 0) {
    free_feed(feed);
    return -1;
  }
  *started = feed;
  return 0;
}

void eddy_demo_feed_stop(struct eddy_demo_feed *feed) {
  if (!feed) return;
  atomic_store(&feed->stop, true);
  pthread_join(feed->thread, NULL);
  free_feed(feed);
}

void eddy_demo_feed_hold(struct eddy_demo_feed *feed, bool hold) {
  atomic_store(&feed->hold, hold);
}
int64_t eddy_demo_feed_time(const struct eddy_demo_feed *feed) {
  return atomic_load(&feed->time_ms);
}
uint64_t eddy_demo_feed_events(const struct eddy_demo_feed *feed) {
  return atomic_load(&feed->events);
}
