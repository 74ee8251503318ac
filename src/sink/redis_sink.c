#include "sink/redis_sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "codec/output_codec.h"
#include "sink/redis_command.h"
#include "sink/redis_link.h"
#include "sink/redis_pending.h"

enum {
  BATCH_USERS = 64, /* per script call: a call holds Redis up, so it stays well below a millisecond */
  BATCHES_MAX = 8,  /* user batches in flight */
  BATCH_ENTRIES = 64,
  HEARTBEAT_MS = 1000,
};

/* Writes users whose stored version is older. KEYS: hashes; ARGV: prefix, stamp, then WORDS_PER_USER words per user. Moves the
 * user from the segment that Redis has stored, not from the one the change names: coalesced changes skip segments. An erasure
 * comes before what else is said about the user, which belongs to its next life. A key that somebody else uses for another type
 * (WRONGTYPE) costs that one user; the first such error is the answer. Answers how many were refused as older. */
static const char script_users[] =
    "local refused, wrong = 0, nil\n"
    "local prefix, stamp = ARGV[1], ARGV[2]\n"
    "local function is_newer(stored, incarnation, sequence)\n"
    "  local x, y = string.match(stored or '', '^(%d+)-(%d+)$')\n"
    "  x, y = tonumber(x) or 0, tonumber(y) or 0\n"
    "  local p, q = tonumber(incarnation), tonumber(sequence)\n"
    "  return p > x or (p == x and q >= y)\n"
    "end\n"
    "local function write(key, a)\n"
    "  local id, incarnation, sequence, to = ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 5]\n"
    "  local erased, has_segment, has_trigger = ARGV[a + 3] ~= '', ARGV[a + 4] ~= '', ARGV[a + 10] ~= ''\n"
    "  local stored = redis.call('HMGET', key, 'v', 'segment')\n"
    "  if stored[1] and not is_newer(stored[1], incarnation, sequence) then\n"
    "    refused = refused + 1\n"
    "    return\n"
    "  end\n"
    "  if stored[2] and (erased or (has_segment and stored[2] ~= to)) then\n"
    "    redis.call('ZREM', prefix .. ':segment:' .. stored[2], id)\n"
    "  end\n"
    "  if erased then redis.call('DEL', key) end\n"
    "  if has_segment or has_trigger then\n"
    "    redis.call('HSET', key, 'v', incarnation .. '-' .. sequence, 'updated_at', stamp)\n"
    "  end\n"
    "  if has_trigger then redis.call('HSET', key, 'last_trigger', ARGV[a + 10], 'last_trigger_at', ARGV[a + 11]) end\n"
    "  if not has_segment then return end\n"
    "  redis.call('HSET', key, 'from', ARGV[a + 7], 'since', ARGV[a + 8], 'model_version', ARGV[a + 9])\n"
    "  if to == '' then\n"
    "    redis.call('HDEL', key, 'segment', 'segment_name')\n"
    "  else\n"
    "    redis.call('HSET', key, 'segment', to, 'segment_name', ARGV[a + 6])\n"
    "    redis.call('ZADD', prefix .. ':segment:' .. to, ARGV[a + 8], id)\n"
    "  end\n"
    "end\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local good, problem = pcall(write, key, 3 + (i - 1) * 12)\n"
    "  if not good then\n"
    "    local text = type(problem) == 'table' and problem.err or problem\n"
    "    if not string.find(text, 'WRONGTYPE', 1, true) then error(problem) end\n"
    "    wrong = wrong or text\n"
    "  end\n"
    "end\n"
    "return wrong and redis.error_reply(wrong) or refused\n";
enum { WORDS_PER_USER = 12 };

/* Appends trigger entries in order and stops at the first error other than "exists already" (a repeated write after a lost
 * answer) and WRONGTYPE (somebody else's key, which concerns that stream alone and is the answer). KEYS: streams; ARGV: MAXLEN,
 * then per entry: id, trigger, trigger_id, user_id, due_at, record. */
