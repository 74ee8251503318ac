#include "cmd/clean_text.h"

#include "codec/utf8.h"

void eddy_cmd_put_clean(const void *bytes, size_t size, size_t max, FILE *out) {
  const char *at = bytes;
  size_t shown = size < max ? size : max;
  for (size_t i = 0; i < shown;) {
    size_t length = eddy_utf8_sequence(at + i, size - i);
    if (length == 0 || eddy_utf8_has_control(at + i, length)) {
      fprintf(out, "\\x%02x", (unsigned char)at[i]);
      i++;
      continue;
    }
    fwrite(at + i, 1, length, out);
    i += length;
  }
  if (shown < size) fputs("...", out);
}
