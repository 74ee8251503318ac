/* The list `triggers`: each item by its table, then what it must fulfil as a whole. */
#include <string.h>

#include "daemon/config_bind.h"

void eddy_config_set_waits(struct eddy_config_binder *binder, struct eddy_config_scope *scope,
                           const struct eddy_config_key *key, const struct eddy_config_node *node) {
  struct eddy_trigger_spec *trigger = scope->base;
  struct eddy_config_values values = eddy_config_values_of(node);
  int64_t before = 0;
  if (!values.next) eddy_config_wrong(binder, scope, key->name, node, "names no duration");
  for (const struct eddy_config_node *value; (value = eddy_config_values_next(&values)) != NULL;) {
    int64_t wait;
    if (trigger->step_count == EDDY_STEPS_MAX) {
      eddy_config_wrong(binder, scope, key->name, value, "more than %d steps", EDDY_STEPS_MAX);
      return;
    }
    if (!eddy_config_number(binder, scope, key, value, &wait)) continue;
    if (wait <= before) eddy_config_wrong(binder, scope, key->name, value, "each step must be longer than the one before it");
    trigger->wait_ms[trigger->step_count++] = before = wait;
  }
}

static void check_trigger(struct eddy_config_binder *binder, const struct eddy_config_scope *scope) {
  static const char *const required[] = {"name", "after", "for"};
  for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
    if (!eddy_config_given(scope, required[i])) eddy_config_wrong(binder, scope, required[i], NULL, "is missing");
  const struct eddy_config_node *after = eddy_config_given(scope, "after");
  if (after && after->kind == EDDY_CONFIG_LIST && !after->first)
    eddy_config_wrong(binder, scope, "after", after, "names no event type: nothing would arm the trigger");
}

/* `lines` = where the triggers so far begin. */
static void check_unique(struct eddy_config_binder *binder, const struct eddy_config_scope *scope, uint16_t position,
                         const int *lines) {
  const struct eddy_spec *spec = &binder->config->spec;
  const char *name = spec->triggers[position].name;
  const struct eddy_config_node *node = eddy_config_given(scope, "name");
  char shown[64];
  for (uint16_t i = 0; i < position && name[0]; i++) {
    if (strcmp(spec->triggers[i].name, name) != 0) continue;
    eddy_config_wrong(binder, scope, "name", node, "there is a trigger `%s` already", eddy_config_shown(node, shown));
    eddy_config_report_hint(binder->report, "in line %d; give one of them another name", lines[i]);
    return;
  }
}

static void bind_trigger(struct eddy_config_binder *binder, const struct eddy_config_node *node, int *lines) {
  struct eddy_spec *spec = &binder->config->spec;
  uint16_t position = spec->trigger_count++;
  struct eddy_trigger_spec *trigger = &spec->triggers[position];
  struct eddy_config_scope scope = {.section = &eddy_config_sections[EDDY_SECTION_TRIGGERS], .base = trigger};
  snprintf(scope.where, sizeof scope.where, "triggers[%u]", position);
  *trigger = (struct eddy_trigger_spec){.max_lateness_ms = INT64_MAX};
  lines[position] = node->place.line;
  eddy_config_bind_map(binder, &scope, node);
  if (node->kind != EDDY_CONFIG_MAP) return;
  check_trigger(binder, &scope);
  check_unique(binder, &scope, position, lines);
}

void eddy_config_bind_triggers(struct eddy_config_binder *binder, const struct eddy_config_node *node) {
  if (!eddy_config_enter_list(binder, "triggers", node)) return;
  int lines[EDDY_TRIGGERS_MAX] = {0};
  binder->config->spec.trigger_count = 0;
  memset(binder->config->spec.triggers, 0, sizeof binder->config->spec.triggers);
  for (const struct eddy_config_node *item = node->first; item; item = item->next) {
    if (binder->config->spec.trigger_count == EDDY_TRIGGERS_MAX) {
      eddy_config_report_add(binder->report, item->place, "more than %d triggers", EDDY_TRIGGERS_MAX);
      return;
    }
    bind_trigger(binder, eddy_config_target(item), lines);
  }
}
