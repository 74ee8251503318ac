/* What systemd hears: each datagram, on a socket of the test's own. */
#include "daemon/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/status.h"

struct fixture {
  int listener;
  struct eddy_notify notify;
  struct eddy_pipeline_stats stats; /* of one worker that is alive and a member at time 0 */
};

/* A listener in the abstract namespace; its name is the environment's as systemd would write it. */
static int set_up(void **state) {
  struct fixture *fixture = calloc(1, sizeof(*fixture));
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char name[64];
  snprintf(name, sizeof(name), "@eddy-test-notify-%ld", (long)getpid());
  memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
  fixture->listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  assert_int_equal(bind(fixture->listener, (struct sockaddr *)&address, size), 0);
  setenv("NOTIFY_SOCKET", name, 1);
  unsetenv("WATCHDOG_PID");
  setenv("WATCHDOG_USEC", "30000000", 1);
  fixture->stats.workers = 1;
  fixture->stats.joined = 1;
  *state = fixture;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  eddy_notify_close(&fixture->notify);
  close(fixture->listener);
  free(fixture);
  return 0;
}

/* The next datagram, "" if there is none. */
static const char *heard(struct fixture *fixture, char text[512]) {
  ssize_t size = recv(fixture->listener, text, 511, 0);
  text[size > 0 ? size : 0] = '\0';
  return text;
}

static void says_ready_once_and_what_is_missing(void **state) {
  struct fixture *fixture = *state;
  char text[512];
  unsetenv("WATCHDOG_USEC");
  eddy_notify_open(&fixture->notify);
  fixture->stats.restoring = 1;
  eddy_notify_tell(&fixture->notify, &fixture->stats, 0);
  assert_non_null(strstr(heard(fixture, text), "STATUS={\"ready\":false"));
  assert_null(strstr(text, "READY=1"));
  assert_null(strchr(text, '\n'));
  eddy_notify_tell(&fixture->notify, &fixture->stats, 1000);
  assert_string_equal(heard(fixture, text), ""); /* nothing new */

  fixture->stats.restoring = 0;
  eddy_notify_tell(&fixture->notify, &fixture->stats, 2000);
  assert_int_equal(strncmp(heard(fixture, text), "READY=1\nSTATUS={\"ready\":true", 28), 0);
  fixture->stats.away = 1;
  eddy_notify_tell(&fixture->notify, &fixture->stats, 3000);
  assert_non_null(strstr(heard(fixture, text), "broker"));
  fixture->stats.away = 0;
  eddy_notify_tell(&fixture->notify, &fixture->stats, 4000);
  assert_null(strstr(heard(fixture, text), "READY=1"));
}

static void pings_while_the_workers_turn(void **state) {
  struct fixture *fixture = *state;
  char text[512];
  eddy_notify_open(&fixture->notify);
  eddy_notify_tell(&fixture->notify, &fixture->stats, EDDY_STUCK_MS);
  assert_string_equal(heard(fixture, text), "WATCHDOG=1");
  assert_non_null(strstr(heard(fixture, text), "READY=1"));
  eddy_notify_tell(&fixture->notify, &fixture->stats, EDDY_STUCK_MS + 1); /* the worker's last turn was at 0 */
  assert_string_equal(heard(fixture, text), "");
}

static void looks_twice_within_the_watchdogs_time(void **state) {
  struct fixture *fixture = *state;
  setenv("WATCHDOG_USEC", "500000", 1);
  eddy_notify_open(&fixture->notify);
  assert_true(fixture->notify.watched);
  assert_int_equal(fixture->notify.every_ms, 250);
  eddy_notify_close(&fixture->notify);
  setenv("WATCHDOG_PID", "1", 1); /* meant for another process */
  eddy_notify_open(&fixture->notify);
  assert_false(fixture->notify.watched);
}

static void does_not_become_ready_while_it_leaves(void **state) {
  struct fixture *fixture = *state;
  char text[512];
  unsetenv("WATCHDOG_USEC");
  eddy_notify_open(&fixture->notify);
  eddy_notify_stopping(&fixture->notify);
  assert_int_equal(strncmp(heard(fixture, text), "STOPPING=1\n", 11), 0);
  eddy_notify_tell(&fixture->notify, &fixture->stats, 0);
  assert_string_equal(heard(fixture, text), "");
}

static void tells_of_a_reload_once_it_is_ready(void **state) {
  struct fixture *fixture = *state;
  char text[512];
  unsetenv("WATCHDOG_USEC");
  eddy_notify_open(&fixture->notify);
  eddy_notify_reloading(&fixture->notify, 1);
  eddy_notify_reloaded(&fixture->notify);
  assert_string_equal(heard(fixture, text), ""); /* READY=1 would end the start */
  eddy_notify_tell(&fixture->notify, &fixture->stats, 0);
  assert_non_null(strstr(heard(fixture, text), "READY=1"));
  eddy_notify_reloading(&fixture->notify, 1234567);
  assert_string_equal(heard(fixture, text), "RELOADING=1\nMONOTONIC_USEC=1234567");
  eddy_notify_reloaded(&fixture->notify);
  assert_string_equal(heard(fixture, text), "READY=1");
}

static void is_silent_without_a_listener(void **state) {
  struct fixture *fixture = *state;
  static const char *const names[] = {
      "", "@", "relative", "/nowhere/at/all",
      "/a-name-that-is-longer-than-any-address-of-a-socket-can-be-........................................."};
  for (size_t i = 0; i <= sizeof(names) / sizeof(names[0]); i++) {
    if (i < sizeof(names) / sizeof(names[0]))
      setenv("NOTIFY_SOCKET", names[i], 1);
    else
      unsetenv("NOTIFY_SOCKET");
    eddy_notify_open(&fixture->notify);
    assert_int_equal(fixture->notify.socket, -1);
    eddy_notify_tell(&fixture->notify, &fixture->stats, 0);
    eddy_notify_turn(&fixture->notify, NULL, 0); /* asks no pipeline either */
    eddy_notify_stopping(&fixture->notify);
    eddy_notify_close(&fixture->notify);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(says_ready_once_and_what_is_missing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(pings_while_the_workers_turn, set_up, tear_down),
      cmocka_unit_test_setup_teardown(looks_twice_within_the_watchdogs_time, set_up, tear_down),
      cmocka_unit_test_setup_teardown(tells_of_a_reload_once_it_is_ready, set_up, tear_down),
      cmocka_unit_test_setup_teardown(does_not_become_ready_while_it_leaves, set_up, tear_down),
      cmocka_unit_test_setup_teardown(is_silent_without_a_listener, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
