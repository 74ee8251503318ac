#include "store/changelog.h"

#include <string.h>

#include "base/assert.h"
#include "base/rules.h"
#include "store/hand.h"

/* Without outputs a commit for the hand alone comes no more often than this share of a lap. */
enum { IDLE_COMMITS_PER_LAP = 32 };
/* Records between asking for a profile and encoding it: the table is far larger than any cache. */
enum { PREFETCH_AHEAD = 8 };

/* What write() has handed out and committed() makes fact. */
struct plan {
  bool ready;
  bool reset;  /* every dirty profile was written: nothing is left to replay */
  bool marked; /* the engine has been told already */
  int64_t position, mono;
  struct eddy_hand hand; /* where the hand will stand */
  struct {
    uint32_t from, to;
  } passed[2];
  unsigned passed_count;
  uint32_t owed;
  bool has_trigger;
  uint64_t last_trigger;
};

/* Runs of refused offsets, ascending, apart; those before replay_from are dropped. More than EDDY_REJECTED_MAX only until the
 * next commit. */
struct runs {
  struct eddy_rejected *items;
  size_t count, capacity;
};

struct eddy_changelog {
  struct eddy_changelog_options options;
  struct eddy_allocator allocator;
  uint64_t sequence;
  int64_t position; /* of the last commit */
  struct eddy_hand hand;
  bool timed;
  int64_t mono;  /* of the last commit, if timed */
  uint32_t owed; /* slots that records_max kept the hand from */
  bool layout_known;
  bool has_trigger;
  uint64_t last_trigger;
  uint64_t written;
  struct runs rejected;
  struct plan plan;

  /* Working memory of a write. */
  struct eddy_buffer value, profile;
  uint64_t *seen; /* a bit per slot: written from the list; all zero between writes */
  size_t seen_words;
};

/* Life ---------------------------------------------------------------------------------------------------------------------*/

static int runs_reserve(struct eddy_changelog *changelog, size_t more) {
  struct runs *runs = &changelog->rejected;
  size_t needed = runs->count + more;
  if (needed <= runs->capacity) return 0;
  size_t capacity = needed > 2 * runs->capacity ? needed : 2 * runs->capacity;
  void *items =
      eddy_resize(&changelog->allocator, runs->items, runs->capacity * sizeof *runs->items, capacity * sizeof *runs->items);
  if (items == NULL) return EDDY_E_NOMEM;
  runs->items = items;
  runs->capacity = capacity;
  return 0;
}

/* How many runs, from the first on, lie before `position` altogether. */
static size_t runs_before(const struct runs *runs, int64_t position) {
  size_t count = 0;
  while (count < runs->count && runs->items[count].end <= position) count++;
  return count;
}

static void runs_forget(struct runs *runs, int64_t position) {
  size_t gone = runs_before(runs, position);
  runs->count -= gone;
  if (gone > 0) memmove(runs->items, runs->items + gone, runs->count * sizeof *runs->items);
}

static int go_on(struct eddy_changelog *changelog, const struct eddy_aggregate *aggregate) {
  eddy_hand_reset(&changelog->hand, aggregate->replay_from);
  changelog->has_trigger = aggregate->has_trigger;
  changelog->last_trigger = aggregate->last_trigger;
  if (runs_reserve(changelog, aggregate->rejected_count) != 0) return EDDY_E_NOMEM;
  struct runs *runs = &changelog->rejected;
  runs->count = aggregate->rejected_count;
  if (runs->count > 0) memcpy(runs->items, aggregate->rejected, runs->count * sizeof *runs->items);
  runs_forget(runs, aggregate->replay_from);
  return 0;
}

int eddy_changelog_new(struct eddy_changelog **changelog, const struct eddy_changelog_options *options,
                       const struct eddy_changelog_place *place, const struct eddy_aggregate *aggregate, bool layout_known) {
  struct eddy_changelog *made = eddy_resize(options->allocator, NULL, 0, sizeof *made);
  *changelog = made;
  if (made == NULL) return EDDY_E_NOMEM;
  memset(made, 0, sizeof *made);
  made->options = *options;
  made->sequence = place->sequence;
  made->position = place->position;
  if (options->allocator != NULL) made->allocator = *options->allocator;
  made->options.allocator = &made->allocator; /* the caller's may be gone */
  made->layout_known = layout_known;
  eddy_buffer_init(&made->value, &made->allocator);
  eddy_buffer_init(&made->profile, &made->allocator);
  eddy_hand_reset(&made->hand, place->position);
  if (aggregate == NULL || go_on(made, aggregate) == 0) return 0;
  eddy_changelog_free(made);
  *changelog = NULL;
  return EDDY_E_NOMEM;
}

