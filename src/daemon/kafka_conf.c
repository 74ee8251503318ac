#include "daemon/kafka_conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/kafka_sink.h"
#include "source/kafka_consumer.h"
#include "source/kafka_reader.h"
#include "source/kafka_source.h"

/* The property's name for this role; NULL if it is meant for the other client. */
static const char *name_for(const char *name, enum eddy_kafka_role role) {
  static const char consumer[] = "consumer.", producer[] = "producer.";
  bool writes = role == EDDY_KAFKA_PRODUCER || role == EDDY_KAFKA_WRITER;
  if (strncmp(name, consumer, sizeof(consumer) - 1) == 0) {
    return writes ? NULL : name + sizeof(consumer) - 1;
  }
  if (strncmp(name, producer, sizeof(producer) - 1) == 0) {
    return writes ? name + sizeof(producer) - 1 : NULL;
  }
  return name;
}

static int set_properties(rd_kafka_conf_t *conf, const struct eddy_config *config, enum eddy_kafka_role role, char *why,
                          size_t why_size) {
  for (size_t i = 0; i < config->kafka.property_count; i++) {
    const struct eddy_property_setting *property = &config->kafka.properties[i];
    const char *name = name_for(property->name, role);
    char reason[256];
    if (!name || rd_kafka_conf_set(conf, name, property->value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK) continue;
    snprintf(why, why_size, "%s:%d: kafka.properties.%s: %s", config->path ? config->path : "configuration", property->line,
             property->name, reason);
    return -1;
  }
  return 0;
}

__attribute__((format(printf, 5, 6))) static int set(rd_kafka_conf_t *conf, const char *name, char *why, size_t why_size,
                                                     const char *format, ...) {
  char value[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(value, sizeof(value), format, arguments);
  va_end(arguments);
  return rd_kafka_conf_set(conf, name, value, why, why_size) == RD_KAFKA_CONF_OK ? 0 : -1;
}

static int name_client(rd_kafka_conf_t *conf, const struct eddy_config *config, enum eddy_kafka_role role, uint32_t worker,
                       char *why, size_t size) {
  const char *app = config->app, *instance = config->instance;
  switch (role) {
    case EDDY_KAFKA_CONSUMER:
      return set(conf, "group.id", why, size, "%s", config->kafka.group) |
             set(conf, "group.instance.id", why, size, "%s-%u", instance, worker);
    case EDDY_KAFKA_PRODUCER:
      return set(conf, "transactional.id", why, size, "%s-%s-%u", app, instance, worker);
    case EDDY_KAFKA_READER:
      return eddy_kafka_consumer_require(conf, "earliest", why, size) | set(conf, "queued.min.messages", why, size, "100") |
             set(conf, "queued.max.messages.kbytes", why, size, "8192");
    case EDDY_KAFKA_WRITER:
      return set(conf, "enable.idempotence", why, size, "true");
    case EDDY_KAFKA_RESTORER: /* the reader itself says what it needs */
      return 0;
  }
  return -1;
}

/* What suits the role; the operator's properties come after it. */
static int prefer(rd_kafka_conf_t *conf, enum eddy_kafka_role role, char *why, size_t why_size) {
  switch (role) {
    case EDDY_KAFKA_PRODUCER:
      eddy_kafka_sink_prefer(conf);
      return 0;
    case EDDY_KAFKA_WRITER: /* a user's events belong where Java's clients put them, too; the broker judges sizes */
      return set(conf, "partitioner", why, why_size, "murmur2_random") |
             set(conf, "message.max.bytes", why, why_size, "16777216");
    case EDDY_KAFKA_RESTORER:
      eddy_kafka_reader_prefer(conf);
      return 0;
    case EDDY_KAFKA_CONSUMER:
    case EDDY_KAFKA_READER:
      eddy_kafka_source_prefer(conf);
      return 0;
  }
  return -1;
}

rd_kafka_conf_t *eddy_kafka_conf(const struct eddy_config *config, enum eddy_kafka_role role, uint32_t worker, char *why,
                                 size_t why_size) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  int failed = prefer(conf, role, why, why_size);
  failed = failed | set(conf, "bootstrap.servers", why, why_size, "%s", config->kafka.brokers) |
           set(conf, "client.id", why, why_size, "%s-%s-%u", config->app, config->instance, worker);
  if (!failed) failed = set_properties(conf, config, role, why, why_size);
  if (!failed) failed = name_client(conf, config, role, worker, why, why_size);
  if (!failed) return conf;
  rd_kafka_conf_destroy(conf);
  return NULL;
}

int64_t eddy_kafka_conf_number(const rd_kafka_conf_t *conf, const char *name, int64_t fallback) {
  char value[32];
  size_t size = sizeof(value);
  return rd_kafka_conf_get(conf, name, value, &size) == RD_KAFKA_CONF_OK ? strtoll(value, NULL, 10) : fallback;
}
