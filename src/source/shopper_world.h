/* The inside of source/shopper.h, for its three files: shopper.c (the world and its clock), shopper_visit.c (what a shopper
 * does in the shop), shopper_mail.c (what mail does to it).
 *
 * A step function is called when the shopper's time has come; it fills in the event and returns true, or decides that nothing
 * happens and returns false. Either way it has set the time of its next call, later than now.
 */
#ifndef EDDY_SOURCE_SHOPPER_WORLD_H
#define EDDY_SOURCE_SHOPPER_WORLD_H

#include "base/rng.h"
#include "base/timer_queue.h"
#include "source/shopper.h"
#include "source/shopper_catalogue.h"

enum { EDDY_SHOPPER_LINES = 6, EDDY_SHOPPER_TEXT = 40 };

enum eddy_visit_phase { EDDY_VISIT_AWAY, EDDY_VISIT_BROWSING, EDDY_VISIT_COUPON, EDDY_VISIT_CHECKOUT, EDDY_VISIT_EMPTYING };
enum eddy_mail_phase {
  EDDY_MAIL_WAIT,
  EDDY_MAIL_SENT,
  EDDY_MAIL_MACHINE,
  EDDY_MAIL_OPEN,
  EDDY_MAIL_CLICK,
  EDDY_MAIL_UNSUBSCRIBE
};

struct shopper_line {
  uint8_t product, quantity;
};

struct shopper {
  struct eddy_timer timer; /* first member; due = min(visit_at, mail_at); seq = number */
  int64_t visit_at, mail_at;
  int64_t left_at; /* end of the last visit */
  uint8_t archetype, zone;
  uint8_t visit_phase, mail_phase;
  uint8_t steps_left; /* of this visit */
  uint8_t product;    /* looked at last */
  uint8_t line_count;
  bool machine_mail;              /* the mail program opens everything by itself */
  bool by_mail;                   /* this visit came from a click */
  uint16_t cart, order, campaign; /* counters */
  struct shopper_line lines[EDDY_SHOPPER_LINES];
};

struct eddy_shopper_world {
  struct eddy_shopper_options options;
  struct eddy_rng rng;
  struct eddy_timer_queue queue; /* of shoppers, by their next time */
  struct shopper *shoppers;
  int64_t now;
  uint64_t events;
  int64_t first_campaign;
  /* texts and items of the current event */
  char user_id[EDDY_SHOPPER_TEXT], event_id[EDDY_SHOPPER_TEXT], cart_id[EDDY_SHOPPER_TEXT], order_id[EDDY_SHOPPER_TEXT],
      campaign_id[EDDY_SHOPPER_TEXT], message_id[EDDY_SHOPPER_TEXT];
  struct eddy_item items[EDDY_SHOPPER_LINES];
};

bool eddy_shopper_visit(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event);
bool eddy_shopper_mail(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event);
/* First times of a shopper that was just made. */
void eddy_shopper_visit_later(struct eddy_shopper_world *world, struct shopper *shopper);
void eddy_shopper_mail_later(struct eddy_shopper_world *world, struct shopper *shopper);

/* Draws ---------------------------------------------------------------------------------------------------------------------*/

static inline bool eddy_shopper_chance(struct eddy_shopper_world *world, double probability) {
  return eddy_rng_unit(&world->rng) < probability;
}
/* Uniform in [low, high) ms. */
static inline int64_t eddy_shopper_between(struct eddy_shopper_world *world, int64_t low, int64_t high) {
  return low + (int64_t)eddy_rng_below(&world->rng, (uint64_t)(high - low));
}
/* Exponential with this mean, at least 1 ms, at most 20 means. */
int64_t eddy_shopper_wait(struct eddy_shopper_world *world, int64_t mean_ms);
/* `time`, moved on to an hour at which this shopper is awake more often than not. */
int64_t eddy_shopper_rhythm(struct eddy_shopper_world *world, const struct shopper *shopper, int64_t time);

/* "prefix" + decimal number + "-" + decimal number; a number below zero is left out with its dash. */
struct eddy_str eddy_shopper_text(char text[EDDY_SHOPPER_TEXT], const char *prefix, int64_t first, int64_t second);

#endif
