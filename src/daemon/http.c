#include "daemon/http.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http_connection.h"

enum { BACKLOG = 64 };

/* Address ----------------------------------------------------------------------------------------------------------------- */

static bool parse_address(const char *text, struct sockaddr_storage *address) {
  char host[EDDY_HTTP_ADDRESS_MAX];
  const char *colon = strrchr(text, ':');
  size_t size = colon ? (size_t)(colon - text) : 0;
  if (size == 0 || size >= sizeof(host) || strlen(colon) < 2 || strspn(colon + 1, "0123456789") != strlen(colon + 1))
    return false;
  int port = strlen(colon) > 6 ? 65536 : atoi(colon + 1);
  if (port > 65535) return false;
  bool six = text[0] == '[' && text[size - 1] == ']';
  snprintf(host, sizeof(host), "%.*s", (int)(six ? size - 2 : size), text + six);
  if (six) return uv_ip6_addr(host, port, (struct sockaddr_in6 *)address) == 0;
  return uv_ip4_addr(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, (struct sockaddr_in *)address) == 0;
}

static bool is_loopback(const struct sockaddr_storage *address) {
  static const uint8_t one[16] = {[15] = 1};
  if (address->ss_family == AF_INET6) {
    return memcmp(&((const struct sockaddr_in6 *)address)->sin6_addr, one, sizeof(one)) == 0;
  }
  return (ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24) == 127;
}

const char *eddy_http_address_check(const char *text) {
  struct sockaddr_storage address;
  return parse_address(text, &address) ? NULL : "expected ADDRESS:PORT such as 127.0.0.1:8377, or none";
}

static int read_back(struct eddy_http *http) {
  struct sockaddr_storage address;
  char host[46] = "";
  int size = sizeof(address);
  int error = uv_tcp_getsockname(&http->server, (struct sockaddr *)&address, &size);
  if (error) return error;
  bool six = address.ss_family == AF_INET6;
  error = six ? uv_ip6_name((struct sockaddr_in6 *)&address, host, sizeof(host))
              : uv_ip4_name((struct sockaddr_in *)&address, host, sizeof(host));
  http->loopback = is_loopback(&address);
  unsigned port = ntohs(six ? ((struct sockaddr_in6 *)&address)->sin6_port : ((struct sockaddr_in *)&address)->sin_port);
  snprintf(http->address, sizeof(http->address), "%s%s%s:%u", six ? "[" : "", host, six ? "]" : "", port);
  return error;
}

/* Life -------------------------------------------------------------------------------------------------------------------- */

static void close_all(struct eddy_http *http) {
  eddy_http_drop_all(http);
  uv_close((uv_handle_t *)&http->server, NULL);
  uv_close((uv_handle_t *)&http->stop, NULL);
  uv_close((uv_handle_t *)&http->nudge, NULL);
  uv_close((uv_handle_t *)&http->poll, NULL);
}

static void on_stop(uv_async_t *async) {
  close_all(async->data);
}

static void on_nudge(uv_async_t *async) {
  eddy_http_poll(async->data);
}

static void *run_loop(void *argument) {
  struct eddy_http *http = argument;
  uv_run(&http->loop, UV_RUN_DEFAULT);
  return NULL;
}

static int bind_to(struct eddy_http *http, const struct sockaddr_storage *address) {
  int error = uv_tcp_bind(&http->server, (const struct sockaddr *)address, 0);
  if (!error) error = uv_listen((uv_stream_t *)&http->server, BACKLOG, eddy_http_on_connection);
  return error ? error : read_back(http);
}

static void init_handles(struct eddy_http *http) {
  uv_tcp_init(&http->loop, &http->server);
  uv_async_init(&http->loop, &http->stop, on_stop);
  uv_async_init(&http->loop, &http->nudge, on_nudge);
  uv_timer_init(&http->loop, &http->poll);
  http->server.data = http->stop.data = http->nudge.data = http->poll.data = http;
  eddy_http_be_patient(http);
}

int eddy_http_open(struct eddy_http **out, const char *listen, char *why, size_t size) {
  struct sockaddr_storage address;
  struct eddy_http *http = calloc(1, sizeof(*http));
  const char *wrong = http ? eddy_http_address_check(listen) : "out of memory";
  if (wrong || !parse_address(listen, &address) || uv_loop_init(&http->loop) != 0) {
    snprintf(why, size, "%s", wrong ? wrong : "out of memory");
    free(http);
    return -1;
  }
  init_handles(http);
  int error = bind_to(http, &address);
  if (error) {
    snprintf(why, size, "%s", uv_strerror(error));
    eddy_http_close(http);
    return -1;
  }
  *out = http;
  return 0;
}

const char *eddy_http_address(const struct eddy_http *http) {
  return http->address;
}

bool eddy_http_is_loopback(const struct eddy_http *http) {
  return http->loopback;
}

void eddy_http_nudge(struct eddy_http *http) {
  uv_async_send(&http->nudge);
}

int eddy_http_start(struct eddy_http *http, eddy_http_answer_fn answer_fn, void *ctx) {
  signal(SIGPIPE, SIG_IGN); /* a closed socket is an error to handle, not a reason to die */
  http->answer = answer_fn;
  http->ctx = ctx;
  http->started = pthread_create(&http->thread, NULL, run_loop, http) == 0;
  return http->started ? 0 : -1;
}

void eddy_http_close(struct eddy_http *http) {
  if (!http) return;
  if (http->started) {
    uv_async_send(&http->stop);
    pthread_join(http->thread, NULL);
  } else {
    close_all(http);
    uv_run(&http->loop, UV_RUN_DEFAULT);
  }
  uv_loop_close(&http->loop);
  free(http);
}
