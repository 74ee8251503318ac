/* What Redis is known to have, per partition (rule 26). Bookkeeping only: no command, no clock.
 *
 * Three marks follow each other: `now` is what was handed over, `written` what Redis has answered, `stored` what the status
 * hash of Redis itself says; only the last is acknowledged, so that nobody ever knows more than Redis does. Waiting changes
 * carry a generation (sink/redis_pending.h): `closed` is `now` as of the end of the previous generation, and becomes `written`
 * once nothing of that generation waits.
 *
 *   SOUND -> LOST -> RESYNC -> SOUND     a partition whose Redis lost something: the owner is told, hands over every user
 *   CATCHING -> SOUND                    a tenure has begun behind its predecessor: the owner hands over what is missing
 *
 * Only while SOUND do marks move. Invariants: stored <= written <= now. One thread. A roll costs a few ns per partition.
 */
#ifndef EDDY_SINK_REDIS_ACK_H
#define EDDY_SINK_REDIS_ACK_H

#include "sink/redis_pending.h"

enum eddy_redis_sync { EDDY_REDIS_SOUND, EDDY_REDIS_CATCHING, EDDY_REDIS_LOST, EDDY_REDIS_RESYNC };

struct eddy_redis_mark {
  uint64_t sequence, trigger;
  int64_t since;
};

enum { EDDY_REDIS_FIELD_MAX = 41 }; /* "<incarnation>-<sequence>" */

struct eddy_redis_partition {
  bool in_tenure;
  bool kept;      /* no tenure, but everything up to `now` was handed over to this sink and nothing of it was lost since */
  bool checked;   /* on this connection: `field` is what Redis says */
  bool excused;   /* on this connection a refused write has led to a full resynchronisation already */
  uint32_t asked; /* position among the fields being asked for, from 1; 0 = none */
  enum eddy_redis_sync sync;
  uint64_t tenure; /* counts those of this sink; one that goes on where it ended is the same */
  uint64_t incarnation;
  bool known, has_written, has_closed;
  bool named;   /* in the heartbeat in flight ... */
  bool sending; /* ... with `sent` */
  struct eddy_redis_mark stored, written, closed, now;
  struct eddy_redis_mark sent;
  char field[EDDY_REDIS_FIELD_MAX + 1]; /* sync:<partition> of the status hash, "" = none */
  char sent_field[EDDY_REDIS_FIELD_MAX + 1];
};

struct eddy_redis_acks {
  struct eddy_redis_partition *partitions; /* by number */
  uint32_t count;
};

void eddy_redis_acks_fini(struct eddy_redis_acks *acks);
/* NULL if there never was a tenure of it, or memory is short (make). */
struct eddy_redis_partition *eddy_redis_acks_find(const struct eddy_redis_acks *acks, uint32_t partition);
struct eddy_redis_partition *eddy_redis_acks_make(struct eddy_redis_acks *acks, uint32_t partition);

/* A tenure begins at a commit sequence, with what is known; or ends. */
void eddy_redis_partition_begin(struct eddy_redis_partition *partition, struct eddy_redis_version at,
                                const struct eddy_redis_mark *stored, int64_t wall);
void eddy_redis_partition_end(struct eddy_redis_partition *partition);

/* Everything of previous generations that was answered becomes `written`. */
void eddy_redis_acks_roll(struct eddy_redis_acks *acks, struct eddy_redis_pending *pending);
/* A connection has begun: nothing is checked on it. */
void eddy_redis_acks_connect(struct eddy_redis_acks *acks);
/* The partitions that have not been checked on this connection are being asked for, or none of them any more. Returns how many.
 */
size_t eddy_redis_acks_ask(struct eddy_redis_acks *acks);
/* Something of a partition, or of all in tenure, is gone. */
void eddy_redis_partition_lose(struct eddy_redis_partition *partition);
void eddy_redis_acks_lose_all(struct eddy_redis_acks *acks);
/* The status hash holds this text for the partition; NULL = nothing. Loses it if that is less than what was known to be stored.
 */
void eddy_redis_partition_check(struct eddy_redis_partition *partition, const char *text, size_t size);
/* Prepares a heartbeat: which partitions it names, and what is to be stored. Returns how many. */
size_t eddy_redis_acks_send(struct eddy_redis_acks *acks);
/* The heartbeat was answered. */
void eddy_redis_acks_stored(struct eddy_redis_acks *acks, bool stored);

#endif
