#include "sink/redis_pending.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { BUCKETS_MIN = 1024 };

static size_t user_bytes(const struct eddy_redis_user *user) {
  return sizeof *user + user->id_size;
}

static size_t entry_bytes(const struct eddy_redis_entry *entry) {
  return sizeof *entry + entry->user_size + entry->trigger_size + entry->record_size;
}

static uint64_t *outstanding(struct eddy_redis_pending *pending, uint64_t generation) {
  return &pending->outstanding[generation & 1];
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

struct eddy_redis_user *eddy_redis_pending_user(struct eddy_redis_pending *pending, struct eddy_str id, uint64_t bytes_max) {
  uint64_t hash = eddy_hash_stable(id.data, id.len);
  struct eddy_redis_user *user = find(pending, hash, id.data, id.len);
  if (user) {
    pending->coalesced++;
    return user;
  }
  if (pending->bytes + sizeof *user + id.len > bytes_max || !(user = calloc(1, sizeof *user + id.len))) return NULL;
  user->hash = hash;
  user->generation = pending->generation;
  ++*outstanding(pending, user->generation);
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

bool eddy_redis_version_is_newer(const struct eddy_redis_version *one, const struct eddy_redis_version *other) {
  if (one->incarnation != other->incarnation) return one->incarnation > other->incarnation;
  return one->sequence > other->sequence;
}

static void copy_segment(struct eddy_redis_user *to, const struct eddy_redis_user *from) {
  to->has_segment = from->has_segment;
  to->is_state = from->is_state;
  to->has_to = from->has_to;
  to->to = from->to;
  to->has_from = from->has_from;
  to->from = from->from;
  to->since = from->since;
  to->model_version = from->model_version;
  memcpy(to->segment_name, from->segment_name, sizeof to->segment_name);
}

static void copy_trigger(struct eddy_redis_user *to, const struct eddy_redis_user *from) {
  to->has_trigger = from->has_trigger;
  to->trigger = from->trigger;
  to->trigger_at = from->trigger_at;
}

static struct eddy_redis_version part_version(const struct eddy_redis_user *user, const struct eddy_redis_version *part) {
  return part->incarnation != 0 ? *part : user->version;
}

static bool says_later(const struct eddy_redis_user *user, const struct eddy_redis_version *part,
                       const struct eddy_redis_user *other, const struct eddy_redis_version *other_part) {
  struct eddy_redis_version one = part_version(user, part), two = part_version(other, other_part);
  return eddy_redis_version_is_newer(&one, &two);
}

/* An erasure takes along what was said before it. */
static void apply_erasure(struct eddy_redis_user *user) {
  if (!user->erased) return;
  if (says_later(user, &user->erased_by, user, &user->segment_by)) user->has_segment = false;
  if (says_later(user, &user->erased_by, user, &user->trigger_by)) user->has_trigger = false;
}

static void add(struct eddy_redis_user *user, const struct eddy_redis_user *more) {
  struct eddy_redis_user mine = *user; /* its parts' versions, as they were */
  if (more->erased && (!mine.erased || says_later(more, &more->erased_by, &mine, &mine.erased_by))) {
    user->erased = true;
    user->erased_by = part_version(more, &more->erased_by);
  } else if (mine.erased) {
    user->erased_by = part_version(&mine, &mine.erased_by);
  }
  user->segment_by = part_version(&mine, &mine.segment_by);
  if (more->has_segment && (!mine.has_segment || says_later(more, &more->segment_by, &mine, &mine.segment_by))) {
    copy_segment(user, more);
    user->segment_by = part_version(more, &more->segment_by);
  }
  user->trigger_by = part_version(&mine, &mine.trigger_by);
  if (more->has_trigger && (!mine.has_trigger || says_later(more, &more->trigger_by, &mine, &mine.trigger_by))) {
    copy_trigger(user, more);
    user->trigger_by = part_version(more, &more->trigger_by);
  }
  if (eddy_redis_version_is_newer(&more->version, &mine.version)) {
    user->version = more->version;
    user->partition = more->partition;
  }
  apply_erasure(user);
}

void eddy_redis_pending_settle(struct eddy_redis_user *user, uint64_t tenure) {
  if (user->tenure == tenure) return;
  user->tenure = tenure;
  user->version = user->erased_by = user->segment_by = user->trigger_by = (struct eddy_redis_version){0};
  user->erased = user->has_segment = user->is_state = user->has_trigger = false;
}

void eddy_redis_pending_return(struct eddy_redis_pending *pending, struct eddy_redis_user *user) {
  struct eddy_redis_user *waiting = find(pending, user->hash, user->id, user->id_size);
  if (!waiting) {
    link_user(pending, user);
    return;
  }
  if (user->generation < waiting->generation) { /* what coalesces stays in the older */
    uint64_t older = user->generation;
    user->generation = waiting->generation;
    waiting->generation = older;
  }
  if (user->tenure > waiting->tenure) eddy_redis_pending_settle(waiting, user->tenure);
  if (user->tenure < waiting->tenure) {
    eddy_redis_pending_free(pending, user);
    return;
  }
  add(waiting, user);
  eddy_redis_pending_free(pending, user);
}

void eddy_redis_pending_free(struct eddy_redis_pending *pending, struct eddy_redis_user *user) {
  pending->bytes -= user_bytes(user);
  --*outstanding(pending, user->generation);
  free(user);
}

void eddy_redis_pending_add_entry(struct eddy_redis_pending *pending, struct eddy_redis_entry *entry) {
  entry->next = NULL;
  entry->generation = pending->generation;
  ++*outstanding(pending, entry->generation);
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
  --*outstanding(pending, entry->generation);
  free(entry);
}

bool eddy_redis_pending_roll(struct eddy_redis_pending *pending) {
  if (*outstanding(pending, pending->generation + 1) > 0) return false;
  pending->generation++;
  return true;
}
