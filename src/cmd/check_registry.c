/* What `eddy check` asks the schema registry: does each address answer, and would it take the schemas of the outputs. */
#include <string.h>

#include "cmd/check.h"
#include "daemon/registry.h"
#include "source/registry_url.h"

struct registry_check {
  struct eddy_check *check;
  struct eddy_registry_subject subjects[EDDY_OUTPUT_COUNT];
  bool several; /* addresses: one is enough */
};

/* One address by itself. Any answer in the registry's own words shows that it is there and lets us in. */
static bool try_address(struct registry_check *registry, struct eddy_str address) {
  struct eddy_registry_client_options options = eddy_registry_options(registry->check->config);
  struct eddy_registry_client *client;
  struct eddy_registry_answer answer;
  struct eddy_registry_url url;
  char text[1100], why[256];
  snprintf(text, sizeof(text), "%.*s", (int)address.len, address.data);
  options.urls = text;
  /* the configuration was read */
  if (eddy_registry_url_parse(&url, address.data, address.len, why, sizeof(why)) != 0) return false;
  if (eddy_registry_client_open(&client, &options, why, sizeof(why)) != 0) {
    eddy_check_say(registry->check, EDDY_CHECK_FAIL, "registry", NULL, "%s: %s", url.base, why);
    eddy_registry_url_fini(&url);
    return false;
  }
  eddy_registry_lookup(client, registry->subjects[0].name, registry->subjects[0].schema, &answer);
  bool away = answer.result == EDDY_REGISTRY_AWAY;
  if (away)
    eddy_check_say(registry->check, registry->several ? EDDY_CHECK_WARN : EDDY_CHECK_FAIL, "registry", answer.hint, "%s",
                   answer.why);
  else
    eddy_check_say(registry->check, EDDY_CHECK_OK, "registry", NULL, "%s answers", url.base);
  eddy_registry_client_close(client);
  eddy_registry_url_fini(&url);
  return !away;
}

/* True if one of them can be asked. */
static bool try_addresses(struct registry_check *registry) {
  const char *rest = registry->check->config->registry.url;
  struct eddy_str address;
  bool any = false;
  while (eddy_registry_url_next(&rest, &address)) any |= try_address(registry, address);
  if (!any && registry->several)
    eddy_check_say(registry->check, EDDY_CHECK_FAIL, "registry", "see above", "no address of registry.url answers");
  return any;
}

/* A schema that is not there: could it be, and who would do it? */
static void judge_missing(struct registry_check *registry, struct eddy_registry_client *client, const char *item,
                          const struct eddy_registry_subject *subject) {
  struct eddy_registry_answer answer;
  bool add = registry->check->config->registry.add;
  eddy_registry_compatible(client, subject->name, subject->schema, &answer);
  if (answer.result == EDDY_REGISTRY_AWAY || answer.result == EDDY_REGISTRY_REFUSED) {
    bool refused = answer.result == EDDY_REGISTRY_REFUSED;
    eddy_check_say(registry->check, EDDY_CHECK_FAIL, item,
                   refused ? "the subject holds a schema of something else, or forbids this change" : answer.hint, "%s",
                   answer.why);
  } else if (add) {
    eddy_check_say(registry->check, EDDY_CHECK_WARN, item, NULL, "not registered yet, `eddy run` will do it");
  } else {
    eddy_check_say(registry->check, EDDY_CHECK_FAIL, item, "register the files of schemas/, or set registry.register: true",
                   "not registered");
  }
}

static void check_subject(struct registry_check *registry, struct eddy_registry_client *client,
                          const struct eddy_registry_subject *subject) {
  char item[320];
  struct eddy_registry_answer answer;
  snprintf(item, sizeof(item), "subject %s", subject->name);
  eddy_registry_lookup(client, subject->name, subject->schema, &answer);
  if (answer.result == EDDY_REGISTRY_FOUND)
    eddy_check_say(registry->check, EDDY_CHECK_OK, item, NULL, "registered, schema id %u", answer.id);
  else if (answer.result == EDDY_REGISTRY_MISSING)
    judge_missing(registry, client, item, subject);
  else
    eddy_check_say(registry->check, EDDY_CHECK_FAIL, item, answer.hint, "%s", answer.why);
}

void eddy_check_registry(struct eddy_check *check) {
  struct registry_check registry = {.check = check};
  struct eddy_registry_client_options options = eddy_registry_options(check->config);
  struct eddy_registry_client *client;
  char why[256];
  if (!options.urls) return;
  registry.several = strchr(options.urls, ',') != NULL;
  eddy_registry_subjects(check->config, registry.subjects);
  if (!try_addresses(&registry) || eddy_registry_client_open(&client, &options, why, sizeof(why)) != 0) return;
  for (int i = 0; i < EDDY_OUTPUT_COUNT; i++) check_subject(&registry, client, &registry.subjects[i]);
  eddy_registry_client_close(client);
}
