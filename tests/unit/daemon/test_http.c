#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/http.h"

/* Parser ------------------------------------------------------------------------------------------------------------------ */

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

static void test_only_loopback_is_listened_on(void **state) {
  (void)state;
  assert_null(eddy_http_address_check("127.0.0.1:0"));
  assert_null(eddy_http_address_check("localhost:8377"));
  assert_null(eddy_http_address_check("[::1]:8377"));
  assert_non_null(strstr(eddy_http_address_check("0.0.0.0:8377"), "token"));
  assert_non_null(strstr(eddy_http_address_check("[::]:8377"), "token"));
  const char *const wrong[] = {"8377", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "a:1", ":1", "[:1", ""};
  for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) assert_non_null(eddy_http_address_check(wrong[i]));
}

/* Server ------------------------------------------------------------------------------------------------------------------ */

enum { BODY = 3000000 }; /* larger than what a socket takes at once */

static void answer(void *ctx, const struct eddy_http_request *request, struct eddy_http_reply *reply) {
  (void)ctx;
  if (request->path.len == 4 && memcmp(request->path.data, "/big", 4) == 0) {
    eddy_buffer_reserve(&reply->body, BODY);
    memset(reply->body.data, 'x', BODY);
    reply->body.size = BODY;
  } else {
    eddy_buffer_append(&reply->body, request->path.data, request->path.len);
    reply->status = request->path.len == 1 ? 404 : 200;
  }
}

static int start(void **state) {
  char why[200];
  struct eddy_http *http;
  if (eddy_http_open(&http, "127.0.0.1:0", why, sizeof(why)) != 0 || eddy_http_start(http, answer, NULL) != 0) return -1;
  *state = http;
  return 0;
}

static int stop(void **state) {
  eddy_http_close(*state);
  return 0;
}

static int dial(const struct eddy_http *http) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons((uint16_t)atoi(strrchr(eddy_http_address(http), ':') + 1));
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct timeval patience = {.tv_sec = 20};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
  return fd;
}

/* Sends the text and reads until the server closes. The caller frees. */
static char *talk(const struct eddy_http *http, const char *text, size_t *size) {
  int fd = dial(http);
  char *reply = malloc(BODY + 2048);
  ssize_t got;
  *size = 0;
  assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
  while ((got = recv(fd, reply + *size, BODY + 2047 - *size, 0)) > 0) *size += (size_t)got;
  reply[*size] = '\0';
  close(fd);
  assert_int_equal(got, 0);
  return reply;
}

static void expect(const struct eddy_http *http, const char *text, const char *begin, const char *end) {
  size_t size;
  char *reply = talk(http, text, &size);
  if (strncmp(reply, begin, strlen(begin)) != 0) fail_msg("%s\nis not\n%s", reply, begin);
  if (size < strlen(end) || strcmp(reply + size - strlen(end), end) != 0) fail_msg("%s\ndoes not end with\n%s", reply, end);
  free(reply);
}

#define TAIL " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

static void test_answers(void **state) {
  expect(*state, "GET /x" TAIL, "HTTP/1.1 200 OK\r\n", "\r\n\r\n/x");
  expect(*state, "HEAD /x" TAIL, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n",
         "\r\n\r\n");
  expect(*state, "GET /" TAIL, "HTTP/1.1 404 Not Found\r\n", "/");
  expect(*state, "POST /x" TAIL, "HTTP/1.1 405 Method Not Allowed\r\n", "Method Not Allowed\n");
  expect(*state, "GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 421 ", "Misdirected Request\n");
  expect(*state, "GET /x HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\n/x");
  expect(*state, "nonsense\r\n\r\n", "HTTP/1.1 400 ", "Bad Request\n");
}

static void test_several_requests_at_a_time(void **state) {
  expect(*state, "GET /one HTTP/1.1\r\nHost: localhost\r\n\r\nGET /two" TAIL, "HTTP/1.1 200 OK\r\n", "\r\n\r\n/two");
}

static void test_a_long_head_is_refused(void **state) {
  char text[2 * EDDY_HTTP_HEAD_MAX + 1];
  memset(text, 'a', sizeof(text));
  text[sizeof(text) - 1] = '\0';
  expect(*state, text, "HTTP/1.1 431 ", "Request Header Fields Too Large\n");
}

static void test_a_large_answer_arrives(void **state) {
  size_t size;
  char *reply = talk(*state, "GET /big" TAIL, &size);
  assert_true(size > BODY);
  free(reply);
}

static void test_a_head_that_never_ends_times_out(void **state) {
  expect(*state, "GET /x HTTP/1.1\r\n", "HTTP/1.1 408 ", "Request Timeout\n");
}

static void test_connections_have_a_limit(void **state) {
  int fds[EDDY_HTTP_CONNECTIONS_MAX];
  char byte;
  for (int i = 0; i < EDDY_HTTP_CONNECTIONS_MAX; i++) fds[i] = dial(*state);
  int late = dial(*state);
  assert_int_equal(recv(late, &byte, 1, 0), 0);
  close(late);
  for (int i = 0; i < EDDY_HTTP_CONNECTIONS_MAX; i++) close(fds[i]);
}

static void test_an_address_that_is_taken_is_said_so(void **state) {
  char why[200];
  struct eddy_http *second = NULL;
  assert_int_equal(eddy_http_open(&second, eddy_http_address(*state), why, sizeof(why)), -1);
  assert_non_null(strstr(why, "address already in use"));
}

static void test_it_ends_with_requests_open(void **state) {
  int half = dial(*state), idle = dial(*state);
  assert_int_equal(send(half, "GET", 3, MSG_NOSIGNAL), 3);
  expect(*state, "GET /x" TAIL, "HTTP/1.1 200 OK\r\n", "/x"); /* by now both were accepted */
  eddy_http_close(*state);
  char byte;
  assert_true(recv(half, &byte, 1, 0) <= 0);
  assert_true(recv(idle, &byte, 1, 0) <= 0);
  close(half);
  close(idle);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_request_is_taken_apart),
      cmocka_unit_test(test_what_is_wrong_has_its_status),
      cmocka_unit_test(test_a_head_has_a_limit),
      cmocka_unit_test(test_only_local_hosts_pass),
      cmocka_unit_test(test_only_loopback_is_listened_on),
      SERVED(test_answers),
      SERVED(test_several_requests_at_a_time),
      SERVED(test_a_long_head_is_refused),
      SERVED(test_a_large_answer_arrives),
      SERVED(test_a_head_that_never_ends_times_out),
      SERVED(test_connections_have_a_limit),
      SERVED(test_an_address_that_is_taken_is_said_so),
      cmocka_unit_test_setup(test_it_ends_with_requests_open, start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
