#include "lib/engine_world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

/* Random events -------------------------------------------------------------------------------------------------------------*/

void world_init(struct world *world, uint64_t seed, const struct world_options *options) {
  *world = (struct world){.options = *options, .clock = INT64_C(1700000000000)};
  eddy_rng_seed(&world->rng, seed);
}

static bool chance(struct world *world, unsigned percent) {
  return eddy_rng_below(&world->rng, 100) < percent;
}

static struct eddy_str text(const char *chars) {
  return (struct eddy_str){chars, (uint32_t)strlen(chars)};
}

/* Commerce is frequent here: it is what tails and triggers live on. Every type occurs. */
static enum eddy_event_type random_type(struct world *world) {
  static const enum eddy_event_type frequent[] = {
      EDDY_PRODUCT_ADDED,  EDDY_PRODUCT_ADDED,   EDDY_CART_UPDATED, EDDY_PRODUCT_REMOVED,  EDDY_ORDER_COMPLETED,
      EDDY_PRODUCT_VIEWED, EDDY_SESSION_STARTED, EDDY_EMAIL_OPENED, EDDY_CHECKOUT_STARTED, EDDY_EMAIL_SENT,
  };
  if (chance(world, 80)) return frequent[eddy_rng_below(&world->rng, sizeof frequent / sizeof frequent[0])];
  return (enum eddy_event_type)eddy_rng_below(&world->rng, EDDY_EVENT_TYPE_COUNT);
}

#define LONG_NAME "a thing whose name takes a large share of the bytes that a small profile may have, beyond what is sensible"

static void fill_items(struct world *world, struct world_event *out) {
  out->event.item_count = (uint32_t)eddy_rng_below(&world->rng, 4);
  out->event.items = out->items;
  for (uint32_t i = 0; i < out->event.item_count; i++) {
    snprintf(out->products[i], sizeof out->products[i], "p%u", (unsigned)eddy_rng_below(&world->rng, 12));
    out->items[i] = (struct eddy_item){
        .product_id = text(out->products[i]),
        .name = chance(world, 50) ? EDDY_STR("a thing") : EDDY_STR(LONG_NAME),
        .category = chance(world, 50) ? EDDY_STR("things") : EDDY_STR(LONG_NAME),
        .price = (int64_t)eddy_rng_below(&world->rng, 10000),
        .quantity = (int32_t)eddy_rng_below(&world->rng, 3) + 1,
        .has_price = chance(world, 80),
    };
  }
}

static void fill_ids(struct world *world, struct world_event *out) {
  unsigned user = (unsigned)eddy_rng_below(&world->rng, world->options.users);
  /* Every third id is too long to lie in the record. */
  snprintf(out->user, sizeof out->user, user % 3 == 0 ? "user-%u-with-a-rather-long-name@shop" : "user-%u", user);
  out->event.user_id = text(out->user);
  uint64_t serial = ++world->serial;
  if (chance(world, world->options.percent_duplicate)) serial -= eddy_rng_below(&world->rng, serial < 20 ? serial : 20);
  snprintf(out->id, sizeof out->id, "event-%llu", (unsigned long long)serial);
  if (chance(world, 90)) out->event.event_id = text(out->id);
  snprintf(out->cart, sizeof out->cart, "c%u", (unsigned)eddy_rng_below(&world->rng, 3));
  if (chance(world, 70)) out->event.cart_id = text(out->cart);
}

static int64_t random_time(struct world *world) {
  const struct world_options *options = &world->options;
  world->clock += (int64_t)eddy_rng_below(&world->rng, 2 * (uint64_t)options->step_ms + 1);
  if (chance(world, options->percent_gap) && chance(world, 10)) world->clock += options->gap_ms;
  int64_t before = options->disorder_ms > 0 ? (int64_t)eddy_rng_below(&world->rng, (uint64_t)options->disorder_ms) : 0;
  if (chance(world, options->percent_ancient)) before = (int64_t)eddy_rng_below(&world->rng, 10 * EDDY_DAY_MS);
  return world->clock - before;
}

void world_next(struct world *world, struct world_event *out) {
  memset(out, 0, sizeof *out);
  out->event = eddy_event_empty;
  out->event.type = random_type(world);
  out->event.event_time = random_time(world);
  fill_ids(world, out);
  fill_items(world, out);
  out->event.machine_open = chance(world, 20) ? 1 : -1;
  out->event.has_value = chance(world, 50);
  out->event.value = (int64_t)eddy_rng_below(&world->rng, 100000);
  if (chance(world, 60)) out->event.currency = chance(world, 80) ? EDDY_STR("USD") : EDDY_STR("EUR");
  if (out->event.type == EDDY_USER_ERASED && chance(world, 50)) out->event.type = EDDY_PAGE_VIEWED;
}

