#include "store/recovery.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/rules.h"
#include "eddy/event.h"

/* Beyond this, users that became absent are not remembered one by one. */
enum { GONE_BYTES_MAX = 64 << 20 };

enum phase { READING, DONE, FAILED };

/* Users whose profile became absent, for Redis: u64 sequence, u8 length, id. A tombstone has no sequence of its own; that of
 * the next record which has one is at least as high. */
struct gone {
  struct eddy_buffer entries;
  size_t open_from; /* entries from here on still lack their sequence */
  bool lost;        /* there were too many */
};

struct eddy_recovery {
  struct eddy_recovery_options options;
  struct eddy_allocator allocator;
  enum phase phase;
  bool layout_known;
  bool found; /* a record that contradicts expect_nothing */
  uint64_t records, bytes;
  uint64_t sequence; /* of the newest record; they never decrease */

  bool has_aggregate;                /* the newest one seen; at DONE the one that counts */
  struct eddy_changelog_place place; /* its commit */
  struct eddy_aggregate aggregate;   /* points into `rejected` and `state` */
  struct eddy_rejected rejected[EDDY_REJECTED_MAX];
  uint8_t state[EDDY_ENGINE_STATE_MAX];

  int64_t replay_from, position;
  size_t skip_at; /* the run that skip() looks at */

  uint64_t *sequences; /* by slot, of the record that the profile came from */
  size_t sequences_count;
  struct gone gone;
};

/* Life ---------------------------------------------------------------------------------------------------------------------*/

int eddy_recovery_new(struct eddy_recovery **recovery, const struct eddy_recovery_options *options) {
  struct eddy_recovery *made = eddy_resize(options->changelog.allocator, NULL, 0, sizeof *made);
  *recovery = NULL;
  if (made == NULL) return EDDY_E_NOMEM;
  memset(made, 0, sizeof *made);
  made->options = *options;
  if (options->changelog.allocator != NULL) made->allocator = *options->changelog.allocator;
  made->options.changelog.allocator = &made->allocator;
  made->replay_from = made->position = options->position;
  eddy_buffer_init(&made->gone.entries, &made->allocator);
  if (eddy_engine_recover_begin(options->changelog.engine) != 0) {
    eddy_recovery_free(made);
    return EDDY_E_NOMEM;
  }
  *recovery = made;
  return 0;
}

void eddy_recovery_free(struct eddy_recovery *recovery) {
  if (recovery == NULL) return;
  struct eddy_allocator allocator = recovery->allocator;
  eddy_buffer_fini(&recovery->gone.entries);
  if (recovery->sequences != NULL) {
    eddy_resize(&allocator, recovery->sequences, recovery->sequences_count * sizeof *recovery->sequences, 0);
  }
  eddy_resize(&allocator, recovery, sizeof *recovery, 0);
}

/* Sentences ----------------------------------------------------------------------------------------------------------------*/

/* Where the sentence goes, and what it is about. */
struct subject {
  struct eddy_recovery *recovery;
  int64_t offset; /* in the changelog; -1: none */
  char *why;
  size_t why_size;
};

__attribute__((format(printf, 2, 3))) static enum eddy_recovery_result refuse(const struct subject *subject, const char *format,
                                                                              ...) {
  struct eddy_recovery *recovery = subject->recovery;
  char what[512], place[64] = "";
  va_list arguments;
  recovery->phase = FAILED;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  if (subject->offset >= 0) snprintf(place, sizeof place, ", changelog offset %" PRId64, subject->offset);
  if (subject->why != NULL && subject->why_size > 0) {
    snprintf(subject->why, subject->why_size, "partition %" PRIu32 "%s: %s", recovery->options.changelog.partition, place,
             what);
  }
  return EDDY_RECOVERY_REFUSED;
}

#define OTHER_APP "or start under another app name, which begins anew"

/* What an engine or the codec says of a record. */
static enum eddy_recovery_result refuse_error(const struct subject *subject, int error, const char *what) {
  if (error == EDDY_E_NOMEM) return EDDY_RECOVERY_NOMEM;
  if (error == EDDY_E_VERSION) {
    return refuse(subject, "%s; run that version or a newer one, " OTHER_APP, "the record was written by a newer eddy");
  }
  return refuse(subject, "%s; bring the changelog topic back from a copy, " OTHER_APP, what);
}

/* Users for Redis ----------------------------------------------------------------------------------------------------------*/

