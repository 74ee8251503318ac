#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/offset_meta.h"

static int parse(const char *text, struct eddy_offset_meta *meta) { return eddy_offset_meta_parse(text, strlen(text), meta); }

static void test_round_trip(void **state) {
  (void)state;
  const struct eddy_offset_meta samples[] = {{0, 0}, {1795566608911, 1}, {INT64_MAX, 999999999999}};
  for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
    char text[EDDY_OFFSET_META_TEXT];
    struct eddy_offset_meta read;
    eddy_offset_meta_format(&samples[i], text);
    assert_int_equal(parse(text, &read), 0);
    assert_int_equal(read.incarnation, samples[i].incarnation);
    assert_int_equal(read.sequence, samples[i].sequence);
  }
}

static void test_known_text(void **state) {
  (void)state;
  char text[EDDY_OFFSET_META_TEXT];
  eddy_offset_meta_format(&(struct eddy_offset_meta){12, 34}, text);
  assert_string_equal(text, "eddy1 12 34");
}

static void test_foreign_text_is_refused(void **state) {
  (void)state;
  static const char *const foreign[] = {"",           "eddy1",       "eddy1 ",       "eddy1 1",      "eddy1 1 ",        "eddy1 1 2 ",
                                        "eddy1  1 2", "eddy1 1  2",  "eddy1 -1 2",   "eddy1 1 02",   "eddy2 1 2",       "eddy1 1 2x",
                                        "Eddy1 1 2",  "eddy1 1\t2",  "eddy1 1.5 2",  "eddy1 x 2",    "{\"a\":1}",       "eddy1 12345678901234567890 2"};
  struct eddy_offset_meta meta;
  for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
    if (parse(foreign[i], &meta) == 0) fail_msg("accepted: %s", foreign[i]);
  }
  assert_int_equal(eddy_offset_meta_parse(NULL, 0, &meta), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_known_text),
      cmocka_unit_test(test_foreign_text_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
