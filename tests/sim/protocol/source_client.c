/* eddy_kafka_source_* on the model: a static member of the group that learns of everything in poll() only, and maybe late. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim/protocol/group.h"
#include "sim/protocol/messages.h"
#include "sim/protocol/sim.h"
#include "source/kafka_source.h"

struct assignment {
  bool ours, paused;
  int64_t position;
  bool end_told;
};

struct eddy_kafka_source {
  struct life *life;
  struct sim *sim;
  struct eddy_kafka_source_handler handler;
  bool subscribed, joined, broken;
  uint64_t member;
  int32_t generation;
  int64_t alive_at; /* simulated ms: last heartbeat */
  struct assignment parts[KAFKA_PARTITIONS_MAX];
};

struct group_view {
  uint64_t member;
  int32_t generation;
};

void eddy_kafka_source_prefer(rd_kafka_conf_t *conf) {
  (void)conf;
}

int eddy_kafka_source_open(struct eddy_kafka_source **out, const struct eddy_kafka_source_options *options, char *why,
                           size_t why_size) {
  (void)why;
  (void)why_size;
  rd_kafka_conf_destroy(options->conf);
  struct eddy_kafka_source *source = calloc(1, sizeof *source);
  EDDY_ASSERT(source != NULL);
  struct life *life = life_now();
  *source = (struct eddy_kafka_source){.life = life, .sim = life->sim, .handler = options->handler};
  *out = life->source = source;
  return 0;
}

int eddy_kafka_source_subscribe(struct eddy_kafka_source *source, char *why, size_t why_size) {
  (void)why;
  (void)why_size;
  source->subscribed = true;
  return 0;
}

/* Membership -------------------------------------------------------------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *list_of(const struct eddy_kafka_source *source, const bool *chosen) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(KAFKA_PARTITIONS_MAX);
  for (int i = 0; i < source->sim->partitions; i++) {
    if (chosen[i]) rd_kafka_topic_partition_list_add(list, source->sim->topics[0], i);
  }
  return list;
}

/* Tells the worker. The handler may take its time; the process may die in it. */
static void revoke(struct eddy_kafka_source *source, const bool *chosen, bool lost) {
  rd_kafka_topic_partition_list_t *list = list_of(source, chosen);
  if (list->cnt > 0) {
    sim_trace(source->sim, "%c: revoked %d, lost=%d", 'a' + source->life->process, list->elems[0].partition, lost);
    source->handler.revoked(source->handler.ctx, list, lost);
  }
  rd_kafka_topic_partition_list_destroy(list);
  for (int i = 0; i < source->sim->partitions; i++) {
    if (chosen[i]) source->parts[i] = (struct assignment){0};
  }
}

static void assign(struct eddy_kafka_source *source, const bool *chosen) {
  rd_kafka_topic_partition_list_t *list = list_of(source, chosen);
  if (list->cnt > 0) {
    int refused = source->handler.assigned(source->handler.ctx, list);
    sim_trace(source->sim, "%c: assigned %d of %d%s", 'a' + source->life->process, list->elems[0].partition, list->cnt,
              refused ? ", refused" : "");
    for (int i = 0; i < list->cnt; i++) {
      source->parts[list->elems[i].partition] =
          (struct assignment){.ours = true, .paused = true, .position = list->elems[i].offset};
    }
  }
  rd_kafka_topic_partition_list_destroy(list);
}

static void join(struct eddy_kafka_source *source) {
  source->member = kafka_join(&source->sim->kafka, source->life->process);
  source->generation = source->sim->kafka.generation;
  source->joined = true;
}

/* Thrown out: told as lost, unless librdkafka has missed it, which it may after a long silence. */
static void leave_and_join(struct eddy_kafka_source *source) {
  bool chosen[KAFKA_PARTITIONS_MAX];
  bool silent = source->sim->mono - source->alive_at > SIM_SESSION_MS;
  bool missed = silent && sim_chance(source->sim, 50);
  if (missed) join(source);
  for (int i = 0; i < KAFKA_PARTITIONS_MAX; i++) chosen[i] = source->parts[i].ours;
  revoke(source, chosen, !missed);
  if (!missed) source->joined = false;
}

static void give_up_politely(struct eddy_kafka_source *source) {
  struct kafka *kafka = &source->sim->kafka;
  bool chosen[KAFKA_PARTITIONS_MAX] = {false}, any = false;
  for (int i = 0; i < source->sim->partitions; i++) {
    chosen[i] = source->parts[i].ours && kafka->target[i] != source->life->process;
    any |= chosen[i];
  }
  if (!any) return;
  revoke(source, chosen, false);
  if (source->life->dead) return;
  bool still = kafka_judge_member(kafka, source->life->process, source->member, kafka->generation) == KAFKA_FINE;
  for (int i = 0; i < source->sim->partitions && still; i++) {
    if (chosen[i] && kafka->owner[i] == source->life->process) kafka->owner[i] = -1;
  }
  if (still) source->generation = ++kafka->generation;
}

