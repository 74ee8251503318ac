#include "cmd/event_schema.h"

#include <stdio.h>
#include <sysexits.h>

#include "codec/schemas.h"
#include "daemon/registry.h"

static const char other_framing[] = "--framing single-object does without it";

static int refuse(const char *command, const char *what, const char *why, const char *hint) {
  fprintf(stderr, "eddy %s: %s: %s; %s\n", command, what, why, hint);
  return EX_CONFIG;
}

static int judge(const char *command, const char *subject, const struct eddy_registry_answer *answer, uint32_t *id) {
  *id = answer->id;
  if (answer->result == EDDY_REGISTRY_FOUND) return 0;
  if (answer->result != EDDY_REGISTRY_AWAY) return refuse(command, subject, answer->why, other_framing);
  fprintf(stderr, "eddy %s: schema registry: %s; %s\n", command, answer->why, answer->hint);
  return EX_UNAVAILABLE;
}

static int ask(struct eddy_registry_client *client, const char *command, const struct eddy_config *config, const char *subject,
               uint32_t *id) {
  struct eddy_registry_answer answer;
  eddy_registry_obtain(client, subject, eddy_schema_event, config->registry.add, &answer);
  if (answer.result == EDDY_REGISTRY_MISSING && !config->registry.add)
    return refuse(command, subject, "the schema of events is not registered",
                  "register schemas/event.avsc, set registry.register: true, or use --framing single-object");
  return judge(command, subject, &answer, id);
}

int eddy_cmd_event_schema_id(const char *command, const struct eddy_config *config, const char *topic, uint32_t *id) {
  struct eddy_registry_client_options options = eddy_registry_options(config);
  struct eddy_registry_client *client;
  char subject[256], why[256];
  if (!options.urls) return refuse(command, "Confluent framing", "no registry.url is configured", other_framing);
  snprintf(subject, sizeof(subject), "%s-value", topic);
  if (eddy_registry_client_open(&client, &options, why, sizeof(why)) != 0)
    return refuse(command, "schema registry", why, "check registry: in the configuration");
  int code = ask(client, command, config, subject, id);
  eddy_registry_client_close(client);
  return code;
}
