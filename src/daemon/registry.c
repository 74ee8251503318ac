#include "daemon/registry.h"

#include "codec/schemas.h"

struct eddy_registry_client_options eddy_registry_options(const struct eddy_config *config) {
  return (struct eddy_registry_client_options){.urls = config->registry.url,
                                               .user = config->registry.user,
                                               .password = config->registry.password,
                                               .ca_file = config->registry.ca_file};
}

void eddy_registry_subjects(const struct eddy_config *config, struct eddy_registry_subject subjects[EDDY_OUTPUT_COUNT]) {
  static const char *const schemas[EDDY_OUTPUT_COUNT] = {
#define X(constant, file, topic) eddy_schema_##file,
      EDDY_OUTPUTS(X)
#undef X
  };
  for (int i = 0; i < EDDY_OUTPUT_COUNT; i++) {
    const char *topic = eddy_output_topic((enum eddy_output)i);
    snprintf(subjects[i].name, sizeof(subjects[i].name), "%s.%s-value", config->app, topic);
    subjects[i].schema = schemas[i];
  }
}

int eddy_registry_open(struct eddy_schema_registry **registry, const struct eddy_config *config,
                       const struct eddy_logger *logger) {
  char why[256];
  struct eddy_registry_subject subjects[EDDY_OUTPUT_COUNT];
  *registry = NULL;
  if (!config->registry.url) return 0;
  eddy_registry_subjects(config, subjects);
  struct eddy_schema_registry_options options = {.client = eddy_registry_options(config),
                                                 .subjects = subjects,
                                                 .subject_count = EDDY_OUTPUT_COUNT,
                                                 .add = config->registry.add,
                                                 .logger = logger};
  if (eddy_schema_registry_open(registry, &options, why, sizeof(why)) == 0) return 0;
  eddy_log(logger, EDDY_LOG_ERROR, "schema registry refused", "reason=\"%s\"", why);
  return -1;
}

/* Two sources ---------------------------------------------------------------------------------------------------------------*/

static const char *find_id(void *ctx, uint32_t id, size_t *size, bool *retry) {
  const struct eddy_schema_pair *pair = ctx;
  const struct eddy_schema_source *first = &pair->first, *second = &pair->second;
  const char *text = first->find_id ? first->find_id(first->ctx, id, size, retry) : NULL;
  if (text || *retry || !second->find_id) return text;
  return second->find_id(second->ctx, id, size, retry);
}

static const char *find_fingerprint(void *ctx, uint64_t fingerprint, size_t *size, bool *retry) {
  const struct eddy_schema_pair *pair = ctx;
  const struct eddy_schema_source *first = &pair->first, *second = &pair->second;
  const char *text = first->find_fingerprint ? first->find_fingerprint(first->ctx, fingerprint, size, retry) : NULL;
  if (text || *retry || !second->find_fingerprint) return text;
  return second->find_fingerprint(second->ctx, fingerprint, size, retry);
}

struct eddy_schema_source eddy_schema_pair_source(struct eddy_schema_pair *pair) {
  return (struct eddy_schema_source){find_id, find_fingerprint, pair};
}
