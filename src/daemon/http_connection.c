#include "daemon/http_connection.h"

#include <stdlib.h>
#include <string.h>

enum { REQUEST_MS = 5000, IDLE_MS = 30000, WRITE_MS = 30000, LINGER_MS = 1000 };

/* Life ------------------------------------------------------------------------------------------------------------- */

static void serve(struct eddy_http_connection *connection);

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
  eddy_buffer_fini(&connection->reply.body);
  free(connection);
}

static void drop(struct eddy_http_connection *connection) {
  if (connection->phase == EDDY_HTTP_CLOSING) return;
  connection->phase = EDDY_HTTP_CLOSING;
  uv_close((uv_handle_t *)&connection->tcp, on_handle_closed);
  uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
}

static void on_timer(uv_timer_t *timer);

static void set_phase(struct eddy_http_connection *connection, enum eddy_http_phase phase) {
  static const uint64_t patience[] = {[EDDY_HTTP_IDLE] = IDLE_MS,
                                      [EDDY_HTTP_READING] = REQUEST_MS,
                                      [EDDY_HTTP_WRITING] = WRITE_MS,
                                      [EDDY_HTTP_LINGER] = LINGER_MS};
  connection->phase = phase;
  uv_timer_start(&connection->timer, on_timer, patience[phase], 0);
}

/* Reading ----------------------------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  (void)suggested;
  struct eddy_http_connection *connection = handle->data;
  if (connection->phase == EDDY_HTTP_LINGER) connection->used = 0;
  *buffer = uv_buf_init(connection->head + connection->used, (unsigned)(sizeof(connection->head) - connection->used));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
  (void)buffer;
  struct eddy_http_connection *connection = stream->data;
  if (size < 0) {
    drop(connection);
    return;
  }
  if (size == 0 || connection->phase == EDDY_HTTP_LINGER) return;
  connection->used += (size_t)size;
  serve(connection);
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
  if (uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) != 0) drop(connection);
}

static void on_written(uv_write_t *write, int status) {
  struct eddy_http_connection *connection = write->data;
  eddy_buffer_fini(&connection->reply.body);
  if (connection->phase == EDDY_HTTP_CLOSING) return;
  if (status < 0) {
    drop(connection);
  } else if (!connection->keep_alive) {
    linger(connection);
  } else {
    set_phase(connection, EDDY_HTTP_IDLE);
    if (uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) != 0)
      drop(connection);
    else
      serve(connection); /* requests may come several at a time */
  }
}

static void send_reply(struct eddy_http_connection *connection, bool body) {
  struct eddy_http_reply *reply = &connection->reply;
  size_t size = eddy_http_head_write(connection->reply_head, reply, connection->keep_alive);
  uv_buf_t parts[2] = {uv_buf_init(connection->reply_head, (unsigned)size),
                       uv_buf_init((char *)reply->body.data, (unsigned)reply->body.size)};
  uv_read_stop((uv_stream_t *)&connection->tcp);
  set_phase(connection, EDDY_HTTP_WRITING);
  connection->write.data = connection;
  unsigned count = body && reply->body.size > 0 ? 2 : 1;
  if (uv_write(&connection->write, (uv_stream_t *)&connection->tcp, parts, count, on_written) != 0) drop(connection);
}

static void begin_reply(struct eddy_http_connection *connection) {
  connection->reply = (struct eddy_http_reply){.status = 200, .type = "text/plain; charset=utf-8"};
  eddy_buffer_init(&connection->reply.body, NULL);
}

/* An error is the end of the connection: where the next request would begin is not known. */
static void refuse(struct eddy_http_connection *connection, int status, bool body) {
  begin_reply(connection);
  connection->reply.status = status;
  connection->keep_alive = false;
  eddy_buffer_append(&connection->reply.body, eddy_http_status_text(status), strlen(eddy_http_status_text(status)));
  eddy_buffer_append(&connection->reply.body, "\n", 1);
  send_reply(connection, body);
}

static void on_timer(uv_timer_t *timer) {
  struct eddy_http_connection *connection = timer->data;
  if (connection->phase == EDDY_HTTP_READING)
    refuse(connection, 408, true);
  else
    drop(connection);
}

/* Requests ---------------------------------------------------------------------------------------------------------------- */

static bool is(struct eddy_str text, const char *word) {
  return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

static void answer(struct eddy_http_connection *connection, const struct eddy_http_request *request) {
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

static void serve(struct eddy_http_connection *connection) {
  struct eddy_http_request request;
  if (connection->used == 0) return;
  int size = eddy_http_parse(connection->head, connection->used, &request);
  if (size == 0) {
    if (connection->phase == EDDY_HTTP_IDLE) set_phase(connection, EDDY_HTTP_READING);
  } else if (size < 0) {
    refuse(connection, -size, true);
  } else {
    answer(connection, &request); /* copies what it needs: the views end here */
    connection->used -= (size_t)size;
    memmove(connection->head, connection->head + size, connection->used);
  }
}

static struct eddy_http_connection *add_connection(struct eddy_http *http) {
  struct eddy_http_connection *connection = calloc(1, sizeof(*connection));
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

void eddy_http_on_connection(uv_stream_t *server, int status) {
  struct eddy_http *http = server->data;
  struct eddy_http_connection *connection = status < 0 ? NULL : add_connection(http);
  if (!connection) return;
  set_phase(connection, EDDY_HTTP_IDLE);
  if (uv_accept(server, (uv_stream_t *)&connection->tcp) != 0 || http->count > EDDY_HTTP_CONNECTIONS_MAX ||
      uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read) != 0) {
    drop(connection);
  }
}

void eddy_http_drop_all(struct eddy_http *http) {
  for (struct eddy_http_connection *connection = http->connections; connection; connection = connection->next) drop(connection);
}
