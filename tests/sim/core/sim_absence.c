/* Triggers of kind absence against a naive oracle: random sets of events, every order of arrival within the allowed lateness,
 * partition time moving on at random within what the definition allows. The oracle looks at the whole set at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"
#include "lib/trigger_kit.h"

enum { SEEDS = 2500, ORDERS = 4, EVENTS_MAX = 70, ITEMS_MAX = 3, TEXT = 128 * 1024, DEADLINES_MAX = 4096, END = 1000000 };

static const char *const carts[] = {"", "a", "b"};
static const char *const products[] = {"p", "q", "r"};

static struct kit kit;

/* Random worlds
 * --------------------------------------------------------------------------------------------------------------*/

struct world {
  struct eddy_event events[EVENTS_MAX];
  struct eddy_item items[EVENTS_MAX][ITEMS_MAX];
  char ids[EVENTS_MAX][16];
  int count;
};

static int64_t below(struct eddy_rng *rng, uint64_t bound) {
  return (int64_t)eddy_rng_below(rng, bound);
}

static bool chance(struct eddy_rng *rng, uint64_t percent) {
  return eddy_rng_below(rng, 100) < percent;
}

static void random_trigger(struct eddy_rng *rng) {
  struct eddy_trigger_spec *trigger = kit_add_trigger(&kit, chance(rng, 60) ? EDDY_SUBJECT_CART : EDDY_SUBJECT_USER,
                                                      chance(rng, 70) ? EDDY_PAYLOAD_CART : EDDY_PAYLOAD_NONE);
  trigger->step_count = (uint8_t)(1 + below(rng, 3));
  trigger->wait_ms[0] = 1 + below(rng, 120);
  trigger->wait_ms[1] = trigger->wait_ms[0] + 1 + below(rng, 200);
  trigger->wait_ms[2] = trigger->wait_ms[1] + 1 + below(rng, 400);
  trigger->cooldown_ms = chance(rng, 30) ? below(rng, 500) : 0;
  trigger->mode = chance(rng, 15) ? EDDY_MODE_SHADOW : EDDY_MODE_LIVE;
  if (chance(rng, 20)) {
    trigger->after = EDDY_EVENT_BIT(EDDY_CHECKOUT_STARTED);
    trigger->without = EDDY_EVENT_BIT(EDDY_ORDER_COMPLETED);
  }
  if (chance(rng, 20)) trigger->without |= EDDY_EVENT_BIT(EDDY_PRODUCT_REMOVED);
}

static void random_spec(struct eddy_rng *rng) {
  static const int64_t latenesses[] = {0, 1, 10, 60, 300, 900}, ttls[] = {150, 600, 1000000};
  eddy_effects_fini(&kit.effects);
  kit_init(&kit);
  kit.spec.allowed_lateness_ms = latenesses[below(rng, 6)];
  kit.spec.cart_ttl_ms = ttls[below(rng, 3)];
  kit.spec.publish_after_ms = chance(rng, 20) ? below(rng, 600) : EDDY_TIME_NONE;
  kit.spec.limits.cart_lines = 256;
  kit.spec.limits.carts = 16;
  kit.spec.limits.armed_times = 64;
  kit.spec.limits.fired_marks = 64;
  for (int64_t count = 1 + below(rng, 3); count > 0; count--) random_trigger(rng);
}

static enum eddy_event_type random_type(struct eddy_rng *rng) {
  static const enum eddy_event_type types[] = {
      EDDY_PRODUCT_ADDED,    EDDY_PRODUCT_ADDED, EDDY_PRODUCT_ADDED,    EDDY_PRODUCT_ADDED,   EDDY_PRODUCT_REMOVED,
      EDDY_PRODUCT_REMOVED,  EDDY_CART_UPDATED,  EDDY_CHECKOUT_STARTED, EDDY_ORDER_COMPLETED, EDDY_EMAIL_UNSUBSCRIBED,
      EDDY_EMAIL_SUBSCRIBED, EDDY_EMAIL_BOUNCED, EDDY_PAGE_VIEWED};
  enum eddy_event_type type = types[eddy_rng_below(rng, sizeof types / sizeof types[0])];
  bool rare = type == EDDY_EMAIL_UNSUBSCRIBED || type == EDDY_EMAIL_BOUNCED;
  return rare && chance(rng, 60) ? EDDY_PRODUCT_ADDED : type;
}