static void take_what_is_ours(struct eddy_kafka_source *source) {
  struct kafka *kafka = &source->sim->kafka;
  bool chosen[KAFKA_PARTITIONS_MAX] = {false}, gained = false;
  for (int i = 0; i < source->sim->partitions; i++) {
    if (source->parts[i].ours) continue;
    bool free_for_us = kafka->owner[i] < 0 && kafka->target[i] == source->life->process;
    if (!free_for_us && kafka->owner[i] != source->life->process) continue;
    gained |= free_for_us;
    kafka->owner[i] = source->life->process;
    chosen[i] = true;
  }
  if (gained) source->generation = ++kafka->generation;
  assign(source, chosen);
}

static void keep_membership(struct eddy_kafka_source *source) {
  struct kafka *kafka = &source->sim->kafka;
  if (!source->subscribed || source->broken) return;
  if (!source->joined) join(source);
  switch (kafka_judge_member(kafka, source->life->process, source->member, source->generation)) {
    case KAFKA_FENCED_INSTANCE:
      source->broken = true;
      source->handler.fatal(source->handler.ctx, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "another process has this name");
      return;
    case KAFKA_UNKNOWN_MEMBER:
      leave_and_join(source);
      return;
    case KAFKA_ILLEGAL_GENERATION:
      source->generation = kafka->generation; /* it keeps what it has */
      break;
    case KAFKA_FINE:
      break;
  }
  source->alive_at = source->sim->mono;
  give_up_politely(source);
  if (!source->life->dead) take_what_is_ours(source);
}

rd_kafka_consumer_group_metadata_t *eddy_kafka_source_group(struct eddy_kafka_source *source) {
  struct group_view *view = calloc(1, sizeof *view);
  EDDY_ASSERT(view != NULL);
  struct kafka *kafka = &source->sim->kafka;
  bool knows = kafka_judge_member(kafka, source->life->process, source->member, source->generation) == KAFKA_ILLEGAL_GENERATION;
  if (knows && sim_chance(source->sim, 50) && !source->life->dead)
    source->generation = kafka->generation; /* in the background */
  *view = (struct group_view){.member = source->member, .generation = source->generation};
  return (rd_kafka_consumer_group_metadata_t *)(void *)view;
}

void __wrap_rd_kafka_consumer_group_metadata_destroy(rd_kafka_consumer_group_metadata_t *group);
void __wrap_rd_kafka_consumer_group_metadata_destroy(rd_kafka_consumer_group_metadata_t *group) {
  free(group);
}

enum kafka_verdict group_judge(int process, const struct sim *sim, const rd_kafka_consumer_group_metadata_t *group) {
  const struct group_view *view = (const struct group_view *)(const void *)group;
  return kafka_judge_member(&sim->kafka, process, view->member, view->generation);
}

/* Messages ---------------------------------------------------------------------------------------------------------------- */

static size_t take_some(struct eddy_kafka_source *source, int partition, rd_kafka_message_t **messages, size_t max) {
  struct assignment *part = &source->parts[partition];
  if (!part->ours || part->paused || part->position < 0) return 0;
  size_t wanted = (size_t)sim_below(source->sim, sim_chance(source->sim, 20) ? 40 : 6), count = 0;
  while (count < max && count < wanted) {
    int64_t at = part->position;
    const struct kafka_entry *entry = kafka_read(&source->sim->kafka, 0, partition, &at);
    if (!entry) break;
    messages[count++] = message_of(entry, partition, at);
    part->position = at + 1;
    part->end_told = false;
  }
  if (part->position >= source->sim->kafka.logs[0][partition].count && !part->end_told && count < max) {
    part->end_told = true;
    messages[count++] = message_error(RD_KAFKA_RESP_ERR__PARTITION_EOF, partition, part->position);
  }
  return count;
}

static size_t take_all(struct eddy_kafka_source *source, rd_kafka_message_t **messages, size_t max) {
  size_t count = 0;
  int first = (int)sim_below(source->sim, (uint64_t)source->sim->partitions);
  for (int i = 0; i < source->sim->partitions; i++) {
    count += take_some(source, (first + i) % source->sim->partitions, messages + count, max - count);
  }
  return count;
}

