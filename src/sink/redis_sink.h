/* Redis as a view of what was committed to Kafka: profile hashes, segment members, trigger streams (DESIGN section 9).
 *
 *   <app>:user:<id>             hash: segment, segment_name, since, from, model_version, last_trigger, last_trigger_at,
 *                               updated_at, v
 *   <app>:segment:<segment id>  sorted set of user ids, score = time of entry (ms)
 *   <app>:triggers:<partition>  stream, entry id = <incarnation>-<effect number>: trigger, trigger_id, user_id, due_at and
 *                               record (the whole Trigger record as JSON)
 *   <app>:status                hash: instance -> time of the last write (heartbeat, every second)
 *
 * Kafka never waits for Redis: changes are copied into bounded memory and coalesce per user (the newest wins) while Redis is
 * slow or away; trigger entries keep their order and are dropped oldest first, counted, beyond the bound. A hash is written
 * only over an older `v` = (incarnation, commit sequence), by a small Lua script (EVALSHA; after NOSCRIPT it connects anew,
 * which loads it). A stream entry that exists already is refused by Redis itself and counts as written.
 *
 * One sink per worker, on the worker's libuv loop and thread. No call blocks.
 */
#ifndef EDDY_SINK_REDIS_SINK_H
#define EDDY_SINK_REDIS_SINK_H

#include <uv.h>

#include "base/logger.h"
#include "eddy/effect.h"
#include "eddy/model.h"

struct eddy_redis_sink;

struct eddy_redis_options {
  uv_loop_t *loop;
  const char *url; /* redis://[user:password@]host:port[/db] or unix:///path */
  const char *app, *instance;
  const struct eddy_spec *spec;
  uint32_t stream_max_length;
  uint64_t buffer_max; /* bytes */
  const struct eddy_logger *logger;
};

/* Parses the url and starts to connect (in the background, with jittered back-off 50 ms .. 5 s). 0, or -1 with a sentence in
 * `why` for a bad url. */
int eddy_redis_sink_open(struct eddy_redis_sink **sink, const struct eddy_redis_options *options, char *why, size_t why_size);

/* Hands over the effects of one partition that one commit has made durable. Copies what it needs. `model` gives names, may be
 * NULL. */
void eddy_redis_sink_committed(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation, uint64_t sequence,
                               const struct eddy_effect *effects, size_t count, const struct eddy_model *model);

struct eddy_redis_stats {
  bool connected;
  uint64_t written, refused_older, coalesced, dropped, errors, reconnects;
  uint64_t pending_bytes;
};
struct eddy_redis_stats eddy_redis_sink_stats(const struct eddy_redis_sink *sink);

/* True if nothing waits and nothing is in flight. */
bool eddy_redis_sink_idle(const struct eddy_redis_sink *sink);
/* Stops: `closed` is called from the loop once every handle is closed and the sink is freed. Drain first by running the loop
 * until idle, for as long as the caller likes. */
void eddy_redis_sink_close(struct eddy_redis_sink *sink, void (*closed)(void *ctx), void *ctx);

#endif
