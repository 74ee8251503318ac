/* Rules about more than one key: one row each. They run when every key by itself was read. */
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "daemon/config_bind.h"

/* A number among kafka.properties as both clients see it, or `fallback`. */
static int64_t property_number(const struct eddy_config *config, const char *name, int64_t fallback) {
  int64_t value = fallback;
  for (size_t i = 0; i < config->kafka.property_count; i++) {
    const struct eddy_property_setting *setting = &config->kafka.properties[i];
    size_t length = strlen(setting->name), wanted = strlen(name);
    if (length < wanted || strcmp(setting->name + length - wanted, name) != 0) continue;
    if (length == wanted || setting->name[length - wanted - 1] == '.') value = strtoll(setting->value, NULL, 10);
  }
  return value;
}

/* What eddy sets where the properties say nothing (DESIGN section 9). */
enum { TRANSACTION_MS = 10000, SESSION_MS = 45000, POLL_MS = 300000 };

static void commit_within_transaction(struct eddy_config_binder *binder) {
  const struct eddy_config_scope *kafka = &binder->scopes[EDDY_SECTION_KAFKA];
  int64_t transaction = property_number(binder->config, "transaction.timeout.ms", TRANSACTION_MS);
  if (binder->config->kafka.commit_interval_ms < transaction) return;
  eddy_config_wrong(binder, kafka, "commit_interval", eddy_config_given(kafka, "commit_interval"),
                    "must be shorter than librdkafka's transaction.timeout.ms, which is %lld", (long long)transaction);
  eddy_config_report_hint(binder->report, "or a larger transaction.timeout.ms under `kafka.properties`");
}

static void timeouts_ascend(struct eddy_config_binder *binder) {
  const struct eddy_config_scope *kafka = &binder->scopes[EDDY_SECTION_KAFKA];
  int64_t transaction = property_number(binder->config, "transaction.timeout.ms", TRANSACTION_MS);
  int64_t session = property_number(binder->config, "session.timeout.ms", SESSION_MS);
  int64_t poll = property_number(binder->config, "max.poll.interval.ms", POLL_MS);
  if (transaction < session && session < poll) return;
  eddy_config_wrong(binder, kafka, "properties", eddy_config_given(kafka, "properties"),
                    "transaction.timeout.ms (%lld) < session.timeout.ms (%lld) < max.poll.interval.ms (%lld) must hold",
                    (long long)transaction, (long long)session, (long long)poll);
  eddy_config_report_hint(binder->report, "else a process that was replaced could still hold a transaction open");
}

static void idle_beyond_lateness(struct eddy_config_binder *binder) {
  const struct eddy_spec *spec = &binder->config->spec;
  const struct eddy_config_scope *profile = &binder->scopes[EDDY_SECTION_PROFILE], *time = &binder->scopes[EDDY_SECTION_TIME];
  if (spec->idle_ttl_ms > spec->allowed_lateness_ms) return;
  const struct eddy_config_node *node = eddy_config_given(profile, "idle_ttl");
  char lateness[EDDY_TIME_TEXT];
  eddy_duration_format(spec->allowed_lateness_ms, lateness);
  eddy_config_wrong(binder, profile, "idle_ttl", node ? node : eddy_config_given(time, "allowed_lateness"),
                    "must be longer than `time.allowed_lateness`, which is %s", lateness);
}

static void training_has_dimensions(struct eddy_config_binder *binder) {
  const struct eddy_config_scope *top = &binder->scopes[EDDY_SECTION_TOP];
  if (!binder->config->model.train || eddy_spec_dimensions(&binder->config->spec) > 0) return;
  const struct eddy_config_node *features = NULL;
  for (const struct eddy_config_node *name = top->node ? top->node->first : NULL; name; name = name->next->next)
    if (strcmp(name->raw, "features") == 0) features = name;
  eddy_config_report_add(binder->report, features ? features->place : (struct eddy_place){0, 0},
                         "`features`: none has `cluster: true`, so there is nothing to train segments on");
  eddy_config_report_hint(binder->report, "mark some with `cluster: true`, or set `model: {train: false}`");
}

static void registry_has_address(struct eddy_config_binder *binder) {
  static const char *const keys[] = {"user", "password", "ca_file"};
  const struct eddy_config_scope *registry = &binder->scopes[EDDY_SECTION_REGISTRY];
  if (eddy_config_given(registry, "url")) return;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    const struct eddy_config_node *node = eddy_config_given(registry, keys[i]);
    if (!node) continue;
    eddy_config_wrong(binder, registry, keys[i], node, "is of no use without `registry.url`");
    return;
  }
}

typedef void (*rule_fn)(struct eddy_config_binder *binder);
static const rule_fn rules[] = {commit_within_transaction, timeouts_ascend, idle_beyond_lateness, training_has_dimensions,
                                registry_has_address};

/* The core's own check is the last net: it names no place, so it only speaks when nothing else did. */
static void check_spec(struct eddy_config_binder *binder) {
  char why[200];
  if (binder->report->count > 0 || eddy_spec_check(&binder->config->spec, why, sizeof why) == 0) return;
  eddy_config_report_add(binder->report, (struct eddy_place){0, 0}, "%s", why);
}

void eddy_config_check_rules(struct eddy_config_binder *binder) {
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) rules[i](binder);
  check_spec(binder);
}