static void random_item(struct eddy_rng *rng, struct eddy_item *item) {
  static const char *const names[] = {NULL, NULL, "x", "y"};
  *item = (struct eddy_item){.product_id = kit_str(products[below(rng, 3)]),
                             .name = kit_str(names[below(rng, 4)]),
                             .category = kit_str(names[below(rng, 4)]),
                             .quantity = (int32_t)below(rng, 4),
                             .has_price = chance(rng, 70)};
  item->price = item->has_price ? below(rng, 4) : 0;
}

static void random_events(struct eddy_rng *rng, struct world *world) {
  static const char *const currencies[] = {NULL, "EUR", "USD"};
  world->count = (int)(1 + below(rng, EVENTS_MAX));
  uint64_t span = chance(rng, 50) ? 200 : 1500;
  uint64_t grain = chance(rng, 50) ? 1 : 10; /* coarse clocks make equal times */
  for (int i = 0; i < world->count; i++) {
    struct eddy_event *event = &world->events[i];
    *event = eddy_event_empty;
    event->type = random_type(rng);
    event->event_time = 1000 + below(rng, span / grain + 1) * (int64_t)grain;
    event->user_id = kit_str("u");
    snprintf(world->ids[i], sizeof world->ids[i], "e%d", i);
    event->event_id = chance(rng, 80) ? kit_str(world->ids[i]) : (struct eddy_str){0};
    event->currency = kit_str(currencies[below(rng, 3)]);
    if (chance(rng, 60)) event->cart_id = kit_str(carts[below(rng, 3)]);
    if (event->type == EDDY_EMAIL_BOUNCED) event->bounce_type = kit_str(chance(rng, 50) ? "Permanent" : "soft");
    event->items = world->items[i];
    event->item_count = (uint32_t)(chance(rng, 15) ? 0 : 1 + below(rng, event->type == EDDY_CART_UPDATED ? ITEMS_MAX : 1));
    for (uint32_t j = 0; j < event->item_count; j++) random_item(rng, &world->items[i][j]);
  }
}

/* Outcomes as text
 * -----------------------------------------------------------------------------------------------------------*/

struct text {
  char bytes[TEXT];
  size_t size;
};

static void __attribute__((format(printf, 2, 3))) say(struct text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(text->bytes + text->size, sizeof text->bytes - text->size, format, arguments);
  va_end(arguments);
  EDDY_ASSERT(size >= 0 && (size_t)size < sizeof text->bytes - text->size);
  text->size += (size_t)size;
}

static void say_line(struct text *text, const struct eddy_cart_line *line) {
  say(text, "  %.*s x%d name=%.*s category=%.*s price=%d/%lld at %lld\n", (int)line->product_id.len, line->product_id.data,
      line->quantity, (int)line->name.len, line->name.data ? line->name.data : "", (int)line->category.len,
      line->category.data ? line->category.data : "", line->has_price, (long long)line->price, (long long)line->added_at);
}

static void say_effect(struct text *text, const struct eddy_effect *effect) {
  const struct eddy_trigger_fired *fired = &effect->as.trigger;
  say(text, "%lld trigger %d step %d subject '%.*s' %s armed %lld by %d value %lld %.*s causes", (long long)fired->due_at,
      fired->trigger, fired->step, (int)fired->subject.len, fired->subject.data, eddy_suppression_name(fired->suppression),
      (long long)fired->armed_at, (int)fired->armed_by, (long long)fired->cart_value, (int)fired->currency.len,
      fired->currency.data ? fired->currency.data : "");
  for (int i = 0; i < fired->cause_count; i++)
    say(text, " %.*s", (int)fired->cause_event_ids[i].len, fired->cause_event_ids[i].data);
  say(text, "\n");
  for (int i = 0; i < fired->line_count; i++) say_line(text, &fired->lines[i]);
}

