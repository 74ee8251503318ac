/* Named points of the recovery protocol, for tests from outside: `EDDY_KILL_AT=name:N` ends the process with SIGKILL when
 * it comes to point `name` for the N-th time (N = 1 if left out), `EDDY_STOP_AT` stops it with SIGSTOP. Any thread.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rules.h"

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