void eddy_changelog_free(struct eddy_changelog *changelog) {
  if (changelog == NULL) return;
  struct eddy_allocator allocator = changelog->allocator;
  eddy_buffer_fini(&changelog->value);
  eddy_buffer_fini(&changelog->profile);
  if (changelog->seen != NULL) eddy_resize(&allocator, changelog->seen, changelog->seen_words * sizeof *changelog->seen, 0);
  struct runs *runs = &changelog->rejected;
  if (runs->items != NULL) eddy_resize(&allocator, runs->items, runs->capacity * sizeof *runs->items, 0);
  eddy_resize(&allocator, changelog, sizeof *changelog, 0);
}

int eddy_changelog_reject(struct eddy_changelog *changelog, int64_t offset) {
  struct runs *runs = &changelog->rejected;
  struct eddy_rejected *last = runs->count > 0 ? &runs->items[runs->count - 1] : NULL;
  EDDY_ASSERT(last == NULL || offset >= last->first);
  if (last != NULL && offset < last->end) return 0; /* the caller's second try */
  if (last != NULL && offset == last->end) {
    last->end++;
    return 0;
  }
  if (runs_reserve(changelog, 1) != 0) return EDDY_E_NOMEM;
  runs->items[runs->count++] = (struct eddy_rejected){offset, offset + 1};
  return 0;
}

/* How far the hand goes ----------------------------------------------------------------------------------------------------*/

/* The part of a lap that `part` of `whole` makes, rounded up. */
static uint32_t share(uint32_t slots, int64_t part, int64_t whole) {
  if (part <= 0) return 0;
  if (part >= whole) return slots;
  double exact = (double)slots * ((double)part / (double)whole);
  return exact + 1 < (double)slots ? (uint32_t)exact + 1 : slots;
}

/* So many runs that the next commit has to get rid of them. */
static bool runs_press(const struct eddy_changelog *changelog) {
  return changelog->rejected.count > EDDY_REJECTED_MAX / 2;
}

static uint32_t slots_to_pass(const struct eddy_changelog *changelog, const struct eddy_changelog_commit *commit) {
  const struct eddy_changelog_options *options = &changelog->options;
  uint32_t slots = eddy_engine_slots(options->engine);
  if (commit->full_lap || runs_press(changelog)) return slots;
  uint32_t by_time = changelog->timed ? share(slots, commit->mono - changelog->mono, options->flush_interval_ms) : 0;
  uint32_t by_events = share(slots, commit->position - changelog->position, options->flush_events);
  uint64_t most = (by_time > by_events ? by_time : by_events) + (uint64_t)changelog->owed;
  if (most == 0) return slots > 0;
  return most < slots ? (uint32_t)most : slots;
}

bool eddy_changelog_wants(const struct eddy_changelog *changelog, int64_t mono) {
  if (eddy_engine_has_writes(changelog->options.engine) || runs_press(changelog)) return true;
  if (eddy_engine_dirty(changelog->options.engine) == 0) return false;
  if (!changelog->timed || changelog->owed > 0) return true;
  return mono - changelog->mono >= changelog->options.flush_interval_ms / IDLE_COMMITS_PER_LAP;
}

bool eddy_changelog_owes(const struct eddy_changelog *changelog) {
  return changelog->owed > 0;
}

/* Handing out --------------------------------------------------------------------------------------------------------------*/

/* A write under way. */
struct output {
  struct eddy_changelog *changelog;
  struct eddy_engine *engine;
  const struct eddy_changelog_commit *commit;
  struct eddy_changelog_place place;
  eddy_changelog_put put;
  void *ctx;
  size_t dirty;        /* profiles that are dirty and not yet handed out */
  size_t records_left; /* of the hand */
};

static int hand_out(struct output *output, struct eddy_str key, bool tombstone) {
  const struct eddy_buffer *value = &output->changelog->value;
  int error = output->put(output->ctx, key, tombstone ? NULL : value->data, tombstone ? 0 : value->size);
  if (error == 0) output->changelog->written++;
  return error;
}

