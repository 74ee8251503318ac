/* The records of topic `<app>.profiles`: state in its durable form (rules 6-8 of the recovery protocol).
 *
 *   key                    value
 *   'p' + user id          a profile, or a tombstone
 *   'e' + keyed hash, u64  marker of an erased user, or a tombstone
 *   'l' + layout id, u32   a layout
 *   'a'                    the aggregate of the partition
 *
 * The first byte of the key tells the kind, so that no user id can collide. A value begins with
 *   version u8, crc32c u32 over key and all that follows, partition, incarnation, sequence, position varints
 * (drawn in changelog_codec.c) and goes on with what belongs to the kind. `position` of a profile or marker = includes: events
 * before it are in it.
 *
 * Bytes are hostile: everything is checked, nothing allocated; views point into the record.
 */
#ifndef EDDY_CODEC_CHANGELOG_CODEC_H
#define EDDY_CODEC_CHANGELOG_CODEC_H

#include "base/memory.h"
#include "eddy/types.h"

enum eddy_changelog_kind { EDDY_CHANGELOG_PROFILE, EDDY_CHANGELOG_ERASED, EDDY_CHANGELOG_LAYOUT, EDDY_CHANGELOG_AGGREGATE };

enum {
  EDDY_CHANGELOG_VERSION = 1,
  EDDY_CHANGELOG_KEY_MAX = 1 + 255,
  EDDY_CHANGELOG_HEAD_MAX = 5 + 4 * 10,
  EDDY_REJECTED_MAX = 8192, /* runs in an aggregate */
};

/* Which commit of which partition a record belongs to. */
struct eddy_changelog_place {
  uint32_t partition;
  uint64_t incarnation;
  uint64_t sequence; /* from 1 */
  int64_t position;  /* C of that commit */
};

/* Offsets first .. end - 1 were refused when they were live (a schema unknown then may be known at replay). */
struct eddy_rejected {
  int64_t first, end;
};

/* Everything about a partition that is not a profile. All exact at `place.position`. */
struct eddy_aggregate {
  int64_t replay_from;
  uint32_t partition_count; /* of the input when it was written */
  uint64_t erasure_check;   /* fingerprint of the erasure key */
  uint64_t model_version;   /* adopted then; to look at, nothing rests on it */
  int64_t written_at;       /* wall time, ms */
  uint64_t last_trigger;    /* number of the last effect in topic triggers; 0 with has_trigger false */
  bool has_trigger;
  struct { /* what Redis had acknowledged, see eddy_redis_ack */
    bool known;
    uint64_t sequence, trigger;
    int64_t since; /* wall time from which on trigger records may be missing */
  } redis;
  const struct eddy_rejected *rejected; /* ascending, apart; of the first, what lies before replay_from is not written */
  size_t rejected_count;                /* <= EDDY_REJECTED_MAX */
  const void *state;                    /* eddy_engine_encode_state() */
  size_t state_size;
};

/* Each appends a whole value to `buffer`; `key` is what it will be stored under. 0 or EDDY_E_NOMEM. */
int eddy_changelog_encode_profile(const struct eddy_changelog_place *place, struct eddy_str key, const void *bytes, size_t size,
                                  struct eddy_buffer *buffer);
int eddy_changelog_encode_erased(const struct eddy_changelog_place *place, struct eddy_str key, int64_t erased_at,
                                 struct eddy_buffer *buffer);
int eddy_changelog_encode_layout(const struct eddy_changelog_place *place, struct eddy_str key, const void *bytes, size_t size,
                                 struct eddy_buffer *buffer);
int eddy_changelog_encode_aggregate(const struct eddy_changelog_place *place, const struct eddy_aggregate *aggregate,
                                    struct eddy_buffer *buffer);
/* Keys, into room of EDDY_CHANGELOG_KEY_MAX bytes. */
struct eddy_str eddy_changelog_profile_key(struct eddy_str user_id, char *room);
struct eddy_str eddy_changelog_erased_key(uint64_t hash, char *room);
struct eddy_str eddy_changelog_layout_key(uint32_t layout, char *room);
struct eddy_str eddy_changelog_aggregate_key(void);

struct eddy_changelog_record {
  enum eddy_changelog_kind kind;
  bool tombstone;          /* nothing below but the key's part is set */
  struct eddy_str user_id; /* PROFILE */
  uint64_t hash;           /* ERASED */
  uint32_t layout;         /* LAYOUT */
  struct eddy_changelog_place place;
  const void *bytes; /* PROFILE, LAYOUT */
  size_t size;
  int64_t erased_at;               /* ERASED */
  struct eddy_aggregate aggregate; /* AGGREGATE; `rejected` points into `room` */
};

/* value NULL = tombstone. 0, EDDY_E_CORRUPT (with what is wrong in `why`, may be NULL), EDDY_E_VERSION (written by a newer
 * eddy). `room` for EDDY_REJECTED_MAX runs of an aggregate; NULL: they are checked and counted only. */
int eddy_changelog_decode(const void *key, size_t key_size, const void *value, size_t value_size, struct eddy_rejected *room,
                          struct eddy_changelog_record *record, char *why, size_t why_size);

#endif
