#include "daemon/http.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { REQUEST_MS = 5000, IDLE_MS = 30000, WRITE_MS = 30000, LINGER_MS = 1000, BACKLOG = 64, RESPONSE_HEAD_MAX = 512 };

enum phase {
  PHASE_IDLE,    /* between requests */
  PHASE_READING, /* a part of a head is here */
  PHASE_WRITING, /* not reading: what the peer sends meanwhile waits in the kernel */
  PHASE_LINGER,  /* answered for the last time; reads on for a moment, else a reset could overtake the answer */
  PHASE_CLOSING,
};

struct connection {
  struct eddy_http *http;
  struct connection *next, *before;
  uv_tcp_t tcp;
  uv_timer_t timer;
  uv_write_t write;
  enum phase phase;
  int open_handles;
  bool keep_alive;
  size_t used;
  char head[EDDY_HTTP_HEAD_MAX];
  char response_head[RESPONSE_HEAD_MAX];
  struct eddy_http_reply reply;
};

struct eddy_http {
  uv_loop_t loop;
  uv_tcp_t server;
  uv_async_t stop;
  pthread_t thread;
  bool started;
  eddy_http_answer_fn answer;
  void *ctx;
  struct connection *connections;
  unsigned count;
  char address[EDDY_HTTP_ADDRESS_MAX];
};

/* Connections ------------------------------------------------------------------------------------------------------------- */

static void serve(struct connection *connection);

static void on_handle_closed(uv_handle_t *handle) {
  struct connection *connection = handle->data;
  if (--connection->open_handles > 0) return;
  struct eddy_http *http = connection->http;
  if (connection->next) connection->next->before = connection->before;
  if (connection->before)
    connection->before->next = connection->next;
  else
    http->connections = connection->next;
  http->count--;
  eddy_buffer_fini(&connection->reply.body);
  free(connection);
}

static void drop(struct connection *connection) {
  if (connection->phase == PHASE_CLOSING) return;
  connection->phase = PHASE_CLOSING;
  uv_close((uv_handle_t *)&connection->tcp, on_handle_closed);
  uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
}

static void on_timer(uv_timer_t *timer);

static void set_phase(struct connection *connection, enum phase phase) {
  static const uint64_t patience[] = {
      [PHASE_IDLE] = IDLE_MS, [PHASE_READING] = REQUEST_MS, [PHASE_WRITING] = WRITE_MS, [PHASE_LINGER] = LINGER_MS};
  connection->phase = phase;
  uv_timer_start(&connection->timer, on_timer, patience[phase], 0);
}

/* Reading ----------------------------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  (void)suggested;
  struct connection *connection = handle->data;
  if (connection->phase == PHASE_LINGER) connection->used = 0;
  *buffer = uv_buf_init(connection->head + connection->used, (unsigned)(sizeof(connection->head) - connection->used));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
  (void)buffer;
  struct connection *connection = stream->data;
  if (size < 0) {
    drop(connection);
    return;
  }
  if (size == 0 || connection->phase == PHASE_LINGER) return;
  connection->used += (size_t)size;
  serve(connection);
}

/* Writing ----------------------------------------------------------------------------------------------------------------- */

static const char *status_text(int status) {
  static const struct {
    int status;
    const char *text;
  } texts[] = {{200, "OK"},
               {400, "Bad Request"},
               {404, "Not Found"},
               {405, "Method Not Allowed"},
               {408, "Request Timeout"},
               {413, "Content Too Large"},
               {421, "Misdirected Request"},
               {431, "Request Header Fields Too Large"},
               {500, "Internal Server Error"},
               {501, "Not Implemented"},
               {503, "Service Unavailable"},
               {505, "HTTP Version Not Supported"}};
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    if (texts[i].status == status) return texts[i].text;
  }
  return "Unknown";
}

static void on_shut(uv_shutdown_t *request, int status) {
  (void)status;
  free(request);
}

static void linger(struct connection *connection) {
  uv_shutdown_t *request = malloc(sizeof(*request));
  if (!request || uv_shutdown(request, (uv_stream_t *)&connection->tcp, on_shut) != 0) {
    free(request);
    drop(connection);
    return;
  }
  set_phase(connection, PHASE_LINGER);
  if (uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) != 0) drop(connection);
}

static void on_written(uv_write_t *write, int status) {
  struct connection *connection = write->data;
  eddy_buffer_fini(&connection->reply.body);
  if (connection->phase == PHASE_CLOSING) return;
  if (status < 0) {
    drop(connection);
  } else if (!connection->keep_alive) {
    linger(connection);
  } else {
    set_phase(connection, PHASE_IDLE);
    if (uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) != 0)
      drop(connection);
    else
      serve(connection); /* requests may come several at a time */
  }
}