/* The oracle: carts
 * ----------------------------------------------------------------------------------------------------------*/

static const char *cart_named(const struct eddy_event *event) {
  return event->cart_id.len > 0 ? event->cart_id.data : "";
}

static bool is_order_of_all(const struct eddy_event *event) {
  return event->type == EDDY_ORDER_COMPLETED && event->cart_id.len == 0;
}

static bool resets(const struct eddy_event *event) {
  return event->type == EDDY_CART_UPDATED || event->type == EDDY_ORDER_COMPLETED;
}

static bool touches(const struct eddy_event *event, const char *cart) {
  if (is_order_of_all(event)) return true;
  bool single = event->type == EDDY_PRODUCT_ADDED || event->type == EDDY_PRODUCT_REMOVED;
  return (resets(event) || (single && event->item_count > 0 && event->items[0].quantity > 0)) &&
         strcmp(cart_named(event), cart) == 0;
}

/* Start of the life that the cart is in just before `time`; INT64_MAX if it is dead. */
static int64_t life_of(const struct world *world, const char *cart, int64_t time) {
  int64_t last = EDDY_TIME_NONE, start = INT64_MAX;
  for (;;) {
    int64_t next = INT64_MAX;
    for (int i = 0; i < world->count; i++) {
      const struct eddy_event *event = &world->events[i];
      if (touches(event, cart) && event->event_time > last && event->event_time < time && event->event_time < next) {
        next = event->event_time;
      }
    }
    if (next == INT64_MAX) break;
    if (last == EDDY_TIME_NONE || next - last > kit.spec.cart_ttl_ms) start = next;
    last = next;
  }
  return last != EDDY_TIME_NONE && time - last > kit.spec.cart_ttl_ms ? INT64_MAX : start;
}

struct entry {
  int64_t time, price;
  int rank, quantity;
  bool has_price;
  struct eddy_str currency, name, category;
};

#define DIFFER(a, b) \
  if ((a) != (b)) return (a) < (b) ? -1 : 1
static int compare_entries(const void *left, const void *right) {
  const struct entry *a = left, *b = right;
  DIFFER(a->time, b->time);
  DIFFER(a->rank, b->rank);
  DIFFER(a->quantity, b->quantity);
  DIFFER(a->has_price, b->has_price);
  DIFFER(a->price, b->price);
  int order = eddy_tail_compare(a->currency, b->currency);
  order = order != 0 ? order : eddy_tail_compare(a->name, b->name);
  return order != 0 ? order : eddy_tail_compare(a->category, b->category);
}

static void add_entry(struct entry *entries, int *count, const struct eddy_event *event, const struct eddy_item *item,
                      int rank) {
  bool adds = rank < 2;
  entries[(*count)++] = (struct entry){.time = event->event_time,
                                       .price = adds && item->has_price ? item->price : 0,
                                       .rank = rank,
                                       .quantity = adds ? item->quantity : -item->quantity,
                                       .has_price = adds && item->has_price,
                                       .currency = adds && item->has_price ? event->currency : (struct eddy_str){0},
                                       .name = adds ? item->name : (struct eddy_str){0},
                                       .category = adds ? item->category : (struct eddy_str){0}};
}

/* What happened to one product from the last reset on. Equal products in a snapshot: the first one's words, all quantities. */
static int entries_of(const struct world *world, const char *cart, const char *product, int64_t from, int64_t time,
                      struct entry *entries) {
  int count = 0;
  for (int i = 0; i < world->count; i++) {
    const struct eddy_event *event = &world->events[i];
    if (event->event_time < from || event->event_time >= time || is_order_of_all(event) || !touches(event, cart)) continue;
    int first = -1, sum = 0;
    for (int j = 0; j < (int)event->item_count; j++) {
      if (strcmp(event->items[j].product_id.data, product) != 0 || event->items[j].quantity == 0) continue;
      first = first < 0 ? j : first;
      sum += event->items[j].quantity;
    }
    if (first < 0) continue;
    if (event->type == EDDY_CART_UPDATED) {
      struct eddy_item item = event->items[first];
      item.quantity = sum;
      add_entry(entries, &count, event, &item, 0);
    } else if (event->type != EDDY_ORDER_COMPLETED) {
      add_entry(entries, &count, event, &event->items[0], event->type == EDDY_PRODUCT_ADDED ? 1 : 2);
    }
  }
  qsort(entries, (size_t)count, sizeof entries[0], compare_entries);
  return count;
}

