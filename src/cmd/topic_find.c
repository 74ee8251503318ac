#include "cmd/topic_find.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "daemon/nearest.h"
#include "daemon/topics.h"

/* One that `eddy topics create` would make. */
static bool is_own(const struct eddy_topics *topics, const char *name) {
  bool own = strcmp(topics->input, name) == 0;
  for (int i = 0; i < EDDY_TOPIC_COUNT; i++) own = own || strcmp(topics->names[i], name) == 0;
  return own;
}

static int say_missing(const char *command, const struct eddy_config *config, const char *name,
                       const struct rd_kafka_metadata *metadata) {
  struct eddy_topics topics;
  struct eddy_nearest nearest = eddy_nearest_begin(name);
  int code = eddy_topics_init(&topics, config) == 0 ? EX_UNAVAILABLE : EX_OSERR;
  for (int i = 0; i < metadata->topic_cnt; i++) eddy_nearest_offer(&nearest, metadata->topics[i].topic);
  fprintf(stderr, "eddy %s: topic %s does not exist, or this user may not see it", command, name);
  if (code == EX_UNAVAILABLE && is_own(&topics, name))
    fputs("; `eddy topics create` makes it", stderr);
  else if (nearest.best)
    fprintf(stderr, "; did you mean `%s`?", nearest.best);
  fputc('\n', stderr);
  eddy_topics_fini(&topics);
  return code;
}

int eddy_cmd_topic_find(struct eddy_cmd_client *client, const char *command, const struct eddy_config *config, const char *name,
                        int32_t *partitions) {
  const struct rd_kafka_metadata *metadata;
  rd_kafka_resp_err_t error = rd_kafka_metadata(client->kafka, 1, NULL, &metadata, EDDY_CMD_REACH_MS);
  if (error) return eddy_cmd_client_away(client, command, config->kafka.brokers, error);
  *partitions = eddy_topics_partitions(metadata, name);
  int code = *partitions > 0 ? 0 : say_missing(command, config, name, metadata);
  rd_kafka_metadata_destroy(metadata);
  return code;
}
