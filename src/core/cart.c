/* See cart.h. A walk is the state that the changes up to some point lead to: merged lines and per cart what is needed to go on.
 * Folding walks the changes below the floor into the tail; reading walks a copy to the time asked for. */
#include "core/cart.h"

#include <string.h>

#include "base/assert.h"

struct walk {
  struct eddy_cart *carts;
  struct eddy_cart_change *lines;
  uint16_t line_count;
  int64_t ttl;
};

/* The walk
 * -------------------------------------------------------------------------------------------------------------------*/

static void remove_line(struct walk *walk, uint16_t at) {
  walk->line_count--;
  memmove(&walk->lines[at], &walk->lines[at + 1], (size_t)(walk->line_count - at) * sizeof walk->lines[0]);
}

enum { ALL = 1 };

/* Drops a cart's lines whose time is before `time`, or all. */
static void remove_lines(struct walk *walk, uint8_t cart, int64_t time, bool all) {
  uint16_t kept = 0;
  for (uint16_t i = 0; i < walk->line_count; i++) {
    if (walk->lines[i].cart != cart || (walk->lines[i].time >= time && !all)) {
      walk->lines[kept++] = walk->lines[i];
    }
  }
  walk->line_count = kept;
}

static uint16_t find_line(const struct walk *walk, const struct eddy_cart_change *change) {
  uint16_t i = 0;
  while (i < walk->line_count &&
         (walk->lines[i].cart != change->cart || eddy_tail_compare(walk->lines[i].product_id, change->product_id) != 0)) {
    i++;
  }
  return i;
}

static int32_t add_quantity(int32_t a, int32_t b) {
  int64_t sum = (int64_t)a + b;
  return sum > INT32_MAX ? INT32_MAX : sum < -INT32_MAX ? -INT32_MAX : (int32_t)sum;
}

static void take_details(struct eddy_cart_change *line, const struct eddy_cart_change *addition) {
  line->time = addition->time;
  if (addition->name.data != NULL) {
    line->name = addition->name;
  }
  if (addition->category.data != NULL) {
    line->category = addition->category;
  }
  if (addition->has_price) {
    line->has_price = true;
    line->price = addition->price;
    line->currency = addition->currency;
  }
}

/* A line that is not there says nothing; what it said must not depend on how far the merge had come. */
static void settle_line(struct walk *walk, uint16_t at) {
  struct eddy_cart_change *line = &walk->lines[at];
  if (line->quantity == 0) {
    remove_line(walk, at);
  } else if (line->quantity < 0) {
    line->name = line->category = line->currency = (struct eddy_str){0};
    line->has_price = false;
    line->price = 0;
  }
}

/* Adds a change to its line. In order, a snapshot line meets only lines of its own instant (its reset came first). */
static void count_change(struct walk *walk, const struct eddy_cart_change *change, bool in_order) {
  uint16_t at = find_line(walk, change);
  bool is_new = at == walk->line_count;
  if (is_new) {
    EDDY_ASSERT(at < EDDY_TAIL_LINES_MAX);
    walk->lines[at] = (struct eddy_cart_change){
        .product_id = change->product_id, .time = change->time, .kind = EDDY_CART_ADD, .cart = change->cart};
    walk->line_count++;
  }
  struct eddy_cart_change *line = &walk->lines[at];
  if (change->kind == EDDY_CART_SET && in_order) {
    line->quantity = change->quantity > line->quantity ? change->quantity : line->quantity;
  } else {
    line->quantity = add_quantity(line->quantity, change->quantity);
  }
  if (change->kind != EDDY_CART_REMOVE && (is_new || change->time >= line->time)) {
    take_details(line, change);
  }
  if (change->kind != EDDY_CART_REMOVE) {
    walk->carts[change->cart].filled = true;
  }
  settle_line(walk, at);
}

/* Nothing happened to the cart since `last`: is it gone at `time`? */
static bool expired(int64_t last, int64_t time, int64_t ttl) {
  return last != EDDY_TIME_NONE && eddy_time_sub(time, last) > ttl;
}

static void step(struct walk *walk, const struct eddy_cart_change *change) {
  struct eddy_cart *cart = &walk->carts[change->cart];
  if (expired(cart->base_time, change->time, walk->ttl)) {
    remove_lines(walk, change->cart, 0, ALL);
    cart->filled = false;
  }
  cart->base_time = change->time;
  if (change->kind == EDDY_CART_RESET) {
    remove_lines(walk, change->cart, 0, ALL);
    cart->base_reset = change->time;
  } else {
    count_change(walk, change, true);
  }
}

