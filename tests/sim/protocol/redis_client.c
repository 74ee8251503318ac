/* eddy_redis_link_* on the model: a connection that comes and goes, and whose answers come when the loop turns. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "sim/protocol/sim.h"
#include "sink/redis_link.h"

enum { WAITING_MAX = 64, RETRY_MS = 50 };

struct waiting {
  redisCallbackFn *reply;
  void *ctx;
};

struct eddy_redis_link {
  struct life *life;
  struct sim *sim;
  struct eddy_redis_link_options options;
  struct redis_connection *connection; /* NULL = not up */
  struct waiting waiting[WAITING_MAX];
  size_t first, count;
  int64_t retry_at;
  uint64_t reconnects;
  bool reset, closing;
  void (*closed)(void *ctx);
  void *closed_ctx;
};

struct eddy_redis_link *eddy_redis_link_open(const struct eddy_redis_link_options *options) {
  struct eddy_redis_link *link = calloc(1, sizeof *link);
  EDDY_ASSERT(link != NULL && !life_now()->link);
  *link = (struct eddy_redis_link){.life = life_now(), .sim = life_now()->sim, .options = *options};
  life_now()->link = link;
  return link;
}

bool eddy_redis_link_is_up(const struct eddy_redis_link *link) {
  return link->connection != NULL && !link->reset && !link->life->dead;
}

bool eddy_redis_link_send(struct eddy_redis_link *link, const struct eddy_buffer *command, redisCallbackFn *reply, void *ctx) {
  if (!eddy_redis_link_is_up(link)) return false;
  EDDY_ASSERT(link->count < WAITING_MAX);
  redis_send(link->connection, (const char *)command->data, command->size);
  link->waiting[(link->first + link->count++) % WAITING_MAX] = (struct waiting){reply, ctx};
  return true;
}

void eddy_redis_link_reset(struct eddy_redis_link *link, const char *reason) {
  sim_trace(link->sim, "%c: Redis connection reset: %s", 'a' + link->life->process, reason);
  link->reset = true;
}

const char *eddy_redis_link_script(const struct eddy_redis_link *link, size_t script) {
  static const char *const names[EDDY_REDIS_SCRIPTS_MAX] = {"script-0", "script-1", "script-2", "script-3"};
  (void)link;
  return names[script];
}

uint64_t eddy_redis_link_reconnects(const struct eddy_redis_link *link) {
  return link->reconnects;
}

static void answer(struct eddy_redis_link *link, redisReply *reply) {
  struct waiting waiting = link->waiting[link->first];
  link->first = (link->first + 1) % WAITING_MAX;
  link->count--;
  waiting.reply(NULL, reply, waiting.ctx);
}

static void lose(struct eddy_redis_link *link) {
  redis_break(link->connection);
  link->reset = true; /* not up while the answers go round */
  while (link->count > 0) answer(link, NULL);
  link->connection = NULL;
  link->reset = false;
  link->retry_at = link->sim->mono + RETRY_MS;
  link->options.down(link->options.ctx);
}

static void come_up(struct eddy_redis_link *link) {
  link->connection = redis_connect(&link->sim->redis);
  link->reconnects++;
  link->options.up(link->options.ctx);
}

static void move_answers(struct eddy_redis_link *link) {
  uint64_t applied = sim_below(link->sim, 4), answered = sim_below(link->sim, 4);
  while (applied-- > 0 && redis_apply(&link->sim->redis, link->connection)) continue;
  while (answered-- > 0 && link->count > 0 && link->connection->first->reply && !link->reset) {
    redisReply *reply = link->connection->first->reply;
    answer(link, reply);
    redis_answered(link->connection);
  }
}

void redis_link_turn(struct eddy_redis_link *link) {
  struct sim *sim = link->sim;
  if (link->closing) {
    if (link->connection) redis_break(link->connection);
    void (*closed)(void *) = link->closed;
    void *ctx = link->closed_ctx;
    link->life->link = NULL;
    free(link);
    closed(ctx);
    return;
  }
  if (link->life->dead) return;
  if (link->connection && (sim->redis.down || link->reset || sim_hits(sim, sim->rates.lost_reply / 4))) {
    lose(link);
  } else if (link->connection) {
    move_answers(link);
  } else if (!sim->redis.down && sim->mono >= link->retry_at && sim_chance(sim, 50)) {
    come_up(link);
  }
}

void eddy_redis_link_close(struct eddy_redis_link *link, void (*closed)(void *ctx), void *ctx) {
  link->closing = true;
  link->closed = closed;
  link->closed_ctx = ctx;
  link->reset = true;
  while (link->count > 0) answer(link, NULL);
}
