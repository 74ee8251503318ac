#include <string.h>

#include "base/assert.h"
#include "base/pool.h"
#include "core/recovery.h"
#include "core/tail_fit.h"

/* The working tail as bytes; SIZE_MAX if there is no room for them. */
static size_t pack(struct eddy_engine *engine) {
  return eddy_tail_encode(&engine->scratch->tail, engine->encoded, engine->encoded_capacity);
}

static bool small_enough(const struct eddy_engine *engine, const void *bytes, size_t size) {
  return size <= engine->encoded_capacity && size <= EDDY_POOL_BLOCK_MAX &&
         eddy_tail_folded_size(bytes, size) <= engine->spec->limits.tail_bytes;
}

/* The working tail, changed until it fits, as bytes in engine->encoded; their size. Consent always fits (spec_check.c). */
static size_t pack_to_fit(struct eddy_engine *engine) {
  size_t size = pack(engine);
  while (size > 0 && !small_enough(engine, engine->encoded, size)) {
    bool dropped = eddy_tail_drop_part(&engine->compiled, &engine->scratch->tail);
    EDDY_ASSERT(dropped);
    size = pack(engine);
  }
  return size;
}

/* Under another specification the bytes change. Decoded once more, for the order of times and in case moved triggers collide.
 */
static int adapt(struct eddy_engine *engine, const struct eddy_layout *layout, struct eddy_profile_bytes *bytes) {
  struct eddy_tail *tail = &engine->scratch->tail;
  bool fits =
      layout->same_triggers && eddy_tail_within_limits(engine->spec, tail) && small_enough(engine, bytes->data, bytes->size);
  if (fits) return 0;
  if (!layout->same_triggers) eddy_tail_move_triggers(layout, tail);
  eddy_tail_fit_limits(&engine->compiled, tail);
  *bytes = (struct eddy_profile_bytes){engine->encoded, pack_to_fit(engine)};
  return eddy_tail_decode(tail, bytes->data, bytes->size);
}

int eddy_recovery_tail(struct eddy_engine *engine, const struct eddy_layout *layout, struct eddy_profile_bytes bytes,
                       struct eddy_tail_write *write) {
  struct eddy_tail *tail = &engine->scratch->tail;
  int error = eddy_tail_decode(tail, bytes.data, bytes.size);
  bool ok = error == 0 && (bytes.size == 0 || !eddy_tail_empty(tail)) && eddy_tail_of_layout(layout, tail);
  if (!ok) return EDDY_E_CORRUPT;
  error = adapt(engine, layout, &bytes);
  return error != 0 ? error : eddy_tail_prepare(engine, write);
}
