/* Every command that the sink sends, word by word: whoever stands in for Redis (a simulator) interprets these and no others.
 *
 * At each connect, in this order, before anything else (behind the greeting of sink/redis_link.h, which loads the scripts):
 *
 *   GET <wrote>                                    -> text or nil
 *   HMGET <app>:status <instance> sync:<p>...      -> texts or nils, one per field; again whenever a tenure begins
 *
 * Users, up to 64 per call, several calls in flight:
 *
 *   EVALSHA <users> <1+n> <wrote> <app>:user:<id>{n} <expected> <next> <app> <now> {id incarnation sequence erased segment to
 * name from since model trigger trigger_at}{n}
 *     -> how many were refused as older; -1: nothing was done, <wrote> was not <expected>; or an error
 *
 *     erased    "1" or "": forget the user first. Leaves <app>:gone:<SHA-1 of id> = version for a day, which stands in for the
 *               version of a hash that is not there
 *     segment   "1": a change of segment; "2": what is true now (`from` and `model` are not known to be those of the change);
 * "": nothing to, from  segment ids; "" = none trigger   name of the last trigger; "" = nothing about it
 *
 * Trigger entries, up to 64 per call, one call in flight:
 *
 *   EVALSHA <entries> <n> <app>:triggers:<p>{n} <maxlen> {<incarnation>-<number> trigger trigger_id user_id due_at record}{n}
 *     -> n, or the first error; entries whose id is not newer than the stream's last are passed over
 *
 * Heartbeat, every second:
 *
 *   EVALSHA <status> 2 <wrote> <app>:status <expected> <next> <instance> <now> {sync:<p> <field expected> <field next>}...
 *     -> 0; -1: nothing was done, <wrote> or a field was not as expected; or an error. "" = no such field
 *
 * <wrote> = <app>:wrote:<sink>, a number that grows with each call that names it: whatever Redis has lost since (flushed,
 * failed over, restarted from an older copy), it has lost this, too. Expires after a day without heartbeat.
 *
 * Pure: words go into a buffer. One thread.
 */
#ifndef EDDY_SINK_REDIS_WORDS_H
#define EDDY_SINK_REDIS_WORDS_H

#include "sink/redis_ack.h"
#include "sink/redis_chain.h"
#include "sink/redis_command.h"

enum eddy_redis_script { EDDY_REDIS_USERS, EDDY_REDIS_ENTRIES, EDDY_REDIS_STATUS, EDDY_REDIS_SCRIPT_COUNT };
/* Lua. */
const char *eddy_redis_script(enum eddy_redis_script script);

struct eddy_redis_words {
  struct eddy_buffer *buffer; /* overwritten */
  const char *app, *instance;
  const char *sha; /* of the script */
  int64_t now;     /* wall time */
};

/* Each writes one command; 0 or EDDY_E_NOMEM. */
int eddy_redis_words_get(const struct eddy_redis_words *words, const struct eddy_redis_chain *chain);
/* Notes of each partition that is asked for where its field stands. */
int eddy_redis_words_ask(const struct eddy_redis_words *words, struct eddy_redis_acks *acks);
int eddy_redis_words_users(const struct eddy_redis_words *words, const struct eddy_redis_step *step,
                           struct eddy_redis_user *const *users, size_t count, const struct eddy_spec *spec);
int eddy_redis_words_entries(const struct eddy_redis_words *words, uint32_t max_length, const struct eddy_redis_entry *first,
                             size_t count);
int eddy_redis_words_status(const struct eddy_redis_words *words, const struct eddy_redis_step *step,
                            struct eddy_redis_acks *acks);

#endif
