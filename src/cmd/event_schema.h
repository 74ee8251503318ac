/* The id of the built-in schema of events at the schema registry, for commands that write events in Confluent's framing. */
#ifndef EDDY_CMD_EVENT_SCHEMA_H
#define EDDY_CMD_EVENT_SCHEMA_H

#include "daemon/config.h"

/* Looks it up under "<topic>-value"; registers it there if it is missing and registry.register allows. Blocks as
 * source/registry_client.h says. 0, or after a message with `command` in front: 69 the registry is away, 78 none is configured,
 * it refuses the schema, or has none and may not get one. */
int eddy_cmd_event_schema_id(const char *command, const struct eddy_config *config, const char *topic, uint32_t *id);

#endif
