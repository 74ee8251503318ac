/* The head of an HTTP/1 request: request line and header fields. Our own and not llhttp's (the parser that libuv's world
 * uses): the server answers GET and HEAD only, so there is no body, no chunk, no upgrade to get wrong, and what is left is
 * small enough to be strict: CRLF only, no folded lines, no space before a colon, one Host. Debian has llhttp's sources only as
 * part of Node.
 *
 * Views into the caller's bytes; nothing is decoded. Pure, any thread. Cost: one pass over the head.
 */
#ifndef EDDY_DAEMON_HTTP_PARSE_H
#define EDDY_DAEMON_HTTP_PARSE_H

#include <stdbool.h>

#include "eddy/types.h"

enum { EDDY_HTTP_HEAD_MAX = 8192 };

struct eddy_http_request {
  struct eddy_str method, path, query; /* path begins with '/'; query without '?', absent if there is none */
  struct eddy_str host;                /* absent in HTTP/1.0 only */
  struct eddy_str authorization;       /* absent if there is none */
  bool keep_alive;
  bool chunks; /* the peer understands chunks: HTTP/1.1 */
};

/* Returns the size of the head when it is complete, 0 when more has to come, -status (400, 413, 431, 501, 505) when it will
 * never be right. */
int eddy_http_parse(const char *data, size_t size, struct eddy_http_request *request);

/* "127.0.0.1:8377", "localhost", "[::1]:80": an address or localhost. A web page that has its own name point to this machine
 * is kept out by it (DNS rebinding). */
bool eddy_http_host_is_local(struct eddy_str host);

/* "Bearer TOKEN" with this token. How long it takes tells nothing about the token. False for NULL or "". */
bool eddy_http_bearer_is(struct eddy_str authorization, const char *token);

/* A path segment without its %XX ('+' stays '+'). Returns its length, or -1: a broken escape, a NUL byte, longer than capacity.
 * A NUL stands behind it if there is room. */
int eddy_http_percent_decode(struct eddy_str text, char *out, size_t capacity);

#endif
