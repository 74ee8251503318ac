/* Micro benchmarks of the hot path: decoding, the engine, assignment, timers. Warm = few users, everything in the caches;
 * cold = two million users, every profile a cache miss. Run it alone on the machine; see bench/README.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "base/timer_queue.h"
#include "codec/container.h"
#include "codec/event_decoder.h"
#include "core/assign.h"
#include "daemon/huge_memory.h"
#include "eddy/eddy.h"
#include "measure.h"

enum { BATCH = 512, ID_SIZE = 20 };

struct size {
  uint32_t users; /* cold */
  int rounds;
  size_t batches; /* per round */
};

static void require(bool condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "bench/micro: %s failed\n", what);
  exit(1);
}

/* ---- events ---- */

struct stream {
  struct eddy_rng rng;
  uint32_t users;
  int64_t time;
  char ids[BATCH][ID_SIZE + 1];
  struct eddy_event events[BATCH];
};

static void fill(struct stream *stream) {
  static const enum eddy_event_type types[] = {EDDY_PRODUCT_VIEWED, EDDY_PRODUCT_VIEWED, EDDY_PRODUCT_VIEWED, EDDY_EMAIL_OPENED,
                                               EDDY_EMAIL_CLICKED,  EDDY_SESSION_STARTED, EDDY_PRODUCTS_SEARCHED, EDDY_EMAIL_SENT};
  for (int i = 0; i < BATCH; i++) {
    snprintf(stream->ids[i], sizeof stream->ids[i], "user-%015u", (unsigned)eddy_rng_below(&stream->rng, stream->users));
    stream->events[i] = eddy_event_empty;
    stream->events[i].type = types[eddy_rng_below(&stream->rng, sizeof types / sizeof *types)];
    stream->events[i].user_id = (struct eddy_str){stream->ids[i], ID_SIZE};
    stream->events[i].event_time = stream->time += 3;
  }
}

static void start_stream(struct stream *stream, uint32_t users) {
  eddy_rng_seed(&stream->rng, 7);
  stream->users = users;
  stream->time = INT64_C(1700000000000);
}

/* ---- decoding ---- */

static void bench_decode(struct eddy_measure *measure, const struct size *size) {
  struct eddy_event_decoder *decoder;
  struct eddy_event_room room;
  struct eddy_event event = eddy_event_empty, decoded;
  struct eddy_buffer value;
  uint8_t header[10];
  bool clamped;
  require(eddy_event_decoder_new(&decoder, NULL) == 0, "decoder");
  eddy_event_room_init(&room);
  eddy_buffer_init(&value, &eddy_allocator_malloc);
  event.type = EDDY_EMAIL_CLICKED;
  event.user_id = EDDY_STR("user-000000000012345");
  event.event_id = EDDY_STR("0190e7a2-5b1c-7d44-9a2f");
  event.event_time = INT64_C(1700000000000);
  event.source = EDDY_STR("esp");
  event.campaign_id = EDDY_STR("spring-sale");
  event.message_id = EDDY_STR("m-829173");
  eddy_event_header(header);
  require(eddy_buffer_append(&value, header, sizeof header) == 0 && eddy_event_encode(&event, &value) == 0, "encoding");
  struct eddy_raw_record record = {.key = (const uint8_t *)event.user_id.data, .key_size = event.user_id.len, .value = value.data,
                                   .value_size = value.size, .record_time = event.event_time, .log_append = true};
  eddy_measure_reset(measure);
  for (int round = 0; round < size->rounds; round++) {
    eddy_measure_begin(measure);
    for (size_t i = 0; i < size->batches * BATCH; i++) {
      require(eddy_event_decoder_run(decoder, &record, &room, &decoded, &clamped) == 0, "decoding");
    }
    eddy_measure_end(measure, size->batches * BATCH);
    eddy_event_room_clear(&room);
  }
  eddy_measure_print(measure, "decode and check, canonical event without items");
  eddy_buffer_fini(&value);
  eddy_event_room_fini(&room);
  eddy_event_decoder_free(decoder);
}

/* ---- engine ---- */