/* A change at or below what has been merged already: later than the allowed lateness, or squeezed by a limit. */
static void step_late(struct walk *walk, const struct eddy_cart_change *change) {
  struct eddy_cart *cart = &walk->carts[change->cart];
  bool reset = change->kind == EDDY_CART_RESET;
  if (expired(change->time, cart->base_time, walk->ttl) || change->time < cart->base_reset) {
    return;
  }
  if (reset) {
    remove_lines(walk, change->cart, change->time, !ALL);
    cart->base_reset = change->time;
  } else {
    count_change(walk, change, false);
  }
}

/* Folding
 * --------------------------------------------------------------------------------------------------------------------*/

struct fold {
  const struct eddy_spec *spec;
  struct eddy_tail *tail;
  struct eddy_counters *counters;
};

static struct walk walk_of(const struct fold *fold) {
  return (struct walk){.carts = fold->tail->carts,
                       .lines = fold->tail->lines,
                       .line_count = fold->tail->line_count,
                       .ttl = fold->spec->cart_ttl_ms};
}

/* Walks the first `count` changes into the lines. */
static void merge(const struct fold *fold, uint16_t count) {
  struct eddy_tail *tail = fold->tail;
  struct walk walk = walk_of(fold);
  for (uint16_t i = 0; i < count; i++) {
    step(&walk, &tail->changes[i]);
  }
  tail->line_count = walk.line_count;
  tail->change_count = (uint16_t)(tail->change_count - count);
  memmove(tail->changes, &tail->changes[count], tail->change_count * sizeof tail->changes[0]);
}

static bool older_line(const struct eddy_cart_change *a, const struct eddy_cart_change *b) {
  return a->time != b->time ? a->time < b->time : eddy_tail_compare(a->product_id, b->product_id) < 0;
}

static void drop_oldest_line(const struct fold *fold) {
  struct walk walk = walk_of(fold);
  uint16_t oldest = 0;
  for (uint16_t i = 1; i < walk.line_count; i++) {
    if (older_line(&walk.lines[i], &walk.lines[oldest])) {
      oldest = i;
    }
  }
  remove_line(&walk, oldest);
  fold->tail->line_count = walk.line_count;
  fold->counters->limit_cart_lines++;
}

/* Merging earlier than due costs exactness for late events only, so it comes before dropping lines. */
static bool shed(const struct fold *fold) {
  if (fold->tail->change_count > 0) {
    merge(fold, 1);
    return true;
  }
  if (fold->tail->line_count > 0) {
    drop_oldest_line(fold);
    return true;
  }
  return false;
}

/* Room for one more change. */
static void make_room(const struct fold *fold) {
  struct eddy_tail *tail = fold->tail;
  uint16_t limit = fold->spec->limits.cart_lines < EDDY_TAIL_LINES_MAX ? fold->spec->limits.cart_lines : EDDY_TAIL_LINES_MAX;
  while (tail->line_count + tail->change_count >= limit && shed(fold)) {
  }
}

static int compare_numbers(int64_t a, int64_t b) {
  return (a > b) - (a < b);
}

/* A total order, so that what happened at one instant adds up the same whatever came first. */
static int compare_changes(const struct eddy_cart_change *a, const struct eddy_cart_change *b) {
  int order = compare_numbers(a->time, b->time);
  order = order != 0 ? order : compare_numbers(a->cart, b->cart);
  order = order != 0 ? order : compare_numbers(a->kind, b->kind);
  order = order != 0 ? order : eddy_tail_compare(a->product_id, b->product_id);
  order = order != 0 ? order : compare_numbers(a->quantity, b->quantity);
  order = order != 0 ? order : compare_numbers(a->has_price, b->has_price);
  order = order != 0 ? order : compare_numbers(a->price, b->price);
  order = order != 0 ? order : eddy_tail_compare(a->currency, b->currency);
  order = order != 0 ? order : eddy_tail_compare(a->name, b->name);
  return order != 0 ? order : eddy_tail_compare(a->category, b->category);
}

