/* A broken invariant ends the process and names itself; a true one does nothing. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"

/* Runs the assertion in a child whose stderr is `text`; the child's wait status. */
static int status_of_assertion(int value, char *text, size_t size) {
  int ends[2], status = 0;
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);
    dup2(ends[1], STDERR_FILENO);
    EDDY_ASSERT(value == 1);
    _exit(0);
  }
  close(ends[1]);
  ssize_t got = read(ends[0], text, size - 1);
  text[got > 0 ? got : 0] = '\0';
  close(ends[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  return status;
}

static void a_broken_invariant_aborts(void **state) {
  (void)state;
  char text[512];
  int status = status_of_assertion(2, text, sizeof text);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  assert_non_null(strstr(text, "value == 1"));
  assert_non_null(strstr(text, "test_assert.c:"));
}

static void a_kept_invariant_does_nothing(void **state) {
  (void)state;
  char text[512];
  int status = status_of_assertion(1, text, sizeof text);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_string_equal(text, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_broken_invariant_aborts),
      cmocka_unit_test(a_kept_invariant_does_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