static const char script_entries[] =
    "local wrong = nil\n"
    "for i, key in ipairs(KEYS) do\n"
    "  local a = 2 + (i - 1) * 6\n"
    "  local answer = redis.pcall('XADD', key, 'MAXLEN', '~', ARGV[1], ARGV[a], 'trigger', ARGV[a + 1], 'trigger_id', ARGV[a + "
    "2],\n"
    "    'user_id', ARGV[a + 3], 'due_at', ARGV[a + 4], 'record', ARGV[a + 5])\n"
    "  if type(answer) == 'table' and answer.err and not string.find(answer.err, 'equal or smaller', 1, true) then\n"
    "    if not string.find(answer.err, 'WRONGTYPE', 1, true) then return answer end\n"
    "    wrong = wrong or answer\n"
    "  end\n"
    "end\n"
    "return wrong or #KEYS\n";
enum { WORDS_PER_ENTRY = 6, SCRIPT_USERS = 0, SCRIPT_ENTRIES = 1 };

struct user_batch {
  struct eddy_redis_sink *sink;
  struct eddy_redis_user *users[BATCH_USERS];
  size_t count; /* 0: the batch is free */
};

struct eddy_redis_sink {
  struct eddy_redis_options options;
  char app[128], instance[128];
  struct eddy_redis_link *link;
  struct eddy_redis_pending pending;
  struct eddy_output_codec *codec;
  struct eddy_buffer command, json;
  struct user_batch batches[BATCHES_MAX];
  size_t entries_in_flight;
  uv_timer_t heartbeat;
  bool closing, heartbeat_in_flight;
  struct eddy_redis_stats stats;
  void (*closed)(void *ctx);
  void *closed_ctx;
  int handles;
};

static int64_t wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- answers ---- */

static void send_more(struct eddy_redis_sink *sink);

/* Errors that pass: the write is right, the server cannot take it now. */
static bool passes(const char *error) {
  static const char *const kinds[] = {"LOADING", "READONLY", "OOM",     "NOSCRIPT",    "BUSY",       "MASTERDOWN", "TRYAGAIN",
                                      "NOAUTH",  "NOPERM",   "MISCONF", "CLUSTERDOWN", "NOREPLICAS", "UNKILLABLE"};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strstr(error, kinds[i])) return true;
  }
  return false;
}

/* True if the answer is not an error that calls for another try. */
static bool accepted(struct eddy_redis_sink *sink, const redisReply *reply) {
  if (!reply) return false;
  if (reply->type != REDIS_REPLY_ERROR) return true;
  sink->stats.errors++;
  if (passes(reply->str)) {
    eddy_redis_link_reset(sink->link, reply->str);
    return false;
  }
  eddy_log(sink->options.logger, EDDY_LOG_ERROR, "Redis refused a write", "error=\"%.200s\"", reply->str);
  return true;
}

static void on_users(redisAsyncContext *context, void *answer, void *ctx) {
  struct user_batch *batch = ctx;
  struct eddy_redis_sink *sink = batch->sink;
  const redisReply *reply = answer;
  (void)context;
  bool done = accepted(sink, reply);
  for (size_t i = 0; i < batch->count; i++) {
    if (done) {
      eddy_redis_pending_free(&sink->pending, batch->users[i]);
    } else {
      eddy_redis_pending_return(&sink->pending, batch->users[i]);
    }
  }
  if (done && reply->type == REDIS_REPLY_INTEGER) {
    sink->stats.refused_older += (uint64_t)reply->integer;
    sink->stats.written += batch->count - (uint64_t)reply->integer;
  }
  batch->count = 0;
  if (done) send_more(sink);
}

