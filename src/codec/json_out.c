#include "codec/json_out.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "codec/utf8.h"

void eddy_json_begin(struct eddy_json_out *out, struct eddy_buffer *buffer) {
  *out = (struct eddy_json_out){.buffer = buffer, .start = buffer->size};
}

/* Room for `size` bytes behind the buffer's end; NULL when memory is short. */
static char *room(struct eddy_json_out *out, size_t size) {
  if (out->failed || eddy_buffer_reserve(out->buffer, size) != 0) {
    out->failed = true;
    return NULL;
  }
  return (char *)out->buffer->data + out->buffer->size;
}

static void put(struct eddy_json_out *out, const char *bytes, size_t size) {
  char *at = room(out, size);
  if (!at) return;
  memcpy(at, bytes, size);
  out->buffer->size += size;
}

static void put_char(struct eddy_json_out *out, char byte) {
  put(out, &byte, 1);
}

static void separate(struct eddy_json_out *out) {
  if (out->comma) put_char(out, ',');
  out->comma = true;
}

int eddy_json_end(struct eddy_json_out *out) {
  put_char(out, '\n');
  if (out->failed) out->buffer->size = out->start;
  return out->failed ? EDDY_E_NOMEM : 0;
}

void eddy_json_open(struct eddy_json_out *out, char bracket) {
  separate(out);
  put_char(out, bracket);
  out->comma = false;
}

void eddy_json_close(struct eddy_json_out *out, char bracket) {
  put_char(out, bracket);
  out->comma = true;
}

/* Strings ------------------------------------------------------------------------------------------------------------------*/

static const char hex_digits[] = "0123456789abcdef";

static char *put_escape(char *at, uint8_t byte) {
  static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: byte, letter */
  for (size_t i = 0; i + 1 < sizeof named; i += 2) {
    if ((uint8_t)named[i] != byte) continue;
    *at++ = '\\';
    *at++ = named[i + 1];
    return at;
  }
  memcpy(at, "\\u00", 4);
  at[4] = hex_digits[byte >> 4];
  at[5] = hex_digits[byte & 15];
  return at + 6;
}

enum { ESCAPED_BYTES_MAX = 6 }; /* \u00XX for one byte; U+FFFD takes 3 */

/* A sequence of several bytes, or a byte that begins none. Terminals obey the controls U+0080-009F, too. */
static char *put_wide(char *at, const uint8_t **from, const uint8_t *end) {
  const uint8_t *text = *from;
  size_t size = eddy_utf8_sequence((const char *)text, (size_t)(end - text));
  *from += size ? size : 1;
  if (size == 2 && text[0] == 0xC2 && text[1] < 0xA0) return put_escape(at, text[1]);
  memcpy(at, size ? (const char *)text : "\xEF\xBF\xBD", size ? size : 3);
  return at + (size ? size : 3);
}

static char *put_escaped(char *at, const uint8_t *from, const uint8_t *end) {
  while (from < end) {
    uint8_t byte = *from;
    if (byte >= 0x80) {
      at = put_wide(at, &from, end);
      continue;
    }
    from++;
    if (byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7F)
      at = put_escape(at, byte);
    else
      *at++ = (char)byte;
  }
  return at;
}

static void put_string(struct eddy_json_out *out, struct eddy_str value) {
  char *at = room(out, (size_t)value.len * ESCAPED_BYTES_MAX + 2);
  if (!at) return;
  const uint8_t *from = (const uint8_t *)value.data;
  char *start = at;
  *at++ = '"';
  if (value.len) at = put_escaped(at, from, from + value.len);
  *at++ = '"';
  out->buffer->size += (size_t)(at - start);
}

void eddy_json_string(struct eddy_json_out *out, struct eddy_str value) {
  separate(out);
  put_string(out, value);
}

void eddy_json_literal(struct eddy_json_out *out, const char *text) {
  eddy_json_string(out, (struct eddy_str){text, (uint32_t)strlen(text)});
}

void eddy_json_key(struct eddy_json_out *out, const char *name) {
  separate(out);
  put_char(out, '"');
  put(out, name, strlen(name));
  put(out, "\":", 2);
  out->comma = false;
}

void eddy_json_key_text(struct eddy_json_out *out, struct eddy_str name) {
  separate(out);
  put_string(out, name);
  put_char(out, ':');
  out->comma = false;
}

/* Scalars ------------------------------------------------------------------------------------------------------------------*/

void eddy_json_null(struct eddy_json_out *out) {
  separate(out);
  put(out, "null", 4);
}

void eddy_json_bool(struct eddy_json_out *out, bool value) {
  separate(out);
  put(out, value ? "true" : "false", value ? 4 : 5);
}

void eddy_json_integer(struct eddy_json_out *out, int64_t value) {
  char text[20];
  char *at = text + sizeof text;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    *--at = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest);
  if (value < 0) *--at = '-';
  separate(out);
  put(out, at, (size_t)(text + sizeof text - at));
}

static void put_real(struct eddy_json_out *out, double value, int digits) {
  if (!isfinite(value)) {
    eddy_json_null(out);
  } else if (fabs(value) < 9e18 && value == (double)(int64_t)value) {
    eddy_json_integer(out, (int64_t)value);
  } else {
    char text[40];
    int size = snprintf(text, sizeof text, "%.*g", digits, value);
    separate(out);
    put(out, text, (size_t)size);
  }
}

void eddy_json_float(struct eddy_json_out *out, float value) {
  put_real(out, (double)value, 9);
}
void eddy_json_double(struct eddy_json_out *out, double value) {
  put_real(out, value, 17);
}

void eddy_json_optional_string(struct eddy_json_out *out, struct eddy_str value) {
  if (value.data) {
    eddy_json_string(out, value);
  } else {
    eddy_json_null(out);
  }
}

void eddy_json_optional_integer(struct eddy_json_out *out, bool present, int64_t value) {
  if (present) {
    eddy_json_integer(out, value);
  } else {
    eddy_json_null(out);
  }
}
