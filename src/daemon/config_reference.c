/* `eddy config reference`: the table as Markdown. Defaults are read from the default configuration itself. */
#include <string.h>

#include "daemon/config_put.h"

static double load_decimal(const void *at, uint16_t size) {
  return size == sizeof(float) ? (double)*(const float *)at : *(const double *)at;
}

static void put_default(const struct eddy_config_key *key, const struct eddy_config *defaults, FILE *out) {
  const char *at = (const char *)defaults + key->offset;
  if (key->fallback) {
    fputs(key->fallback, out);
    return;
  }
  fputc('`', out);
  if (key->type == EDDY_CONFIG_TEXT || key->type == EDDY_CONFIG_SPECIAL)
    fputs(*(char *const *)(const void *)at, out);
  else if (key->type == EDDY_CONFIG_NAME)
    fputs(at, out);
  else if (key->type == EDDY_CONFIG_BOOL)
    fputs(*at ? "true" : "false", out);
  else if (key->type == EDDY_CONFIG_ENUM)
    fputs(key->choices[eddy_config_stored(key, defaults)], out);
  else if (key->type == EDDY_CONFIG_DECIMAL)
    fprintf(out, "%g", load_decimal(at, key->size));
  else if (key->none && eddy_config_stored(key, defaults) == key->none_value)
    fputs(key->none, out);
  else
    eddy_config_put_number(key, (double)eddy_config_stored(key, defaults), out);
  fputc('`', out);
}

static void put_form(const struct eddy_config_key *key, FILE *out) {
  static const char *const forms[EDDY_CONFIG_TYPE_COUNT] = {
      [EDDY_CONFIG_TEXT] = "text",          [EDDY_CONFIG_NAME] = "name",
      [EDDY_CONFIG_COUNT] = "whole number", [EDDY_CONFIG_BYTES] = "size",
      [EDDY_CONFIG_DURATION] = "duration",  [EDDY_CONFIG_DECIMAL] = "number",
      [EDDY_CONFIG_BOOL] = "true or false", [EDDY_CONFIG_EVENTS] = "event type, or a list",
  };
  if (key->form) fputs(key->form, out);
  for (size_t i = 0; key->type == EDDY_CONFIG_ENUM && key->choices[i]; i++)
    fprintf(out, "%s`%s`", i ? ", " : "", key->choices[i]);
  if (!key->form && key->type != EDDY_CONFIG_ENUM) fputs(forms[key->type], out);
  if (key->min != 0 || key->max != 0) {
    fputs(", ", out);
    eddy_config_put_number(key, key->min, out);
    fputs(" to ", out);
    eddy_config_put_number(key, key->max, out);
  }
  if (key->none) fprintf(out, ", or `%s`", key->none);
}

/* " (live)" behind the meaning of what may change at run time. */
static const char *reload_note(const struct eddy_config_key *key, char *note, size_t size) {
  snprintf(note, size, "%s%s%s%s%s%s%s", key->live ? " (live" : "", key->live_but ? ", but not to or from `" : "",
           key->live_but ? key->live_but : "", key->live_but ? "`" : "",
           key->live_with ? ", if it is not changed together with `" : "", key->live_with ? key->live_with : "",
           key->live_with ? "`)"
           : key->live    ? ")"
                          : "");
  return note;
}

static void put_section(const struct eddy_config_section *section, const struct eddy_config *defaults, FILE *out) {
  if (section->name[0]) fprintf(out, "\n## %s\n\n%s%s.\n", section->name, section->list ? "A list: " : "", section->meaning);
  fputs("\n| key | value | default | meaning |\n|---|---|---|---|\n", out);
  for (size_t i = 0; i < section->count; i++) {
    char note[80];
    const struct eddy_config_key *key = &section->keys[i];
    fprintf(out, "| `%s%s%s` | ", section->list ? "" : section->name, section->name[0] && !section->list ? "." : "", key->name);
    put_form(key, out);
    fputs(" | ", out);
    put_default(key, defaults, out);
    fprintf(out, " | %s%s |\n", key->meaning, reload_note(key, note, sizeof(note)));
  }
}

static const char introduction[] =
    "# Configuration\n\n"
    "One YAML file; every section and key may be left out. Durations need a unit (`ms`, `s`, `m`, `h`, `d`, `w`), sizes too\n"
    "(`B`, `KiB`, `MiB`, `GiB`, `kB`, `MB`, `GB`); whole numbers may be written `100_000`, `100k` or `2M`; times are RFC "
    "3339.\n"
    "`${NAME}` and `${NAME:-default}` take a value from the environment, `${file:PATH}` from a file beside this one (for\n"
    "secrets); `$${` is a literal `${`. Where a name may stand, a list may stand. Aliases (`&name`, `*name`) work.\n"
    "\nKeys marked (live) take effect when `eddy run` gets SIGHUP and reads the file again, those of a trigger if all else\n"
    "about it and the list of triggers stay as they are; all others take effect at the next start.\n";

void eddy_config_reference(FILE *out) {
  struct eddy_config defaults;
  fputs(introduction, out);
  if (eddy_config_defaults(&defaults) == 0)
    for (size_t i = 0; i < EDDY_SECTION_COUNT; i++) put_section(&eddy_config_sections[i], &defaults, out);
  eddy_config_free(&defaults);
}
