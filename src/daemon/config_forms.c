/* Keys with a form of their own, and the forms of texts. */
#include <stdlib.h>
#include <string.h>

#include "daemon/config_bind.h"
#include "daemon/config_value.h"
#include "daemon/http.h"
#include "daemon/http_get.h"
#include "daemon/nearest.h"
#include "sink/redis_url.h"
#include "source/registry_client.h"
#include "source/registry_url.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool only(const char *text, const char *characters, size_t max) {
  size_t length = strspn(text, characters);
  return length > 0 && length <= max && text[length] == '\0';
}

const char *eddy_config_check_app(const char *text) {
  return only(text, LETTERS DIGITS "._-", 64) ? NULL : "1 to 64 of a-z, 0-9, `.`, `_` and `-`";
}

const char *eddy_config_check_instance(const char *text) {
  return only(text, LETTERS CAPITALS DIGITS "._-", 128) ? NULL : "1 to 128 letters, digits, `.`, `_` and `-`";
}

const char *eddy_config_check_topic(const char *text) {
  bool fine = only(text, LETTERS CAPITALS DIGITS "._-", 249) && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
  return fine ? NULL : "1 to 249 letters, digits, `.`, `_` and `-`";
}

const char *eddy_config_check_currency(const char *text) {
  return only(text, CAPITALS, 3) && strlen(text) == 3 ? NULL : "three capital letters such as EUR (ISO 4217)";
}

const char *eddy_config_check_secret(const char *text) {
  size_t length = strlen(text);
  return length >= 16 && length <= 255 ? NULL : "16 to 255 characters";
}

const char *eddy_config_check_token(const char *text) {
  size_t length = strlen(text);
  bool fine = eddy_http_token_valid(text) && length >= 16 && length <= 255;
  return fine ? NULL : "16 to 255 printable ASCII characters without spaces";
}

const char *eddy_config_check_user(const char *text) {
  return text[0] && strlen(text) < 256 && !strchr(text, ':') ? NULL : "1 to 255 characters without a colon";
}

const char *eddy_config_check_password(const char *text) {
  return text[0] && strlen(text) < 1024 ? NULL : "1 to 1023 characters";
}

static bool is_port(const char *text) {
  return only(text, DIGITS, 5) && atoi(text) >= 1 && atoi(text) <= 65535;
}

/* "host", "host:port", "[address]:port" */
static bool is_host(const char *text, size_t size) {
  char copy[300];
  if (size == 0 || size >= sizeof copy) return false;
  memcpy(copy, text, size);
  copy[size] = '\0';
  char *bracket = copy[0] == '[' ? strchr(copy, ']') : NULL;
  char *colon = strrchr(bracket ? bracket : copy, ':');
  if (colon && !is_port(colon + 1)) return false;
  if (colon) *colon = '\0';
  return copy[0] != '\0' && strcspn(copy, " \t\r\n/,@") == strlen(copy) && (bracket || !strchr(copy, ':'));
}

static void not_this(struct eddy_config_binder *binder, const struct eddy_config_scope *scope,
                     const struct eddy_config_key *key, const struct eddy_config_node *node) {
  char shown[64];
  eddy_config_wrong(binder, scope, key->name, node, "expected %s, not \"%s\"", key->form, eddy_config_shown(node, shown));
}

void eddy_config_set_redis_url(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                               const struct eddy_config_key *key, const struct eddy_config_node *node) {
  char why[160];
  struct eddy_redis_url url;
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  if (!text) return;
  if (eddy_redis_url_parse(&url, text, why, sizeof why) == 0) {
    eddy_config_replace(binder, &binder->config->redis.url, text);
    return;
  }
  eddy_config_wrong(binder, scope, key->name, node, "%s", why);
  eddy_config_report_hint(binder->report, "%s", key->form);
}

/* What a list says is joined by commas: librdkafka wants its brokers so. */
static bool append_to(char **joined, const char *text) {
  size_t before = *joined ? strlen(*joined) : 0, size = before + strlen(text) + 2;
  char *longer = realloc(*joined, size);
  if (!longer) return false;
  snprintf(longer + before, size - before, "%s%s", before ? "," : "", text);
  *joined = longer;
  return true;
}

static bool are_brokers(const char *text) {
  for (const char *at = text;; at++) {
    while (*at == ' ') at++;
    size_t size = strcspn(at, ",");
    size_t scheme = strncmp(at, "PLAINTEXT://", 12) == 0 ? 12 : 0;
    if (size < scheme || !is_host(at + scheme, size - scheme)) return false;
    at += size;
    if (!*at) return true;
  }
}

void eddy_config_set_brokers(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                             const struct eddy_config_key *key, const struct eddy_config_node *node) {
  char *joined = NULL;
  struct eddy_config_values values = eddy_config_values_of(node);
  if (!values.next) eddy_config_wrong(binder, scope, key->name, node, "names no broker");
  for (const struct eddy_config_node *value; (value = eddy_config_values_next(&values)) != NULL;) {
    const char *text = eddy_config_scalar(binder, scope, key->name, value);
    if (text && !are_brokers(text))
      not_this(binder, scope, key, value);
    else if (text && !append_to(&joined, text))
      eddy_config_wrong(binder, scope, key->name, value, "out of memory");
  }
  if (joined) eddy_config_replace(binder, &binder->config->kafka.brokers, joined);
  free(joined);
}

