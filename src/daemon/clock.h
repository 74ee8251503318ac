/* The two clocks of the shell: wall time for what is published, monotonic time for waiting. Any thread. */
#ifndef EDDY_DAEMON_CLOCK_H
#define EDDY_DAEMON_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970, UTC. */
int64_t eddy_clock_wall(void);
/* Milliseconds since some moment; never goes back. */
int64_t eddy_clock_mono(void);
/* The same in microseconds. */
int64_t eddy_clock_mono_us(void);
void eddy_clock_sleep(int64_t ms);

#endif