struct shown {
  struct eddy_cart_line line;
  struct eddy_str currency;
  int cart;
};

static bool read_product(const struct world *world, int cart, const char *product, int64_t from, int64_t time,
                         struct shown *shown) {
  struct entry entries[EVENTS_MAX];
  int count = entries_of(world, carts[cart], product, from, time, entries);
  *shown = (struct shown){.line.product_id = kit_str(product), .cart = cart};
  for (int i = 0; i < count; i++) {
    const struct entry *entry = &entries[i];
    struct eddy_cart_line *line = &shown->line;
    line->quantity = entry->rank > 0                    ? line->quantity + entry->quantity
                     : entry->quantity > line->quantity ? entry->quantity
                                                        : line->quantity;
    if (entry->rank < 2) {
      line->added_at = entry->time;
      if (entry->name.data != NULL) line->name = entry->name;
      if (entry->category.data != NULL) line->category = entry->category;
      if (entry->has_price) {
        line->has_price = true;
        line->price = entry->price;
        shown->currency = entry->currency;
      }
    }
    if (line->quantity <= 0) {
      int32_t quantity = line->quantity;
      *shown = (struct shown){.line = {.product_id = line->product_id, .quantity = quantity}, .cart = cart};
    }
  }
  return shown->line.quantity > 0;
}

static int compare_shown(const void *left, const void *right) {
  const struct shown *a = left, *b = right;
  DIFFER(b->line.added_at, a->line.added_at);
  int order = eddy_tail_compare(a->line.product_id, b->line.product_id);
  if (order != 0) return order;
  DIFFER(a->cart, b->cart);
  return 0;
}

/* Lines of one cart (of all: cart < 0) at `time`; `filled` if anything was ever added in this life. */
static int read_carts(const struct world *world, int cart, int64_t time, struct shown *shown, bool *filled) {
  int count = 0;
  *filled = false;
  for (int c = 0; c < 3; c++) {
    int64_t life = life_of(world, carts[c], time);
    if ((cart >= 0 && c != cart) || life == INT64_MAX) continue;
    int64_t from = life;
    for (int i = 0; i < world->count; i++) {
      const struct eddy_event *event = &world->events[i];
      if (!touches(event, carts[c]) || event->event_time < life || event->event_time >= time) continue;
      if (resets(event) && event->event_time > from) from = event->event_time;
      for (uint32_t j = 0; j < event->item_count; j++) {
        bool adds = event->type == EDDY_CART_UPDATED || (event->type == EDDY_PRODUCT_ADDED && j == 0);
        *filled = *filled || (adds && event->items[j].quantity > 0);
      }
    }
    for (int p = 0; p < 3; p++) count += read_product(world, c, products[p], from, time, &shown[count]);
  }
  qsort(shown, (size_t)count, sizeof shown[0], compare_shown);
  return count;
}

/* The oracle: deadlines
 * ------------------------------------------------------------------------------------------------------*/

enum role { NOTHING, ARMS, ENDS };

static enum role role_of(const struct eddy_event *event, const struct eddy_trigger_spec *trigger, int subject) {
  bool hard = event->type == EDDY_EMAIL_BOUNCED && strcmp(event->bounce_type.data, "Permanent") == 0;
  if (event->type == EDDY_EMAIL_UNSUBSCRIBED || hard) return ENDS;
  eddy_event_mask bit = EDDY_EVENT_BIT(event->type);
  bool mine = trigger->subject == EDDY_SUBJECT_USER || strcmp(cart_named(event), carts[subject]) == 0;
  bool emptying = event->type == EDDY_CART_UPDATED && event->item_count == 0;
  if ((trigger->after & bit) && !emptying && mine) return ARMS;
  return (trigger->without & bit) && (mine || is_order_of_all(event)) ? ENDS : NOTHING;
}

