/* The server over real sockets. What waits is asked by nudges or by the timer; a test that needs one has the other turned off.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/http_connection.h"

/* Server ------------------------------------------------------------------------------------------------------------------ */

enum { BODY = 3000000 }; /* larger than what a socket takes at once */

/* What the handler's replies wait for, and what became of them. */
static struct {
  atomic_bool ready;  /* /wait has its answer */
  atomic_int given;   /* lines that /lines may send */
  atomic_bool over;   /* /lines ends */
  atomic_int asked;   /* calls of more */
  atomic_int gone;    /* calls of gone */
  atomic_bool behind; /* more was called with bytes that were not sent yet */
} scene;

static enum eddy_http_more more_wait(void *ctx, struct eddy_http_reply *reply) {
  (void)ctx;
  atomic_fetch_add(&scene.asked, 1);
  if (!atomic_load(&scene.ready)) return EDDY_HTTP_WAIT;
  eddy_buffer_append(&reply->body, "there", 5);
  return EDDY_HTTP_END;
}

static enum eddy_http_more more_lines(void *ctx, struct eddy_http_reply *reply) {
  int *sent = ctx;
  char line[16];
  atomic_fetch_add(&scene.asked, 1);
  if (reply->body.size > 0) atomic_store(&scene.behind, true);
  bool over = atomic_load(&scene.over);
  for (; *sent < atomic_load(&scene.given); ++*sent) {
    eddy_buffer_append(&reply->body, line, (size_t)snprintf(line, sizeof(line), "line %d\n", *sent));
  }
  return over ? EDDY_HTTP_END : EDDY_HTTP_WAIT;
}

enum { FLOOD = 65536 };

static enum eddy_http_more more_flood(void *ctx, struct eddy_http_reply *reply) {
  (void)ctx;
  atomic_fetch_add(&scene.asked, 1);
  if (reply->body.size > 0) atomic_store(&scene.behind, true);
  eddy_buffer_reserve(&reply->body, FLOOD);
  memset(reply->body.data, 'x', FLOOD);
  reply->body.size = FLOOD;
  return EDDY_HTTP_WAIT;
}

static void on_gone(void *ctx) {
  free(ctx);
  atomic_fetch_add(&scene.gone, 1);
}

static bool is(const struct eddy_http_request *request, const char *path) {
  return request->path.len == strlen(path) && memcmp(request->path.data, path, request->path.len) == 0;
}

static void answer_later(struct eddy_http_reply *reply, bool stream,
                         enum eddy_http_more (*more)(void *, struct eddy_http_reply *)) {
  reply->more = more;
  reply->gone = on_gone;
  reply->ctx = calloc(1, sizeof(int)); /* a leak if gone does not come */
  reply->stream = stream;
}

static void answer(void *ctx, const struct eddy_http_request *request, struct eddy_http_reply *reply) {
  static char longest[EDDY_HTTP_HEADERS_MAX + 1];
  (void)ctx;
  if (is(request, "/big")) {
    eddy_buffer_reserve(&reply->body, BODY);
    memset(reply->body.data, 'x', BODY);
    reply->body.size = BODY;
  } else if (is(request, "/wait")) {
    answer_later(reply, false, more_wait);
  } else if (is(request, "/lines")) {
    answer_later(reply, true, more_lines);
  } else if (is(request, "/flood")) {
    answer_later(reply, true, more_flood);
  } else if (is(request, "/secret")) {
    reply->status = eddy_http_bearer_is(request->authorization, "0123456789abcdef") ? 200 : 401;
    if (reply->status == 401) reply->headers = "WWW-Authenticate: Bearer\r\n";
  } else if (is(request, "/long")) {
    memset(longest, 'x', sizeof(longest) - 1);
    memcpy(longest, "X-Long: ", 8);
    memcpy(longest + sizeof(longest) - 3, "\r\n", 2);
    reply->headers = longest;
  } else {
    eddy_buffer_append(&reply->body, request->path.data, request->path.len);
    reply->status = request->path.len == 1 ? 404 : 200;
  }
}

static struct eddy_http *open_at(const char *listen) {
  char why[200];
  struct eddy_http *http;
  memset(&scene, 0, sizeof(scene));
  return eddy_http_open(&http, listen, why, sizeof(why)) == 0 ? http : NULL;
}

static int start(void **state) {
  struct eddy_http *http = open_at("127.0.0.1:0");
  *state = http;
  return http ? eddy_http_start(http, answer, NULL) : -1;
}

