#include "measure.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "eddy/eddy.h"

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint64_t instructions(const struct eddy_measure *measure) {
  uint64_t value = 0;
  if (measure->counter < 0 || read(measure->counter, &value, sizeof value) != sizeof value) return 0;
  return value;
}

void eddy_measure_open(struct eddy_measure *measure) {
  struct perf_event_attr attributes = {.type = PERF_TYPE_HARDWARE, .size = sizeof attributes,
                                       .config = PERF_COUNT_HW_INSTRUCTIONS, .exclude_kernel = 1};
  memset(measure, 0, sizeof *measure);
  measure->counter = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
}

void eddy_measure_close(struct eddy_measure *measure) {
  if (measure->counter >= 0) close(measure->counter);
}

void eddy_measure_reset(struct eddy_measure *measure) { measure->rounds = 0; }

void eddy_measure_begin(struct eddy_measure *measure) {
  measure->passed_ns = measure->executed = 0;
  eddy_measure_go_on(measure);
}

void eddy_measure_go_on(struct eddy_measure *measure) {
  measure->started_instructions = instructions(measure);
  measure->started_ns = now_ns();
}

void eddy_measure_pause(struct eddy_measure *measure) {
  if (measure->started_ns == 0) return;
  measure->passed_ns += now_ns() - measure->started_ns;
  measure->executed += instructions(measure) - measure->started_instructions;
  measure->started_ns = 0;
}

void eddy_measure_end(struct eddy_measure *measure, size_t operations) {
  eddy_measure_pause(measure);
  if (measure->rounds == EDDY_ROUNDS_MAX) return;
  measure->ns[measure->rounds] = (double)measure->passed_ns / (double)operations;
  measure->instructions[measure->rounds++] = (double)measure->executed / (double)operations;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double eddy_measure_median(struct eddy_measure *measure) {
  qsort(measure->ns, (size_t)measure->rounds, sizeof measure->ns[0], compare);
  return measure->rounds > 0 ? measure->ns[measure->rounds / 2] : 0;
}

void eddy_measure_print(struct eddy_measure *measure, const char *name) {
  double median = eddy_measure_median(measure);
  qsort(measure->instructions, (size_t)measure->rounds, sizeof measure->instructions[0], compare);
  printf("%-58s %8.1f ns  (%.1f .. %.1f)", name, median, measure->ns[0], measure->ns[measure->rounds - 1]);
  if (measure->counter >= 0) printf("  %8.0f instructions", measure->instructions[measure->rounds / 2]);
  printf("\n");
  fflush(stdout);
}

static void print_cpu(void) {
  char line[256];
  FILE *file = fopen("/proc/cpuinfo", "r");
  while (file && fgets(line, sizeof line, file)) {
    char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) != 0 || !colon) continue;
    printf("cpu       %s", colon + 2);
    break;
  }
  if (file) fclose(file);
}

void eddy_measure_banner(void) {
  struct utsname system;
  uname(&system);
  print_cpu();
  printf("cores     %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
  printf("system    %s %s %s\n", system.sysname, system.release, system.machine);
  printf("compiler  %s\n", __VERSION__);
  printf("eddy      %s\n\n", eddy_version());
}
