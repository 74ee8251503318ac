#include "daemon/http_get.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "eddy/types.h"

enum { HEAD_MAX = 16384, READ_BYTES = 65536 };
enum { REQUEST_MAX = EDDY_HTTP_URL_PATH_MAX + EDDY_HTTP_URL_PART_MAX + EDDY_HTTP_TOKEN_MAX + 256 };

__attribute__((format(printf, 3, 4))) static int say(char *why, size_t size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(why, size, format, arguments);
  va_end(arguments);
  return -1;
}

/* URLs ----------------------------------------------------------------------------------------------------------------------*/

static bool copy_part(char *to, size_t room, const char *from, size_t size) {
  if (size >= room) return false;
  for (size_t i = 0; i < size; i++) {
    if ((unsigned char)from[i] <= 0x20 || from[i] == 0x7f) return false; /* would end the request line */
  }
  memcpy(to, from, size);
  to[size] = '\0';
  return true;
}

/* "host", "host:port", "[address]:port". */
static bool read_authority(struct eddy_http_url *url, const char *text, size_t size) {
  const char *end = text + size, *host = text, *host_end = memchr(text, ':', size);
  if (size > 0 && text[0] == '[') {
    host = text + 1;
    host_end = memchr(text, ']', size);
    if (!host_end) return false;
  }
  if (!host_end) host_end = end;
  const char *rest = host_end + (host > text ? 1 : 0);
  if (host_end == host || !copy_part(url->host, sizeof(url->host), host, (size_t)(host_end - host))) return false;
  if (rest == end) return copy_part(url->port, sizeof(url->port), "80", 2);
  if (*rest != ':' || rest + 1 == end || strspn(rest + 1, "0123456789") < (size_t)(end - rest - 1)) return false;
  if (!copy_part(url->port, sizeof(url->port), rest + 1, (size_t)(end - rest - 1))) return false;
  int port = atoi(url->port);
  return port >= 1 && port <= 65535;
}

int eddy_http_url_parse(struct eddy_http_url *url, const char *text, char *why, size_t why_size) {
  static const char scheme[] = "http://";
  if (strncasecmp(text, scheme, sizeof(scheme) - 1) != 0)
    return say(why, why_size, "\"%.100s\" does not begin with http://", text);
  const char *authority = text + sizeof(scheme) - 1;
  size_t size = strcspn(authority, "/?#");
  const char *path = authority + size;
  size_t path_size = strcspn(path, "#");
  bool rooted = path_size > 0 && path[0] == '/';
  if (!rooted && path_size > 0) return say(why, why_size, "\"%.100s\" has no path before its `?`", text);
  if (!read_authority(url, authority, size) ||
      !copy_part(url->path, EDDY_HTTP_URL_PART_MAX, rooted ? path : "/", rooted ? path_size : 1))
    return say(why, why_size, "\"%.100s\" is not http://host[:port][/path]", text);
  return 0;
}

/* What RFC 3986 calls unreserved. */
static bool is_plain(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

bool eddy_http_url_append(struct eddy_http_url *url, struct eddy_str segment) {
  size_t at = strlen(url->path);
  for (uint32_t i = 0; i < segment.len; i++) {
    unsigned char c = (unsigned char)segment.data[i];
    if (at + 3 >= sizeof(url->path)) return false;
    at += (size_t)snprintf(url->path + at, 4, is_plain(c) ? "%c" : "%%%02X", c);
  }
  return true;
}

bool eddy_http_token_valid(const char *token) {
  size_t size = 0;
  for (; token[size]; size++) {
    if (token[size] <= 0x20 || token[size] >= 0x7f) return false;
  }
  return size > 0 && size <= EDDY_HTTP_TOKEN_MAX;
}

/* The head of the answer ---------------------------------------------------------------------------------------------------*/

/* Finds "Name: value" among the lines; the value ends at a CR or LF. */
static bool find_field(const char *head, size_t size, const char *name, const char **value) {
  size_t length = strlen(name);
  for (const char *at = head, *end = head + size; at < end;) {
    const char *line_end = memchr(at, '\n', (size_t)(end - at));
    if (!line_end) return false;
    if ((size_t)(line_end - at) > length && strncasecmp(at, name, length) == 0 && at[length] == ':') {
      *value = at + length + 1;
      while (**value == ' ' || **value == '\t') ++*value;
      return true;
    }
    at = line_end + 1;
  }
  return false;
}

static int read_status(const char *head, size_t size, int *status, char *why, size_t why_size) {
  bool http = size >= 12 && memcmp(head, "HTTP/1.", 7) == 0 && head[8] == ' ' && strspn(head + 9, "0123456789") >= 3;
  if (!http) return say(why, why_size, "what answers there does not speak HTTP");
  *status = (head[9] - '0') * 100 + (head[10] - '0') * 10 + head[11] - '0';
  return 0;
}

static int say_status(int status, char *why, size_t why_size) {
  return say(why, why_size, "the answer is HTTP status %d", status);
}

static int read_length(const char *text, int64_t *length, char *why, size_t why_size) {
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 18 || (text[digits] != '\r' && text[digits] != '\n' && text[digits] != ' '))
    return say(why, why_size, "the answer has a Content-Length that is no number");
  *length = strtoll(text, NULL, 10);
  if (*length <= EDDY_HTTP_GET_BODY_MAX) return 0;
  return say(why, why_size, "the answer is larger than %d MiB", EDDY_HTTP_GET_BODY_MAX >> 20);
}