static void add_change(const struct fold *fold, const struct eddy_cart_change *change) {
  make_room(fold);
  struct eddy_tail *tail = fold->tail;
  if (change->time <= tail->carts[change->cart].base_time) {
    struct walk walk = walk_of(fold);
    step_late(&walk, change);
    tail->line_count = walk.line_count;
    return;
  }
  uint16_t at = tail->change_count;
  while (at > 0 && compare_changes(change, &tail->changes[at - 1]) < 0) {
    at--;
  }
  memmove(&tail->changes[at + 1], &tail->changes[at], (size_t)(tail->change_count - at) * sizeof *change);
  tail->changes[at] = *change;
  tail->change_count++;
}

static void reset_cart(const struct fold *fold, uint8_t cart, int64_t time) {
  add_change(fold, &(struct eddy_cart_change){.time = time, .kind = EDDY_CART_RESET, .cart = cart});
}

static void shift_carts(struct eddy_tail *tail, uint8_t from, int by) {
  for (uint16_t i = 0; i < tail->line_count; i++) {
    tail->lines[i].cart = (uint8_t)(tail->lines[i].cart + (tail->lines[i].cart >= from ? by : 0));
  }
  for (uint16_t i = 0; i < tail->change_count; i++) {
    tail->changes[i].cart = (uint8_t)(tail->changes[i].cart + (tail->changes[i].cart >= from ? by : 0));
  }
}

static void remove_cart(const struct fold *fold, uint8_t cart) {
  struct eddy_tail *tail = fold->tail;
  struct walk walk = walk_of(fold);
  remove_lines(&walk, cart, 0, ALL);
  tail->line_count = walk.line_count;
  uint16_t kept = 0;
  for (uint16_t i = 0; i < tail->change_count; i++) {
    if (tail->changes[i].cart != cart) {
      tail->changes[kept++] = tail->changes[i];
    }
  }
  tail->change_count = kept;
  tail->cart_count--;
  memmove(&tail->carts[cart], &tail->carts[cart + 1], (size_t)(tail->cart_count - cart) * sizeof tail->carts[0]);
  shift_carts(tail, cart, -1);
}

static int64_t newest_touch(const struct eddy_tail *tail, uint8_t cart) {
  int64_t newest = tail->carts[cart].base_time;
  for (uint16_t i = 0; i < tail->change_count; i++) {
    if (tail->changes[i].cart == cart && tail->changes[i].time > newest) {
      newest = tail->changes[i].time;
    }
  }
  return newest;
}

static uint8_t oldest_cart(const struct eddy_tail *tail) {
  uint8_t oldest = 0;
  for (uint8_t i = 1; i < tail->cart_count; i++) {
    if (newest_touch(tail, i) < newest_touch(tail, oldest)) {
      oldest = i;
    }
  }
  return oldest;
}

/* Room for one more cart by dropping the one left alone the longest; false if the newcomer itself is that. */
static bool make_room_for_cart(const struct fold *fold, int64_t time) {
  struct eddy_tail *tail = fold->tail;
  uint16_t limit = fold->spec->limits.carts < EDDY_TAIL_CARTS_MAX ? fold->spec->limits.carts : EDDY_TAIL_CARTS_MAX;
  if (tail->cart_count < limit) {
    return true;
  }
  fold->counters->limit_carts++;
  uint8_t oldest = oldest_cart(tail);
  if (tail->cart_count == 0 || time < newest_touch(tail, oldest)) {
    return false;
  }
  remove_cart(fold, oldest);
  return true;
}

/* Position of the cart, made if need be; -1 if there is no room. A new cart is settled by the orders that settle all. */
static int find_cart(const struct fold *fold, struct eddy_str cart_id, int64_t time) {
  struct eddy_tail *tail = fold->tail;
  uint8_t at = 0;
  while (at < tail->cart_count && eddy_tail_compare(tail->carts[at].cart_id, cart_id) < 0) {
    at++;
  }
  if (at < tail->cart_count && eddy_tail_compare(tail->carts[at].cart_id, cart_id) == 0) {
    return at;
  }
  if (!make_room_for_cart(fold, time)) {
    return -1;
  }
  at = 0; /* the one dropped may have stood before it */
  while (at < tail->cart_count && eddy_tail_compare(tail->carts[at].cart_id, cart_id) < 0) {
    at++;
  }
  shift_carts(tail, at, 1);
  memmove(&tail->carts[at + 1], &tail->carts[at], (size_t)(tail->cart_count - at) * sizeof tail->carts[0]);
  tail->carts[at] = (struct eddy_cart){.cart_id = cart_id, .base_time = EDDY_TIME_NONE, .base_reset = EDDY_TIME_NONE};
  tail->cart_count++;
  for (uint16_t i = 0; i < tail->settled_count; i++) {
    reset_cart(fold, at, tail->settled[i]);
  }
  return at;
}