/* Room for the sequence of one more profile, in whatever slot it will be. */
static int reserve_sequence(struct eddy_recovery *recovery) {
  size_t needed = (size_t)eddy_engine_slots(recovery->options.changelog.engine) + 1, size = sizeof *recovery->sequences;
  if (needed <= recovery->sequences_count) return 0;
  size_t count = needed > 2 * recovery->sequences_count ? needed : 2 * recovery->sequences_count;
  void *sequences = eddy_resize(&recovery->allocator, recovery->sequences, recovery->sequences_count * size, count * size);
  if (sequences == NULL) return EDDY_E_NOMEM;
  recovery->sequences = sequences;
  memset(recovery->sequences + recovery->sequences_count, 0, (count - recovery->sequences_count) * size);
  recovery->sequences_count = count;
  return 0;
}

static int note_gone(struct eddy_recovery *recovery, struct eddy_str user_id) {
  struct gone *gone = &recovery->gone;
  struct eddy_writer writer;
  size_t size = 8 + 1 + user_id.len;
  if (gone->lost) return 0;
  if (gone->entries.size + size > GONE_BYTES_MAX) {
    gone->lost = true;
    gone->open_from = 0;
    eddy_buffer_fini(&gone->entries);
    return 0;
  }
  if (eddy_buffer_reserve(&gone->entries, size) != 0) return EDDY_E_NOMEM;
  eddy_writer_init(&writer, gone->entries.data + gone->entries.size, size);
  eddy_write_u64(&writer, 0);
  eddy_write_u8(&writer, (uint8_t)user_id.len);
  eddy_write_bytes(&writer, user_id.data, user_id.len);
  gone->entries.size += size;
  return 0;
}

static size_t entry_size(const struct gone *gone, size_t at) {
  return 8 + 1 + (size_t)gone->entries.data[at + 8];
}

/* The tombstones before this record belong to a commit that is not newer. */
static void date_gone(struct gone *gone, uint64_t sequence) {
  struct eddy_writer writer;
  while (gone->open_from < gone->entries.size) {
    eddy_writer_init(&writer, gone->entries.data + gone->open_from, 8);
    eddy_write_u64(&writer, sequence);
    gone->open_from += entry_size(gone, gone->open_from);
  }
}

/* A profile whose record is newer than what Redis has. */
static bool changed_in_slot(const struct eddy_recovery *recovery, size_t slot, struct eddy_str *user_id) {
  struct eddy_member member;
  bool newer = recovery->gone.lost ||
               (slot < recovery->sequences_count && recovery->sequences[slot] > recovery->aggregate.redis.sequence);
  if (!newer || !eddy_engine_member(recovery->options.changelog.engine, (uint32_t)slot, &member)) return false;
  *user_id = member.user_id;
  return true;
}

/* A user that is gone and has not come again: then it would be among the profiles. */
static bool changed_at_entry(const struct eddy_recovery *recovery, size_t at, struct eddy_str *user_id) {
  const uint8_t *entry = recovery->gone.entries.data + at;
  *user_id = (struct eddy_str){(const char *)entry + 9, entry[8]};
  return eddy_load_u64(entry) > recovery->aggregate.redis.sequence &&
         eddy_engine_find(recovery->options.changelog.engine, *user_id) == UINT32_MAX;
}

bool eddy_recovery_next_changed(const struct eddy_recovery *recovery, size_t *cursor, struct eddy_str *user_id) {
  size_t slots = eddy_engine_slots(recovery->options.changelog.engine);
  const struct gone *gone = &recovery->gone;
  if (!recovery->has_aggregate || !recovery->aggregate.redis.known) return false;
  while (*cursor < slots) {
    if (changed_in_slot(recovery, (*cursor)++, user_id)) return true;
  }
  while (*cursor - slots < gone->entries.size) {
    size_t at = *cursor - slots;
    *cursor += entry_size(gone, at);
    if (changed_at_entry(recovery, at, user_id)) return true;
  }
  return false;
}

/* Records ------------------------------------------------------------------------------------------------------------------*/

