/* Redis as a view of what was committed to Kafka: profile hashes, segment members, trigger streams (DESIGN section 9).
 *
 *   <app>:user:<id>             hash: segment, segment_name, since, from, model_version, last_trigger, last_trigger_at,
 *                               updated_at, v
 *   <app>:segment:<segment id>  sorted set of user ids, score = time of entry (ms)
 *   <app>:triggers:<partition>  stream, entry id = <incarnation>-<effect number>: trigger, trigger_id, user_id, due_at and
 *                               record (the whole Trigger record as JSON)
 *   <app>:status                hash: instance -> time of the last write (heartbeat, every second);
 *                               sync:<partition> -> "<incarnation>-<sequence>": everything of commits up to it is here
 *   <app>:wrote:<sink>          what the sink wrote last, see sink/redis_chain.h
 *   <app>:gone:<digest of id>   version of an erasure, for a day: nothing older brings the user back
 *
 * Kafka never waits for Redis: changes are copied into bounded memory and coalesce per user (the newest wins) while Redis is
 * slow or away. Trigger entries keep their order. Beyond the bound users are dropped, which a full resynchronisation makes
 * good, and only then trigger entries, the oldest first; both are counted. A hash is written only over an older or equal `v` =
 * (incarnation, commit sequence), by a small Lua script (EVALSHA; after NOSCRIPT it connects anew, which loads it). A stream
 * entry that exists already is refused by Redis itself and counts as written.
 *
 * What is acknowledged (rule 26) is what the status hash says, never more. A partition's owner is told (options.lost) whenever
 * Redis turns out to have lost something, and then hands over every user: eddy_redis_sink_put() paced by
 * eddy_redis_sink_pressure(), at the end eddy_redis_sink_complete(). Told again in between, it begins anew. Until then the
 * acknowledgement stands still.
 *
 * What this does not do: users whom eddy does not know any more are not searched for in Redis (`eddy redis rebuild` removes
 * all); trigger streams are not refilled once Redis has acknowledged an entry (their readers' positions are gone with them, and
 * mailing twice is worse than a gap). Redis must not evict keys (maxmemory-policy noeviction). Commands: sink/redis_words.h.
 *
 * One sink per worker, on the worker's libuv loop and thread. No call blocks.
 */
#ifndef EDDY_SINK_REDIS_SINK_H
#define EDDY_SINK_REDIS_SINK_H

#include <uv.h>

#include "base/logger.h"
#include "eddy/durable.h"
#include "eddy/effect.h"
#include "eddy/model.h"

struct eddy_redis_sink;

struct eddy_redis_options {
  uv_loop_t *loop;
  const char *url; /* redis://[user:password@]host:port[/db] or unix:///path */
  const char *app, *instance;
  const struct eddy_spec *spec;
  uint32_t stream_max_length;
  uint64_t buffer_max;                         /* bytes */
  void (*lost)(void *ctx, uint32_t partition); /* Redis no longer has what it acknowledged; may be NULL */
  void *lost_ctx;
  const struct eddy_logger *logger;
};

/* Parses the url and starts to connect (in the background, with jittered back-off 50 ms .. 5 s). 0, or -1 with a sentence in
 * `why` for a bad url. */
int eddy_redis_sink_open(struct eddy_redis_sink **sink, const struct eddy_redis_options *options, char *why, size_t why_size);

/* Hands over the effects of one partition that one commit has made durable. Copies what it needs. `model` gives names, may be
 * NULL. */
void eddy_redis_sink_committed(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation, uint64_t sequence,
                               const struct eddy_effect *effects, size_t count, const struct eddy_model *model);

/* What Redis is known to have of a partition: everything that commits up to `sequence` changed, and the trigger entries up to
 * effect number `trigger`. Advances in steps of about a second, while in tenure. */
struct eddy_redis_ack {
  bool known;
  uint64_t sequence, trigger;
  int64_t since; /* this process's wall time: records of topic triggers produced before it are there */
};
struct eddy_redis_ack eddy_redis_sink_acked(const struct eddy_redis_sink *sink, uint32_t partition);

/* A tenure of a partition begins, with what its predecessor knew about Redis, at a commit sequence; or ends: what waits is
 * still written. While a partition is in tenure Redis is asked, at each connect and with each heartbeat, whether it still has
 * what was acknowledged; if not (flushed, failed over, restored from an old copy) options.lost is called, from the loop and
 * only while connected.
 *
 * If ack->sequence < sequence the owner has to hand over what is missing (resend(), then put() and gone() of what changed
 * since) and to call complete(): until then nothing more is acknowledged. Not so if a former tenure of this process has
 * handed over all of it to this sink (a standby that is reused). If nothing was ever acknowledged at a sequence > 0 (Redis was
 * switched on later), that is a loss; ack->trigger is then the last trigger before, which the stream will not get. Returns true
 * if something has to be handed over. */
bool eddy_redis_sink_begin(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation, uint64_t sequence,
                           const struct eddy_redis_ack *ack);
void eddy_redis_sink_end(struct eddy_redis_sink *sink, uint32_t partition);

/* What is true of a user as of a commit, from memory (a restart, a full resynchronisation); has_segment false: leaves its
 * segment. False if there is no room now (three quarters of the memory are for this). */
bool eddy_redis_sink_put(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation, uint64_t sequence,
                         const struct eddy_member *member, const struct eddy_model *model);
/* The user is gone: its hash and its membership are deleted. Behind the resends of the partition, which would bring the hash
 * back. False: no room now; it gets in where put() does not any more, because no full resynchronisation makes it good. */
bool eddy_redis_sink_gone(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation, uint64_t sequence,
                          struct eddy_str user_id);
/* A record of topic triggers that Redis may not have; within a tenure, in order, before any newer effect of the partition is
 * committed. Records up to the acknowledged number are passed over. 0, or EDDY_E_CORRUPT if it is none. */
int eddy_redis_sink_resend(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation, const void *record,
                           size_t size);
/* Effect number of a record of topic triggers, without resending it; false if it is none. */
bool eddy_redis_sink_trigger_number(struct eddy_redis_sink *sink, const void *record, size_t size, uint64_t *number);
/* The owner has handed over everything (after begin() behind its predecessor, or after options.lost): once that is written
 * Redis has all. Means nothing at other times. */
void eddy_redis_sink_complete(struct eddy_redis_sink *sink, uint32_t partition);
/* Share of the memory for waiting changes that is in use, 0..1: whoever hands over much slows down beyond a half. */
double eddy_redis_sink_pressure(const struct eddy_redis_sink *sink);

struct eddy_redis_stats {
  bool connected;
  uint64_t written, refused_older, coalesced, dropped, errors, reconnects;
  uint64_t pending_bytes;
};
struct eddy_redis_stats eddy_redis_sink_stats(const struct eddy_redis_sink *sink);

/* Other bounds from now on. What waits beyond a smaller buffer_max goes as if it had just become too much. */
void eddy_redis_sink_bound(struct eddy_redis_sink *sink, uint32_t stream_max_length, uint64_t buffer_max);

/* True if nothing waits and nothing is in flight. */
bool eddy_redis_sink_idle(const struct eddy_redis_sink *sink);
/* Stops: `closed` is called from the loop once every handle is closed and the sink is freed. Drain first by running the loop
 * until idle, for as long as the caller likes. */
void eddy_redis_sink_close(struct eddy_redis_sink *sink, void (*closed)(void *ctx), void *ctx);

#endif
