/* A model of Redis: strings, hashes, sorted sets, streams; the commands and scripts that src/sink/redis_words.h lists, and no
 * others.
 *
 * Each connection is a queue of commands that outlives whoever sent them: what a process wrote before it died may still arrive,
 * after its successor's writes. The server may go down, forget everything, or come back as an older copy of itself. The
 * scripts' Lua is checked against a real Redis elsewhere; here it is said again in C. Single-threaded.
 */
#ifndef EDDY_SIM_PROTOCOL_REDIS_H
#define EDDY_SIM_PROTOCOL_REDIS_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redis_field {
  char *name, *value;
};

/* A string has one field; a sorted set's values are scores; a stream's names are entry ids, its values trigger ids. */
struct redis_key {
  char *name;
  struct redis_field *fields;
  size_t count, capacity;
};

struct redis_store {
  struct redis_key *keys;
  size_t count, capacity;
};

struct redis_command {
  struct redis_command *next;
  char **words;
  size_t count;
  redisReply *reply; /* NULL: not applied yet */
};

struct redis_connection {
  struct redis_connection *next;
  bool broken; /* nobody waits for answers any more */
  struct redis_command *first, *last;
};

struct redis {
  bool down;
  struct redis_store now, copy; /* `copy`: what a replica has */
  bool has_copy;
  struct redis_connection *connections;
  uint64_t losses; /* flushes and returns of older copies */
  /* called for each write to a user's hash that was not refused, with the version that it was made under */
  void (*wrote_user)(void *ctx, const char *user, uint64_t incarnation, uint64_t sequence, const struct redis_key *hash);
  void *ctx;
};

void redis_fini(struct redis *redis);
struct redis_connection *redis_connect(struct redis *redis);
/* Queues a command in wire format. */
struct redis_command *redis_send(struct redis_connection *connection, const char *bytes, size_t size);
/* Applies the oldest command of a connection that was not applied. False if there is none. */
bool redis_apply(struct redis *redis, struct redis_connection *connection);
/* Forgets the oldest command, which was answered. */
void redis_answered(struct redis_connection *connection);
/* The connection is gone for its owner; what is under way may still arrive. */
void redis_break(struct redis_connection *connection);
/* Something that is under way on a broken connection arrives, or gets lost. */
void redis_stragglers(struct redis *redis, bool arrives);

void redis_flush(struct redis *redis);
void redis_copy(struct redis *redis);      /* the replica catches up */
void redis_fail_over(struct redis *redis); /* the replica takes over */

const struct redis_key *redis_find(const struct redis_store *store, const char *name);
const char *redis_value(const struct redis_key *key, const char *field); /* NULL: absent */

#endif
