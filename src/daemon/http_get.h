/* GET of one document from an HTTP/1 server, for commands that ask a running instance. Whoever answers is not trusted: time and
 * sizes are limited, and what is no plain answer is an error. No TLS, no redirects, no chunks (HTTP/1.0 is spoken, which has
 * none). Blocks the caller; any thread.
 */
#ifndef EDDY_DAEMON_HTTP_GET_H
#define EDDY_DAEMON_HTTP_GET_H

#include "base/memory.h"

enum {
  EDDY_HTTP_GET_BODY_MAX = 16 << 20,
  EDDY_HTTP_URL_PART_MAX = 256,
  EDDY_HTTP_URL_PATH_MAX = 1280, /* a user id of 255 bytes, percent-encoded, behind a path of 256 */
  EDDY_HTTP_TOKEN_MAX = 1024,
};

struct eddy_http_url {
  char host[EDDY_HTTP_URL_PART_MAX], port[8], path[EDDY_HTTP_URL_PATH_MAX];
};

/* "http://host[:port][/path]"; an IPv6 address stands in brackets; path "/" if there is none; a path has at most
 * EDDY_HTTP_URL_PART_MAX - 1 bytes. 0, or -1 with a sentence. */
int eddy_http_url_parse(struct eddy_http_url *url, const char *text, char *why, size_t why_size);

/* Behind the path, with its `/` and whatever else is no plain character percent-encoded. False if there is no room. */
bool eddy_http_url_append(struct eddy_http_url *url, struct eddy_str segment);

/* Printable ASCII without blanks, at most EDDY_HTTP_TOKEN_MAX bytes: it stands in a line of the request. */
bool eddy_http_token_valid(const char *token);

enum eddy_http_got {
  EDDY_HTTP_GOT,         /* the body is complete */
  EDDY_HTTP_UNREACHABLE, /* nobody answers there */
  EDDY_HTTP_WRONG,       /* somebody else does: no HTTP, another status, too much, too slow */
};
/* Status 200 alone is got. Replaces what is in `body`; `timeout_ms` is for all of it, except the resolver's own. A sentence in
 * `why` unless GOT. */
enum eddy_http_got eddy_http_get(const struct eddy_http_url *url, int timeout_ms, struct eddy_buffer *body, char *why,
                                 size_t why_size);

struct eddy_http_question {
  const struct eddy_http_url *url;
  const char *token; /* sent as Authorization: Bearer; NULL = none */
  int timeout_ms;
};
/* The same, but another status with a body of JSON is got, too. *status is 0 if there was none. */
enum eddy_http_got eddy_http_ask(const struct eddy_http_question *question, struct eddy_buffer *body, int *status, char *why,
                                 size_t why_size);

struct eddy_http_head {
  int status;
  bool json;      /* by its Content-Type */
  int64_t length; /* Content-Length, or -1 if the end of the connection is the end */
};
/* The head of an answer, for tests: `size` bytes from the beginning. Returns the size of the head; 0 = more has to come; -1
 * with a sentence. */
int eddy_http_answer_parse(const char *data, size_t size, struct eddy_http_head *head, char *why, size_t why_size);

#endif
