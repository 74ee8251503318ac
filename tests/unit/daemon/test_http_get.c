/* The client's side of HTTP: addresses and the heads of answers. Sockets are tested with `eddy top` (tests/cli/test_top.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/http_get.h"

static void addresses_are_taken_apart(void **state) {
  (void)state;
  static const char *const good[][4] = {{"http://localhost", "localhost", "80", "/"},
                                        {"http://127.0.0.1:8377", "127.0.0.1", "8377", "/"},
                                        {"HTTP://h:1/metrics?x=1#y", "h", "1", "/metrics?x=1"},
                                        {"http://[::1]:80/", "::1", "80", "/"},
                                        {"http://[::1]", "::1", "80", "/"}};
  struct eddy_http_url url;
  char why[200];
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_int_equal(eddy_http_url_parse(&url, good[i][0], why, sizeof why), 0);
    assert_string_equal(url.host, good[i][1]);
    assert_string_equal(url.port, good[i][2]);
    assert_string_equal(url.path, good[i][3]);
  }
}

static void what_is_no_address_is_refused(void **state) {
  (void)state;
  static const char *const bad[] = {"",
                                    "localhost:8377",
                                    "https://h",
                                    "http://",
                                    "http://:80",
                                    "http://h:",
                                    "http://h:0",
                                    "http://h:99999",
                                    "http://h:8o",
                                    "http://[::1",
                                    "http://[]:80",
                                    "http://[::1]x",
                                    "http://h/a b",
                                    "http://h/a\r\nX: y",
                                    "http://h?x",
                                    "http://a b/"};
  struct eddy_http_url url;
  char why[200];
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    why[0] = '\0';
    if (eddy_http_url_parse(&url, bad[i], why, sizeof why) != -1 || !why[0]) fail_msg("taken: %s", bad[i]);
  }
  char *longest = calloc(1, 600);
  memcpy(longest, "http://", 7);
  memset(longest + 7, 'a', 300);
  assert_int_equal(eddy_http_url_parse(&url, longest, why, sizeof why), -1);
  memcpy(longest + 7, "h/", 2);
  assert_int_equal(eddy_http_url_parse(&url, longest, why, sizeof why), -1);
  free(longest);
}

static void paths_grow_by_whatever_bytes(void **state) {
  (void)state;
  struct eddy_http_url url;
  char why[200], longest[EDDY_HTTP_URL_PART_MAX + 16] = "http://h/", id[255];
  assert_int_equal(eddy_http_url_parse(&url, "http://h/api/users/", why, sizeof why), 0);
  assert_true(eddy_http_url_append(&url, (struct eddy_str){"a-Z_0.~/?#% \xc3\xa9\r\n\0x", 18}));
  assert_string_equal(url.path, "/api/users/a-Z_0.~%2F%3F%23%25%20%C3%A9%0D%0A%00x");
  assert_true(eddy_http_url_append(&url, (struct eddy_str){0}));
  memset(longest + 9, 'p', EDDY_HTTP_URL_PART_MAX - 2);
  memset(id, '/', sizeof id);
  assert_int_equal(eddy_http_url_parse(&url, longest, why, sizeof why), 0);
  assert_int_equal(strlen(url.path), EDDY_HTTP_URL_PART_MAX - 1);
  assert_true(eddy_http_url_append(&url, (struct eddy_str){id, sizeof id}));
  assert_int_equal(strlen(url.path), EDDY_HTTP_URL_PART_MAX - 1 + 3 * sizeof id);
  assert_false(eddy_http_url_append(&url, (struct eddy_str){id, sizeof id}));
  assert_in_range(strlen(url.path), sizeof url.path - 4, sizeof url.path - 1);
}

static void tokens_stay_within_their_line(void **state) {
  (void)state;
  char longest[EDDY_HTTP_TOKEN_MAX + 2] = "";
  memset(longest, 'x', EDDY_HTTP_TOKEN_MAX);
  assert_true(eddy_http_token_valid("s3cret+/=") && eddy_http_token_valid(longest));
  longest[EDDY_HTTP_TOKEN_MAX] = 'x';
  const char *const bad[] = {"", "a b", "a\r\nX: y", "\xc3\xa9", "\x7f", longest};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_false(eddy_http_token_valid(bad[i]));
}

static int parse(const char *text, struct eddy_http_head *head, char *why) {
  size_t size = strlen(text);
  char *exact = malloc(size ? size : 1);
  memcpy(exact, text, size);
  int result = eddy_http_answer_parse(exact, size, head, why, 200);
  free(exact);
  return result;
}

static void heads_are_read(void **state) {
  (void)state;
  struct eddy_http_head head;
  char why[200];
  const char text[] = "HTTP/1.1 200 OK\r\ncontent-length:  7 \r\nX-Content-Length: 9\r\n\r\nbody";
  assert_int_equal(parse(text, &head, why), (int)strlen(text) - 4);
  assert_int_equal(head.length, 7);
  assert_true(head.status == 200 && !head.json);
  assert_int_equal(parse("HTTP/1.0 200\n\n", &head, why), 14);
  assert_int_equal(head.length, -1);
  const char refusal[] = "HTTP/1.1 404 Not Found\r\nContent-Type: Application/JSON; charset=utf-8\r\n\r\n";
  assert_int_equal(parse(refusal, &head, why), (int)strlen(refusal));
  assert_true(head.status == 404 && head.json);
  for (size_t size = 0; size < strlen(text) - 4; size++) {
    char *part = strndup(text, size);
    assert_int_equal(parse(part, &head, why), 0);
    free(part);
  }
}

static void other_answers_are_refused(void **state) {
  (void)state;
  static const char *const bad[][2] = {{"SSH-2.0-OpenSSH\r\n", "HTTP"},
                                       {"HTTP/2 200\r\n\r\n", "HTTP"},
                                       {"HTTP/1.1 2x0 OK\r\n\r\n", "HTTP"},
                                       {"HTTP/1.1 2\r\n\r\n", "HTTP"},
                                       {"HTTP/1.1 404 Not Found\r\n\r\n", "404"},
                                       {"HTTP/1.1 404 Not Found\r\nContent-Type: text/json\r\n\r\n", "404"},
                                       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding"},
                                       {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "larger than 16 MiB"},
                                       {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "no number"},
                                       {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no number"}};
  struct eddy_http_head head;
  char why[200];
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (parse(bad[i][0], &head, why) != -1 || !strstr(why, bad[i][1])) fail_msg("%s: %s", bad[i][0], why);
  }
  char *endless = malloc(20001);
  memset(endless, 'x', 20000);
  memcpy(endless, "HTTP/1.1 200 ", 13);
  endless[20000] = '\0';
  assert_int_equal(parse(endless, &head, why), -1);
  free(endless);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(addresses_are_taken_apart),
      cmocka_unit_test(what_is_no_address_is_refused),
      cmocka_unit_test(paths_grow_by_whatever_bytes),
      cmocka_unit_test(tokens_stay_within_their_line),
      cmocka_unit_test(heads_are_read),
      cmocka_unit_test(other_answers_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
