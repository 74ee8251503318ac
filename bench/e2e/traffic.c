#include "traffic.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "bench.h"
#include "codec/container.h"

/* 16 equal shares. */
static const enum eddy_event_type mix[16] = {
    EDDY_EMAIL_OPENED,    EDDY_EMAIL_OPENED,    EDDY_EMAIL_OPENED,      EDDY_EMAIL_CLICKED,
    EDDY_EMAIL_CLICKED,   EDDY_PRODUCT_VIEWED,  EDDY_PRODUCT_VIEWED,    EDDY_PRODUCT_VIEWED,
    EDDY_PRODUCT_VIEWED,  EDDY_SESSION_STARTED, EDDY_SESSION_STARTED,   EDDY_SESSION_STARTED,
    EDDY_WISHLIST_ADDED,  EDDY_PRODUCTS_SEARCHED, EDDY_PRODUCTS_SEARCHED, EDDY_ORDER_COMPLETED,
};

void eddy_traffic_init(struct eddy_traffic *traffic, uint64_t seed, uint32_t users, double zipf) {
  *traffic = (struct eddy_traffic){.seed = seed, .users = users, .zipf = zipf};
  eddy_rng_seed(&traffic->rng, seed);
  eddy_buffer_init(&traffic->value, NULL);
}

void eddy_traffic_fini(struct eddy_traffic *traffic) { eddy_buffer_fini(&traffic->value); }

static void name_user(struct eddy_traffic *traffic, uint32_t user) {
  traffic->user = user;
  snprintf(traffic->user_id, sizeof traffic->user_id, "user-%015" PRIu32, user);
}

static void encode(struct eddy_traffic *traffic, struct eddy_event *event) {
  char id[40];
  uint8_t header[10];
  int length = snprintf(id, sizeof id, "%06" PRIx64 "-%015" PRIx64, traffic->seed & 0xffffff, traffic->number++);
  event->event_id = (struct eddy_str){id, (uint32_t)length};
  event->user_id = (struct eddy_str){traffic->user_id, EDDY_TRAFFIC_ID};
  traffic->value.size = 0;
  eddy_event_header(header);
  int error = eddy_buffer_append(&traffic->value, header, sizeof header);
  if (error == 0) error = eddy_event_encode(event, &traffic->value);
  eddy_bench_require(error == 0, "memory");
}

/* The inverse of the continuous distribution with density x^-zipf on [1, users + 1). */
static uint32_t draw_rank(const struct eddy_traffic *traffic, uint64_t draw) {
  double u = (double)(draw >> 11) * 0x1p-53, end = (double)traffic->users + 1, power = 1 - traffic->zipf;
  double x = fabs(power) < 1e-9 ? exp(u * log(end)) : pow(u * (pow(end, power) - 1) + 1, 1 / power);
  return x < end ? (uint32_t)x - 1 : traffic->users - 1;
}

/* Ranks are spread over the users, so that partitions share the busy ones. */
static uint32_t draw_user(struct eddy_traffic *traffic) {
  uint64_t draw = eddy_rng_next(&traffic->rng);
  if (traffic->zipf == 0) return (uint32_t)(((draw >> 32) * traffic->users) >> 32);
  return (uint32_t)(draw_rank(traffic, draw) * UINT64_C(2654435761) % traffic->users);
}

void eddy_traffic_make(struct eddy_traffic *traffic, int64_t event_time) {
  eddy_traffic_make_for(traffic, draw_user(traffic), event_time);
}

void eddy_traffic_make_for(struct eddy_traffic *traffic, uint32_t user, int64_t event_time) {
  uint64_t draw = eddy_rng_next(&traffic->rng);
  struct eddy_event event = eddy_event_empty;
  name_user(traffic, user);
  event.type = mix[draw & 15];
  event.event_time = event_time;
  if (event.type == EDDY_EMAIL_OPENED || event.type == EDDY_EMAIL_CLICKED) {
    event.source = EDDY_STR("esp");
    event.campaign_id = EDDY_STR("spring-sale");
    event.message_id = EDDY_STR("m-829173");
  } else {
    event.source = EDDY_STR("web");
  }
  if (event.type == EDDY_ORDER_COMPLETED) {
    event.has_value = true;
    event.value = 1000 + (int64_t)(draw >> 4 & 0xffff);
    event.currency = EDDY_STR("USD");
  }
  encode(traffic, &event);
}

void eddy_traffic_make_cart(struct eddy_traffic *traffic, uint32_t user, int64_t event_time) {
  static const char *const products[] = {"sku-100234", "sku-577101", "sku-900412"};
  struct eddy_item items[3];
  struct eddy_event event = eddy_event_empty;
  for (size_t i = 0; i < 3; i++) {
    items[i] = (struct eddy_item){.product_id = {products[i], 10}, .name = EDDY_STR("Linen shirt, blue"),
                                  .category = EDDY_STR("shirts"), .price = 4990, .has_price = true, .quantity = 1};
  }
  name_user(traffic, user);
  event.type = EDDY_CART_UPDATED;
  event.event_time = event_time;
  event.source = EDDY_STR("web");
  event.currency = EDDY_STR("USD");
  event.items = items;
  event.item_count = 3;
  encode(traffic, &event);
}
