/* UTF-8 by the table of the Unicode standard, against a decoder written the other way round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/utf8.h"

/* Decodes one code point and checks that encoding it anew would give the same bytes. */
static size_t naive(const unsigned char *at, size_t left) {
  unsigned first = at[0], length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if ((first >= 0x80 && first < 0xC0) || first > 0xF7 || length > left) return 0;
  unsigned code = length == 1 ? first : first & (0xFFu >> (length + 1));
  for (unsigned i = 1; i < length; i++) {
    if ((at[i] & 0xC0) != 0x80) return 0;
    code = code << 6 | (at[i] & 0x3Fu);
  }
  static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
  return length;
}

static bool naive_valid(const unsigned char *text, size_t size) {
  for (size_t at = 0; at < size;) {
    size_t length = naive(text + at, size - at);
    if (!length) return false;
    at += length;
  }
  return true;
}

/* All texts of three bytes, and all of four whose first two are from the edges. */
static void all_short_texts(void **state) {
  (void)state;
  for (unsigned code = 0; code < 1u << 24; code++) {
    unsigned char text[3] = {(unsigned char)(code >> 16), (unsigned char)(code >> 8), (unsigned char)code};
    if (eddy_utf8_valid((char *)text, 3) != naive_valid(text, 3)) fail_msg("%06x", code);
  }
  static const unsigned char firsts[] = {0x7F, 0xE0, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xF8, 0xFF};
  for (size_t i = 0; i < sizeof firsts; i++) {
    for (unsigned rest = 0; rest < 1u << 24; rest += 37) {
      unsigned char text[4] = {firsts[i], (unsigned char)(rest >> 16), (unsigned char)(rest >> 8), (unsigned char)rest};
      if (eddy_utf8_valid((char *)text, 4) != naive_valid(text, 4)) fail_msg("%02x%06x", firsts[i], rest);
    }
  }
}

/* A bad byte is seen at every place of texts of every length. */
static void every_place(void **state) {
  (void)state;
  for (size_t size = 1; size < 70; size++) {
    char *text = malloc(size);
    memset(text, 'a', size);
    assert_true(eddy_utf8_valid(text, size));
    assert_false(eddy_utf8_has_control(text, size));
    for (size_t at = 0; at < size; at++) {
      text[at] = (char)0xFF;
      assert_false(eddy_utf8_valid(text, size));
      static const char controls[] = {0x00, 0x1F, '\n', 0x7F};
      for (size_t i = 0; i < sizeof controls; i++) {
        text[at] = controls[i];
        assert_true(eddy_utf8_valid(text, size));
        assert_true(eddy_utf8_has_control(text, size));
      }
      text[at] = at % 2 ? ' ' : '~';
      assert_false(eddy_utf8_has_control(text, size));
      text[at] = 'a';
    }
    free(text);
  }
}

static void controls_beyond_ascii(void **state) {
  (void)state;
  assert_true(eddy_utf8_has_control("abcdefg\xC2\x80", 9));
  assert_true(eddy_utf8_has_control("\xC2\x9F", 2));
  assert_false(eddy_utf8_has_control("\xC2\xA0", 2));
  assert_false(eddy_utf8_has_control("\xC3\x80\xE2\x82\xAC", 5));
  assert_false(eddy_utf8_has_control("", 0));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_short_texts),
      cmocka_unit_test(every_place),
      cmocka_unit_test(controls_beyond_ascii),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