/* 32 decayed features over eight event types and four half-lives, all of them clustered: d = 32. */
static void wide_spec(struct eddy_spec *spec) {
  static const enum eddy_event_type types[] = {EDDY_PRODUCT_VIEWED, EDDY_EMAIL_OPENED, EDDY_EMAIL_CLICKED, EDDY_SESSION_STARTED,
                                               EDDY_PRODUCTS_SEARCHED, EDDY_EMAIL_SENT, EDDY_PRODUCT_ADDED, EDDY_ORDER_COMPLETED};
  eddy_spec_default(spec);
  spec->feature_count = 32;
  for (uint16_t i = 0; i < 32; i++) {
    struct eddy_feature_spec *feature = &spec->features[i];
    memset(feature, 0, sizeof *feature);
    snprintf(feature->name, sizeof feature->name, "f%u", i);
    feature->on = EDDY_EVENT_BIT(types[i / 4]);
    feature->half_life_ms = (int64_t[]){1, 7, 30, 180}[i % 4] * EDDY_DAY_MS;
    feature->cluster = true;
  }
  require(eddy_spec_check(spec, NULL, 0) == 0, "specification");
}

static struct eddy_model *random_model(uint16_t dimensions, uint16_t clusters) {
  float mean[EDDY_FEATURES_MAX], deviation[EDDY_FEATURES_MAX], weight[EDDY_FEATURES_MAX];
  float *centroids = malloc(sizeof(float) * dimensions * clusters);
  struct eddy_segment_card *cards = calloc(clusters, sizeof *cards);
  struct eddy_rng rng;
  require(centroids && cards, "memory");
  eddy_rng_seed(&rng, 11);
  for (int i = 0; i < dimensions; i++) mean[i] = 0.3f, deviation[i] = 0.4f, weight[i] = 0.5f;
  for (int i = 0; i < dimensions * clusters; i++) centroids[i] = (float)eddy_rng_normal(&rng);
  for (uint16_t i = 0; i < clusters; i++) cards[i].id = i + 1u, cards[i].mass = 1;
  struct eddy_model_parts parts = {.version = 1, .dimensions = dimensions, .clusters = clusters, .mean = mean,
                                   .deviation = deviation, .weight = weight, .centroids = centroids, .cards = cards};
  struct eddy_model *model = eddy_model_new(&parts, &eddy_allocator_malloc);
  require(model != NULL, "model");
  free(centroids);
  free(cards);
  return model;
}

static void apply(struct eddy_engine *engine, struct stream *stream, struct eddy_effects *effects) {
  require(eddy_engine_step_batch(engine, stream->events, BATCH, EDDY_TIME_NONE, effects) == BATCH, "step");
  eddy_effects_clear(effects);
  if (stream->time % 64 == 0) {
    require(eddy_engine_take_delta(engine, effects) == 0, "delta");
    eddy_effects_clear(effects);
  }
}

static void bench_engine(struct eddy_measure *measure, const struct size *size, uint32_t users, uint16_t clusters, bool wide) {
  struct eddy_spec *spec = malloc(sizeof *spec);
  struct stream *stream = malloc(sizeof *stream);
  struct eddy_engine *engine;
  struct eddy_effects effects;
  char name[128];
  require(spec && stream, "memory");
  if (wide) {
    wide_spec(spec);
  } else {
    eddy_spec_default(spec);
  }
  struct eddy_huge_memory memory; /* as in the daemon */
  eddy_huge_memory_init(&memory);
  struct eddy_engine_options options = {
      .spec = spec, .allocator = eddy_huge_memory_allocator(&memory), .seed = 1, .hash_key = {1, 2}};
  struct eddy_model *model = clusters > 0 ? random_model(eddy_spec_dimensions(spec), clusters) : NULL;
  require(eddy_engine_new(&engine, &options) == 0 && eddy_engine_set_model(engine, model) == 0, "engine");
  eddy_effects_init(&effects, &eddy_allocator_malloc);
  start_stream(stream, users);
  for (size_t i = 0; i < (size_t)users * 3 / BATCH + 1; i++) { /* nearly every user is there before the clock starts */
    fill(stream);
    apply(engine, stream, &effects);
  }
  uint64_t changes = eddy_engine_counters(engine)->segment_changes, events = eddy_engine_counters(engine)->events;
  eddy_measure_reset(measure);
  for (int round = 0; round < size->rounds; round++) {
    eddy_measure_begin(measure);
    eddy_measure_pause(measure);
    for (size_t i = 0; i < size->batches; i++) {
      fill(stream); /* not measured */
      eddy_measure_go_on(measure);
      apply(engine, stream, &effects);
      eddy_measure_pause(measure);
    }
    eddy_measure_end(measure, size->batches * BATCH);
  }
  changes = eddy_engine_counters(engine)->segment_changes - changes;
  events = eddy_engine_counters(engine)->events - events;
  snprintf(name, sizeof name, "engine, %u users, d %u, k %u (%.0f %% change)", users, eddy_spec_dimensions(spec), clusters,
           100.0 * (double)changes / (double)(events > 0 ? events : 1));
  eddy_measure_print(measure, name);
  printf("%58s %8.2f M events/s, %.0f bytes per user\n", "", 1e3 / eddy_measure_median(measure),
         (double)eddy_engine_memory(engine) / (double)eddy_engine_users(engine));
  eddy_effects_fini(&effects);
  eddy_engine_free(engine);
  eddy_huge_memory_fini(&memory);
  eddy_model_free(model);
  free(stream);
  free(spec);
}

