/* The name that somebody probably meant: "did you mean `half_life`?". */
#ifndef EDDY_DAEMON_NEAREST_H
#define EDDY_DAEMON_NEAREST_H

#include <stddef.h>

struct eddy_nearest {
  const char *wanted;
  const char *best; /* NULL: nothing is near */
  int distance;
};

/* Begin, offer every candidate (each must outlive the search), read `best`. Distance = insertions, deletions, substitutions and
 * swaps of neighbours (optimal string alignment), capitals and `-` against `_` being free; near = at most a third of the
 * length. */
struct eddy_nearest eddy_nearest_begin(const char *wanted);
void eddy_nearest_offer(struct eddy_nearest *nearest, const char *candidate);

#endif
