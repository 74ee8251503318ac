/* Visits to the shop: a session, some browsing, and what becomes of the cart. */
#include "source/shopper_world.h"

enum { CART_DAYS_MAX = 10 };

static const struct eddy_archetype *kind(const struct shopper *shopper) {
  return &eddy_archetypes[shopper->archetype];
}

static void next_in(struct eddy_shopper_world *world, struct shopper *shopper, int64_t low, int64_t high) {
  shopper->visit_at = world->now + eddy_shopper_between(world, low, high);
}

void eddy_shopper_visit_later(struct eddy_shopper_world *world, struct shopper *shopper) {
  int64_t wait = eddy_shopper_wait(world, kind(shopper)->visit_every_ms);
  shopper->visit_phase = EDDY_VISIT_AWAY;
  shopper->by_mail = false;
  shopper->left_at = world->now;
  shopper->visit_at = eddy_shopper_rhythm(world, shopper, world->now + wait);
}

/* Events --------------------------------------------------------------------------------------------------------------------*/

static const struct eddy_str currency = {"USD", 3};

static void write_visit(struct eddy_event *event, enum eddy_event_type type, const struct shopper *shopper) {
  static const struct eddy_str channels[2] = {{"web", 3}, {"app", 3}};
  event->type = type;
  event->channel = channels[shopper->timer.seq % 3 == 0];
}

static void write_item(struct eddy_item *item, uint8_t product, uint8_t quantity) {
  const struct eddy_catalogue_product *row = &eddy_catalogue[product];
  *item = (struct eddy_item){.product_id = row->id,
                             .name = row->name,
                             .category = row->category,
                             .brand = row->brand,
                             .url = row->url,
                             .price = row->price,
                             .has_price = true,
                             .quantity = quantity};
}

static void write_one(struct eddy_shopper_world *world, struct eddy_event *event, uint8_t product, uint8_t quantity) {
  write_item(&world->items[0], product, quantity);
  event->items = world->items;
  event->item_count = 1;
  event->currency = currency;
}

static void name_cart(struct eddy_shopper_world *world, const struct shopper *shopper, struct eddy_event *event) {
  event->cart_id = eddy_shopper_text(world->cart_id, "cart-", shopper->timer.seq, shopper->cart);
}

/* The whole cart with its value. */
static void write_cart(struct eddy_shopper_world *world, const struct shopper *shopper, struct eddy_event *event) {
  event->value = 0;
  for (uint8_t i = 0; i < shopper->line_count; i++) {
    write_item(&world->items[i], shopper->lines[i].product, shopper->lines[i].quantity);
    event->value += world->items[i].price * shopper->lines[i].quantity;
  }
  event->items = world->items;
  event->item_count = shopper->line_count;
  event->has_value = true;
  event->currency = currency;
  name_cart(world, shopper, event);
}

/* Browsing ------------------------------------------------------------------------------------------------------------------*/

/* Half of the time from the favourite category; in each the first product sells best. */
static uint8_t draw_product(struct eddy_shopper_world *world, const struct shopper *shopper) {
  uint64_t category =
      eddy_shopper_chance(world, 0.5) ? kind(shopper)->favourite : eddy_rng_below(&world->rng, EDDY_CATALOGUE_CATEGORIES);
  uint64_t a = eddy_rng_below(&world->rng, EDDY_CATALOGUE_PER_CATEGORY);
  uint64_t b = eddy_rng_below(&world->rng, EDDY_CATALOGUE_PER_CATEGORY);
  return (uint8_t)(category * EDDY_CATALOGUE_PER_CATEGORY + (a < b ? a : b));
}

static enum eddy_shopper_action draw_action(struct eddy_shopper_world *world, const struct shopper *shopper) {
  const uint8_t *weights = kind(shopper)->actions;
  uint64_t total = 0;
  int action = 0;
  for (int i = 0; i < EDDY_SHOPPER_ACTION_COUNT; i++) total += weights[i];
  uint64_t left = eddy_rng_below(&world->rng, total);
  while (left >= weights[action]) left -= weights[action++];
  return (enum eddy_shopper_action)action;
}

