#include "cmd/clean_text.h"

#include <stdbool.h>

#include "codec/utf8.h"

/* C0, DEL, C1; U+2028-202E and U+2066-2069, which turn the direction of writing or end a line. */
static bool is_obeyed(const char *text, size_t length) {
  const unsigned char *at = (const unsigned char *)text;
  if (length == 1) return at[0] < 0x20 || at[0] == 0x7f;
  if (length == 2) return at[0] == 0xc2 && at[1] < 0xa0;
  return length == 3 && at[0] == 0xe2 &&
         ((at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) || (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
}

void eddy_cmd_put_clean(const void *bytes, size_t size, size_t max, FILE *out) {
  const char *at = bytes;
  size_t shown = size < max ? size : max;
  for (size_t i = 0; i < shown;) {
    size_t length = eddy_utf8_sequence(at + i, size - i);
    if (length == 0 || is_obeyed(at + i, length)) {
      fprintf(out, "\\x%02x", (unsigned char)at[i]);
      i++;
      continue;
    }
    fwrite(at + i, 1, length, out);
    i += length;
  }
  if (shown < size) fputs("...", out);
}