/* What waits is asked after a nudge only: a test that needs the timer would not end. */
static int start_without_timer(void **state) {
  struct eddy_http *http = open_at("127.0.0.1:0");
  if (!http) return -1;
  http->poll_ms = 3600000;
  *state = http;
  return eddy_http_start(http, answer, NULL);
}

/* Gives nobody time; a stream enough that a busy machine is not taken for a peer that takes nothing. */
static int start_impatient(void **state) {
  struct eddy_http *http = open_at("127.0.0.1:0");
  if (!http) return -1;
  http->patience[EDDY_HTTP_PENDING] = 30;
  http->patience[EDDY_HTTP_STREAMING] = 1000;
  *state = http;
  return eddy_http_start(http, answer, NULL);
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

/* Replies that wait, streams ---------------------------------------------------------------------------------------------- */

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

static void say(int fd, const char *text) {
  assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static int ask(const struct eddy_http *http, const char *text) {
  int fd = dial(http);
  say(fd, text);
  return fd;
}

/* Reads on until what came ends like this. */
static void hear(int fd, char *heard, size_t size, const char *end) {
  size_t used = strlen(heard);
  while (used < strlen(end) || strcmp(heard + used - strlen(end), end) != 0) {
    ssize_t got = used + 1 < size ? recv(fd, heard + used, size - used - 1, 0) : 0;
    if (got <= 0) fail_msg("after\n%s\nthe peer does not say\n%s", heard, end);
    heard[used += (size_t)got] = '\0';
  }
}

/* Closed by the server, with nothing more to say. */
static void hear_the_end(int fd) {
  char byte;
  assert_int_equal(recv(fd, &byte, 1, 0), 0);
  close(fd);
}

static void await(atomic_int *count, int least) {
  for (int i = 0; i < 20000 && atomic_load(count) < least; i++) usleep(1000);
  assert_true(atomic_load(count) >= least);
}

static void *answer_from_elsewhere(void *http) {
  await(&scene.asked, 1);
  atomic_store(&scene.ready, true);
  eddy_http_nudge(http);
  return NULL;
}

static pthread_t answer_soon(struct eddy_http *http) {
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, answer_from_elsewhere, http), 0);
  return thread;
}

static void test_a_reply_waits_for_a_nudge(void **state) {
  pthread_t thread = answer_soon(*state);
  expect(*state, "GET /wait" TAIL, "HTTP/1.1 200 OK\r\n",
         "Content-Length: 5\r\nConnection: close\r\nCache-Control: no-store\r\n"
         "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nX-Frame-Options: DENY\r\n\r\nthere");
  pthread_join(thread, NULL);
  assert_int_equal(scene.asked, 2);
  assert_int_equal(scene.gone, 1);
  expect(*state, "HEAD /wait" TAIL, "HTTP/1.1 200 OK\r\n", "DENY\r\n\r\n");
  assert_int_equal(scene.gone, 2);
}

static void test_without_a_nudge_it_is_asked_now_and_then(void **state) {
  int fd = ask(*state, GET("/wait")), other = ask(*state, GET("/lines"));
  await(&scene.asked, 4);
  atomic_store(&scene.ready, true);
  char heard[1000] = "";
  hear(fd, heard, sizeof(heard), "there");
  close(fd);
  close(other);
}

static void test_what_follows_a_reply_that_waits(void **state) {
  char heard[2000] = "";
  pthread_t thread = answer_soon(*state);
  int fd = ask(*state, GET("/wait") GET("/x") GET("/last"));
  hear(fd, heard, sizeof(heard), "/last");
  pthread_join(thread, NULL);
  assert_non_null(strstr(heard, "\r\n\r\nthereHTTP/1.1 200 OK\r\n"));
  assert_non_null(strstr(heard, "\r\n\r\n/xHTTP/1.1 200 OK\r\n"));
  say(fd, GET("/kept-alive"));
  hear(fd, heard, sizeof(heard), "/kept-alive");
  close(fd);
  assert_int_equal(scene.gone, 1);
}

static void test_a_reply_does_not_wait_for_ever(void **state) {
  expect(*state, "GET /wait" TAIL, "HTTP/1.1 504 Gateway Timeout\r\n", "Gateway Timeout\n");
  assert_int_equal(scene.gone, 1);
  char heard[2000] = "";
  int fd = ask(*state, GET("/wait"));
  hear(fd, heard, sizeof(heard), "Gateway Timeout\n");
  say(fd, GET("/x"));
  hear(fd, heard, sizeof(heard), "/x");
  close(fd);
}

static void give_line(struct eddy_http *http) {
  atomic_fetch_add(&scene.given, 1);
  eddy_http_nudge(http);
}

static void end_lines(struct eddy_http *http) {
  atomic_store(&scene.over, true);
  eddy_http_nudge(http);
}

