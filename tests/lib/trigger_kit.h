/* One user's tail driven as the engine drives it: decide what is due, fold, decide again. The tail rests packed between calls,
 * so every test goes through encode and decode. */
#ifndef EDDY_TESTS_TRIGGER_KIT_H
#define EDDY_TESTS_TRIGGER_KIT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "core/cart.h"
#include "core/trigger.h"

/* The world of a test; zero-initialise with kit_init. */
struct kit {
  struct eddy_spec spec;
  struct eddy_tail tail; /* working form */
  struct eddy_effects effects;
  struct eddy_counters counters;
  uint64_t next_effect;
  int64_t newest, partition_time, now;
};

struct kit_user {
  struct eddy_str id;
  int64_t newest;
  size_t size;
  uint8_t bytes[16 * 1024];
};

static inline struct eddy_str kit_str(const char *text) {
  return text == NULL ? (struct eddy_str){0} : (struct eddy_str){text, (uint32_t)strlen(text)};
}

static inline void kit_init(struct kit *kit) {
  memset(&kit->spec, 0, sizeof kit->spec);
  eddy_spec_default(&kit->spec);
  kit->spec.trigger_count = 0;
  kit->spec.allowed_lateness_ms = 0;
  eddy_effects_init(&kit->effects, NULL);
  eddy_effects_clear(&kit->effects);
  kit->counters = (struct eddy_counters){0};
  kit->next_effect = 0;
  kit->newest = kit->partition_time = kit->now = EDDY_TIME_NONE;
}

static inline struct eddy_trigger_spec *kit_add_trigger(struct kit *kit, enum eddy_subject subject, enum eddy_payload payload) {
  struct eddy_trigger_spec *trigger = &kit->spec.triggers[kit->spec.trigger_count];
  *trigger = (struct eddy_trigger_spec){.kind = EDDY_TRIGGER_ABSENCE,
                                        .subject = subject,
                                        .payload = payload,
                                        .after = EDDY_EVENT_BIT(EDDY_PRODUCT_ADDED) | EDDY_EVENT_BIT(EDDY_CART_UPDATED),
                                        .without = EDDY_EVENT_BIT(EDDY_ORDER_COMPLETED) | EDDY_EVENT_BIT(EDDY_CHECKOUT_STARTED),
                                        .wait_ms = {1000},
                                        .step_count = 1,
                                        .max_lateness_ms = INT64_MAX};
  snprintf(trigger->name, sizeof trigger->name, "trigger_%d", kit->spec.trigger_count++);
  return trigger;
}

static inline void kit_load(struct kit *kit, const struct kit_user *user) {
  int error = eddy_tail_decode(&kit->tail, user->bytes, user->size);
  EDDY_ASSERT(error == 0);
}

/* Through a copy: the working form has views into the packed one. */
static inline void kit_save(struct kit *kit, struct kit_user *user) {
  static uint8_t copy[sizeof user->bytes];
  user->size = eddy_tail_encode(&kit->tail, copy, sizeof copy);
  EDDY_ASSERT(user->size <= sizeof copy);
  memcpy(user->bytes, copy, user->size);
}

static inline int kit_decide(struct kit *kit, struct kit_user *user) {
  struct eddy_decision decision = {.spec = &kit->spec,
                                   .user_id = user->id,
                                   .partition_time = kit->partition_time,
                                   .now = kit->now,
                                   .next_effect = &kit->next_effect,
                                   .effects = &kit->effects,
                                   .counters = &kit->counters};
  kit_load(kit, user);
  int count = eddy_triggers_decide(&decision, &kit->tail);
  if (count >= 0) {
    EDDY_ASSERT(eddy_triggers_next_due(&kit->spec, &kit->tail) > kit->partition_time);
  }
  kit_save(kit, user);
  return count;
}

static inline void kit_advance(struct kit *kit, int64_t partition_time) {
  kit->partition_time = partition_time > kit->partition_time ? partition_time : kit->partition_time;
}

static inline void kit_step(struct kit *kit, struct kit_user *user, const struct eddy_event *event) {
  kit->newest = event->event_time > kit->newest ? event->event_time : kit->newest;
  kit_advance(kit, kit->newest - kit->spec.allowed_lateness_ms);
  kit_decide(kit, user);
  user->newest = event->event_time > user->newest ? event->event_time : user->newest;
  if ((eddy_triggers_mask(&kit->spec) & EDDY_EVENT_BIT(event->type)) == 0) {
    return;
  }
  kit_load(kit, user);
  eddy_cart_fold(&kit->spec, &kit->tail, event, user->newest, &kit->counters);
  eddy_triggers_fold(&kit->spec, &kit->tail, event, user->newest, &kit->counters);
  kit_save(kit, user);
  kit_decide(kit, user);
}

/* Moves partition time and decides. */
static inline int kit_tick(struct kit *kit, struct kit_user *user, int64_t partition_time) {
  kit_advance(kit, partition_time);
  return kit_decide(kit, user);
}

#endif
