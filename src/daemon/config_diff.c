#include "daemon/config_diff.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/config_bind.h"
#include "daemon/config_put.h"

#define CHANGED "(changed)"

/* The two sides of a section or of an item, and who is told. */
struct walk {
  const struct eddy_config *running, *fresh;
  const struct eddy_config_section *section;
  const void *old, *next; /* bases of the section's keys */
  size_t base;            /* offset of both in struct eddy_config, where live values are */
  const char *item;       /* name of the item, NULL: not in a list */
  bool fixed;             /* nothing here is live now */
  eddy_config_change_fn call;
  void *ctx;
};

/* One key ------------------------------------------------------------------------------------------------------------------ */

static const char *text_at(const struct eddy_config_key *key, const void *base) {
  return *(char *const *)(const void *)((const char *)base + key->offset);
}

bool eddy_config_same_text(const struct eddy_config_key *key, const void *one, const void *other) {
  const char *a = text_at(key, one), *b = text_at(key, other);
  return a && b ? strcmp(a, b) == 0 : a == b;
}

static eddy_config_same_fn same_of(const struct eddy_config_key *key) {
  return key->same ? key->same : key->type == EDDY_CONFIG_TEXT ? eddy_config_same_text : NULL;
}

struct values {
  char *old, *next; /* NULL: none */
};

static struct values values_of(const struct walk *walk, const struct eddy_config_key *key) {
  return (struct values){eddy_config_text_of(key, walk->old), eddy_config_text_of(key, walk->next)};
}

static void values_free(const struct values *values) {
  free(values->old);
  free(values->next);
}

static bool texts_are_same(const struct values *values) {
  return values->old && values->next ? strcmp(values->old, values->next) == 0 : values->old == values->next;
}

static bool differs(const struct walk *walk, const struct eddy_config_key *key, const struct values *values) {
  eddy_config_same_fn same = same_of(key);
  return same ? !same(key, walk->old, walk->next) : !texts_are_same(values);
}

static bool key_differs(const struct walk *walk, const struct eddy_config_key *key) {
  struct values values = values_of(walk, key);
  bool answer = differs(walk, key, &values);
  values_free(&values);
  return answer;
}

static bool properties_differ(const struct walk *walk);

/* kafka.properties have a walk of their own. */
static bool is_properties(const struct eddy_config_key *key) {
  return key->put == eddy_config_put_properties;
}

static bool partner_differs(const struct walk *walk, const char *name) {
  for (size_t i = 0; i < walk->section->count; i++) {
    const struct eddy_config_key *key = &walk->section->keys[i];
    if (strcmp(key->name, name) == 0) return is_properties(key) ? properties_differ(walk) : key_differs(walk, key);
  }
  return false;
}

static bool is_live(const struct walk *walk, const struct eddy_config_key *key, const struct values *values) {
  if (!key->live || walk->fixed || !values->old || !values->next) return false;
  if (key->live_but && (strcmp(values->old, key->live_but) == 0 || strcmp(values->next, key->live_but) == 0)) return false;
  return !key->live_with || !partner_differs(walk, key->live_with);
}

/* "section.item.key" without what is NULL or empty. */
static void name_change(struct eddy_config_change *change, const char *section, const char *item, const char *key) {
  const char *parts[] = {section, item, key}, *dot = "";
  size_t size = 0;
  for (size_t i = 0; i < 3; i++) {
    if (!parts[i] || !parts[i][0] || size >= sizeof(change->key)) continue;
    size += (size_t)snprintf(change->key + size, sizeof(change->key) - size, "%s%s", dot, parts[i]);
    dot = ".";
  }
}

static void tell(const struct walk *walk, const char *key, const char *from, const char *to) {
  struct eddy_config_change change = {.from = from, .to = to};
  name_change(&change, walk->section->name, walk->item, key);
  walk->call(walk->ctx, &change);
}