static struct eddy_str present(struct eddy_str str, uint32_t max) {
  return str.data == NULL ? str : eddy_tail_cut(str, max);
}

static struct eddy_cart_change change_of(const struct eddy_event *event, const struct eddy_item *item,
                                         enum eddy_cart_change_kind kind) {
  bool adds = kind != EDDY_CART_REMOVE;
  struct eddy_cart_change change = {.product_id = eddy_tail_cut(item->product_id, EDDY_TAIL_ID_MAX),
                                    .time = event->event_time,
                                    .quantity = adds ? item->quantity : -item->quantity,
                                    .kind = (uint8_t)kind};
  if (adds) {
    change.name = present(item->name, EDDY_TAIL_TEXT_MAX);
    change.category = present(item->category, EDDY_TAIL_TEXT_MAX);
    change.has_price = item->has_price;
  }
  if (change.has_price) {
    change.price = item->price;
    change.currency = present(event->currency, EDDY_TAIL_CURRENCY_MAX);
  }
  return change;
}

static bool counts(const struct eddy_item *item) {
  return item->quantity > 0 && item->product_id.data != NULL && item->product_id.len > 0;
}

static void fold_single(const struct fold *fold, const struct eddy_event *event, struct eddy_str cart_id,
                        enum eddy_cart_change_kind kind) {
  if (event->item_count == 0 || !counts(&event->items[0])) {
    return;
  }
  int cart = find_cart(fold, cart_id, event->event_time);
  if (cart >= 0) {
    struct eddy_cart_change change = change_of(event, &event->items[0], kind);
    change.cart = (uint8_t)cart;
    add_change(fold, &change);
  }
}

static bool named_before(const struct eddy_event *event, uint32_t at) {
  for (uint32_t i = 0; i < at; i++) {
    if (counts(&event->items[i]) && eddy_tail_compare(event->items[i].product_id, event->items[at].product_id) == 0) {
      return true;
    }
  }
  return false;
}

/* One line per product, quantities of equal ones added up. */
static void fold_snapshot(const struct fold *fold, const struct eddy_event *event, struct eddy_str cart_id) {
  int cart = find_cart(fold, cart_id, event->event_time);
  if (cart < 0) {
    return;
  }
  reset_cart(fold, (uint8_t)cart, event->event_time);
  uint32_t item_count = event->item_count < EDDY_EVENT_ITEMS_MAX ? event->item_count : EDDY_EVENT_ITEMS_MAX;
  for (uint32_t i = 0; i < item_count; i++) {
    if (!counts(&event->items[i]) || named_before(event, i)) {
      continue;
    }
    struct eddy_cart_change change = change_of(event, &event->items[i], EDDY_CART_SET);
    change.cart = (uint8_t)cart;
    for (uint32_t j = i + 1; j < item_count; j++) {
      if (counts(&event->items[j]) && eddy_tail_compare(event->items[j].product_id, event->items[i].product_id) == 0) {
        change.quantity = add_quantity(change.quantity, event->items[j].quantity);
      }
    }
    add_change(fold, &change);
  }
}

/* An order without cart id: known carts are reset now, those that late events will bring are by eddy_tail.settled. */
static void settle_all(const struct fold *fold, int64_t time) {
  struct eddy_tail *tail = fold->tail;
  for (uint8_t i = 0; i < tail->cart_count; i++) {
    reset_cart(fold, i, time);
  }
  uint16_t at = tail->settled_count;
  while (at > 0 && tail->settled[at - 1] > time) {
    at--;
  }
  if (time < tail->floor || (at > 0 && tail->settled[at - 1] == time)) {
    return;
  }
  if (tail->settled_count == EDDY_TAIL_SETTLED_MAX) { /* the next one settles what the oldest did, a little later */
    if (at == 0) {
      return;
    }
    tail->settled_count--;
    at--;
    memmove(&tail->settled[0], &tail->settled[1], tail->settled_count * sizeof tail->settled[0]);
  }
  memmove(&tail->settled[at + 1], &tail->settled[at], (size_t)(tail->settled_count - at) * sizeof tail->settled[0]);
  tail->settled[at] = time;
  tail->settled_count++;
}

