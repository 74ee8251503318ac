#include "daemon/log_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"
#include "codec/utf8.h"

enum { TAIL = 16 }; /* room kept for the end of the line */

struct view {
  const char *at;
  size_t size;
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* Characters ------------------------------------------------------------------------------------------------ */

/* Bytes of the character at `at`, 0 if it is not UTF-8. */
static size_t character_size(const char *at, size_t left) {
  unsigned char lead = (unsigned char)*at;
  size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return size <= left && eddy_utf8_valid(at, size) ? size : 0;
}

/* Control characters of a byte (C0, DEL) or of two (C1): a terminal would act on them. */
static unsigned control_code(const char *at, size_t size) {
  unsigned char first = (unsigned char)at[0];
  if (size == 1) return first < 0x20 || first == 0x7f ? first + 1u : 0;
  return size == 2 && first == 0xc2 && (unsigned char)at[1] < 0xa0 ? (unsigned char)at[1] + 1u : 0;
}

static size_t escape_character(const struct eddy_log_line *line, const char *at, size_t size, char out[8]) {
  unsigned code = size ? control_code(at, size) : 0;
  if (!size) return (size_t)snprintf(out, 8, line->json ? "\\ufffd" : "\\x%02x", (unsigned char)*at);
  if (*at == '\n') return (size_t)snprintf(out, 8, "\\n");
  if (*at == '\t') return (size_t)snprintf(out, 8, "\\t");
  if (*at == '\r') return (size_t)snprintf(out, 8, "\\r");
  if (code) return (size_t)snprintf(out, 8, "\\u%04x", code - 1);
  if (*at == '"' || *at == '\\') return (size_t)snprintf(out, 8, "\\%c", *at);
  memcpy(out, at, size);
  return size;
}

/* Building -------------------------------------------------------------------------------------------------- */

static bool put(struct eddy_log_line *line, const char *bytes, size_t size) {
  if (line->size + size + TAIL > sizeof line->text) return false;
  memcpy(line->text + line->size, bytes, size);
  line->size += size;
  return true;
}

static bool put_escaped(struct eddy_log_line *line, struct view value) {
  char out[8];
  bool fine = true;
  for (size_t at = 0; fine && at < value.size;) {
    size_t size = character_size(value.at + at, value.size - at);
    fine = put(line, out, escape_character(line, value.at + at, size, out));
    at += size ? size : 1;
  }
  return fine;
}

static bool is_bare(struct view value) {
  for (size_t i = 0; i < value.size; i++) {
    unsigned char c = (unsigned char)value.at[i];
    if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\') return false;
  }
  return value.size > 0;
}

/* A JSON number or boolean: integers that every reader keeps exactly. */
static bool is_json_literal(struct view value) {
  if (value.size == 4 && memcmp(value.at, "true", 4) == 0) return true;
  if (value.size == 5 && memcmp(value.at, "false", 5) == 0) return true;
  size_t sign = value.size > 1 && value.at[0] == '-' ? 1 : 0;
  size_t digits = value.size - sign;
  if (digits == 0 || digits > 15 || (digits > 1 && value.at[sign] == '0')) return false;
  for (size_t i = sign; i < value.size; i++)
    if (value.at[i] < '0' || value.at[i] > '9') return false;
  return true;
}

static bool put_value(struct eddy_log_line *line, struct view value, bool bare) {
  if (bare) return put(line, value.at, value.size);
  return put(line, "\"", 1) && put_escaped(line, value) && put(line, "\"", 1);
}

static bool put_key(struct eddy_log_line *line, const char *prefix, struct view key) {
  if (line->json) {
    const char *before = line->size > 1 ? ",\"" : "\"";
    return put(line, before, strlen(before)) && put(line, prefix, strlen(prefix)) && put(line, key.at, key.size) &&
           put(line, "\":", 2);
  }
  return (line->size == 0 || put(line, " ", 1)) && put(line, prefix, strlen(prefix)) && put(line, key.at, key.size) &&
         put(line, "=", 1);
}

/* A field is there as a whole or not at all. */
static void put_field(struct eddy_log_line *line, const char *prefix, struct view key, struct view value, bool text) {
  size_t before = line->size;
  bool bare = line->json ? !text && is_json_literal(value) : is_bare(value);
  if (!put_key(line, prefix, key) || !put_value(line, value, bare)) line->size = before;
}

static void put_text(struct eddy_log_line *line, const char *key, const char *value) {
  put_field(line, "", (struct view){key, strlen(key)}, (struct view){value, strlen(value)}, true);
}

/* Fields ---------------------------------------------------------------------------------------------------- */

static bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

/* Length of a `key` that `=` follows, 0 if there is none. */
static size_t key_length(const char *at) {
  size_t length = 0;
  while (is_key_character(at[length])) length++;
  return at[length] == '=' ? length : 0;
}

static char unescaped(char c) {
  return c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
}

/* A quote ends its value where another field or nothing follows: callers may quote a text with quotes in it unescaped. */
static bool ends_value(const char *at) {
  return at[0] == '"' && (at[1] == '\0' || (at[1] == ' ' && key_length(at + 2) > 0));
}

/* The value in quotes, unescaped into `copy`; *end is behind it. A missing quote at the end (fields are cut) is no error. */
static struct view quoted_value(const char *at, const char **end, char *copy) {
  size_t size = 0;
  for (at++; *at && !ends_value(at); at++) {
    bool escape = *at == '\\' && at[1];
    if (escape) at++;
    copy[size++] = escape ? unescaped(*at) : *at;
  }
  *end = *at ? at + 1 : at;
  return (struct view){copy, size};
}

static struct view open_value(const char *at, const char **end) {
  const char *stop = at;
  while (*stop && !(*stop == ' ' && key_length(stop + 1) > 0)) stop++;
  *end = stop;
  while (stop > at && stop[-1] == ' ') stop--;
  return (struct view){at, (size_t)(stop - at)};
}

static bool is_reserved(struct view key) {
  static const char *const names[] = {"time", "level", "msg", "repeated"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strlen(names[i]) == key.size && memcmp(names[i], key.at, key.size) == 0) return true;
  return false;
}

static void put_fields(struct eddy_log_line *line, const char *at) {
  char copy[EDDY_LOG_LINE_MAX / 4];
  while (*at) {
    size_t length = key_length(at);
    struct view key = length ? (struct view){at, length} : (struct view){"text", 4};
    const char *value = length ? at + length + 1 : at;
    bool quoted = *value == '"' && strnlen(value, sizeof copy) < sizeof copy;
    struct view view = quoted ? quoted_value(value, &at, copy) : open_value(value, &at);
    put_field(line, is_reserved(key) ? "field_" : "", key, view, quoted);
    while (*at == ' ') at++;
  }
}

/* The wall clock to the millisecond, always of the same length. */
static void put_time(struct eddy_log_line *line, int64_t time) {
  char text[EDDY_TIME_TEXT], stamp[EDDY_TIME_TEXT + 8];
  size_t length = eddy_time_format(time, text);
  bool whole = length > 0 && text[length - 1] == 'Z' && !strchr(text, '.');
  snprintf(stamp, sizeof stamp, "%.*s%s", (int)(whole ? length - 1 : length), text, whole ? ".000Z" : "");
  put_text(line, "time", stamp);
}

void eddy_log_line_make(struct eddy_log_line *line, int64_t time, enum eddy_log_level level, const char *message,
                        const char *fields, uint64_t repeated) {
  line->size = 0;
  if (line->json) put(line, "{", 1);
  put_time(line, time);
  put_text(line, "level", level_names[level]);
  put_text(line, "msg", message);
  if (repeated) {
    char number[24];
    int length = snprintf(number, sizeof number, "%" PRIu64, repeated);
    put_field(line, "", (struct view){"repeated", 8}, (struct view){number, (size_t)length}, false);
  }
  if (fields) put_fields(line, fields);
  memcpy(line->text + line->size, "}\n", 2);
  if (line->json)
    line->size += 2;
  else
    line->text[line->size++] = '\n';
}
