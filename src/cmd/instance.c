#include "cmd/instance.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cmd/cmd.h"
#include "daemon/config.h"

static int use_url(struct eddy_cmd_instance *instance, const struct eddy_cmd_asking *asking, const char *text) {
  char why[256];
  if (eddy_http_url_parse(&instance->url, text, why, sizeof(why)) != 0) return eddy_cmd_misuse(asking->command, "%s", why);
  bool v6 = strchr(instance->url.host, ':') != NULL;
  snprintf(instance->where, sizeof(instance->where), "%s%s%s:%s", v6 ? "[" : "", instance->url.host, v6 ? "]" : "",
           instance->url.port);
  return 0;
}

static int use_listen(struct eddy_cmd_instance *instance, const struct eddy_cmd_asking *asking, const char *listen) {
  char url[EDDY_HTTP_URL_PART_MAX];
  size_t size = listen ? strlen(listen) : 0;
  if (!listen) {
    fprintf(stderr, "eddy %s: http.listen of the configuration is none: the instance tells nothing\n", asking->command);
    return EX_CONFIG;
  }
  if (size > 2 && strcmp(listen + size - 2, ":0") == 0) {
    fprintf(stderr, "eddy %s: http.listen of the configuration is %s, any port: say which with --url\n", asking->command,
            listen);
    return EX_CONFIG;
  }
  snprintf(url, sizeof(url), "http://%s", listen);
  return use_url(instance, asking, url);
}

static int use_config(struct eddy_cmd_instance *instance, const struct eddy_cmd_asking *asking) {
  struct eddy_config config;
  int code = eddy_config_load(&config, asking->config, stderr) == 0 ? 0 : EX_CONFIG;
  if (code == 0 && asking->personal && config.http.token)
    snprintf(instance->token, sizeof(instance->token), "%s", config.http.token);
  if (code == 0 && !asking->url) code = use_listen(instance, asking, config.http.listen);
  eddy_config_free(&config);
  return code;
}

int eddy_cmd_instance_find(struct eddy_cmd_instance *instance, const struct eddy_cmd_asking *asking) {
  memset(instance, 0, sizeof(*instance));
  bool configured = !asking->url || (asking->personal && asking->config);
  int code = asking->url ? use_url(instance, asking, asking->url) : 0;
  return code || !configured ? code : use_config(instance, asking);
}

int eddy_cmd_instance_silent(const struct eddy_cmd_instance *instance, const struct eddy_cmd_asking *asking, const char *why) {
  fprintf(stderr,
          "eddy %s: http://%s%s: %s\nIs `eddy run` up? Its address is http.listen of its configuration (-c FILE); --url says "
          "another.\n",
          asking->command, instance->where, instance->url.path, why);
  return EX_UNAVAILABLE;
}
