#include "daemon/http_connection.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_MS = 5000, IDLE_MS = 30000, WAIT_MS = 30000, WRITE_MS = 30000, LINGER_MS = 1000, POLL_MS = 250 };

static void serve(struct eddy_http_connection *connection);

/* Phases ------------------------------------------------------------------------------------------------------------------ */

void eddy_http_be_patient(struct eddy_http *http) {
  static const uint64_t patience[EDDY_HTTP_PHASES] = {
      [EDDY_HTTP_IDLE] = IDLE_MS,     [EDDY_HTTP_READING] = REQUEST_MS, [EDDY_HTTP_PENDING] = WAIT_MS,
      [EDDY_HTTP_WRITING] = WRITE_MS, [EDDY_HTTP_STREAMING] = WRITE_MS, [EDDY_HTTP_LINGER] = LINGER_MS,
  };
  memcpy(http->patience, patience, sizeof(patience));
  http->poll_ms = POLL_MS;
}

static void on_poll(uv_timer_t *timer) {
  eddy_http_poll(timer->data);
}

/* The timer runs exactly while there is somebody to ask. */
static void count_phase(struct eddy_http *http, enum eddy_http_phase old, enum eddy_http_phase phase) {
  http->phases[old]--;
  http->phases[phase]++;
  bool asked = http->phases[EDDY_HTTP_PENDING] + http->phases[EDDY_HTTP_STREAMING] > 0;
  if (!asked)
    uv_timer_stop(&http->poll);
  else if (!uv_is_active((uv_handle_t *)&http->poll))
    uv_timer_start(&http->poll, on_poll, http->poll_ms, http->poll_ms);
}

static void on_timer(uv_timer_t *timer);

static void set_phase(struct eddy_http_connection *connection, enum eddy_http_phase phase) {
  struct eddy_http *http = connection->http;
  count_phase(http, connection->phase, phase);
  connection->phase = phase;
  if (phase != EDDY_HTTP_CLOSING) uv_timer_start(&connection->timer, on_timer, http->patience[phase], 0);
}

/* The reply is over. */
static void finish_reply(struct eddy_http_connection *connection) {
  struct eddy_http_reply *reply = &connection->reply;
  if (reply->gone) reply->gone(reply->ctx);
  eddy_buffer_fini(&reply->body);
  *reply = (struct eddy_http_reply){0};
}

static void on_handle_closed(uv_handle_t *handle) {
  struct eddy_http_connection *connection = handle->data;
  if (--connection->open_handles > 0) return;
  struct eddy_http *http = connection->http;
  if (connection->next) connection->next->before = connection->before;
  if (connection->before)
    connection->before->next = connection->next;
  else
    http->connections = connection->next;
  http->count--;
  http->phases[EDDY_HTTP_CLOSING]--;
  finish_reply(connection);
  free(connection);
}

static void drop(struct eddy_http_connection *connection) {
  if (connection->phase == EDDY_HTTP_CLOSING) return;
  set_phase(connection, EDDY_HTTP_CLOSING);
  uv_close((uv_handle_t *)&connection->tcp, on_handle_closed);
  uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
}

/* Reading ----------------------------------------------------------------------------------------------------------------- */

static bool discards(const struct eddy_http_connection *connection) {
  return connection->phase == EDDY_HTTP_LINGER || connection->phase == EDDY_HTTP_STREAMING;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  (void)suggested;
  struct eddy_http_connection *connection = handle->data;
  if (discards(connection)) connection->used = 0;
  *buffer = uv_buf_init(connection->head + connection->used, (unsigned)(sizeof(connection->head) - connection->used));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
  (void)buffer;
  struct eddy_http_connection *connection = stream->data;
  if (size < 0) {
    drop(connection);
    return;
  }
  if (size == 0 || discards(connection)) return;
  connection->used += (size_t)size;
  serve(connection);
}

/* False: the connection is dropped. */
static bool read_on(struct eddy_http_connection *connection) {
  uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
  uv_read_stop(stream); /* a stream reads already, which is an error to libuv */
  bool reads = uv_read_start(stream, on_alloc, on_read) == 0;
  if (!reads) drop(connection);
  return reads;
}

/* Writing ----------------------------------------------------------------------------------------------------------------- */

static void on_shut(uv_shutdown_t *request, int status) {
  (void)status;
  free(request);
}

static void linger(struct eddy_http_connection *connection) {
  uv_shutdown_t *request = malloc(sizeof(*request));
  if (!request || uv_shutdown(request, (uv_stream_t *)&connection->tcp, on_shut) != 0) {
    free(request);
    drop(connection);
    return;
  }
  set_phase(connection, EDDY_HTTP_LINGER);
  read_on(connection);
}

static void write_parts(struct eddy_http_connection *connection, const uv_buf_t *parts, unsigned count, uv_write_cb done) {
  connection->write.data = connection;
  if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, parts, count, done) != 0) drop(connection);
}

