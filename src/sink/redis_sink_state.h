/* The inside of the Redis sink, shared by redis_sink.c (connection, sending, answers) and redis_intake.c (what is handed over).
 * Touched by the worker's thread only.
 */
#ifndef EDDY_SINK_REDIS_SINK_STATE_H
#define EDDY_SINK_REDIS_SINK_STATE_H

#include "codec/output_codec.h"
#include "codec/output_read.h"
#include "sink/redis_ack.h"
#include "sink/redis_chain.h"
#include "sink/redis_link.h"
#include "sink/redis_sink.h"

enum {
  EDDY_REDIS_BATCH_USERS = 64, /* per script call: a call holds Redis up, so it stays well below a millisecond */
  EDDY_REDIS_BATCHES_MAX = 8,  /* user batches in flight */
};

struct eddy_redis_batch {
  struct eddy_redis_sink *sink;
  struct eddy_redis_user *users[EDDY_REDIS_BATCH_USERS];
  size_t count; /* 0: the batch is free */
  uint64_t step;
};

struct eddy_redis_sink {
  struct eddy_redis_options options;
  char app[128], instance[128];
  struct eddy_redis_link *link;
  struct eddy_redis_pending pending;
  struct eddy_redis_acks acks;
  struct eddy_redis_chain chain;
  struct eddy_output_codec *codec;
  struct eddy_output_reader *reader; /* of topic triggers */
  struct eddy_buffer command, json;
  struct eddy_redis_batch batches[EDDY_REDIS_BATCHES_MAX];
  size_t entries_in_flight;
  uv_timer_t heartbeat;
  uint64_t heartbeat_step;
  bool heartbeat_in_flight;
  bool checked; /* on this connection Redis has said what it holds */
  bool asking;  /* HMGET in flight */
  bool advised; /* of the present trouble */
  bool closing;
  struct eddy_redis_stats stats;
  void (*closed)(void *ctx);
  void *closed_ctx;
  int handles;
};

int64_t eddy_redis_sink_wall(void);
/* Sends what may be sent now: questions about new tenures, trigger entries, users. */
void eddy_redis_sink_send(struct eddy_redis_sink *sink);

#endif
