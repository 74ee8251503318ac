/* Differences between two configurations: every row of the table is noticed, secrets stay secret, lists are compared by name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/config_diff.h"

static void parse(struct eddy_config *config, const char *text) {
  char *messages = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&messages, &size);
  int errors = eddy_config_parse(config, "eddy.yaml", text, strlen(text), out);
  fclose(out);
  if (errors != 0) fail_msg("%d errors:\n%s\n%s", errors, messages, text);
  free(messages);
}

/* The differences as lines "key: from -> to (live)". */
static void put_change(void *ctx, const struct eddy_config_change *change) {
  fprintf(ctx, "%s: %s -> %s%s\n", change->key, change->from, change->to, change->live ? " (live)" : "");
}

static char *diff(const char *before, const char *after) {
  struct eddy_config running, fresh;
  char *text = NULL;
  size_t size = 0;
  parse(&running, before);
  parse(&fresh, after);
  FILE *out = open_memstream(&text, &size);
  eddy_config_diff(&running, &fresh, put_change, out);
  fclose(out);
  eddy_config_free(&running);
  eddy_config_free(&fresh);
  return text;
}

static void assert_diff(const char *before, const char *after, const char *expected) {
  char *text = diff(before, after);
  assert_string_equal(text, expected);
  free(text);
}

/* Every row ---------------------------------------------------------------------------------------------------------------- */

/* What each key of the sections has instead of its default. */
static const struct {
  const char *key, *value;
} others[] = {
    {"app", "other"},
    {"instance", "other"},
    {"workers", "2"},
    {"seed", "7"},
    {"kafka.brokers", "a:1"},
    {"kafka.input", "other"},
    {"kafka.group", "other"},
    {"kafka.schemas", "/other"},
    {"kafka.start", "latest"},
    {"kafka.commit_interval", "200ms"},
    {"kafka.create_topics", "false"},
    {"kafka.properties", "{client.rack: a}"},
    {"registry.url", "'http://other'"},
    {"registry.user", "me"},
    {"registry.password", "hunter2"},
    {"registry.ca_file", "/other"},
    {"registry.register", "false"},
    {"redis.url", "'redis://other'"},
    {"redis.stream_max_length", "1000"},
    {"redis.buffer_max", "128MiB"},
    {"time.allowed_lateness", "1m"},
    {"time.at_end", "hold"},
    {"time.publish_after", "none"},
    {"profile.idle_ttl", "30d"},
    {"profile.memory_max", "1GiB"},
    {"profile.durable", "false"},
    {"profile.flush_interval", "60s"},
    {"profile.flush_events", "5000"},
    {"profile.erasure_key", "hunter2hunter2hunter2"},
    {"profile.currency", "EUR"},
    {"profile.cart_ttl", "5d"},
    {"profile.recent_ids", "3"},
    {"profile.cart_lines", "3"},
    {"profile.carts", "3"},
    {"profile.viewed_items", "3"},
    {"profile.attributes", "3"},
    {"profile.armed_times", "3"},
    {"profile.fired_marks", "3"},
    {"profile.tail_bytes", "8KiB"},
    {"model.segments", "3"},
    {"model.half_life", "3d"},
    {"model.epoch", "33"},
    {"model.buffer_min", "33"},
    {"model.train", "false"},
    {"model.switch_margin", "0.5"},
    {"model.evidence_min", "5"},
    {"model.sweep", "false"},
    {"http.listen", "none"},
    {"http.token", "fedcba9876543210"},
    {"log.level", "debug"},
    {"log.format", "json"},
};

static const char *other_value(const char *key) {
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    if (strcmp(others[i].key, key) == 0) return others[i].value;
  }
  fail_msg("no other value for %s: add one", key);
  return NULL;
}

/* A registry's keys need an address. */
static void write_file(char *text, size_t size, const struct eddy_config_section *section, const char *key, const char *value) {
  const char *more = strcmp(section->name, "registry") == 0 && strcmp(key, "url") != 0 ? "url: 'http://a', " : "";
  if (section->name[0])
    snprintf(text, size, "%s: {%s%s: %s}\n", section->name, more, key, value);
  else
    snprintf(text, size, "%s: %s\n", key, value);
}