static int put_layout(struct output *output) {
  struct eddy_changelog *changelog = output->changelog;
  if (changelog->layout_known) return 0;
  uint8_t bytes[EDDY_LAYOUT_MAX];
  char room[EDDY_CHANGELOG_KEY_MAX];
  size_t size = eddy_engine_encode_layout(output->engine, bytes, sizeof bytes);
  EDDY_ASSERT(size <= sizeof bytes);
  struct eddy_str key = eddy_changelog_layout_key(eddy_engine_layout_id(output->engine), room);
  changelog->value.size = 0;
  int error = eddy_changelog_encode_layout(&output->place, key, bytes, size, &changelog->value);
  return error != 0 ? error : hand_out(output, key, false);
}

static int put_tombstones(struct output *output) {
  char room[EDDY_CHANGELOG_KEY_MAX];
  struct eddy_str user_id;
  size_t cursor = 0;
  while (eddy_engine_next_gone(output->engine, &cursor, &user_id)) {
    int error = hand_out(output, eddy_changelog_profile_key(user_id, room), true);
    if (error != 0) return error;
  }
  return 0;
}

static int put_marker(struct output *output, uint64_t hash) {
  char room[EDDY_CHANGELOG_KEY_MAX];
  int64_t erased_at;
  struct eddy_str key = eddy_changelog_erased_key(hash, room);
  if (!eddy_engine_erased(output->engine, hash, &erased_at)) return hand_out(output, key, true);
  output->changelog->value.size = 0;
  int error = eddy_changelog_encode_erased(&output->place, key, erased_at, &output->changelog->value);
  return error != 0 ? error : hand_out(output, key, false);
}

static int put_markers(struct output *output) {
  size_t count;
  const uint64_t *hashes = eddy_engine_marker_changes(output->engine, &count);
  for (size_t i = 0; i < count; i++) {
    int error = put_marker(output, hashes[i]);
    if (error != 0) return error;
  }
  return 0;
}

static int put_profile(struct output *output, uint32_t slot) {
  struct eddy_changelog *changelog = output->changelog;
  char room[EDDY_CHANGELOG_KEY_MAX];
  struct eddy_str user_id;
  struct eddy_buffer *bytes = &changelog->profile;
  size_t size = eddy_engine_encode_profile(output->engine, slot, &user_id, bytes->data, bytes->capacity);
  EDDY_ASSERT(size <= bytes->capacity && output->dirty > 0);
  struct eddy_str key = eddy_changelog_profile_key(user_id, room);
  changelog->value.size = 0;
  int error = eddy_changelog_encode_profile(&output->place, key, bytes->data, size, &changelog->value);
  if (error == 0) error = hand_out(output, key, false);
  if (error == 0) output->dirty--;
  return error;
}

static int reserve(struct eddy_changelog *changelog) {
  size_t words = (eddy_engine_slots(changelog->options.engine) + (size_t)63) / 64;
  if (words > changelog->seen_words) {
    size_t old_size = changelog->seen_words * sizeof *changelog->seen;
    void *seen = eddy_resize(&changelog->allocator, changelog->seen, old_size, words * sizeof *changelog->seen);
    if (seen == NULL) return EDDY_E_NOMEM;
    changelog->seen = seen;
    memset(changelog->seen + changelog->seen_words, 0, words * sizeof *changelog->seen - old_size);
    changelog->seen_words = words;
  }
  return eddy_buffer_reserve(&changelog->profile, eddy_engine_profile_bytes_max(changelog->options.engine));
}

/* The list may name a slot twice, or one that has changed since. */
static int put_write_now(struct output *output) {
  size_t count;
  uint64_t *seen = output->changelog->seen;
  const uint32_t *slots = eddy_engine_write_now(output->engine, &count);
  int error = 0;
  for (size_t i = 0; i < count && error == 0; i++) {
    if (i + PREFETCH_AHEAD < count) eddy_engine_prefetch(output->engine, slots[i + PREFETCH_AHEAD]);
    uint64_t bit = UINT64_C(1) << slots[i] % 64;
    if (eddy_engine_slot_state(output->engine, slots[i]) != EDDY_SLOT_WRITE_NOW || (seen[slots[i] / 64] & bit) != 0) continue;
    seen[slots[i] / 64] |= bit;
    error = put_profile(output, slots[i]);
  }
  for (size_t i = 0; i < count; i++) seen[slots[i] / 64] = 0;
  return error;
}

