#include "sink/redis_sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sink/redis_errors.h"
#include "sink/redis_sink_state.h"
#include "sink/redis_words.h"

enum { BATCH_ENTRIES = 64, HEARTBEAT_MS = 1000 };

int64_t eddy_redis_sink_wall(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- answers ---- */

/* Once per trouble: what to do. */
static void advise(struct eddy_redis_sink *sink, const char *error) {
  const char *advice = eddy_redis_error_advice(error);
  if (!advice || sink->advised) return;
  sink->advised = true;
  eddy_log(sink->options.logger, EDDY_LOG_WARN, "Redis takes no writes", "error=\"%.200s\" hint=\"%s\"", error, advice);
}

/* True if the answer is not an error that calls for another try. */
static bool accepted(struct eddy_redis_sink *sink, const redisReply *reply) {
  if (!reply) return false;
  if (reply->type != REDIS_REPLY_ERROR) return true;
  sink->stats.errors++;
  advise(sink, reply->str);
  if (eddy_redis_error_passes(reply->str)) {
    eddy_redis_link_reset(sink->link, reply->str);
    return false;
  }
  eddy_log(sink->options.logger, EDDY_LOG_ERROR, "Redis refused a write", "error=\"%.200s\"", reply->str);
  return true;
}

/* Redis is not what this sink left: everything in flight comes back, and the next connection finds out what is missing. */
static bool broken(struct eddy_redis_sink *sink, const redisReply *reply) {
  if (!reply || reply->type != REDIS_REPLY_INTEGER || reply->integer >= 0) return false;
  eddy_redis_link_reset(sink->link, "it no longer has what was written");
  return true;
}

/* What cannot be written however often it is tried is made good by a full resynchronisation, once per connection: whoever has
 * put a key of another type in the way (WRONGTYPE) has to take it away first. */
static void refused(struct eddy_redis_sink *sink, const struct eddy_redis_batch *batch, const char *error) {
  if (strstr(error, "WRONGTYPE")) return;
  for (size_t i = 0; i < batch->count; i++) {
    struct eddy_redis_partition *partition = eddy_redis_acks_find(&sink->acks, batch->users[i]->partition);
    if (!partition || partition->excused) continue;
    partition->excused = true;
    eddy_redis_partition_lose(partition);
  }
}

static void finish_batch(struct eddy_redis_batch *batch, bool done) {
  struct eddy_redis_pending *pending = &batch->sink->pending;
  for (size_t i = 0; i < batch->count; i++) {
    if (done) {
      eddy_redis_pending_free(pending, batch->users[i]);
    } else {
      eddy_redis_pending_return(pending, batch->users[i]);
    }
  }
  batch->count = 0;
}

static void count_written(struct eddy_redis_sink *sink, size_t count, uint64_t older) {
  sink->stats.refused_older += older;
  sink->stats.written += count - older;
  sink->advised = false;
}

static void on_users(redisAsyncContext *context, void *answer, void *ctx) {
  struct eddy_redis_batch *batch = ctx;
  struct eddy_redis_sink *sink = batch->sink;
  const redisReply *reply = answer;
  (void)context;
  bool done = accepted(sink, reply) && !broken(sink, reply);
  if (done && reply->type == REDIS_REPLY_ERROR) refused(sink, batch, reply->str);
  if (done && reply->type == REDIS_REPLY_INTEGER) {
    eddy_redis_chain_confirm(&sink->chain, batch->step);
    count_written(sink, batch->count, (uint64_t)reply->integer);
  }
  finish_batch(batch, done);
  if (done) eddy_redis_sink_send(sink);
}

static void on_entries(redisAsyncContext *context, void *answer, void *ctx) {
  struct eddy_redis_sink *sink = ctx;
  const redisReply *reply = answer;
  size_t count = sink->entries_in_flight;
  (void)context;
  sink->entries_in_flight = 0;
  if (!accepted(sink, reply)) return; /* they stay at the front and leave again, in order, when Redis is back */
  for (size_t i = 0; i < count; i++) eddy_redis_pending_pop_entry(&sink->pending);
  if (reply->type == REDIS_REPLY_INTEGER) count_written(sink, count, 0);
  eddy_redis_sink_send(sink);
}

/* ---- commands ---- */

static struct eddy_redis_words words_of(struct eddy_redis_sink *sink, enum eddy_redis_script script) {
  return (struct eddy_redis_words){.buffer = &sink->command,
                                   .app = sink->app,
                                   .instance = sink->instance,
                                   .sha = eddy_redis_link_script(sink->link, script),
                                   .now = eddy_redis_sink_wall()};
}

static bool send_users(struct eddy_redis_sink *sink, struct eddy_redis_batch *batch) {
  struct eddy_redis_words words = words_of(sink, EDDY_REDIS_USERS);
  batch->count = eddy_redis_pending_take(&sink->pending, batch->users, EDDY_REDIS_BATCH_USERS);
  if (batch->count == 0) return false;
  struct eddy_redis_step step = eddy_redis_chain_step(&sink->chain);
  batch->step = step.next;
  int error = eddy_redis_words_users(&words, &step, batch->users, batch->count, sink->options.spec);
  if (error == 0 && eddy_redis_link_send(sink->link, &sink->command, on_users, batch)) return true;
  finish_batch(batch, false);
  return false;
}

static void send_entries(struct eddy_redis_sink *sink) {
  struct eddy_redis_words words = words_of(sink, EDDY_REDIS_ENTRIES);
  size_t count = sink->pending.entry_count < BATCH_ENTRIES ? sink->pending.entry_count : BATCH_ENTRIES;
  if (count == 0 || sink->entries_in_flight > 0) return;
  int error = eddy_redis_words_entries(&words, sink->options.stream_max_length, sink->pending.entry_first, count);
  if (error == 0 && eddy_redis_link_send(sink->link, &sink->command, on_entries, sink)) sink->entries_in_flight = count;
}

/* ---- what Redis holds ---- */

/* The owner is told from here only, so that no call of its own calls it back. */
static void tell_losses(struct eddy_redis_sink *sink) {
  uint32_t told = 0;
  for (uint32_t i = 0; sink->options.lost && i < sink->acks.count; i++) {
    struct eddy_redis_partition *partition = &sink->acks.partitions[i];
    if (!partition->in_tenure || !partition->checked || partition->sync != EDDY_REDIS_LOST) continue;
    partition->sync = EDDY_REDIS_RESYNC;
    told++;
    sink->options.lost(sink->options.lost_ctx, i);
  }
  if (told > 0) {
    eddy_log(sink->options.logger, EDDY_LOG_INFO, "Redis gets everything anew", "partitions=%" PRIu32, told);
  }
}

static void check_fields(struct eddy_redis_sink *sink, const redisReply *reply) {
  for (uint32_t i = 0; i < sink->acks.count; i++) {
    struct eddy_redis_partition *partition = &sink->acks.partitions[i];
    if (partition->asked == 0) continue;
    const redisReply *field = partition->asked < reply->elements ? reply->element[partition->asked] : NULL;
    bool is_text = field && field->type == REDIS_REPLY_STRING;
    partition->asked = 0;
    eddy_redis_partition_check(partition, is_text ? field->str : NULL, is_text ? field->len : 0);
  }
}

/* A connection that cannot even be asked is of no use. */
static bool answered(struct eddy_redis_sink *sink, const redisReply *reply) {
  if (!accepted(sink, reply)) return false;
  if (reply->type != REDIS_REPLY_ERROR) return true;
  eddy_redis_link_reset(sink->link, reply->str);
  return false;
}

static void on_wrote(redisAsyncContext *context, void *answer, void *ctx) {
  struct eddy_redis_sink *sink = ctx;
  const redisReply *reply = answer;
  (void)context;
  if (!answered(sink, reply)) return;
  bool is_text = reply->type == REDIS_REPLY_STRING;
  if (!eddy_redis_chain_check(&sink->chain, is_text ? reply->str : NULL, is_text ? reply->len : 0)) {
    eddy_redis_acks_lose_all(&sink->acks);
  }
}

static void on_fields(redisAsyncContext *context, void *answer, void *ctx) {
  struct eddy_redis_sink *sink = ctx;
  const redisReply *reply = answer;
  (void)context;
  sink->asking = false;
  if (!answered(sink, reply)) return;
  sink->checked = true;
  check_fields(sink, reply);
  tell_losses(sink);
  eddy_redis_sink_send(sink);
}

static bool anything_unchecked(const struct eddy_redis_acks *acks) {
  for (uint32_t i = 0; i < acks->count; i++) {
    if (acks->partitions[i].in_tenure && !acks->partitions[i].checked) return true;
  }
  return false;
}

static void ask_fields(struct eddy_redis_sink *sink) {
  struct eddy_redis_words words = words_of(sink, EDDY_REDIS_STATUS);
  int error = eddy_redis_words_ask(&words, &sink->acks);
  sink->asking = error == 0 && eddy_redis_link_send(sink->link, &sink->command, on_fields, sink);
}

void eddy_redis_sink_send(struct eddy_redis_sink *sink) {
  if (sink->closing || !sink->checked || !eddy_redis_link_is_up(sink->link)) return;
  if (!sink->asking && anything_unchecked(&sink->acks)) ask_fields(sink);
  send_entries(sink);
  for (size_t i = 0; i < EDDY_REDIS_BATCHES_MAX; i++) {
    if (sink->batches[i].count == 0 && !send_users(sink, &sink->batches[i])) return;
  }
}

/* ---- heartbeat ---- */

static void on_heartbeat_reply(redisAsyncContext *context, void *answer, void *ctx) {
  struct eddy_redis_sink *sink = ctx;
  const redisReply *reply = answer;
  (void)context;
  sink->heartbeat_in_flight = false;
  bool stored = accepted(sink, reply) && !broken(sink, reply) && reply->type == REDIS_REPLY_INTEGER;
  if (stored) eddy_redis_chain_confirm(&sink->chain, sink->heartbeat_step);
  if (stored) sink->advised = false;
  eddy_redis_acks_stored(&sink->acks, stored);
}

static void on_heartbeat(uv_timer_t *timer) {
  struct eddy_redis_sink *sink = timer->data;
  if (!sink->checked || !eddy_redis_link_is_up(sink->link) || sink->heartbeat_in_flight) return;
  tell_losses(sink);
  eddy_redis_acks_roll(&sink->acks, &sink->pending);
  struct eddy_redis_words words = words_of(sink, EDDY_REDIS_STATUS);
  struct eddy_redis_step step = eddy_redis_chain_step(&sink->chain);
  sink->heartbeat_step = step.next;
  int error = eddy_redis_words_status(&words, &step, &sink->acks);
  sink->heartbeat_in_flight = error == 0 && eddy_redis_link_send(sink->link, &sink->command, on_heartbeat_reply, sink);
}

static void on_up(void *ctx) {
  struct eddy_redis_sink *sink = ctx;
  struct eddy_redis_words words = words_of(sink, EDDY_REDIS_STATUS);
  sink->checked = false;
  eddy_redis_acks_connect(&sink->acks);
  if (eddy_redis_words_get(&words, &sink->chain) != 0) return;
  if (eddy_redis_link_send(sink->link, &sink->command, on_wrote, sink)) ask_fields(sink);
}

static void on_down(void *ctx) {
  ((struct eddy_redis_sink *)ctx)->checked = false;
}

/* ---- life ---- */

static void free_sink(struct eddy_redis_sink *sink) {
  eddy_redis_pending_fini(&sink->pending);
  eddy_redis_acks_fini(&sink->acks);
  eddy_output_codec_free(sink->codec);
  eddy_output_reader_free(sink->reader);
  eddy_buffer_fini(&sink->command);
  eddy_buffer_fini(&sink->json);
  free(sink);
}

/* No two sinks of this machine and none of others, but by an accident of nanoseconds. */
static uint64_t sink_number(const struct eddy_redis_sink *sink) {
  return uv_hrtime() * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)eddy_redis_sink_wall() << 20 ^ (uint64_t)uv_os_getpid() << 44 ^
         (uint64_t)(uintptr_t)sink;
}

