/* The process's schema registry by its configuration: who is asked, which outputs need an id, and how it stands beside a folder
 * of schemas. The registry is shared by all workers.
 */
#ifndef EDDY_DAEMON_REGISTRY_H
#define EDDY_DAEMON_REGISTRY_H

#include "codec/output_codec.h"
#include "daemon/config.h"
#include "source/schema_registry.h"

/* Starts it; *registry is NULL if none is configured. 0, or -1 after a line in the log. */
int eddy_registry_open(struct eddy_schema_registry **registry, const struct eddy_config *config,
                       const struct eddy_logger *logger);

/* For questions outside of a pipeline. */
struct eddy_registry_client_options eddy_registry_options(const struct eddy_config *config);
/* "<app>.<output>-value" and the built-in schema of each output (TopicNameStrategy). */
void eddy_registry_subjects(const struct eddy_config *config, struct eddy_registry_subject subjects[EDDY_OUTPUT_COUNT]);

/* A source that asks the first of two sources, then the second; either may be all zero. It must stay where it is. */
struct eddy_schema_pair {
  struct eddy_schema_source first, second;
};
struct eddy_schema_source eddy_schema_pair_source(struct eddy_schema_pair *pair);

#endif