/* The hand -----------------------------------------------------------------------------------------------------------------*/

/* Goes over slots from .. to - 1, writing those that are dirty. *stopped_at < to: records_max was reached, or nothing is dirty
 * any more. */
static int sweep(struct output *output, uint32_t from, uint32_t to, uint32_t *stopped_at) {
  uint32_t slot = from;
  while (slot < to && output->dirty > 0) {
    slot = eddy_engine_next_dirty(output->engine, slot, to);
    if (slot == to || output->records_left == 0) break;
    int error = put_profile(output, slot);
    if (error != 0) return error;
    output->records_left--;
    slot++;
  }
  *stopped_at = slot;
  return 0;
}

static int move_hand(struct output *output, uint32_t to, bool *stopped) {
  struct plan *plan = &output->changelog->plan;
  uint32_t from = plan->hand.cursor, stopped_at;
  int error = sweep(output, from, to, &stopped_at);
  if (error != 0) return error;
  *stopped = stopped_at < to;
  if (stopped_at == from) return 0;
  plan->passed[plan->passed_count].from = from;
  plan->passed[plan->passed_count++].to = stopped_at;
  eddy_hand_pass(&plan->hand, stopped_at, eddy_engine_slots(output->engine), plan->position);
  return 0;
}

/* At most one lap: up to the end of the slots, then from the first one on. */
static int put_hand(struct output *output) {
  struct eddy_changelog *changelog = output->changelog;
  struct plan *plan = &changelog->plan;
  bool stopped = false;
  uint32_t slots = eddy_engine_slots(output->engine), cursor = plan->hand.cursor;
  uint32_t budget = slots_to_pass(changelog, output->commit);
  uint32_t first = budget < slots - cursor ? budget : slots - cursor;
  int error = move_hand(output, cursor + first, &stopped);
  if (error == 0 && !stopped && budget > first) error = move_hand(output, budget - first, &stopped);
  if (error != 0) return error;
  plan->reset = output->dirty == 0;
  EDDY_ASSERT(plan->reset || stopped || budget < slots); /* rule 29: a whole lap reaches every dirty slot */
  if (plan->reset) {
    eddy_hand_reset(&plan->hand, plan->position);
  } else if (stopped) {
    uint32_t passed = 0;
    for (unsigned i = 0; i < plan->passed_count; i++) passed += plan->passed[i].to - plan->passed[i].from;
    plan->owed = budget - passed;
  }
  return 0;
}

/* The aggregate ------------------------------------------------------------------------------------------------------------*/

static int put_aggregate(struct output *output) {
  struct eddy_changelog *changelog = output->changelog;
  const struct eddy_changelog_commit *commit = output->commit;
  const struct plan *plan = &changelog->plan;
  struct runs *runs = &changelog->rejected;
  uint8_t state[EDDY_ENGINE_STATE_MAX];
  int64_t replay_from = eddy_hand_replay_from(&plan->hand);
  EDDY_ASSERT(replay_from >= eddy_hand_replay_from(&changelog->hand) && replay_from <= commit->position); /* rule 29 */
  EDDY_ASSERT(runs->count == 0 || runs->items[runs->count - 1].end <= commit->position);
  size_t gone = runs_before(runs, replay_from);
  struct eddy_aggregate aggregate = {.replay_from = replay_from,
                                     .partition_count = changelog->options.partition_count,
                                     .erasure_check = changelog->options.erasure_check,
                                     .model_version = commit->model_version,
                                     .written_at = commit->wall,
                                     .last_trigger = plan->last_trigger,
                                     .has_trigger = plan->has_trigger,
                                     .rejected = gone < runs->count ? &runs->items[gone] : NULL,
                                     .rejected_count = runs->count - gone,
                                     .state = state,
                                     .state_size = eddy_engine_encode_state(output->engine, state, sizeof state)};
  EDDY_ASSERT(aggregate.state_size <= sizeof state);
  aggregate.redis.known = commit->redis_known;
  aggregate.redis.sequence = commit->redis_sequence;
  aggregate.redis.trigger = commit->redis_trigger;
  aggregate.redis.since = commit->redis_since;
  changelog->value.size = 0;
  int error = eddy_changelog_encode_aggregate(&output->place, &aggregate, &changelog->value);
  return error != 0 ? error : hand_out(output, eddy_changelog_aggregate_key(), false);
}

/* A commit -----------------------------------------------------------------------------------------------------------------*/

