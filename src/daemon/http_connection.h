/* One connection of the HTTP server, from accept to close: a state machine whose only setter is set_phase. The server's thread
 * only; included by daemon/http.c and daemon/http_connection.c, and by a test that has less patience.
 *
 *   IDLE -> READING -> WRITING -> IDLE, or LINGER -> CLOSING     a reply that is complete
 *              READING -> PENDING -> WRITING ...                 one that is not there yet
 *              READING -> STREAMING -> LINGER -> CLOSING         a stream: the connection's last reply
 */
#ifndef EDDY_DAEMON_HTTP_CONNECTION_H
#define EDDY_DAEMON_HTTP_CONNECTION_H

#include <pthread.h>
#include <uv.h>

#include "daemon/http_head.h"

enum eddy_http_phase {
  EDDY_HTTP_IDLE,      /* between requests */
  EDDY_HTTP_READING,   /* a part of a head is here */
  EDDY_HTTP_PENDING,   /* the reply is not there yet; not reading, as in WRITING */
  EDDY_HTTP_WRITING,   /* not reading: what the peer sends meanwhile waits in the kernel */
  EDDY_HTTP_STREAMING, /* reads, to notice that the peer leaves; what it sends is nobody's */
  EDDY_HTTP_LINGER,    /* answered for the last time; reads on for a moment, else a reset could overtake the answer */
  EDDY_HTTP_CLOSING,
  EDDY_HTTP_PHASES,
};

struct eddy_http_connection {
  struct eddy_http *http;
  struct eddy_http_connection *next, *before;
  uv_tcp_t tcp;
  uv_timer_t timer;
  uv_write_t write;
  enum eddy_http_phase phase;
  int open_handles;
  bool keep_alive;
  bool bodiless; /* the answer to a HEAD */
  bool chunked;  /* the stream */
  bool sending;  /* a part of the stream is on its way */
  bool ended;    /* it is the last one */
  size_t used;
  char head[EDDY_HTTP_HEAD_MAX];
  char reply_head[EDDY_HTTP_REPLY_HEAD_MAX + 32]; /* and the size of a chunk */
  struct eddy_http_reply reply;
};

struct eddy_http {
  uv_loop_t loop;
  uv_tcp_t server;
  uv_async_t stop, nudge;
  uv_timer_t poll; /* runs while a connection is PENDING or STREAMING */
  pthread_t thread;
  bool started, loopback;
  eddy_http_answer_fn answer;
  void *ctx;
  struct eddy_http_connection *connections;
  unsigned count;                      /* of connections */
  unsigned phases[EDDY_HTTP_PHASES];   /* of connections in each phase */
  uint64_t patience[EDDY_HTTP_PHASES]; /* ms */
  uint64_t poll_ms;
  char address[EDDY_HTTP_ADDRESS_MAX];
};

/* Sets what each phase may take (of STREAMING: a part that is on its way), and how often is asked. */
void eddy_http_be_patient(struct eddy_http *http);
/* uv_connection_cb of http->server, whose data is the eddy_http. */
void eddy_http_on_connection(uv_stream_t *server, int status);
/* Asks what waits. */
void eddy_http_poll(struct eddy_http *http);
/* Closes all; they are freed when the loop has run on. */
void eddy_http_drop_all(struct eddy_http *http);

#endif