static void test_a_stream_goes_out_in_chunks(void **state) {
  char heard[2000] = "";
  int fd = ask(*state, GET("/lines"));
  hear(fd, heard, sizeof(heard), "\r\n\r\n");
  assert_non_null(strstr(heard, "\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"));
  assert_null(strstr(heard, "Content-Length"));
  heard[0] = '\0';
  give_line(*state);
  hear(fd, heard, sizeof(heard), "line 0\n\r\n");
  say(fd, GET("/nobody-hears-this"));
  give_line(*state);
  hear(fd, heard, sizeof(heard), "line 1\n\r\n");
  end_lines(*state);
  hear(fd, heard, sizeof(heard), "0\r\n\r\n");
  assert_string_equal(heard, "7\r\nline 0\n\r\n7\r\nline 1\n\r\n0\r\n\r\n");
  hear_the_end(fd);
  assert_int_equal(scene.gone, 1);
  assert_false(scene.behind);
}

static void test_a_short_stream(void **state) {
  scene.given = 1;
  scene.over = true;
  expect(*state, "GET /lines" TAIL, "HTTP/1.1 200 OK\r\n", "\r\n\r\n7\r\nline 0\n\r\n0\r\n\r\n");
  expect(*state, "GET /lines HTTP/1.0\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close", "\r\n\r\nline 0\n");
  scene.given = 0;
  expect(*state, "GET /lines" TAIL, "HTTP/1.1 200 OK\r\n", "DENY\r\n\r\n0\r\n\r\n");
  expect(*state, "GET /lines HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "DENY\r\n\r\n");
  assert_int_equal(scene.gone, 4);
}

static void test_an_old_peer_has_no_chunks(void **state) {
  char heard[1000] = "";
  int fd = ask(*state, "GET /lines HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  hear(fd, heard, sizeof(heard), "DENY\r\n\r\n");
  give_line(*state);
  hear(fd, heard, sizeof(heard), "DENY\r\n\r\nline 0\n");
  end_lines(*state);
  hear_the_end(fd);
  assert_int_equal(scene.gone, 1);
}

static void test_the_head_of_a_stream_alone(void **state) {
  expect(*state, "HEAD /lines HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 OK\r\n", "DENY\r\n\r\n");
  assert_int_equal(scene.asked, 0);
  assert_int_equal(scene.gone, 1);
}

/* Whatever the loop had to do before is done. */
static void turn(struct eddy_http *http) {
  for (int i = 0; i < 2; i++) expect(http, "GET /x" TAIL, "HTTP/1.1 200 OK\r\n", "/x");
}

static void test_a_slow_reader_is_asked_less(void **state) {
  char *heard = malloc(BODY);
  int fd = ask(*state, GET("/flood")), asked = -1;
  for (int same = 0; same < 20; same = asked == scene.asked ? same + 1 : 0) {
    asked = scene.asked;
    eddy_http_nudge(*state);
    turn(*state);
  }
  assert_in_range(asked, 1, 1000); /* what the kernel took: it holds at most some MB */
  for (size_t left = (size_t)asked * FLOOD; left > 0;) {
    ssize_t got = recv(fd, heard, left < BODY ? left : BODY, 0);
    assert_true(got > 0);
    left -= (size_t)got;
  }
  await(&scene.asked, asked + 1);
  assert_false(scene.behind);
  close(fd);
  await(&scene.gone, 1);
  free(heard);
}

static void test_who_takes_nothing_is_left(void **state) {
  int idle = ask(*state, GET("/lines")), fd = ask(*state, GET("/flood"));
  await(&scene.gone, 1);
  close(fd);
  char heard[1000] = "";
  give_line(*state); /* the stream that had nothing to say is still there */
  hear(idle, heard, sizeof(heard), "line 0\n\r\n");
  close(idle);
}

static void test_a_stream_ends_with_its_reader(void **state) {
  char heard[1000] = "";
  int fd = ask(*state, GET("/lines"));
  hear(fd, heard, sizeof(heard), "\r\n\r\n");
  close(fd);
  await(&scene.gone, 1);
  fd = ask(*state, GET("/lines"));
  heard[0] = '\0';
  hear(fd, heard, sizeof(heard), "\r\n\r\n");
  assert_int_equal(shutdown(fd, SHUT_WR), 0);
  hear_the_end(fd);
  await(&scene.gone, 2);
}

static void test_streams_have_a_limit(void **state) {
  int fds[EDDY_HTTP_STREAMS_MAX];
  for (int i = 0; i < EDDY_HTTP_STREAMS_MAX; i++) {
    char heard[1000] = "";
    fds[i] = ask(*state, GET("/lines"));
    hear(fds[i], heard, sizeof(heard), "\r\n\r\n");
  }
  expect(*state, "GET /lines" TAIL, "HTTP/1.1 503 Service Unavailable\r\n", "Service Unavailable\n");
  size_t size;
  char *reply = talk(*state, "HEAD /lines" TAIL, &size);
  assert_non_null(strstr(reply, "\r\nRetry-After: 5\r\n"));
  free(reply);
  assert_int_equal(scene.gone, 2);
  close(fds[0]);
  await(&scene.gone, 3);
  atomic_store(&scene.over, true);
  expect(*state, "GET /lines" TAIL, "HTTP/1.1 200 OK\r\n", "0\r\n\r\n");
  for (int i = 1; i < EDDY_HTTP_STREAMS_MAX; i++) close(fds[i]);
}

static void test_it_ends_with_replies_open(void **state) {
  char heard[1000] = "";
  int waiting = ask(*state, GET("/wait") GET("/x")), stream = ask(*state, GET("/lines")), flood = ask(*state, GET("/flood"));
  hear(stream, heard, sizeof(heard), "\r\n\r\n");
  await(&scene.asked, 4);
  eddy_http_close(*state);
  assert_int_equal(scene.gone, 3);
  char byte;
  assert_true(recv(waiting, &byte, 1, 0) <= 0);
  close(waiting);
  close(stream);
  close(flood);
}

static void test_headers_of_a_reply(void **state) {
  expect(*state, "GET /secret" TAIL, "HTTP/1.1 401 Unauthorized\r\n", "\r\n\r\n");
  expect(*state, "GET /secret HTTP/1.0\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n", "HTTP/1.1 200 OK\r\n", "\r\n\r\n");
  size_t size;
  char *reply = talk(*state, "GET /secret" TAIL, &size);
  assert_non_null(strstr(reply, "\r\nWWW-Authenticate: Bearer\r\n"));
  free(reply);
  reply = talk(*state, "GET /long" TAIL, &size);
  assert_non_null(strstr(reply, "\r\nX-Long: xxx"));
  assert_non_null(strstr(reply, "xxx\r\nCache-Control"));
  free(reply);
}

static void test_hosts_are_checked_on_loopback_only(void **state) {
  static const char elsewhere[] = "GET /x HTTP/1.1\r\nHost: eddy.shop.example\r\nConnection: close\r\n\r\n";
  assert_true(eddy_http_is_loopback(*state));
  expect(*state, elsewhere, "HTTP/1.1 421 ", "Misdirected Request\n");
  struct eddy_http *open = open_at("0.0.0.0:0");
  assert_non_null(open);
  assert_int_equal(eddy_http_start(open, answer, NULL), 0);
  assert_false(eddy_http_is_loopback(open));
  expect(open, elsewhere, "HTTP/1.1 200 OK\r\n", "/x");
  eddy_http_close(open);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, start, stop)
#define NUDGED(test) cmocka_unit_test_setup_teardown(test, start_without_timer, stop)
#define HURRIED(test) cmocka_unit_test_setup_teardown(test, start_impatient, stop)

int main(void) {
  const struct CMUnitTest tests[] = {
      SERVED(test_answers),
      SERVED(test_several_requests_at_a_time),
      SERVED(test_a_long_head_is_refused),
      SERVED(test_a_large_answer_arrives),
      SERVED(test_a_head_that_never_ends_times_out),
      SERVED(test_connections_have_a_limit),
      SERVED(test_an_address_that_is_taken_is_said_so),
      cmocka_unit_test_setup(test_it_ends_with_requests_open, start),
      NUDGED(test_a_reply_waits_for_a_nudge),
      SERVED(test_without_a_nudge_it_is_asked_now_and_then),
      NUDGED(test_what_follows_a_reply_that_waits),
      HURRIED(test_a_reply_does_not_wait_for_ever),
      NUDGED(test_a_stream_goes_out_in_chunks),
      NUDGED(test_a_short_stream),
      NUDGED(test_an_old_peer_has_no_chunks),
      NUDGED(test_the_head_of_a_stream_alone),
      NUDGED(test_a_slow_reader_is_asked_less),
      HURRIED(test_who_takes_nothing_is_left),
      NUDGED(test_a_stream_ends_with_its_reader),
      NUDGED(test_streams_have_a_limit),
      cmocka_unit_test_setup(test_it_ends_with_replies_open, start_without_timer),
      SERVED(test_headers_of_a_reply),
      SERVED(test_hosts_are_checked_on_loopback_only),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
