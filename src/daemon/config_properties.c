/* kafka.properties: librdkafka's own names, tried on a scratch configuration so that its own words stand at the right line. */
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config_bind.h"
#include "daemon/nearest.h"

/* Properties that belong to eddy, and why. */
static const struct {
  const char *name, *why, *hint;
} owned[] = {
    {"bootstrap.servers", "eddy sets it", "use `kafka.brokers`"},
    {"metadata.broker.list", "eddy sets it", "use `kafka.brokers`"},
    {"group.id", "eddy sets it", "use `kafka.group`"},
    {"group.instance.id", "eddy derives it from the instance and the worker", "use `instance`"},
    {"transactional.id", "eddy derives it from app, instance and worker: it keeps two processes from writing the same state",
     "use `instance`"},
    {"auto.offset.reset", "eddy decides where to begin", "use `kafka.start`"},
    {"enable.auto.commit", "offsets are committed in the transaction of the outputs", NULL},
    {"auto.commit.enable", "offsets are committed in the transaction of the outputs", NULL},
    {"auto.commit.interval.ms", "offsets are committed in the transaction of the outputs", "use `kafka.commit_interval`"},
    {"enable.auto.offset.store", "offsets are committed in the transaction of the outputs", NULL},
    {"isolation.level", "eddy reads committed records only: an aborted one must not count", NULL},
    {"enable.idempotence", "transactions need it", NULL},
    {"acks", "transactions need all", NULL},
    {"request.required.acks", "transactions need all", NULL},
    {"partition.assignment.strategy", "handing over partitions relies on cooperative-sticky", NULL},
    {"enable.partition.eof", "eddy needs to see the end of a partition", NULL},
    {"delivery.report.only.error", "eddy counts every delivery", NULL},
    {"plugin.library.paths", "it would load code into eddy", NULL},
    {NULL, NULL, NULL},
};

/* The name without `consumer.` or `producer.`, which say for which client it is. */
static const char *bare_name(const char *name) {
  if (strncmp(name, "consumer.", 9) == 0) return name + 9;
  return strncmp(name, "producer.", 9) == 0 ? name + 9 : name;
}

static bool refuse_owned(struct eddy_config_binder *binder, const struct eddy_config_node *name) {
  const char *bare = bare_name(name->raw);
  for (size_t i = 0; owned[i].name; i++) {
    if (strcmp(owned[i].name, bare) != 0) continue;
    eddy_config_report_add(binder->report, name->place, "`kafka.properties`: %s cannot be set: %s", bare, owned[i].why);
    if (owned[i].hint) eddy_config_report_hint(binder->report, "%s", owned[i].hint);
    return true;
  }
  return false;
}

static void hint_property(struct eddy_config_binder *binder, rd_kafka_conf_t *scratch, const char *bare) {
  size_t count;
  const char **known = rd_kafka_conf_dump(scratch, &count);
  struct eddy_nearest nearest = eddy_nearest_begin(bare);
  for (size_t i = 0; known && i < count; i += 2) eddy_nearest_offer(&nearest, known[i]);
  if (nearest.best) eddy_config_report_hint(binder->report, "did you mean %s?", nearest.best);
  if (known) rd_kafka_conf_dump_free(known, count);
}

/* librdkafka's sentences quote the value: not if it was filled in from outside. */
static void refused(struct eddy_config_binder *binder, const struct eddy_config_node *name,
                    const struct eddy_config_node *value, const char *sentence) {
  if (value->text == value->raw) {
    const char *bare = bare_name(name->raw); /* the sentence may speak of what this is an alias of */
    bool named = strstr(sentence, bare) != NULL;
    eddy_config_report_add(binder->report, value->place, "`kafka.properties`: %.100s%s%s", named ? "" : bare, named ? "" : ": ",
                           sentence);
  } else {
    eddy_config_report_add(binder->report, value->place, "`kafka.properties`: librdkafka refuses the value of %.100s",
                           name->raw);
    eddy_config_report_hint(binder->report, "it is not shown because it comes from outside this file");
  }
}

static bool try_property(struct eddy_config_binder *binder, rd_kafka_conf_t *scratch, const struct eddy_config_node *name,
                         const struct eddy_config_node *value) {
  char sentence[256] = "";
  const char *bare = bare_name(name->raw);
  if (refuse_owned(binder, name)) return false;
  switch (rd_kafka_conf_set(scratch, bare, value->text, sentence, sizeof sentence)) {
    case RD_KAFKA_CONF_OK:
      return true;
    case RD_KAFKA_CONF_UNKNOWN:
      eddy_config_report_add(binder->report, name->place, "`kafka.properties`: %s", sentence);
      hint_property(binder, scratch, bare);
      return false;
    case RD_KAFKA_CONF_INVALID:
    default:
      refused(binder, name, value, sentence);
      return false;
  }
}

static void keep_property(struct eddy_config_binder *binder, const struct eddy_config_node *name,
                          const struct eddy_config_node *value) {
  struct eddy_config *config = binder->config;
  struct eddy_property_setting *longer = realloc(config->kafka.properties, (config->kafka.property_count + 1) * sizeof *longer);
  if (!longer) {
    eddy_config_report_add(binder->report, name->place, "out of memory");
    return;
  }
  config->kafka.properties = longer;
  struct eddy_property_setting *setting = &longer[config->kafka.property_count++];
  *setting = (struct eddy_property_setting){.line = name->place.line};
  eddy_config_replace(binder, &setting->name, name->raw);
  eddy_config_replace(binder, &setting->value, value->text);
}

void eddy_config_set_properties(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                                const struct eddy_config_key *key, const struct eddy_config_node *node) {
  if (node->kind != EDDY_CONFIG_MAP) {
    const char *text = node->kind == EDDY_CONFIG_SCALAR ? node->raw : "list";
    if (*text) eddy_config_wrong(binder, scope, key->name, node, "must be a mapping of librdkafka's properties to values");
    return;
  }
  rd_kafka_conf_t *scratch = rd_kafka_conf_new();
  for (const struct eddy_config_node *name = node->first; name; name = name->next->next) {
    const struct eddy_config_node *value = eddy_config_target(name->next);
    if (name->broken || !eddy_config_scalar(binder, scope, name->raw, value)) continue;
    if (try_property(binder, scratch, name, value)) keep_property(binder, name, value);
  }
  rd_kafka_conf_destroy(scratch);
}
