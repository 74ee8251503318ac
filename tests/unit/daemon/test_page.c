/* The live page as it is in the program: one script, one style, both named by the header; no other address in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "daemon/page.h"

enum { PAGE_BYTES_MAX = 80 * 1000 };

static char *text; /* the page, terminated */

static int make_text(void **state) {
  struct eddy_str page = eddy_page();
  (void)state;
  text = calloc(1, (size_t)page.len + 1);
  if (text) memcpy(text, page.data, page.len);
  return text ? 0 : -1;
}

static int drop_text(void **state) {
  (void)state;
  free(text);
  return 0;
}

static size_t count_of(const char *word) {
  size_t count = 0;
  for (const char *at = text; (at = strstr(at, word)) != NULL; at += strlen(word)) count++;
  return count;
}

static void test_it_is_a_whole_page(void **state) {
  (void)state;
  assert_int_equal(strlen(text), eddy_page().len);
  assert_in_range(eddy_page().len, 1000, PAGE_BYTES_MAX);
  assert_memory_equal(text, "<!doctype html>\n", 16);
  assert_string_equal(text + strlen(text) - 8, "</html>\n");
}

static void test_there_is_one_script_and_one_style(void **state) {
  static const char *const tags[] = {"<script>", "</script>", "<style>", "</style>"};
  (void)state;
  for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) assert_int_equal(count_of(tags[i]), 1);
  assert_int_equal(count_of("<script"), 1);
  assert_int_equal(count_of("<style"), 1);
}

/* What the policy forbids would silently do nothing; what reaches out would tell others who is looked up. */
static void test_nothing_in_it_is_forbidden_or_elsewhere(void **state) {
  static const char svg[] = "http://www.w3.org/2000/svg";
  static const char *const never[] = {
      " onclick=",          " onload=",       " onerror=", " onsubmit=", " style=\"", "innerHTML",
      "insertAdjacentHTML", "document.write", "eval(",     "src=",       "@import",   "url("};
  (void)state;
  assert_int_equal(count_of("https://"), 0);
  assert_int_equal(count_of("http://"), count_of(svg));
  for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
    if (count_of(never[i]) > 0) fail_msg("the page has %s", never[i]);
  }
}

static void assert_hash_in_header(const char *open, const char *close, const char *directive) {
  unsigned char digest[EVP_MAX_MD_SIZE], base64[4 * EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  const char *begin = strstr(text, open) + strlen(open), *end = strstr(begin, close);
  char wanted[200] = "";
  assert_int_equal(EVP_Digest(begin, (size_t)(end - begin), digest, &size, EVP_sha256(), NULL), 1);
  EVP_EncodeBlock(base64, digest, (int)size);
  strcat(strcat(strcat(strcat(wanted, directive), " 'sha256-"), (char *)base64), "';");
  assert_non_null(strstr(eddy_page_headers(), wanted));
}

static void test_the_header_names_both_by_their_hash(void **state) {
  const char *headers = eddy_page_headers();
  (void)state;
  assert_non_null(headers);
  assert_hash_in_header("<script>", "</script>", "script-src");
  assert_hash_in_header("<style>", "</style>", "style-src");
  assert_memory_equal(headers, "Content-Security-Policy: default-src 'none'; ", 45);
  assert_ptr_equal(strstr(headers, "\r\n"), headers + strlen(headers) - 2); /* one line */
  assert_ptr_equal(headers, eddy_page_headers());
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_it_is_a_whole_page),
      cmocka_unit_test(test_there_is_one_script_and_one_style),
      cmocka_unit_test(test_nothing_in_it_is_forbidden_or_elsewhere),
      cmocka_unit_test(test_the_header_names_both_by_their_hash),
  };
  return cmocka_run_group_tests(tests, make_text, drop_text);
}