struct deadline {
  int64_t due, armed_at;
  int trigger, step, subject;
};

static int compare_deadlines(const void *left, const void *right) {
  const struct deadline *a = left, *b = right;
  DIFFER(a->due, b->due);
  DIFFER(a->trigger, b->trigger);
  DIFFER(a->step, b->step);
  DIFFER(a->subject, b->subject);
  return 0;
}

static bool ended(const struct world *world, const struct deadline *deadline) {
  for (int i = 0; i < world->count; i++) {
    const struct eddy_event *event = &world->events[i];
    if (event->event_time > deadline->armed_at && event->event_time < deadline->due &&
        role_of(event, &kit.spec.triggers[deadline->trigger], deadline->subject) != NOTHING) {
      return true;
    }
  }
  return false;
}

static int all_deadlines(const struct world *world, struct deadline *deadlines) {
  int count = 0;
  for (int t = 0; t < kit.spec.trigger_count; t++) {
    const struct eddy_trigger_spec *trigger = &kit.spec.triggers[t];
    for (int s = 0; s < (trigger->subject == EDDY_SUBJECT_USER ? 1 : 3); s++) {
      for (int i = 0; i < world->count; i++) {
        if (role_of(&world->events[i], trigger, s) != ARMS) continue;
        for (int step = 0; step < trigger->step_count; step++) {
          int64_t time = world->events[i].event_time;
          struct deadline deadline = {time + trigger->wait_ms[step], time, t, step, s};
          if (!ended(world, &deadline)) deadlines[count++] = deadline;
        }
      }
    }
  }
  qsort(deadlines, (size_t)count, sizeof deadlines[0], compare_deadlines);
  int distinct = 0;
  for (int i = 0; i < count; i++) {
    if (i == 0 || compare_deadlines(&deadlines[i], &deadlines[i - 1]) != 0) deadlines[distinct++] = deadlines[i];
  }
  return distinct;
}

static bool without_consent(const struct world *world, int64_t time) {
  int64_t ended_at = EDDY_TIME_NONE, given_at = EDDY_TIME_NONE;
  for (int i = 0; i < world->count; i++) {
    const struct eddy_event *event = &world->events[i];
    bool ends = event->type == EDDY_EMAIL_UNSUBSCRIBED ||
                (event->type == EDDY_EMAIL_BOUNCED && strcmp(event->bounce_type.data, "Permanent") == 0);
    if (event->event_time >= time) continue;
    if (ends && event->event_time > ended_at) ended_at = event->event_time;
    if (event->type == EDDY_EMAIL_SUBSCRIBED && event->event_time > given_at) given_at = event->event_time;
  }
  return ended_at != EDDY_TIME_NONE && ended_at >= given_at;
}

struct history {
  struct deadline fired[DEADLINES_MAX];
  int count;
};

static bool fired_before(const struct history *history, const struct deadline *deadline) {
  for (int i = 0; i < history->count; i++) {
    const struct deadline *fired = &history->fired[i];
    if (fired->trigger == deadline->trigger && fired->step == deadline->step && fired->subject == deadline->subject &&
        deadline->subject > 0 && deadline->armed_at <= fired->due + kit.spec.cart_ttl_ms) {
      return true;
    }
  }
  return false;
}

static enum eddy_suppression suppression_of(const struct world *world, const struct history *history,
                                            const struct deadline *deadline) {
  const struct eddy_trigger_spec *trigger = &kit.spec.triggers[deadline->trigger];
  if (deadline->due < kit.spec.publish_after_ms) return EDDY_SUPPRESS_BACKFILL;
  if (without_consent(world, deadline->due)) return EDDY_SUPPRESS_UNSUBSCRIBED;
  for (int i = 0; i < history->count; i++) {
    if (history->fired[i].trigger == deadline->trigger && deadline->due - history->fired[i].due < trigger->cooldown_ms) {
      return EDDY_SUPPRESS_COOLDOWN;
    }
  }
  return trigger->mode == EDDY_MODE_SHADOW ? EDDY_SUPPRESS_SHADOW : EDDY_SUPPRESS_NONE;
}

