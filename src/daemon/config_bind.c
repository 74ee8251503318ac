#include "daemon/config_bind.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "daemon/config_value.h"
#include "daemon/nearest.h"

/* Words ----------------------------------------------------------------------------------------------------- */

const char *eddy_config_shown(const struct eddy_config_node *node, char text[64]) {
  const char *raw = node->raw ? node->raw : "a list or mapping";
  snprintf(text, 64, "%.56s%s", raw, strlen(raw) > 56 ? "..." : "");
  return text;
}

void eddy_config_wrong(struct eddy_config_binder *binder, const struct eddy_config_scope *scope, const char *key,
                       const struct eddy_config_node *node, const char *format, ...) {
  char text[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (!node) node = scope->node;
  struct eddy_place place = node ? node->place : (struct eddy_place){0, 0};
  if (scope->section->list) {
    eddy_config_report_add(binder->report, place, "`%s` in %s: %s", key, scope->where, text);
  } else {
    eddy_config_report_add(binder->report, place, "`%s%s%s`: %s", scope->where, scope->where[0] ? "." : "", key, text);
  }
}

static void wrong_value(struct eddy_config_binder *binder, const struct eddy_config_scope *scope, const char *key,
                        const struct eddy_config_node *node, const char *expected) {
  char shown[64];
  eddy_config_wrong(binder, scope, key, node, "expected %s, not \"%s\"", expected, eddy_config_shown(node, shown));
}

static bool is_null(const struct eddy_config_node *node) {
  if (node->kind != EDDY_CONFIG_SCALAR || node->quoted) return false;
  return node->raw[0] == '\0' || strcmp(node->raw, "~") == 0 || strcmp(node->raw, "null") == 0;
}

const char *eddy_config_scalar(struct eddy_config_binder *binder, const struct eddy_config_scope *scope, const char *key,
                               const struct eddy_config_node *node) {
  if (node->broken) return NULL;
  if (node->kind == EDDY_CONFIG_SCALAR && !is_null(node)) return node->text;
  if (node->kind == EDDY_CONFIG_SCALAR) {
    eddy_config_wrong(binder, scope, key, node, "has no value");
    eddy_config_report_hint(binder->report, "leave the key out to get its default");
  } else {
    eddy_config_wrong(binder, scope, key, node, "expected one value, not a %s",
                      node->kind == EDDY_CONFIG_LIST ? "list" : "mapping");
  }
  return NULL;
}

struct eddy_config_values eddy_config_values_of(const struct eddy_config_node *node) {
  if (node->kind == EDDY_CONFIG_LIST) return (struct eddy_config_values){node->first, true};
  return (struct eddy_config_values){node, false};
}

const struct eddy_config_node *eddy_config_values_next(struct eddy_config_values *values) {
  const struct eddy_config_node *node = values->next;
  if (!node) return NULL;
  values->next = values->list ? node->next : NULL;
  return eddy_config_target(node);
}

const struct eddy_config_node *eddy_config_given(const struct eddy_config_scope *scope, const char *key) {
  for (size_t i = 0; i < scope->section->count; i++)
    if (strcmp(scope->section->keys[i].name, key) == 0) return scope->values[i];
  return NULL;
}

void eddy_config_replace(struct eddy_config_binder *binder, char **owned, const char *text) {
  free(*owned);
  *owned = text ? strdup(text) : NULL;
  if (text && !*owned) eddy_config_report_add(binder->report, (struct eddy_place){0, 0}, "out of memory");
}

/* Numbers --------------------------------------------------------------------------------------------------- */

static const char *read_number(enum eddy_config_type type, const char *text, int64_t *value) {
  if (type == EDDY_CONFIG_BYTES) return eddy_config_bytes(text, value);
  if (type == EDDY_CONFIG_COUNT) return eddy_config_count(text, value);
  return eddy_config_duration(text, value);
}

/* A bound as the file would say it. */
static const char *bound_text(enum eddy_config_type type, double bound, char text[32]) {
  if (type == EDDY_CONFIG_DECIMAL)
    snprintf(text, 32, "%.10g", bound);
  else if (type == EDDY_CONFIG_BYTES)
    eddy_config_bytes_format((int64_t)bound, text);
  else if (type == EDDY_CONFIG_COUNT)
    snprintf(text, 32, "%" PRId64, (int64_t)bound);
  else
    eddy_duration_format((int64_t)bound, text);
  return text;
}

static bool in_range(struct eddy_config_binder *binder, const struct eddy_config_scope *scope,
                     const struct eddy_config_key *key, const struct eddy_config_node *node, double value) {
  char shown[64], low[32], high[32];
  if ((key->min == 0 && key->max == 0) || (value >= key->min && value <= key->max)) return true;
  eddy_config_wrong(binder, scope, key->name, node, "%s is not within %s to %s", eddy_config_shown(node, shown),
                    bound_text(key->type, key->min, low), bound_text(key->type, key->max, high));
  return false;
}

/* A duration whatever the row's type says: the items of `for` come here, too. */
static enum eddy_config_type number_type(const struct eddy_config_key *key) {
  return key->type == EDDY_CONFIG_SPECIAL ? EDDY_CONFIG_DURATION : key->type;
}

static void wrong_number(struct eddy_config_binder *binder, const struct eddy_config_scope *scope,
                         const struct eddy_config_key *key, const struct eddy_config_node *node, const char *expected) {
  if (key->unit && eddy_config_lacks_unit(node->text)) {
    char shown[64];
    eddy_config_shown(node, shown);
    eddy_config_wrong(binder, scope, key->name, node, "%s has no unit", shown);
    eddy_config_report_hint(binder->report, "write %s%s, or another unit of %s", shown, key->unit,
                            key->type == EDDY_CONFIG_BYTES ? "B, KiB, MiB, GiB, kB, MB, GB" : "ms, s, m, h, d, w");
    return;
  }
  wrong_value(binder, scope, key->name, node, expected);
  if (key->none) eddy_config_report_hint(binder->report, "or %s", key->none);
}

bool eddy_config_number(struct eddy_config_binder *binder, const struct eddy_config_scope *scope,
                        const struct eddy_config_key *key, const struct eddy_config_node *node, int64_t *value) {
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  if (!text) return false;
  if (key->none && strcmp(text, key->none) == 0) {
    *value = key->none_value;
    return true;
  }
  const char *expected = read_number(number_type(key), text, value);
  if (!expected && key->size == sizeof(uint64_t) && key->type == EDDY_CONFIG_COUNT && *value < 0)
    expected = "a positive number";
  if (expected) {
    wrong_number(binder, scope, key, node, expected);
    return false;
  }
  return in_range(binder, scope, key, node, (double)*value);
}

static void store(void *at, uint16_t size, int64_t value) {
  if (size == 1)
    *(uint8_t *)at = (uint8_t)value;
  else if (size == 2)
    *(uint16_t *)at = (uint16_t)value;
  else if (size == 4)
    *(uint32_t *)at = (uint32_t)value;
  else
    *(uint64_t *)at = (uint64_t)value;
}

/* One setter per type --------------------------------------------------------------------------------------- */

static void set_number(struct eddy_config_binder *binder, struct eddy_config_scope *scope, const struct eddy_config_key *key,
                       const struct eddy_config_node *node, void *at) {
  int64_t value;
  if (eddy_config_number(binder, scope, key, node, &value)) store(at, key->size, value);
}

static void set_decimal(struct eddy_config_binder *binder, struct eddy_config_scope *scope, const struct eddy_config_key *key,
                        const struct eddy_config_node *node, void *at) {
  double value;
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  if (!text) return;
  const char *expected = eddy_config_decimal(text, &value);
  if (expected) wrong_value(binder, scope, key->name, node, expected);
  if (expected || !in_range(binder, scope, key, node, value)) return;
  if (key->size == sizeof(float))
    *(float *)at = (float)value;
  else
    *(double *)at = value;
}

static void set_bool(struct eddy_config_binder *binder, struct eddy_config_scope *scope, const struct eddy_config_key *key,
                     const struct eddy_config_node *node, void *at) {
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  const char *expected = text ? eddy_config_bool(text, at) : NULL;
  if (expected) wrong_value(binder, scope, key->name, node, expected);
}

static void join_choices(const char *const *choices, char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  for (; *choices && used < size; choices++)
    used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", *choices);
}

static void set_enum(struct eddy_config_binder *binder, struct eddy_config_scope *scope, const struct eddy_config_key *key,
                     const struct eddy_config_node *node, void *at) {
  char choices[128], expected[160];
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  if (!text) return;
  struct eddy_nearest nearest = eddy_nearest_begin(text);
  for (int i = 0; key->choices[i]; i++) {
    eddy_nearest_offer(&nearest, key->choices[i]);
    if (strcmp(key->choices[i], text) != 0) continue;
    store(at, key->size, i);
    return;
  }
  join_choices(key->choices, choices, sizeof choices);
  snprintf(expected, sizeof expected, "%s%s", key->choices[1] ? "one of " : "", choices);
  wrong_value(binder, scope, key->name, node, expected);
  if (nearest.best) eddy_config_report_hint(binder->report, "did you mean `%s`?", nearest.best);
}

static void set_text(struct eddy_config_binder *binder, struct eddy_config_scope *scope, const struct eddy_config_key *key,
                     const struct eddy_config_node *node, void *at) {
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  if (!text) return;
  const char *expected = key->check ? key->check(text) : NULL;
  if (expected && key->secret) { /* messages end in logs */
    eddy_config_wrong(binder, scope, key->name, node, "expected %s", expected);
    return;
  }
  if (expected)
    wrong_value(binder, scope, key->name, node, expected);
  else
    eddy_config_replace(binder, at, text);
}

static const char *check_name(const char *text) {
  size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
  bool fine = text[0] >= 'a' && text[0] <= 'z' && text[length] == '\0' && length <= EDDY_NAME_MAX;
  return fine ? NULL : "a name of up to 63 small letters, digits and _, a letter first";
}

static void set_name(struct eddy_config_binder *binder, struct eddy_config_scope *scope, const struct eddy_config_key *key,
                     const struct eddy_config_node *node, void *at) {
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  if (!text) return;
  const char *expected = key->check ? key->check(text) : check_name(text);
  if (expected)
    wrong_value(binder, scope, key->name, node, expected);
  else
    snprintf(at, key->size, "%s", text);
}

static void add_event(struct eddy_config_binder *binder, struct eddy_config_scope *scope, const struct eddy_config_key *key,
                      const struct eddy_config_node *node, eddy_event_mask *mask) {
  const char *text = eddy_config_scalar(binder, scope, key->name, node);
  if (!text) return;
  int type = eddy_event_type_find((struct eddy_str){text, (uint32_t)strlen(text)});
  if (type >= 0) {
    *mask |= EDDY_EVENT_BIT(type);
    return;
  }
  char shown[64];
  eddy_config_wrong(binder, scope, key->name, node, "there is no event type \"%s\"", eddy_config_shown(node, shown));
  struct eddy_nearest nearest = eddy_nearest_begin(text);
  for (int i = 0; i < EDDY_EVENT_TYPE_COUNT; i++) eddy_nearest_offer(&nearest, eddy_event_type_name((enum eddy_event_type)i));
  if (nearest.best) eddy_config_report_hint(binder->report, "did you mean `%s`?", nearest.best);
}

/* An empty list is no error here: the rules know whether the key may be empty. */
static void set_events(struct eddy_config_binder *binder, struct eddy_config_scope *scope, const struct eddy_config_key *key,
                       const struct eddy_config_node *node, void *at) {
  eddy_event_mask mask = 0;
  struct eddy_config_values values = eddy_config_values_of(node);
  for (const struct eddy_config_node *value; (value = eddy_config_values_next(&values)) != NULL;)
    add_event(binder, scope, key, value, &mask);
  *(eddy_event_mask *)at = mask;
}

typedef void (*set_fn)(struct eddy_config_binder *binder, struct eddy_config_scope *scope, const struct eddy_config_key *key,
                       const struct eddy_config_node *node, void *at);

static const set_fn setters[EDDY_CONFIG_TYPE_COUNT] = {
    [EDDY_CONFIG_TEXT] = set_text,    [EDDY_CONFIG_NAME] = set_name,       [EDDY_CONFIG_COUNT] = set_number,
    [EDDY_CONFIG_BYTES] = set_number, [EDDY_CONFIG_DURATION] = set_number, [EDDY_CONFIG_DECIMAL] = set_decimal,
    [EDDY_CONFIG_BOOL] = set_bool,    [EDDY_CONFIG_ENUM] = set_enum,       [EDDY_CONFIG_EVENTS] = set_events,
};

/* Mappings -------------------------------------------------------------------------------------------------- */

static const struct eddy_config_key *find_key(const struct eddy_config_section *section, const char *name) {
  for (size_t i = 0; i < section->count; i++)
    if (strcmp(section->keys[i].name, name) == 0) return &section->keys[i];
  return NULL;
}

/* The key that was probably meant counts as given: nobody needs to hear that it is missing, too. */
static void unknown_key(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                        const struct eddy_config_node *key) {
  struct eddy_nearest nearest = eddy_nearest_begin(key->raw);
  for (size_t i = 0; i < scope->section->count; i++) eddy_nearest_offer(&nearest, scope->section->keys[i].name);
  const struct eddy_config_key *meant = nearest.best ? find_key(scope->section, nearest.best) : NULL;
  if (meant && !scope->values[meant - scope->section->keys])
    scope->values[meant - scope->section->keys] = eddy_config_target(key->next);
  if (!scope->where[0])
    for (size_t i = EDDY_SECTION_TOP + 1; i < EDDY_SECTION_COUNT; i++)
      eddy_nearest_offer(&nearest, eddy_config_sections[i].name);
  char shown[64], guess[80] = "";
  if (nearest.best) snprintf(guess, sizeof guess, "; did you mean `%s`?", nearest.best);
  eddy_config_report_add(binder->report, key->place, "unknown key `%s`%s%s%s", eddy_config_shown(key, shown),
                         scope->where[0] ? " in " : "", scope->where, guess);
  if (strcmp(key->raw, "<<") == 0)
    eddy_config_report_hint(binder->report, "merge keys are not supported: use an alias as a whole value");
  else if (!nearest.best)
    eddy_config_report_hint(binder->report, "`eddy config reference` lists all keys");
}

static void bind_value(struct eddy_config_binder *binder, struct eddy_config_scope *scope, const struct eddy_config_key *key,
                       const struct eddy_config_node *node) {
  if (key->set)
    key->set(binder, scope, key, node);
  else
    setters[key->type](binder, scope, key, node, (char *)scope->base + key->offset);
  scope->values[key - scope->section->keys] = node;
}

/* True if the node is a mapping with something in it; reports what is no mapping. */
static bool enter_map(struct eddy_config_binder *binder, const char *where, const struct eddy_config_node *node) {
  if (node->kind == EDDY_CONFIG_MAP) return true;
  if (!is_null(node) && !node->broken)
    eddy_config_report_add(binder->report, node->place, "%s%s%s must be a mapping of keys to values", where[0] ? "`" : "",
                           where[0] ? where : "the file", where[0] ? "`" : "");
  return false;
}

bool eddy_config_enter_list(struct eddy_config_binder *binder, const char *name, const struct eddy_config_node *node) {
  if (node->kind == EDDY_CONFIG_LIST) return true;
  if (is_null(node) || node->broken) return false;
  eddy_config_report_add(binder->report, node->place, "`%s` must be a list", name);
  eddy_config_report_hint(binder->report, "begin each item with `- `");
  return false;
}

void eddy_config_bind_map(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                          const struct eddy_config_node *node) {
  scope->node = node;
  if (!enter_map(binder, scope->where, node)) return;
  for (const struct eddy_config_node *name = node->first; name; name = name->next->next) {
    const struct eddy_config_key *key = find_key(scope->section, name->raw);
    if (name->broken) continue; /* a duplicate */
    if (key)
      bind_value(binder, scope, key, eddy_config_target(name->next));
    else
      unknown_key(binder, scope, name);
  }
}

static bool bind_section(struct eddy_config_binder *binder, const char *name, const struct eddy_config_node *node) {
  for (size_t i = EDDY_SECTION_TOP + 1; i < EDDY_SECTION_COUNT; i++) {
    if (strcmp(eddy_config_sections[i].name, name) != 0) continue;
    if (i == EDDY_SECTION_FEATURES)
      eddy_config_bind_features(binder, node);
    else if (i == EDDY_SECTION_TRIGGERS)
      eddy_config_bind_triggers(binder, node);
    else
      eddy_config_bind_map(binder, &binder->scopes[i], node);
    return true;
  }
  return false;
}

void eddy_config_bind_root(struct eddy_config_binder *binder, const struct eddy_config_node *root) {
  for (int i = 0; i < EDDY_SECTION_COUNT; i++) {
    struct eddy_config_scope *scope = &binder->scopes[i];
    *scope = (struct eddy_config_scope){.section = &eddy_config_sections[i], .base = binder->config};
    snprintf(scope->where, sizeof scope->where, "%s", eddy_config_sections[i].name);
  }
  struct eddy_config_scope *top = &binder->scopes[EDDY_SECTION_TOP];
  top->node = root;
  if (!root || !enter_map(binder, "", root)) return;
  for (const struct eddy_config_node *name = root->first; name; name = name->next->next) {
    const struct eddy_config_node *value = eddy_config_target(name->next);
    const struct eddy_config_key *key = find_key(top->section, name->raw);
    if (name->broken) continue;
    if (key)
      bind_value(binder, top, key, value);
    else if (!bind_section(binder, name->raw, value))
      unknown_key(binder, top, name);
  }
}
