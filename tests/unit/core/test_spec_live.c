/* What of a specification may change under a running engine (eddy/spec.h): no invariant breaks, nothing is decided twice, and a
 * snapshot taken under one setting is read under another. */
#include "base/rng.h"
#include "engine_fixture.h"

enum { STEPS = 6000, USERS = 40, SETTING_STEPS = 50 };

static int64_t pick(struct eddy_rng *rng, int64_t one, int64_t other) {
  return eddy_rng_next(rng) % 2 ? one : other;
}

/* Any setting may follow any other. */
static void change_settings(struct eddy_spec *spec, struct eddy_rng *rng) {
  struct eddy_trigger_spec *trigger = &spec->triggers[0];
  trigger->mode = pick(rng, 0, 1) ? EDDY_MODE_LIVE : EDDY_MODE_SHADOW;
  trigger->cooldown_ms = pick(rng, 0, 2000 * EDDY_DAY_MS);
  trigger->max_lateness_ms = pick(rng, 0, INT64_MAX);
  trigger->expires_ms = pick(rng, 0, EDDY_HOUR_MS);
  trigger->priority = (int32_t)pick(rng, -5, 5);
  spec->switch_margin = (float)pick(rng, 0, 1) * 0.9f;
  spec->evidence_min = (float)pick(rng, 0, 100);
  spec->sweep = pick(rng, 0, 1) != 0;
  spec->publish_after_ms = pick(rng, EDDY_TIME_NONE, T0 + 20 * EDDY_DAY_MS);
}

static struct eddy_event some_event(struct eddy_rng *rng, char user[16], int64_t time) {
  static const enum eddy_event_type types[] = {EDDY_PRODUCT_ADDED, EDDY_PRODUCT_ADDED, EDDY_ORDER_COMPLETED, EDDY_EMAIL_OPENED};
  snprintf(user, 16, "u%u", (unsigned)(eddy_rng_next(rng) % USERS));
  return event_of(types[eddy_rng_next(rng) % 4], user, time - (int64_t)(eddy_rng_next(rng) % (2 * EDDY_HOUR_MS)));
}

static void assert_valid(const struct eddy_engine *engine) {
  char why[200] = "";
  int broken = eddy_engine_validate(engine, why, sizeof why);
  assert_string_equal(why, "");
  assert_int_equal(broken, 0);
}

static int keep(void *ctx, const void *bytes, size_t size) {
  struct eddy_buffer *buffer = ctx;
  return eddy_buffer_append(buffer, bytes, size);
}

static void read_under_other_settings(const struct fixture *fixture, struct eddy_rng *rng) {
  struct eddy_spec spec = fixture->spec;
  struct eddy_engine_options options = {.spec = &spec, .seed = 7, .hash_key = {3, 4}};
  struct eddy_engine *engine;
  struct eddy_buffer bytes;
  eddy_buffer_init(&bytes, NULL);
  change_settings(&spec, rng);
  assert_int_equal(eddy_engine_snapshot(fixture->engine, keep, &bytes), 0);
  assert_int_equal(eddy_engine_new(&engine, &options), 0);
  assert_int_equal(eddy_engine_restore(engine, bytes.data, bytes.size), 0);
  assert_valid(engine);
  eddy_engine_free(engine);
  eddy_buffer_fini(&bytes);
}

static void assert_decided_once(const struct eddy_effects *effects) {
  for (size_t i = 0; i < effects->count; i++) {
    const struct eddy_effect *one = &effects->items[i];
    for (size_t j = 0; j < i && one->kind >= EDDY_TRIGGER_FIRED && one->kind <= EDDY_TRIGGER_SUPPRESSED; j++) {
      const struct eddy_effect *other = &effects->items[j];
      bool trigger = other->kind == EDDY_TRIGGER_FIRED || other->kind == EDDY_TRIGGER_SUPPRESSED;
      assert_false(trigger &&
                   memcmp(one->as.trigger.trigger_id, other->as.trigger.trigger_id, sizeof one->as.trigger.trigger_id) == 0);
    }
  }
}

static void settings_change_between_any_two_calls(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  struct eddy_rng rng;
  eddy_rng_seed(&rng, 11);
  fixture->spec.triggers[0].subject = EDDY_SUBJECT_USER;
  fixture_start(fixture);
  uint64_t fingerprint = eddy_spec_fingerprint(&fixture->spec);
  for (int i = 0; i < STEPS; i++) {
    int64_t time = T0 + i * 10 * EDDY_MINUTE_MS;
    char user[16];
    struct eddy_event event = some_event(&rng, user, time);
    step(fixture, &event);
    assert_true(eddy_engine_tick(fixture->engine, EDDY_TIME_NONE, time, 20, &fixture->effects) >= 0);
    if (i % SETTING_STEPS) continue;
    change_settings(&fixture->spec, &rng);
    assert_int_equal(eddy_spec_fingerprint(&fixture->spec), fingerprint);
    assert_valid(fixture->engine);
    read_under_other_settings(fixture, &rng);
  }
  const struct eddy_counters *counters = eddy_engine_counters(fixture->engine);
  assert_true(counters->triggers_fired > 10 && counters->triggers_suppressed > 10);
  assert_decided_once(&fixture->effects);
  fixture_free(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(settings_change_between_any_two_calls)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
