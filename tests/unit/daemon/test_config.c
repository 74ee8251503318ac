/* What a right configuration becomes: defaults, units, lists, aliases, and values from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/logger.h"
#include "daemon/config.h"
#include "daemon/config_table.h"

/* Parses text that must be right; the messages are in the failure. */
static void parse(struct eddy_config *config, const char *text) {
  char *messages = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&messages, &size);
  int errors = eddy_config_parse(config, "eddy.yaml", text, strlen(text), out);
  fclose(out);
  if (errors != 0) fail_msg("%d errors:\n%s", errors, messages);
  free(messages);
}

static void defaults_are_the_documented_ones(void **state) {
  (void)state;
  struct eddy_config config;
  struct eddy_spec spec;
  assert_int_equal(eddy_config_load(&config, NULL, stderr), 0);
  eddy_spec_default(&spec);
  assert_memory_equal(&config.spec, &spec, sizeof spec);
  assert_null(config.path);
  assert_string_equal(config.app, "eddy");
  assert_string_equal(config.kafka.brokers, "localhost:9092");
  assert_string_equal(config.kafka.input, "eddy.events");
  assert_string_equal(config.kafka.group, "eddy");
  assert_null(config.kafka.schemas);
  assert_int_equal(config.kafka.commit_interval_ms, 100);
  assert_true(config.kafka.create_topics);
  assert_null(config.redis.url);
  assert_int_equal(config.redis.buffer_max, 64 << 20);
  assert_int_equal(config.time.at_end, EDDY_AT_END_WALL);
  assert_false(config.time.at_end_set);
  assert_false(config.time.publish_after_set);
  assert_int_equal(config.workers, 1);
  assert_true(strlen(config.instance) > 0);
  assert_true(config.seed != 0);
  assert_int_equal(config.model.segments, 16);
  assert_true(config.model.train);
  assert_int_equal(config.log.level, EDDY_LOG_INFO);
  assert_false(config.log.json);
  eddy_config_free(&config);
}

static void names_derive_from_the_app(void **state) {
  (void)state;
  struct eddy_config config, other;
  parse(&config, "app: shop\n");
  parse(&other, "app: shop2\n");
  assert_string_equal(config.kafka.input, "shop.events");
  assert_string_equal(config.kafka.group, "shop");
  assert_true(config.seed != other.seed);
  eddy_config_free(&config);
  eddy_config_free(&other);
}

