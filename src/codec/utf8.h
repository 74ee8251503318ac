/* Is this UTF-8? (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.)
 *
 * ASCII, which is nearly everything, is looked at eight bytes a step; the rest costs a few instructions a byte. Pure.
 */
#ifndef EDDY_CODEC_UTF8_H
#define EDDY_CODEC_UTF8_H

#include <string.h>

#include "eddy/types.h"

#define EDDY_HIGH_BITS UINT64_C(0x8080808080808080)

/* Length of the sequence that `text` begins with, of which `left` >= 1 bytes are there; 0 if it is none. */
size_t eddy_utf8_sequence(const char *text, size_t left);
bool eddy_utf8_valid_slow(const char *text, size_t size);
/* Holds a control character (U+0000-001F, U+007F-009F). The text must be valid. */
bool eddy_utf8_has_control(const char *text, size_t size);

/* All bytes below 0x80, for 8 bytes or more: whole words, then the last eight bytes, which may overlap. */
static inline bool eddy_ascii_words(const char *text, size_t size) {
  uint64_t seen = 0, word;
  for (size_t at = 0; at + 8 < size; at += 8) {
    memcpy(&word, text + at, 8);
    seen |= word;
  }
  memcpy(&word, text + size - 8, 8);
  return ((seen | word) & EDDY_HIGH_BITS) == 0;
}

/* Fewer than 8 bytes: again ends that overlap. */
static inline bool eddy_ascii_short(const char *text, size_t size) {
  if (size >= 4) {
    uint32_t first, last;
    memcpy(&first, text, 4);
    memcpy(&last, text + size - 4, 4);
    return ((first | last) & UINT32_C(0x80808080)) == 0;
  }
  if (size == 0) return true;
  return (((unsigned char)text[0] | (unsigned char)text[size / 2] | (unsigned char)text[size - 1]) & 0x80) == 0;
}

static inline bool eddy_utf8_valid(const char *text, size_t size) {
  bool ascii = size >= 8 ? eddy_ascii_words(text, size) : eddy_ascii_short(text, size);
  return ascii || eddy_utf8_valid_slow(text, size);
}

#endif