static void plan_begin(struct eddy_changelog *changelog, const struct eddy_changelog_commit *commit) {
  struct plan *plan = &changelog->plan;
  EDDY_ASSERT(commit->position >= changelog->position);
  plan->ready = plan->reset = plan->marked = false;
  plan->position = commit->position;
  plan->mono = commit->mono;
  plan->hand = changelog->hand;
  plan->passed_count = 0;
  plan->owed = 0;
  plan->has_trigger = changelog->has_trigger || commit->has_trigger;
  plan->last_trigger = commit->has_trigger ? commit->last_trigger : changelog->last_trigger;
}

static void tell_engine(struct eddy_changelog *changelog) {
  struct plan *plan = &changelog->plan;
  struct eddy_engine *engine = changelog->options.engine;
  if (plan->marked) return;
  for (unsigned i = 0; i < plan->passed_count; i++) eddy_engine_mark_passed(engine, plan->passed[i].from, plan->passed[i].to);
  eddy_engine_mark_committed(engine, plan->reset);
  plan->marked = true;
}

static int put_all(struct output *output) {
  int error = put_layout(output);
  EDDY_POINT("layout");
  if (error == 0) error = put_tombstones(output);
  EDDY_POINT("tombstones");
  if (error == 0) error = put_markers(output);
  if (error == 0) error = put_write_now(output);
  if (error == 0) error = put_hand(output);
  EDDY_POINT("profiles");
  if (error == 0) error = put_aggregate(output);
  EDDY_POINT("aggregate");
  return error;
}

int eddy_changelog_write(struct eddy_changelog *changelog, const struct eddy_changelog_commit *commit, eddy_changelog_put put,
                         void *ctx) {
  const struct eddy_changelog_options *options = &changelog->options;
  struct output output = {.changelog = changelog, .engine = options->engine, .commit = commit, .put = put, .ctx = ctx};
  output.place = (struct eddy_changelog_place){.partition = options->partition,
                                               .incarnation = options->incarnation,
                                               .sequence = changelog->sequence + 1,
                                               .position = commit->position};
  output.dirty = eddy_engine_dirty(options->engine);
  /* Runs that do not fit into an aggregate go only by a whole lap. */
  output.records_left = changelog->rejected.count > EDDY_REJECTED_MAX ? SIZE_MAX : commit->records_max;
  plan_begin(changelog, commit);
  int error = reserve(changelog);
  if (error == 0) error = put_all(&output);
  changelog->plan.ready = error == 0;
  if (error == 0 && !EDDY_RULE(CLEAN_AFTER_COMMIT)) tell_engine(changelog);
  return error;
}

void eddy_changelog_committed(struct eddy_changelog *changelog) {
  struct plan *plan = &changelog->plan;
  EDDY_ASSERT(plan->ready);
  plan->ready = false;
  tell_engine(changelog);
  changelog->hand = plan->hand;
  changelog->sequence++;
  changelog->position = plan->position;
  changelog->timed = true;
  changelog->mono = plan->mono;
  changelog->owed = plan->owed;
  changelog->layout_known = true;
  changelog->has_trigger = plan->has_trigger;
  changelog->last_trigger = plan->last_trigger;
  runs_forget(&changelog->rejected, eddy_hand_replay_from(&changelog->hand));
}

void eddy_changelog_aborted(struct eddy_changelog *changelog) {
  changelog->plan.ready = false;
}

/* What is known ------------------------------------------------------------------------------------------------------------*/

uint64_t eddy_changelog_sequence(const struct eddy_changelog *changelog) {
  return changelog->sequence;
}

int64_t eddy_changelog_replay_from(const struct eddy_changelog *changelog) {
  return eddy_hand_replay_from(&changelog->hand);
}

bool eddy_changelog_saved(const struct eddy_changelog *changelog, int64_t position) {
  const struct eddy_engine *engine = changelog->options.engine;
  return eddy_hand_replay_from(&changelog->hand) == position && changelog->position == position &&
         eddy_engine_dirty(engine) == 0 && !eddy_engine_has_writes(engine);
}

bool eddy_changelog_last_trigger(const struct eddy_changelog *changelog, uint64_t *number) {
  if (changelog->has_trigger && number != NULL) *number = changelog->last_trigger;
  return changelog->has_trigger;
}

uint64_t eddy_changelog_written(const struct eddy_changelog *changelog) {
  return changelog->written;
}
