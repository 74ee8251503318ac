#include "sink/redis_words.h"

#include <inttypes.h>
#include <stdio.h>

enum { WORDS_PER_USER = 12, WORDS_PER_ENTRY = 6, WORDS_PER_FIELD = 3 };

/* True if <wrote> is what the caller believes; then it says so from now on. */
#define CHAIN                                                      \
  "local function goes_on()\n"                                     \
  "  local at = tonumber(redis.call('GET', KEYS[1]) or '') or 0\n" \
  "  if at ~= tonumber(ARGV[1]) then return false end\n"           \
  "  redis.call('SET', KEYS[1], ARGV[2], 'EX', 86400)\n"           \
  "  return true\n"                                                \
  "end\n"

/* Writes users whose stored version is not newer; of older ones only a last trigger that fired later than the stored one, which
 * is its own version: what is sent again after a restart claims no state. Moves the user from the segment that Redis has
 * stored, not from the one the change names: coalesced changes skip segments. An erasure comes before what else is said about
 * the user, which belongs to its next life; its version outlives the hash for a day, under a digest, so that a process that was
 * asleep brings nobody back. A state that says what is stored already leaves alone how it came about, and makes no hash for a
 * user of whom there is nothing to say, but keeps its version for an hour: what is still under way on a broken connection must
 * not come in behind it. A key that somebody else uses for another type (WRONGTYPE) costs that one user; the first such error
 * is the answer.
 */
static const char script_users[] = CHAIN
    "local refused, wrong = 0, nil\n"
    "local prefix, stamp = ARGV[3], ARGV[4]\n"
    "local function is_older(incarnation, sequence, stored)\n"
    "  local x, y = string.match(stored or '', '^(%d+)-(%d+)$')\n"
    "  x, y = tonumber(x) or 0, tonumber(y) or 0\n"
    "  local p, q = tonumber(incarnation), tonumber(sequence)\n"
    "  return p < x or (p == x and q < y)\n"
    "end\n"
    "local function write_segment(key, a, stored)\n"
    "  local id, is_state, to, since = ARGV[a], ARGV[a + 4] == '2', ARGV[a + 5], ARGV[a + 8]\n"
    "  local is_same = (stored[2] or '') == to and (to == '' or stored[3] == since)\n"
    "  if is_state and not is_same then\n"
    "    redis.call('HDEL', key, 'from', 'since')\n"
    "    redis.call('HSET', key, 'model_version', ARGV[a + 9])\n"
    "    if to ~= '' then redis.call('HSET', key, 'since', since) end\n"
    "  elseif not is_state then\n"
    "    redis.call('HSET', key, 'from', ARGV[a + 7], 'since', since, 'model_version', ARGV[a + 9])\n"
    "  end\n"
    "  if to == '' then\n"
    "    redis.call('HDEL', key, 'segment', 'segment_name')\n"
    "    return\n"
    "  end\n"
    "  if not (is_state and is_same) then redis.call('HSET', key, 'segment', to, 'segment_name', ARGV[a + 6]) end\n"
    "  redis.call('ZADD', prefix .. ':segment:' .. to, since, id)\n"
    "end\n"
    "local function write(key, a)\n"
    "  local id, to, erased, segment, trigger = ARGV[a], ARGV[a + 5], ARGV[a + 3], ARGV[a + 4], ARGV[a + 10]\n"
    "  local version, gone = ARGV[a + 1] .. '-' .. ARGV[a + 2], prefix .. ':gone:' .. redis.sha1hex(id)\n"
    "  local stored = redis.call('HMGET', key, 'v', 'segment', 'since', 'last_trigger_at')\n"
    "  if is_older(ARGV[a + 1], ARGV[a + 2], stored[1] or redis.call('GET', gone)) then\n"
    "    refused = refused + 1\n"
    "    local is_newer = (tonumber(stored[4]) or -1) < (tonumber(ARGV[a + 11]) or -1)\n"
    "    if stored[1] and trigger ~= '' and erased == '' and is_newer then\n"
    "      redis.call('HSET', key, 'last_trigger', trigger, 'last_trigger_at', ARGV[a + 11])\n"
    "    end\n"
    "    return\n"
    "  end\n"
    "  if stored[2] and (erased ~= '' or (segment ~= '' and stored[2] ~= to)) then\n"
    "    redis.call('ZREM', prefix .. ':segment:' .. stored[2], id)\n"
    "  end\n"
    "  if erased ~= '' then\n"
    "    redis.call('DEL', key)\n"
    "    redis.call('SET', gone, version, 'EX', 86400)\n"
    "    stored = {}\n"
    "  end\n"
    "  local nothing = segment == '' or (segment == '2' and to == '' and not stored[1])\n"
    "  if nothing and trigger == '' then\n"
    "    if segment == '2' then redis.call('SET', gone, version, 'EX', 3600) end\n"
    "    return\n"
    "  end\n"
    "  redis.call('HSET', key, 'v', version, 'updated_at', stamp)\n"
    "  if trigger ~= '' then redis.call('HSET', key, 'last_trigger', trigger, 'last_trigger_at', ARGV[a + 11]) end\n"
    "  if not nothing then write_segment(key, a, stored) end\n"
    "end\n"
    "if not goes_on() then return -1 end\n"
    "for i = 2, #KEYS do\n"
    "  local good, problem = pcall(write, KEYS[i], 5 + (i - 2) * 12)\n"
    "  if not good then\n"
    "    local text = type(problem) == 'table' and problem.err or problem\n"
    "    if not string.find(text, 'WRONGTYPE', 1, true) then error(problem) end\n"
    "    wrong = wrong or text\n"
    "  end\n"
    "end\n"
    "return wrong and redis.error_reply(wrong) or refused\n";

