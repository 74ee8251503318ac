/* The bytes of a snapshot, little-endian:
 *
 *   magic 8, version u32, fingerprint of the specification u64
 *   partition_time, newest_time i64, next_effect u64, generator 4 x u64, sweep: lap_start i64, cursor u32
 *   counters: number u16, each u64
 *   reservoir: dimensions, count u16, newest_time i64, offered u64, offered_weight f64,
 *              per vector: key f64, weight f32, user u64, f32[dimensions]
 *   erased users: number u32, per user, ascending: keyed hash u64, erased_at i64
 *   slots: used, live u32; per slot: id_length u8 (0: free, nothing follows), id, evidence f32,
 *          recent_next, recent_count, has_segment u8, first_seen, last_time, last_contribution, segment_since i64, segment u32,
 *          lanes f32[], ages i64[], recent ids u64[limits.recent_ids], tail_size u32, tail
 *   free slots, first to be reused first: u32[used - live]
 *   crc32c of all before, u32
 *
 * Index, timers and sizes are derived. Equal states give equal bytes (invariant 10).
 */
#ifndef EDDY_CORE_SNAPSHOT_FORMAT_H
#define EDDY_CORE_SNAPSHOT_FORMAT_H

#include "eddy/engine.h"

enum { EDDY_SNAPSHOT_VERSION = 2 };
static const char eddy_snapshot_magic[8] = {'E', 'D', 'D', 'Y', 'S', 'N', 'A', 'P'};

/* The counters in order, for writer and reader. */
enum {
#define X(name, help) +1
  EDDY_COUNTER_COUNT = 0 EDDY_COUNTERS(X),
#undef X
};

#endif
