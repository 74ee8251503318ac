/* What Redis has not confirmed yet: the newest change per user, and trigger entries in order. Bounded in bytes; heap memory.
 *
 * Everything that waits or is in flight belongs to the present generation or to the one before; what coalesces stays in the
 * older. A new one begins only when nothing of the older of the two is left: whatever was handed over before the present one
 * began is then confirmed.
 * Users: a change replaces an older one of the same user that still waits (coalescing). Taken out in the order in which the
 * users came in, in batches; several may be in flight. A batch that failed is put back, and the newest change of a user wins.
 * Triggers: a queue; the front is confirmed before the next leaves, so that no newer entry passes an older one.
 */
#ifndef EDDY_SINK_REDIS_PENDING_H
#define EDDY_SINK_REDIS_PENDING_H

#include "eddy/effect.h"

/* (incarnation, commit sequence), compared in this order. */
struct eddy_redis_version {
  uint64_t incarnation, sequence;
};

/* What is to be written about one user. */
struct eddy_redis_user {
  struct eddy_redis_user *next;  /* in the order of arrival */
  struct eddy_redis_user *chain; /* of the hash table */
  uint64_t hash;
  uint64_t generation;
  uint32_t partition;
  uint64_t tenure;                                             /* of the partition, see sink/redis_ack.h */
  struct eddy_redis_version version;                           /* of the newest part; what is written carries it */
  struct eddy_redis_version erased_by, segment_by, trigger_by; /* of each part; zero: as `version` */
  bool erased;      /* forget what is stored first; the parts below come after that */
  bool has_segment; /* a segment change is part of it ... */
  bool is_state;    /* ... or what is true now, without knowing how it came about: `from` and model_version are not known */
  bool has_to;      /* false: left its segment for none */
  bool has_trigger;
  uint32_t to, from;
  bool has_from;
  int64_t since;
  uint64_t model_version;
  char segment_name[2 * EDDY_NAME_MAX];
  uint16_t trigger; /* position in the spec */
  int64_t trigger_at;
  uint32_t id_size;
  char id[]; /* user id */
};

struct eddy_redis_entry {
  struct eddy_redis_entry *next;
  uint64_t generation;
  uint32_t partition;
  uint64_t incarnation, effect;
  uint32_t user_size, trigger_size, record_size; /* texts behind each other in `text` */
  char trigger_id[33];
  int64_t due_at;
  char text[];
};

struct eddy_redis_pending {
  struct eddy_redis_user **buckets;
  size_t bucket_count, user_count; /* in the table; a power of two */
  struct eddy_redis_user *first, *last;
  struct eddy_redis_entry *entry_first, *entry_last;
  size_t entry_count;
  uint64_t bytes, bytes_max;
  uint64_t generation;     /* the present one */
  uint64_t outstanding[2]; /* users and entries of a generation, by its lowest bit */
  uint64_t coalesced, dropped;
};

bool eddy_redis_version_is_newer(const struct eddy_redis_version *one, const struct eddy_redis_version *other);

int eddy_redis_pending_init(struct eddy_redis_pending *pending, uint64_t bytes_max);
void eddy_redis_pending_fini(struct eddy_redis_pending *pending);

/* The waiting change of a user, made if there is none; NULL if memory is short or `bytes_max` is reached. */
struct eddy_redis_user *eddy_redis_pending_user(struct eddy_redis_pending *pending, struct eddy_str id, uint64_t bytes_max);
/* Takes out up to `max` users; they belong to the caller until freed or put back. Returns the count. */
size_t eddy_redis_pending_take(struct eddy_redis_pending *pending, struct eddy_redis_user **users, size_t max);
/* Before a change of this tenure is added: what still waits of an earlier one is forgotten. The tenure was caught up with what
 * Redis lacked; under a newer version the older change would undo what others have written in between. */
void eddy_redis_pending_settle(struct eddy_redis_user *user, uint64_t tenure);
/* Puts back what could not be written. If another change of the user waits, which may have come back before it and may have
 * been added to since, the two become one: of each part the newest, and nothing from before an erasure. */
void eddy_redis_pending_return(struct eddy_redis_pending *pending, struct eddy_redis_user *user);
void eddy_redis_pending_free(struct eddy_redis_pending *pending, struct eddy_redis_user *user);

/* Appends a trigger entry, which comes from malloc. The caller keeps the bound: it pops the front while nothing is in flight.
 */
void eddy_redis_pending_add_entry(struct eddy_redis_pending *pending, struct eddy_redis_entry *entry);
/* Removes the front, which was confirmed or refused for good. */
void eddy_redis_pending_pop_entry(struct eddy_redis_pending *pending);

/* Begins a new generation, if nothing of the previous one is left. */
bool eddy_redis_pending_roll(struct eddy_redis_pending *pending);

#endif
