/* What the shop of the generator sells, and the kinds of people who come. Constant data. */
#ifndef EDDY_SOURCE_SHOPPER_CATALOGUE_H
#define EDDY_SOURCE_SHOPPER_CATALOGUE_H

#include "eddy/event.h"

enum { EDDY_CATALOGUE_PRODUCTS = 48, EDDY_CATALOGUE_CATEGORIES = 8, EDDY_CATALOGUE_PER_CATEGORY = 6 };

/* Products of one category stand together, EDDY_CATALOGUE_PER_CATEGORY of them. */
struct eddy_catalogue_product {
  struct eddy_str id, name, category, brand, url, query; /* query = what people search for to find it */
  int64_t price;                                         /* cents */
};
extern const struct eddy_catalogue_product eddy_catalogue[EDDY_CATALOGUE_PRODUCTS];
extern const struct eddy_str eddy_catalogue_pages[EDDY_CATALOGUE_CATEGORIES]; /* URL of a category's list */

/* What a shopper may do next while browsing: relative weights. */
#define EDDY_SHOPPER_ACTIONS(X) X(VIEW) X(LIST) X(SEARCH) X(PAGE) X(WISH) X(ADD) X(REMOVE) X(UPDATE) X(LOOK)
enum eddy_shopper_action {
#define X(name) EDDY_SHOP_##name,
  EDDY_SHOPPER_ACTIONS(X)
#undef X
      EDDY_SHOPPER_ACTION_COUNT
};

struct eddy_archetype {
  const char *name;
  double share;           /* of all shoppers */
  int64_t visit_every_ms; /* mean time between visits */
  double steps;           /* mean length of a visit */
  uint8_t actions[EDDY_SHOPPER_ACTION_COUNT];
  uint8_t favourite;                  /* category that it looks at half of the time */
  double orders, empties;             /* what becomes of a cart at the end of a visit; the rest is left behind */
  double coupon;                      /* share of orders with a coupon */
  double opens, clicks, unsubscribes; /* per delivered mail; clicks per open */
  double clicks_buy;                  /* added to `orders` when a click brought the shopper */
};
enum { EDDY_ARCHETYPE_COUNT = 8 };
extern const struct eddy_archetype eddy_archetypes[EDDY_ARCHETYPE_COUNT];

#endif
