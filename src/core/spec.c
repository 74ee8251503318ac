/* The default specification, its dimensions and its fingerprint. */
#include "eddy/spec.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"

/* One row per default feature, DESIGN section 6. Position = the order here. Days 0: no half-life. */
struct default_feature {
  const char *name;
  enum eddy_fold fold;
  eddy_event_mask on;
  uint16_t days;
  bool cluster, money;
};

#define BIT(type) EDDY_EVENT_BIT(EDDY_##type)
/* A refund or cancellation takes its value back out of a sum. */
#define SPEND (BIT(ORDER_COMPLETED) | BIT(ORDER_CANCELLED) | BIT(ORDER_REFUNDED))
#define COUNT_ROW(name, on, days, cluster) \
  { name, EDDY_FOLD_COUNT, BIT(on), days, cluster, false }
#define AGE_ROW(name, on) \
  { name, EDDY_FOLD_AGE, BIT(on), 0, false, false }

static const struct default_feature default_features[] = {
    COUNT_ROW("opens_1d", EMAIL_OPENED, 1, false),
    COUNT_ROW("opens_7d", EMAIL_OPENED, 7, true),
    COUNT_ROW("opens_30d", EMAIL_OPENED, 30, true),
    COUNT_ROW("clicks_1d", EMAIL_CLICKED, 1, false),
    COUNT_ROW("clicks_7d", EMAIL_CLICKED, 7, true),
    COUNT_ROW("clicks_30d", EMAIL_CLICKED, 30, true),
    COUNT_ROW("views_1d", PRODUCT_VIEWED, 1, false),
    COUNT_ROW("views_7d", PRODUCT_VIEWED, 7, true),
    COUNT_ROW("views_30d", PRODUCT_VIEWED, 30, true),
    COUNT_ROW("carts_1d", PRODUCT_ADDED, 1, false),
    COUNT_ROW("carts_7d", PRODUCT_ADDED, 7, true),
    COUNT_ROW("carts_30d", PRODUCT_ADDED, 30, true),
    COUNT_ROW("visits_1d", SESSION_STARTED, 1, false),
    COUNT_ROW("visits_7d", SESSION_STARTED, 7, true),
    COUNT_ROW("visits_30d", SESSION_STARTED, 30, true),
    COUNT_ROW("searches_7d", PRODUCTS_SEARCHED, 7, true),
    COUNT_ROW("wishlist_30d", WISHLIST_ADDED, 30, true),
    COUNT_ROW("checkouts_7d", CHECKOUT_STARTED, 7, false),
    COUNT_ROW("removals_7d", PRODUCT_REMOVED, 7, false),
    COUNT_ROW("coupons_30d", COUPON_APPLIED, 30, false),
    COUNT_ROW("orders_30d", ORDER_COMPLETED, 30, true),
    COUNT_ROW("orders_180d", ORDER_COMPLETED, 180, false),
    {"spend_30d", EDDY_FOLD_SUM, SPEND, 30, true, true},
    {"spend_180d", EDDY_FOLD_SUM, SPEND, 180, false, true},
    COUNT_ROW("sends_4d", EMAIL_SENT, 4, false),
    COUNT_ROW("opens_60d", EMAIL_OPENED, 60, false),
    COUNT_ROW("clicks_60d", EMAIL_CLICKED, 60, false),
    COUNT_ROW("sends_60d", EMAIL_SENT, 60, false),
    {"click_rate_60d", EDDY_FOLD_RATIO, 0, 0, false, false},
    AGE_ROW("since_open", EMAIL_OPENED),
    AGE_ROW("since_order", ORDER_COMPLETED),
    AGE_ROW("since_visit", SESSION_STARTED),
};
enum {
  DEFAULT_FEATURES = sizeof default_features / sizeof default_features[0],
  CLICKS_60D = 26,
  SENDS_60D = 27,
};
_Static_assert(DEFAULT_FEATURES == 32, "DESIGN section 6 promises 32 default features");

static void fill_features(struct eddy_spec *spec) {
  spec->feature_count = DEFAULT_FEATURES;
  for (size_t i = 0; i < DEFAULT_FEATURES; i++) {
    const struct default_feature *row = &default_features[i];
    struct eddy_feature_spec *feature = &spec->features[i];
    memcpy(feature->name, row->name, strlen(row->name));
    feature->fold = row->fold;
    feature->value = row->money ? EDDY_VALUE_MONEY : EDDY_VALUE_QUANTITY;
    feature->transform = EDDY_TRANSFORM_LOG1P;
    feature->on = row->on;
    feature->half_life_ms = row->days * EDDY_DAY_MS;
    feature->cluster = row->cluster;
    if (row->fold == EDDY_FOLD_RATIO) {
      feature->of = CLICKS_60D;
      feature->to = SENDS_60D;
    }
  }
}

