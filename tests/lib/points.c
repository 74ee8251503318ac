/* Named points of the recovery protocol, for tests from outside: `EDDY_KILL_AT=name:N` ends the process with SIGKILL when
 * it comes to point `name` for the N-th time (N = 1 if left out), `EDDY_STOP_AT` stops it with SIGSTOP. Any thread.
 * And a clock that is wrong: `EDDY_CLOCK_AHEAD` = by so many milliseconds.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rules.h"
#include "daemon/clock.h"

unsigned eddy_rules_off; /* none */

struct aim {
  const char *variable;
  int signal;
  atomic_long passed;
};

static void pass(struct aim *aim, const char *name) {
  const char *wanted = getenv(aim->variable);
  size_t size = strlen(name);
  if (!wanted || strncmp(wanted, name, size) != 0 || (wanted[size] != ':' && wanted[size] != '\0')) return;
  long number = wanted[size] == ':' ? strtol(wanted + size + 1, NULL, 10) : 1;
  if (atomic_fetch_add(&aim->passed, 1) + 1 == number) kill(getpid(), aim->signal);
}

void eddy_point(const char *name) {
  static struct aim aims[] = {{.variable = "EDDY_KILL_AT", .signal = SIGKILL}, {.variable = "EDDY_STOP_AT", .signal = SIGSTOP}};
  pass(&aims[0], name);
  pass(&aims[1], name);
}

/* The linker puts the first in the place of eddy_clock_wall(), which is the second then. */
int64_t __wrap_eddy_clock_wall(void);
int64_t __real_eddy_clock_wall(void);

int64_t __wrap_eddy_clock_wall(void) {
  const char *ahead = getenv("EDDY_CLOCK_AHEAD");
  return __real_eddy_clock_wall() + (ahead ? strtoll(ahead, NULL, 10) : 0);
}
