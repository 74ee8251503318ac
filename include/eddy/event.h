/* The canonical event: what a decoder fills in and an engine folds.
 *
 * One flat struct for all types (DESIGN: schemas/event.avsc is the same record on the wire). All strings are views into
 * the caller's buffer and need to live only until the call that takes the event returns.
 */
#ifndef EDDY_EVENT_H
#define EDDY_EVENT_H

#include "eddy/types.h"

/* Event types: X(CONSTANT, "name on the wire"). The numbers are stable: append only. They equal the symbol positions of
 * the enum EventType in schemas/event.avsc. */
#define EDDY_EVENT_TYPES(X)                       \
  X(EMAIL_SENT, "email_sent")                     \
  X(EMAIL_DELIVERED, "email_delivered")           \
  X(EMAIL_OPENED, "email_opened")                 \
  X(EMAIL_CLICKED, "email_clicked")               \
  X(EMAIL_BOUNCED, "email_bounced")               \
  X(EMAIL_COMPLAINED, "email_complained")         \
  X(EMAIL_UNSUBSCRIBED, "email_unsubscribed")     \
  X(EMAIL_SUBSCRIBED, "email_subscribed")         \
  X(PRODUCT_VIEWED, "product_viewed")             \
  X(PRODUCT_LIST_VIEWED, "product_list_viewed")   \
  X(PRODUCTS_SEARCHED, "products_searched")       \
  X(PRODUCT_ADDED, "product_added")               \
  X(PRODUCT_REMOVED, "product_removed")           \
  X(CART_VIEWED, "cart_viewed")                   \
  X(CART_UPDATED, "cart_updated")                 \
  X(CHECKOUT_STARTED, "checkout_started")         \
  X(ORDER_COMPLETED, "order_completed")           \
  X(ORDER_UPDATED, "order_updated")               \
  X(ORDER_CANCELLED, "order_cancelled")           \
  X(ORDER_REFUNDED, "order_refunded")             \
  X(WISHLIST_ADDED, "wishlist_added")             \
  X(COUPON_APPLIED, "coupon_applied")             \
  X(PAGE_VIEWED, "page_viewed")                   \
  X(SESSION_STARTED, "session_started")           \
  X(LOCATION_UPDATED, "location_updated")         \
  X(PROFILE_UPDATED, "profile_updated")           \
  X(CONSENT_CHANGED, "consent_changed")           \
  X(USER_MERGED, "user_merged")                   \
  X(USER_ERASED, "user_erased")                   \
  X(CUSTOM, "custom")

enum eddy_event_type {
#define X(constant, name) EDDY_##constant,
  EDDY_EVENT_TYPES(X)
#undef X
  EDDY_EVENT_TYPE_COUNT
};

/* Name on the wire ("product_added"); NULL for a number that is no type. */
const char *eddy_event_type_name(enum eddy_event_type type);
/* Type by name on the wire; -1 if there is none. */
int eddy_event_type_find(struct eddy_str name);

/* Limits that a decoder enforces (dead letter beyond them) and an engine relies on. */
enum {
  EDDY_USER_ID_MAX = 255,   /* bytes of UTF-8, at least 1, no control characters */
  EDDY_EVENT_ITEMS_MAX = 256,
  EDDY_EVENT_PROPERTIES_MAX = 256,
};

/* One cart or order line. price is in minor units of the event's currency; `has_price` tells "free" from "not said". */
struct eddy_item {
  struct eddy_str product_id; /* required, 1..255 bytes */
  struct eddy_str name, category, brand, image_url, url;
  int64_t price;
  int32_t quantity; /* >= 0; 1 if the event does not say */
  bool has_price;
};

struct eddy_property {
  struct eddy_str key, value;
};

/* An optional boolean of the wire: -1 not said, 0, 1. */
typedef int8_t eddy_tristate;

struct eddy_event {
  enum eddy_event_type type;
  struct eddy_str user_id;
  int64_t event_time;  /* ms; already clamped by the shell against the record's own time */
  int64_t received_at; /* ms or EDDY_TIME_NONE */
  struct eddy_str event_id; /* deduplication key; absent: no deduplication */
  struct eddy_str source, channel, ip, user_agent, locale, timezone;

  /* e-mail */
  struct eddy_str message_id, campaign_id, template_id, link_id, link_url, list_id, bounce_type, unsubscribe_method;
  eddy_tristate machine_open, bot_suspected;

  /* commerce; value is in minor units of currency, has_value tells 0 from absent */
  struct eddy_str cart_id, checkout_id, order_id, currency, coupon;
  int64_t value;
  bool has_value;
  const struct eddy_item *items;
  uint32_t item_count;

  /* page, place, person */
  struct eddy_str page_url, page_title, referrer, search_query;
  double latitude, longitude; /* degrees, NaN = absent */
  struct eddy_str consent_class, consent_state, merged_into, custom_name;
  const struct eddy_property *properties;
  uint32_t property_count;
};

/* An event with everything absent (times EDDY_TIME_NONE, coordinates NaN, tristates -1). */
extern const struct eddy_event eddy_event_empty;

#endif
