/* Is the topic there? For commands that read or write one: with what was probably meant if it is not. One thread. */
#ifndef EDDY_CMD_TOPIC_FIND_H
#define EDDY_CMD_TOPIC_FIND_H

#include "cmd/client.h"

/* Asks the broker for all it has: asking for one topic could make it. *partitions = how many it has. 0, or 69 or 71 after a
 * message, with `command` in front. */
int eddy_cmd_topic_find(struct eddy_cmd_client *client, const char *command, const struct eddy_config *config, const char *name,
                        int32_t *partitions);

#endif