static void on_written(uv_write_t *write, int status) {
  struct eddy_http_connection *connection = write->data;
  finish_reply(connection);
  if (connection->phase == EDDY_HTTP_CLOSING) return;
  if (status < 0) {
    drop(connection);
  } else if (!connection->keep_alive) {
    linger(connection);
  } else {
    set_phase(connection, EDDY_HTTP_IDLE);
    if (read_on(connection)) serve(connection); /* requests may come several at a time */
  }
}

static void send_reply(struct eddy_http_connection *connection) {
  struct eddy_http_reply *reply = &connection->reply;
  size_t size = eddy_http_head_write(connection->reply_head, reply, EDDY_HTTP_SIZED, connection->keep_alive);
  uv_buf_t parts[2] = {uv_buf_init(connection->reply_head, (unsigned)size),
                       uv_buf_init((char *)reply->body.data, (unsigned)reply->body.size)};
  uv_read_stop((uv_stream_t *)&connection->tcp);
  set_phase(connection, EDDY_HTTP_WRITING);
  write_parts(connection, parts, connection->bodiless || reply->body.size == 0 ? 1 : 2, on_written);
}

static void begin_reply(struct eddy_http_connection *connection) {
  finish_reply(connection);
  connection->reply = (struct eddy_http_reply){.status = 200, .type = "text/plain; charset=utf-8"};
  eddy_buffer_init(&connection->reply.body, NULL);
}

/* The server's own answer, in place of the one that was begun. */
static void send_status(struct eddy_http_connection *connection, int status, const char *headers) {
  begin_reply(connection);
  connection->reply.status = status;
  connection->reply.headers = headers;
  const char *text = eddy_http_status_text(status);
  eddy_buffer_append(&connection->reply.body, text, strlen(text));
  eddy_buffer_append(&connection->reply.body, "\n", 1);
  send_reply(connection);
}

/* An error is the end of the connection: where the next request would begin is not known. */
static void refuse(struct eddy_http_connection *connection, int status) {
  connection->keep_alive = false;
  send_status(connection, status, NULL);
}

static void on_timer(uv_timer_t *timer) {
  struct eddy_http_connection *connection = timer->data;
  if (connection->phase == EDDY_HTTP_READING)
    refuse(connection, 408);
  else if (connection->phase == EDDY_HTTP_PENDING)
    send_status(connection, 504, NULL);
  else if (connection->phase != EDDY_HTTP_STREAMING || connection->sending)
    drop(connection);
}

/* Streams ----------------------------------------------------------------------------------------------------------------- */

static void ask_stream(struct eddy_http_connection *connection, size_t head);

static void end_stream(struct eddy_http_connection *connection) {
  finish_reply(connection);
  linger(connection);
}

static void on_part_written(uv_write_t *write, int status) {
  struct eddy_http_connection *connection = write->data;
  connection->sending = false;
  connection->reply.body.size = 0;
  if (connection->phase == EDDY_HTTP_CLOSING) return;
  if (status < 0) {
    drop(connection);
  } else if (connection->ended) {
    end_stream(connection);
  } else {
    ask_stream(connection, 0); /* it may have been nudged meanwhile */
  }
}

static void add_part(uv_buf_t *parts, unsigned *count, const void *data, size_t size) {
  if (size > 0) parts[(*count)++] = uv_buf_init((char *)data, (unsigned)size);
}

/* The head if it is still to be sent (its size, else 0), and what the body holds as a chunk. */
static void send_part(struct eddy_http_connection *connection, size_t head) {
  struct eddy_buffer *body = &connection->reply.body;
  bool chunk = connection->chunked && body->size > 0;
  if (chunk)
    head += (size_t)snprintf(connection->reply_head + head, sizeof(connection->reply_head) - head, "%zx\r\n", body->size);
  const char *last = connection->chunked && connection->ended ? "0\r\n\r\n" : "";
  uv_buf_t parts[4];
  unsigned count = 0;
  add_part(parts, &count, connection->reply_head, head);
  add_part(parts, &count, body->data, body->size);
  if (chunk) add_part(parts, &count, "\r\n", 2);
  add_part(parts, &count, last, strlen(last));
  if (count == 0) {
    end_stream(connection);
    return;
  }
  connection->sending = true;
  set_phase(connection, EDDY_HTTP_STREAMING); /* the patience for this part begins */
  write_parts(connection, parts, count, on_part_written);
}

static void ask_stream(struct eddy_http_connection *connection, size_t head) {
  struct eddy_http_reply *reply = &connection->reply;
  connection->ended = reply->more(reply->ctx, reply) == EDDY_HTTP_END;
  if (head > 0 || connection->ended || reply->body.size > 0) send_part(connection, head);
}

/* The answer to a HEAD: no chunk, not even the last. */
static void send_head(struct eddy_http_connection *connection, size_t head) {
  connection->reply.body.size = 0;
  connection->chunked = false;
  connection->ended = true;
  send_part(connection, head);
}

