/* The list `features`: each item by its table, then what one item or two of them must fulfil together. */
#include <stdlib.h>
#include <string.h>

#include "daemon/config_bind.h"
#include "daemon/nearest.h"

struct feature_list {
  struct eddy_config_binder *binder;
  struct eddy_feature_draft drafts[EDDY_FEATURES_MAX];
  struct eddy_config_scope scopes[EDDY_FEATURES_MAX];
  uint16_t count;
};

/* What a fold needs and what it has no use for. */
struct fold_row {
  const char *name;
  const char *needs[2];
  const char *refuses[4];
};
static const struct fold_row folds[] = {
    [EDDY_FOLD_COUNT] = {"count", {"on", "half_life"}, {"value", "of", "to"}},
    [EDDY_FOLD_SUM] = {"sum", {"on", "half_life"}, {"of", "to"}},
    [EDDY_FOLD_AGE] = {"age", {"on"}, {"half_life", "value", "of", "to"}},
    [EDDY_FOLD_RATIO] = {"ratio", {"of", "to"}, {"on", "half_life", "value"}},
    [EDDY_FOLD_SHARE] = {"share", {"of", "to"}, {"on", "half_life", "value"}},
};

bool eddy_config_feature_takes(enum eddy_fold fold, const char *key) {
  const struct fold_row *row = &folds[fold];
  for (size_t i = 0; i < sizeof row->refuses / sizeof row->refuses[0] && row->refuses[i]; i++) {
    if (strcmp(row->refuses[i], key) == 0) return false;
  }
  return true;
}

static void check_fold(struct eddy_config_binder *binder, const struct eddy_feature_draft *draft,
                       const struct eddy_config_scope *scope) {
  const struct fold_row *row = &folds[draft->spec.fold];
  for (size_t i = 0; i < sizeof row->needs / sizeof row->needs[0] && row->needs[i]; i++) {
    if (eddy_config_given(scope, row->needs[i])) continue;
    eddy_config_wrong(binder, scope, row->needs[i], NULL, "is missing: fold %s needs it", row->name);
    if (strcmp(row->needs[i], "half_life") == 0) eddy_config_report_hint(binder->report, "for instance `half_life: 7d`");
  }
  for (size_t i = 0; i < sizeof row->refuses / sizeof row->refuses[0] && row->refuses[i]; i++) {
    const struct eddy_config_node *node = eddy_config_given(scope, row->refuses[i]);
    if (node) eddy_config_wrong(binder, scope, row->refuses[i], node, "has no meaning for fold %s", row->name);
  }
}

static void check_on(struct eddy_config_binder *binder, const struct eddy_config_scope *scope) {
  const struct eddy_config_node *on = eddy_config_given(scope, "on");
  if (on && on->kind == EDDY_CONFIG_LIST && !on->first) eddy_config_wrong(binder, scope, "on", on, "names no event type");
}

static void bind_feature(struct feature_list *list, const struct eddy_config_node *node) {
  uint16_t position = list->count++;
  struct eddy_feature_draft *draft = &list->drafts[position];
  struct eddy_config_scope *scope = &list->scopes[position];
  *scope = (struct eddy_config_scope){.section = &eddy_config_sections[EDDY_SECTION_FEATURES], .base = draft};
  snprintf(scope->where, sizeof scope->where, "features[%u]", position);
  eddy_config_bind_map(list->binder, scope, node);
  if (node->kind != EDDY_CONFIG_MAP) return;
  if (!eddy_config_given(scope, "fold") && eddy_config_given(scope, "value")) draft->spec.fold = EDDY_FOLD_SUM;
  if (draft->spec.fold != EDDY_FOLD_SUM) draft->spec.value = EDDY_VALUE_QUANTITY; /* as the built-in features have it */
  if (!eddy_config_given(scope, "name")) eddy_config_wrong(list->binder, scope, "name", NULL, "is missing");
  check_fold(list->binder, draft, scope);
  check_on(list->binder, scope);
}

/* Position of a name, -1 if no feature has it. */
static int find_feature(const struct feature_list *list, const char *name) {
  for (uint16_t i = 0; i < list->count; i++)
    if (strcmp(list->drafts[i].spec.name, name) == 0) return i;
  return -1;
}

