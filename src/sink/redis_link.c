#include "sink/redis_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sink/redis_command.h"
#include "sink/redis_errors.h"

enum {
  BACKOFF_MIN_MS = 50,
  BACKOFF_MAX_MS = 5000,
  TICK_MS = 50,
  CONNECT_TIMEOUT_MS = 5000,
  ANSWER_TIMEOUT_MS = 10000,
  TRUST_MS = 2000, /* a connection that lasts so long after one that made no sense does make sense */
};

enum link_state { DOWN, CONNECTING, GREETING, UP, CLOSING };

/* hiredis' view of one connection as libuv sees it. Lives until libuv has closed the handle, which is after hiredis has freed
 * the context. */
struct socket {
  uv_poll_t poll;
  redisAsyncContext *context; /* NULL once hiredis cleaned up */
  int events;
  struct eddy_redis_link *link;
};

struct eddy_redis_link {
  struct eddy_redis_link_options options;
  char name[128];
  enum link_state state;
  struct socket *socket;
  uv_timer_t timer;  /* back-off, connect timeout and watchdog: one tick */
  uint64_t since_ms; /* of the current state */
  uint64_t retry_at_ms;
  uint64_t backoff_ms;
  uint64_t sent, answered;
  uint64_t progress_ms; /* last answer, or first command after idleness */
  uint64_t reconnects;
  size_t greetings_left;
  bool greeting_failed, said;
  bool doubted; /* the last connection made no sense, so this one is not "back" yet */
  char sha[EDDY_REDIS_SCRIPTS_MAX][48];
  char trouble[160];
  void (*closed)(void *ctx);
  void *closed_ctx;
  int handles; /* still open */
};

/* ---- hiredis on libuv ---- */

static void socket_event(uv_poll_t *poll, int status, int events) {
  struct socket *socket = poll->data;
  /* An error on the socket (refused, reset) is found by hiredis when it tries what it is interested in. */
  if (status != 0) events = socket->events;
  if (socket->context && (events & UV_WRITABLE)) redisAsyncHandleWrite(socket->context);
  if (socket->context && (events & UV_READABLE)) redisAsyncHandleRead(socket->context);
}

static void socket_watch(struct socket *socket, int events) {
  if (uv_is_closing((uv_handle_t *)&socket->poll) || events == socket->events) return;
  socket->events = events;
  if (events == 0) {
    uv_poll_stop(&socket->poll);
  } else {
    uv_poll_start(&socket->poll, events, socket_event);
  }
}

static void add_read(void *ctx) {
  socket_watch(ctx, ((struct socket *)ctx)->events | UV_READABLE);
}
static void del_read(void *ctx) {
  socket_watch(ctx, ((struct socket *)ctx)->events & ~UV_READABLE);
}
static void add_write(void *ctx) {
  socket_watch(ctx, ((struct socket *)ctx)->events | UV_WRITABLE);
}
static void del_write(void *ctx) {
  socket_watch(ctx, ((struct socket *)ctx)->events & ~UV_WRITABLE);
}

static void handle_closed(struct eddy_redis_link *link) {
  if (--link->handles > 0 || link->state != CLOSING) return;
  void (*closed)(void *) = link->closed;
  void *ctx = link->closed_ctx;
  free(link);
  if (closed) closed(ctx);
}

static void socket_closed(uv_handle_t *handle) {
  struct socket *socket = handle->data;
  struct eddy_redis_link *link = socket->link;
  free(socket);
  handle_closed(link);
}

static void cleanup(void *ctx) {
  struct socket *socket = ctx;
  socket->context = NULL;
  socket_watch(socket, 0);
  if (socket->link->socket == socket) socket->link->socket = NULL;
  uv_close((uv_handle_t *)&socket->poll, socket_closed);
}

static struct socket *socket_attach(struct eddy_redis_link *link, redisAsyncContext *context) {
  struct socket *socket = calloc(1, sizeof *socket);
  if (!socket) return NULL;
  if (uv_poll_init(link->options.loop, &socket->poll, context->c.fd) != 0) {
    free(socket);
    return NULL;
  }
  socket->poll.data = socket;
  socket->context = context;
  socket->link = link;
  link->handles++;
  context->ev.data = socket;
  context->ev.addRead = add_read;
  context->ev.delRead = del_read;
  context->ev.addWrite = add_write;
  context->ev.delWrite = del_write;
  context->ev.cleanup = cleanup;
  return socket;
}

/* ---- states ---- */

static void set_state(struct eddy_redis_link *link, enum link_state state) {
  link->state = state;
  link->since_ms = uv_now(link->options.loop);
}

static void note_trouble(struct eddy_redis_link *link, const char *text) {
  if (link->trouble[0] == '\0') snprintf(link->trouble, sizeof link->trouble, "%s", text ? text : "connection lost");
}

