/* Keys with a form of their own, back in that form: the counterpart of config_forms.c and of the lists' own keys. */
#include <string.h>

#include "base/hash.h"
#include "base/timefmt.h"
#include "daemon/config_bind.h"
#include "daemon/config_put.h"

static void put_time(int64_t time, FILE *out) {
  char text[EDDY_TIME_TEXT];
  eddy_time_format(time, text);
  eddy_config_put_text(text, out);
}

bool eddy_config_put_string(const struct eddy_config_key *key, const void *base, FILE *out) {
  const char *text = *(char *const *)(const void *)((const char *)base + key->offset);
  if (text) eddy_config_put_text(text, out);
  return text != NULL;
}

bool eddy_config_put_seed(const struct eddy_config_key *key, const void *base, FILE *out) {
  const struct eddy_config *config = base;
  (void)key;
  bool derived = config->app && config->seed == eddy_hash_stable(config->app, strlen(config->app));
  if (!derived) fprintf(out, "%llu", (unsigned long long)config->seed);
  return !derived;
}

bool eddy_config_put_start(const struct eddy_config_key *key, const void *base, FILE *out) {
  const struct eddy_config *config = base;
  (void)key;
  if (config->kafka.start == EDDY_START_TIME)
    put_time(config->kafka.start_time, out);
  else
    fputs(config->kafka.start == EDDY_START_LATEST ? "latest" : "earliest", out);
  return true;
}

bool eddy_config_put_at_end(const struct eddy_config_key *key, const void *base, FILE *out) {
  static const char *const names[] = {"wall", "newest", "hold"};
  const struct eddy_config *config = base;
  (void)key;
  if (!config->time.at_end_set) return false;
  if (config->time.at_end == EDDY_AT_END_SCALED)
    fprintf(out, "scaled(%.10g)", config->time.scale);
  else
    fputs(names[config->time.at_end], out);
  return true;
}

bool eddy_config_put_publish_after(const struct eddy_config_key *key, const void *base, FILE *out) {
  const struct eddy_config *config = base;
  (void)key;
  if (!config->time.publish_after_set) return false;
  if (config->time.publish_after == EDDY_TIME_NONE)
    fputs("none", out);
  else
    put_time(config->time.publish_after, out);
  return true;
}

bool eddy_config_put_listen(const struct eddy_config_key *key, const void *base, FILE *out) {
  const struct eddy_config *config = base;
  (void)key;
  eddy_config_put_text(config->http.listen ? config->http.listen : "none", out);
  return true;
}

bool eddy_config_put_waits(const struct eddy_config_key *key, const void *base, FILE *out) {
  const struct eddy_trigger_spec *trigger = base;
  char text[EDDY_TIME_TEXT];
  (void)key;
  for (uint8_t i = 0; i < trigger->step_count; i++) {
    eddy_duration_format(trigger->wait_ms[i], text);
    fprintf(out, "%s%s", i ? ", " : "[", text);
  }
  fputs(trigger->step_count ? "]" : "[]", out);
  return true;
}

/* Secrets ------------------------------------------------------------------------------------------------------------------ */

/* redis://user:password@host -> redis://user:(secret)@host. A password may hold a ':', the last '@' ends it. */
static void hide_password(char *text, size_t size, const char *url) {
  const char *scheme = strstr(url, "://"), *begin = scheme ? scheme + 3 : url, *at = strrchr(begin, '@');
  const char *colon = at ? memchr(begin, ':', (size_t)(at - begin)) : NULL;
  if (colon)
    snprintf(text, size, "%.*s%s%s", (int)(colon + 1 - url), url, EDDY_CONFIG_SECRET, at);
  else
    snprintf(text, size, "%s", url);
}

bool eddy_config_put_url(const struct eddy_config_key *key, const void *base, FILE *out) {
  const char *url = *(char *const *)(const void *)((const char *)base + key->offset);
  char text[4096];
  if (!url) return false;
  hide_password(text, sizeof(text), url);
  eddy_config_put_text(text, out);
  return true;
}

/* The same for addresses separated by commas, which none of them can hold. */
bool eddy_config_put_urls(const struct eddy_config_key *key, const void *base, FILE *out) {
  const char *at = *(char *const *)(const void *)((const char *)base + key->offset), *separator = "[";
  if (!at) return false;
  for (size_t size;; at += size + 1) {
    char url[1100], text[1200];
    at += strspn(at, " ");
    size = strcspn(at, ",");
    snprintf(url, sizeof(url), "%.*s", (int)size, at);
    hide_password(text, sizeof(text), url);
    fputs(separator, out);
    eddy_config_put_text(text, out);
    separator = ", ";
    if (!at[size]) break;
  }
  fputs("]", out);
  return true;
}

/* By librdkafka's names: what they are for tells what they hold. */
bool eddy_config_property_is_secret(const char *name) {
  static const char *const parts[] = {"password", "secret", "key.pem", "oauthbearer.config", "token", "credential"};
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    if (strstr(name, parts[i])) return true;
  }
  return false;
}

bool eddy_config_put_properties(const struct eddy_config_key *key, const void *base, FILE *out) {
  const struct eddy_config *config = base;
  (void)key;
  if (config->kafka.property_count == 0) fputs("{}", out);
  for (size_t i = 0; i < config->kafka.property_count; i++) {
    const struct eddy_property_setting *setting = &config->kafka.properties[i];
    fputs("\n    ", out);
    eddy_config_put_text(setting->name, out);
    fputs(": ", out);
    eddy_config_put_text(eddy_config_property_is_secret(setting->name) ? EDDY_CONFIG_SECRET : setting->value, out);
  }
  return true;
}
