#include "codec/utf8.h"

#include <string.h>

/* Unicode 15, table 3-7. */
size_t eddy_utf8_sequence(const char *text, size_t left) {
  const unsigned char *at = (const unsigned char *)text;
  unsigned char first = at[0];
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (length > left) return 0;
  unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i < length; i++) {
    if ((at[i] & 0xC0) != 0x80) return 0;
  }
  return length;
}

bool eddy_utf8_valid_slow(const char *text, size_t size) {
  for (size_t at = 0; at < size;) {
    size_t length = eddy_utf8_sequence(text + at, size - at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

#define EVERY_BYTE UINT64_C(0x0101010101010101)

/* The high bit of every byte that is below 0x20 or 0x7F. Bytes above 0x7F count for neither: their high bit is masked out at
 * the end, and with 7 bits a byte no sum carries into the next. */
static uint64_t ascii_controls(uint64_t word) {
  uint64_t low = word & ~EDDY_HIGH_BITS;
  uint64_t printable = low + EVERY_BYTE * 0x60; /* high bit: >= 0x20 */
  uint64_t deleted = low + EVERY_BYTE;          /* high bit: 0x7F */
  return (~printable | deleted) & ~word & EDDY_HIGH_BITS;
}

/* U+0080-009F are C2 80 - C2 9F. */
static bool has_c1_control(const char *text, size_t size) {
  for (size_t i = 1; i < size; i++) {
    if ((unsigned char)text[i - 1] == 0xC2 && (unsigned char)text[i] < 0xA0) return true;
  }
  return false;
}

/* A word of the text; `at` may be moved back so that the last one overlaps, and short texts are filled up with blanks. */
static uint64_t load_word(const char *text, size_t size, size_t at) {
  uint64_t word = EVERY_BYTE * ' ';
  if (size < 8) {
    memcpy(&word, text, size);
  } else {
    memcpy(&word, text + (at + 8 < size ? at : size - 8), 8);
  }
  return word;
}

bool eddy_utf8_has_control(const char *text, size_t size) {
  uint64_t controls = 0, high = 0;
  for (size_t at = 0; at < size; at += 8) {
    uint64_t word = load_word(text, size, at);
    controls |= ascii_controls(word);
    high |= word & EDDY_HIGH_BITS;
  }
  return controls || (high && has_c1_control(text, size));
}