static void check_unique(struct feature_list *list, uint16_t position) {
  const struct eddy_config_scope *scope = &list->scopes[position];
  const char *name = list->drafts[position].spec.name;
  int other = find_feature(list, name);
  if (!name[0] || other >= position) return;
  char shown[64];
  const struct eddy_config_node *node = eddy_config_given(scope, "name");
  eddy_config_wrong(list->binder, scope, "name", node, "there is a feature `%s` already", eddy_config_shown(node, shown));
  const struct eddy_config_node *first = eddy_config_given(&list->scopes[other], "name");
  if (first) eddy_config_report_hint(list->binder->report, "in line %d", first->place.line);
}

static void resolve(struct feature_list *list, uint16_t position, const char *key, const char *name, uint16_t *found) {
  const struct eddy_config_scope *scope = &list->scopes[position];
  const struct eddy_config_node *node = eddy_config_given(scope, key);
  if (!node || !name[0]) return;
  char shown[64];
  eddy_config_shown(node, shown);
  int other = find_feature(list, name);
  if (other < 0) {
    eddy_config_wrong(list->binder, scope, key, node, "there is no feature `%s`", shown);
    struct eddy_nearest nearest = eddy_nearest_begin(name);
    for (uint16_t i = 0; i < list->count; i++) eddy_nearest_offer(&nearest, list->drafts[i].spec.name);
    if (nearest.best) eddy_config_report_hint(list->binder->report, "did you mean `%s`?", nearest.best);
    return;
  }
  enum eddy_fold fold = list->drafts[other].spec.fold;
  if (fold != EDDY_FOLD_COUNT && fold != EDDY_FOLD_SUM)
    eddy_config_wrong(list->binder, scope, key, node, "`%s` is of fold %s: only a count or a sum can stand here", shown,
                      folds[fold].name);
  *found = (uint16_t)other;
}

static void check_half_lives(const struct feature_list *list) {
  int64_t seen[EDDY_HALF_LIVES_MAX];
  int count = 0;
  for (uint16_t i = 0; i < list->count; i++) {
    int64_t half_life = list->drafts[i].spec.half_life_ms;
    int at = 0;
    while (at < count && seen[at] != half_life) at++;
    if (half_life == 0 || at < count) continue;
    if (count < EDDY_HALF_LIVES_MAX) {
      seen[count++] = half_life;
      continue;
    }
    eddy_config_wrong(list->binder, &list->scopes[i], "half_life", eddy_config_given(&list->scopes[i], "half_life"),
                      "this is the ninth different half-life; %d are the most", EDDY_HALF_LIVES_MAX);
    return;
  }
}

static void store_features(struct feature_list *list) {
  struct eddy_spec *spec = &list->binder->config->spec;
  memset(spec->features, 0, sizeof spec->features);
  spec->feature_count = list->count;
  for (uint16_t i = 0; i < list->count; i++) {
    struct eddy_feature_draft *draft = &list->drafts[i];
    check_unique(list, i);
    resolve(list, i, "of", draft->of, &draft->spec.of);
    resolve(list, i, "to", draft->to, &draft->spec.to);
    spec->features[i] = draft->spec;
  }
  check_half_lives(list);
}

static void bind_items(struct feature_list *list, const struct eddy_config_node *node) {
  for (const struct eddy_config_node *item = node->first; item; item = item->next) {
    if (list->count == EDDY_FEATURES_MAX) {
      eddy_config_report_add(list->binder->report, item->place, "more than %d features", EDDY_FEATURES_MAX);
      break;
    }
    bind_feature(list, eddy_config_target(item));
  }
}

void eddy_config_bind_features(struct eddy_config_binder *binder, const struct eddy_config_node *node) {
  if (!eddy_config_enter_list(binder, "features", node)) return;
  struct feature_list *list = calloc(1, sizeof *list);
  if (!list) {
    eddy_config_report_add(binder->report, node->place, "out of memory");
    return;
  }
  list->binder = binder;
  bind_items(list, node);
  store_features(list);
  free(list);
}
