#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/profile.h"
#include "core/spec_compiled.h"
#include "eddy/eddy.h"

/* DESIGN section 6, in order; * = in the clustering vector. */
static const char *const expected_features =
    "opens_1d opens_7d* opens_30d* clicks_1d clicks_7d* clicks_30d* views_1d views_7d* views_30d* carts_1d carts_7d* "
    "carts_30d* "
    "visits_1d visits_7d* visits_30d* searches_7d* wishlist_30d* checkouts_7d removals_7d coupons_30d orders_30d* orders_180d "
    "spend_30d* spend_180d sends_4d opens_60d clicks_60d sends_60d click_rate_60d since_open since_order since_visit ";

static void test_default(void **state) {
  (void)state;
  struct eddy_spec spec;
  char why[200] = "", list[2000] = "";
  eddy_spec_default(&spec);
  assert_int_equal(eddy_spec_check(&spec, why, sizeof why), 0);
  for (uint16_t i = 0; i < spec.feature_count; i++) {
    strcat(list, spec.features[i].name);
    strcat(list, spec.features[i].cluster ? "* " : " ");
  }
  assert_string_equal(list, expected_features);
  assert_int_equal(spec.feature_count, 32);
  assert_int_equal(eddy_spec_dimensions(&spec), 14);
  assert_string_equal(spec.features[eddy_spec_dimension_feature(&spec, 0)].name, "opens_7d");
  assert_string_equal(spec.features[eddy_spec_dimension_feature(&spec, 13)].name, "spend_30d");
  const struct eddy_feature_spec *rate = &spec.features[28];
  assert_string_equal(spec.features[rate->of].name, "clicks_60d");
  assert_string_equal(spec.features[rate->to].name, "sends_60d");
}

static void test_compiled(void **state) {
  (void)state;
  struct eddy_spec spec;
  static struct eddy_spec_compiled compiled;
  eddy_spec_default(&spec);
  eddy_spec_compile(&spec, &compiled);
  assert_int_equal(compiled.lane_count, 28);
  assert_int_equal(compiled.age_count, 3);
  assert_int_equal(compiled.class_count, 6);
  assert_int_equal(compiled.dimension_count, 14);
  assert_int_equal(eddy_profile_size(&compiled), 312);
  unsigned opens = EDDY_EMAIL_OPENED;
  assert_int_equal(compiled.first_update[opens + 1] - compiled.first_update[opens], 4);
  assert_int_equal(compiled.ages_of[opens], 1);
  assert_true(compiled.takes_money[EDDY_ORDER_REFUNDED] && !compiled.takes_money[EDDY_PRODUCT_ADDED]);
  assert_int_equal(compiled.updates[compiled.first_update[EDDY_ORDER_REFUNDED]].addend, EDDY_ADD_MONEY);
}

/* Each row breaks a good specification in one place. */
#define BREAKS(X)                                                                                 \
  X(spec.features[0].name[0] = 'A')                                                               \
  X(spec.features[0].name[0] = 0)                                                                 \
  X(memset(spec.features[0].name, 'a', sizeof spec.features[0].name))                             \
  X(memcpy(spec.features[1].name, "opens_1d", 9))                                                 \
  X(spec.features[0].fold = (enum eddy_fold)9)                                                    \
  X(spec.features[0].transform = (enum eddy_transform)2)                                          \
  X(spec.features[0].on = 0)                                                                      \
  X(spec.features[0].on |= EDDY_EVENT_BIT(EDDY_EVENT_TYPE_COUNT))                                 \
  X(spec.features[0].half_life_ms = EDDY_MINUTE_MS - 1)                                           \
  X(spec.features[0].half_life_ms = 4000 * EDDY_DAY_MS)                                           \
  X(spec.features[28].of = 32)                                                                    \
  X(spec.features[28].to = 29)                                                                    \
  X(for (int i = 0; i < 9; i++) spec.features[i].half_life_ms += i + 1)                           \
  X(spec.feature_count = EDDY_FEATURES_MAX + 1)                                                   \
  X(spec.trigger_count = EDDY_TRIGGERS_MAX + 1)                                                   \
  X(spec.triggers[0].name[3] = '-')                                                               \
  X((spec.triggers[1] = spec.triggers[0], spec.trigger_count = 2))                                \
  X(spec.triggers[0].kind = (enum eddy_trigger_kind)7)                                            \
  X(spec.triggers[0].after = 0)                                                                   \
  X(spec.triggers[0].step_count = 0)                                                              \
  X(spec.triggers[0].step_count = EDDY_STEPS_MAX + 1)                                             \
  X(spec.triggers[0].wait_ms[0] = 0)                                                              \
  X((spec.triggers[0].step_count = 2, spec.triggers[0].wait_ms[1] = spec.triggers[0].wait_ms[0])) \
  X(spec.triggers[0].cooldown_ms = -1)                                                            \
  X(spec.triggers[0].max_lateness_ms = -1)                                                        \
  X(spec.limits.recent_ids = 65)                                                                  \
  X(spec.limits.cart_lines = 257)                                                                 \
  X(spec.limits.carts = 17)                                                                       \
  X(spec.limits.viewed_items = 33)                                                                \
  X(spec.limits.attributes = 65)                                                                  \
  X(spec.limits.armed_times = 0)                                                                  \
  X(spec.limits.fired_marks = 65)                                                                 \
  X(spec.limits.tail_bytes = 60000)                                                               \
  X(spec.currency[0] = 'u')                                                                       \
  X(spec.currency[3] = 'X')                                                                       \
  X(spec.allowed_lateness_ms = -1)                                                                \
  X(spec.idle_ttl_ms = 0)                                                                         \
  X(spec.cart_ttl_ms = 0)                                                                         \
  X(spec.switch_margin = 1)                                                                       \
  X(spec.switch_margin = (float)NAN)                                                              \
  X(spec.evidence_min = -1)

