/* What is handed to the Redis sink: effects of commits, what is true from memory, records of topic triggers; and tenures. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rules.h"
#include "codec/output_text.h"
#include "sink/redis_sink_state.h"

/* ---- room ---- */

enum { ERASURES_KEPT = 16 };

/* Erasures get in beyond the bound: no resynchronisation would make them good. */
static uint64_t erasures_max(const struct eddy_redis_sink *sink) {
  return sink->pending.bytes_max + sink->pending.bytes_max / 4;
}

static void settle(struct eddy_redis_sink *sink, uint32_t partition, struct eddy_redis_user *user) {
  const struct eddy_redis_partition *at = eddy_redis_acks_find(&sink->acks, partition);
  eddy_redis_pending_settle(user, at ? at->tenure : 0);
}

static struct eddy_redis_user *committed_user(struct eddy_redis_sink *sink, uint32_t partition, struct eddy_str id,
                                              bool erased) {
  struct eddy_redis_user *user =
      eddy_redis_pending_user(&sink->pending, id, erased ? erasures_max(sink) : sink->pending.bytes_max);
  struct eddy_redis_partition *at = eddy_redis_acks_find(&sink->acks, partition);
  if (!user) sink->pending.dropped++;
  if (!user && at) eddy_redis_partition_lose(at);
  if (user) settle(sink, partition, user);
  return user;
}

/* What is handed over at leisure leaves room for what commits bring. */
static struct eddy_redis_user *paced_user(struct eddy_redis_sink *sink, struct eddy_str id) {
  return eddy_redis_pending_user(&sink->pending, id, sink->pending.bytes_max / 4 * 3);
}

static bool over(const struct eddy_redis_pending *pending) {
  return pending->bytes > pending->bytes_max;
}

/* Users make room for trigger entries: a resynchronisation brings them back. */
static void drop_users(struct eddy_redis_sink *sink) {
  struct eddy_redis_pending *pending = &sink->pending;
  struct eddy_redis_user *user;
  for (int kept = 0; over(pending) && kept < ERASURES_KEPT && eddy_redis_pending_take(pending, &user, 1) == 1;) {
    if (user->erased) {
      kept++;
      eddy_redis_pending_return(pending, user); /* as the last */
      continue;
    }
    struct eddy_redis_partition *partition = eddy_redis_acks_find(&sink->acks, user->partition);
    if (partition) eddy_redis_partition_lose(partition);
    eddy_redis_pending_free(pending, user);
    pending->dropped++;
  }
}

/* Beyond that the oldest entries go; those in flight are about to leave anyway. */
static void add_entry(struct eddy_redis_sink *sink, struct eddy_redis_entry *entry) {
  struct eddy_redis_pending *pending = &sink->pending;
  struct eddy_redis_partition *partition = eddy_redis_acks_find(&sink->acks, entry->partition);
  if (partition && entry->effect > partition->now.trigger) partition->now.trigger = entry->effect;
  if (over(pending)) drop_users(sink);
  while (over(pending) && pending->entry_count > 0 && sink->entries_in_flight == 0) {
    eddy_redis_pending_pop_entry(pending);
    pending->dropped++;
  }
  eddy_redis_pending_add_entry(pending, entry);
}

/* ---- trigger entries ---- */

struct entry_texts {
  struct eddy_str user_id, trigger, record;
};

static struct eddy_redis_entry *new_entry(const struct entry_texts *texts) {
  size_t size = (size_t)texts->user_id.len + texts->trigger.len + texts->record.len;
  struct eddy_redis_entry *entry = calloc(1, sizeof *entry + size);
  if (!entry) return NULL;
  entry->user_size = texts->user_id.len;
  entry->trigger_size = texts->trigger.len;
  entry->record_size = texts->record.len;
  char *text = entry->text;
  if (entry->user_size > 0) memcpy(text, texts->user_id.data, entry->user_size);
  if (entry->trigger_size > 0) memcpy(text + entry->user_size, texts->trigger.data, entry->trigger_size);
  memcpy(text + entry->user_size + entry->trigger_size, texts->record.data, entry->record_size);
  return entry;
}

/* What was written into `json`, without the line feed. */
static struct eddy_str json_text(const struct eddy_redis_sink *sink) {
  return (struct eddy_str){(const char *)sink->json.data, (uint32_t)sink->json.size - 1};
}

static void queue_trigger(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation,
                          const struct eddy_effect *effect) {
  const struct eddy_trigger_fired *fired = &effect->as.trigger;
  const char *name = sink->options.spec->triggers[fired->trigger].name;
  struct eddy_output_place place = {partition, fired->published_at};
  struct eddy_redis_entry *entry = NULL;
  sink->json.size = 0;
  if (eddy_output_json(sink->codec, effect, &place, &sink->json) == 0) {
    entry = new_entry(&(struct entry_texts){effect->user_id, {name, (uint32_t)strlen(name)}, json_text(sink)});
  }
  if (!entry) {
    sink->pending.dropped++;
    return;
  }
  entry->partition = partition;
  entry->incarnation = incarnation;
  entry->effect = effect->number;
  entry->due_at = fired->due_at;
  eddy_trigger_id_text(fired->trigger_id, entry->trigger_id);
  add_entry(sink, entry);
}

