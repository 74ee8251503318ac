/* What `eddy config show` prints is a configuration that means the same, and tells no secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/config.h"
#include "daemon/config_table.h"

static void parse(struct eddy_config *config, const char *text) {
  char *messages = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&messages, &size);
  int errors = eddy_config_parse(config, "eddy.yaml", text, strlen(text), out);
  fclose(out);
  if (errors != 0) fail_msg("%d errors:\n%s\n%s", errors, messages, text);
  free(messages);
}

static char *shown(const struct eddy_config *config) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  eddy_config_show(config, out);
  fclose(out);
  return text;
}

static char *show(const char *text) {
  struct eddy_config config;
  parse(&config, text);
  char *result = shown(&config);
  eddy_config_free(&config);
  return result;
}

static void assert_has(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("`%s` is not in:\n%s", part, text);
}

static const char everything[] =
    "app: shop\ninstance: a-1\nworkers: 4\nseed: 7\n"
    "kafka:\n  brokers: [a:9092, b:9093]\n  input: events\n  group: g\n  schemas: /sche mas\n  start: "
    "2026-01-02T00:00:00.250Z\n"
    "  commit_interval: 1s\n  create_topics: false\n"
    "  properties: {consumer.fetch.wait.max.ms: 10, client.rack: \"a \\\"b\\\\ $${x} # y\"}\n"
    "registry: {url: 'http://a:8081, https://b/x', user: me, ca_file: ca.pem, register: false}\n"
    "redis: {url: 'redis://localhost:6380/2', stream_max_length: 10k, buffer_max: 1GiB}\n"
    "time: {allowed_lateness: 15m, at_end: scaled(0.25), publish_after: 2026-01-02T00:00:00Z}\n"
    "profile: {idle_ttl: 30d, memory_max: 4GiB, currency: EUR, cart_ttl: 2w, recent_ids: 0, cart_lines: 10, carts: 2,\n"
    "  viewed_items: 5, attributes: 3, armed_times: 9, fired_marks: 8, tail_bytes: 4KiB, durable: false}\n"
    "features:\n"
    "  - {name: a, on: [email_opened, custom], half_life: 90m, cluster: true}\n"
    "  - {name: b, on: order_completed, value: quantity, half_life: 7d, transform: none, cluster: true}\n"
    "  - {name: c, on: order_completed, value: value, half_life: 7d}\n"
    "  - {name: d, on: email_opened, fold: age}\n"
    "  - {name: e, fold: share, of: b, to: a}\n"
    "model: {segments: 8, half_life: 3d, epoch: 1_000, buffer_min: 500, switch_margin: 0.3, evidence_min: 1000000, sweep: "
    "false}\n"
    "triggers:\n"
    "  - {name: t, after: product_added, for: [1h, 90m], max_lateness: 2d, priority: -5, mode: shadow, expires: 1d}\n"
    "  - {name: u, after: [product_added, cart_updated], without: [order_completed], for: 1500ms, subject: cart_id, payload: "
    "cart}\n"
    "http: {listen: none}\nlog: {level: debug, format: json}\n";

static void reading_it_again_gives_the_same(void **state) {
  (void)state;
  static const char *const texts[] = {"", everything,
                                      "triggers: []\nkafka: {start: latest}\ntime: {at_end: hold, publish_after: none}\n"};
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    struct eddy_config before, after;
    parse(&before, texts[i]);
    char *first = shown(&before);
    parse(&after, first);
    char *second = shown(&after);
    assert_string_equal(first, second);
    assert_memory_equal(&before.spec, &after.spec, sizeof before.spec);
    assert_true(before.seed == after.seed && before.workers == after.workers && before.memory_max == after.memory_max);
    assert_true(before.time.at_end == after.time.at_end && before.time.at_end_set == after.time.at_end_set);
    assert_true(before.time.scale == after.time.scale && before.time.publish_after == after.time.publish_after);
    assert_true(before.kafka.start == after.kafka.start && before.kafka.start_time == after.kafka.start_time);
    assert_string_equal(before.kafka.brokers, after.kafka.brokers);
    assert_int_equal(before.kafka.property_count, after.kafka.property_count);
    for (size_t p = 0; p < before.kafka.property_count; p++)
      assert_string_equal(before.kafka.properties[p].value, after.kafka.properties[p].value);
    free(first);
    free(second);
    eddy_config_free(&before);
    eddy_config_free(&after);
  }
}

static void every_key_stands_there(void **state) {
  (void)state;
  char *text = show(everything), key[64];
  for (size_t i = 0; i < EDDY_SECTION_COUNT; i++) {
    for (size_t k = 0; k < eddy_config_sections[i].count; k++) {
      const struct eddy_config_key *row = &eddy_config_sections[i].keys[k];
      snprintf(key, sizeof key, "%s:", row->name);
      assert_has(text, key);
      if (row->type == EDDY_CONFIG_SPECIAL && !row->put)
        fail_msg("%s has a form of its own, but nothing that writes it", row->name);
    }
  }
  free(text);
}

static void secrets_are_not_shown(void **state) {
  (void)state;
  char *text = show(
      "redis: {url: 'redis://me:hunter2@redis:6379/1'}\n"
      "profile: {erasure_key: hunter2hunter2hunter2}\n"
      "registry: {url: 'http://a,http://me:hunter2@b/x', user: me, password: hunter2}\n"
      "http: {token: hunter2hunter2hunter2}\n"
      "kafka: {properties: {sasl.password: hunter2, sasl.username: me, ssl.key.password: hunter2}}\n");
  assert_null(strstr(text, "hunter2"));
  assert_has(text, "  url: \"redis://me:(secret)@redis:6379/1\"\n");
  assert_has(text, "  url: [http://a, \"http://me:(secret)@b/x\"]\n");
  assert_has(text, "  password: \"(secret)\"\n");
  assert_has(text, "  erasure_key: \"(secret)\"\n");
  assert_has(text, "  token: \"(secret)\"\n");
  assert_has(text, "    sasl.password: \"(secret)\"\n");
  assert_has(text, "    sasl.username: me\n");
  free(text);
  text = show("redis: {url: 'redis://:hunter2@redis'}\n");
  assert_has(text, "  url: \"redis://:(secret)@redis\"\n");
  free(text);
}

static void what_has_no_value_is_a_comment(void **state) {
  (void)state;
  char *text = show("");
  assert_has(text, "\n# seed: from `app`\n");
  assert_has(text, "\n  # token: none: personal data on loopback only\n");
  assert_has(text, "\n  # url: none: no Redis\n");
  assert_has(text, "\n  # at_end: wall (run), newest (replay)\n");
  assert_has(text, "\n  buffer_min: 0  # max(4096, 64 * segments)\n");
  assert_has(text, "\n  memory_max: none\n");
  assert_has(text, "\n  switch_margin: 0.1\n");
  assert_has(text, "\n  properties: {}\n");
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reading_it_again_gives_the_same),
      cmocka_unit_test(every_key_stands_there),
      cmocka_unit_test(secrets_are_not_shown),
      cmocka_unit_test(what_has_no_value_is_a_comment),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
