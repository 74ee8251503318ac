/* Decode plans by schema id or fingerprint: open addressing, grows, never forgets (both are immutable names). At most 10,000.
 * A schema that cannot be read as an Event stays, too, with the reason. One thread. Finding costs a few nanoseconds.
 */
#ifndef EDDY_CODEC_SCHEMA_CACHE_H
#define EDDY_CODEC_SCHEMA_CACHE_H

#include "codec/decode_plan.h"

struct eddy_schema_entry {
  uint64_t key;
  bool used;
  struct eddy_avro_schema *schema;
  struct eddy_decode_plan *plan; /* NULL: unusable */
  char *why;                     /* then: why; may be NULL */
};

struct eddy_schema_cache {
  struct eddy_schema_entry *entries;
  uint32_t capacity, count; /* a power of two or 0; at most half is used */
};

void eddy_schema_cache_fini(struct eddy_schema_cache *cache);
const struct eddy_schema_entry *eddy_schema_cache_find(const struct eddy_schema_cache *cache, uint64_t key);
/* Makes the plan for a schema text and keeps it under `key`, which must not be there yet. NULL if memory is short or the cache
 * is full. */
const struct eddy_schema_entry *eddy_schema_cache_add(struct eddy_schema_cache *cache, uint64_t key, const char *text,
                                                      size_t size);

#endif
