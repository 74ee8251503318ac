#include "cmd/demo_redis.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool installed(void) {
  return system("command -v redis-server >/dev/null 2>&1") == 0;
}

/* In the child: quiet, no signals from the terminal, and gone when the demo is gone, however it ends. */
static void become_server(const struct eddy_demo_redis *redis) {
  int null = open("/dev/null", O_RDWR);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL); /* the demo blocks the signals that end it */
  if (null >= 0) {
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
  }
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", redis->socket, "--dir", redis->folder, "--save", "",
         "--appendonly", "no", (char *)NULL);
  _exit(127);
}

static bool await_socket(struct eddy_demo_redis *redis) {
  const struct timespec wait = {.tv_nsec = 20000000};
  for (int i = 0; i < 150; i++) {
    if (access(redis->socket, F_OK) == 0) return true;
    if (waitpid(redis->pid, NULL, WNOHANG) == redis->pid) {
      redis->pid = 0; /* the number may soon be another process's */
      return false;
    }
    nanosleep(&wait, NULL);
  }
  return false;
}

bool eddy_demo_redis_start(struct eddy_demo_redis *redis) {
  memset(redis, 0, sizeof *redis);
  if (!installed()) return false;
  const char *temporary = getenv("TMPDIR");
  snprintf(redis->folder, sizeof redis->folder, "%s/eddy-demo-XXXXXX",
           temporary && strlen(temporary) < 40 ? temporary : "/tmp");
  if (!mkdtemp(redis->folder)) return false;
  snprintf(redis->socket, sizeof redis->socket, "%s/redis.sock", redis->folder);
  redis->pid = fork();
  if (redis->pid == 0) become_server(redis);
  if (redis->pid > 0 && await_socket(redis)) return true;
  eddy_demo_redis_stop(redis);
  return false;
}

void eddy_demo_redis_stop(struct eddy_demo_redis *redis) {
  if (redis->pid > 0) {
    kill(redis->pid, SIGTERM);
    waitpid(redis->pid, NULL, 0);
  }
  if (redis->folder[0]) {
    unlink(redis->socket);
    rmdir(redis->folder);
  }
  memset(redis, 0, sizeof *redis);
}