static void say_down(const struct eddy_redis_link *link) {
  char where[300];
  const char *advice = eddy_redis_error_advice(link->trouble);
  eddy_redis_url_where(&link->options.url, where, sizeof where);
  eddy_log(link->options.logger, EDDY_LOG_WARN, "waiting for Redis", "address=\"%s\" reason=\"%s\" hint=\"%s\"", where,
           link->trouble, advice ? advice : "is it up, and is redis.url right?");
}

/* The connection is gone (hiredis has answered every pending command with NULL). */
static void go_down(struct eddy_redis_link *link) {
  bool was_up = link->state == UP;
  if (link->state == CLOSING) return;
  set_state(link, DOWN);
  link->sent = link->answered = 0;
  uint64_t jitter = (link->since_ms * UINT64_C(2654435761) >> 7) % (link->backoff_ms / 2 + 1);
  link->retry_at_ms = link->since_ms + link->backoff_ms / 2 + jitter;
  link->backoff_ms = link->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : link->backoff_ms * 2;
  if (!link->said) {
    say_down(link);
    link->said = true;
  }
  link->trouble[0] = '\0';
  if (was_up) link->options.down(link->options.ctx);
}

static void drop(struct eddy_redis_link *link, const char *reason) {
  note_trouble(link, reason);
  if (link->socket && link->socket->context) {
    redisAsyncFree(link->socket->context); /* answers what is pending with NULL, then on_disconnect or nothing */
  }
  if (link->state != DOWN) go_down(link);
}

static void on_disconnect(const redisAsyncContext *context, int status) {
  struct socket *socket = context->ev.data;
  if (status != REDIS_OK) note_trouble(socket->link, context->errstr);
  if (socket->link->state != DOWN) go_down(socket->link);
}

/* ---- greeting ---- */

static void trust(struct eddy_redis_link *link) {
  link->doubted = false;
  link->backoff_ms = BACKOFF_MIN_MS;
  if (link->said) eddy_log(link->options.logger, EDDY_LOG_INFO, "Redis is back", NULL);
  link->said = false;
}

static void come_up(struct eddy_redis_link *link) {
  set_state(link, UP);
  link->progress_ms = link->since_ms;
  if (!link->doubted) trust(link);
  link->options.up(link->options.ctx);
}

static void on_greeting(redisAsyncContext *context, void *answer, void *ctx) {
  struct eddy_redis_link *link = ((struct socket *)context->ev.data)->link;
  const redisReply *reply = answer;
  char *sha = ctx;
  if (!reply || link->state != GREETING) return;
  if (reply->type == REDIS_REPLY_ERROR) {
    note_trouble(link, reply->str);
    link->greeting_failed = true;
  } else if (sha && reply->type == REDIS_REPLY_STRING && reply->len < sizeof link->sha[0]) {
    memcpy(sha, reply->str, reply->len + 1);
  }
  if (--link->greetings_left > 0) return;
  if (link->greeting_failed) {
    redisAsyncDisconnect(context); /* on_disconnect follows once this callback has returned */
  } else {
    come_up(link);
  }
}

static int greet(struct eddy_redis_link *link, redisAsyncContext *context, int argc, const char **argv, char *sha) {
  link->greetings_left++;
  return redisAsyncCommandArgv(context, on_greeting, sha, argc, argv, NULL);
}

static void greet_all(struct eddy_redis_link *link, redisAsyncContext *context) {
  const struct eddy_redis_url *url = &link->options.url;
  char database[16];
  int failed = 0;
  link->greetings_left = 0;
  link->greeting_failed = false;
  snprintf(database, sizeof database, "%d", url->database);
  if (url->password[0]) {
    const char *with_user[] = {"AUTH", url->user, url->password}, *without[] = {"AUTH", url->password};
    failed |= url->user[0] ? greet(link, context, 3, with_user, NULL) : greet(link, context, 2, without, NULL);
  }
  const char *select[] = {"SELECT", database}, *name[] = {"CLIENT", "SETNAME", link->name};
  failed |= greet(link, context, 2, select, NULL);
  failed |= greet(link, context, 3, name, NULL);
  for (size_t i = 0; i < link->options.script_count; i++) {
    const char *load[] = {"SCRIPT", "LOAD", link->options.scripts[i]};
    failed |= greet(link, context, 3, load, link->sha[i]);
  }
  if (failed) note_trouble(link, "out of memory while greeting");
}

static void on_connect(const redisAsyncContext *context, int status) {
  struct socket *socket = context->ev.data;
  struct eddy_redis_link *link = socket->link;
  if (status != REDIS_OK) {
    note_trouble(link, context->errstr[0] ? context->errstr : "connection refused");
    go_down(link); /* hiredis frees the context without calling on_disconnect */
    return;
  }
  set_state(link, GREETING);
  greet_all(link, socket->context);
}

