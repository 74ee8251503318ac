/* One input partition while a worker owns it: its engine, how far it was read, what it has to commit, where its state is kept.
 *
 *   FINDING -> READING -> RESENDING -> REPLAYING -> LIVE      restore.c; any step may be left out, any may begin anew
 *
 * Invariants: position is the offset of the next event to take; sequence in `meta` is that of the last commit known to have
 * succeeded; effects[0..encoded) are in the outbox. Only a LIVE partition decides, ticks and commits. One thread.
 */
#ifndef EDDY_DAEMON_PARTITION_H
#define EDDY_DAEMON_PARTITION_H

#include "daemon/end_clock.h"
#include "daemon/offset_meta.h"
#include "eddy/engine.h"
#include "sink/redis_sink.h"
#include "store/recovery.h"

/* Why a partition is not read now; bits. */
enum eddy_pause { EDDY_PAUSE_MEMORY = 1, EDDY_PAUSE_SCHEMA = 2, EDDY_PAUSE_BACKLOG = 4, EDDY_PAUSE_RESTORE = 8 };

enum eddy_partition_state {
  EDDY_PARTITION_FINDING,   /* the committed offset and its sequence are asked for */
  EDDY_PARTITION_READING,   /* the changelog is read */
  EDDY_PARTITION_RESENDING, /* triggers that Redis may have missed are read back */
  EDDY_PARTITION_REPLAYING, /* events before the committed offset are folded again */
  EDDY_PARTITION_LIVE,
};
const char *eddy_partition_state_name(enum eddy_partition_state state);

/* How far a restore has come; times are monotonic. */
struct eddy_restore_progress {
  int64_t started, replay_started;
  int64_t watched_at, waited_ms; /* waiting for something that must come, without the time that we stood still ourselves */
  int64_t said_at;
  int64_t changelog_first, changelog_end; /* offsets */
  int64_t changelog_at;                   /* next offset to read */
  bool at_end;                            /* everything that is decided was read */
  bool elsewhere;                         /* begins where the group does not stand: to be committed even without an event */
  bool refused_said;                      /* events are refused now that were not before; said so */
  bool read, viewed;                      /* the changelog was read to its aggregate; Redis knows of the tenure */
};

struct eddy_partition {
  int32_t id;
  enum eddy_partition_state state;
  unsigned pauses;
  int64_t retry_at; /* monotonic: when a paused partition is tried again, or a restore goes on */
  int64_t position;
  int64_t committed; /* while not LIVE: position at which it will be live */
  bool found;        /* FINDING: committed and meta are known */
  bool touched;      /* belongs into the next commit: moved, has outputs, or is new */
  bool in_flight;    /* its offset is part of the transaction whose outcome is awaited */
  bool written;      /* its changelog records are, too */
  bool more_due;     /* the engine has deadlines or sweeps left */
  struct eddy_offset_meta meta;
  uint64_t view_incarnation; /* of entries in Redis: the application's, or this tenure's where state is not kept */
  struct eddy_end_clock end;
  struct eddy_engine *engine;  /* NULL while FINDING */
  struct eddy_counters base;   /* the engine's counters when it became live here: the rest was counted elsewhere */
  struct eddy_effects effects; /* since the last commit */
  size_t encoded;
  bool has_trigger;                 /* a trigger was emitted in this tenure ... */
  uint64_t last_trigger;            /* ... with this effect number */
  struct eddy_spec spec;            /* the configuration's, with publish_after of this partition */
  struct eddy_changelog *changelog; /* LIVE, if state is kept */
  struct eddy_recovery *recovery;   /* READING .. REPLAYING */
  struct eddy_restore_progress restore;
  bool resyncing;            /* every user is being written to Redis ... */
  uint32_t resync_slot;      /* ... and this is the next */
  struct eddy_redis_ack ack; /* a standby: what Redis had */
  int64_t idle_since;        /* a standby: monotonic time at which it was given up */
};

/* Empty, FINDING. NULL if memory is short. */
struct eddy_partition *eddy_partition_new(int32_t id);
void eddy_partition_free(struct eddy_partition *partition);

struct eddy_partition_options {
  const struct eddy_config *config;
  struct eddy_allocator allocator; /* of the engine */
  int64_t wall;
};
/* A new, empty engine, once partition->meta is known. 0, EDDY_E_NOMEM or EDDY_E_INVALID. */
int eddy_partition_open(struct eddy_partition *partition, const struct eddy_partition_options *options);
/* The partition's past is found to be another one: its incarnation decides what was due before it began. */
void eddy_partition_adopt(struct eddy_partition *partition, const struct eddy_config *config,
                          const struct eddy_offset_meta *meta);
/* Takes over the live settings of a configuration that is otherwise that of the engine. Between batches. */
void eddy_partition_retune(struct eddy_partition *partition, const struct eddy_config *config);
/* Forgets engine, effects and recovery: FINDING again. */
void eddy_partition_reset(struct eddy_partition *partition);

/* What a successor may rest on (rule 27): everything is committed. */
bool eddy_partition_is_settled(const struct eddy_partition *partition);

/* The key under which erased users are remembered. */
void eddy_erasure_key(const struct eddy_config *config, uint64_t key[2]);

#endif
