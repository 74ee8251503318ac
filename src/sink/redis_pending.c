#include "sink/redis_pending.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { BUCKETS_MIN = 1024 };

static size_t user_bytes(const struct eddy_redis_user *user) { return sizeof *user + user->id_size; }

static size_t entry_bytes(const struct eddy_redis_entry *entry) {
  return sizeof *entry + entry->user_size + entry->trigger_size + entry->record_size;
}

int eddy_redis_pending_init(struct eddy_redis_pending *pending, uint64_t bytes_max) {
  memset(pending, 0, sizeof *pending);
  pending->bytes_max = bytes_max;
  pending->buckets = calloc(BUCKETS_MIN, sizeof *pending->buckets);
  if (!pending->buckets) return EDDY_E_NOMEM;
  pending->bucket_count = BUCKETS_MIN;
  return 0;
}

void eddy_redis_pending_fini(struct eddy_redis_pending *pending) {
  while (pending->first) {
    struct eddy_redis_user *user = pending->first;
    pending->first = user->next;
    free(user);
  }
  while (pending->entry_first) eddy_redis_pending_pop_entry(pending);
  free(pending->buckets);
  memset(pending, 0, sizeof *pending);
}

static struct eddy_redis_user **bucket_of(struct eddy_redis_pending *pending, uint64_t hash) {
  return &pending->buckets[hash & (pending->bucket_count - 1)];
}

/* Doubles the table; a table that cannot grow only gets slower. */
static void grow(struct eddy_redis_pending *pending) {
  size_t count = pending->bucket_count * 2;
  struct eddy_redis_user **buckets = calloc(count, sizeof *buckets);
  if (!buckets) return;
  free(pending->buckets);
  pending->buckets = buckets;
  pending->bucket_count = count;
  for (struct eddy_redis_user *user = pending->first; user; user = user->next) {
    struct eddy_redis_user **bucket = bucket_of(pending, user->hash);
    user->chain = *bucket;
    *bucket = user;
  }
}

static struct eddy_redis_user *find(struct eddy_redis_pending *pending, uint64_t hash, const char *id, size_t size) {
  struct eddy_redis_user *user = *bucket_of(pending, hash);
  while (user && (user->hash != hash || user->id_size != size || memcmp(user->id, id, size) != 0)) user = user->chain;
  return user;
}

static void link_user(struct eddy_redis_pending *pending, struct eddy_redis_user *user) {
  struct eddy_redis_user **bucket = bucket_of(pending, user->hash);
  user->chain = *bucket;
  *bucket = user;
  user->next = NULL;
  if (pending->last) pending->last->next = user;
  if (!pending->first) pending->first = user;
  pending->last = user;
  if (++pending->user_count > pending->bucket_count) grow(pending);
}

struct eddy_redis_user *eddy_redis_pending_user(struct eddy_redis_pending *pending, struct eddy_str id) {
  uint64_t hash = eddy_hash_stable(id.data, id.len);
  struct eddy_redis_user *user = find(pending, hash, id.data, id.len);
  if (user) {
    pending->coalesced++;
    return user;
  }
  if (pending->bytes + sizeof *user + id.len > pending->bytes_max || !(user = calloc(1, sizeof *user + id.len))) {
    pending->dropped++;
    return NULL;
  }
  user->hash = hash;
  user->id_size = id.len;
  memcpy(user->id, id.data, id.len);
  pending->bytes += user_bytes(user);
  link_user(pending, user);
  return user;
}

static void unlink_first(struct eddy_redis_pending *pending) {
  struct eddy_redis_user *user = pending->first, **at = bucket_of(pending, user->hash);
  while (*at != user) at = &(*at)->chain;
  *at = user->chain;
  pending->first = user->next;
  if (!pending->first) pending->last = NULL;
  pending->user_count--;
}

size_t eddy_redis_pending_take(struct eddy_redis_pending *pending, struct eddy_redis_user **users, size_t max) {
  size_t count = 0;
  while (count < max && pending->first) {
    users[count++] = pending->first;
    unlink_first(pending);
  }
  return count;
}

void eddy_redis_pending_return(struct eddy_redis_pending *pending, struct eddy_redis_user *user) {
  struct eddy_redis_user *newer = find(pending, user->hash, user->id, user->id_size);
  if (!newer) {
    link_user(pending, user);
    return;
  }
  /* The parts that the newer change does not speak of still hold. */
  if (!newer->has_segment && user->has_segment && !newer->erased) {
    newer->has_segment = true;
    newer->has_to = user->has_to;
    newer->to = user->to;
    newer->has_from = user->has_from;
    newer->from = user->from;
    newer->since = user->since;
    newer->model_version = user->model_version;
    memcpy(newer->segment_name, user->segment_name, sizeof newer->segment_name);
  }
  if (!newer->has_trigger && user->has_trigger && !newer->erased) {
    newer->has_trigger = true;
    newer->trigger = user->trigger;
    newer->trigger_at = user->trigger_at;
  }
  eddy_redis_pending_free(pending, user);
}

void eddy_redis_pending_free(struct eddy_redis_pending *pending, struct eddy_redis_user *user) {
  pending->bytes -= user_bytes(user);
  free(user);
}

void eddy_redis_pending_add_entry(struct eddy_redis_pending *pending, struct eddy_redis_entry *entry) {
  entry->next = NULL;
  if (pending->entry_last) pending->entry_last->next = entry;
  if (!pending->entry_first) pending->entry_first = entry;
  pending->entry_last = entry;
  pending->entry_count++;
  pending->bytes += entry_bytes(entry);
}

void eddy_redis_pending_pop_entry(struct eddy_redis_pending *pending) {
  struct eddy_redis_entry *entry = pending->entry_first;
  pending->entry_first = entry->next;
  if (!pending->entry_first) pending->entry_last = NULL;
  pending->entry_count--;
  pending->bytes -= entry_bytes(entry);
  free(entry);
}
