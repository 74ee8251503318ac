/* The variable part of a profile: carts, armed times, fired marks, recent items, attributes, consent.
 *
 * At rest it is one packed byte string in a pool block (most users have none). An event that touches it decodes the bytes into
 * the engine's one working `struct eddy_tail`, changes that, and encodes it again; nothing is allocated on the way. Strings in
 * the working form are views into the packed bytes or into the event, so encode into another buffer than was decoded from.
 *
 * The bytes have two sections, folded then published (DURABILITY rule 1): everything under "folded" is a pure function of the
 * user's events; everything under "published" changes only together with an effect.
 *
 * The floor. An event that is not late beyond spec.allowed_lateness has a time >= floor = the user's newest time - lateness,
 * and every deadline <= floor was decided before the event that moved the floor there was folded. So what lies below the floor
 * can be merged, and what lies above it is kept apart: that is all the exactness under disorder rests on.
 *
 * Cost: decoding, folding and encoding are linear in what the tail holds; clearing touches the counts alone.
 * Thread: whoever owns the engine.
 */
#ifndef EDDY_CORE_TAIL_H
#define EDDY_CORE_TAIL_H

#include "eddy/effect.h"
#include "eddy/engine.h"

enum {
  EDDY_TAIL_CARTS_MAX = 16,
  EDDY_TAIL_LINES_MAX = 256, /* merged lines and changes of all carts together */
  EDDY_TAIL_SETTLED_MAX = 8,
  EDDY_TAIL_ARMED_MAX = 48,  /* (trigger, subject) pairs */
  EDDY_TAIL_TIMES_MAX = 64,  /* times of one pair */
  EDDY_TAIL_CONSENT_MAX = 32, /* beyond it the oldest is forgotten */
  EDDY_TAIL_VIEWED_MAX = 32,
  EDDY_TAIL_ATTRIBUTES_MAX = 64,
  /* At most two marks per (pair, step) guard a deadline whose times are still kept; spec.limits bounds the others. */
  EDDY_TAIL_MARKS_MAX = 2 * EDDY_STEPS_MAX * EDDY_TAIL_ARMED_MAX,

  EDDY_TAIL_TEXT_MAX = 127,  /* bytes of a name or category, the rest is cut off */
  EDDY_TAIL_ID_MAX = 255,    /* of a cart id or product id */
  EDDY_TAIL_EVENT_ID_MAX = 63,
  EDDY_TAIL_CURRENCY_MAX = 7,
};

/* What a change does to its cart. At equal times they apply in this order, see core/cart.h. */
enum eddy_cart_change_kind { EDDY_CART_RESET, EDDY_CART_SET, EDDY_CART_ADD, EDDY_CART_REMOVE };

/* One line of a cart. As a change: what happened at `time`. As a merged line: the sum of all changes below the floor, `time`
 * that of the newest addition; of a line that went negative (removed before it was ever added) only the quantity counts. */
struct eddy_cart_change {
  struct eddy_str product_id; /* absent in a reset */
  struct eddy_str name, category, currency;
  int64_t price;
  int64_t time;
  int32_t quantity;           /* signed: removals are negative */
  bool has_price;
  uint8_t kind;               /* enum eddy_cart_change_kind; ADD in a merged line */
  uint8_t cart;               /* position in eddy_tail.carts */
};

/* A cart: merged lines and later changes carry its position. It is gone once nothing happened to it for cart_ttl. */
struct eddy_cart {
  struct eddy_str cart_id;    /* empty: the default cart */
  int64_t base_time;          /* newest change merged into the lines, EDDY_TIME_NONE if none was */
  int64_t base_reset;         /* newest reset among those, or EDDY_TIME_NONE */
  bool filled;                /* something was added among those */
};

/* One time at which something happened to a (trigger, subject), see core/triggers/absence.c. */
struct eddy_armed_time {
  int64_t time;
  uint8_t type;               /* enum eddy_event_type; 0 unless `arms` */
  bool arms;                  /* sets deadlines that may still be decided; false: only ends those before it */
  struct eddy_str event_id;   /* absent unless `arms` and known */
};
struct eddy_armed {
  uint16_t trigger;           /* position in the spec */
  uint16_t first_time, time_count; /* in eddy_tail.times, ascending by (time, arms first, type, event_id) */
  struct eddy_str subject;    /* cart id; empty: user or default cart; absent: exits of all carts of the user */
};

