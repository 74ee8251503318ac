/* JSON text: what strings come out as, whatever bytes they hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json_out.h"

static void comes_out_as(const char *bytes, size_t size, const char *expected) {
  struct eddy_buffer buffer;
  struct eddy_json_out out;
  eddy_buffer_init(&buffer, NULL);
  eddy_json_begin(&out, &buffer);
  eddy_json_string(&out, (struct eddy_str){bytes, (uint32_t)size});
  assert_int_equal(eddy_json_end(&out), 0);
  assert_int_equal(buffer.size, strlen(expected) + 1);
  assert_memory_equal(buffer.data, expected, strlen(expected));
  eddy_buffer_fini(&buffer);
}

#define COMES_OUT_AS(literal, expected) comes_out_as(literal, sizeof(literal) - 1, expected)

static void test_text_stays(void **state) {
  (void)state;
  COMES_OUT_AS("", "\"\"");
  COMES_OUT_AS("Schuh \xC3\xBC \xE2\x82\xAC \xF0\x9F\x91\x9F", "\"Schuh \xC3\xBC \xE2\x82\xAC \xF0\x9F\x91\x9F\"");
  COMES_OUT_AS("\xC2\xA0", "\"\xC2\xA0\""); /* the first that is no control character any more */
}

static void test_controls_are_escaped(void **state) {
  (void)state;
  COMES_OUT_AS("a\0\"\\\n\x1B[0m\x7F", "\"a\\u0000\\\"\\\\\\n\\u001b[0m\\u007f\"");
  COMES_OUT_AS("\xC2\x80\xC2\x9B\xC2\x9F", "\"\\u0080\\u009b\\u009f\"");
}

static void test_no_utf8_is_replaced(void **state) {
  (void)state;
  COMES_OUT_AS("\xFF\xC2", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
  COMES_OUT_AS("\xC0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_text_stays), cmocka_unit_test(test_controls_are_escaped),
                                     cmocka_unit_test(test_no_utf8_is_replaced)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
