/* Timing for the micro benchmarks: nanoseconds of a monotonic clock and, where the kernel allows, retired instructions.
 *
 * A measurement is the median over rounds of (time of a round / operations in it). One thread.
 */
#ifndef EDDY_BENCH_MEASURE_H
#define EDDY_BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EDDY_ROUNDS_MAX = 101 };

struct eddy_measure {
  int counter; /* file of perf_event_open, -1 where it is not supported */
  double ns[EDDY_ROUNDS_MAX], instructions[EDDY_ROUNDS_MAX];
  int rounds;
  uint64_t started_ns, started_instructions; /* of the running stretch; 0 ns: paused */
  uint64_t passed_ns, executed;              /* in the finished stretches of this round */
};

void eddy_measure_open(struct eddy_measure *measure);
void eddy_measure_close(struct eddy_measure *measure);
/* Forgets the rounds. */
void eddy_measure_reset(struct eddy_measure *measure);
void eddy_measure_begin(struct eddy_measure *measure);
/* Leaves out what happens between pause and go_on. */
void eddy_measure_pause(struct eddy_measure *measure);
void eddy_measure_go_on(struct eddy_measure *measure);
void eddy_measure_end(struct eddy_measure *measure, size_t operations);
/* Prints "name  median ns  (min .. max)  instructions". */
void eddy_measure_print(struct eddy_measure *measure, const char *name);
/* Median nanoseconds per operation. */
double eddy_measure_median(struct eddy_measure *measure);
/* Machine, compiler, version of eddy. */
void eddy_measure_banner(void);

#endif