static size_t head_size(const char *data, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (data[i] != '\n') continue;
    if (i + 1 < size && data[i + 1] == '\n') return i + 2;
    if (i + 2 < size && data[i + 1] == '\r' && data[i + 2] == '\n') return i + 3;
  }
  return 0;
}

int eddy_http_answer_parse(const char *data, size_t size, struct eddy_http_head *head, char *why, size_t why_size) {
  static const char json[] = "application/json";
  const char *value;
  size_t length = head_size(data, size < HEAD_MAX ? size : HEAD_MAX);
  *head = (struct eddy_http_head){.length = -1};
  if (size > 0 && memcmp(data, "HTTP/", size < 5 ? size : 5) != 0)
    return say(why, why_size, "what answers there does not speak HTTP");
  if (length == 0 && size >= HEAD_MAX) return say(why, why_size, "the head of the answer does not end");
  if (length == 0) return 0;
  if (read_status(data, length, &head->status, why, why_size) != 0) return -1;
  head->json = find_field(data, length, "Content-Type", &value) && strncasecmp(value, json, sizeof(json) - 1) == 0;
  if (head->status != 200 && !head->json) return say_status(head->status, why, why_size);
  if (find_field(data, length, "Transfer-Encoding", &value))
    return say(why, why_size, "the answer comes in a Transfer-Encoding, which was not asked for");
  if (find_field(data, length, "Content-Length", &value) && read_length(value, &head->length, why, why_size) != 0) return -1;
  return (int)length;
}

/* The socket ----------------------------------------------------------------------------------------------------------------*/

struct exchange {
  int socket;
  int64_t deadline; /* monotonic ms */
  char *why;
  size_t why_size;
};

static bool await(const struct exchange *exchange, short events) {
  int64_t left = exchange->deadline - eddy_clock_mono();
  struct pollfd wanted = {.fd = exchange->socket, .events = events};
  int ready = left > 0 ? poll(&wanted, 1, (int)left) : 0;
  if (ready == 0) say(exchange->why, exchange->why_size, "no answer in time");
  if (ready < 0) say(exchange->why, exchange->why_size, "%s", strerror(errno));
  return ready > 0;
}