static void compare_key(const struct walk *walk, const struct eddy_config_key *key) {
  struct values values = values_of(walk, key);
  const char *none = key->fallback ? key->fallback : "none";
  if (differs(walk, key, &values)) {
    struct eddy_config_change change = {.from = values.old ? values.old : none,
                                        .to = values.next ? values.next : none,
                                        .live = is_live(walk, key, &values),
                                        .at = walk->base + key->offset,
                                        .size = key->size};
    if (strcmp(change.from, change.to) == 0) change.to = CHANGED; /* in what is hidden */
    name_change(&change, walk->section->name, walk->item, key->name);
    walk->call(walk->ctx, &change);
  }
  values_free(&values);
}

/* kafka.properties --------------------------------------------------------------------------------------------------------- */

static const struct eddy_property_setting *find_property(const struct eddy_config *config, const char *name) {
  for (size_t i = 0; i < config->kafka.property_count; i++) {
    if (strcmp(config->kafka.properties[i].name, name) == 0) return &config->kafka.properties[i];
  }
  return NULL;
}

static const char *shown(const struct eddy_property_setting *setting) {
  if (!setting) return "none";
  return eddy_config_property_is_secret(setting->name) ? EDDY_CONFIG_SECRET : setting->value;
}

static bool tell_property(const struct walk *walk, const char *name) {
  const struct eddy_property_setting *old = find_property(walk->running, name), *next = find_property(walk->fresh, name);
  if (old && next && strcmp(old->value, next->value) == 0) return false;
  char key[160];
  snprintf(key, sizeof(key), "properties.%s", name);
  bool hidden = old && next && strcmp(shown(old), shown(next)) == 0;
  if (walk->call) tell(walk, key, shown(old), hidden ? CHANGED : shown(next));
  return true;
}

/* Without a callback it only answers. */
static bool compare_properties(const struct walk *walk) {
  bool any = false;
  for (size_t i = 0; i < walk->running->kafka.property_count; i++)
    any |= tell_property(walk, walk->running->kafka.properties[i].name);
  for (size_t i = 0; i < walk->fresh->kafka.property_count; i++) {
    const char *name = walk->fresh->kafka.properties[i].name;
    if (!find_property(walk->running, name)) any |= tell_property(walk, name);
  }
  return any;
}

static bool properties_differ(const struct walk *walk) {
  struct walk silent = *walk;
  silent.call = NULL;
  return compare_properties(&silent);
}

/* Sections ----------------------------------------------------------------------------------------------------------------- */

static void compare_section(const struct walk *walk) {
  for (size_t i = 0; i < walk->section->count; i++) {
    const struct eddy_config_key *key = &walk->section->keys[i];
    if (is_properties(key))
      compare_properties(walk);
    else
      compare_key(walk, key);
  }
}

/* Lists -------------------------------------------------------------------------------------------------------------------- */

/* What the two lists have in common: items with names. */
struct list {
  uint16_t (*count)(const struct eddy_spec *spec);
  const char *(*name)(const struct eddy_spec *spec, uint16_t position);
  void (*compare)(struct walk *walk, uint16_t old, uint16_t next);
};

static uint16_t find_item(const struct list *list, const struct eddy_spec *spec, const char *name) {
  uint16_t at = 0;
  while (at < list->count(spec) && strcmp(list->name(spec, at), name) != 0) at++;
  return at;
}

static bool same_names(const struct list *list, const struct eddy_spec *one, const struct eddy_spec *other) {
  bool same = list->count(one) == list->count(other);
  for (uint16_t i = 0; same && i < list->count(one); i++) same = strcmp(list->name(one, i), list->name(other, i)) == 0;
  return same;
}

static void compare_list(struct walk *walk, const struct list *list) {
  const struct eddy_spec *old = &walk->running->spec, *next = &walk->fresh->spec;
  bool same = same_names(list, old, next), other_items = false;
  for (uint16_t i = 0; i < list->count(old); i++) {
    walk->item = list->name(old, i);
    walk->fixed = !same;
    uint16_t there = find_item(list, next, walk->item);
    if (there < list->count(next)) {
      list->compare(walk, i, there);
    } else {
      tell(walk, NULL, "there", "removed");
      other_items = true;
    }
  }
  for (uint16_t i = 0; i < list->count(next); i++) {
    walk->item = list->name(next, i);
    if (find_item(list, old, walk->item) < list->count(old)) continue;
    tell(walk, NULL, "none", "added");
    other_items = true;
  }
  walk->item = NULL;
  if (!same && !other_items) tell(walk, NULL, "this order", "another order");
}

