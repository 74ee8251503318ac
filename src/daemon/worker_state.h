/* The inside of a worker, shared by worker.c, tenure.c, restore.c, ingest.c, producer.c, commit.c, outcome.c, emit.c, view.c and
 * answer.c. Touched by the worker's thread only, except `stop`, `retune`, `stats`, `recent` and `mailbox`.
 */
#ifndef EDDY_DAEMON_WORKER_STATE_H
#define EDDY_DAEMON_WORKER_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/memory.h"
#include "codec/event_decoder.h"
#include "codec/output_codec.h"
#include "daemon/huge_memory.h"
#include "daemon/model_watch.h"
#include "daemon/outbox.h"
#include "daemon/partition.h"
#include "daemon/question.h"
#include "daemon/recent.h"
#include "daemon/registry.h"
#include "daemon/topics.h"
#include "daemon/worker.h"
#include "sink/kafka_sink.h"
#include "sink/redis_sink.h"
#include "source/kafka_reader.h"
#include "source/kafka_source.h"

enum { EDDY_BATCH_MAX = 512 };

/* Where the worker's transaction stands. One setter, legal edges in a table (outcome.c), every change logged at debug level. */
enum eddy_commit_state {
  EDDY_COMMIT_IDLE,    /* no transaction */
  EDDY_COMMIT_OPEN,    /* records are produced as they arise */
  EDDY_COMMIT_SEALED,  /* offsets are on their way, the outcome is awaited: no engine is called */
  EDDY_COMMIT_ABORTED, /* everything is kept and will be produced again */
  EDDY_COMMIT_UNKNOWN, /* a new producer has to find out */
};

struct eddy_worker {
  const struct eddy_config *config; /* &own */
  struct eddy_config own;           /* texts are the process's; what is live changes here, on the worker's thread */
  const struct eddy_config *shared; /* the process's, for the trainer's thread */
  struct {
    pthread_mutex_t lock;
    bool given;
    struct eddy_config config;
  } retune; /* from other threads */
  const struct eddy_logger *logger;
  uint32_t index;
  void (*ended)(void *ctx);
  void *ended_ctx;
  pthread_t thread;
  atomic_bool stop;
  int exit_code; /* of the first failure */
  bool failed;
  bool stopping;

  uv_loop_t loop;
  uv_poll_t wake;
  uv_timer_t commit_timer, tick_timer;
  uv_idle_t more; /* active while there is work without waiting: runs `turn` */
  uv_idle_cb turn;
  int wake_fd; /* eventfd: data, a stop, a trained model */

  struct eddy_topics topics;
  struct eddy_kafka_source *source;
  struct eddy_kafka_sink *sink;
  struct eddy_redis_sink *redis;
  struct eddy_schema_folder *folder;
  struct eddy_schema_registry *registry; /* of the process, or NULL */
  struct eddy_schema_pair schemas;       /* both, for the decoder */
  struct eddy_event_decoder *decoder;
  struct eddy_output_codec *codec;
  struct eddy_model_watch *watch;
  struct eddy_model *model;       /* adopted by all engines */
  struct eddy_huge_memory memory; /* of all engines */
  struct eddy_budget budget;      /* on top of it: profile.memory_max */

  struct eddy_partition **partitions; /* by number; NULL = not ours */
  struct eddy_partition **standbys;   /* by number; given up, kept in case they come back (rule 27) */
  int32_t partition_count;
  int64_t finding_since; /* monotonic: first of the failed tries in a row to read committed offsets, 0 = none */
  struct eddy_kafka_reader *reader, *trigger_reader; /* while partitions are restored */
  int64_t polled_at;                                 /* monotonic: begin of the last poll that has ended */
  int64_t transaction_ms; /* transaction.timeout.ms: after it the coordinator ends what was left open; 0: its default */
  int64_t session_ms;     /* session.timeout.ms: who was silent for longer is no longer a member */
  int64_t looked_at;      /* monotonic: last time that a broker was looked for while away */
  bool away;              /* no broker can be reached; said so */

  struct eddy_event_room room;
  struct eddy_event *events; /* [EDDY_BATCH_MAX] */
  rd_kafka_message_t *messages[EDDY_BATCH_MAX];
  struct eddy_buffer scratch; /* one encoded output */
  struct eddy_outbox outbox;
  struct eddy_outbox state; /* changelog records of the open transaction: made anew after an abort */
  int32_t first_written;    /* partition whose hand comes first in the next commit: each gets its turn */
  bool full_lap;            /* the next commit saves everything: the worker leaves */
  bool stale;               /* the group moved on without us: look at the committed sequences first (rule 19) */

  enum eddy_commit_state commit_state;
  int64_t opened_at; /* monotonic: begin of the transaction */
  int64_t sealed_at; /* monotonic: its end was asked for */
  int64_t retry_at;  /* monotonic: not before this after an abort */
  int64_t retry_wait;
  int64_t oldest_record;        /* wall time: timestamp of the oldest record not committed yet, 0 = none */
  int64_t blocked_since;        /* monotonic: first of the aborts in a row, 0 = none */
  struct eddy_counters retired; /* of engines that are gone */
  struct eddy_worker_stats stats;
  struct eddy_recent *recent;
  struct eddy_mailbox mailbox;
};

/* The first failure decides the exit code; the loop ends. */
void eddy_worker_fail(struct eddy_worker *worker, int exit_code, const char *message, const char *fields_format, ...)
    __attribute__((format(printf, 4, 5)));
/* True if the worker is to end: asked to, or failed. */
bool eddy_worker_ending(const struct eddy_worker *worker);
/* "waiting for Kafka" and "Kafka is back", once each. */
void eddy_worker_say_away(struct eddy_worker *worker, const char *reason);
void eddy_worker_say_back(struct eddy_worker *worker);
/* transaction.timeout.ms. */
int64_t eddy_worker_transaction_ms(const struct eddy_worker *worker);
/* The worker is alive: its loop turns, or it waits for a broker in small steps. */
void eddy_worker_beat(struct eddy_worker *worker);
/* Our partition of this number or NULL. */
struct eddy_partition *eddy_worker_partition(const struct eddy_worker *worker, int32_t id);
/* The same if it is LIVE. */
struct eddy_partition *eddy_worker_live(const struct eddy_worker *worker, int32_t id);
/* One setter of the state, legal edges in a table, logged at debug level. */
void eddy_partition_enter(struct eddy_worker *worker, struct eddy_partition *partition, enum eddy_partition_state next);
/* Keeps the counters of an engine that is about to go. */
void eddy_worker_retire(struct eddy_worker *worker, const struct eddy_partition *partition);
/* Makes the loop go on without waiting for new data. */
void eddy_worker_more(struct eddy_worker *worker);
/* Brings the numbers that others read up to date. */
void eddy_worker_publish_stats(struct eddy_worker *worker);

#endif