static void every_key_is_noticed(void **state) {
  (void)state;
  for (size_t i = 0; i < EDDY_SECTION_COUNT; i++) {
    const struct eddy_config_section *section = &eddy_config_sections[i];
    for (size_t k = 0; k < section->count && !section->list; k++) {
      const struct eddy_config_key *key = &section->keys[k];
      char name[100], after[300], line[120];
      snprintf(name, sizeof name, "%s%s%s", section->name, section->name[0] ? "." : "", key->name);
      write_file(after, sizeof after, section, key->name, other_value(name));
      const char *before = strcmp(section->name, "registry") == 0 ? "registry: {url: 'http://a'}\n" : "";
      char *text = diff(before, after);
      snprintf(line, sizeof line, "%s%s", name, strcmp(key->name, "properties") == 0 ? ".client.rack: " : ": ");
      if (strcmp(name, "app") != 0 && strncmp(text, line, strlen(line)) != 0) fail_msg("%s is not noticed: %s", name, text);
      if (strcmp(name, "app") != 0) assert_null(strchr(text, '\n')[1] ? text : NULL);
      if ((strstr(text, " (live)\n") != NULL) != key->live) fail_msg("%s", text);
      assert_null(strstr(text, "hunter2"));
      free(text);
      text = diff(after, after);
      assert_string_equal(text, "");
      free(text);
    }
  }
}

/* Live values are copied as they are and read by other threads. */
static void live_keys_are_plain_values(void **state) {
  (void)state;
  for (size_t i = 0; i < EDDY_SECTION_COUNT; i++) {
    for (size_t k = 0; k < eddy_config_sections[i].count; k++) {
      const struct eddy_config_key *key = &eddy_config_sections[i].keys[k];
      if (!key->live) continue;
      assert_true(key->type != EDDY_CONFIG_TEXT && key->type != EDDY_CONFIG_SPECIAL && key->type != EDDY_CONFIG_EVENTS);
      assert_int_not_equal(i, EDDY_SECTION_FEATURES);
    }
  }
}

/* Items with every key of their list, one of which becomes another. */
struct item_key {
  const char *key, *value, *other;
};

static void write_item(char *text, size_t size, const char *list, const struct item_key *keys, size_t other) {
  size_t used = (size_t)snprintf(text, size,
                                 "%s:\n  - {name: base1, on: custom, half_life: 7d, cluster: true}\n"
                                 "  - {name: base2, on: custom, half_life: 7d}\n  - {",
                                 "features");
  if (strcmp(list, "triggers") == 0) used = (size_t)snprintf(text, size, "triggers:\n  - {");
  for (size_t i = 0; keys[i].key; i++) {
    const char *value = i == other ? keys[i].other : keys[i].value;
    used += (size_t)snprintf(text + used, size - used, "%s%s: %s", i ? ", " : "", keys[i].key, value);
  }
  snprintf(text + used, size - used, "}\n");
}

static const struct eddy_config_key *row_of(enum eddy_config_section_number number, const char *name) {
  const struct eddy_config_section *section = &eddy_config_sections[number];
  for (size_t i = 0; i < section->count; i++) {
    if (strcmp(section->keys[i].name, name) == 0) return &section->keys[i];
  }
  fail_msg("no key %s", name);
  return NULL;
}

static void check_items(enum eddy_config_section_number number, const struct item_key *keys, bool *seen) {
  const char *list = eddy_config_sections[number].name;
  for (size_t i = 0; keys[i].key; i++) {
    char before[1000], after[1000], name[100];
    const struct eddy_config_key *row = row_of(number, keys[i].key);
    seen[row - eddy_config_sections[number].keys] = true;
    if (strcmp(keys[i].key, "name") == 0) continue; /* another item */
    write_item(before, sizeof before, list, keys, SIZE_MAX);
    write_item(after, sizeof after, list, keys, i);
    char *text = diff(before, after);
    snprintf(name, sizeof name, "%s.item.%s: ", list, keys[i].key);
    if (!strstr(text, name)) fail_msg("%s is not noticed: %s", name, text);
    if ((strstr(text, " (live)\n") != NULL) != row->live) fail_msg("%s", text);
    free(text);
    text = diff(after, after);
    assert_string_equal(text, "");
    free(text);
  }
}