static void on_entries(redisAsyncContext *context, void *answer, void *ctx) {
  struct eddy_redis_sink *sink = ctx;
  const redisReply *reply = answer;
  size_t count = sink->entries_in_flight;
  (void)context;
  sink->entries_in_flight = 0;
  if (!accepted(sink, reply)) return; /* they stay at the front and leave again, in order, when Redis is back */
  for (size_t i = 0; i < count; i++) eddy_redis_pending_pop_entry(&sink->pending);
  if (reply->type == REDIS_REPLY_INTEGER) sink->stats.written += count;
  send_more(sink);
}

/* ---- commands ---- */

static struct eddy_redis_command begin_script(struct eddy_redis_sink *sink, size_t script, size_t keys, size_t arguments) {
  sink->command.size = 0;
  struct eddy_redis_command command = eddy_redis_command_begin(&sink->command, 3 + keys + arguments);
  eddy_redis_word_text(&command, "EVALSHA");
  eddy_redis_word_text(&command, eddy_redis_link_script(sink->link, script));
  eddy_redis_word_int(&command, (int64_t)keys);
  return command;
}

static void optional_number(struct eddy_redis_command *command, bool present, int64_t value) {
  if (present) {
    eddy_redis_word_int(command, value);
  } else {
    eddy_redis_word(command, "", 0);
  }
}

static void write_user(struct eddy_redis_sink *sink, struct eddy_redis_command *command, const struct eddy_redis_user *user) {
  eddy_redis_word(command, user->id, user->id_size);
  eddy_redis_word_int(command, (int64_t)user->version.incarnation);
  eddy_redis_word_int(command, (int64_t)user->version.sequence);
  eddy_redis_word_text(command, user->erased ? "1" : "");
  eddy_redis_word_text(command, user->has_segment ? "1" : "");
  optional_number(command, user->has_to, user->to);
  eddy_redis_word_text(command, user->segment_name);
  optional_number(command, user->has_from, user->from);
  eddy_redis_word_int(command, user->since);
  eddy_redis_word_int(command, (int64_t)user->model_version);
  eddy_redis_word_text(command, user->has_trigger ? sink->options.spec->triggers[user->trigger].name : "");
  eddy_redis_word_int(command, user->trigger_at);
}

static bool send_users(struct eddy_redis_sink *sink, struct user_batch *batch) {
  batch->count = eddy_redis_pending_take(&sink->pending, batch->users, BATCH_USERS);
  if (batch->count == 0) return false;
  struct eddy_redis_command command = begin_script(sink, SCRIPT_USERS, batch->count, 2 + batch->count * WORDS_PER_USER);
  for (size_t i = 0; i < batch->count; i++) {
    eddy_redis_word_key(&command, sink->app, "user", (struct eddy_str){batch->users[i]->id, batch->users[i]->id_size});
  }
  eddy_redis_word_text(&command, sink->app);
  eddy_redis_word_int(&command, wall_ms());
  for (size_t i = 0; i < batch->count; i++) write_user(sink, &command, batch->users[i]);
  if (command.error == 0 && eddy_redis_link_send(sink->link, &sink->command, on_users, batch)) return true;
  for (size_t i = 0; i < batch->count; i++) eddy_redis_pending_return(&sink->pending, batch->users[i]);
  batch->count = 0;
  return false;
}

static void write_entry(struct eddy_redis_command *command, const struct eddy_redis_entry *entry) {
  const char *text = entry->text;
  eddy_redis_word_format(command, "%" PRIu64 "-%" PRIu64, entry->incarnation, entry->effect);
  eddy_redis_word(command, text + entry->user_size, entry->trigger_size);
  eddy_redis_word_text(command, entry->trigger_id);
  eddy_redis_word(command, text, entry->user_size);
  eddy_redis_word_int(command, entry->due_at);
  eddy_redis_word(command, text + entry->user_size + entry->trigger_size, entry->record_size);
}

