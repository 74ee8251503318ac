/* Which feature and trigger each place of a profile's bytes belongs to, by name:
 *
 *   version u8, lanes u8, ages u8, triggers u8; then one u64 each, in the order of the specification: stable hashes of
 *   a feature's name and kind, or of a trigger's name, kind and subject
 *
 * Compiled against the specification of an engine, a layout says where its places are now. Pure. Cost: O(places^2) once.
 */
#ifndef EDDY_CORE_LAYOUT_H
#define EDDY_CORE_LAYOUT_H

#include "core/spec_compiled.h"

enum { EDDY_PLACE_NONE = UINT8_MAX };

struct eddy_layout {
  uint32_t id;
  bool same_triggers; /* and in the same places */
  uint8_t lane_count, age_count, trigger_count;
  /* place in the engine's own layout, EDDY_PLACE_NONE if there is none any more */
  uint8_t lanes[EDDY_FEATURES_MAX], ages[EDDY_FEATURES_MAX], triggers[EDDY_TRIGGERS_MAX];
};

/* The bytes of a specification's own layout; SIZE_MAX if they do not fit. */
size_t eddy_layout_encode(const struct eddy_spec *spec, void *buffer, size_t capacity);
/* The engine's own: every place where it is. */
void eddy_layout_own(const struct eddy_spec *spec, struct eddy_layout *layout);
/* From bytes that may be hostile. 0, EDDY_E_CORRUPT, EDDY_E_VERSION. */
int eddy_layout_compile(const struct eddy_spec *spec, const void *bytes, size_t size, struct eddy_layout *layout);

#endif
