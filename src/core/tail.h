/* The variable part of a profile: carts, armed times, fired marks, recent items, attributes, consent.
 *
 * At rest it is one packed byte string in a pool block (most users have none). An event that touches it decodes the bytes into
 * the engine's one working `struct eddy_tail`, changes that, and encodes it again; nothing is allocated on the way. Strings in
 * the working form are views into the packed bytes or into the event.
 *
 * The bytes have two sections, folded then published (DURABILITY rule 1): everything under "folded" is a pure function of the
 * user's events; everything under "published" changes only together with an effect.
 */
#ifndef EDDY_CORE_TAIL_H
#define EDDY_CORE_TAIL_H

#include "eddy/effect.h"
#include "eddy/engine.h"

enum {
  EDDY_TAIL_CARTS_MAX = 16,
  EDDY_TAIL_LINES_MAX = 256,
  EDDY_TAIL_ARMED_MAX = 48,  /* (trigger, subject) pairs */
  EDDY_TAIL_TIMES_MAX = 64,  /* times of one pair */
  EDDY_TAIL_MARKS_MAX = 64,
  EDDY_TAIL_VIEWED_MAX = 32,
  EDDY_TAIL_ATTRIBUTES_MAX = 64,
};

/* One signed change of a cart. Changes older than the user's newest time minus the allowed lateness are merged per product. */
struct eddy_cart_change {
  struct eddy_str product_id, name, category; /* name and category cut to 127 bytes */
  int64_t price;
  int64_t time;
  int32_t quantity; /* > 0 added, < 0 removed; of a snapshot: the quantity in it */
  bool has_price;
};

/* A cart: what it held at `base_time` (all older changes are gone: a snapshot, an order or the expiry replaced them) and the
 * changes since. `resets` are the times of snapshots and orders that late events may still precede. */
struct eddy_cart {
  struct eddy_str cart_id;  /* empty: the default cart */
  struct eddy_str currency; /* of the newest priced change */
  int64_t newest_time;
  int64_t resets[8];        /* ascending; a change at time t counts at time T >= t iff no reset lies in (t, T] */
  uint8_t reset_count;
  uint16_t first_change, change_count; /* in eddy_tail.changes */
};

/* One event time of an armed deadline, see core/trigger.h. */
struct eddy_armed_time {
  int64_t time;
  uint8_t type;              /* enum eddy_event_type */
  bool arms;                 /* an `after` event; false: an exit */
  struct eddy_str event_id;  /* of the event, cut to 63 bytes; absent for exits */
};
struct eddy_armed {
  uint16_t trigger;          /* position in the spec */
  struct eddy_str subject;
  uint16_t first_time, time_count; /* in eddy_tail.times, ascending by time */
};

/* What has been decided about a (trigger, subject, step): no deadline at or before `due` is decided again. */
struct eddy_fired_mark {
  uint32_t trigger_hash;     /* of the trigger's name */
  uint8_t step;
  bool fired;                /* false: suppressed */
  uint64_t subject_hash;
  int64_t due;
};

struct eddy_viewed_item {
  struct eddy_str product_id;
  int64_t time;
};
struct eddy_attribute {
  struct eddy_str key, value;
  int64_t time;              /* newest wins, whatever the order of arrival */
};

struct eddy_tail {
  /* folded */
  struct eddy_cart carts[EDDY_TAIL_CARTS_MAX];
  struct eddy_cart_change changes[EDDY_TAIL_LINES_MAX];
  struct eddy_armed armed[EDDY_TAIL_ARMED_MAX];
  struct eddy_armed_time times[EDDY_TAIL_ARMED_MAX * EDDY_TAIL_TIMES_MAX];
  struct eddy_viewed_item viewed[EDDY_TAIL_VIEWED_MAX];
  struct eddy_attribute attributes[EDDY_TAIL_ATTRIBUTES_MAX];
  uint16_t cart_count, change_count, armed_count, time_count, viewed_count, attribute_count;
  int64_t unsubscribed_at, subscribed_at; /* newest of each, or EDDY_TIME_NONE; unsubscribed iff the first is later or equal */
  /* published */
  struct eddy_fired_mark marks[EDDY_TAIL_MARKS_MAX];
  uint16_t mark_count;
};

void eddy_tail_clear(struct eddy_tail *tail);
bool eddy_tail_empty(const struct eddy_tail *tail);
/* Encodes; returns the size, 0 for an empty tail, SIZE_MAX if it does not fit. The first section's size is stored in front. */
size_t eddy_tail_encode(const struct eddy_tail *tail, void *buffer, size_t capacity);
/* Decodes (views into `bytes`). 0 or EDDY_E_CORRUPT: also used on bytes from outside (snapshots, changelog). */
int eddy_tail_decode(struct eddy_tail *tail, const void *bytes, size_t size);

#endif