void world_spec(struct eddy_spec *spec) {
  eddy_spec_default(spec);
  spec->limits.recent_ids = 4;
  spec->limits.cart_lines = 8;
  spec->limits.carts = 2;
  spec->limits.armed_times = 3;
  spec->limits.fired_marks = 4;
  spec->limits.tail_bytes = 1024;
  spec->idle_ttl_ms = 3 * EDDY_DAY_MS;
  spec->allowed_lateness_ms = 5 * EDDY_MINUTE_MS;
  struct eddy_trigger_spec *browse = &spec->triggers[1];
  *browse = spec->triggers[0];
  strcpy(browse->name, "browse");
  browse->subject = EDDY_SUBJECT_USER;
  browse->payload = EDDY_PAYLOAD_NONE;
  browse->after = EDDY_EVENT_BIT(EDDY_PRODUCT_VIEWED) | EDDY_EVENT_BIT(EDDY_SESSION_STARTED);
  browse->without = EDDY_EVENT_BIT(EDDY_PRODUCT_ADDED);
  browse->wait_ms[0] = 10 * EDDY_MINUTE_MS;
  browse->wait_ms[1] = EDDY_HOUR_MS;
  browse->step_count = 2;
  browse->cooldown_ms = 0;
  spec->trigger_count = 2;
}

enum { MODEL_CLUSTERS = 5 };

struct eddy_model *world_model(const struct eddy_spec *spec, uint64_t seed) {
  static struct eddy_segment_card cards[MODEL_CLUSTERS];
  struct eddy_rng rng;
  eddy_rng_seed(&rng, seed);
  uint16_t d = eddy_spec_dimensions(spec);
  float mean[EDDY_FEATURES_MAX], deviation[EDDY_FEATURES_MAX], weight[EDDY_FEATURES_MAX];
  float centroids[MODEL_CLUSTERS * EDDY_FEATURES_MAX];
  for (uint16_t i = 0; i < d; i++) {
    mean[i] = (float)eddy_rng_unit(&rng);
    deviation[i] = 0.5f + (float)eddy_rng_unit(&rng);
    weight[i] = 1;
  }
  for (int i = 0; i < MODEL_CLUSTERS * d; i++) centroids[i] = (float)eddy_rng_normal(&rng);
  for (uint32_t i = 0; i < MODEL_CLUSTERS; i++) {
    cards[i].id = i + (uint32_t)(seed % 3); /* neighbouring models share most ids */
    snprintf(cards[i].name, sizeof cards[i].name, "segment %u", cards[i].id);
    cards[i].mass = 1;
  }
  struct eddy_model_parts parts = {
      .version = seed,
      .trained_at = 0,
      .dimensions = d,
      .clusters = MODEL_CLUSTERS,
      .mean = mean,
      .deviation = deviation,
      .weight = weight,
      .centroids = centroids,
      .cards = cards,
  };
  struct eddy_model *model = eddy_model_new(&parts, NULL);
  EDDY_ASSERT(model != NULL);
  return model;
}

/* Snapshots -----------------------------------------------------------------------------------------------------------------*/

static int append(void *ctx, const void *bytes, size_t size) {
  return eddy_buffer_append(ctx, bytes, size);
}

void world_snapshot(const struct eddy_engine *engine, struct eddy_buffer *bytes) {
  eddy_buffer_init(bytes, NULL);
  int error = eddy_engine_snapshot(engine, append, bytes);
  EDDY_ASSERT(error == 0);
}

/* Effects -------------------------------------------------------------------------------------------------------------------*/

static uint64_t mix(uint64_t hash, const void *bytes, size_t size) {
  return eddy_hash_mix(hash ^ (size > 0 ? eddy_hash_stable(bytes, size) : 0) ^ (size * UINT64_C(0x9e3779b97f4a7c15)));
}

#define MIX(hash, value) mix(hash, &(value), sizeof(value))

static uint64_t mix_str(uint64_t hash, struct eddy_str str) {
  uint8_t absent = str.data == NULL;
  return mix(MIX(hash, absent), str.data, str.len);
}

