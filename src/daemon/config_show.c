/* `eddy config show`: the configuration as it was understood, every key of the table with its value. */
#include <stdlib.h>
#include <string.h>

#include "daemon/config_bind.h"
#include "daemon/config_put.h"

/* What has no value of its own stays a comment, so that the output is a file again. A 0 may stand for what is computed. */
static void put_key(const struct eddy_config_key *key, const void *base, const char *indent, FILE *out) {
  char *value = eddy_config_text_of(key, base);
  bool computed = value && key->type == EDDY_CONFIG_COUNT && key->fallback && strcmp(value, "0") == 0 && key->min >= 0;
  if (value)
    fprintf(out, "%s%s:%s%s", indent, key->name, value[0] == '\n' ? "" : " ", value);
  else
    fprintf(out, "%s# %s: %s", indent, key->name, key->fallback ? key->fallback : "none");
  if (computed) fprintf(out, "  # %s", key->fallback);
  fputc('\n', out);
  free(value);
}

static void put_section(const struct eddy_config_section *section, const struct eddy_config *config, FILE *out) {
  if (section->name[0]) fprintf(out, "\n# %s\n%s:\n", section->meaning, section->name);
  for (size_t i = 0; i < section->count; i++) put_key(&section->keys[i], config, section->name[0] ? "  " : "", out);
}

/* Lists -------------------------------------------------------------------------------------------------------------------- */

static void put_item_key(const struct eddy_config_key *key, const void *item, bool first, FILE *out) {
  put_key(key, item, first ? "  - " : "    ", out);
}

static void put_features(const struct eddy_config_section *section, const struct eddy_spec *spec, FILE *out) {
  for (uint16_t i = 0; i < spec->feature_count; i++) {
    struct eddy_feature_draft draft = eddy_config_draft_of(spec, i);
    for (size_t k = 0; k < section->count; k++) {
      if (eddy_config_feature_takes(draft.spec.fold, section->keys[k].name))
        put_item_key(&section->keys[k], &draft, k == 0, out);
    }
  }
}

static void put_triggers(const struct eddy_config_section *section, const struct eddy_spec *spec, FILE *out) {
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    for (size_t k = 0; k < section->count; k++) put_item_key(&section->keys[k], &spec->triggers[i], k == 0, out);
  }
}

static void put_list(size_t number, const struct eddy_spec *spec, FILE *out) {
  const struct eddy_config_section *section = &eddy_config_sections[number];
  uint16_t count = number == EDDY_SECTION_FEATURES ? spec->feature_count : spec->trigger_count;
  fprintf(out, "\n# %s\n%s:%s\n", section->meaning, section->name, count ? "" : " []");
  if (number == EDDY_SECTION_FEATURES)
    put_features(section, spec, out);
  else
    put_triggers(section, spec, out);
}

void eddy_config_show(const struct eddy_config *config, FILE *out) {
  for (size_t i = 0; i < EDDY_SECTION_COUNT; i++) {
    if (eddy_config_sections[i].list)
      put_list(i, &config->spec, out);
    else
      put_section(&eddy_config_sections[i], config, out);
  }
}
