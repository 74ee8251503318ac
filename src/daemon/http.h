/* A small HTTP/1.1 server on a thread and loop of its own: GET and HEAD, answered by one function. No worker ever waits for it:
 * a reply that is not there yet is asked for again, and so is what a stream goes on with.
 *
 * Limits: a head of at most EDDY_HTTP_HEAD_MAX bytes (else 431), sent within 5 s (else 408); EDDY_HTTP_CONNECTIONS_MAX
 * connections (one more is closed at once), EDDY_HTTP_STREAMS_MAX of them streams (else 503); 30 s between two requests, for a
 * reply to be there (else 504), and to take an answer or a chunk of a stream.
 *
 * On a loopback address, requests for other hosts are refused (421): a web page whose name points to this machine reads
 * nothing.
 */
#ifndef EDDY_DAEMON_HTTP_H
#define EDDY_DAEMON_HTTP_H

#include "base/logger.h"
#include "base/memory.h"
#include "daemon/http_parse.h"

enum { EDDY_HTTP_CONNECTIONS_MAX = 64, EDDY_HTTP_STREAMS_MAX = 16, EDDY_HTTP_ADDRESS_MAX = 64, EDDY_HTTP_HEADERS_MAX = 1024 };

struct eddy_http;

enum eddy_http_more { EDDY_HTTP_WAIT, EDDY_HTTP_END };

/* A reply is complete after the handler, unless it has `more`. That is called on the server's thread: right after the handler,
 * soon after every nudge, and at least every 250 ms, until it says END. It must not wait for anything; the request is gone.
 *
 * Without `stream` nothing is sent until END, then the reply as status, type, headers and body say by then. With `stream` the
 * head is sent at once, and what `more` appends to the body each time goes out as a chunk; `more` is not called while a chunk
 * is still on its way, so a slow reader is asked for less often. A stream also ends when the peer closes its side. For a HEAD,
 * `more` of a stream is never called. */
struct eddy_http_reply {
  int status;       /* 200 unless the handler says otherwise */
  const char *type; /* of the content; static */
  struct eddy_buffer body;
  const char *headers; /* further lines, each with its CRLF, at most EDDY_HTTP_HEADERS_MAX bytes; static; NULL: none */
  enum eddy_http_more (*more)(void *ctx, struct eddy_http_reply *reply); /* NULL: the reply is complete */
  void (*gone)(void *ctx); /* once, when the reply is over, however it ends; on the server's thread; NULL: nothing to free */
  void *ctx;
  bool stream;
};

/* Answers a GET or HEAD: from the server's thread; may take a lock for moments, must not wait for anything. */
typedef void (*eddy_http_answer_fn)(void *ctx, const struct eddy_http_request *request, struct eddy_http_reply *reply);

/* NULL if `text` is ADDRESS:PORT with an address or localhost (port 0: any that is free); else what is wrong. */
const char *eddy_http_address_check(const char *text);

/* Takes the address, accepts nothing yet. 0, or -1 with a sentence. */
int eddy_http_open(struct eddy_http **http, const char *listen, char *why, size_t size);
/* Where it listens: "127.0.0.1:8377". */
const char *eddy_http_address(const struct eddy_http *http);
/* True if it listens on a loopback address. */
bool eddy_http_is_loopback(const struct eddy_http *http);
/* Starts the thread. `ctx` must stay until close. 0, or -1 if there is no memory for a thread. */
int eddy_http_start(struct eddy_http *http, eddy_http_answer_fn answer, void *ctx);
/* Any thread, between open and close: what waits is asked again soon. Cheap; many calls become one. */
void eddy_http_nudge(struct eddy_http *http);
/* Ends the thread, closes all connections, frees. NULL is fine. */
void eddy_http_close(struct eddy_http *http);

#endif
