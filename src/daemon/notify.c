#include "daemon/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/status.h"

enum { LOOK_MS = 1000, LOOK_MIN_MS = 10 };

/* A path, or a name in the abstract namespace with @ for the leading 0. */
static int connect_to(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t size = strlen(name);
  if ((name[0] != '/' && name[0] != '@') || size < 2 || size >= sizeof(address.sun_path)) return -1;
  memcpy(address.sun_path, name, size);
  if (name[0] == '@') address.sun_path[0] = '\0';
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
  if (connect(fd, (const struct sockaddr *)&address, length) == 0) return fd;
  close(fd);
  return -1;
}

static bool put(const struct eddy_notify *notify, const char *text) {
  return send(notify->socket, text, strlen(text), MSG_NOSIGNAL) >= 0;
}

/* In ms; 0 if no watchdog waits for this very process. */
static int64_t watchdog_ms(void) {
  const char *time = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
  if (!time || (pid && atoll(pid) != (long long)getpid())) return 0;
  long long usec = atoll(time);
  return usec > 0 ? (int64_t)(usec / 1000) : 0;
}

void eddy_notify_open(struct eddy_notify *notify) {
  const char *name = getenv("NOTIFY_SOCKET");
  int64_t watchdog = watchdog_ms();
  *notify = (struct eddy_notify){.socket = name ? connect_to(name) : -1, .every_ms = LOOK_MS, .watched = watchdog > 0};
  if (notify->watched && watchdog / 2 < LOOK_MS) notify->every_ms = watchdog / 2 > LOOK_MIN_MS ? watchdog / 2 : LOOK_MIN_MS;
}

/* True if `path` is answered with 200; the answer's line is kept in `text`. */
static bool says_yes(const char *path, const struct eddy_pipeline_stats *stats, int64_t mono, char *text, size_t size) {
  struct eddy_http_reply reply = {.status = 200};
  eddy_buffer_init(&reply.body, NULL);
  eddy_status_answer((struct eddy_str){path, (uint32_t)strlen(path)}, stats, mono, 0, &reply);
  snprintf(text, size, "%.*s", (int)reply.body.size, reply.body.size ? (const char *)reply.body.data : "");
  text[strcspn(text, "\n")] = '\0';
  eddy_buffer_fini(&reply.body);
  return reply.status == 200;
}

/* Once it was ready it stays so for systemd: what is missing later is in the status only. */
static void tell_ready(struct eddy_notify *notify, bool ready, const char *text) {
  char message[sizeof(notify->told) + 32];
  bool first = ready && !notify->ready;
  if (notify->leaving || (!first && strcmp(text, notify->told) == 0)) return;
  snprintf(message, sizeof(message), "%sSTATUS=%s", first ? "READY=1\n" : "", text);
  if (!put(notify, message)) return; /* its queue is full: next time */
  notify->ready = notify->ready || ready;
  snprintf(notify->told, sizeof(notify->told), "%s", text);
}

void eddy_notify_tell(struct eddy_notify *notify, const struct eddy_pipeline_stats *stats, int64_t mono) {
  char text[sizeof(notify->told)];
  if (notify->socket < 0) return;
  if (notify->watched && says_yes("/healthz", stats, mono, text, sizeof(text))) put(notify, "WATCHDOG=1");
  bool ready = says_yes("/readyz", stats, mono, text, sizeof(text));
  tell_ready(notify, ready, text);
}

void eddy_notify_turn(struct eddy_notify *notify, struct eddy_pipeline *pipeline, int64_t mono) {
  if (notify->socket < 0 || mono < notify->next) return;
  struct eddy_pipeline_stats *stats = malloc(sizeof(*stats));
  if (!stats) return;
  notify->next = mono + notify->every_ms;
  eddy_pipeline_stats(pipeline, stats);
  eddy_notify_tell(notify, stats, mono);
  free(stats);
}

static bool tells_of_reloads(const struct eddy_notify *notify) {
  return notify->socket >= 0 && notify->ready && !notify->leaving;
}

void eddy_notify_reloading(struct eddy_notify *notify, int64_t now_us) {
  char message[64];
  if (!tells_of_reloads(notify)) return;
  snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)now_us);
  put(notify, message);
}

void eddy_notify_reloaded(struct eddy_notify *notify) {
  if (tells_of_reloads(notify)) put(notify, "READY=1");
}

void eddy_notify_stopping(struct eddy_notify *notify) {
  notify->leaving = true;
  if (notify->socket >= 0) put(notify, "STOPPING=1\nSTATUS=commits and leaves");
}

void eddy_notify_close(struct eddy_notify *notify) {
  if (notify->socket >= 0) close(notify->socket);
  notify->socket = -1;
}
