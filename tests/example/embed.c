/* Embedding libeddy: a cart is left alone for an hour, and the engine says so. Exit code 0 if it did. */
#include <stdio.h>

#include "eddy/eddy.h"

static struct eddy_event cart_event(enum eddy_event_type type, struct eddy_str user, int64_t time) {
  static const struct eddy_item item = {.product_id = {"teapot", 6}, .price = 1999, .quantity = 1, .has_price = true};
  struct eddy_event event = eddy_event_empty;
  event.type = type;
  event.user_id = user;
  event.event_time = time;
  event.items = &item;
  event.item_count = 1;
  return event;
}

int main(void) {
  struct eddy_spec spec;
  struct eddy_engine *engine;
  struct eddy_effects effects;
  const int64_t noon = INT64_C(1700049600000);
  const struct eddy_event events[] = {
      cart_event(EDDY_PRODUCT_ADDED, EDDY_STR("ada"), noon),
      cart_event(EDDY_PRODUCT_ADDED, EDDY_STR("grace"), noon + EDDY_MINUTE_MS),
      cart_event(EDDY_ORDER_COMPLETED, EDDY_STR("grace"), noon + 30 * EDDY_MINUTE_MS),
  };

  eddy_spec_default(&spec); /* 32 features, one trigger: cart_abandonment after an hour */
  if (eddy_engine_new(&engine, &(struct eddy_engine_options){.spec = &spec, .seed = 1}) != 0) return 1;
  eddy_effects_init(&effects, NULL);
  size_t applied = eddy_engine_step_batch(engine, events, 3, EDDY_TIME_NONE, &effects);
  eddy_engine_tick(engine, noon + 2 * EDDY_HOUR_MS, EDDY_TIME_NONE, 100, &effects);

  int fired = 0;
  for (size_t i = 0; i < effects.count; i++) {
    if (effects.items[i].kind != EDDY_TRIGGER_FIRED) continue;
    const struct eddy_trigger_fired *trigger = &effects.items[i].as.trigger;
    struct eddy_str user = effects.items[i].user_id;
    printf("%s: %.*s left %u line(s), %lld cents\n", spec.triggers[trigger->trigger].name, (int)user.len, user.data,
           trigger->line_count, (long long)trigger->cart_value);
    fired += user.len == 3 && trigger->cart_value == 1999 ? 1 : 100;
  }
  eddy_effects_fini(&effects);
  eddy_engine_free(engine);
  return applied == 3 && fired == 1 ? 0 : 1;
}
