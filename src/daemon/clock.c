#include "daemon/clock.h"

#include <time.h>

static int64_t read_us(clockid_t id) {
  struct timespec at;
  clock_gettime(id, &at);
  return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

int64_t eddy_clock_wall(void) {
  return read_us(CLOCK_REALTIME) / 1000;
}
int64_t eddy_clock_mono(void) {
  return read_us(CLOCK_MONOTONIC) / 1000;
}
int64_t eddy_clock_mono_us(void) {
  return read_us(CLOCK_MONOTONIC);
}

void eddy_clock_sleep(int64_t ms) {
  struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&wait, NULL);
}