static void send_entries(struct eddy_redis_sink *sink) {
  size_t count = sink->pending.entry_count < BATCH_ENTRIES ? sink->pending.entry_count : BATCH_ENTRIES;
  if (count == 0 || sink->entries_in_flight > 0) return;
  struct eddy_redis_command command = begin_script(sink, SCRIPT_ENTRIES, count, 1 + count * WORDS_PER_ENTRY);
  const struct eddy_redis_entry *entry = sink->pending.entry_first;
  for (size_t i = 0; i < count; i++, entry = entry->next) {
    eddy_redis_word_format(&command, "%s:triggers:%" PRIu32, sink->app, entry->partition);
  }
  eddy_redis_word_int(&command, sink->options.stream_max_length);
  entry = sink->pending.entry_first;
  for (size_t i = 0; i < count; i++, entry = entry->next) write_entry(&command, entry);
  if (command.error == 0 && eddy_redis_link_send(sink->link, &sink->command, on_entries, sink)) sink->entries_in_flight = count;
}

static void send_more(struct eddy_redis_sink *sink) {
  if (sink->closing || !eddy_redis_link_is_up(sink->link)) return;
  send_entries(sink);
  for (size_t i = 0; i < BATCHES_MAX; i++) {
    if (sink->batches[i].count == 0 && !send_users(sink, &sink->batches[i])) return;
  }
}

static void on_heartbeat_reply(redisAsyncContext *context, void *answer, void *ctx) {
  struct eddy_redis_sink *sink = ctx;
  (void)context;
  sink->heartbeat_in_flight = false;
  accepted(sink, answer);
}

static void on_heartbeat(uv_timer_t *timer) {
  struct eddy_redis_sink *sink = timer->data;
  if (!eddy_redis_link_is_up(sink->link) || sink->heartbeat_in_flight) return;
  sink->command.size = 0;
  struct eddy_redis_command command = eddy_redis_command_begin(&sink->command, 4);
  eddy_redis_word_text(&command, "HSET");
  eddy_redis_word_format(&command, "%s:status", sink->app);
  eddy_redis_word_text(&command, sink->instance);
  eddy_redis_word_int(&command, wall_ms());
  sink->heartbeat_in_flight = command.error == 0 && eddy_redis_link_send(sink->link, &sink->command, on_heartbeat_reply, sink);
}

static void on_up(void *ctx) {
  send_more(ctx);
}
static void on_down(void *ctx) {
  (void)ctx;
}

/* ---- what was committed ---- */

static void take_segment(struct eddy_redis_user *user, const struct eddy_segment_changed *change,
                         const struct eddy_model *model) {
  user->has_segment = true;
  user->has_from = change->has_from;
  user->from = change->from;
  user->has_to = change->has_to;
  user->to = change->to;
  user->since = change->event_time;
  user->model_version = change->model_version;
  user->segment_name[0] = '\0';
  int slot = model && change->has_to ? eddy_model_slot(model, change->to) : -1;
  if (slot >= 0) {
    struct eddy_model_parts parts = eddy_model_parts_of(model);
    snprintf(user->segment_name, sizeof user->segment_name, "%s", parts.cards[slot].name);
  }
}

/* The stream entry of a fired trigger; NULL if memory is short. */
static struct eddy_redis_entry *make_entry(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation,
                                           const struct eddy_effect *effect) {
  const struct eddy_trigger_fired *fired = &effect->as.trigger;
  const char *trigger = sink->options.spec->triggers[fired->trigger].name;
  struct eddy_output_place place = {partition, fired->published_at};
  sink->json.size = 0;
  if (eddy_output_json(sink->codec, effect, &place, &sink->json) != 0) return NULL;
  uint32_t record = (uint32_t)sink->json.size - 1; /* without the newline */
  uint32_t name = (uint32_t)strlen(trigger);
  struct eddy_redis_entry *entry = calloc(1, sizeof *entry + effect->user_id.len + name + record);
  if (!entry) return NULL;
  entry->partition = partition;
  entry->incarnation = incarnation;
  entry->effect = effect->number;
  entry->user_size = effect->user_id.len;
  entry->trigger_size = name;
  entry->record_size = record;
  entry->due_at = fired->due_at;
  snprintf(entry->trigger_id, sizeof entry->trigger_id, "%016" PRIx64 "%016" PRIx64, fired->trigger_id[0],
           fired->trigger_id[1]);
  memcpy(entry->text, effect->user_id.data, entry->user_size);
  memcpy(entry->text + entry->user_size, trigger, name);
  memcpy(entry->text + entry->user_size + name, sink->json.data, record);
  return entry;
}