static void every_section_is_read(void **state) {
  (void)state;
  struct eddy_config config;
  parse(&config,
        "app: shop\ninstance: a-1\nworkers: 4\nseed: 7\n"
        "kafka:\n  brokers: [a:9092, b:9093]\n  input: events\n  group: g\n  schemas: /schemas\n  start: 2026-01-02T00:00:00Z\n"
        "  commit_interval: 1s\n  create_topics: false\n"
        "  properties: {consumer.fetch.wait.max.ms: 10, linger.ms: 5}\n"
        "registry: {url: ['http://a:8081', 'https://u:p@b/x/'], user: me, password: secret, ca_file: /ca.pem, register: false}\n"
        "redis: {url: 'redis://u:p@localhost:6380/2', stream_max_length: 10k, buffer_max: 1GiB}\n"
        "time: {allowed_lateness: 15m, at_end: scaled(60), publish_after: none}\n"
        "profile: {idle_ttl: 30d, memory_max: 4GiB, currency: EUR, cart_ttl: 2w, recent_ids: 0, cart_lines: 10, carts: 2,\n"
        "  viewed_items: 5, attributes: 3, armed_times: 9, fired_marks: 8, tail_bytes: 4KiB}\n"
        "model: {segments: 8, half_life: 3d, epoch: 1_000, buffer_min: 500, train: false, switch_margin: 0.25, evidence_min: 0, "
        "sweep: false}\n"
        "http: {listen: '0.0.0.0:8377', token: 0123456789abcdef}\n"
        "log: {level: debug, format: json}\n");
  assert_string_equal(config.instance, "a-1");
  assert_int_equal(config.workers, 4);
  assert_int_equal(config.seed, 7);
  assert_string_equal(config.kafka.brokers, "a:9092,b:9093");
  assert_string_equal(config.kafka.input, "events");
  assert_string_equal(config.kafka.group, "g");
  assert_string_equal(config.kafka.schemas, "/schemas");
  assert_int_equal(config.kafka.start, EDDY_START_TIME);
  assert_int_equal(config.kafka.start_time, INT64_C(1767312000000));
  assert_int_equal(config.kafka.commit_interval_ms, 1000);
  assert_false(config.kafka.create_topics);
  assert_int_equal(config.kafka.property_count, 2);
  assert_string_equal(config.kafka.properties[0].name, "consumer.fetch.wait.max.ms");
  assert_string_equal(config.kafka.properties[0].value, "10");
  assert_int_equal(config.kafka.properties[1].line, 13);
  assert_string_equal(config.registry.url, "http://a:8081,https://u:p@b/x/");
  assert_string_equal(config.registry.user, "me");
  assert_string_equal(config.registry.password, "secret");
  assert_string_equal(config.registry.ca_file, "/ca.pem");
  assert_false(config.registry.add);
  assert_string_equal(config.redis.url, "redis://u:p@localhost:6380/2");
  assert_int_equal(config.redis.stream_max_length, 10000);
  assert_int_equal(config.redis.buffer_max, INT64_C(1) << 30);
  assert_int_equal(config.spec.allowed_lateness_ms, 15 * EDDY_MINUTE_MS);
  assert_int_equal(config.time.at_end, EDDY_AT_END_SCALED);
  assert_true(config.time.scale == 60);
  assert_true(config.time.publish_after_set);
  assert_int_equal(config.time.publish_after, EDDY_TIME_NONE);
  assert_int_equal(config.memory_max, INT64_C(4) << 30);
  assert_string_equal(config.spec.currency, "EUR");
  assert_int_equal(config.spec.cart_ttl_ms, 14 * EDDY_DAY_MS);
  assert_int_equal(config.spec.limits.recent_ids, 0);
  assert_int_equal(config.spec.limits.fired_marks, 8);
  assert_int_equal(config.spec.limits.tail_bytes, 4096);
  assert_int_equal(config.model.segments, 8);
  assert_int_equal(config.model.epoch, 1000);
  assert_true(config.spec.switch_margin == 0.25f);
  assert_false(config.spec.sweep);
  assert_string_equal(config.http.listen, "0.0.0.0:8377");
  assert_string_equal(config.http.token, "0123456789abcdef");
  assert_int_equal(config.log.level, EDDY_LOG_DEBUG);
  assert_true(config.log.json);
  eddy_config_free(&config);
}

static void features_replace_the_defaults(void **state) {
  (void)state;
  struct eddy_config config;
  parse(&config,
        "features:\n"
        "  - {name: rate, fold: ratio, of: clicks, to: sends}\n" /* a name may be used before its feature is listed */
        "  - {name: clicks, on: email_clicked, half_life: 7d, cluster: true, transform: none}\n"
        "  - {name: sends, on: [email_sent, email_delivered], half_life: 7d}\n"
        "  - {name: spend, on: order_completed, value: value, half_life: 30d}\n"
        "  - {name: pieces, on: order_completed, value: quantity, half_life: 30d}\n"
        "  - {name: since, on: order_completed, fold: age}\n");
  const struct eddy_feature_spec *features = config.spec.features;
  assert_int_equal(config.spec.feature_count, 6);
  assert_int_equal(features[0].fold, EDDY_FOLD_RATIO);
  assert_int_equal(features[0].of, 1);
  assert_int_equal(features[0].to, 2);
  assert_int_equal(features[1].fold, EDDY_FOLD_COUNT);
  assert_int_equal(features[1].transform, EDDY_TRANSFORM_NONE);
  assert_true(features[1].cluster);
  assert_int_equal(features[2].on, EDDY_EVENT_BIT(EDDY_EMAIL_SENT) | EDDY_EVENT_BIT(EDDY_EMAIL_DELIVERED));
  assert_int_equal(features[3].fold, EDDY_FOLD_SUM);
  assert_int_equal(features[3].value, EDDY_VALUE_MONEY);
  assert_int_equal(features[4].value, EDDY_VALUE_QUANTITY);
  assert_int_equal(features[5].fold, EDDY_FOLD_AGE);
  assert_int_equal(config.spec.trigger_count, 1);
  eddy_config_free(&config);
}

