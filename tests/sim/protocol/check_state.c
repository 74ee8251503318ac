/* What is in memory at the end, and in Redis. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "daemon/worker_state.h"
#include "eddy/durable.h"
#include "sim/protocol/input.h"
#include "sim/protocol/oracle.h"
#include "sim/protocol/oracle_state.h"
#include "sim/protocol/sim.h"

static struct eddy_str str(const char *text) {
  return (struct eddy_str){text, (uint32_t)strlen(text)};
}

const struct eddy_partition *live_partition(const struct sim *sim, int partition) {
  for (int i = 0; i < sim->processes; i++) {
    if (!sim->lives[i] || sim->kafka.owner[partition] != i) continue;
    return eddy_worker_partition(sim->lives[i]->worker, partition);
  }
  return NULL;
}

/* Counters of what the events themselves say. The others depend on when the sweep came by, or on models. */
static void check_counters(struct sim *sim, int partition, const struct eddy_engine *a, const struct eddy_engine *b) {
  const struct eddy_counters *found = eddy_engine_counters(a), *wanted = eddy_engine_counters(b);
  const struct {
    const char *name;
    uint64_t found, wanted;
  } rows[] = {
      {"events", found->events, wanted->events},
      {"duplicates", found->duplicates, wanted->duplicates},
      {"late", found->late, wanted->late},
      {"late_ignored", found->late_ignored, wanted->late_ignored},
      {"triggers_fired", found->triggers_fired, wanted->triggers_fired},
      {"triggers_suppressed", found->triggers_suppressed, wanted->triggers_suppressed},
      {"erased", sim->sweep ? 0 : found->erased, sim->sweep ? 0 : wanted->erased},
      {"contributions", sim->sweep ? 0 : found->contributions, sim->sweep ? 0 : wanted->contributions},
  };
  sim_trace(sim, "partition %d: %llu events, %llu triggers, %llu evicted, %llu erased, %llu contributions", partition,
            (unsigned long long)found->events, (unsigned long long)found->triggers_fired, (unsigned long long)found->evicted,
            (unsigned long long)found->erased, (unsigned long long)found->contributions);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (rows[i].found == rows[i].wanted) continue;
    sim_violation(sim, "counter %s of partition %d: %llu instead of %llu", rows[i].name, partition,
                  (unsigned long long)rows[i].found, (unsigned long long)rows[i].wanted);
  }
}

/* The sweep comes by at different times: an idle profile may be gone on one side, or a stub that knows a consent. */
static bool may_be_swept(const struct sim *sim, const struct eddy_engine *engine, const struct eddy_user_view *view) {
  if (!sim->sweep || view->last_seen == EDDY_TIME_NONE) return false;
  return eddy_engine_partition_time(engine) - view->last_seen > sim->configs[0].spec.idle_ttl_ms;
}

static void compare_views(struct sim *sim, const char *user, const struct eddy_user_view *a, const struct eddy_user_view *b) {
  bool times = a->first_seen == b->first_seen && a->last_seen == b->last_seen && a->next_due == b->next_due;
  bool sizes = a->cart_lines == b->cart_lines && a->viewed_items == b->viewed_items && a->attributes == b->attributes;
  if (!times) sim_violation(sim, "profile of %s: times", user);
  if (!sizes) sim_violation(sim, "profile of %s: %d cart lines instead of %d, or others", user, a->cart_lines, b->cart_lines);
  for (int i = 0; i < sim->configs[0].spec.feature_count; i++) {
    if (memcmp(&a->features[i], &b->features[i], sizeof a->features[i]) == 0) continue;
    sim_violation(sim, "profile of %s: feature %d is %.9g instead of %.9g", user, i, (double)a->features[i],
                  (double)b->features[i]);
  }
}