static int compare_causes(const void *left, const void *right) {
  const struct eddy_event *a = *(const struct eddy_event *const *)left, *b = *(const struct eddy_event *const *)right;
  DIFFER(a->type, b->type);
  return eddy_tail_compare(a->event_id, b->event_id);
}

static void fill_causes(const struct world *world, const struct deadline *deadline, struct eddy_trigger_fired *fired) {
  const struct eddy_event *causes[EVENTS_MAX];
  int count = 0;
  for (int i = 0; i < world->count; i++) {
    const struct eddy_event *event = &world->events[i];
    if (event->event_time == deadline->armed_at &&
        role_of(event, &kit.spec.triggers[deadline->trigger], deadline->subject) == ARMS) {
      causes[count++] = event;
    }
  }
  qsort(causes, (size_t)count, sizeof causes[0], compare_causes);
  fired->armed_by = causes[0]->type;
  int distinct = 0; /* of As at one time, those without an id count as one of their type */
  for (int i = 0; i < count && distinct < EDDY_CAUSES_MAX; i++) {
    if (i > 0 && compare_causes(&causes[i], &causes[i - 1]) == 0) continue;
    distinct++;
    if (causes[i]->event_id.data != NULL) fired->cause_event_ids[fired->cause_count++] = causes[i]->event_id;
  }
}

static void expect_one(const struct world *world, struct history *history, const struct deadline *deadline, struct text *text) {
  const struct eddy_trigger_spec *trigger = &kit.spec.triggers[deadline->trigger];
  bool user = trigger->subject == EDDY_SUBJECT_USER, filled;
  struct shown shown[9];
  int count = read_carts(world, user ? -1 : deadline->subject, deadline->due, shown, &filled);
  bool looks = trigger->payload == EDDY_PAYLOAD_CART || !user;
  if (fired_before(history, deadline) || (looks && filled && count == 0)) return;
  struct eddy_effect effect = {.as.trigger = {.trigger = (uint16_t)deadline->trigger,
                                              .step = (uint8_t)deadline->step,
                                              .suppression = suppression_of(world, history, deadline),
                                              .subject = kit_str(carts[deadline->subject]),
                                              .armed_at = deadline->armed_at,
                                              .due_at = deadline->due}};
  struct eddy_trigger_fired *fired = &effect.as.trigger;
  struct eddy_cart_line lines[9];
  bool priced = false;
  for (int i = 0; i < count && trigger->payload == EDDY_PAYLOAD_CART; i++) {
    lines[fired->line_count++] = shown[i].line;
    if (!shown[i].line.has_price) continue;
    if (!priced) fired->currency = shown[i].currency;
    priced = true;
    if (eddy_tail_compare(shown[i].currency, fired->currency) == 0)
      fired->cart_value += shown[i].line.price * shown[i].line.quantity;
  }
  fired->lines = lines;
  fill_causes(world, deadline, fired);
  say_effect(text, &effect);
  if (fired->suppression == EDDY_SUPPRESS_NONE || fired->suppression == EDDY_SUPPRESS_SHADOW) {
    history->fired[history->count++] = *deadline;
  }
}

static void expect(const struct world *world, struct text *text) {
  static struct deadline deadlines[DEADLINES_MAX];
  static struct history history;
  int count = all_deadlines(world, deadlines);
  history.count = 0;
  text->size = 0;
  text->bytes[0] = 0;
  for (int i = 0; i < count; i++) expect_one(world, &history, &deadlines[i], text);
}

/* The run
 * --------------------------------------------------------------------------------------------------------------------*/

struct arrival {
  int64_t at;
  uint64_t tie;
  int event;
};

static int compare_arrivals(const void *left, const void *right) {
  const struct arrival *a = left, *b = right;
  DIFFER(a->at, b->at);
  DIFFER(a->tie, b->tie);
  return 0;
}

