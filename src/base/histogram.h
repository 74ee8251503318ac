/* Log-linear histogram of non-negative integers (like HdrHistogram): 64 sub-buckets per power of two, relative error < 1.6 %,
 * range 0 .. 2^40. Plain value, mergeable by adding; not thread-safe.
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
/* Upper edge of the bucket that holds the quantile q in [0, 1]; 0 if empty. */
uint64_t eddy_histogram_quantile(const struct eddy_histogram *histogram, double q);

#endif
