/* JSON text into a growable buffer. Equal values give equal text: integers in decimal, floats by %.9g and doubles by %.17g,
 * integral ones without exponent, what JSON cannot say (NaN, infinities) as null. Strings come out as valid JSON whatever bytes
 * they hold: what is not UTF-8 becomes U+FFFD. No control character comes out raw (U+0000-001F, U+007F-009F): lines are shown
 * on terminals.
 *
 * Commas are set by the writer: a value after a value gets one. When memory is short the first failure is remembered and
 * eddy_json_end() leaves the buffer as it was. The caller balances brackets and sets no LC_NUMERIC but "C".
 */
#ifndef EDDY_CODEC_JSON_OUT_H
#define EDDY_CODEC_JSON_OUT_H

#include "base/memory.h"

struct eddy_json_out {
  struct eddy_buffer *buffer;
  size_t start;
  bool comma; /* a value stands in front */
  bool failed;
};

void eddy_json_begin(struct eddy_json_out *out, struct eddy_buffer *buffer);
/* Appends a line feed. 0, or EDDY_E_NOMEM and the buffer holds what it held at the beginning. */
int eddy_json_end(struct eddy_json_out *out);

void eddy_json_open(struct eddy_json_out *out, char bracket);  /* '{' or '[' */
void eddy_json_close(struct eddy_json_out *out, char bracket); /* '}' or ']' */
/* `name` is a literal that needs no escapes. */
void eddy_json_key(struct eddy_json_out *out, const char *name);
void eddy_json_key_text(struct eddy_json_out *out, struct eddy_str name);

void eddy_json_null(struct eddy_json_out *out);
void eddy_json_bool(struct eddy_json_out *out, bool value);
void eddy_json_integer(struct eddy_json_out *out, int64_t value);
void eddy_json_float(struct eddy_json_out *out, float value);
void eddy_json_double(struct eddy_json_out *out, double value);
void eddy_json_string(struct eddy_json_out *out, struct eddy_str value);
void eddy_json_literal(struct eddy_json_out *out, const char *text); /* a C string, escaped like any other */
/* null for an absent string */
void eddy_json_optional_string(struct eddy_json_out *out, struct eddy_str value);
void eddy_json_optional_integer(struct eddy_json_out *out, bool present, int64_t value);

#endif
