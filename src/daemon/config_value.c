#include "daemon/config_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Reads digits with _ between them; returns where they end, NULL if there are none or they overflow. */
static const char *read_digits(const char *text, int64_t *value) {
  int64_t sum = 0;
  const char *at = text;
  if (!is_digit(*at)) return NULL;
  for (; is_digit(*at) || (*at == '_' && is_digit(at[1])); at++) {
    if (*at == '_') continue;
    int digit = *at - '0';
    if (sum > (INT64_MAX - digit) / 10) return NULL;
    sum = sum * 10 + digit;
  }
  *value = sum;
  return at;
}

struct unit {
  const char *name;
  int64_t factor;
};

/* The product with the unit of that name; false if there is none or it overflows. */
static bool apply_unit(const struct unit *units, const char *name, int64_t *value) {
  for (; units->name; units++) {
    if (strcmp(units->name, name) != 0) continue;
    if (*value > INT64_MAX / units->factor) return false;
    *value *= units->factor;
    return true;
  }
  return false;
}

static const struct unit count_units[] = {{"", 1}, {"k", 1000}, {"M", 1000000}, {NULL, 0}};
/* From large to small: the order in which a value is printed. */
static const struct unit byte_units[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1000000000},
                                         {"MB", 1000000},  {"kB", 1000},     {"B", 1},         {NULL, 0}};

const char *eddy_config_count(const char *text, int64_t *value) {
  bool negative = text[0] == '-';
  const char *rest = read_digits(text + (negative ? 1 : 0), value);
  if (!rest || !apply_unit(count_units, rest, value)) return "a whole number such as 16, 100_000 or 100k";
  if (negative) *value = -*value;
  return NULL;
}

const char *eddy_config_bytes(const char *text, int64_t *value) {
  const char *rest = read_digits(text, value);
  if (rest) {
    while (*rest == ' ') rest++;
    if (apply_unit(byte_units, rest, value) || (*value == 0 && *rest == '\0')) return NULL;
  }
  return "a size with a unit (B, KiB, MiB, GiB, kB, MB, GB) such as 64MiB";
}

const char *eddy_config_duration(const char *text, int64_t *value) {
  struct eddy_str view = {text, (uint32_t)strlen(text)};
  return eddy_duration_parse(view, value) == 0 ? NULL : "a duration with a unit (ms, s, m, h, d, w) such as 90m or 7d";
}

const char *eddy_config_time(const char *text, int64_t *value) {
  struct eddy_str view = {text, (uint32_t)strlen(text)};
  return eddy_time_parse(view, value) == 0 ? NULL : "a time such as 2026-11-27T00:00:00Z";
}

/* Own arithmetic: strtod reads what the locale says. */
const char *eddy_config_decimal(const char *text, double *value) {
  int64_t whole = 0, fraction = 0;
  const char *rest = read_digits(text, &whole);
  double scale = 1;
  if (rest && *rest == '.') {
    const char *begin = rest + 1;
    rest = read_digits(begin, &fraction);
    for (const char *at = begin; rest && at < rest; at++)
      if (is_digit(*at)) scale *= 10;
  }
  if (!rest || *rest != '\0') return "a number such as 0.1";
  *value = (double)whole + (double)fraction / scale;
  return NULL;
}

const char *eddy_config_bool(const char *text, bool *value) {
  *value = strcmp(text, "true") == 0;
  return *value || strcmp(text, "false") == 0 ? NULL : "true or false";
}

bool eddy_config_lacks_unit(const char *text) {
  size_t digits = strspn(text, "0123456789_");
  return digits > 0 && text[digits] == '\0';
}

const char *eddy_config_bytes_format(int64_t value, char text[32]) {
  const struct unit *unit = byte_units;
  while (unit->factor > 1 && (value == 0 || value % unit->factor != 0)) unit++;
  snprintf(text, 32, "%" PRId64 "%s", value / unit->factor, unit->name);
  return text;
}