static int prepare(struct eddy_redis_sink *sink, const struct eddy_redis_options *options) {
  eddy_buffer_init(&sink->command, &eddy_allocator_malloc);
  eddy_buffer_init(&sink->json, &eddy_allocator_malloc);
  sink->options = *options;
  snprintf(sink->app, sizeof sink->app, "%s", options->app);
  snprintf(sink->instance, sizeof sink->instance, "%s", options->instance);
  eddy_redis_chain_init(&sink->chain, sink->app, sink_number(sink));
  for (size_t i = 0; i < EDDY_REDIS_BATCHES_MAX; i++) sink->batches[i].sink = sink;
  if (eddy_redis_pending_init(&sink->pending, options->buffer_max) != 0) return EDDY_E_NOMEM;
  if (eddy_output_reader_new(&sink->reader, EDDY_OUTPUT_TRIGGER) != 0) return EDDY_E_NOMEM;
  return eddy_output_codec_new(&sink->codec, options->spec);
}

int eddy_redis_sink_open(struct eddy_redis_sink **opened, const struct eddy_redis_options *options, char *why,
                         size_t why_size) {
  struct eddy_redis_link_options link = {.loop = options->loop,
                                         .name = options->app,
                                         .script_count = EDDY_REDIS_SCRIPT_COUNT,
                                         .logger = options->logger,
                                         .up = on_up,
                                         .down = on_down};
  for (int i = 0; i < EDDY_REDIS_SCRIPT_COUNT; i++) link.scripts[i] = eddy_redis_script((enum eddy_redis_script)i);
  *opened = NULL;
  if (eddy_redis_url_parse(&link.url, options->url, why, why_size) != 0) return -1;
  struct eddy_redis_sink *sink = calloc(1, sizeof *sink);
  link.ctx = sink;
  if (!sink || prepare(sink, options) != 0 || !(sink->link = eddy_redis_link_open(&link))) {
    if (why) snprintf(why, why_size, "%s", eddy_strerror(EDDY_E_NOMEM));
    if (sink) free_sink(sink);
    return -1;
  }
  sink->handles = 2;
  uv_timer_init(options->loop, &sink->heartbeat);
  sink->heartbeat.data = sink;
  uv_timer_start(&sink->heartbeat, on_heartbeat, HEARTBEAT_MS, HEARTBEAT_MS);
  *opened = sink;
  return 0;
}