static void triggers_replace_the_default(void **state) {
  (void)state;
  struct eddy_config config;
  parse(&config,
        "triggers:\n"
        "  - {name: a, kind: absence, after: [product_added, cart_updated], without: order_completed, for: [1h, 1d], subject: cart_id,\n"
        "     payload: cart, mode: shadow, cooldown: 24h, max_lateness: 2h, expires: 3d, priority: -2}\n"
        "  - {name: b, after: page_viewed, for: 30m, cooldown: none}\n");
  const struct eddy_trigger_spec *a = &config.spec.triggers[0], *b = &config.spec.triggers[1];
  assert_int_equal(config.spec.trigger_count, 2);
  assert_int_equal(a->step_count, 2);
  assert_int_equal(a->wait_ms[1], EDDY_DAY_MS);
  assert_int_equal(a->subject, EDDY_SUBJECT_CART);
  assert_int_equal(a->payload, EDDY_PAYLOAD_CART);
  assert_int_equal(a->mode, EDDY_MODE_SHADOW);
  assert_int_equal(a->cooldown_ms, EDDY_DAY_MS);
  assert_int_equal(a->max_lateness_ms, 2 * EDDY_HOUR_MS);
  assert_int_equal(a->expires_ms, 3 * EDDY_DAY_MS);
  assert_int_equal(a->priority, -2);
  assert_int_equal(b->subject, EDDY_SUBJECT_USER);
  assert_int_equal(b->without, 0);
  assert_int_equal(b->cooldown_ms, 0);
  assert_int_equal(b->max_lateness_ms, INT64_MAX);
  assert_int_equal(config.spec.feature_count, 32);
  eddy_config_free(&config);
  parse(&config, "triggers: []\n");
  assert_int_equal(config.spec.trigger_count, 0);
  eddy_config_free(&config);
}

static void sections_without_content_keep_defaults(void **state) {
  (void)state;
  struct eddy_config config;
  parse(&config, "# nothing\nkafka:\nredis: ~\nfeatures:\ntriggers: null\n");
  assert_int_equal(config.spec.feature_count, 32);
  assert_int_equal(config.spec.trigger_count, 1);
  eddy_config_free(&config);
}

static void aliases_stand_for_their_anchor(void **state) {
  (void)state;
  struct eddy_config config;
  parse(&config, "model: {half_life: &week 7d}\ntime: {allowed_lateness: *week}\nprofile: {cart_ttl: *week}\n");
  assert_int_equal(config.spec.allowed_lateness_ms, 7 * EDDY_DAY_MS);
  assert_int_equal(config.spec.cart_ttl_ms, 7 * EDDY_DAY_MS);
  eddy_config_free(&config);
}

