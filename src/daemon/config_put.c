#include "daemon/config_put.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "daemon/config_value.h"

int64_t eddy_config_stored(const struct eddy_config_key *key, const void *base) {
  const void *at = (const char *)base + key->offset;
  if (key->size == 1) return *(const uint8_t *)at;
  if (key->size == 2) return *(const uint16_t *)at;
  if (key->size == 4) return key->min < 0 ? (int64_t) * (const int32_t *)at : (int64_t) * (const uint32_t *)at;
  return *(const int64_t *)at;
}

void eddy_config_put_number(const struct eddy_config_key *key, double value, FILE *out) {
  char text[32];
  if (key->type == EDDY_CONFIG_DECIMAL)
    fprintf(out, "%.10g", value);
  else if (key->type == EDDY_CONFIG_BYTES)
    fputs(eddy_config_bytes_format((int64_t)value, text), out);
  else if (key->type == EDDY_CONFIG_COUNT)
    fprintf(out, "%" PRId64, (int64_t)value);
  else
    eddy_duration_format((int64_t)value, text), fputs(text, out);
}

/* Texts -------------------------------------------------------------------------------------------------------------------- */

static bool is_plain(const char *text) {
  static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/";
  static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._:-";
  size_t length = strlen(text);
  if (length == 0 || !strchr(first, text[0]) || strspn(text, others) != length) return false;
  return text[length - 1] != ':' && strcmp(text, "null") != 0;
}

void eddy_config_put_text(const char *text, FILE *out) {
  if (is_plain(text)) {
    fputs(text, out);
    return;
  }
  fputc('"', out);
  for (const char *at = text; *at; at++) {
    unsigned char c = (unsigned char)*at;
    if (c == '"' || c == '\\') fputc('\\', out);
    if (c == '$' && at[1] == '{') fputc('$', out);
    if (c < 0x20 || c == 0x7f)
      fprintf(out, "\\x%02x", c);
    else
      fputc(c, out);
  }
  fputc('"', out);
}

/* One writer per type -------------------------------------------------------------------------------------------------------*/

static bool put_text(const struct eddy_config_key *key, const void *base, FILE *out) {
  const char *text = *(char *const *)(const void *)((const char *)base + key->offset);
  if (text) eddy_config_put_text(key->secret ? EDDY_CONFIG_SECRET : text, out);
  return text != NULL;
}

static bool put_name(const struct eddy_config_key *key, const void *base, FILE *out) {
  eddy_config_put_text((const char *)base + key->offset, out);
  return true;
}

static bool put_number(const struct eddy_config_key *key, const void *base, FILE *out) {
  int64_t value = eddy_config_stored(key, base);
  char text[32];
  if (key->none && value == key->none_value)
    fputs(key->none, out);
  else if (key->type == EDDY_CONFIG_COUNT)
    fprintf(out, "%" PRId64, value);
  else if (key->type == EDDY_CONFIG_BYTES)
    fputs(eddy_config_bytes_format(value, text), out);
  else
    eddy_duration_format(value, text), fputs(text, out);
  return true;
}

/* The fewest decimals that give the same number again; a file has no exponents. */
static bool put_decimal(const struct eddy_config_key *key, const void *base, FILE *out) {
  enum { DECIMALS_MAX = 20 };
  char text[64];
  const void *at = (const char *)base + key->offset;
  bool single = key->size == sizeof(float);
  double value = single ? (double)*(const float *)at : *(const double *)at;
  for (int decimals = 0; decimals <= DECIMALS_MAX; decimals++) {
    snprintf(text, sizeof(text), "%.*f", decimals, value);
    if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value) break;
  }
  fputs(text, out);
  return true;
}

static bool put_bool(const struct eddy_config_key *key, const void *base, FILE *out) {
  fputs(eddy_config_stored(key, base) ? "true" : "false", out);
  return true;
}

static bool put_enum(const struct eddy_config_key *key, const void *base, FILE *out) {
  fputs(key->choices[eddy_config_stored(key, base)], out);
  return true;
}

static bool put_events(const struct eddy_config_key *key, const void *base, FILE *out) {
  eddy_event_mask mask = (eddy_event_mask)eddy_config_stored(key, base);
  const char *separator = "[";
  for (int type = 0; type < EDDY_EVENT_TYPE_COUNT; type++) {
    if (!(mask & EDDY_EVENT_BIT(type))) continue;
    fprintf(out, "%s%s", separator, eddy_event_type_name((enum eddy_event_type)type));
    separator = ", ";
  }
  fputs(mask ? "]" : "[]", out);
  return true;
}

bool eddy_config_put_value(const struct eddy_config_key *key, const void *base, FILE *out) {
  static const eddy_config_put_fn writers[EDDY_CONFIG_TYPE_COUNT] = {
      [EDDY_CONFIG_TEXT] = put_text,    [EDDY_CONFIG_NAME] = put_name,       [EDDY_CONFIG_COUNT] = put_number,
      [EDDY_CONFIG_BYTES] = put_number, [EDDY_CONFIG_DURATION] = put_number, [EDDY_CONFIG_DECIMAL] = put_decimal,
      [EDDY_CONFIG_BOOL] = put_bool,    [EDDY_CONFIG_ENUM] = put_enum,       [EDDY_CONFIG_EVENTS] = put_events,
  };
  eddy_config_put_fn put = key->put ? key->put : writers[key->type];
  return put && put(key, base, out);
}

char *eddy_config_text_of(const struct eddy_config_key *key, const void *base) {
  char *text = NULL;
  size_t size = 0;
  FILE *memory = open_memstream(&text, &size);
  bool has = memory && eddy_config_put_value(key, base, memory);
  if (memory && fclose(memory) != 0) has = false;
  if (has) return text;
  free(text);
  return NULL;
}

struct eddy_feature_draft eddy_config_draft_of(const struct eddy_spec *spec, uint16_t position) {
  struct eddy_feature_draft draft = {.spec = spec->features[position]};
  memcpy(draft.of, spec->features[draft.spec.of].name, sizeof(draft.of));
  memcpy(draft.to, spec->features[draft.spec.to].name, sizeof(draft.to));
  return draft;
}