/* Rebalances are served in the middle of a batch: what was taken before may belong to partitions that are gone. */
size_t eddy_kafka_source_poll(struct eddy_kafka_source *source, rd_kafka_message_t **messages, size_t max) {
  if (life_pause("poll")) return 0;
  if (sim_hits(source->sim, source->sim->rates.lost_reply / 4)) source->handler.unreachable(source->handler.ctx, false);
  bool after = sim_chance(source->sim, 30);
  size_t count = after ? take_all(source, messages, max) : 0;
  keep_membership(source);
  if (source->life->dead || after) return count;
  return take_all(source, messages, max);
}

void eddy_kafka_source_seek(struct eddy_kafka_source *source, int32_t partition, int64_t offset) {
  if (!source->parts[partition].ours) return;
  source->parts[partition].position = offset;
  source->parts[partition].end_told = false;
}

rd_kafka_resp_err_t eddy_kafka_source_begin(struct eddy_kafka_source *source, int32_t partition, int64_t offset) {
  if (life_pause("begin") || sim_hits(source->sim, source->sim->rates.lost_reply)) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (!source->parts[partition].ours) return RD_KAFKA_RESP_ERR__STATE;
  source->parts[partition] = (struct assignment){.ours = true, .position = offset};
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void eddy_kafka_source_pause(struct eddy_kafka_source *source, int32_t partition) {
  source->parts[partition].paused = true;
}

/* Offsets ----------------------------------------------------------------------------------------------------------------- */

static rd_kafka_resp_err_t committed_one(struct eddy_kafka_source *source, rd_kafka_topic_partition_t *at, int64_t deadline) {
  struct kafka_offset found;
  while (!kafka_committed(&source->sim->kafka, at->partition, &found)) {
    if (life_sleep("unstable", 20) || source->sim->mono >= deadline) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  }
  at->offset = found.set ? found.offset : RD_KAFKA_OFFSET_INVALID;
  at->err = RD_KAFKA_RESP_ERR_NO_ERROR;
  free(at->metadata);
  at->metadata = found.set ? strdup(found.metadata) : NULL;
  at->metadata_size = found.set ? strlen(found.metadata) : 0;
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t eddy_kafka_source_committed(struct eddy_kafka_source *source, rd_kafka_topic_partition_list_t *partitions,
                                                int timeout_ms) {
  if (life_pause("committed") || sim_hits(source->sim, source->sim->rates.lost_reply)) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  int64_t deadline = source->sim->mono + timeout_ms;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  for (int i = 0; i < partitions->cnt && !error; i++) error = committed_one(source, &partitions->elems[i], deadline);
  if (life_pause("committed known")) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  return error;
}

rd_kafka_resp_err_t eddy_kafka_source_bounds(struct eddy_kafka_source *source, int32_t partition, int64_t *low, int64_t *high,
                                             int timeout_ms) {
  (void)timeout_ms;
  if (life_pause("bounds") || sim_hits(source->sim, source->sim->rates.lost_reply)) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  *low = 0;
  *high = source->sim->kafka.logs[0][partition].count;
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t eddy_kafka_source_at_time(struct eddy_kafka_source *source, int32_t partition, int64_t time,
                                              int64_t *offset, int timeout_ms) {
  int64_t low;
  rd_kafka_resp_err_t error = eddy_kafka_source_bounds(source, partition, &low, offset, timeout_ms);
  const struct kafka_log *log = &source->sim->kafka.logs[0][partition];
  for (int64_t i = *offset - 1; !error && i >= 0; i--) {
    if (log->entries[i].time >= time) *offset = i;
  }
  return error;
}

int64_t eddy_kafka_source_high(struct eddy_kafka_source *source, int32_t partition) {
  return source->sim->kafka.logs[0][partition].count;
}

/* Two processes of one name are not part of the model. */
bool eddy_kafka_source_fenced(const struct eddy_kafka_source *source) {
  (void)source;
  return false;
}

rd_kafka_t *eddy_kafka_source_client(struct eddy_kafka_source *source) {
  (void)source;
  return NULL;
}

void eddy_kafka_source_close(struct eddy_kafka_source *source) {
  if (!source) return;
  bool chosen[KAFKA_PARTITIONS_MAX];
  for (int i = 0; i < KAFKA_PARTITIONS_MAX; i++) chosen[i] = source->parts[i].ours && !source->broken;
  bool thrown_out = kafka_judge_member(&source->sim->kafka, source->life->process, source->member, source->generation) ==
                    KAFKA_UNKNOWN_MEMBER;
  bool lost = thrown_out && sim_chance(source->sim, 50);
  if (!source->life->dead) revoke(source, chosen, lost);
  source->life->source = NULL;
  free(source);
}