static void values_come_from_the_environment(void **state) {
  (void)state;
  struct eddy_config config;
  setenv("EDDY_TEST_APP", "shop", 1);
  setenv("EDDY_TEST_EMPTY", "", 1);
  setenv("EDDY_TEST_YAML", "x\nworkers: 9 # {}", 1);
  unsetenv("EDDY_TEST_UNSET");
  parse(&config,
        "app: ${EDDY_TEST_APP}-${EDDY_TEST_UNSET:-eu}${EDDY_TEST_EMPTY:-1}\n"
        "kafka: {properties: {client.rack: '${EDDY_TEST_YAML}', client.id: 'a$${b} $c $'}}\n");
  assert_string_equal(config.app, "shop-eu1");
  assert_string_equal(config.kafka.properties[0].value, "x\nworkers: 9 # {}"); /* never YAML */
  assert_string_equal(config.kafka.properties[1].value, "a${b} $c $");
  assert_int_equal(config.workers, 1);
  eddy_config_free(&config);
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void secrets_come_from_files_beside_the_configuration(void **state) {
  (void)state;
  char folder[] = "eddy-test-XXXXXX", path[64], secret[64];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/eddy.yaml", folder);
  snprintf(secret, sizeof secret, "%s/kafka.pass", folder);
  write_file(path, "kafka: {schemas: schemas, properties: {sasl.password: '${file:kafka.pass}'}}\n");
  write_file(secret, "hunter2\n");
  struct eddy_config config;
  assert_int_equal(eddy_config_load(&config, path, stderr), 0);
  assert_string_equal(config.path, path);
  assert_string_equal(config.kafka.properties[0].value, "hunter2");
  snprintf(path, sizeof path, "%s/schemas", folder);
  assert_string_equal(config.kafka.schemas, path);
  eddy_config_free(&config);
  unlink(secret);
  snprintf(path, sizeof path, "%s/eddy.yaml", folder);
  unlink(path);
  rmdir(folder);
}

/* The ranges of the table and those of the core must not drift apart. */
static void bounds_of_the_table_pass_the_core(void **state) {
  (void)state;
  const struct eddy_config_section *profile = &eddy_config_sections[EDDY_SECTION_PROFILE];
  for (size_t i = 0; i < profile->count; i++) {
    const struct eddy_config_key *key = &profile->keys[i];
    for (int bound = 0; bound < 2; bound++) {
      char text[128], why[200] = "";
      if (key->max == 0) continue;
      const char *unit = key->type == EDDY_CONFIG_DURATION ? "ms" : key->type == EDDY_CONFIG_BYTES ? "B" : "";
      snprintf(text, sizeof text, "profile: {%s: %.0f%s}\n", key->name, bound ? key->max : key->min, unit);
      struct eddy_config config;
      parse(&config, text);
      assert_int_equal(eddy_spec_check(&config.spec, why, sizeof why), 0);
      eddy_config_free(&config);
    }
  }
}

static void the_reference_lists_every_key(void **state) {
  (void)state;
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  eddy_config_reference(out);
  fclose(out);
  for (size_t i = 0; i < EDDY_SECTION_COUNT; i++) {
    const struct eddy_config_section *section = &eddy_config_sections[i];
    assert_true(section->count <= EDDY_CONFIG_KEYS_MAX);
    for (size_t k = 0; k < section->count; k++) {
      char row[80];
      bool nested = section->name[0] && !section->list;
      snprintf(row, sizeof row, "| `%s%s%s` | ", nested ? section->name : "", nested ? "." : "", section->keys[k].name);
      if (!strstr(text, row)) fail_msg("the reference lacks %s", row);
    }
  }
  assert_non_null(strstr(text, "| `redis.buffer_max` | size, 1MiB to 64GiB | `64MiB` |"));
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_are_the_documented_ones),
      cmocka_unit_test(names_derive_from_the_app),
      cmocka_unit_test(every_section_is_read),
      cmocka_unit_test(features_replace_the_defaults),
      cmocka_unit_test(triggers_replace_the_default),
      cmocka_unit_test(sections_without_content_keep_defaults),
      cmocka_unit_test(aliases_stand_for_their_anchor),
      cmocka_unit_test(values_come_from_the_environment),
      cmocka_unit_test(secrets_come_from_files_beside_the_configuration),
      cmocka_unit_test(bounds_of_the_table_pass_the_core),
      cmocka_unit_test(the_reference_lists_every_key),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
