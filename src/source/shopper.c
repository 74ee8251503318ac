#include "source/shopper.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/fmath.h"
#include "base/hash.h"
#include "source/shopper_world.h"

/* Draws ---------------------------------------------------------------------------------------------------------------------*/

int64_t eddy_shopper_wait(struct eddy_shopper_world *world, int64_t mean_ms) {
  double drawn = -eddy_ln(1 - eddy_rng_unit(&world->rng));
  return 1 + (int64_t)((drawn < 20 ? drawn : 20) * (double)mean_ms);
}

/* How awake people are by the hour of the day, in percent: lunch and evening peaks. */
static const uint8_t awake[24] = {12, 6, 4, 3, 3, 5, 14, 28, 42, 52, 58, 62, 70, 62, 56, 56, 58, 64, 74, 88, 100, 94, 64, 30};

/* Hours east of UTC of the zones below. */
static const struct {
  int8_t hours;
  struct eddy_str name;
} zones[] = {
    {1, {"Europe/Berlin", 13}}, {0, {"Europe/London", 13}}, {-5, {"America/New_York", 16}}, {2, {"Europe/Athens", 13}}};
enum { ZONES = sizeof zones / sizeof zones[0], RHYTHM_TRIES = 16 };

int64_t eddy_shopper_rhythm(struct eddy_shopper_world *world, const struct shopper *shopper, int64_t time) {
  for (int i = 0; i < RHYTHM_TRIES; i++) {
    int64_t local = time + zones[shopper->zone].hours * EDDY_HOUR_MS;
    int64_t hour = ((local / EDDY_HOUR_MS) % 24 + 24) % 24;
    if (eddy_rng_below(&world->rng, 100) < awake[hour]) break;
    time += eddy_shopper_between(world, EDDY_HOUR_MS / 2, 12 * EDDY_HOUR_MS); /* not the next morning for everybody */
  }
  return time;
}

/* Texts ---------------------------------------------------------------------------------------------------------------------*/

static char *put_number(char *at, int64_t number) {
  char reversed[20];
  int count = 0;
  do {
    reversed[count++] = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  while (count) *at++ = reversed[--count];
  return at;
}

struct eddy_str eddy_shopper_text(char text[EDDY_SHOPPER_TEXT], const char *prefix, int64_t first, int64_t second) {
  size_t size = strlen(prefix);
  memcpy(text, prefix, size);
  char *at = put_number(text + size, first);
  if (second >= 0) {
    *at++ = '-';
    at = put_number(at, second);
  }
  return (struct eddy_str){text, (uint32_t)(at - text)};
}

/* "u" + 10 digits: ids of equal length look like ids. */
static struct eddy_str user_text(char text[EDDY_SHOPPER_TEXT], uint32_t number) {
  text[0] = 'u';
  for (int i = 10; i >= 1; i--) {
    text[i] = (char)('0' + number % 10);
    number /= 10;
  }
  return (struct eddy_str){text, 11};
}

/* 16 hex digits, distinct within 2^64 events of a seed: the finaliser is a bijection. */
static struct eddy_str event_text(char text[EDDY_SHOPPER_TEXT], uint64_t seed, uint64_t number) {
  uint64_t bits = eddy_hash_mix(eddy_hash_mix(seed) + number);
  for (int i = 0; i < 16; i++) text[i] = "0123456789abcdef"[(bits >> (60 - 4 * i)) & 15];
  return (struct eddy_str){text, 16};
}

/* The world -----------------------------------------------------------------------------------------------------------------*/

enum { USERS_MAX = 100000000 };

void eddy_shopper_options_default(struct eddy_shopper_options *options) {
  *options = (struct eddy_shopper_options){.users = 1000, .seed = 1, .start_ms = INT64_C(1704067200000)};
}

static uint8_t draw_archetype(struct eddy_shopper_world *world) {
  double left = eddy_rng_unit(&world->rng);
  uint8_t archetype = 0;
  while (archetype < EDDY_ARCHETYPE_COUNT - 1 && left >= eddy_archetypes[archetype].share)
    left -= eddy_archetypes[archetype++].share;
  return archetype;
}

static void arm(struct eddy_shopper_world *world, struct shopper *shopper) {
  eddy_timer_queue_arm(&world->queue, &shopper->timer,
                       shopper->visit_at < shopper->mail_at ? shopper->visit_at : shopper->mail_at);
}

static void make_shopper(struct eddy_shopper_world *world, uint32_t number) {
  struct shopper *shopper = &world->shoppers[number];
  shopper->timer.seq = number;
  shopper->archetype = draw_archetype(world);
  shopper->zone = (uint8_t)eddy_rng_below(&world->rng, ZONES);
  shopper->machine_mail = eddy_shopper_chance(world, 0.25);
  shopper->product = (uint8_t)eddy_rng_below(&world->rng, EDDY_CATALOGUE_PRODUCTS);
  shopper->left_at = world->now;
  eddy_shopper_visit_later(world, shopper);
  eddy_shopper_mail_later(world, shopper);
  arm(world, shopper);
}

int eddy_shopper_new(struct eddy_shopper_world **world, const struct eddy_shopper_options *options) {
  *world = NULL;
  if (options->users < 1 || options->users > USERS_MAX) return EDDY_E_INVALID;
  struct eddy_shopper_world *made = calloc(1, sizeof *made);
  if (!made) return EDDY_E_NOMEM;
  made->options = *options;
  made->now = options->start_ms;
  made->first_campaign = (options->start_ms / EDDY_DAY_MS + 1) * EDDY_DAY_MS;
  made->shoppers = calloc(options->users, sizeof *made->shoppers);
  if (!made->shoppers) {
    free(made);
    return EDDY_E_NOMEM;
  }
  eddy_rng_seed(&made->rng, options->seed);
  eddy_timer_queue_init(&made->queue);
  for (uint32_t i = 0; i < options->users; i++) make_shopper(made, i);
  *world = made;
  return 0;
}

void eddy_shopper_free(struct eddy_shopper_world *world) {
  if (!world) return;
  free(world->shoppers);
  free(world);
}

static void sign(struct eddy_shopper_world *world, const struct shopper *shopper, struct eddy_event *event) {
  event->user_id = user_text(world->user_id, shopper->timer.seq);
  event->event_id = event_text(world->event_id, world->options.seed, world->events++);
  event->event_time = world->now;
  event->source = EDDY_STR("generator");
  if (event->type == EDDY_SESSION_STARTED) event->timezone = zones[shopper->zone].name;
}

void eddy_shopper_next(struct eddy_shopper_world *world, struct eddy_event *event) {
  bool happened = false;
  while (!happened) {
    struct eddy_timer *timer = eddy_timer_queue_pop(&world->queue, INT64_MAX);
    EDDY_ASSERT(timer); /* everybody always has a next time */
    struct shopper *shopper = (struct shopper *)(void *)timer;
    bool mail = shopper->mail_at <= shopper->visit_at;
    world->now = mail ? shopper->mail_at : shopper->visit_at;
    *event = eddy_event_empty;
    happened = mail ? eddy_shopper_mail(world, shopper, event) : eddy_shopper_visit(world, shopper, event);
    if (happened) sign(world, shopper, event);
    arm(world, shopper);
  }
}

int64_t eddy_shopper_next_time(const struct eddy_shopper_world *world) {
  return eddy_timer_queue_next(&world->queue);
}