static void every_key_of_the_lists_is_noticed(void **state) {
  (void)state;
  static const struct item_key trigger[] = {
      {"name", "item", NULL},
      {"after", "product_added", "custom"},
      {"without", "order_completed", "[]"},
      {"for", "1h", "[1h, 2h]"},
      {"subject", "user", "cart_id"},
      {"payload", "cart", "none"},
      {"mode", "live", "shadow"},
      {"cooldown", "1h", "none"},
      {"max_lateness", "none", "1h"},
      {"expires", "none", "1h"},
      {"priority", "0", "-3"},
      {NULL, NULL, NULL},
  };
  static const struct item_key sum[] = {
      {"name", "item", NULL},
      {"on", "custom", "[custom, order_completed]"},
      {"value", "value", "quantity"},
      {"half_life", "7d", "8d"},
      {"cluster", "true", "false"},
      {"transform", "none", "log1p"},
      {NULL, NULL, NULL},
  };
  static const struct item_key ratio[] = {
      {"name", "item", NULL},   {"fold", "ratio", "share"}, {"of", "base1", "base2"},
      {"to", "base2", "base1"}, {NULL, NULL, NULL},
  };
  bool seen[2][EDDY_CONFIG_KEYS_MAX] = {{false}};
  check_items(EDDY_SECTION_TRIGGERS, trigger, seen[0]);
  seen[0][row_of(EDDY_SECTION_TRIGGERS, "kind") - eddy_config_sections[EDDY_SECTION_TRIGGERS].keys] = true; /* one value only */
  check_items(EDDY_SECTION_FEATURES, sum, seen[1]);
  check_items(EDDY_SECTION_FEATURES, ratio, seen[1]);
  for (size_t k = 0; k < eddy_config_sections[EDDY_SECTION_TRIGGERS].count; k++) assert_true(seen[0][k]);
  for (size_t k = 0; k < eddy_config_sections[EDDY_SECTION_FEATURES].count; k++) assert_true(seen[1][k]);
}

/* Conditions --------------------------------------------------------------------------------------------------------------- */

#define TRIGGER(name, more) "  - {name: " name ", after: custom, for: 1h, " more "}\n"

static void off_needs_a_restart(void **state) {
  (void)state;
  assert_diff("triggers:\n" TRIGGER("a", "mode: live"), "triggers:\n" TRIGGER("a", "mode: off"),
              "triggers.a.mode: live -> off\n");
  assert_diff("triggers:\n" TRIGGER("a", "mode: off"), "triggers:\n" TRIGGER("a", "mode: shadow"),
              "triggers.a.mode: off -> shadow\n");
}

static void a_trigger_that_is_another_waits_as_a_whole(void **state) {
  (void)state;
  assert_diff("triggers:\n" TRIGGER("a", "cooldown: 1h") TRIGGER("b", "cooldown: 1h"),
              "triggers:\n" TRIGGER("a", "cooldown: 2h, subject: cart_id") TRIGGER("b", "cooldown: 2h"),
              "triggers.a.subject: user -> cart_id\ntriggers.a.cooldown: 1h -> 2h\n"
              "triggers.b.cooldown: 1h -> 2h (live)\n");
}

static void lists_are_compared_by_name(void **state) {
  (void)state;
  assert_diff("triggers:\n" TRIGGER("a", "priority: 1") TRIGGER("b", "priority: 1"),
              "triggers:\n" TRIGGER("b", "priority: 2") TRIGGER("c", "priority: 1"),
              "triggers.a: there -> removed\ntriggers.b.priority: 1 -> 2\ntriggers.c: none -> added\n");
  assert_diff("triggers:\n" TRIGGER("a", "priority: 1") TRIGGER("b", "priority: 1"),
              "triggers:\n" TRIGGER("b", "priority: 1") TRIGGER("a", "priority: 1"), "triggers: this order -> another order\n");
  assert_diff("features: [{name: a, on: custom, half_life: 7d, cluster: true}]\n",
              "features: [{name: b, on: custom, half_life: 7d, cluster: true}]\n",
              "features.a: there -> removed\nfeatures.b: none -> added\n");
}