/* Each event is delayed by at most the lateness. */
static void shuffle(struct eddy_rng *rng, const struct world *world, struct arrival *arrivals) {
  uint64_t delay = chance(rng, 25) ? 0 : (uint64_t)kit.spec.allowed_lateness_ms;
  for (int i = 0; i < world->count; i++) {
    arrivals[i] = (struct arrival){world->events[i].event_time + below(rng, delay + 1), eddy_rng_next(rng), i};
  }
  qsort(arrivals, (size_t)world->count, sizeof arrivals[0], compare_arrivals);
}

static void collect(struct text *text) {
  for (size_t i = 0; i < kit.effects.count; i++) {
    EDDY_ASSERT(kit.effects.items[i].as.trigger.fired_at >= kit.effects.items[i].as.trigger.due_at);
    say_effect(text, &kit.effects.items[i]);
  }
  eddy_effects_clear(&kit.effects);
}

static void run(struct eddy_rng *rng, const struct world *world, struct text *text) {
  static struct kit_user user;
  struct arrival arrivals[EVENTS_MAX];
  shuffle(rng, world, arrivals);
  user.id = kit_str("u");
  user.newest = kit.newest = kit.partition_time = EDDY_TIME_NONE;
  user.size = 0;
  text->size = 0;
  text->bytes[0] = 0;
  bool ticks = chance(rng, 50);
  for (int i = 0; i < world->count; i++) {
    int64_t oldest = INT64_MAX; /* other users' events may move partition time as far as this one's allow */
    for (int j = i; j < world->count; j++) {
      int64_t time = world->events[arrivals[j].event].event_time;
      oldest = time < oldest ? time : oldest;
    }
    if (ticks && chance(rng, 30)) {
      kit_advance(&kit, oldest - below(rng, 20));
      if (chance(rng, 50)) kit_decide(&kit, &user);
    }
    EDDY_ASSERT(oldest >= kit.partition_time);
    kit_step(&kit, &user, &world->events[arrivals[i].event]);
    collect(text);
  }
  for (int64_t time = kit.newest; time < kit.newest + 2000; time += 1 + below(rng, 600)) {
    kit_tick(&kit, &user, time);
    collect(text);
  }
  kit_tick(&kit, &user, END);
  collect(text);
  EDDY_ASSERT(kit.counters.limit_cart_lines + kit.counters.limit_carts + kit.counters.limit_armed_times == 0);
}

/* Start of the first line that differs. */
static size_t first_difference(const char *a, const char *b) {
  size_t line = 0;
  for (size_t i = 0; a[i] != 0 && a[i] == b[i]; i++) {
    if (a[i] == '\n') line = i + 1;
  }
  return line;
}

static void test_every_order_gives_what_the_definition_says(void **state) {
  (void)state;
  static struct world world;
  static struct text expected, got;
  const char *only = getenv("EDDY_SEED");
  size_t decisions = 0;
  for (uint64_t seed = only ? strtoull(only, NULL, 10) : 1; seed <= (only ? strtoull(only, NULL, 10) : SEEDS); seed++) {
    struct eddy_rng rng;
    eddy_rng_seed(&rng, seed);
    random_spec(&rng);
    random_events(&rng, &world);
    expect(&world, &expected);
    for (const char *at = expected.bytes; (at = strchr(at, '\n')) != NULL; at++) decisions++;
    for (int order = 0; order < ORDERS; order++) {
      run(&rng, &world, &got);
      if (strcmp(expected.bytes, got.bytes) != 0) {
        size_t same = first_difference(expected.bytes, got.bytes);
        fail_msg("EDDY_SEED=%llu order %d lateness %lld ttl %lld: expected\n%.400s\ngot\n%.400s", (unsigned long long)seed,
                 order, (long long)kit.spec.allowed_lateness_ms, (long long)kit.spec.cart_ttl_ms, expected.bytes + same,
                 got.bytes + same);
      }
    }
  }
  if (only == NULL) assert_true(decisions > 10000);
  print_message("%zu lines of outcome\n", decisions);
  eddy_effects_fini(&kit.effects);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_order_gives_what_the_definition_says)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