static void fill_trigger(struct eddy_trigger_spec *trigger) {
  *trigger = (struct eddy_trigger_spec){
      .name = "cart_abandonment",
      .kind = EDDY_TRIGGER_ABSENCE,
      .subject = EDDY_SUBJECT_CART,
      .mode = EDDY_MODE_LIVE,
      .payload = EDDY_PAYLOAD_CART,
      .after = BIT(PRODUCT_ADDED) | BIT(CART_UPDATED),
      .without = BIT(ORDER_COMPLETED) | BIT(CHECKOUT_STARTED),
      .wait_ms = {EDDY_HOUR_MS},
      .step_count = 1,
      .cooldown_ms = 24 * EDDY_HOUR_MS,
      .max_lateness_ms = 24 * EDDY_HOUR_MS,
      .priority = 10,
  };
}

void eddy_spec_default(struct eddy_spec *spec) {
  memset(spec, 0, sizeof *spec);
  fill_features(spec);
  fill_trigger(&spec->triggers[0]);
  spec->trigger_count = 1;
  spec->limits = (struct eddy_limits){
      .recent_ids = 8,
      .cart_lines = 64,
      .carts = 8,
      .viewed_items = 0,
      .attributes = 16,
      .armed_times = 32,
      .fired_marks = 32,
      .tail_bytes = 16 * 1024,
  };
  memcpy(spec->currency, "USD", sizeof spec->currency);
  spec->allowed_lateness_ms = 10 * EDDY_SECOND_MS;
  spec->idle_ttl_ms = 400 * EDDY_DAY_MS;
  spec->cart_ttl_ms = 10 * EDDY_DAY_MS;
  spec->publish_after_ms = EDDY_TIME_NONE;
  spec->switch_margin = 0.10f;
  spec->evidence_min = 3;
  spec->sweep = true;
}

uint16_t eddy_spec_dimensions(const struct eddy_spec *spec) {
  uint16_t dimensions = 0;
  for (uint16_t i = 0; i < spec->feature_count; i++) {
    dimensions = (uint16_t)(dimensions + (spec->features[i].cluster ? 1 : 0));
  }
  return dimensions;
}

uint16_t eddy_spec_dimension_feature(const struct eddy_spec *spec, uint16_t dimension) {
  uint16_t i = 0;
  for (; i < spec->feature_count; i++) {
    if (spec->features[i].cluster && dimension-- == 0) {
      break;
    }
  }
  EDDY_ASSERT(i < spec->feature_count);
  return i;
}

/* The fingerprint hashes the fields one by one, not the structs: padding has no say. */
static void write_name(struct eddy_writer *writer, const char *name) {
  eddy_write_string(writer, (struct eddy_str){name, (uint32_t)strlen(name)});
}

static void write_feature(struct eddy_writer *writer, const struct eddy_feature_spec *feature) {
  write_name(writer, feature->name);
  eddy_write_varint(writer, (int64_t)feature->fold);
  eddy_write_varint(writer, (int64_t)feature->value);
  eddy_write_varint(writer, (int64_t)feature->transform);
  eddy_write_u64(writer, feature->on);
  eddy_write_varint(writer, feature->half_life_ms);
  eddy_write_varint(writer, feature->of);
  eddy_write_varint(writer, feature->to);
  eddy_write_u8(writer, feature->cluster);
}

static void write_trigger(struct eddy_writer *writer, const struct eddy_trigger_spec *trigger) {
  write_name(writer, trigger->name);
  eddy_write_varint(writer, (int64_t)trigger->kind);
  eddy_write_varint(writer, (int64_t)trigger->subject);
  eddy_write_u64(writer, trigger->after);
  eddy_write_u64(writer, trigger->without);
  for (uint8_t step = 0; step < trigger->step_count; step++) {
    eddy_write_varint(writer, trigger->wait_ms[step]);
  }
}

static void write_limits(struct eddy_writer *writer, const struct eddy_limits *limits) {
  eddy_write_u16(writer, limits->recent_ids);
  eddy_write_u16(writer, limits->cart_lines);
  eddy_write_u16(writer, limits->carts);
  eddy_write_u16(writer, limits->viewed_items);
  eddy_write_u16(writer, limits->attributes);
  eddy_write_u16(writer, limits->armed_times);
  eddy_write_u16(writer, limits->fired_marks);
  eddy_write_u32(writer, limits->tail_bytes);
}

uint64_t eddy_spec_fingerprint(const struct eddy_spec *spec) {
  uint8_t bytes[20 * 1024]; /* 64 features of <= 112 bytes, 32 triggers of <= 140 */
  struct eddy_writer writer;
  eddy_writer_init(&writer, bytes, sizeof bytes);
  for (uint16_t i = 0; i < spec->feature_count; i++) {
    write_feature(&writer, &spec->features[i]);
  }
  eddy_write_u8(&writer, UINT8_MAX); /* no name has 127 bytes or more: lists of other lengths differ */
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    write_trigger(&writer, &spec->triggers[i]);
  }
  write_limits(&writer, &spec->limits);
  EDDY_ASSERT(!writer.overflow);
  return eddy_hash_stable(bytes, eddy_writer_size(&writer));
}
