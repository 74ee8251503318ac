#include "sim/protocol/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { WORDS_PER_USER = 12, WORDS_PER_ENTRY = 6, TEXT = 400 };

/* Storage ----------------------------------------------------------------------------------------------------------------- */

static char *copy_text(const char *text) {
  char *copied = strdup(text);
  EDDY_ASSERT(copied != NULL);
  return copied;
}

static struct redis_key *find(const struct redis_store *store, const char *name) {
  for (size_t i = 0; i < store->count; i++) {
    if (strcmp(store->keys[i].name, name) == 0) return &store->keys[i];
  }
  return NULL;
}

const struct redis_key *redis_find(const struct redis_store *store, const char *name) {
  return find(store, name);
}

static struct redis_key *make(struct redis_store *store, const char *name) {
  struct redis_key *key = find(store, name);
  if (key) return key;
  if (store->count == store->capacity) {
    store->capacity = store->capacity ? 2 * store->capacity : 16;
    store->keys = realloc(store->keys, store->capacity * sizeof *store->keys);
    EDDY_ASSERT(store->keys != NULL);
  }
  store->keys[store->count] = (struct redis_key){.name = copy_text(name)};
  return &store->keys[store->count++];
}

static struct redis_field *field_of(const struct redis_key *key, const char *name) {
  for (size_t i = 0; key && i < key->count; i++) {
    if (strcmp(key->fields[i].name, name) == 0) return &key->fields[i];
  }
  return NULL;
}

const char *redis_value(const struct redis_key *key, const char *field) {
  const struct redis_field *found = field_of(key, field);
  return found ? found->value : NULL;
}

static void set(struct redis_key *key, const char *name, const char *value) {
  struct redis_field *field = field_of(key, name);
  if (field) {
    free(field->value);
    field->value = copy_text(value);
    return;
  }
  if (key->count == key->capacity) {
    key->capacity = key->capacity ? 2 * key->capacity : 8;
    key->fields = realloc(key->fields, key->capacity * sizeof *key->fields);
    EDDY_ASSERT(key->fields != NULL);
  }
  key->fields[key->count++] = (struct redis_field){copy_text(name), copy_text(value)};
}

static void unset(struct redis_key *key, const char *name) {
  struct redis_field *field = field_of(key, name);
  if (!field) return;
  free(field->name);
  free(field->value);
  memmove(field, field + 1, (size_t)(key->fields + --key->count - field) * sizeof *field);
}

static void empty(struct redis_key *key) {
  while (key && key->count > 0) unset(key, key->fields[key->count - 1].name);
}

static void free_store(struct redis_store *store) {
  for (size_t i = 0; i < store->count; i++) {
    empty(&store->keys[i]);
    free(store->keys[i].fields);
    free(store->keys[i].name);
  }
  free(store->keys);
  *store = (struct redis_store){0};
}

static void copy_store(struct redis_store *to, const struct redis_store *from) {
  free_store(to);
  for (size_t i = 0; i < from->count; i++) {
    struct redis_key *key = make(to, from->keys[i].name);
    for (size_t j = 0; j < from->keys[i].count; j++) set(key, from->keys[i].fields[j].name, from->keys[i].fields[j].value);
  }
}

/* Replies ----------------------------------------------------------------------------------------------------------------- */

static redisReply *reply_of(int type) {
  redisReply *reply = calloc(1, sizeof *reply);
  EDDY_ASSERT(reply != NULL);
  reply->type = type;
  return reply;
}

static redisReply *reply_integer(long long integer) {
  redisReply *reply = reply_of(REDIS_REPLY_INTEGER);
  reply->integer = integer;
  return reply;
}

static redisReply *reply_text(const char *text) {
  redisReply *reply = reply_of(text ? REDIS_REPLY_STRING : REDIS_REPLY_NIL);
  if (!text) return reply;
  reply->str = copy_text(text);
  reply->len = strlen(text);
  return reply;
}

/* Scripts ----------------------------------------------------------------------------------------------------------------- */

struct version {
  unsigned long long incarnation, sequence;
};

static struct version version_of(const char *text) {
  struct version version = {0, 0};
  if (text) sscanf(text, "%llu-%llu", &version.incarnation, &version.sequence);
  return version;
}

static bool is_older(struct version a, struct version b) {
  return a.incarnation < b.incarnation || (a.incarnation == b.incarnation && a.sequence < b.sequence);
}

static bool goes_on(struct redis *redis, const char *wrote, const char *expected, const char *next) {
  struct redis_key *key = make(&redis->now, wrote);
  const char *at = redis_value(key, "");
  if (strtoull(at ? at : "0", NULL, 10) != strtoull(expected, NULL, 10)) return false;
  set(key, "", next);
  return true;
}

static struct redis_key *segment_set(struct redis *redis, const char *prefix, const char *segment) {
  char name[TEXT];
  snprintf(name, sizeof name, "%s:segment:%s", prefix, segment);
  return make(&redis->now, name);
}

