#include "sink/redis_ack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void eddy_redis_acks_fini(struct eddy_redis_acks *acks) {
  free(acks->partitions);
  *acks = (struct eddy_redis_acks){0};
}

struct eddy_redis_partition *eddy_redis_acks_find(const struct eddy_redis_acks *acks, uint32_t partition) {
  return partition < acks->count ? &acks->partitions[partition] : NULL;
}

struct eddy_redis_partition *eddy_redis_acks_make(struct eddy_redis_acks *acks, uint32_t partition) {
  if (partition < acks->count) return &acks->partitions[partition];
  struct eddy_redis_partition *partitions = realloc(acks->partitions, ((size_t)partition + 1) * sizeof *partitions);
  if (!partitions) return NULL;
  memset(partitions + acks->count, 0, ((size_t)partition + 1 - acks->count) * sizeof *partitions);
  acks->partitions = partitions;
  acks->count = partition + 1;
  return &acks->partitions[partition];
}

/* ---- tenures ---- */

/* What a tenure before this one has handed over to this very sink needs no hand-over again, if nobody has committed since. */
void eddy_redis_partition_begin(struct eddy_redis_partition *partition, struct eddy_redis_version at,
                                const struct eddy_redis_mark *stored, int64_t wall) {
  bool is_whole = partition->kept && partition->incarnation == at.incarnation && partition->now.sequence == at.sequence;
  uint64_t trigger = is_whole ? partition->now.trigger : 0, tenure = partition->tenure + (is_whole ? 0 : 1);
  *partition = (struct eddy_redis_partition){.in_tenure = true, .incarnation = at.incarnation, .tenure = tenure};
  if (stored) {
    partition->known = true;
    partition->stored = *stored;
    if (trigger < stored->trigger) trigger = stored->trigger;
  }
  partition->now = (struct eddy_redis_mark){at.sequence, trigger, wall};
  if (is_whole || at.sequence == 0 || (stored && stored->sequence == at.sequence)) {
    partition->sync = EDDY_REDIS_SOUND;
  } else {
    partition->sync = stored ? EDDY_REDIS_CATCHING : EDDY_REDIS_LOST;
  }
}

void eddy_redis_partition_end(struct eddy_redis_partition *partition) {
  bool whole = partition->in_tenure ? partition->sync == EDDY_REDIS_SOUND : partition->kept;
  *partition = (struct eddy_redis_partition){
      .kept = whole, .incarnation = partition->incarnation, .now = partition->now, .tenure = partition->tenure};
}

/* ---- marks ---- */

static void roll_one(struct eddy_redis_partition *partition) {
  if (!partition->in_tenure || partition->sync != EDDY_REDIS_SOUND) return;
  if (partition->has_closed) {
    partition->written = partition->closed;
    partition->has_written = true;
  }
  partition->closed = partition->now;
  partition->has_closed = true;
}

/* Twice, so that what is answered completely counts at once. */
void eddy_redis_acks_roll(struct eddy_redis_acks *acks, struct eddy_redis_pending *pending) {
  for (int round = 0; round < 2 && eddy_redis_pending_roll(pending); round++) {
    for (uint32_t i = 0; i < acks->count; i++) roll_one(&acks->partitions[i]);
  }
}

void eddy_redis_partition_lose(struct eddy_redis_partition *partition) {
  partition->kept = false;
  if (!partition->in_tenure) return;
  partition->sync = EDDY_REDIS_LOST;
  partition->has_closed = partition->has_written = false;
}

void eddy_redis_acks_lose_all(struct eddy_redis_acks *acks) {
  for (uint32_t i = 0; i < acks->count; i++) eddy_redis_partition_lose(&acks->partitions[i]);
}

/* ---- what Redis says ---- */

void eddy_redis_acks_connect(struct eddy_redis_acks *acks) {
  for (uint32_t i = 0; i < acks->count; i++) {
    struct eddy_redis_partition *partition = &acks->partitions[i];
    partition->checked = partition->excused = partition->named = partition->sending = false;
    partition->asked = 0;
  }
}

/* Digits up to `until`; false if there are none, too many, or something else follows. */
static bool read_digits(const char **text, char until, uint64_t *value) {
  const char *at = *text;
  *value = 0;
  while (*at >= '0' && *at <= '9' && at - *text < 19) *value = *value * 10 + (uint64_t)(*at++ - '0');
  if (at == *text || *at != until) return false;
  *text = at + 1;
  return true;
}

static bool read_field(const char *text, struct eddy_redis_version *version) {
  return read_digits(&text, '-', &version->incarnation) && read_digits(&text, '\0', &version->sequence);
}

/* True if the field says at least (incarnation, sequence). */
static bool reaches(const char *field, uint64_t incarnation, uint64_t sequence) {
  struct eddy_redis_version version, wanted = {incarnation, sequence};
  return read_field(field, &version) && !eddy_redis_version_is_newer(&wanted, &version);
}

/* A newer one was stored by a predecessor that could not tell us any more: fine. */
void eddy_redis_partition_check(struct eddy_redis_partition *partition, const char *text, size_t size) {
  struct eddy_redis_version ignored;
  snprintf(partition->field, sizeof partition->field, "%.*s", text && size <= EDDY_REDIS_FIELD_MAX ? (int)size : 0,
           text ? text : "");
  if (!read_field(partition->field, &ignored)) partition->field[0] = '\0'; /* as the script sees it */
  partition->checked = true;
  bool has_something = partition->known && partition->stored.sequence > 0;
  if (has_something && !reaches(partition->field, partition->incarnation, partition->stored.sequence)) {
    eddy_redis_partition_lose(partition);
  }
}

size_t eddy_redis_acks_ask(struct eddy_redis_acks *acks) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < acks->count; i++) {
    struct eddy_redis_partition *partition = &acks->partitions[i];
    partition->asked = partition->in_tenure && !partition->checked ? ++count : 0;
  }
  return count;
}

/* What is there already is named, too, even if nothing new is to be said: so that its disappearance is noticed. */
static bool name_field(struct eddy_redis_partition *partition) {
  partition->named = partition->in_tenure && partition->checked && (partition->has_written || partition->field[0]);
  partition->sending = partition->named && partition->has_written;
  if (!partition->named) return false;
  partition->sent = partition->written;
  memcpy(partition->sent_field, partition->field, sizeof partition->field);
  if (partition->sending && !reaches(partition->field, partition->incarnation, partition->written.sequence)) {
    snprintf(partition->sent_field, sizeof partition->sent_field, "%" PRIu64 "-%" PRIu64, partition->incarnation,
             partition->written.sequence);
  }
  return true;
}

size_t eddy_redis_acks_send(struct eddy_redis_acks *acks) {
  size_t count = 0;
  for (uint32_t i = 0; i < acks->count; i++) count += name_field(&acks->partitions[i]);
  return count;
}

static void note_stored(struct eddy_redis_partition *partition) {
  memcpy(partition->field, partition->sent_field, sizeof partition->field);
  partition->stored = partition->sent;
  partition->known = true;
}

void eddy_redis_acks_stored(struct eddy_redis_acks *acks, bool stored) {
  for (uint32_t i = 0; i < acks->count; i++) {
    struct eddy_redis_partition *partition = &acks->partitions[i];
    if (partition->sending && stored && partition->in_tenure) note_stored(partition);
    partition->named = partition->sending = false;
  }
}