static int connect_to(struct exchange *exchange, const struct addrinfo *address) {
  int error = 0;
  socklen_t size = sizeof(error);
  exchange->socket = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol);
  if (exchange->socket < 0) return say(exchange->why, exchange->why_size, "%s", strerror(errno));
  if (connect(exchange->socket, address->ai_addr, address->ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) {
    error = errno;
  } else if (!await(exchange, POLLOUT)) {
    return -1;
  } else {
    getsockopt(exchange->socket, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  return error ? say(exchange->why, exchange->why_size, "%s", strerror(error)) : 0;
}

/* The first address that takes the connection. */
static int open_connection(struct exchange *exchange, const struct eddy_http_url *url) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  int error = getaddrinfo(url->host, url->port, &hints, &found), connected = -1;
  if (error) return say(exchange->why, exchange->why_size, "%s", gai_strerror(error));
  for (const struct addrinfo *address = found; address && connected != 0; address = address->ai_next) {
    if (exchange->socket >= 0) close(exchange->socket);
    connected = connect_to(exchange, address);
  }
  freeaddrinfo(found);
  return connected;
}

static int send_request(const struct exchange *exchange, const struct eddy_http_question *question) {
  const struct eddy_http_url *url = question->url;
  const char *token = question->token;
  char request[REQUEST_MAX];
  bool v6 = strchr(url->host, ':') != NULL;
  int size =
      snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: %s%s%s:%s\r\nAccept: text/plain, */*;q=0.1\r\n%s%s%s\r\n",
               url->path, v6 ? "[" : "", url->host, v6 ? "]" : "", url->port, token ? "Authorization: Bearer " : "",
               token ? token : "", token ? "\r\n" : "");
  for (int done = 0; done < size;) {
    ssize_t more = send(exchange->socket, request + done, (size_t)(size - done), MSG_NOSIGNAL);
    if (more > 0) done += (int)more;
    if (more < 0 && errno != EAGAIN && errno != EINTR) return say(exchange->why, exchange->why_size, "%s", strerror(errno));
    if (more < 0 && !await(exchange, POLLOUT)) return -1;
  }
  return 0;
}

/* Some more bytes behind the buffer: 1, at the end of the connection 0, or -1. */
static int receive(const struct exchange *exchange, struct eddy_buffer *buffer) {
  if (eddy_buffer_reserve(buffer, READ_BYTES) != 0) return say(exchange->why, exchange->why_size, "out of memory");
  for (;;) {
    ssize_t more = recv(exchange->socket, buffer->data + buffer->size, READ_BYTES, 0);
    if (more >= 0) buffer->size += (size_t)more;
    if (more >= 0) return more > 0;
    if (errno != EAGAIN && errno != EINTR) return say(exchange->why, exchange->why_size, "%s", strerror(errno));
    if (!await(exchange, POLLIN)) return -1;
  }
}

/* Leaves the body alone in the buffer. */
static int receive_answer(const struct exchange *exchange, struct eddy_buffer *buffer, int *status) {
  struct eddy_http_head answer = {.length = -1};
  int head = 0, more = 1;
  for (;;) {
    if (head == 0 && buffer->size > 0)
      head = eddy_http_answer_parse((const char *)buffer->data, buffer->size, &answer, exchange->why, exchange->why_size);
    *status = answer.status;
    if (head < 0) return -1;
    size_t body = head > 0 ? buffer->size - (size_t)head : 0;
    if (head > 0 && answer.length >= 0 && body >= (size_t)answer.length) break;
    if (body > EDDY_HTTP_GET_BODY_MAX)
      return say(exchange->why, exchange->why_size, "the answer is larger than %d MiB", EDDY_HTTP_GET_BODY_MAX >> 20);
    more = receive(exchange, buffer);
    if (more < 0) return -1;
    if (more == 0 && head > 0 && answer.length < 0) break;
    if (more == 0) return say(exchange->why, exchange->why_size, "the answer ends too early");
  }
  size_t size = answer.length >= 0 ? (size_t)answer.length : buffer->size - (size_t)head;
  memmove(buffer->data, buffer->data + head, size);
  buffer->size = size;
  return 0;
}

enum eddy_http_got eddy_http_ask(const struct eddy_http_question *question, struct eddy_buffer *body, int *status, char *why,
                                 size_t why_size) {
  struct exchange exchange = {
      .socket = -1, .deadline = eddy_clock_mono() + question->timeout_ms, .why = why, .why_size = why_size};
  enum eddy_http_got got = EDDY_HTTP_UNREACHABLE;
  body->size = 0;
  *status = 0;
  if (open_connection(&exchange, question->url) == 0) {
    got = EDDY_HTTP_WRONG;
    if (send_request(&exchange, question) == 0 && receive_answer(&exchange, body, status) == 0) got = EDDY_HTTP_GOT;
  }
  if (exchange.socket >= 0) close(exchange.socket);
  return got;
}

enum eddy_http_got eddy_http_get(const struct eddy_http_url *url, int timeout_ms, struct eddy_buffer *body, char *why,
                                 size_t why_size) {
  struct eddy_http_question question = {.url = url, .timeout_ms = timeout_ms};
  int status;
  enum eddy_http_got got = eddy_http_ask(&question, body, &status, why, why_size);
  if (got != EDDY_HTTP_GOT || status == 200) return got;
  say_status(status, why, why_size);
  return EDDY_HTTP_WRONG;
}
