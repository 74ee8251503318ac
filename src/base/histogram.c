#include "base/histogram.h"

/* Values below 64 have a bucket each. Above, value = 1.sub * 2^exponent with the 6 bits behind the leading one as sub-bucket:
 *
 *   bucket 64 * (exponent - 5) + sub   holds   (64 + sub) << (exponent - 6)   and the 2^(exponent - 6) - 1 values above it.
 */
enum { SUB_BITS = 6, SUBS = 1 << SUB_BITS };

static unsigned bucket_of(uint64_t value) {
  if (value < SUBS) return (unsigned)value;
  unsigned exponent = 63 - (unsigned)__builtin_clzll(value);
  unsigned bucket = SUBS * (exponent - SUB_BITS + 1) + (unsigned)(value >> (exponent - SUB_BITS)) % SUBS;
  return bucket < EDDY_HISTOGRAM_BUCKETS ? bucket : EDDY_HISTOGRAM_BUCKETS - 1;
}

static uint64_t largest_of(unsigned bucket) {
  if (bucket < SUBS) return bucket;
  unsigned shift = bucket / SUBS - 1;
  return ((uint64_t)(SUBS + bucket % SUBS + 1) << shift) - 1;
}

void eddy_histogram_add(struct eddy_histogram *histogram, uint64_t value) {
  histogram->buckets[bucket_of(value)]++;
  histogram->count++;
  histogram->sum += (double)value;
  if (value > histogram->max) histogram->max = value;
}

void eddy_histogram_merge(struct eddy_histogram *into, const struct eddy_histogram *from) {
  for (unsigned i = 0; i < EDDY_HISTOGRAM_BUCKETS; i++) into->buckets[i] += from->buckets[i];
  into->count += from->count;
  into->sum += from->sum;
  if (from->max > into->max) into->max = from->max;
}

/* How many values, counted from the smallest, the share q of them is: 1..count. */
static uint64_t rank_of(uint64_t count, double q) {
  double exact = q > 0 ? q * (double)count : 0;
  if (exact >= (double)count) return count;
  uint64_t rank = (uint64_t)exact;
  if ((double)rank < exact) rank++;
  return rank > 0 ? rank : 1;
}

uint64_t eddy_histogram_quantile(const struct eddy_histogram *histogram, double q) {
  if (histogram->count == 0) return 0;
  uint64_t rank = rank_of(histogram->count, q), seen = 0;
  for (unsigned i = 0; i < EDDY_HISTOGRAM_BUCKETS - 1; i++) {
    seen += histogram->buckets[i];
    if (seen >= rank) return largest_of(i) < histogram->max ? largest_of(i) : histogram->max;
  }
  return histogram->max; /* the last bucket has no upper end */
}