static enum eddy_recovery_result check_place(const struct subject *subject, const struct eddy_changelog_place *place) {
  const struct eddy_recovery *recovery = subject->recovery;
  const struct eddy_recovery_options *options = &recovery->options;
  if (place->partition != options->changelog.partition) {
    return refuse(subject,
                  "the record belongs to partition %" PRIu32 "; bring the changelog topic back from a copy, " OTHER_APP,
                  place->partition);
  }
  if (place->incarnation != options->changelog.incarnation) {
    return refuse(
        subject,
        "the record is of incarnation %" PRIu64 ", the committed offset of %" PRIu64
        ": the two are of different lives of the application; bring the one that does not belong here back, " OTHER_APP,
        place->incarnation, options->changelog.incarnation);
  }
  if (place->sequence > options->sequence) return EDDY_RECOVERY_NEWER;
  if (place->sequence < recovery->sequence) {
    return refuse(subject,
                  "commit %" PRIu64 " follows on commit %" PRIu64
                  "; two programs have written here; bring the changelog topic back from a copy, " OTHER_APP,
                  place->sequence, recovery->sequence);
  }
  if (place->position > options->position) {
    return refuse(subject,
                  "commit %" PRIu64 " is of position %" PRId64 ", but offset %" PRId64
                  " is committed: somebody has set it back; restart with --offsets-from-profiles, " OTHER_APP,
                  place->sequence, place->position, options->position);
  }
  return EDDY_RECOVERY_MORE;
}

static enum eddy_recovery_result take_profile(const struct subject *subject, const struct eddy_changelog_record *record) {
  struct eddy_recovery *recovery = subject->recovery;
  struct eddy_engine *engine = recovery->options.changelog.engine;
  uint32_t slot;
  if (reserve_sequence(recovery) != 0) return EDDY_RECOVERY_NOMEM;
  int error = eddy_engine_recover_profile(engine, record->user_id, record->place.position, record->bytes, record->size, &slot);
  if (error != 0) return refuse_error(subject, error, "the bytes of a profile are damaged");
  EDDY_ASSERT(slot < recovery->sequences_count);
  recovery->sequences[slot] = record->place.sequence;
  return EDDY_RECOVERY_MORE;
}

static enum eddy_recovery_result take_erased(const struct subject *subject, const struct eddy_changelog_record *record) {
  struct eddy_engine *engine = subject->recovery->options.changelog.engine;
  int error = eddy_engine_recover_erased(engine, record->hash, record->place.position, record->erased_at);
  return error == 0 ? EDDY_RECOVERY_MORE : refuse_error(subject, error, "the marker of an erased user is damaged");
}

static enum eddy_recovery_result take_layout(const struct subject *subject, const struct eddy_changelog_record *record) {
  struct eddy_recovery *recovery = subject->recovery;
  int error = eddy_engine_recover_layout(recovery->options.changelog.engine, record->bytes, record->size);
  if (error != 0) return refuse_error(subject, error, "the bytes of a layout are damaged");
  if (record->layout == eddy_engine_layout_id(recovery->options.changelog.engine)) recovery->layout_known = true;
  return EDDY_RECOVERY_MORE;
}

static enum eddy_recovery_result check_aggregate(const struct subject *subject) {
  const struct eddy_recovery *recovery = subject->recovery;
  const struct eddy_recovery_options *options = &recovery->options;
  if (recovery->place.position != options->position && EDDY_RULE(WAIT_FOR_SEQUENCE)) {
    return refuse(subject,
                  "commit %" PRIu64 " is of position %" PRId64 ", but offset %" PRId64
                  " is committed: somebody has moved it; restart with --offsets-from-profiles, " OTHER_APP,
                  recovery->place.sequence, recovery->place.position, options->position);
  }
  if (recovery->aggregate.partition_count != options->changelog.partition_count) {
    return refuse(subject,
                  "the input topic had %" PRIu32 " partitions when the state was written and has %" PRIu32
                  " now, so users would be looked for in the wrong partition; copy the events to a topic of %" PRIu32
                  " partitions, " OTHER_APP,
                  recovery->aggregate.partition_count, options->changelog.partition_count, recovery->aggregate.partition_count);
  }
  if (recovery->aggregate.erasure_check != options->changelog.erasure_check) {
    return refuse(subject,
                  "the erasure key is another one than that under which the state was written, so erased users would not be "
                  "recognised; configure the former key, " OTHER_APP);
  }
  return EDDY_RECOVERY_DONE;
}

/* The newest aggregate becomes the truth. */
static enum eddy_recovery_result adopt_aggregate(const struct subject *subject) {
  struct eddy_recovery *recovery = subject->recovery;
  enum eddy_recovery_result result = check_aggregate(subject);
  if (result != EDDY_RECOVERY_DONE) return result;
  const struct eddy_aggregate *aggregate = &recovery->aggregate;
  int error = eddy_engine_recover_state(recovery->options.changelog.engine, aggregate->state, aggregate->state_size);
  if (error != 0) return refuse_error(subject, error, "the state in the aggregate is damaged");
  recovery->phase = DONE;
  recovery->replay_from = aggregate->replay_from;
  return EDDY_RECOVERY_DONE;
}

