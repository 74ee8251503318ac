#include "base/histogram.h"

enum { SUB_BITS = 6, SUB_COUNT = 1 << SUB_BITS };

/* Values below 64 have a bucket each; above, the bucket is the power of two and the next six bits. */
static unsigned bucket_of(uint64_t value) {
  if (value < SUB_COUNT) return (unsigned)value;
  unsigned shift = 63u - (unsigned)__builtin_clzll(value) - SUB_BITS;
  unsigned bucket = (shift + 1) * SUB_COUNT + (unsigned)((value >> shift) - SUB_COUNT);
  return bucket < EDDY_HISTOGRAM_BUCKETS ? bucket : EDDY_HISTOGRAM_BUCKETS - 1;
}

static uint64_t upper_edge(unsigned bucket) {
  if (bucket < SUB_COUNT) return bucket;
  unsigned shift = bucket / SUB_COUNT - 1;
  return ((uint64_t)(SUB_COUNT + bucket % SUB_COUNT + 1) << shift) - 1;
}

void eddy_histogram_add(struct eddy_histogram *histogram, uint64_t value) {
  histogram->count++;
  histogram->sum += (double)value;
  if (value > histogram->max) histogram->max = value;
  histogram->buckets[bucket_of(value)]++;
}

void eddy_histogram_merge(struct eddy_histogram *into, const struct eddy_histogram *from) {
  into->count += from->count;
  into->sum += from->sum;
  if (from->max > into->max) into->max = from->max;
  for (unsigned i = 0; i < EDDY_HISTOGRAM_BUCKETS; i++) into->buckets[i] += from->buckets[i];
}

uint64_t eddy_histogram_quantile(const struct eddy_histogram *histogram, double q) {
  if (histogram->count == 0) return 0;
  double wanted = q * (double)histogram->count;
  uint64_t seen = 0;
  for (unsigned i = 0; i < EDDY_HISTOGRAM_BUCKETS; i++) {
    seen += histogram->buckets[i];
    if (seen > 0 && (double)seen >= wanted) return upper_edge(i) < histogram->max ? upper_edge(i) : histogram->max;
  }
  return histogram->max;
}
