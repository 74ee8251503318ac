/* A small HTTP/1.1 server on a thread and loop of its own: GET and HEAD, answered by one function. No worker ever waits for it.
 *
 * Limits: a head of at most EDDY_HTTP_HEAD_MAX bytes (else 431), sent within 5 s (else 408); EDDY_HTTP_CONNECTIONS_MAX
 * connections (one more is closed at once); 30 s between two requests and to take an answer. Listens on loopback only.
 */
#ifndef EDDY_DAEMON_HTTP_H
#define EDDY_DAEMON_HTTP_H

#include "base/logger.h"
#include "base/memory.h"
#include "daemon/http_parse.h"

enum { EDDY_HTTP_CONNECTIONS_MAX = 64, EDDY_HTTP_ADDRESS_MAX = 64 };

struct eddy_http;

struct eddy_http_reply {
  int status;       /* 200 unless the handler says otherwise */
  const char *type; /* of the content; static */
  struct eddy_buffer body;
};

/* Answers a GET: from the server's thread; may take a lock for moments, must not wait for anything. */
typedef void (*eddy_http_answer_fn)(void *ctx, const struct eddy_http_request *request, struct eddy_http_reply *reply);

/* NULL if `text` is ADDRESS:PORT with a loopback address or localhost (port 0: any that is free); else what is wrong. */
const char *eddy_http_address_check(const char *text);

/* Takes the address, accepts nothing yet. 0, or -1 with a sentence. */
int eddy_http_open(struct eddy_http **http, const char *listen, char *why, size_t size);
/* Where it listens: "127.0.0.1:8377". */
const char *eddy_http_address(const struct eddy_http *http);
/* Starts the thread. `ctx` must stay until close. 0, or -1 if there is no memory for a thread. */
int eddy_http_start(struct eddy_http *http, eddy_http_answer_fn answer, void *ctx);
/* Ends the thread, closes all connections, frees. NULL is fine. */
void eddy_http_close(struct eddy_http *http);

#endif
