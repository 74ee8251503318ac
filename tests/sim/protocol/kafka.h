/* A model of Kafka for the protocol simulator: partitions as arrays, transactions whose markers reach each partition at their
 * own time, fencing of producers, and one consumer group with static members.
 *
 * What is modelled is what the recovery protocol can be hurt by. A transaction is decided at EndTxn; until its marker has
 * reached a partition (or the group's offsets) readers of that partition stop in front of it. A producer is fenced by the next
 * init() of the same name, or by its own transaction's timeout. A member commits offsets under the generation that it knows;
 * nothing checks whether it owns the partition. Pure and single-threaded: who acts when is up to the callers (kafka_client.c,
 * adversary.c).
 */
#ifndef EDDY_SIM_PROTOCOL_KAFKA_H
#define EDDY_SIM_PROTOCOL_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

enum {
  KAFKA_TOPICS_MAX = 16,
  KAFKA_PARTITIONS_MAX = 3,
  KAFKA_PROCESSES_MAX = 3,
  KAFKA_METADATA_MAX = 64,
  KAFKA_TXN_TIMEOUT_MS = 10000,
};

enum kafka_txn_state { KAFKA_TXN_OPEN, KAFKA_TXN_COMMITTED, KAFKA_TXN_ABORTED };

struct kafka_offset {
  bool set;
  int64_t offset;
  char metadata[KAFKA_METADATA_MAX];
};

/* A bit per partition of a topic, and one for the offsets: where the marker has still to arrive, or records were written. */
typedef uint64_t kafka_places;
#define KAFKA_PLACE_OFFSETS (UINT64_C(1) << 63)
kafka_places kafka_place(int topic, int partition);

struct kafka_txn {
  int process; /* stands for the transactional.id */
  uint32_t epoch;
  enum kafka_txn_state state;
  kafka_places touched, waiting;
  int64_t started; /* simulated ms */
  struct kafka_offset offsets[KAFKA_PARTITIONS_MAX];
  void *note; /* of whoever watches commits, see `decided` */
};

struct kafka_entry {
  struct kafka_txn *txn; /* NULL: written without a transaction */
  void *key, *value;     /* value NULL = tombstone */
  size_t key_size, value_size;
  int64_t time; /* broker's time of arrival, ms */
  bool gone;    /* compacted away */
};

struct kafka_log {
  struct kafka_entry *entries;
  int64_t count, capacity;
};

struct kafka_member {
  bool present;
  uint64_t id; /* of the process that is the member now */
};

struct kafka {
  struct eddy_rng *rng;
  int topics, partitions, processes; /* partitions of every topic */
  struct kafka_log logs[KAFKA_TOPICS_MAX][KAFKA_PARTITIONS_MAX];
  struct kafka_txn **txns;
  size_t txn_count, txn_capacity;
  uint32_t epochs[KAFKA_PROCESSES_MAX];
  /* the group */
  int32_t generation;
  uint64_t next_member;
  struct kafka_member members[KAFKA_PROCESSES_MAX];
  int owner[KAFKA_PARTITIONS_MAX];  /* process, -1 = none */
  int target[KAFKA_PARTITIONS_MAX]; /* who is to have it */
  struct kafka_offset committed[KAFKA_PARTITIONS_MAX];
  /* called when a transaction is decided */
  void (*decided)(void *ctx, struct kafka_txn *txn);
  void *ctx;
};

void kafka_init(struct kafka *kafka, struct eddy_rng *rng, int topics, int partitions, int processes);
void kafka_fini(struct kafka *kafka);

/* Logs. Key and value are copied. */
int64_t kafka_append(struct kafka *kafka, int topic, int partition, struct kafka_txn *txn, const void *key, size_t key_size,
                     const void *value, size_t value_size, int64_t time);
/* The next entry of a partition that a read_committed reader at *offset sees, or NULL; *offset moves behind what was passed
 * over, never beyond the last stable offset. */
const struct kafka_entry *kafka_read(const struct kafka *kafka, int topic, int partition, int64_t *offset);
int64_t kafka_stable_end(const struct kafka *kafka, int topic, int partition);
/* Compacts a partition up to its last stable offset. `tombstones`: these go, too. */
void kafka_compact(struct kafka *kafka, int topic, int partition, bool tombstones);

/* Producers. init() fences older ones of the same name and resolves what they left. Returns the new epoch. */
uint32_t kafka_init_producer(struct kafka *kafka, int process);
bool kafka_is_fenced(const struct kafka *kafka, int process, uint32_t epoch);
struct kafka_txn *kafka_begin(struct kafka *kafka, int process, uint32_t epoch, int64_t now);
void kafka_end(struct kafka *kafka, struct kafka_txn *txn, bool commit);
/* The marker arrives at one place. */
void kafka_deliver(struct kafka *kafka, struct kafka_txn *txn, kafka_places place);
void kafka_deliver_all(struct kafka *kafka, struct kafka_txn *txn);
/* Some marker that is on its way arrives. False if there is none. */
bool kafka_deliver_one(struct kafka *kafka);
void kafka_settle(struct kafka *kafka);
/* Aborts transactions that were open for too long; their producers are fenced. */
void kafka_expire(struct kafka *kafka, int64_t now);

/* Group. */
enum kafka_verdict { KAFKA_FINE, KAFKA_ILLEGAL_GENERATION, KAFKA_UNKNOWN_MEMBER, KAFKA_FENCED_INSTANCE };
enum kafka_verdict kafka_judge_member(const struct kafka *kafka, int process, uint64_t member, int32_t generation);
/* A process joins, or comes back under its static name and keeps what it had. Returns its member id. */
uint64_t kafka_join(struct kafka *kafka, int process);
/* Session timeout: its partitions are free. */
void kafka_kick(struct kafka *kafka, int process);
/* False while the offset of the partition is not stable. */
bool kafka_committed(const struct kafka *kafka, int partition, struct kafka_offset *offset);

#endif