struct eddy_redis_stats eddy_redis_sink_stats(const struct eddy_redis_sink *sink) {
  struct eddy_redis_stats stats = sink->stats;
  stats.connected = eddy_redis_link_is_up(sink->link);
  stats.coalesced = sink->pending.coalesced;
  stats.dropped = sink->pending.dropped;
  stats.reconnects = eddy_redis_link_reconnects(sink->link);
  stats.pending_bytes = sink->pending.bytes;
  return stats;
}

void eddy_redis_sink_bound(struct eddy_redis_sink *sink, uint32_t stream_max_length, uint64_t buffer_max) {
  sink->options.stream_max_length = stream_max_length;
  sink->options.buffer_max = sink->pending.bytes_max = buffer_max;
}

bool eddy_redis_sink_idle(const struct eddy_redis_sink *sink) {
  return sink->pending.bytes == 0;
}

static void part_closed(struct eddy_redis_sink *sink) {
  if (--sink->handles > 0) return;
  void (*closed)(void *) = sink->closed;
  void *ctx = sink->closed_ctx;
  free_sink(sink);
  if (closed) closed(ctx);
}

static void link_closed(void *ctx) {
  part_closed(ctx);
}
static void heartbeat_closed(uv_handle_t *handle) {
  part_closed(handle->data);
}

void eddy_redis_sink_close(struct eddy_redis_sink *sink, void (*closed)(void *ctx), void *ctx) {
  if (!sink) {
    if (closed) closed(ctx);
    return;
  }
  sink->closing = true;
  sink->closed = closed;
  sink->closed_ctx = ctx;
  eddy_redis_link_close(sink->link, link_closed, sink);
  uv_close((uv_handle_t *)&sink->heartbeat, heartbeat_closed);
}
