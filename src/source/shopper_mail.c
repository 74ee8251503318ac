/* Mail: a campaign every 60 hours to everybody who did not leave the list, and what becomes of it. */
#include "base/hash.h"
#include "source/shopper_world.h"

static const int64_t campaign_every = 60 * EDDY_HOUR_MS;
/* Long enough for "never": 2,200 years. */
static const int64_t never = INT64_C(1) << 46;

static const struct eddy_archetype *kind(const struct shopper *shopper) {
  return &eddy_archetypes[shopper->archetype];
}

/* A campaign goes out within two hours; who gets it when is the same for every campaign. */
void eddy_shopper_mail_later(struct eddy_shopper_world *world, struct shopper *shopper) {
  int64_t spread = (int64_t)(eddy_hash_mix(shopper->timer.seq) % (uint64_t)(2 * EDDY_HOUR_MS));
  int64_t base = world->first_campaign + 8 * EDDY_HOUR_MS + spread;
  int64_t next = world->now < base ? 0 : (world->now - base) / campaign_every + 1;
  shopper->campaign = (uint16_t)next;
  shopper->mail_phase = EDDY_MAIL_WAIT;
  shopper->mail_at = base + next * campaign_every;
}

static void mail_never(struct eddy_shopper_world *world, struct shopper *shopper) {
  shopper->mail_phase = EDDY_MAIL_WAIT;
  shopper->mail_at = world->now + never;
}

static void next_in(struct eddy_shopper_world *world, struct shopper *shopper, enum eddy_mail_phase phase, int64_t wait) {
  shopper->mail_phase = (uint8_t)phase;
  shopper->mail_at = world->now + (wait > 0 ? wait : 1);
}

/* When the person (not the program) looks at it, or the next campaign if never. */
static void plan_open(struct eddy_shopper_world *world, struct shopper *shopper) {
  if (!eddy_shopper_chance(world, kind(shopper)->opens)) {
    eddy_shopper_mail_later(world, shopper);
    return;
  }
  int64_t at = eddy_shopper_rhythm(world, shopper, world->now + eddy_shopper_wait(world, 3 * EDDY_HOUR_MS));
  next_in(world, shopper, EDDY_MAIL_OPEN, at - world->now);
}

static void write_mail(struct eddy_shopper_world *world, const struct shopper *shopper, struct eddy_event *event,
                       enum eddy_event_type type) {
  event->type = type;
  event->channel = EDDY_STR("email");
  event->campaign_id = eddy_shopper_text(world->campaign_id, "campaign-", shopper->campaign, -1);
  event->message_id = eddy_shopper_text(world->message_id, "m-", shopper->timer.seq, shopper->campaign);
  event->list_id = EDDY_STR("newsletter");
}

static void deliver(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  double fate = eddy_rng_unit(&world->rng);
  write_mail(world, shopper, event, fate < 0.006 ? EDDY_EMAIL_BOUNCED : EDDY_EMAIL_DELIVERED);
  if (fate < 0.001) {
    event->bounce_type = EDDY_STR("hard");
    mail_never(world, shopper);
  } else if (fate < 0.006) {
    event->bounce_type = EDDY_STR("soft");
    eddy_shopper_mail_later(world, shopper);
  } else if (shopper->machine_mail) {
    next_in(world, shopper, EDDY_MAIL_MACHINE, eddy_shopper_between(world, EDDY_SECOND_MS, 20 * EDDY_SECOND_MS));
  } else {
    plan_open(world, shopper);
  }
}

static void open_mail(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  double fate = eddy_rng_unit(&world->rng);
  write_mail(world, shopper, event, EDDY_EMAIL_OPENED);
  int64_t reading = eddy_shopper_between(world, 4 * EDDY_SECOND_MS, 90 * EDDY_SECOND_MS);
  if (fate < kind(shopper)->clicks) {
    next_in(world, shopper, EDDY_MAIL_CLICK, reading);
  } else if (fate < kind(shopper)->clicks + kind(shopper)->unsubscribes) {
    next_in(world, shopper, EDDY_MAIL_UNSUBSCRIBE, reading);
  } else {
    eddy_shopper_mail_later(world, shopper);
  }
}

/* A click brings the shopper to the shop, if it is not there already. */
static void click(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  write_mail(world, shopper, event, EDDY_EMAIL_CLICKED);
  event->link_id = EDDY_STR("hero");
  event->link_url = eddy_catalogue[shopper->product].url;
  if (shopper->visit_phase == EDDY_VISIT_AWAY) {
    shopper->visit_at = world->now + eddy_shopper_between(world, EDDY_SECOND_MS, 4 * EDDY_SECOND_MS);
    shopper->by_mail = true;
  }
  eddy_shopper_mail_later(world, shopper);
}

static void leave_list(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  bool complained = eddy_shopper_chance(world, 0.1);
  write_mail(world, shopper, event, complained ? EDDY_EMAIL_COMPLAINED : EDDY_EMAIL_UNSUBSCRIBED);
  if (!complained) event->unsubscribe_method = EDDY_STR("link");
  mail_never(world, shopper);
}

bool eddy_shopper_mail(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  switch ((enum eddy_mail_phase)shopper->mail_phase) {
    case EDDY_MAIL_WAIT:
      write_mail(world, shopper, event, EDDY_EMAIL_SENT);
      next_in(world, shopper, EDDY_MAIL_SENT, eddy_shopper_between(world, EDDY_SECOND_MS / 2, 30 * EDDY_SECOND_MS));
      break;
    case EDDY_MAIL_SENT:
      deliver(world, shopper, event);
      break;
    case EDDY_MAIL_MACHINE:
      write_mail(world, shopper, event, EDDY_EMAIL_OPENED);
      event->machine_open = 1;
      plan_open(world, shopper);
      break;
    case EDDY_MAIL_OPEN:
      open_mail(world, shopper, event);
      break;
    case EDDY_MAIL_CLICK:
      click(world, shopper, event);
      break;
    case EDDY_MAIL_UNSUBSCRIBE:
      leave_list(world, shopper, event);
      break;
  }
  return true;
}
