/* A changelog in memory for tests of the store: what a write hands out is staged, and becomes part of the log with its commit.
 */
#ifndef EDDY_TESTS_CHANGELOG_LOG_H
#define EDDY_TESTS_CHANGELOG_LOG_H

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "store/changelog.h"

struct log_record {
  uint8_t *bytes; /* key, then value */
  uint32_t key_size, value_size;
  bool tombstone;
};

struct log {
  struct log_record *items;
  size_t count, committed, capacity;
  size_t fail_at;    /* put() of the record with this index in the write fails; SIZE_MAX: none */
  uint64_t sequence; /* of what is committed */
  int64_t position;
};

static inline void log_init(struct log *log) {
  *log = (struct log){.fail_at = SIZE_MAX};
}

static inline void log_drop(struct log *log, size_t from) {
  for (size_t i = from; i < log->count; i++) free(log->items[i].bytes);
  log->count = from;
}

static inline void log_fini(struct log *log) {
  log_drop(log, 0);
  free(log->items);
}

static inline int log_put(void *ctx, struct eddy_str key, const void *value, size_t value_size) {
  struct log *log = ctx;
  if (log->count - log->committed == log->fail_at) return 77;
  if (log->count == log->capacity) {
    log->capacity = 2 * log->capacity + 16;
    log->items = realloc(log->items, log->capacity * sizeof *log->items);
    EDDY_ASSERT(log->items != NULL);
  }
  struct log_record record = {.key_size = key.len, .value_size = (uint32_t)value_size, .tombstone = value == NULL};
  record.bytes = malloc(key.len + value_size + 1);
  EDDY_ASSERT(record.bytes != NULL);
  memcpy(record.bytes, key.data, key.len);
  if (value != NULL) memcpy(record.bytes + key.len, value, value_size);
  log->items[log->count++] = record;
  return 0;
}

/* The outcome of a write. */
static inline void log_commit(struct log *log, struct eddy_changelog *changelog, const struct eddy_changelog_commit *commit) {
  eddy_changelog_committed(changelog);
  log->committed = log->count;
  log->sequence = eddy_changelog_sequence(changelog);
  log->position = commit->position;
}

static inline void log_abort(struct log *log, struct eddy_changelog *changelog) {
  eddy_changelog_aborted(changelog);
  log_drop(log, log->committed);
}

static inline const void *log_value(const struct log_record *record) {
  return record->tombstone ? NULL : record->bytes + record->key_size;
}

static inline int log_decode(const struct log_record *record, struct eddy_rejected *room,
                             struct eddy_changelog_record *decoded) {
  return eddy_changelog_decode(record->bytes, record->key_size, log_value(record), record->value_size, room, decoded, NULL, 0);
}

static inline bool log_same_key(const struct log_record *a, const struct log_record *b) {
  return a->key_size == b->key_size && memcmp(a->bytes, b->bytes, a->key_size) == 0;
}

/* Compaction of the committed records from `from` to `to` - 1: of each key the newest stays. Nothing may be staged. */
static inline void log_compact(struct log *log, size_t from, size_t to) {
  size_t kept = from;
  EDDY_ASSERT(log->count == log->committed && to <= log->count);
  for (size_t i = from; i < log->count; i++) {
    bool newer = false;
    for (size_t j = i + 1; i < to && j < to && !newer; j++) newer = log_same_key(&log->items[i], &log->items[j]);
    if (newer) {
      free(log->items[i].bytes);
    } else {
      log->items[kept++] = log->items[i];
    }
  }
  log->count = log->committed = kept;
}

#endif