static int find_line(const struct shopper *shopper, uint8_t product) {
  for (int i = 0; i < shopper->line_count; i++)
    if (shopper->lines[i].product == product) return i;
  return -1;
}

static bool add(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  int line = find_line(shopper, shopper->product);
  if (line < 0 && shopper->line_count == EDDY_SHOPPER_LINES) return false;
  uint8_t quantity = eddy_shopper_chance(world, 0.15) ? 2 : 1;
  if (line >= 0) {
    if (shopper->lines[line].quantity > 8) return false;
    shopper->lines[line].quantity = (uint8_t)(shopper->lines[line].quantity + quantity);
  } else {
    shopper->lines[shopper->line_count++] = (struct shopper_line){shopper->product, quantity};
  }
  write_visit(event, EDDY_PRODUCT_ADDED, shopper);
  write_one(world, event, shopper->product, quantity);
  name_cart(world, shopper, event);
  return true;
}

/* Takes the last line out; an emptied cart is done with. */
static bool take_out(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  if (shopper->line_count == 0) return false;
  struct shopper_line line = shopper->lines[--shopper->line_count];
  write_visit(event, EDDY_PRODUCT_REMOVED, shopper);
  write_one(world, event, line.product, line.quantity);
  name_cart(world, shopper, event);
  if (shopper->line_count == 0) shopper->cart++;
  return true;
}

static bool change_quantity(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  if (shopper->line_count == 0) return false;
  struct shopper_line *line = &shopper->lines[eddy_rng_below(&world->rng, shopper->line_count)];
  line->quantity = (uint8_t)(1 + eddy_rng_below(&world->rng, 4));
  write_visit(event, EDDY_CART_UPDATED, shopper);
  write_cart(world, shopper, event);
  return true;
}

static bool look_at_cart(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  if (shopper->line_count == 0) return false;
  write_visit(event, EDDY_CART_VIEWED, shopper);
  name_cart(world, shopper, event);
  return true;
}

static void look_at_list(const struct shopper *shopper, struct eddy_event *event, enum eddy_event_type type) {
  write_visit(event, type, shopper);
  event->page_url = eddy_catalogue_pages[shopper->product / EDDY_CATALOGUE_PER_CATEGORY];
}

static bool act(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  enum eddy_shopper_action action = draw_action(world, shopper);
  switch (action) {
    case EDDY_SHOP_ADD:
      return add(world, shopper, event);
    case EDDY_SHOP_REMOVE:
      return take_out(world, shopper, event);
    case EDDY_SHOP_UPDATE:
      return change_quantity(world, shopper, event);
    case EDDY_SHOP_LOOK:
      return look_at_cart(world, shopper, event);
    case EDDY_SHOP_LIST:
      look_at_list(shopper, event, EDDY_PRODUCT_LIST_VIEWED);
      return true;
    case EDDY_SHOP_PAGE:
      look_at_list(shopper, event, EDDY_PAGE_VIEWED);
      return true;
    case EDDY_SHOP_SEARCH:
      shopper->product = draw_product(world, shopper);
      write_visit(event, EDDY_PRODUCTS_SEARCHED, shopper);
      event->search_query = eddy_catalogue[shopper->product].query;
      return true;
    case EDDY_SHOP_VIEW:
    case EDDY_SHOP_WISH:
    case EDDY_SHOPPER_ACTION_COUNT:
      break;
  }
  if (action == EDDY_SHOP_VIEW) shopper->product = draw_product(world, shopper);
  write_visit(event, action == EDDY_SHOP_VIEW ? EDDY_PRODUCT_VIEWED : EDDY_WISHLIST_ADDED, shopper);
  write_one(world, event, shopper->product, 1);
  return true;
}

/* The visit -----------------------------------------------------------------------------------------------------------------*/