static void send_reply(struct connection *connection, bool body) {
  struct eddy_http_reply *reply = &connection->reply;
  int size =
      snprintf(connection->response_head, sizeof(connection->response_head),
               "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: %s\r\n%sCache-Control: no-store\r\n"
               "X-Content-Type-Options: nosniff\r\n\r\n",
               reply->status, status_text(reply->status), reply->type, reply->body.size,
               connection->keep_alive ? "keep-alive" : "close", reply->status == 405 ? "Allow: GET, HEAD\r\n" : "");
  uv_buf_t parts[2] = {uv_buf_init(connection->response_head, (unsigned)size),
                       uv_buf_init((char *)reply->body.data, (unsigned)reply->body.size)};
  uv_read_stop((uv_stream_t *)&connection->tcp);
  set_phase(connection, PHASE_WRITING);
  connection->write.data = connection;
  unsigned count = body && reply->body.size > 0 ? 2 : 1;
  if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, parts, count, on_written) != 0) drop(connection);
}

static void begin_reply(struct connection *connection) {
  connection->reply = (struct eddy_http_reply){.status = 200, .type = "text/plain; charset=utf-8"};
  eddy_buffer_init(&connection->reply.body, NULL);
}

/* An error is the end of the connection: where the next request would begin is not known. */
static void refuse(struct connection *connection, int status, bool body) {
  begin_reply(connection);
  connection->reply.status = status;
  connection->keep_alive = false;
  eddy_buffer_append(&connection->reply.body, status_text(status), strlen(status_text(status)));
  eddy_buffer_append(&connection->reply.body, "\n", 1);
  send_reply(connection, body);
}

static void on_timer(uv_timer_t *timer) {
  struct connection *connection = timer->data;
  if (connection->phase == PHASE_READING)
    refuse(connection, 408, true);
  else
    drop(connection);
}

/* Requests ---------------------------------------------------------------------------------------------------------------- */

static bool is(struct eddy_str text, const char *word) {
  return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

static void answer(struct connection *connection, const struct eddy_http_request *request) {
  bool head = is(request->method, "HEAD");
  if (!head && !is(request->method, "GET")) {
    refuse(connection, 405, true);
  } else if (request->host.data && !eddy_http_host_is_local(request->host)) {
    refuse(connection, 421, !head);
  } else {
    begin_reply(connection);
    connection->keep_alive = request->keep_alive;
    connection->http->answer(connection->http->ctx, request, &connection->reply);
    send_reply(connection, !head);
  }
}

static void serve(struct connection *connection) {
  struct eddy_http_request request;
  if (connection->used == 0) return;
  int size = eddy_http_parse(connection->head, connection->used, &request);
  if (size == 0) {
    if (connection->phase == PHASE_IDLE) set_phase(connection, PHASE_READING);
  } else if (size < 0) {
    refuse(connection, -size, true);
  } else {
    answer(connection, &request); /* copies what it needs: the views end here */
    connection->used -= (size_t)size;
    memmove(connection->head, connection->head + size, connection->used);
  }
}

static struct connection *add_connection(struct eddy_http *http) {
  struct connection *connection = calloc(1, sizeof(*connection));
  if (!connection) return NULL;
  connection->http = http;
  connection->next = http->connections;
  if (http->connections) http->connections->before = connection;
  http->connections = connection;
  http->count++;
  connection->open_handles = 2;
  uv_tcp_init(&http->loop, &connection->tcp);
  uv_timer_init(&http->loop, &connection->timer);
  eddy_buffer_init(&connection->reply.body, NULL);
  connection->tcp.data = connection->timer.data = connection;
  return connection;
}

static void on_connection(uv_stream_t *server, int status) {
  struct eddy_http *http = server->data;
  struct connection *connection = status < 0 ? NULL : add_connection(http);
  if (!connection) return;
  set_phase(connection, PHASE_IDLE);
  if (uv_accept(server, (uv_stream_t *)&connection->tcp) != 0 || http->count > EDDY_HTTP_CONNECTIONS_MAX ||
      uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) != 0) {
    drop(connection);
  }
}

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
  if (!parse_address(text, &address)) return "expected ADDRESS:PORT such as 127.0.0.1:8377, or none";
  return is_loopback(&address) ? NULL : "must be a loopback address (127.0.0.1, [::1]): there are no access tokens yet";
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
  unsigned port = ntohs(six ? ((struct sockaddr_in6 *)&address)->sin6_port : ((struct sockaddr_in *)&address)->sin_port);
  snprintf(http->address, sizeof(http->address), "%s%s%s:%u", six ? "[" : "", host, six ? "]" : "", port);
  return error;
}

/* Life -------------------------------------------------------------------------------------------------------------------- */

static void close_all(struct eddy_http *http) {
  uv_close((uv_handle_t *)&http->server, NULL);
  uv_close((uv_handle_t *)&http->stop, NULL);
  for (struct connection *connection = http->connections; connection; connection = connection->next) drop(connection);
}

static void on_stop(uv_async_t *async) {
  close_all(async->data);
}

static void *run_loop(void *argument) {
  struct eddy_http *http = argument;
  uv_run(&http->loop, UV_RUN_DEFAULT);
  return NULL;
}

static int bind_to(struct eddy_http *http, const struct sockaddr_storage *address) {
  int error = uv_tcp_bind(&http->server, (const struct sockaddr *)address, 0);
  if (!error) error = uv_listen((uv_stream_t *)&http->server, BACKLOG, on_connection);
  return error ? error : read_back(http);
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
  uv_tcp_init(&http->loop, &http->server);
  uv_async_init(&http->loop, &http->stop, on_stop);
  http->server.data = http->stop.data = http;
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
