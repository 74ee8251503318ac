/* A profile as bytes, for its record in the changelog. Times are varints relative to last_time (0 in a stub), little-endian:
 *
 *   layout u32, flags u8
 *   evidence f32                                   if EVIDENCE
 *   last_time, first_seen varint                   if LIVES (it is no stub)
 *   last_contribution varint                       if CONTRIBUTED
 *   segment, segment_since varint                  if SEGMENT
 *   lanes: a bit per place, f32 for each one set   if LANES
 *   ages: a bit per place, varint for each one set if AGES
 *   recent ids: number u8, u64 each, oldest first  if IDS
 *   tail: the rest, as it is packed                if TAIL
 *
 * Canonical: what is empty is left out, and the place of the recent ids within their ring does not show, so equal profiles have
 * equal bytes. Pure. Cost: linear in what there is.
 */
#ifndef EDDY_CORE_PROFILE_CODEC_H
#define EDDY_CORE_PROFILE_CODEC_H

#include "core/layout.h"
#include "core/profile.h"

/* All but the tail. */
enum { EDDY_PROFILE_HEAD_MAX = 5 + 4 + 5 * 10 + 2 * EDDY_FEATURES_MAX / 8 + 14 * EDDY_FEATURES_MAX + 1 + 8 * 64 };

/* `layout` is the id of the specification's own. Returns the size, SIZE_MAX if it does not fit. */
size_t eddy_profile_encode(const struct eddy_spec_compiled *compiled, uint32_t layout, const struct eddy_profile *profile,
                           void *buffer, size_t capacity);

/* A record with nothing but the fields that are in the bytes. */
union eddy_profile_image {
  struct eddy_profile profile;
  uint8_t bytes[EDDY_PROFILE_SIZE_MAX];
};
struct eddy_profile_bytes {
  const void *data;
  size_t size;
};
/* The id of the layout that the bytes were written under; false if there is none. */
bool eddy_profile_layout_id(struct eddy_profile_bytes bytes, uint32_t *id);
/* Reads bytes that may be hostile. What the specification does not know is dropped; of recent ids the newest are kept. `tail`
 * is a view into the bytes and not looked at. 0 or EDDY_E_CORRUPT. */
int eddy_profile_decode(const struct eddy_spec_compiled *compiled, const struct eddy_layout *layout,
                        struct eddy_profile_bytes bytes, union eddy_profile_image *image, struct eddy_profile_bytes *tail);

#endif
