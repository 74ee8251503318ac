#include "daemon/http_parse.h"

#include <string.h>
#include <strings.h>

static bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 9110 5.6.2. */
static bool is_token(struct eddy_str text) {
  for (uint32_t i = 0; i < text.len; i++) {
    char c = text.data[i];
    if (c == '\0' || (!is_letter_or_digit(c) && !strchr("!#$%&'*+-.^_`|~", c))) return false;
  }
  return text.len > 0;
}

static bool is_printable(struct eddy_str text, bool spaces) {
  for (uint32_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.data[i];
    if (c == ' ' || c == '\t' ? !spaces : c < 0x21 || c == 0x7f) return false;
  }
  return true;
}

static bool same(struct eddy_str text, const char *other) {
  return text.len == strlen(other) && strncasecmp(text.data, other, text.len) == 0;
}

/* What stands before the separator; `rest` is what stands behind it. False if there is none. */
static bool split(struct eddy_str *rest, char separator, struct eddy_str *before) {
  const char *at = rest->len > 0 ? memchr(rest->data, separator, rest->len) : NULL;
  if (!at) return false;
  *before = (struct eddy_str){rest->data, (uint32_t)(at - rest->data)};
  *rest = (struct eddy_str){at + 1, rest->len - before->len - 1};
  return true;
}

static struct eddy_str trimmed(struct eddy_str text) {
  while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) text.data++, text.len--;
  while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) text.len--;
  return text;
}

/* The line without its CRLF; false if a bare CR or LF is in it. */
static bool next_line(struct eddy_str *rest, struct eddy_str *line) {
  if (!split(rest, '\n', line) || line->len == 0 || line->data[line->len - 1] != '\r') return false;
  line->len--;
  return line->len == 0 || !memchr(line->data, '\r', line->len);
}

/* 0 or -status. */
static int read_request_line(struct eddy_str line, struct eddy_http_request *request) {
  struct eddy_str target;
  if (!split(&line, ' ', &request->method) || !is_token(request->method) || !split(&line, ' ', &target)) return -400;
  if (line.len != 8 || memcmp(line.data, "HTTP/", 5) != 0) return -400;
  if (memcmp(line.data + 5, "1.1", 3) != 0 && memcmp(line.data + 5, "1.0", 3) != 0) return -505;
  if (target.len == 0 || target.data[0] != '/' || !is_printable(target, false)) return -400;
  request->keep_alive = request->chunks = line.data[7] == '1';
  request->path = request->query = target;
  if (!split(&request->query, '?', &request->path)) request->query = (struct eddy_str){0};
  return 0;
}

static void read_connection(struct eddy_str value, struct eddy_http_request *request) {
  struct eddy_str option;
  do {
    bool last = !split(&value, ',', &option);
    if (last) option = value, value.len = 0;
    if (same(trimmed(option), "close")) request->keep_alive = false;
    if (same(trimmed(option), "keep-alive")) request->keep_alive = true;
  } while (value.len > 0);
}

/* A field that may be there once. */
static int read_once(struct eddy_str *field, struct eddy_str value) {
  if (field->data) return -400;
  *field = value;
  return 0;
}

static int read_field(struct eddy_str line, struct eddy_http_request *request) {
  struct eddy_str name;
  if (!split(&line, ':', &name) || !is_token(name) || !is_printable(line, true)) return -400;
  struct eddy_str value = trimmed(line);
  if (same(name, "transfer-encoding")) return -501;
  if (same(name, "content-length") && !same(value, "0")) return -413;
  if (same(name, "connection")) read_connection(value, request);
  if (same(name, "host")) return read_once(&request->host, value);
  if (same(name, "authorization")) return read_once(&request->authorization, value);
  return 0;
}

static int read_head(struct eddy_str head, struct eddy_http_request *request) {
  struct eddy_str line;
  *request = (struct eddy_http_request){0};
  if (!next_line(&head, &line)) return -400;
  int error = read_request_line(line, request);
  bool needs_host = request->keep_alive; /* HTTP/1.1 */
  while (!error && head.len > 0) error = next_line(&head, &line) ? read_field(line, request) : -400;
  return !error && needs_host && !request->host.data ? -400 : error;
}

int eddy_http_parse(const char *data, size_t size, struct eddy_http_request *request) {
  size_t limit = size < EDDY_HTTP_HEAD_MAX ? size : EDDY_HTTP_HEAD_MAX;
  for (size_t end = 4; end <= limit; end++) {
    if (memcmp(data + end - 4, "\r\n\r\n", 4) != 0) continue;
    int error = read_head((struct eddy_str){data, (uint32_t)end - 2}, request);
    return error ? error : (int)end;
  }
  return size >= EDDY_HTTP_HEAD_MAX ? -431 : 0;
}

bool eddy_http_host_is_local(struct eddy_str host) {
  if (host.len > 0 && host.data[0] == '[') return true;
  struct eddy_str name = host, port = host;
  if (!split(&port, ':', &name)) name = host;
  if (same(name, "localhost")) return true;
  for (uint32_t i = 0; i < name.len; i++) {
    if ((name.data[i] < '0' || name.data[i] > '9') && name.data[i] != '.') return false;
  }
  return name.len > 0;
}

bool eddy_http_bearer_is(struct eddy_str authorization, const char *token) {
  struct eddy_str scheme, given = authorization;
  size_t size = token ? strlen(token) : 0;
  if (size == 0 || !split(&given, ' ', &scheme) || !same(scheme, "bearer")) return false;
  given = trimmed(given);
  size_t different = given.len ^ size;
  for (uint32_t i = 0; i < given.len; i++) different |= (size_t)(unsigned char)(given.data[i] ^ token[i % size]);
  return different == 0;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte at the front of the text, which loses it; -1 for a broken escape. */
static int next_byte(struct eddy_str *text) {
  int size = text->data[0] == '%' ? 3 : 1;
  if (text->len < (uint32_t)size) return -1;
  int high = size == 3 ? hex_digit(text->data[1]) : 0, low = size == 3 ? hex_digit(text->data[2]) : 0;
  int byte = size == 3 ? high * 16 + low : (unsigned char)text->data[0];
  *text = (struct eddy_str){text->data + size, text->len - (uint32_t)size};
  return high < 0 || low < 0 ? -1 : byte;
}

int eddy_http_percent_decode(struct eddy_str text, char *out, size_t capacity) {
  size_t size = 0;
  while (text.len > 0) {
    int byte = next_byte(&text);
    if (byte <= 0 || size == capacity) return -1;
    out[size++] = (char)byte;
  }
  if (size < capacity) out[size] = '\0';
  return (int)size;
}