static void queue_trigger(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation,
                          const struct eddy_effect *effect) {
  struct eddy_redis_pending *pending = &sink->pending;
  struct eddy_redis_entry *entry = make_entry(sink, partition, incarnation, effect);
  if (!entry) {
    pending->dropped++;
    return;
  }
  /* Beyond the bound the oldest entries go; those in flight are about to leave anyway. */
  while (pending->bytes > pending->bytes_max && pending->entry_count > 0 && sink->entries_in_flight == 0) {
    eddy_redis_pending_pop_entry(pending);
    pending->dropped++;
  }
  eddy_redis_pending_add_entry(pending, entry);
}

static void queue_effect(struct eddy_redis_sink *sink, uint32_t partition, struct eddy_redis_version version,
                         const struct eddy_effect *effect, const struct eddy_model *model) {
  if (effect->kind == EDDY_MODEL_DELTA || effect->kind == EDDY_TRIGGER_SUPPRESSED) return;
  if (effect->kind == EDDY_TRIGGER_FIRED) queue_trigger(sink, partition, version.incarnation, effect);
  struct eddy_redis_user *user = eddy_redis_pending_user(&sink->pending, effect->user_id);
  if (!user) return;
  user->version = version;
  if (effect->kind == EDDY_PROFILE_ERASED) {
    user->erased = true;
    user->has_segment = user->has_trigger = false;
  } else if (effect->kind == EDDY_SEGMENT_CHANGED) {
    take_segment(user, &effect->as.segment, model);
  } else {
    user->has_trigger = true;
    user->trigger = effect->as.trigger.trigger;
    user->trigger_at = effect->as.trigger.fired_at;
  }
}

void eddy_redis_sink_committed(struct eddy_redis_sink *sink, uint32_t partition, uint64_t incarnation, uint64_t sequence,
                               const struct eddy_effect *effects, size_t count, const struct eddy_model *model) {
  struct eddy_redis_version version = {incarnation, sequence};
  for (size_t i = 0; i < count; i++) queue_effect(sink, partition, version, &effects[i], model);
  send_more(sink);
}

/* ---- life ---- */

static void free_sink(struct eddy_redis_sink *sink) {
  eddy_redis_pending_fini(&sink->pending);
  eddy_output_codec_free(sink->codec);
  eddy_buffer_fini(&sink->command);
  eddy_buffer_fini(&sink->json);
  free(sink);
}

static int prepare(struct eddy_redis_sink *sink, const struct eddy_redis_options *options) {
  eddy_buffer_init(&sink->command, &eddy_allocator_malloc);
  eddy_buffer_init(&sink->json, &eddy_allocator_malloc);
  sink->options = *options;
  snprintf(sink->app, sizeof sink->app, "%s", options->app);
  snprintf(sink->instance, sizeof sink->instance, "%s", options->instance);
  for (size_t i = 0; i < BATCHES_MAX; i++) sink->batches[i].sink = sink;
  if (eddy_redis_pending_init(&sink->pending, options->buffer_max) != 0) return EDDY_E_NOMEM;
  return eddy_output_codec_new(&sink->codec, options->spec);
}

int eddy_redis_sink_open(struct eddy_redis_sink **opened, const struct eddy_redis_options *options, char *why,
                         size_t why_size) {
  struct eddy_redis_link_options link = {.loop = options->loop,
                                         .name = options->app,
                                         .scripts = {script_users, script_entries},
                                         .script_count = 2,
                                         .logger = options->logger,
                                         .up = on_up,
                                         .down = on_down};
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