/* ---- commits ---- */

static void name_segment(struct eddy_redis_user *user, const struct eddy_model *model) {
  user->segment_name[0] = '\0';
  int slot = model && user->has_to ? eddy_model_slot(model, user->to) : -1;
  if (slot < 0) return;
  struct eddy_model_parts parts = eddy_model_parts_of(model);
  snprintf(user->segment_name, sizeof user->segment_name, "%s", parts.cards[slot].name);
}

static void take_segment(struct eddy_redis_user *user, const struct eddy_segment_changed *change,
                         const struct eddy_model *model) {
  user->has_segment = true;
  user->segment_by = user->version;
  user->is_state = false;
  user->has_from = change->has_from;
  user->from = change->from;
  user->has_to = change->has_to;
  user->to = change->to;
  user->since = change->event_time;
  user->model_version = change->model_version;
  name_segment(user, model);
}

static void take_erasure(struct eddy_redis_user *user) {
  user->erased = true;
  user->erased_by = user->version;
  user->has_segment = user->has_trigger = false;
}

static void queue_effect(struct eddy_redis_sink *sink, uint32_t partition, struct eddy_redis_version version,
                         const struct eddy_effect *effect, const struct eddy_model *model) {
  if (effect->kind == EDDY_MODEL_DELTA || effect->kind == EDDY_TRIGGER_SUPPRESSED) return;
  if (effect->kind == EDDY_TRIGGER_FIRED) queue_trigger(sink, partition, version.incarnation, effect);
  bool erased = effect->kind == EDDY_PROFILE_ERASED;
  struct eddy_redis_user *user = committed_user(sink, partition, effect->user_id, erased);
  if (!user) return;
  user->partition = partition;
  user->version = version;
  if (erased) {
    take_erasure(user);
  } else if (effect->kind == EDDY_SEGMENT_CHANGED) {
    take_segment(user, &effect->as.segment, model);
  } else {
    user->has_trigger = true;
    user->trigger_by = user->version;
    user->trigger = effect->as.trigger.trigger;
    user->trigger_at = effect->as.trigger.fired_at;
  }
}

void eddy_redis_sink_committed(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation, uint64_t sequence,
                               const struct eddy_effect *effects, size_t count, const struct eddy_model *model) {
  EDDY_POINT("redis");
  struct eddy_redis_version version = {incarnation, sequence};
  struct eddy_redis_partition *at = eddy_redis_acks_find(&sink->acks, partition);
  for (size_t i = 0; i < count; i++) queue_effect(sink, partition, version, &effects[i], model);
  if (at && at->in_tenure) {
    at->now.sequence = sequence;
    at->now.since = eddy_redis_sink_wall();
  }
  eddy_redis_sink_send(sink);
}

/* ---- from memory ---- */

/* True if `user` is new here or nothing newer waits: then it may take a state as of (incarnation, sequence). */
static bool take_version(struct eddy_redis_user *user, uint32_t partition, uint64_t incarnation, uint64_t sequence) {
  struct eddy_redis_version version = {incarnation, sequence};
  if (eddy_redis_version_is_newer(&user->version, &version)) return false;
  user->version = version;
  user->partition = partition;
  return true;
}

/* A change that waits and says the same knows more: how it came about. */
static void take_state(struct eddy_redis_user *user, const struct eddy_member *member, const struct eddy_model *model) {
  bool same = user->has_segment && user->has_to == member->has_segment &&
              (!member->has_segment || (user->to == member->segment && user->since == member->since));
  user->segment_by = user->version;
  if (same) return;
  user->has_segment = user->is_state = true;
  user->has_from = false;
  user->has_to = member->has_segment;
  user->to = member->segment;
  user->since = member->has_segment ? member->since : 0;
  user->model_version = model ? eddy_model_parts_of(model).version : 0;
  name_segment(user, model);
}

bool eddy_redis_sink_put(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation, uint64_t sequence,
                         const struct eddy_member *member, const struct eddy_model *model) {
  struct eddy_redis_user *user = paced_user(sink, member->user_id);
  if (!user) return false;
  settle(sink, partition, user);
  if (take_version(user, partition, incarnation, sequence)) take_state(user, member, model);
  eddy_redis_sink_send(sink);
  return true;
}

bool eddy_redis_sink_gone(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation, uint64_t sequence,
                          struct eddy_str user_id) {
  struct eddy_redis_user *user = eddy_redis_pending_user(&sink->pending, user_id, erasures_max(sink));
  if (!user) return false;
  settle(sink, partition, user);
  if (take_version(user, partition, incarnation, sequence)) take_erasure(user);
  eddy_redis_sink_send(sink);
  return true;
}

/* ---- from topic triggers ---- */