static void begin_stream(struct eddy_http_connection *connection, bool chunks) {
  if (connection->http->phases[EDDY_HTTP_STREAMING] >= EDDY_HTTP_STREAMS_MAX) {
    send_status(connection, 503, "Retry-After: 5\r\n");
    return;
  }
  connection->keep_alive = false;
  connection->chunked = chunks;
  enum eddy_http_framing framing = chunks ? EDDY_HTTP_CHUNKED : EDDY_HTTP_UNTIL_CLOSE;
  size_t head = eddy_http_head_write(connection->reply_head, &connection->reply, framing, false);
  set_phase(connection, EDDY_HTTP_STREAMING);
  if (connection->bodiless)
    send_head(connection, head);
  else
    ask_stream(connection, head);
}

/* Requests ---------------------------------------------------------------------------------------------------------------- */

static void ask_pending(struct eddy_http_connection *connection) {
  struct eddy_http_reply *reply = &connection->reply;
  if (reply->more(reply->ctx, reply) == EDDY_HTTP_END) send_reply(connection);
}

void eddy_http_poll(struct eddy_http *http) {
  for (struct eddy_http_connection *connection = http->connections; connection; connection = connection->next) {
    if (connection->phase == EDDY_HTTP_PENDING) ask_pending(connection);
    if (connection->phase == EDDY_HTTP_STREAMING && !connection->sending) ask_stream(connection, 0);
  }
}

static bool is(struct eddy_str text, const char *word) {
  return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

static void reply_to(struct eddy_http_connection *connection, const struct eddy_http_request *request) {
  struct eddy_http_reply *reply = &connection->reply;
  begin_reply(connection);
  connection->keep_alive = request->keep_alive;
  connection->http->answer(connection->http->ctx, request, reply);
  if (!reply->more) {
    send_reply(connection);
  } else if (reply->stream) {
    begin_stream(connection, request->chunks);
  } else {
    uv_read_stop((uv_stream_t *)&connection->tcp);
    set_phase(connection, EDDY_HTTP_PENDING);
    ask_pending(connection);
  }
}

static void answer(struct eddy_http_connection *connection, const struct eddy_http_request *request) {
  connection->bodiless = is(request->method, "HEAD");
  if (!connection->bodiless && !is(request->method, "GET"))
    refuse(connection, 405);
  else if (connection->http->loopback && request->host.data && !eddy_http_host_is_local(request->host))
    refuse(connection, 421);
  else
    reply_to(connection, request);
}

static void serve(struct eddy_http_connection *connection) {
  struct eddy_http_request request;
  if (connection->used == 0) return;
  connection->bodiless = false;
  int size = eddy_http_parse(connection->head, connection->used, &request);
  if (size == 0) {
    if (connection->phase == EDDY_HTTP_IDLE) set_phase(connection, EDDY_HTTP_READING);
  } else if (size < 0) {
    refuse(connection, -size);
  } else {
    answer(connection, &request); /* copies what it needs: the views end here */
    connection->used -= (size_t)size;
    memmove(connection->head, connection->head + size, connection->used);
  }
}

/* Life -------------------------------------------------------------------------------------------------------------------- */

static struct eddy_http_connection *add_connection(struct eddy_http *http) {
  struct eddy_http_connection *connection = calloc(1, sizeof(*connection));
  if (!connection) return NULL;
  connection->http = http;
  connection->next = http->connections;
  if (http->connections) http->connections->before = connection;
  http->connections = connection;
  http->count++;
  http->phases[EDDY_HTTP_IDLE]++;
  connection->open_handles = 2;
  uv_tcp_init(&http->loop, &connection->tcp);
  uv_timer_init(&http->loop, &connection->timer);
  eddy_buffer_init(&connection->reply.body, NULL);
  connection->tcp.data = connection->timer.data = connection;
  return connection;
}

/* Chunks go out as they are made. A peer whose machine is gone says nothing, and the kernel would take chunks for it for a
 * quarter of an hour; both are wishes, so failure is no error. */
static void tune(struct eddy_http_connection *connection) {
  uv_os_fd_t fd;
  unsigned patience = WRITE_MS;
  uv_tcp_nodelay(&connection->tcp, 1);
  if (uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0)
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof(patience));
}

void eddy_http_on_connection(uv_stream_t *server, int status) {
  struct eddy_http *http = server->data;
  struct eddy_http_connection *connection = status < 0 ? NULL : add_connection(http);
  if (!connection) return;
  set_phase(connection, EDDY_HTTP_IDLE);
  if (uv_accept(server, (uv_stream_t *)&connection->tcp) != 0 || http->count > EDDY_HTTP_CONNECTIONS_MAX) {
    drop(connection);
  } else {
    tune(connection);
    read_on(connection);
  }
}

void eddy_http_drop_all(struct eddy_http *http) {
  for (struct eddy_http_connection *connection = http->connections; connection; connection = connection->next) drop(connection);
}