static void fold_event(const struct fold *fold, const struct eddy_event *event) {
  bool named = event->cart_id.data != NULL && event->cart_id.len > 0;
  struct eddy_str cart_id = named ? eddy_tail_cut(event->cart_id, EDDY_TAIL_ID_MAX) : EDDY_STR("");
  if (event->type == EDDY_PRODUCT_ADDED) {
    fold_single(fold, event, cart_id, EDDY_CART_ADD);
  } else if (event->type == EDDY_PRODUCT_REMOVED) {
    fold_single(fold, event, cart_id, EDDY_CART_REMOVE);
  } else if (event->type == EDDY_CART_UPDATED) {
    fold_snapshot(fold, event, cart_id);
  } else if (event->type == EDDY_ORDER_COMPLETED && !named) {
    settle_all(fold, event->event_time);
  } else if (event->type == EDDY_ORDER_COMPLETED) {
    int cart = find_cart(fold, cart_id, event->event_time);
    if (cart >= 0) {
      reset_cart(fold, (uint8_t)cart, event->event_time);
    }
  }
}

/* Merges what no event in time can precede any more, and forgets carts that say nothing. */
static void tidy(const struct fold *fold, int64_t floor) {
  struct eddy_tail *tail = fold->tail;
  uint16_t below = 0;
  while (below < tail->change_count && tail->changes[below].time < floor) {
    below++;
  }
  if (below > 0) {
    merge(fold, below);
  }
  uint16_t old = 0;
  while (old < tail->settled_count && tail->settled[old] < floor) {
    old++;
  }
  tail->settled_count = (uint16_t)(tail->settled_count - old);
  memmove(tail->settled, &tail->settled[old], tail->settled_count * sizeof tail->settled[0]);
  bool used[EDDY_TAIL_CARTS_MAX] = {false};
  for (uint16_t i = 0; i < tail->change_count; i++) {
    used[tail->changes[i].cart] = true;
  }
  bool lined[EDDY_TAIL_CARTS_MAX] = {false};
  for (uint16_t i = 0; i < tail->line_count; i++) {
    lined[tail->lines[i].cart] = true;
  }
  for (uint8_t i = (uint8_t)tail->cart_count; i-- > 0;) {
    const struct eddy_cart *cart = &tail->carts[i];
    if (!used[i] && (expired(cart->base_time, floor, fold->spec->cart_ttl_ms) || (!lined[i] && !cart->filled))) {
      remove_cart(fold, i);
    }
  }
}

void eddy_cart_fold(const struct eddy_spec *spec, struct eddy_tail *tail, const struct eddy_event *event, int64_t newest,
                    struct eddy_counters *counters) {
  const struct fold fold = {.spec = spec, .tail = tail, .counters = counters};
  int64_t floor = eddy_tail_raise_floor(tail, spec, newest);
  if (spec->limits.carts > 0 && spec->limits.cart_lines > 0) {
    fold_event(&fold, event);
  }
  tidy(&fold, floor);
}

bool eddy_cart_shed(const struct eddy_spec *spec, struct eddy_tail *tail, struct eddy_counters *counters) {
  const struct fold fold = {.spec = spec, .tail = tail, .counters = counters};
  return shed(&fold);
}

void eddy_cart_fit(const struct eddy_spec *spec, struct eddy_tail *tail, struct eddy_counters *counters) {
  const struct fold fold = {.spec = spec, .tail = tail, .counters = counters};
  while (tail->cart_count > spec->limits.carts) {
    remove_cart(&fold, oldest_cart(tail));
  }
  while (tail->line_count + tail->change_count > spec->limits.cart_lines && shed(&fold)) {
  }
}

/* Reading
 * --------------------------------------------------------------------------------------------------------------------*/

/* A copy of the tail's carts as they stood at some time. */
struct view {
  struct walk walk;
  struct eddy_cart carts[EDDY_TAIL_CARTS_MAX];
  struct eddy_cart_change lines[EDDY_TAIL_LINES_MAX];
  bool filled;
};

