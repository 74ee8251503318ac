/* One seed of the protocol simulator: the models, the processes, the input, and what an engine that never crashes would say.
 *
 *   adversary.c   chooses what happens next, and brings everything to rest at the end
 *   life.c        runs of workers as coroutines; loop.c: their event loop
 *   kafka.c       the model of Kafka;  sink_client.c, source_client.c, reader_client.c: what a worker calls instead of
 * librdkafka redis.c       the model of Redis;  redis_client.c: what a worker calls instead of hiredis input.c       events,
 * good and bad journal.c     which moves of time were committed oracle.c      the engine that never crashes, and the comparison
 */
#ifndef EDDY_SIM_PROTOCOL_SIM_H
#define EDDY_SIM_PROTOCOL_SIM_H

#include "base/logger.h"
#include "base/rng.h"
#include "daemon/config.h"
#include "eddy/model.h"
#include "sim/protocol/kafka.h"
#include "sim/protocol/life.h"
#include "sim/protocol/redis.h"

#define SIM_EPOCH_MS INT64_C(1700000000000)

enum {
  SIM_TIME_SCALE = 5000,  /* the wall clock runs that much faster than the processes' waits: days in a minute */
  SIM_SESSION_MS = 12000, /* as in the configuration (world.c) */
  SIM_DELAYED_MAX = 8,
};

/* Rates are per mille, drawn per seed. */
struct sim_rates {
  uint64_t abort, unknown, lost_reply, crash, freeze, zombie, rebalance, rare, redis_down, redis_loss, no_memory, jump;
};

struct sim_options {
  uint64_t seed;
  bool trace;
};

struct sim {
  struct sim_options options;
  struct eddy_rng rng;
  struct eddy_logger logger;
  struct sim_rates rates;
  int64_t mono; /* simulated ms since the start */
  int partitions, processes;
  struct eddy_config configs[KAFKA_PROCESSES_MAX]; /* one per process: they differ in the name of the instance */
  struct kafka kafka;
  const char *topics[KAFKA_TOPICS_MAX]; /* by number; 0 = the input */
  struct redis redis;
  uint64_t redis_sequence[KAFKA_PARTITIONS_MAX][8], redis_losses_seen; /* commit that each user was last written under */
  struct life *lives[KAFKA_PROCESSES_MAX];                             /* NULL: not running */
  struct life *old[KAFKA_PROCESSES_MAX];                               /* a frozen twin of the same name */
  struct kafka_txn *delayed[SIM_DELAYED_MAX];                          /* EndTxn requests that are under way */
  size_t delayed_count;
  uint64_t model_version; /* 0 = none yet */
  bool model_fixed;       /* it never changes */
  bool sweep;
  bool quiet; /* nobody does anything for a while */
  struct input *input;
  struct journal *journal;
  char why[512]; /* the violation, "" = none yet */
};

int64_t sim_wall(const struct sim *sim);
/* True in `permille` of 1000 cases. */
bool sim_hits(struct sim *sim, uint64_t permille);
bool sim_chance(struct sim *sim, uint64_t percent);
uint64_t sim_below(struct sim *sim, uint64_t bound);
/* Number of a topic by its name; new ones get the next. */
int sim_topic(struct sim *sim, const char *name);
/* Number of an output's topic by its suffix, -1 if nobody has used it. */
int sim_output(const struct sim *sim, const char *suffix);

/* Says what happens, when a trace was asked for. */
void sim_trace(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Notes a violation; the first one counts. */
void sim_violation(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A made-up model; the same for the same version. */
struct eddy_model *sim_model(const struct eddy_spec *spec, uint64_t version);

/* Runs one seed from start to end. True if nothing was violated. */
bool sim_run(const struct sim_options *options, char *why, size_t why_size);

#endif