/* ---- assignment ---- */

static void bench_assign(struct eddy_measure *measure, const struct size *size, uint16_t clusters) {
  enum { VECTORS = 256 };
  static float z[VECTORS][EDDY_VECTOR_MAX];
  struct eddy_model *model = random_model(32, clusters);
  struct eddy_rng rng;
  char name[64];
  uint64_t sink = 0;
  eddy_rng_seed(&rng, 5);
  for (int i = 0; i < VECTORS; i++) {
    for (int j = 0; j < 32; j++) z[i][j] = (float)eddy_rng_normal(&rng);
  }
  eddy_measure_reset(measure);
  for (int round = 0; round < size->rounds; round++) {
    eddy_measure_begin(measure);
    for (size_t i = 0; i < size->batches * VECTORS; i++) sink += eddy_model_nearest(model, z[i % VECTORS]).slot;
    eddy_measure_end(measure, size->batches * VECTORS);
  }
  snprintf(name, sizeof name, "assign, d 32, k %u", clusters);
  eddy_measure_print(measure, name);
  require(sink > 0 || clusters == 1, "assignment");
  eddy_model_free(model);
}

/* ---- timers ---- */

static void bench_timers(struct eddy_measure *measure, const struct size *size, uint32_t timers) {
  struct eddy_timer_queue queue;
  struct eddy_timer *all = calloc(timers, sizeof *all);
  struct eddy_rng rng;
  int64_t now = INT64_C(1700000000000);
  char name[64];
  require(all != NULL, "memory");
  eddy_rng_seed(&rng, 3);
  eddy_timer_queue_init(&queue);
  for (uint32_t i = 0; i < timers; i++) {
    all[i].seq = i;
    eddy_timer_queue_arm(&queue, &all[i], now + (int64_t)eddy_rng_below(&rng, (uint64_t)EDDY_HOUR_MS));
  }
  eddy_measure_reset(measure);
  for (int round = 0; round < size->rounds; round++) {
    size_t count = 0;
    eddy_measure_begin(measure);
    for (size_t i = 0; i < size->batches; i++) { /* each timer that comes out goes in again, an hour later */
      now += 100;
      for (struct eddy_timer *timer; (timer = eddy_timer_queue_pop(&queue, now)) != NULL; count++) {
        eddy_timer_queue_arm(&queue, timer, now + EDDY_HOUR_MS);
      }
    }
    eddy_measure_end(measure, count > 0 ? count : 1);
  }
  snprintf(name, sizeof name, "timers, %u armed: pop and arm", timers);
  eddy_measure_print(measure, name);
  free(all);
}

int main(int argc, char **argv) {
  bool smoke = argc > 1 && strcmp(argv[1], "--smoke") == 0;
  struct size size = smoke ? (struct size){20000, 3, 8} : (struct size){2000000, 21, 400};
  struct eddy_measure measure;
  eddy_measure_banner();
  eddy_measure_open(&measure);
  if (measure.counter < 0) printf("(instruction counts: not supported by this kernel; see bench/README.md for callgrind)\n\n");
  bench_decode(&measure, &size);
  bench_engine(&measure, &size, 1000, 16, false);
  bench_engine(&measure, &size, size.users, 0, false);
  bench_engine(&measure, &size, size.users, 16, false);
  bench_engine(&measure, &size, size.users, 16, true);
  bench_engine(&measure, &size, size.users, 64, true);
  bench_assign(&measure, &size, 16);
  bench_assign(&measure, &size, 64);
  bench_timers(&measure, &size, 1000);
  bench_timers(&measure, &size, smoke ? 20000 : 1000000);
  eddy_measure_close(&measure);
  return 0;
}
