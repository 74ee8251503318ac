#include "sim/protocol/oracle.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "daemon/worker_state.h"
#include "sim/protocol/input.h"
#include "sim/protocol/journal.h"
#include "sim/protocol/oracle_state.h"
#include "sim/protocol/sim.h"

enum { TICK_BUDGET = 1000000 };

/* Feeding ----------------------------------------------------------------------------------------------------------------- */

static void keep_effects(struct oracle *oracle) {
  for (size_t i = 0; i < oracle->effects.count; i++) {
    const struct eddy_effect *effect = &oracle->effects.items[i];
    struct eddy_output_place place = {.partition = (uint32_t)oracle->partition->id};
    int output = eddy_output_of(effect);
    if (effect->kind == EDDY_SEGMENT_CHANGED || effect->kind == EDDY_MODEL_DELTA) continue;
    oracle->json.size = 0;
    int error = eddy_output_json(oracle->codec, effect, &place, &oracle->json);
    EDDY_ASSERT(error == 0 && output >= 0);
    outputs_add(&oracle->decided, (const char *)oracle->json.data, oracle->json.size - 1);
  }
  eddy_effects_clear(&oracle->effects);
}

static void tick(struct oracle *oracle, int64_t time) {
  int result = eddy_engine_tick(oracle->partition->engine, time, EDDY_TIME_NONE, TICK_BUDGET, &oracle->effects);
  EDDY_ASSERT(result == 0);
  keep_effects(oracle);
}

/* A record that a worker has put among the dead letters. Each letter stands for one record. */
static bool was_refused(struct oracle *oracle, const struct kafka_entry *entry) {
  for (size_t i = 0; i < oracle->letter_count; i++) {
    const struct kafka_entry *letter = oracle->letters[i];
    if (!letter || letter->value_size != entry->value_size || memcmp(letter->value, entry->value, entry->value_size) != 0)
      continue;
    oracle->letters[i] = NULL;
    return true;
  }
  return false;
}

static int user_of(const struct eddy_event *event) {
  return (event->user_id.data[1] - '0') % (INPUT_USERS + 1);
}

/* An event that is older than the time at which its user may have been evicted, but by its own time continues the profile:
 * either result is right, and the sweep of a worker that was restored comes by in another order. */
static void note_unclear(struct sim *sim, struct oracle *oracle, const struct eddy_event *event) {
  struct eddy_user_view view;
  const struct eddy_engine *engine = oracle->partition->engine;
  if (!sim->sweep || eddy_engine_user(engine, event->user_id, EDDY_TIME_NONE, &view) != 0) return;
  int64_t until = view.last_seen + sim->configs[0].spec.idle_ttl_ms;
  if (view.last_seen == EDDY_TIME_NONE || event->event_time > until || eddy_engine_partition_time(engine) <= until) return;
  oracle->unclear[user_of(event)] = oracle->any_unclear = true;
}

static void step(struct sim *sim, struct oracle *oracle, const struct kafka_entry *entry, int64_t offset) {
  struct eddy_raw_record raw = input_raw(entry);
  struct eddy_event event;
  bool clamped;
  eddy_event_room_clear(&oracle->room);
  int error = eddy_event_decoder_run(oracle->decoder, &raw, &oracle->room, &event, &clamped);
  bool refused = was_refused(oracle, entry);
  if (error && !refused)
    sim_violation(sim, "dead letter lost: partition %d offset %lld", oracle->partition->id, (long long)offset);
  if (error || refused) return;
  int64_t *first = &oracle->first[user_of(&event)];
  note_unclear(sim, oracle, &event);
  if (event.event_time < *first) *first = event.event_time;
  error = eddy_engine_step(oracle->partition->engine, &event, EDDY_TIME_NONE, &oracle->effects);
  EDDY_ASSERT(error == 0);
  keep_effects(oracle);
}

static void feed(struct sim *sim, struct oracle *oracle) {
  int partition = oracle->partition->id;
  const struct kafka_log *log = &sim->kafka.logs[0][partition];
  size_t count, next = 0;
  const struct journal_move *moves = journal_moves(sim, partition, &count);
  for (int64_t offset = 0; offset <= log->count; offset++) {
    for (; next < count && moves[next].position <= offset; next++) tick(oracle, moves[next].time);
    if (offset < log->count) step(sim, oracle, &log->entries[offset], offset);
  }
  tick(oracle, EDDY_TIME_NONE);
  for (size_t i = 0; i < oracle->letter_count; i++) {
    if (oracle->letters[i]) sim_violation(sim, "dead letter doubled or invented: partition %d", partition);
  }
}

/* Life -------------------------------------------------------------------------------------------------------------------- */

static void read_letters(struct sim *sim, struct oracle *oracle) {
  int topic = sim_output(sim, "dlq");
  const struct kafka_entry *entry;
  for (int64_t offset = 0; topic >= 0 && (entry = kafka_read(&sim->kafka, topic, oracle->partition->id, &offset)); offset++) {
    oracle->letters = realloc(oracle->letters, (oracle->letter_count + 1) * sizeof(*oracle->letters));
    EDDY_ASSERT(oracle->letters != NULL);
    oracle->letters[oracle->letter_count++] = entry;
  }
}

static void open_engine(struct sim *sim, struct oracle *oracle) {
  struct kafka_offset committed;
  bool stable = kafka_committed(&sim->kafka, oracle->partition->id, &committed);
  EDDY_ASSERT(stable);
  if (committed.set) eddy_offset_meta_parse(committed.metadata, strlen(committed.metadata), &oracle->partition->meta);
  struct eddy_partition_options options = {.config = &sim->configs[0]};
  int error = eddy_partition_open(oracle->partition, &options);
  EDDY_ASSERT(error == 0);
  if (!sim->model_fixed) return;
  oracle->model = sim_model(&sim->configs[0].spec, sim->model_version);
  error = eddy_engine_set_model(oracle->partition->engine, oracle->model);
  EDDY_ASSERT(error == 0);
}

struct oracle *oracle_new(struct sim *sim, int partition) {
  struct oracle *oracle = calloc(1, sizeof *oracle);
  EDDY_ASSERT(oracle != NULL);
  oracle->partition = eddy_partition_new(partition);
  oracle->decoder = input_decoder();
  int error = eddy_output_codec_new(&oracle->codec, &sim->configs[0].spec);
  EDDY_ASSERT(error == 0 && oracle->partition != NULL);
  eddy_effects_init(&oracle->effects, NULL);
  eddy_event_room_init(&oracle->room);
  eddy_buffer_init(&oracle->json, NULL);
  for (int i = 0; i <= INPUT_USERS; i++) oracle->first[i] = INT64_MAX;
  open_engine(sim, oracle);
  read_letters(sim, oracle);
  feed(sim, oracle);
  return oracle;
}

void oracle_free(struct oracle *oracle) {
  eddy_partition_free(oracle->partition);
  eddy_model_free(oracle->model);
  eddy_event_decoder_free(oracle->decoder);
  eddy_output_codec_free(oracle->codec);
  eddy_effects_fini(&oracle->effects);
  eddy_event_room_fini(&oracle->room);
  eddy_buffer_fini(&oracle->json);
  outputs_fini(&oracle->decided);
  free(oracle->letters);
  free(oracle);
}