static void write_segment(struct redis *redis, const char *name, char **a, const char *prefix) {
  struct redis_key *key = make(&redis->now, name);
  const char *id = a[0], *to = a[5], *since = a[8];
  const char *stored = redis_value(key, "segment"), *stored_since = redis_value(key, "since");
  if (strcmp(a[4], "1") == 0) {
    set(key, "from", a[7]);
    set(key, "since", since);
    set(key, "model_version", a[9]);
  } else if (strcmp(stored ? stored : "", to) != 0 || (to[0] && (!stored_since || strcmp(stored_since, since) != 0))) {
    unset(key, "from");
    unset(key, "since");
    set(key, "model_version", a[9]);
    if (to[0]) set(key, "since", since);
  }
  if (!to[0]) {
    unset(key, "segment");
    unset(key, "segment_name");
    return;
  }
  set(key, "segment", to);
  set(key, "segment_name", a[6]);
  set(segment_set(redis, prefix, to), id, since);
}

/* 1 if it was refused. */
static int write_user(struct redis *redis, const char *name, char **a, const char *prefix, const char *stamp) {
  struct redis_key *key = make(&redis->now, name);
  const char *stored = redis_value(key, "segment");
  bool erased = a[3][0], has_segment = a[4][0], has_trigger = a[10][0];
  struct version version = {strtoull(a[1], NULL, 10), strtoull(a[2], NULL, 10)};
  const char *last = redis_value(key, "v");
  char gone[TEXT], text[TEXT];
  snprintf(gone, sizeof gone, "%s:gone:%s", prefix, a[0]); /* for a day, under a digest */
  snprintf(text, sizeof text, "%s-%s", a[1], a[2]);
  if (is_older(version, version_of(last ? last : redis_value(find(&redis->now, gone), "")))) {
    const char *fired = redis_value(key, "last_trigger_at");
    if (last && has_trigger && !erased && strtoll(fired ? fired : "-1", NULL, 10) < strtoll(a[11], NULL, 10)) {
      set(key, "last_trigger", a[10]);
      set(key, "last_trigger_at", a[11]);
    }
    return 1;
  }
  if (stored && (erased || (has_segment && strcmp(stored, a[5]) != 0))) unset(segment_set(redis, prefix, stored), a[0]);
  if (erased) set(make(&redis->now, gone), "", text);
  key = make(&redis->now, name);
  if (erased) empty(key);
  bool nothing = !has_segment || (strcmp(a[4], "2") == 0 && !a[5][0] && !redis_value(key, "v"));
  if (!nothing || has_trigger) {
    /* The version is written last here, so that write_segment() still sees what was stored. */
    if (has_trigger) {
      set(key, "last_trigger", a[10]);
      set(key, "last_trigger_at", a[11]);
    }
    if (!nothing) write_segment(redis, name, a, prefix);
    key = make(&redis->now, name);
    set(key, "v", text);
    set(key, "updated_at", stamp);
  }
  if (nothing && !has_trigger && strcmp(a[4], "2") == 0) set(make(&redis->now, gone), "", text); /* for an hour */
  if (redis->wrote_user && (erased || !nothing || has_trigger))
    redis->wrote_user(redis->ctx, a[0], version.incarnation, version.sequence, make(&redis->now, name));
  return 0;
}

static redisReply *run_users(struct redis *redis, char **keys, size_t key_count, char **arguments) {
  if (!goes_on(redis, keys[0], arguments[0], arguments[1])) return reply_integer(-1);
  int refused = 0;
  for (size_t i = 1; i < key_count; i++) {
    refused += write_user(redis, keys[i], arguments + 4 + (i - 1) * WORDS_PER_USER, arguments[2], arguments[3]);
  }
  return reply_integer(refused);
}

static redisReply *run_entries(struct redis *redis, char **keys, size_t key_count, char **arguments) {
  for (size_t i = 0; i < key_count; i++) {
    char **a = arguments + 1 + i * WORDS_PER_ENTRY;
    struct redis_key *stream = make(&redis->now, keys[i]);
    const char *last = stream->count ? stream->fields[stream->count - 1].name : NULL;
    if (last && !is_older(version_of(last), version_of(a[0]))) continue; /* equal or smaller */
    set(stream, a[0], a[2]);
  }
  return reply_integer((long long)key_count);
}

static redisReply *run_status(struct redis *redis, char **keys, char **arguments, size_t count) {
  for (size_t a = 4; a + 2 < count; a += 3) {
    const char *stored = redis_value(find(&redis->now, keys[1]), arguments[a]);
    if (strcmp(stored ? stored : "", arguments[a + 1]) != 0) return reply_integer(-1);
  }
  if (!goes_on(redis, keys[0], arguments[0], arguments[1])) return reply_integer(-1);
  struct redis_key *status = make(&redis->now, keys[1]);
  set(status, arguments[2], arguments[3]);
  for (size_t a = 4; a + 2 < count; a += 3) set(status, arguments[a], arguments[a + 2]);
  return reply_integer(0);
}