static void compare_bytes(struct sim *sim, const char *user, const struct eddy_engine *a, const struct eddy_engine *b) {
  static uint8_t found[1 << 17], wanted[1 << 17];
  uint32_t slot_a = eddy_engine_find(a, str(user)), slot_b = eddy_engine_find(b, str(user));
  struct eddy_str ignored;
  size_t size_a = eddy_engine_encode_profile(a, slot_a, &ignored, found, sizeof found);
  size_t size_b = eddy_engine_encode_profile(b, slot_b, &ignored, wanted, sizeof wanted);
  size_t at = 0;
  while (at < size_a && at < size_b && found[at] == wanted[at]) at++;
  if (size_a != size_b || at < size_a) sim_violation(sim, "profile of %s: bytes differ at %zu of %zu", user, at, size_a);
}

static void check_user(struct sim *sim, const char *user, const struct eddy_engine *a, const struct eddy_engine *b) {
  struct eddy_user_view found, wanted;
  bool in_a = eddy_engine_user(a, str(user), EDDY_TIME_NONE, &found) == 0;
  bool in_b = eddy_engine_user(b, str(user), EDDY_TIME_NONE, &wanted) == 0;
  if ((in_a && may_be_swept(sim, a, &found)) || (in_b && may_be_swept(sim, b, &wanted))) return;
  if (in_a != in_b) sim_violation(sim, "user %s %s", user, in_a ? "is there but should be gone" : "is gone");
  if (!in_a || !in_b) return;
  compare_views(sim, user, &found, &wanted);
  if (!sim->sweep && sim->model_fixed) compare_bytes(sim, user, a, b);
}

/* What subscribers were told last is what is true. */
static void check_published(struct sim *sim, int user, int partition, const struct eddy_engine *engine,
                            const struct oracle *oracle) {
  char name[8];
  struct eddy_member member;
  input_user(partition, user, name);
  uint32_t slot = eddy_engine_find(engine, str(name));
  bool has = slot != UINT32_MAX && eddy_engine_member(engine, slot, &member) && member.has_segment;
  int64_t segment = has ? (int64_t)member.segment : -1;
  if (segment == oracle->segments[user] || (!has && oracle->may_be_reborn[user])) return;
  sim_violation(sim, "user %s is in segment %lld, published was %lld", name, (long long)segment,
                (long long)oracle->segments[user]);
}

void check_state(struct sim *sim, int partition, struct oracle *oracle) {
  const struct eddy_partition *found = live_partition(sim, partition);
  char why[256];
  if (!found || !found->engine) {
    sim_violation(sim, "partition %d is owned by nobody", partition);
    return;
  }
  if (eddy_engine_validate(found->engine, why, sizeof why) != 0) sim_violation(sim, "invariant: %s", why);
  if (!oracle->any_unclear) check_counters(sim, partition, found->engine, oracle->partition->engine);
  if (eddy_engine_partition_time(found->engine) != eddy_engine_partition_time(oracle->partition->engine)) {
    sim_violation(sim, "partition time of %d: %lld instead of %lld", partition,
                  (long long)eddy_engine_partition_time(found->engine),
                  (long long)eddy_engine_partition_time(oracle->partition->engine));
  }
  for (int i = 0; i <= INPUT_USERS; i++) {
    char user[8];
    input_user(partition, i, user);
    check_published(sim, i, partition, found->engine, oracle);
    if (!oracle->unclear[i]) check_user(sim, user, found->engine, oracle->partition->engine);
  }
}

/* Redis ------------------------------------------------------------------------------------------------------------------- */

/* Redis never goes back: no write over one of a newer commit, not even after an erasure has left nothing to compare with. */
static void on_user_written(void *ctx, const char *user, uint64_t incarnation, uint64_t sequence,
                            const struct redis_key *hash) {
  struct sim *sim = ctx;
  uint64_t *last = &sim->redis_sequence[user[0] % KAFKA_PARTITIONS_MAX][user[1] % (INPUT_USERS + 1)];
  const char *segment = redis_value(hash, "segment");
  sim_trace(sim, "Redis: %s under %llu-%llu: segment %s", user, (unsigned long long)incarnation, (unsigned long long)sequence,
            segment ? segment : "none");
  if (sim->redis_losses_seen != sim->redis.losses) memset(sim->redis_sequence, 0, sizeof sim->redis_sequence);
  sim->redis_losses_seen = sim->redis.losses;
  if (sequence < *last) {
    sim_violation(sim, "Redis went back: %s under %llu after %llu", user, (unsigned long long)sequence,
                  (unsigned long long)*last);
  }
  *last = sequence;
}

