/* Heads of requests, tokens and path segments, without a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/http.h"

static int parse(const char *text) {
  struct eddy_http_request request;
  return eddy_http_parse(text, strlen(text), &request);
}

static void test_a_request_is_taken_apart(void **state) {
  (void)state;
  struct eddy_http_request request;
  const char text[] = "GET /a/b?c=d HTTP/1.1\r\nHost:  localhost:80 \r\nConnection: x, Close\r\n\r\nmore";
  assert_int_equal(eddy_http_parse(text, sizeof(text) - 1, &request), (int)sizeof(text) - 1 - 4);
  assert_memory_equal(request.method.data, "GET", request.method.len);
  assert_int_equal(request.path.len, 4);
  assert_memory_equal(request.path.data, "/a/b", 4);
  assert_int_equal(request.query.len, 3);
  assert_int_equal(request.host.len, 12);
  assert_false(request.keep_alive);
}

static void test_what_is_wrong_has_its_status(void **state) {
  (void)state;
  assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\n"), 0);
  assert_int_equal(parse("GET / HTTP/1.1\r\n\r\n"), -400); /* no Host */
  assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), -400);
  assert_int_equal(parse("GET / HTTP/1.1\r\nHost : a\r\n\r\n"), -400);
  assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"), -400); /* folded */
  assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"), -400);
  assert_int_equal(parse("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), -400);
  assert_int_equal(parse("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), -400);
  assert_int_equal(parse("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), -505);
  assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), -501);
  assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"), -413);
  assert_true(parse("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n") > 0);
  assert_true(parse("GET / HTTP/1.0\r\n\r\n") > 0);
}

static void test_a_head_has_a_limit(void **state) {
  (void)state;
  struct eddy_http_request request;
  char text[EDDY_HTTP_HEAD_MAX];
  memset(text, 'a', sizeof(text));
  assert_int_equal(eddy_http_parse(text, sizeof(text) - 1, &request), 0);
  assert_int_equal(eddy_http_parse(text, sizeof(text), &request), -431);
}

static bool is_local(const char *host) {
  return eddy_http_host_is_local((struct eddy_str){host, (uint32_t)strlen(host)});
}

static void test_only_local_hosts_pass(void **state) {
  (void)state;
  assert_true(is_local("localhost") && is_local("LocalHost:80") && is_local("127.0.0.1:8377") && is_local("[::1]:80"));
  assert_false(is_local("evil.example") || is_local("evil.example:80") || is_local("localhost.evil.example") || is_local(""));
}

static void test_any_address_can_be_listened_on(void **state) {
  (void)state;
  const char *const fine[] = {"127.0.0.1:0", "localhost:8377", "[::1]:8377", "0.0.0.0:8377", "[::]:8377", "192.168.1.5:80"};
  for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) assert_null(eddy_http_address_check(fine[i]));
  const char *const wrong[] = {"8377", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "a:1", ":1", "[:1", ""};
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) assert_non_null(eddy_http_address_check(wrong[i]));
}

static struct eddy_str str(const char *text) {
  return (struct eddy_str){text, (uint32_t)strlen(text)};
}

static void test_who_asks_is_read_once(void **state) {
  (void)state;
  struct eddy_http_request request;
  const char one[] = "GET / HTTP/1.0\r\nauthorization:  Bearer x \r\n\r\n";
  assert_true(eddy_http_parse(one, sizeof(one) - 1, &request) > 0);
  assert_int_equal(request.authorization.len, 8);
  assert_memory_equal(request.authorization.data, "Bearer x", 8);
  assert_false(request.chunks);
  const char none[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  assert_true(eddy_http_parse(none, sizeof(none) - 1, &request) > 0);
  assert_null(request.authorization.data);
  assert_true(request.chunks);
  assert_int_equal(parse("GET / HTTP/1.0\r\nAuthorization: Bearer x\r\nAuthorization: Bearer x\r\n\r\n"), -400);
}

static void test_a_bearer_has_the_token(void **state) {
  (void)state;
  static const char token[] = "0123456789abcdef";
  const char *const right[] = {"Bearer 0123456789abcdef", "bearer 0123456789abcdef", "BEARER   0123456789abcdef"};
  for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) assert_true(eddy_http_bearer_is(str(right[i]), token));
  const char *const wrong[] = {"",
                               "Bearer",
                               "Bearer ",
                               "0123456789abcdef",
                               "Basic 0123456789abcdef",
                               "Bearer0123456789abcdef",
                               "Bearer 0123456789abcde",
                               "Bearer 0123456789abcdeF",
                               "Bearer 0123456789abcdef0",
                               "Bearer 0123456789abcdef0123456789abcdef",
                               "Bearer 0123456789abcdef x"};
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) assert_false(eddy_http_bearer_is(str(wrong[i]), token));
  assert_false(eddy_http_bearer_is((struct eddy_str){0}, token));
  assert_false(eddy_http_bearer_is(str("Bearer "), ""));
  assert_false(eddy_http_bearer_is(str("Bearer x"), NULL));
}

static void test_a_path_segment_is_decoded(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int length;
    const char *plain;
  } cases[] = {{"", 0, ""},
               {"ann", 3, "ann"},
               {"a%20b", 3, "a b"},
               {"a+b", 3, "a+b"},
               {"%c3%A4%2F", 3, "\xc3\xa4/"},
               {"%25", 1, "%"},
               {"%2525", 3, "%25"},
               {"12345678", 8, "12345678"},
               {"123456789", -1, ""},
               {"%", -1, ""},
               {"%4", -1, ""},
               {"a%4", -1, ""},
               {"%4g", -1, ""},
               {"%g4", -1, ""},
               {"%00", -1, ""},
               {"%%41", -1, ""},
               {"% 41", -1, ""},
               {"%+1", -1, ""}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    char out[8];
    assert_int_equal(eddy_http_percent_decode(str(cases[i].text), out, sizeof(out)), cases[i].length);
    if (cases[i].length > 0) assert_memory_equal(out, cases[i].plain, (size_t)cases[i].length);
  }
  char byte;
  assert_int_equal(eddy_http_percent_decode((struct eddy_str){"a\0b", 3}, (char[8]){0}, 8), -1);
  assert_int_equal(eddy_http_percent_decode(str("a"), &byte, 0), -1);
  assert_int_equal(eddy_http_percent_decode((struct eddy_str){0}, &byte, 1), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_request_is_taken_apart),
      cmocka_unit_test(test_what_is_wrong_has_its_status),
      cmocka_unit_test(test_a_head_has_a_limit),
      cmocka_unit_test(test_only_local_hosts_pass),
      cmocka_unit_test(test_any_address_can_be_listened_on),
      cmocka_unit_test(test_who_asks_is_read_once),
      cmocka_unit_test(test_a_bearer_has_the_token),
      cmocka_unit_test(test_a_path_segment_is_decoded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