static uint64_t mix_segment(uint64_t hash, const struct eddy_segment_changed *change) {
  hash = MIX(hash, change->has_from);
  hash = MIX(hash, change->has_to);
  hash = MIX(hash, change->from);
  hash = MIX(hash, change->to);
  hash = MIX(hash, change->model_version);
  hash = MIX(hash, change->event_time);
  hash = MIX(hash, change->distance);
  hash = MIX(hash, change->runner_up);
  for (uint8_t i = 0; i < change->reason_count; i++) {
    hash = MIX(hash, change->reasons[i].feature);
    hash = MIX(hash, change->reasons[i].value);
    hash = MIX(hash, change->reasons[i].z);
    hash = MIX(hash, change->reasons[i].contribution);
  }
  return hash;
}

static uint64_t mix_line(uint64_t hash, const struct eddy_cart_line *line) {
  hash = mix_str(mix_str(mix_str(hash, line->product_id), line->name), line->category);
  hash = MIX(hash, line->price);
  hash = MIX(hash, line->quantity);
  hash = MIX(hash, line->has_price);
  return MIX(hash, line->added_at);
}

static uint64_t mix_trigger(uint64_t hash, const struct eddy_trigger_fired *fired) {
  hash = MIX(hash, fired->trigger);
  hash = MIX(hash, fired->step);
  hash = MIX(hash, fired->suppression);
  hash = MIX(hash, fired->trigger_id);
  hash = mix_str(hash, fired->subject);
  hash = MIX(hash, fired->armed_at);
  hash = MIX(hash, fired->armed_by);
  hash = MIX(hash, fired->due_at);
  hash = MIX(hash, fired->fired_at);
  hash = MIX(hash, fired->published_at);
  hash = MIX(hash, fired->late);
  for (uint8_t i = 0; i < fired->cause_count; i++) hash = mix_str(hash, fired->cause_event_ids[i]);
  for (uint16_t i = 0; i < fired->line_count; i++) hash = mix_line(hash, &fired->lines[i]);
  hash = MIX(hash, fired->cart_value);
  return mix_str(hash, fired->currency);
}

static uint64_t mix_delta(uint64_t hash, const struct eddy_model_delta *delta) {
  hash = MIX(hash, delta->newest_time);
  hash = MIX(hash, delta->offered);
  hash = MIX(hash, delta->offered_weight);
  hash = MIX(hash, delta->count);
  hash = mix(hash, delta->vectors, sizeof(float) * delta->count * delta->dimensions);
  hash = mix(hash, delta->weights, sizeof(float) * delta->count);
  return mix(hash, delta->users, sizeof(uint64_t) * delta->count);
}

static uint64_t mix_erased(uint64_t hash, const struct eddy_profile_erased *erased) {
  hash = MIX(hash, erased->erased_at);
  hash = MIX(hash, erased->had_profile);
  return mix_str(hash, erased->event_id);
}

uint64_t world_effects_hash(uint64_t hash, const struct eddy_effects *effects, size_t from) {
  for (size_t i = from; i < effects->count; i++) {
    const struct eddy_effect *effect = &effects->items[i];
    hash = MIX(hash, effect->kind);
    hash = MIX(hash, effect->number);
    hash = mix_str(hash, effect->user_id);
    if (effect->kind == EDDY_SEGMENT_CHANGED) hash = mix_segment(hash, &effect->as.segment);
    if (effect->kind == EDDY_TRIGGER_FIRED || effect->kind == EDDY_TRIGGER_SUPPRESSED) {
      hash = mix_trigger(hash, &effect->as.trigger);
    }
    if (effect->kind == EDDY_MODEL_DELTA) hash = mix_delta(hash, &effect->as.delta);
    if (effect->kind == EDDY_PROFILE_ERASED) hash = mix_erased(hash, &effect->as.erased);
  }
  return hash;
}

/* Memory --------------------------------------------------------------------------------------------------------------------*/

static void *failing_resize(void *ctx, void *old, size_t old_size, size_t new_size) {
  struct failing_allocator *failing = ctx;
  if (new_size > 0 && ++failing->calls == failing->fail_at) return NULL;
  failing->live_bytes += new_size - old_size;
  return eddy_allocator_malloc.resize(NULL, old, old_size, new_size);
}

struct eddy_allocator failing_allocator(struct failing_allocator *failing) {
  return (struct eddy_allocator){.resize = failing_resize, .ctx = failing};
}