static uint16_t feature_count(const struct eddy_spec *spec) {
  return spec->feature_count;
}

static const char *feature_name(const struct eddy_spec *spec, uint16_t position) {
  return spec->features[position].name;
}

/* Keys without a meaning for either fold hold nothing. */
static void compare_feature(struct walk *walk, uint16_t old, uint16_t next) {
  struct eddy_feature_draft one = eddy_config_draft_of(&walk->running->spec, old);
  struct eddy_feature_draft other = eddy_config_draft_of(&walk->fresh->spec, next);
  walk->old = &one;
  walk->next = &other;
  for (size_t i = 0; i < walk->section->count; i++) {
    const struct eddy_config_key *key = &walk->section->keys[i];
    if (eddy_config_feature_takes(one.spec.fold, key->name) && eddy_config_feature_takes(other.spec.fold, key->name))
      compare_key(walk, key);
  }
  walk->old = walk->next = NULL; /* the drafts end here */
}

static uint16_t trigger_count(const struct eddy_spec *spec) {
  return spec->trigger_count;
}

static const char *trigger_name(const struct eddy_spec *spec, uint16_t position) {
  return spec->triggers[position].name;
}

static size_t trigger_at(uint16_t position) {
  return offsetof(struct eddy_config, spec.triggers) + position * sizeof(struct eddy_trigger_spec);
}

static void compare_trigger(struct walk *walk, uint16_t old, uint16_t next) {
  walk->old = &walk->running->spec.triggers[old];
  walk->next = &walk->fresh->spec.triggers[next];
  walk->base = trigger_at(old);
  for (size_t i = 0; i < walk->section->count && !walk->fixed; i++) {
    const struct eddy_config_key *key = &walk->section->keys[i];
    walk->fixed = !key->live && key_differs(walk, key);
  }
  compare_section(walk);
}

static const struct list features = {feature_count, feature_name, compare_feature};
static const struct list triggers = {trigger_count, trigger_name, compare_trigger};

void eddy_config_diff(const struct eddy_config *running, const struct eddy_config *fresh, eddy_config_change_fn call,
                      void *ctx) {
  for (size_t i = 0; i < EDDY_SECTION_COUNT; i++) {
    struct walk walk = {.running = running,
                        .fresh = fresh,
                        .section = &eddy_config_sections[i],
                        .old = running,
                        .next = fresh,
                        .call = call,
                        .ctx = ctx};
    if (walk.section->list)
      compare_list(&walk, i == EDDY_SECTION_FEATURES ? &features : &triggers);
    else
      compare_section(&walk);
  }
}

/* Taking over -------------------------------------------------------------------------------------------------------------- */

void eddy_config_take(struct eddy_config *to, const struct eddy_config *fresh, const struct eddy_config_change *change) {
  memcpy((char *)to + change->at, (const char *)fresh + change->at, change->size);
}

static void take_rows(const struct eddy_config_section *section, size_t base, struct eddy_config *to,
                      const struct eddy_config *from) {
  for (size_t i = 0; i < section->count; i++) {
    const struct eddy_config_key *key = &section->keys[i];
    size_t at = base + key->offset;
    if (key->live) memcpy((char *)to + at, (const char *)from + at, key->size);
  }
}

void eddy_config_take_live(struct eddy_config *to, const struct eddy_config *from) {
  for (size_t i = 0; i < EDDY_SECTION_COUNT; i++) {
    const struct eddy_config_section *section = &eddy_config_sections[i];
    if (!section->list) take_rows(section, 0, to, from);
    for (uint16_t t = 0; i == EDDY_SECTION_TRIGGERS && t < to->spec.trigger_count; t++)
      take_rows(section, trigger_at(t), to, from);
  }
}