static void walk_to(struct view *view, const struct eddy_spec *spec, const struct eddy_tail *tail, struct eddy_str cart_id,
                    int64_t time) {
  bool wanted[EDDY_TAIL_CARTS_MAX];
  for (uint8_t i = 0; i < tail->cart_count; i++) {
    wanted[i] = cart_id.data == NULL || eddy_tail_compare(tail->carts[i].cart_id, cart_id) == 0;
    view->carts[i] = tail->carts[i];
  }
  view->walk = (struct walk){.carts = view->carts, .lines = view->lines, .ttl = spec->cart_ttl_ms};
  view->filled = false;
  for (uint16_t i = 0; i < tail->line_count; i++) {
    if (wanted[tail->lines[i].cart]) {
      view->lines[view->walk.line_count++] = tail->lines[i];
    }
  }
  for (uint16_t i = 0; i < tail->change_count && tail->changes[i].time < time; i++) {
    if (wanted[tail->changes[i].cart]) {
      step(&view->walk, &tail->changes[i]);
    }
  }
  for (uint8_t i = 0; i < tail->cart_count; i++) {
    if (expired(view->carts[i].base_time, time, spec->cart_ttl_ms)) {
      remove_lines(&view->walk, i, 0, ALL);
    } else if (wanted[i]) {
      view->filled = view->filled || view->carts[i].filled;
    }
  }
}

/* Keeps the lines to show, newest addition first; ties by product, then by cart. */
static void sort_lines(struct walk *walk) {
  uint16_t count = 0;
  for (uint16_t i = 0; i < walk->line_count; i++) {
    if (walk->lines[i].quantity <= 0) {
      continue;
    }
    struct eddy_cart_change line = walk->lines[i];
    uint16_t at = count;
    for (; at > 0; at--) {
      const struct eddy_cart_change *before = &walk->lines[at - 1];
      int order = compare_numbers(line.time, before->time);
      order = order != 0 ? order : eddy_tail_compare(before->product_id, line.product_id);
      order = order != 0 ? order : compare_numbers(before->cart, line.cart);
      if (order <= 0) {
        break;
      }
      walk->lines[at] = *before;
    }
    walk->lines[at] = line;
    count++;
  }
  walk->line_count = count;
}

static int64_t multiply(int64_t price, int32_t quantity) {
  int64_t product;
  if (!__builtin_mul_overflow(price, (int64_t)quantity, &product)) {
    return product;
  }
  return price < 0 ? INT64_MIN : INT64_MAX;
}

/* Adds up what is priced in the currency of the newest priced line. */
static void add_up(const struct walk *walk, int64_t *value, struct eddy_str *currency) {
  const struct eddy_cart_change *newest = NULL;
  int64_t sum = 0;
  for (uint16_t i = 0; i < walk->line_count; i++) {
    const struct eddy_cart_change *line = &walk->lines[i];
    if (!line->has_price) {
      continue;
    }
    newest = newest != NULL ? newest : line;
    if (eddy_tail_compare(line->currency, newest->currency) == 0) {
      sum = eddy_time_add(sum, multiply(line->price, line->quantity));
    }
  }
  if (value != NULL) {
    *value = sum;
  }
  if (currency != NULL) {
    *currency = newest != NULL ? newest->currency : (struct eddy_str){0};
  }
}

uint16_t eddy_cart_read(const struct eddy_spec *spec, const struct eddy_tail *tail, struct eddy_str cart_id, int64_t time,
                        struct eddy_cart_line *lines, int64_t *value, struct eddy_str *currency) {
  struct view view;
  walk_to(&view, spec, tail, cart_id, time);
  sort_lines(&view.walk);
  add_up(&view.walk, value, currency);
  for (uint16_t i = 0; i < view.walk.line_count && lines != NULL; i++) {
    const struct eddy_cart_change *line = &view.lines[i];
    lines[i] = (struct eddy_cart_line){.product_id = line->product_id,
                                       .name = line->name,
                                       .category = line->category,
                                       .price = line->price,
                                       .quantity = line->quantity,
                                       .has_price = line->has_price,
                                       .added_at = line->time};
  }
  return view.walk.line_count;
}

bool eddy_cart_emptied(const struct eddy_spec *spec, const struct eddy_tail *tail, struct eddy_str cart_id, int64_t time) {
  if (tail->cart_count == 0) {
    return false;
  }
  struct view view;
  walk_to(&view, spec, tail, cart_id, time);
  for (uint16_t i = 0; i < view.walk.line_count; i++) {
    if (view.lines[i].quantity > 0) {
      return false;
    }
  }
  return view.filled;
}
