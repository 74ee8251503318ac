#include "codec/utf8.h"

/* Length of the sequence at `at` (Unicode 15, table 3-7), 0 if it is none. */
static size_t sequence(const unsigned char *at, size_t left) {
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
    size_t length = sequence((const unsigned char *)text + at, size - at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

bool eddy_utf8_has_control(const char *text, size_t size) {
  unsigned found = 0, previous = 0;
  for (size_t i = 0; i < size; i++) {
    unsigned byte = (unsigned char)text[i];
    found |= (unsigned)(byte < 0x20) | (unsigned)(byte == 0x7F);
    found |= (unsigned)(previous == 0xC2) & (unsigned)(byte < 0xA0);
    previous = byte;
  }
  return found != 0;
}