/* What has been decided about a (trigger, subject, step): no deadline at or before `due` is decided again. */
struct eddy_fired_mark {
  uint64_t subject_hash;      /* 0: the empty subject */
  int64_t due;
  uint32_t trigger_hash;      /* of the trigger's name */
  uint8_t step;
  bool fired;                 /* or would have, but for shadow mode; false: suppressed */
};

/* A change of consent before the newest ones. */
struct eddy_consent_time {
  int64_t time;
  bool subscribed;
};

struct eddy_viewed_item {
  struct eddy_str product_id;
  int64_t time;
};
struct eddy_attribute {
  struct eddy_str key, value;
  int64_t time;               /* newest wins, whatever the order of arrival */
};

struct eddy_tail {
  /* folded */
  int64_t floor;              /* EDDY_TIME_NONE until a cart or trigger was folded */
  struct eddy_cart carts[EDDY_TAIL_CARTS_MAX];             /* ascending by cart_id */
  struct eddy_cart_change lines[EDDY_TAIL_LINES_MAX];      /* merged, in order of first mention */
  struct eddy_cart_change changes[EDDY_TAIL_LINES_MAX];    /* at or above the floor, ascending by (time, cart, kind, ...) */
  int64_t settled[EDDY_TAIL_SETTLED_MAX];                  /* orders without cart id at or above the floor, ascending */
  struct eddy_armed armed[EDDY_TAIL_ARMED_MAX];            /* ascending by (trigger, subject), absent subject first */
  struct eddy_armed_time times[EDDY_TAIL_ARMED_MAX * EDDY_TAIL_TIMES_MAX]; /* pair by pair */
  struct eddy_consent_time consent[EDDY_TAIL_CONSENT_MAX]; /* ascending by time */
  struct eddy_viewed_item viewed[EDDY_TAIL_VIEWED_MAX];
  struct eddy_attribute attributes[EDDY_TAIL_ATTRIBUTES_MAX];
  uint16_t cart_count, line_count, change_count, settled_count, armed_count, time_count, consent_count, viewed_count,
      attribute_count;
  int64_t unsubscribed_at, subscribed_at; /* newest of each, or EDDY_TIME_NONE; unsubscribed iff the first is later or equal */
  /* published */
  struct eddy_fired_mark marks[EDDY_TAIL_MARKS_MAX];       /* oldest decision first */
  uint16_t mark_count;
};

void eddy_tail_clear(struct eddy_tail *tail);
bool eddy_tail_empty(const struct eddy_tail *tail);
/* Encodes; returns the size, 0 for an empty tail, SIZE_MAX if it does not fit. The first section's size is stored in front. */
size_t eddy_tail_encode(const struct eddy_tail *tail, void *buffer, size_t capacity);
/* Size of the folded section of a tail's bytes; SIZE_MAX of bytes that are none. */
size_t eddy_tail_folded_size(const void *bytes, size_t size);
/* Decodes (views into `bytes`). 0 or EDDY_E_CORRUPT: also used on bytes from outside (snapshots, changelog). */
int eddy_tail_decode(struct eddy_tail *tail, const void *bytes, size_t size);

/* Moves the floor on for a fold; it never goes back. Returns it. */
int64_t eddy_tail_raise_floor(struct eddy_tail *tail, const struct eddy_spec *spec, int64_t newest);

/* Bytewise; an absent string sorts before an empty one. */
int eddy_tail_compare(struct eddy_str a, struct eddy_str b);
/* At most `max` bytes, never half a character of UTF-8. */
struct eddy_str eddy_tail_cut(struct eddy_str str, uint32_t max);
/* Times from outside may be anything: sums and differences stop at the ends of int64_t. */
int64_t eddy_time_add(int64_t a, int64_t b);
int64_t eddy_time_sub(int64_t a, int64_t b);

#endif