/* `record->aggregate.rejected` lies in recovery->rejected already. */
static enum eddy_recovery_result keep_aggregate(const struct subject *subject, const struct eddy_changelog_record *record) {
  struct eddy_recovery *recovery = subject->recovery;
  if (record->aggregate.state_size > sizeof recovery->state) {
    return refuse_error(subject, EDDY_E_CORRUPT, "the state in the aggregate is too large");
  }
  recovery->has_aggregate = true;
  recovery->place = record->place;
  recovery->aggregate = record->aggregate;
  if (record->aggregate.state_size > 0) memcpy(recovery->state, record->aggregate.state, record->aggregate.state_size);
  recovery->aggregate.state = recovery->state;
  return EDDY_RECOVERY_MORE;
}

static enum eddy_recovery_result take_aggregate(const struct subject *subject, const struct eddy_changelog_record *record) {
  enum eddy_recovery_result result = keep_aggregate(subject, record);
  if (result != EDDY_RECOVERY_MORE || record->place.sequence < subject->recovery->options.sequence) return result;
  return adopt_aggregate(subject);
}

static enum eddy_recovery_result take_tombstone(struct eddy_recovery *recovery, const struct eddy_changelog_record *record) {
  struct eddy_engine *engine = recovery->options.changelog.engine;
  if (record->kind == EDDY_CHANGELOG_PROFILE) {
    if (note_gone(recovery, record->user_id) != 0) return EDDY_RECOVERY_NOMEM;
    eddy_engine_recover_gone(engine, record->user_id);
  }
  if (record->kind == EDDY_CHANGELOG_ERASED) eddy_engine_recover_not_erased(engine, record->hash);
  return EDDY_RECOVERY_MORE; /* nobody deletes layouts or aggregates */
}

static enum eddy_recovery_result take_value(const struct subject *subject, const struct eddy_changelog_record *record) {
  enum eddy_recovery_result result = check_place(subject, &record->place);
  if (result != EDDY_RECOVERY_MORE) return result;
  subject->recovery->sequence = record->place.sequence;
  date_gone(&subject->recovery->gone, record->place.sequence);
  switch (record->kind) {
    case EDDY_CHANGELOG_PROFILE:
      return take_profile(subject, record);
    case EDDY_CHANGELOG_ERASED:
      return take_erased(subject, record);
    case EDDY_CHANGELOG_LAYOUT:
      return take_layout(subject, record);
    case EDDY_CHANGELOG_AGGREGATE:
      return take_aggregate(subject, record);
  }
  return EDDY_RECOVERY_REFUSED;
}

/* Where nothing should be: goes on to the end all the same, so that the newest aggregate can be named. */
static enum eddy_recovery_result take_unexpected(const struct subject *subject, const struct eddy_changelog_record *record) {
  if (record->tombstone || record->kind == EDDY_CHANGELOG_LAYOUT) return EDDY_RECOVERY_MORE;
  subject->recovery->found = true;
  return record->kind == EDDY_CHANGELOG_AGGREGATE ? keep_aggregate(subject, record) : EDDY_RECOVERY_MORE;
}

static enum eddy_recovery_result take_record(const struct subject *subject, const struct eddy_changelog_record *record) {
  if (subject->recovery->options.expect_nothing) return take_unexpected(subject, record);
  return record->tombstone ? take_tombstone(subject->recovery, record) : take_value(subject, record);
}

enum eddy_recovery_result eddy_recovery_take(struct eddy_recovery *recovery, const void *key, size_t key_size,
                                             const void *value, size_t value_size, int64_t offset, char *why, size_t why_size) {
  struct subject subject = {recovery, offset, why, why_size};
  struct eddy_changelog_record record;
  char what[128];
  EDDY_ASSERT(recovery->phase == READING);
  int error = eddy_changelog_decode(key, key_size, value, value_size, recovery->rejected, &record, what, sizeof what);
  if (error != 0) return refuse_error(&subject, error, what);
  enum eddy_recovery_result result = take_record(&subject, &record);
  if (result == EDDY_RECOVERY_MORE || result == EDDY_RECOVERY_DONE) {
    recovery->records++;
    recovery->bytes += key_size + value_size;
  }
  return result;
}