static void start_connect(struct eddy_redis_link *link) {
  const struct eddy_redis_url *url = &link->options.url;
  link->reconnects++;
  set_state(link, CONNECTING);
  redisAsyncContext *context = url->path[0] ? redisAsyncConnectUnix(url->path) : redisAsyncConnect(url->host, url->port);
  if (!context || context->err || !(link->socket = socket_attach(link, context))) {
    note_trouble(link, context && context->err ? context->errstr : "out of memory");
    if (context) redisAsyncFree(context);
    go_down(link);
    return;
  }
  redisAsyncSetConnectCallback(context, on_connect); /* also asks for the first write event */
  redisAsyncSetDisconnectCallback(context, on_disconnect);
}

static void on_tick(uv_timer_t *timer) {
  struct eddy_redis_link *link = timer->data;
  uint64_t now = uv_now(link->options.loop);
  switch (link->state) {
    case DOWN:
      if (now >= link->retry_at_ms) start_connect(link);
      break;
    case CONNECTING:
    case GREETING:
      if (now - link->since_ms > CONNECT_TIMEOUT_MS) drop(link, "no answer while connecting");
      break;
    case UP:
      if (link->doubted && now - link->since_ms > TRUST_MS) trust(link);
      if (link->sent > link->answered && now - link->progress_ms > ANSWER_TIMEOUT_MS) drop(link, "no answer for 10 s");
      break;
    case CLOSING:
      break;
  }
}

/* ---- commands ---- */

struct pending_reply {
  struct eddy_redis_link *link;
  redisCallbackFn *reply;
  void *ctx;
};

static void on_reply(redisAsyncContext *context, void *answer, void *ctx) {
  struct pending_reply pending = *(struct pending_reply *)ctx;
  free(ctx);
  if (answer) {
    pending.link->answered++;
    pending.link->progress_ms = uv_now(pending.link->options.loop);
  }
  pending.reply(context, answer, pending.ctx);
}

bool eddy_redis_link_send(struct eddy_redis_link *link, const struct eddy_buffer *command, redisCallbackFn *reply, void *ctx) {
  if (link->state != UP) return false;
  struct pending_reply *pending = malloc(sizeof *pending);
  if (!pending) return false;
  *pending = (struct pending_reply){link, reply, ctx};
  if (link->sent == link->answered) link->progress_ms = uv_now(link->options.loop);
  if (redisAsyncFormattedCommand(link->socket->context, on_reply, pending, (const char *)command->data, command->size) !=
      REDIS_OK) {
    free(pending);
    return false;
  }
  link->sent++;
  return true;
}

void eddy_redis_link_reset(struct eddy_redis_link *link, const char *reason) {
  note_trouble(link, reason);
  link->doubted = true;
  /* Called from a reply: hiredis finishes the callback, answers the rest and then calls on_disconnect. */
  if (link->socket && link->socket->context) redisAsyncFree(link->socket->context);
}

bool eddy_redis_link_is_up(const struct eddy_redis_link *link) {
  return link->state == UP;
}

const char *eddy_redis_link_script(const struct eddy_redis_link *link, size_t script) {
  return link->sha[script];
}

uint64_t eddy_redis_link_reconnects(const struct eddy_redis_link *link) {
  return link->reconnects;
}

/* ---- life ---- */

struct eddy_redis_link *eddy_redis_link_open(const struct eddy_redis_link_options *options) {
  struct eddy_redis_link *link = calloc(1, sizeof *link);
  if (!link) return NULL;
  EDDY_ASSERT(options->script_count <= EDDY_REDIS_SCRIPTS_MAX);
  link->options = *options;
  snprintf(link->name, sizeof link->name, "%s", options->name);
  for (char *c = link->name; *c; c++) {
    if (*c <= ' ' || *c > '~') *c = '_'; /* what CLIENT SETNAME accepts */
  }
  link->options.name = link->name;
  link->backoff_ms = BACKOFF_MIN_MS;
  link->state = DOWN;
  link->handles = 1;
  uv_timer_init(options->loop, &link->timer);
  link->timer.data = link;
  uv_timer_start(&link->timer, on_tick, 0, TICK_MS);
  return link;
}

static void timer_closed(uv_handle_t *handle) {
  handle_closed(handle->data);
}

void eddy_redis_link_close(struct eddy_redis_link *link, void (*closed)(void *ctx), void *ctx) {
  link->state = CLOSING;
  link->closed = closed;
  link->closed_ctx = ctx;
  if (link->socket && link->socket->context) redisAsyncFree(link->socket->context);
  uv_close((uv_handle_t *)&link->timer, timer_closed);
}