static int find_trigger(const struct eddy_spec *spec, struct eddy_str name) {
  for (uint16_t i = 0; i < spec->trigger_count; i++) {
    if (strlen(spec->triggers[i].name) == name.len && memcmp(spec->triggers[i].name, name.data, name.len) == 0) return i;
  }
  return -1;
}

/* The user's last trigger, if it still has a name in the specification, and the user has not been erased since. Under the
 * version up to which Redis has everything: a newer one would claim that the rest of the user is as new, and the tenure may end
 * before that is handed over. */
static void resend_last(struct eddy_redis_sink *sink, const struct eddy_redis_entry *entry,
                        const struct eddy_trigger_brief *brief) {
  struct eddy_redis_partition *partition = eddy_redis_acks_find(&sink->acks, entry->partition);
  int trigger = find_trigger(sink->options.spec, brief->trigger);
  if (!partition || trigger < 0) return;
  struct eddy_redis_user *user = committed_user(sink, entry->partition, brief->user_id, false);
  if (!user || user->erased || !take_version(user, entry->partition, entry->incarnation, partition->stored.sequence)) return;
  user->has_trigger = true;
  user->trigger_by = user->version;
  user->trigger = (uint16_t)trigger;
  user->trigger_at = brief->fired_at;
}

static bool has_acknowledged(const struct eddy_redis_sink *sink, uint32_t partition, uint64_t number) {
  const struct eddy_redis_partition *at = eddy_redis_acks_find(&sink->acks, partition);
  return at && at->known && at->stored.trigger > 0 && number <= at->stored.trigger;
}

int eddy_redis_sink_resend(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation, const void *record,
                           size_t size) {
  struct eddy_trigger_brief brief;
  sink->json.size = 0;
  if (eddy_output_reader_trigger(sink->reader, record, size, &brief) != 0) return EDDY_E_CORRUPT;
  if (has_acknowledged(sink, partition, brief.number)) return 0;
  if (eddy_output_reader_json(sink->reader, record, size, &sink->json) != 0) return EDDY_E_CORRUPT;
  struct eddy_redis_entry *entry = new_entry(&(struct entry_texts){brief.user_id, brief.trigger, json_text(sink)});
  if (!entry) {
    sink->pending.dropped++;
    return 0;
  }
  entry->partition = partition;
  entry->incarnation = incarnation;
  entry->effect = brief.number;
  entry->due_at = brief.due_at;
  snprintf(entry->trigger_id, sizeof entry->trigger_id, "%.*s", (int)brief.trigger_id.len, brief.trigger_id.data);
  resend_last(sink, entry, &brief);
  add_entry(sink, entry);
  eddy_redis_sink_send(sink);
  return 0;
}

bool eddy_redis_sink_trigger_number(struct eddy_redis_sink *sink, const void *record, size_t size, uint64_t *number) {
  struct eddy_trigger_brief brief;
  if (eddy_output_reader_trigger(sink->reader, record, size, &brief) != 0) return false;
  *number = brief.number;
  return true;
}

/* ---- tenures ---- */

struct eddy_redis_ack eddy_redis_sink_acked(const struct eddy_redis_sink *sink, uint32_t partition) {
  const struct eddy_redis_partition *at = eddy_redis_acks_find(&sink->acks, partition);
  if (!at || !at->in_tenure || !at->known) return (struct eddy_redis_ack){0};
  return (struct eddy_redis_ack){true, at->stored.sequence, at->stored.trigger, at->stored.since};
}

bool eddy_redis_sink_begin(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation, uint64_t sequence,
                           const struct eddy_redis_ack *ack) {
  struct eddy_redis_partition *at = eddy_redis_acks_make(&sink->acks, partition);
  if (!at) return false; /* never acknowledged: as if Redis had not answered */
  struct eddy_redis_mark stored = {ack->sequence, ack->trigger, ack->since};
  struct eddy_redis_version version = {incarnation, sequence};
  eddy_redis_partition_begin(at, version, ack->known ? &stored : NULL, eddy_redis_sink_wall());
  if (at->now.trigger < ack->trigger) at->now.trigger = ack->trigger;
  eddy_redis_sink_send(sink);
  return at->sync == EDDY_REDIS_CATCHING;
}

void eddy_redis_sink_end(struct eddy_redis_sink *sink, uint32_t partition) {
  struct eddy_redis_partition *at = eddy_redis_acks_find(&sink->acks, partition);
  if (at) eddy_redis_partition_end(at);
}

void eddy_redis_sink_complete(struct eddy_redis_sink *sink, uint32_t partition) {
  struct eddy_redis_partition *at = eddy_redis_acks_find(&sink->acks, partition);
  if (!at || (at->sync != EDDY_REDIS_CATCHING && at->sync != EDDY_REDIS_RESYNC)) return;
  at->sync = EDDY_REDIS_SOUND;
}

double eddy_redis_sink_pressure(const struct eddy_redis_sink *sink) {
  return (double)sink->pending.bytes / (double)sink->pending.bytes_max;
}
