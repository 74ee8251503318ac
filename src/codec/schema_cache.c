#include "codec/schema_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { ENTRIES_MAX = 10000, CAPACITY_MIN = 16 };

static void free_entry(struct eddy_schema_entry *entry) {
  eddy_decode_plan_free(entry->plan);
  eddy_avro_schema_free(entry->schema);
  free(entry->why);
}

void eddy_schema_cache_fini(struct eddy_schema_cache *cache) {
  for (uint32_t i = 0; i < cache->capacity; i++) free_entry(&cache->entries[i]);
  free(cache->entries);
  *cache = (struct eddy_schema_cache){0};
}

/* The entry of a key, or the empty one where it belongs. */
static struct eddy_schema_entry *slot_of(const struct eddy_schema_cache *cache, uint64_t key) {
  uint32_t mask = cache->capacity - 1, slot = (uint32_t)eddy_hash_mix(key) & mask;
  while (cache->entries[slot].used && cache->entries[slot].key != key) slot = (slot + 1) & mask;
  return &cache->entries[slot];
}

const struct eddy_schema_entry *eddy_schema_cache_find(const struct eddy_schema_cache *cache, uint64_t key) {
  if (cache->capacity == 0) return NULL;
  const struct eddy_schema_entry *entry = slot_of(cache, key);
  return entry->used ? entry : NULL;
}

static bool grow(struct eddy_schema_cache *cache) {
  struct eddy_schema_cache larger = {.capacity = cache->capacity ? cache->capacity * 2 : CAPACITY_MIN, .count = cache->count};
  larger.entries = calloc(larger.capacity, sizeof *larger.entries);
  if (!larger.entries) return false;
  for (uint32_t i = 0; i < cache->capacity; i++) {
    if (cache->entries[i].used) *slot_of(&larger, cache->entries[i].key) = cache->entries[i];
  }
  free(cache->entries);
  *cache = larger;
  return true;
}

const struct eddy_schema_entry *eddy_schema_cache_add(struct eddy_schema_cache *cache, uint64_t key, const char *text,
                                                      size_t size) {
  if (cache->count == ENTRIES_MAX) return NULL;
  if (cache->count * 2 >= cache->capacity && !grow(cache)) return NULL;
  char why[256] = "";
  struct eddy_schema_entry *entry = slot_of(cache, key);
  *entry = (struct eddy_schema_entry){.key = key, .used = true};
  entry->schema = eddy_avro_schema_parse(text, size, why, sizeof why);
  if (entry->schema) entry->plan = eddy_decode_plan_new(entry->schema, why, sizeof why);
  if (!entry->plan) entry->why = strdup(why);
  cache->count++;
  return entry;
}