void watch_redis(struct sim *sim) {
  sim->redis.wrote_user = on_user_written;
  sim->redis.ctx = sim;
}

/* The stream holds all committed triggers in order. After a loss it may begin later. */
static void check_stream(struct sim *sim, int partition) {
  char name[64];
  struct outputs found = {0};
  snprintf(name, sizeof name, "%s:triggers:%d", sim->configs[0].app, partition);
  const struct redis_key *stream = redis_find(&sim->redis.now, name);
  outputs_read(&found, sim, EDDY_OUTPUT_TRIGGER, partition);
  size_t count = stream ? stream->count : 0;
  if (count > found.count) sim_violation(sim, "Redis stream %d has %zu of %zu triggers", partition, count, found.count);
  if (count < found.count && sim->redis.losses == 0) {
    sim_violation(sim, "Redis stream %d lost triggers: has %zu of %zu", partition, count, found.count);
  }
  for (size_t i = 0; i < count && i < found.count; i++) {
    char id[64] = "";
    output_text(found.lines[found.count - count + i], "trigger_id", id, sizeof id);
    if (strcmp(id, stream->fields[i].value) == 0 || sim->redis.losses > 0) continue;
    sim_violation(sim, "Redis stream %d differs at entry %zu", partition, i);
    break;
  }
  outputs_fini(&found);
}

static void check_membership(struct sim *sim, const char *user, const char *segment) {
  char prefix[64];
  size_t size = (size_t)snprintf(prefix, sizeof prefix, "%s:segment:", sim->configs[0].app);
  for (size_t i = 0; i < sim->redis.now.count; i++) {
    const struct redis_key *key = &sim->redis.now.keys[i];
    if (strncmp(key->name, prefix, size) != 0) continue;
    bool is_member = redis_value(key, user) != NULL, should = segment && strcmp(key->name + size, segment) == 0;
    if (is_member != should) sim_violation(sim, "Redis: user %s is %sin %s", user, is_member ? "" : "not ", key->name);
  }
}

/* What Redis says of a user is what its engine knows; it was published. After a loss there is nothing that refuses an older
 * state of a user of whom there is nothing to say: an old copy may hold it, or a zombie bring it back. */
static void check_redis_user(struct sim *sim, const char *user, const struct eddy_engine *engine) {
  char name[64], wanted[24] = "";
  struct eddy_member member = {0};
  snprintf(name, sizeof name, "%s:user:%s", sim->configs[0].app, user);
  uint32_t slot = eddy_engine_find(engine, str(user));
  bool there = slot != UINT32_MAX && eddy_engine_member(engine, slot, &member) && member.has_segment;
  if (there) snprintf(wanted, sizeof wanted, "%u", member.segment);
  const struct redis_key *key = redis_find(&sim->redis.now, name);
  const char *found = key ? redis_value(key, "segment") : NULL;
  if (!there && sim->redis.losses > 0) return;
  if (strcmp(found ? found : "", wanted) != 0) {
    sim_violation(sim, "Redis: segment of %s is '%s' instead of '%s'", user, found ? found : "", wanted);
  }
  check_membership(sim, user, there ? wanted : NULL);
}

void check_redis(struct sim *sim, int partition) {
  const struct eddy_partition *found = live_partition(sim, partition);
  if (!sim->configs[0].redis.url || !found) return;
  check_stream(sim, partition);
  for (int i = 0; i <= INPUT_USERS; i++) {
    char user[8];
    input_user(partition, i, user);
    check_redis_user(sim, user, found->engine);
  }
}
