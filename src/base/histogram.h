/* Log-linear histogram of non-negative integers (like HdrHistogram): 64 sub-buckets per power of two, relative error < 1.6 %,
 * range 0 .. 2^41 - 1; a larger value counts in the last bucket. Plain value, all zero is empty, mergeable by adding; not
 * thread-safe. Adding is O(1), a quantile O(buckets).
 */
#ifndef EDDY_BASE_HISTOGRAM_H
#define EDDY_BASE_HISTOGRAM_H

#include <stdint.h>

enum { EDDY_HISTOGRAM_BUCKETS = 64 * 36 };

struct eddy_histogram {
  uint64_t count, max;
  double sum;
  uint64_t buckets[EDDY_HISTOGRAM_BUCKETS];
};

void eddy_histogram_add(struct eddy_histogram *histogram, uint64_t value);
void eddy_histogram_merge(struct eddy_histogram *into, const struct eddy_histogram *from);
/* The value below or at which a share q in [0, 1] of all values lies: the largest value of its bucket, at most max; 0 if
 * empty. */
uint64_t eddy_histogram_quantile(const struct eddy_histogram *histogram, double q);

#endif