static redisReply *run_script(struct redis *redis, char **words, size_t count) {
  size_t key_count = strtoul(words[2], NULL, 10);
  char **keys = words + 3, **arguments = keys + key_count;
  if (strcmp(words[1], "script-0") == 0) return run_users(redis, keys, key_count, arguments);
  if (strcmp(words[1], "script-1") == 0) return run_entries(redis, keys, key_count, arguments);
  EDDY_ASSERT(strcmp(words[1], "script-2") == 0);
  return run_status(redis, keys, arguments, count - 3 - key_count);
}

static redisReply *run_hmget(struct redis *redis, char **words, size_t count) {
  const struct redis_key *key = find(&redis->now, words[1]);
  redisReply *reply = reply_of(REDIS_REPLY_ARRAY);
  reply->elements = count - 2;
  reply->element = calloc(reply->elements, sizeof(*reply->element));
  EDDY_ASSERT(reply->element != NULL);
  for (size_t i = 2; i < count; i++) reply->element[i - 2] = reply_text(redis_value(key, words[i]));
  return reply;
}

static redisReply *run(struct redis *redis, char **words, size_t count) {
  if (strcmp(words[0], "GET") == 0) return reply_text(redis_value(find(&redis->now, words[1]), ""));
  if (strcmp(words[0], "HMGET") == 0) return run_hmget(redis, words, count);
  EDDY_ASSERT(strcmp(words[0], "EVALSHA") == 0);
  return run_script(redis, words, count);
}

/* Connections ------------------------------------------------------------------------------------------------------------- */

struct redis_connection *redis_connect(struct redis *redis) {
  struct redis_connection *connection = calloc(1, sizeof *connection);
  EDDY_ASSERT(connection != NULL);
  connection->next = redis->connections;
  redis->connections = connection;
  return connection;
}

/* "*<count>\r\n" and per word "$<size>\r\n<bytes>\r\n". */
struct redis_command *redis_send(struct redis_connection *connection, const char *bytes, size_t size) {
  struct redis_command *command = calloc(1, sizeof *command);
  EDDY_ASSERT(command != NULL && size > 0 && bytes[0] == '*');
  const char *at = bytes + 1;
  command->count = strtoul(at, NULL, 10);
  command->words = calloc(command->count, sizeof(*command->words));
  EDDY_ASSERT(command->words != NULL);
  for (size_t i = 0; i < command->count; i++) {
    at = (const char *)memchr(at, '$', (size_t)(bytes + size - at)) + 1;
    size_t length = strtoul(at, NULL, 10);
    at = (const char *)memchr(at, '\n', (size_t)(bytes + size - at)) + 1;
    command->words[i] = strndup(at, length);
    at += length;
  }
  if (connection->last) {
    connection->last->next = command;
  } else {
    connection->first = command;
  }
  connection->last = command;
  return command;
}

bool redis_apply(struct redis *redis, struct redis_connection *connection) {
  struct redis_command *command = connection->first;
  while (command && command->reply) command = command->next;
  if (!command) return false;
  command->reply = run(redis, command->words, command->count);
  return true;
}

void redis_answered(struct redis_connection *connection) {
  struct redis_command *command = connection->first;
  connection->first = command->next;
  if (!connection->first) connection->last = NULL;
  for (size_t i = 0; i < command->count; i++) free(command->words[i]);
  free(command->words);
  if (command->reply) freeReplyObject(command->reply);
  free(command);
}

void redis_break(struct redis_connection *connection) {
  connection->broken = true;
}

/* One command per call; a connection without any goes. */
void redis_stragglers(struct redis *redis, bool arrives) {
  for (struct redis_connection **at = &redis->connections; *at;) {
    struct redis_connection *connection = *at;
    if (!connection->broken) {
      at = &connection->next;
      continue;
    }
    while (connection->first && connection->first->reply) redis_answered(connection);
    if (connection->first) {
      if (arrives && !redis->down) redis_apply(redis, connection);
      redis_answered(connection);
      return;
    }
    *at = connection->next;
    free(connection);
  }
}

/* Losses ------------------------------------------------------------------------------------------------------------------ */

void redis_flush(struct redis *redis) {
  free_store(&redis->now);
  redis->losses++;
}

void redis_copy(struct redis *redis) {
  copy_store(&redis->copy, &redis->now);
  redis->has_copy = true;
}

void redis_fail_over(struct redis *redis) {
  if (!redis->has_copy) return;
  copy_store(&redis->now, &redis->copy);
  redis->losses++;
}

void redis_fini(struct redis *redis) {
  while (redis->connections) {
    struct redis_connection *connection = redis->connections;
    while (connection->first) redis_answered(connection);
    redis->connections = connection->next;
    free(connection);
  }
  free_store(&redis->now);
  free_store(&redis->copy);
}
