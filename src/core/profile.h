/* The fixed record of a user, as it lies in a slab.
 *
 *   offset
 *      0  folded     evidence f32 (the slab's free list runs through these bytes of a free record)
 *      4             recent_next, recent_count
 *      6  identity   id_length (0: the slot is free)
 *      7  published  has_segment
 *         derived    dirty, write_now, passes (core/durable.h)
 *      8  folded     first_seen, last_time, last_contribution
 *     32  published  segment_since, segment
 *     44  tail       size, pointer
 *     56  identity   id: 24 bytes, or a pointer into the pool for longer ids
 *     80  derived    timer
 *    112  folded     lanes f32[lane_count], padded to 8 bytes
 *                    ages i64[age_count]
 *                    recent ids u64[recent_ids], a ring
 *
 * The tail (core/tail.h) has its own two sections. Every byte is folded, published, or can be derived from the rest (invariant
 * 1); nothing here is on the wire: core/snapshot.c writes field by field. With the default specification 320 bytes.
 */
#ifndef EDDY_CORE_PROFILE_H
#define EDDY_CORE_PROFILE_H

#include "base/timer_queue.h"
#include "core/spec_compiled.h"

enum { EDDY_ID_INLINE = 24, EDDY_PASSES_MAX = 3 };

struct eddy_profile {
  float evidence; /* weights of all events folded */
  uint8_t recent_next, recent_count;
  uint8_t id_length;
  bool has_segment : 1;
  bool dirty : 1, write_now : 1;
  uint8_t passes : 2; /* of the hand since the user's last event, at most EDDY_PASSES_MAX */
  int64_t first_seen;
  int64_t last_time; /* newest event; EDDY_TIME_NONE: a stub that keeps a consent and nothing else */
  int64_t last_contribution;
  int64_t segment_since;
  uint32_t segment;
  uint32_t tail_size; /* 0: no tail */
  uint8_t *tail;
  union {
    char bytes[EDDY_ID_INLINE];
    char *pointer;
  } id;
  struct eddy_timer timer; /* seq = slot */
  float lanes[];
};

_Static_assert(offsetof(struct eddy_profile, id_length) == 6, "not within the free list's bytes");
_Static_assert(offsetof(struct eddy_profile, first_seen) == 8, "the bits share one byte");
_Static_assert(offsetof(struct eddy_profile, segment_since) == 32, "folded fields first");
_Static_assert(offsetof(struct eddy_profile, tail) == 48 && offsetof(struct eddy_profile, id) == 56, "see the drawing");
_Static_assert(offsetof(struct eddy_profile, timer) == 80 && offsetof(struct eddy_profile, lanes) == 112, "see the drawing");

static inline size_t eddy_profile_ages_offset(const struct eddy_spec_compiled *compiled) {
  return offsetof(struct eddy_profile, lanes) + (compiled->lane_count + 1u) / 2 * 8;
}
static inline size_t eddy_profile_size(const struct eddy_spec_compiled *compiled) {
  return eddy_profile_ages_offset(compiled) + 8u * (compiled->age_count + (size_t)compiled->spec->limits.recent_ids);
}
enum { EDDY_PROFILE_SIZE_MAX = 112 + 4 * EDDY_FEATURES_MAX + 8 * (EDDY_FEATURES_MAX + 64) };

static inline int64_t *eddy_profile_ages(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile) {
  return (int64_t *)((uintptr_t)profile + eddy_profile_ages_offset(compiled));
}
static inline uint64_t *eddy_profile_recent(const struct eddy_spec_compiled *compiled, const struct eddy_profile *profile) {
  return (uint64_t *)((uintptr_t)profile + eddy_profile_ages_offset(compiled) + 8u * compiled->age_count);
}
static inline struct eddy_str eddy_profile_id(const struct eddy_profile *profile) {
  const char *data = profile->id_length <= EDDY_ID_INLINE ? profile->id.bytes : profile->id.pointer;
  return (struct eddy_str){data, profile->id_length};
}

#endif