/* Appends trigger entries in order and stops at the first error other than "exists already" (a repeated write after a lost
 * answer) and WRONGTYPE (somebody else's key, which concerns that stream alone and is the answer). */
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

/* A field that is none of ours counts as absent. */
static const char script_status[] = CHAIN
    "for a = 5, #ARGV, 3 do\n"
    "  local stored = redis.call('HGET', KEYS[2], ARGV[a]) or ''\n"
    "  if #stored > 41 or not string.match(stored, '^%d+%-%d+$') then stored = '' end\n"
    "  if stored ~= ARGV[a + 1] then return -1 end\n"
    "end\n"
    "if not goes_on() then return -1 end\n"
    "redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])\n"
    "for a = 5, #ARGV, 3 do redis.call('HSET', KEYS[2], ARGV[a], ARGV[a + 2]) end\n"
    "return 0\n";

const char *eddy_redis_script(enum eddy_redis_script script) {
  static const char *const scripts[EDDY_REDIS_SCRIPT_COUNT] = {
      [EDDY_REDIS_USERS] = script_users, [EDDY_REDIS_ENTRIES] = script_entries, [EDDY_REDIS_STATUS] = script_status};
  return scripts[script];
}

static struct eddy_redis_command begin(const struct eddy_redis_words *words, size_t count) {
  words->buffer->size = 0;
  return eddy_redis_command_begin(words->buffer, count);
}

/* `count` = keys and arguments. */
static struct eddy_redis_command begin_script(const struct eddy_redis_words *words, size_t keys, size_t count) {
  struct eddy_redis_command command = begin(words, 3 + count);
  eddy_redis_word_text(&command, "EVALSHA");
  eddy_redis_word_text(&command, words->sha);
  eddy_redis_word_int(&command, (int64_t)keys);
  return command;
}

static void put_step(struct eddy_redis_command *command, const struct eddy_redis_step *step) {
  eddy_redis_word_int(command, (int64_t)step->expected);
  eddy_redis_word_int(command, (int64_t)step->next);
}

static void put_optional(struct eddy_redis_command *command, bool present, int64_t value) {
  if (present) {
    eddy_redis_word_int(command, value);
  } else {
    eddy_redis_word(command, "", 0);
  }
}

/* ---- status ---- */

int eddy_redis_words_get(const struct eddy_redis_words *words, const struct eddy_redis_chain *chain) {
  struct eddy_redis_command command = begin(words, 2);
  eddy_redis_word_text(&command, "GET");
  eddy_redis_word_text(&command, chain->key);
  return command.error;
}

int eddy_redis_words_ask(const struct eddy_redis_words *words, struct eddy_redis_acks *acks) {
  struct eddy_redis_command command = begin(words, 3 + eddy_redis_acks_ask(acks));
  eddy_redis_word_text(&command, "HMGET");
  eddy_redis_word_format(&command, "%s:status", words->app);
  eddy_redis_word_text(&command, words->instance);
  for (uint32_t i = 0; i < acks->count; i++) {
    if (acks->partitions[i].asked) eddy_redis_word_format(&command, "sync:%" PRIu32, i);
  }
  return command.error;
}