static bool arrive(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  bool stale = world->now - shopper->left_at > CART_DAYS_MAX * EDDY_DAY_MS;
  if (shopper->line_count && stale) {
    shopper->line_count = 0;
    shopper->cart++;
  }
  int64_t steps = eddy_shopper_wait(world, (int64_t)(kind(shopper)->steps * 1000)) / 1000;
  shopper->steps_left = (uint8_t)(1 + (steps < 60 ? steps : 60));
  shopper->visit_phase = EDDY_VISIT_BROWSING;
  write_visit(event, EDDY_SESSION_STARTED, shopper);
  next_in(world, shopper, EDDY_SECOND_MS, 15 * EDDY_SECOND_MS);
  return true;
}

/* Leaves, or makes up its mind about the cart first. No event. */
static bool decide(struct eddy_shopper_world *world, struct shopper *shopper) {
  double fate = eddy_rng_unit(&world->rng);
  double orders = kind(shopper)->orders + (shopper->by_mail ? kind(shopper)->clicks_buy : 0);
  if (shopper->line_count == 0 || fate >= orders + kind(shopper)->empties) {
    eddy_shopper_visit_later(world, shopper);
    return false;
  }
  bool coupon = eddy_shopper_chance(world, kind(shopper)->coupon);
  shopper->visit_phase = fate >= orders ? EDDY_VISIT_EMPTYING : coupon ? EDDY_VISIT_COUPON : EDDY_VISIT_CHECKOUT;
  next_in(world, shopper, EDDY_SECOND_MS, 30 * EDDY_SECOND_MS);
  shopper->steps_left = 1; /* checkout, then order */
  return false;
}

static bool browse(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  if (shopper->steps_left == 0) return decide(world, shopper);
  shopper->steps_left--;
  shopper->visit_at = world->now + EDDY_SECOND_MS + eddy_shopper_wait(world, 35 * EDDY_SECOND_MS);
  return act(world, shopper, event);
}

static bool apply_coupon(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  write_visit(event, EDDY_COUPON_APPLIED, shopper);
  event->coupon = EDDY_STR("SAVE10");
  name_cart(world, shopper, event);
  shopper->visit_phase = EDDY_VISIT_CHECKOUT;
  next_in(world, shopper, 2 * EDDY_SECOND_MS, 20 * EDDY_SECOND_MS);
  return true;
}

/* Twice: the checkout starts, then the order is placed; one in twelve thinks better of it. */
static bool check_out(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  if (shopper->steps_left > 0) {
    shopper->steps_left--;
    write_visit(event, EDDY_CHECKOUT_STARTED, shopper);
    write_cart(world, shopper, event);
    next_in(world, shopper, 40 * EDDY_SECOND_MS, 6 * EDDY_MINUTE_MS);
    return true;
  }
  bool ordered = eddy_shopper_chance(world, 11.0 / 12);
  if (ordered) {
    write_visit(event, EDDY_ORDER_COMPLETED, shopper);
    write_cart(world, shopper, event);
    event->order_id = eddy_shopper_text(world->order_id, "order-", shopper->timer.seq, shopper->order++);
    shopper->line_count = 0;
    shopper->cart++;
  }
  eddy_shopper_visit_later(world, shopper);
  return ordered;
}

static bool empty_cart(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  bool happened = take_out(world, shopper, event);
  if (shopper->line_count == 0) {
    eddy_shopper_visit_later(world, shopper);
  } else {
    next_in(world, shopper, EDDY_SECOND_MS, 8 * EDDY_SECOND_MS);
  }
  return happened;
}

bool eddy_shopper_visit(struct eddy_shopper_world *world, struct shopper *shopper, struct eddy_event *event) {
  switch ((enum eddy_visit_phase)shopper->visit_phase) {
    case EDDY_VISIT_AWAY:
      return arrive(world, shopper, event);
    case EDDY_VISIT_BROWSING:
      return browse(world, shopper, event);
    case EDDY_VISIT_COUPON:
      return apply_coupon(world, shopper, event);
    case EDDY_VISIT_CHECKOUT:
      return check_out(world, shopper, event);
    case EDDY_VISIT_EMPTYING:
      return empty_cart(world, shopper, event);
  }
  return false;
}