/* A file may be right as a whole, and its live part wrong without the rest. */
static void the_interval_waits_for_the_properties_it_depends_on(void **state) {
  (void)state;
  assert_diff("", "kafka: {commit_interval: 10s, properties: {transaction.timeout.ms: 20000}}\n",
              "kafka.commit_interval: 100ms -> 10s\nkafka.properties.transaction.timeout.ms: none -> 20000\n");
}

static void secrets_are_not_told(void **state) {
  (void)state;
  char *text = diff(
      "redis: {url: 'redis://me:hunter2@redis'}\nprofile: {erasure_key: hunter2hunter2hunter2}\n"
      "registry: {url: 'http://me:hunter2@b', user: me, password: hunter2}\n"
      "kafka: {properties: {sasl.password: hunter2, client.rack: a}}\n",
      "redis: {url: 'redis://me:hunter3@redis'}\nprofile: {erasure_key: hunter3hunter3hunter3}\n"
      "registry: {url: 'http://me:hunter3@b', user: me, password: hunter3}\n"
      "kafka: {properties: {sasl.password: hunter3, client.rack: b}}\n");
  assert_string_equal(text,
                      "kafka.properties.sasl.password: (secret) -> (changed)\n"
                      "kafka.properties.client.rack: a -> b\n"
                      "registry.url: [\"http://me:(secret)@b\"] -> (changed)\n"
                      "registry.password: \"(secret)\" -> (changed)\n"
                      "redis.url: \"redis://me:(secret)@redis\" -> (changed)\n"
                      "profile.erasure_key: \"(secret)\" -> (changed)\n");
  free(text);
}

/* Taking over -------------------------------------------------------------------------------------------------------------- */

static void take_if_live(void *ctx, const struct eddy_config_change *change) {
  struct eddy_config **both = ctx;
  if (change->live) eddy_config_take(both[0], both[1], change);
}

static void what_is_live_is_taken_over(void **state) {
  (void)state;
  struct eddy_config running, fresh, next;
  parse(&running, "triggers:\n" TRIGGER("a", "priority: 1") TRIGGER("b", "mode: live"));
  parse(&fresh,
        "workers: 3\nprofile: {memory_max: 1GiB}\nmodel: {switch_margin: 0.5}\n"
        "triggers:\n" TRIGGER("a", "priority: 2") TRIGGER("b", "mode: shadow"));
  next = running;
  eddy_config_diff(&running, &fresh, take_if_live, (struct eddy_config *[]){&next, &fresh});
  assert_int_equal(next.workers, 1);
  assert_int_equal(next.memory_max, 1 << 30);
  assert_true(next.spec.switch_margin == 0.5f);
  assert_int_equal(next.spec.triggers[0].priority, 2);
  assert_int_equal(next.spec.triggers[1].mode, EDDY_MODE_SHADOW);
  struct eddy_config worker = running;
  eddy_config_take_live(&worker, &next);
  assert_memory_equal(&worker, &next, sizeof next);
  eddy_config_free(&running);
  eddy_config_free(&fresh);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_key_is_noticed),
      cmocka_unit_test(live_keys_are_plain_values),
      cmocka_unit_test(every_key_of_the_lists_is_noticed),
      cmocka_unit_test(off_needs_a_restart),
      cmocka_unit_test(a_trigger_that_is_another_waits_as_a_whole),
      cmocka_unit_test(lists_are_compared_by_name),
      cmocka_unit_test(the_interval_waits_for_the_properties_it_depends_on),
      cmocka_unit_test(secrets_are_not_told),
      cmocka_unit_test(what_is_live_is_taken_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