int eddy_redis_words_status(const struct eddy_redis_words *words, const struct eddy_redis_step *step,
                            struct eddy_redis_acks *acks) {
  size_t fields = eddy_redis_acks_send(acks);
  struct eddy_redis_command command = begin_script(words, 2, 6 + fields * WORDS_PER_FIELD);
  eddy_redis_word_text(&command, step->key);
  eddy_redis_word_format(&command, "%s:status", words->app);
  put_step(&command, step);
  eddy_redis_word_text(&command, words->instance);
  eddy_redis_word_int(&command, words->now);
  for (uint32_t i = 0; i < acks->count; i++) {
    const struct eddy_redis_partition *partition = &acks->partitions[i];
    if (!partition->named) continue;
    eddy_redis_word_format(&command, "sync:%" PRIu32, i);
    eddy_redis_word_text(&command, partition->field);
    eddy_redis_word_text(&command, partition->sent_field);
  }
  return command.error;
}

/* ---- users ---- */

static void put_user(struct eddy_redis_command *command, const struct eddy_redis_user *user, const struct eddy_spec *spec) {
  eddy_redis_word(command, user->id, user->id_size);
  eddy_redis_word_int(command, (int64_t)user->version.incarnation);
  eddy_redis_word_int(command, (int64_t)user->version.sequence);
  eddy_redis_word_text(command, user->erased ? "1" : "");
  eddy_redis_word_text(command, !user->has_segment ? "" : user->is_state ? "2" : "1");
  put_optional(command, user->has_to, user->to);
  eddy_redis_word_text(command, user->segment_name);
  put_optional(command, user->has_from, user->from);
  eddy_redis_word_int(command, user->since);
  eddy_redis_word_int(command, (int64_t)user->model_version);
  eddy_redis_word_text(command, user->has_trigger ? spec->triggers[user->trigger].name : "");
  eddy_redis_word_int(command, user->trigger_at);
}

int eddy_redis_words_users(const struct eddy_redis_words *words, const struct eddy_redis_step *step,
                           struct eddy_redis_user *const *users, size_t count, const struct eddy_spec *spec) {
  struct eddy_redis_command command = begin_script(words, 1 + count, 1 + count + 4 + count * WORDS_PER_USER);
  eddy_redis_word_text(&command, step->key);
  for (size_t i = 0; i < count; i++) {
    eddy_redis_word_key(&command, words->app, "user", (struct eddy_str){users[i]->id, users[i]->id_size});
  }
  put_step(&command, step);
  eddy_redis_word_text(&command, words->app);
  eddy_redis_word_int(&command, words->now);
  for (size_t i = 0; i < count; i++) put_user(&command, users[i], spec);
  return command.error;
}

/* ---- trigger entries ---- */

static void put_entry(struct eddy_redis_command *command, const struct eddy_redis_entry *entry) {
  const char *text = entry->text;
  eddy_redis_word_format(command, "%" PRIu64 "-%" PRIu64, entry->incarnation, entry->effect);
  eddy_redis_word(command, text + entry->user_size, entry->trigger_size);
  eddy_redis_word_text(command, entry->trigger_id);
  eddy_redis_word(command, text, entry->user_size);
  eddy_redis_word_int(command, entry->due_at);
  eddy_redis_word(command, text + entry->user_size + entry->trigger_size, entry->record_size);
}

int eddy_redis_words_entries(const struct eddy_redis_words *words, uint32_t max_length, const struct eddy_redis_entry *first,
                             size_t count) {
  struct eddy_redis_command command = begin_script(words, count, count + 1 + count * WORDS_PER_ENTRY);
  const struct eddy_redis_entry *entry = first;
  for (size_t i = 0; i < count; i++, entry = entry->next) {
    eddy_redis_word_format(&command, "%s:triggers:%" PRIu32, words->app, entry->partition);
  }
  eddy_redis_word_int(&command, max_length);
  entry = first;
  for (size_t i = 0; i < count; i++, entry = entry->next) put_entry(&command, entry);
  return command.error;
}