/* A path is relative to the configuration file. */
void eddy_config_set_path(struct eddy_config_binder *binder, struct eddy_config_scope *scope, const struct eddy_config_key *key,
                          const struct eddy_config_node *node) {
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  if (!text) return;
  char joined[4096];
  bool relative = binder->folder && text[0] != '/';
  int size = snprintf(joined, sizeof joined, "%s%s%s", relative ? binder->folder : "", relative ? "/" : "", text);
  if (text[0] == '\0' || size >= (int)sizeof joined)
    not_this(binder, scope, key, node);
  else
    eddy_config_replace(binder, (char **)(void *)((char *)binder->config + key->offset), joined);
}

/* An address in the file may hold a password, so none is shown. */
static void check_address(struct eddy_config_binder *binder, const struct eddy_config_scope *scope,
                          const struct eddy_config_key *key, const struct eddy_config_node *node, struct eddy_str address) {
  char why[160];
  struct eddy_registry_url url;
  int wrong = eddy_registry_url_parse(&url, address.data, address.len, why, sizeof why);
  eddy_registry_url_fini(&url);
  if (!wrong) return;
  eddy_config_wrong(binder, scope, key->name, node, "%s", why);
  eddy_config_report_hint(binder->report, "%s", key->form);
}

static void check_addresses(struct eddy_config_binder *binder, const struct eddy_config_scope *scope,
                            const struct eddy_config_key *key, const struct eddy_config_node *node, const char *text) {
  struct eddy_str address;
  while (eddy_registry_url_next(&text, &address)) check_address(binder, scope, key, node, address);
}

void eddy_config_set_registry(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                              const struct eddy_config_key *key, const struct eddy_config_node *node) {
  char *joined = NULL;
  struct eddy_config_values values = eddy_config_values_of(node);
  if (!values.next) eddy_config_wrong(binder, scope, key->name, node, "names no address");
  for (const struct eddy_config_node *value; (value = eddy_config_values_next(&values)) != NULL;) {
    const char *text = eddy_config_scalar(binder, scope, key->name, value);
    if (!text) continue;
    check_addresses(binder, scope, key, value, text);
    if (!append_to(&joined, text)) eddy_config_wrong(binder, scope, key->name, value, "out of memory");
  }
  int count = 1;
  for (const char *comma = joined; comma && (comma = strchr(comma, ',')) != NULL; comma++) count++;
  if (count > EDDY_REGISTRY_URLS_MAX)
    eddy_config_wrong(binder, scope, key->name, node, "more than %d addresses", EDDY_REGISTRY_URLS_MAX);
  else if (joined)
    eddy_config_replace(binder, &binder->config->registry.url, joined);
  free(joined);
}

void eddy_config_set_start(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                           const struct eddy_config_key *key, const struct eddy_config_node *node) {
  struct eddy_config *config = binder->config;
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  if (!text) return;
  if (strcmp(text, "earliest") == 0)
    config->kafka.start = EDDY_START_EARLIEST;
  else if (strcmp(text, "latest") == 0)
    config->kafka.start = EDDY_START_LATEST;
  else if (!eddy_config_time(text, &config->kafka.start_time))
    config->kafka.start = EDDY_START_TIME;
  else
    not_this(binder, scope, key, node);
}

/* "scaled(60)" */
static bool read_scale(const char *text, double *scale) {
  char factor[32];
  size_t size = strlen(text);
  if (size < 9 || size - 8 >= sizeof factor || strncmp(text, "scaled(", 7) != 0 || text[size - 1] != ')') return false;
  memcpy(factor, text + 7, size - 8);
  factor[size - 8] = '\0';
  return !eddy_config_decimal(factor, scale) && *scale > 0 && *scale <= 1e6;
}

void eddy_config_set_at_end(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                            const struct eddy_config_key *key, const struct eddy_config_node *node) {
  static const char *const names[] = {"wall", "newest", "hold"};
  struct eddy_config *config = binder->config;
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  if (!text) return;
  config->time.at_end_set = true;
  struct eddy_nearest nearest = eddy_nearest_begin(text);
  for (int i = 0; i < 3; i++) {
    eddy_nearest_offer(&nearest, names[i]);
    if (strcmp(text, names[i]) != 0) continue;
    config->time.at_end = (enum eddy_at_end)i;
    return;
  }
  if (read_scale(text, &config->time.scale)) {
    config->time.at_end = EDDY_AT_END_SCALED;
    return;
  }
  not_this(binder, scope, key, node);
  if (strncmp(text, "scaled", 6) == 0)
    eddy_config_report_hint(binder->report, "scaled needs a factor up to 1000000: scaled(60)");
  else if (nearest.best)
    eddy_config_report_hint(binder->report, "did you mean `%s`?", nearest.best);
}

void eddy_config_set_publish_after(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                                   const struct eddy_config_key *key, const struct eddy_config_node *node) {
  struct eddy_config *config = binder->config;
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  int64_t time = EDDY_TIME_NONE;
  if (!text) return;
  if (strcmp(text, "none") != 0 && eddy_config_time(text, &time)) {
    not_this(binder, scope, key, node);
    eddy_config_report_hint(binder->report, "for instance 2026-11-27T00:00:00Z");
    return;
  }
  config->time.publish_after_set = true;
  config->time.publish_after = config->spec.publish_after_ms = time;
}

void eddy_config_set_listen(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                            const struct eddy_config_key *key, const struct eddy_config_node *node) {
  char shown[64];
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  if (!text) return;
  bool none = strcmp(text, "none") == 0;
  const char *wrong = none ? NULL : eddy_http_address_check(text);
  if (wrong) {
    eddy_config_wrong(binder, scope, key->name, node, "\"%s\": %s", eddy_config_shown(node, shown), wrong);
    return;
  }
  eddy_config_replace(binder, &binder->config->http.listen, none ? NULL : text);
  binder->config->http.listen_set = true;
}