enum eddy_recovery_result eddy_recovery_at_end(struct eddy_recovery *recovery, char *why, size_t why_size) {
  struct subject subject = {recovery, -1, why, why_size};
  EDDY_ASSERT(recovery->phase == READING);
  if (!recovery->options.expect_nothing) {
    if (!EDDY_RULE(WAIT_FOR_SEQUENCE) && recovery->has_aggregate) return adopt_aggregate(&subject);
    return EDDY_RECOVERY_MORE;
  }
  if (!recovery->found) {
    recovery->phase = DONE;
    return EDDY_RECOVERY_DONE;
  }
  if (!recovery->has_aggregate) {
    return refuse(
        &subject,
        "no offset is committed, but the changelog has profiles, and no aggregate that tells of which position; bring "
        "the changelog topic back from a copy, " OTHER_APP);
  }
  return refuse(&subject,
                "no offset is committed, but the changelog has state up to position %" PRId64 ", commit %" PRIu64
                ": the group's offsets were lost; restart with --offsets-from-profiles to go on from there, " OTHER_APP,
                recovery->place.position, recovery->place.sequence);
}

/* After reading ------------------------------------------------------------------------------------------------------------*/

bool eddy_recovery_found(const struct eddy_recovery *recovery, struct eddy_changelog_place *place) {
  if (recovery->has_aggregate) *place = recovery->place;
  return recovery->has_aggregate;
}

static int log_end_error(const struct subject *subject, int64_t log_end) {
  refuse(subject,
         "offset %" PRId64 " is committed, but the input ends at %" PRId64
         ": the topic was made anew or has lost events; bring it back, " OTHER_APP,
         subject->recovery->position, log_end);
  return -1;
}

int eddy_recovery_check_log(struct eddy_recovery *recovery, int64_t log_start, int64_t log_end, bool accept_loss, char *why,
                            size_t why_size) {
  struct subject subject = {recovery, -1, why, why_size};
  EDDY_ASSERT(recovery->phase == DONE);
  if (recovery->position > log_end) return log_end_error(&subject, log_end);
  if (log_start <= recovery->replay_from) return 0;
  if (!accept_loss) {
    refuse(
        &subject,
        "events from offset %" PRId64 " on are needed, but the input begins at %" PRId64
        ": they were deleted before what they changed was saved; restart with --accept-loss to go on without them, " OTHER_APP,
        recovery->replay_from, log_start);
    return -1;
  }
  recovery->replay_from = log_start;
  if (recovery->position < log_start) recovery->position = log_start;
  return 0;
}

int64_t eddy_recovery_replay_from(const struct eddy_recovery *recovery) {
  return recovery->replay_from;
}

bool eddy_recovery_skip(struct eddy_recovery *recovery, int64_t offset) {
  const struct eddy_aggregate *aggregate = &recovery->aggregate;
  while (recovery->skip_at < aggregate->rejected_count && aggregate->rejected[recovery->skip_at].end <= offset)
    recovery->skip_at++;
  return recovery->skip_at < aggregate->rejected_count && aggregate->rejected[recovery->skip_at].first <= offset;
}

const struct eddy_aggregate *eddy_recovery_aggregate(const struct eddy_recovery *recovery) {
  return recovery->has_aggregate ? &recovery->aggregate : NULL;
}

uint64_t eddy_recovery_records(const struct eddy_recovery *recovery) {
  return recovery->records;
}

uint64_t eddy_recovery_bytes(const struct eddy_recovery *recovery) {
  return recovery->bytes;
}

int eddy_recovery_finish(struct eddy_recovery *recovery, struct eddy_changelog **changelog) {
  struct eddy_changelog_options options = recovery->options.changelog;
  struct eddy_changelog_place place = {.partition = options.partition,
                                       .incarnation = options.incarnation,
                                       .sequence = recovery->options.sequence,
                                       .position = recovery->position};
  struct eddy_aggregate aggregate = recovery->aggregate;
  EDDY_ASSERT(recovery->phase == DONE && recovery->replay_from <= recovery->position);
  if (recovery->options.expect_nothing) place.sequence = 0;
  aggregate.replay_from = EDDY_RULE(REPLAYED_IS_DIRTY) ? recovery->replay_from : recovery->position; /* rule 25 */
  options.allocator = &recovery->allocator;
  int error =
      eddy_changelog_new(changelog, &options, &place, recovery->has_aggregate ? &aggregate : NULL, recovery->layout_known);
  if (error == 0) eddy_engine_recover_end(options.engine);
  return error;
}