static void assert_refused(const struct eddy_spec *spec, const char *what) {
  char why[200] = "";
  if (eddy_spec_check(spec, why, sizeof why) != EDDY_E_INVALID) fail_msg("accepted: %s", what);
  if (strlen(why) < 10) fail_msg("no sentence about: %s", what);
  assert_int_equal(eddy_spec_check(spec, NULL, 0), EDDY_E_INVALID);
}

#include <math.h>

static void test_check(void **state) {
  (void)state;
  struct eddy_spec spec;
#define X(breakage)         \
  eddy_spec_default(&spec); \
  breakage;                 \
  assert_refused(&spec, #breakage);
  BREAKS(X)
#undef X
}

static void test_fingerprint(void **state) {
  (void)state;
  struct eddy_spec spec;
  eddy_spec_default(&spec);
  uint64_t fingerprint = eddy_spec_fingerprint(&spec);
  spec.switch_margin = 0.2f; /* not in any profile's bytes */
  spec.triggers[0].priority = 3;
  assert_int_equal(eddy_spec_fingerprint(&spec), fingerprint);
  spec.features[3].half_life_ms++;
  assert_int_not_equal(eddy_spec_fingerprint(&spec), fingerprint);
  eddy_spec_default(&spec);
  spec.triggers[0].wait_ms[0]++;
  assert_int_not_equal(eddy_spec_fingerprint(&spec), fingerprint);
  eddy_spec_default(&spec);
  spec.limits.fired_marks++;
  assert_int_not_equal(eddy_spec_fingerprint(&spec), fingerprint);
  /* The largest there is must fit the buffer. */
  memset(&spec, 0x7f, sizeof spec);
  spec.feature_count = EDDY_FEATURES_MAX;
  spec.trigger_count = EDDY_TRIGGERS_MAX;
  for (int i = 0; i < EDDY_FEATURES_MAX; i++) spec.features[i].name[EDDY_NAME_MAX] = 0, spec.features[i].cluster = true;
  for (int i = 0; i < EDDY_TRIGGERS_MAX; i++)
    spec.triggers[i].name[EDDY_NAME_MAX] = 0, spec.triggers[i].step_count = EDDY_STEPS_MAX;
  eddy_spec_fingerprint(&spec);
}

static void test_names(void **state) {
  (void)state;
  for (int type = 0; type < EDDY_EVENT_TYPE_COUNT; type++) {
    const char *name = eddy_event_type_name((enum eddy_event_type)type);
    assert_int_equal(eddy_event_type_find((struct eddy_str){name, (uint32_t)strlen(name)}), type);
  }
  assert_string_equal(eddy_event_type_name(EDDY_PRODUCT_ADDED), "product_added");
  assert_null(eddy_event_type_name((enum eddy_event_type)EDDY_EVENT_TYPE_COUNT));
  assert_int_equal(eddy_event_type_find(EDDY_STR("product")), -1);
  assert_int_equal(eddy_event_type_find((struct eddy_str){0}), -1);
  assert_string_equal(eddy_suppression_name(EDDY_SUPPRESS_TOO_LATE), "too_late");
  assert_string_equal(eddy_strerror(EDDY_E_CORRUPT), "the bytes are not what they claim to be");
  assert_non_null(eddy_strerror(-12345));
  assert_string_equal(eddy_version(), "0.1.0");
  assert_true(isnan(eddy_event_empty.latitude) && eddy_event_empty.event_time == EDDY_TIME_NONE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_default),     cmocka_unit_test(test_compiled), cmocka_unit_test(test_check),
      cmocka_unit_test(test_fingerprint), cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
