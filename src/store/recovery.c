#include "store/recovery.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/rules.h"
#include "store/changed.h"

enum phase { READING, DONE, FAILED };

struct eddy_recovery {
  struct eddy_recovery_options options;
  struct eddy_allocator allocator;
  enum phase phase;
  bool layout_known;
  bool adopting; /* whatever is in the changelog counts; `options` say what that is once it is known */
  bool found;    /* a record that contradicts expect_nothing */
  uint64_t records, bytes;
  struct eddy_changelog_place newest; /* of the last record that has one: sequence and position never decrease */

  bool has_aggregate;                /* the newest one seen; at DONE the one that counts */
  struct eddy_changelog_place place; /* its commit */
  struct eddy_aggregate aggregate;   /* points into `rejected` and `state` */
  struct eddy_rejected rejected[EDDY_REJECTED_MAX];
  uint8_t state[EDDY_ENGINE_STATE_MAX];

  int64_t replay_from, position;
  size_t skip_at; /* the run that skip() looks at */
  int64_t skip_asked;

  struct eddy_changed changed;
};

/* Life ---------------------------------------------------------------------------------------------------------------------*/

/* Nothing is known of what will be found but that it has to fit together. */
static void adopt_anything(struct eddy_recovery *recovery) {
  recovery->adopting = true;
  recovery->options.sequence = UINT64_MAX;
  recovery->options.position = INT64_MAX;
}

int eddy_recovery_new(struct eddy_recovery **recovery, const struct eddy_recovery_options *options) {
  struct eddy_recovery *made = eddy_resize(options->changelog.allocator, NULL, 0, sizeof *made);
  *recovery = NULL;
  if (made == NULL) return EDDY_E_NOMEM;
  memset(made, 0, sizeof *made);
  made->options = *options;
  if (options->changelog.allocator != NULL) made->allocator = *options->changelog.allocator;
  made->options.changelog.allocator = &made->allocator;
  made->replay_from = made->position = options->position;
  eddy_changed_init(&made->changed, &made->allocator);
  if (options->expect_nothing && options->adopt_newest) adopt_anything(made);
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
  eddy_changed_fini(&recovery->changed);
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

#define BRING_BACK "bring the changelog topic back from a copy, " OTHER_APP

/* What an engine or the codec says of a record. */
static enum eddy_recovery_result refuse_error(const struct subject *subject, int error, const char *what) {
  if (error == EDDY_E_NOMEM) return EDDY_RECOVERY_NOMEM;
  if (error == EDDY_E_VERSION) {
    return refuse(subject, "the record was written by a newer eddy; run that version or a newer one, " OTHER_APP);
  }
  return refuse(subject, "%s; " BRING_BACK, what);
}

static enum eddy_recovery_result refuse_moved(const struct subject *subject, const struct eddy_changelog_place *place) {
  return refuse(subject,
                "commit %" PRIu64 " is of position %" PRId64 ", but offset %" PRId64
                " is committed: somebody has moved it; delete the offsets of the group and restart with "
                "--offsets-from-profiles, " OTHER_APP,
                place->sequence, place->position, subject->recovery->options.position);
}

/* Records ------------------------------------------------------------------------------------------------------------------*/

/* Whether a record belongs to this partition and life, and follows on what came before it. */
static enum eddy_recovery_result check_order(const struct subject *subject, const struct eddy_changelog_place *place) {
  const struct eddy_recovery *recovery = subject->recovery;
  const struct eddy_changelog_options *options = &recovery->options.changelog;
  if (place->partition != options->partition) {
    return refuse(subject, "the record belongs to partition %" PRIu32 "; " BRING_BACK, place->partition);
  }
  if (place->incarnation != options->incarnation) {
    return refuse(
        subject,
        "the record is of incarnation %" PRIu64 ", not %" PRIu64
        ": the changelog and the committed offset are of different lives of the application; bring the one that is wrong "
        "back from a copy, " OTHER_APP,
        place->incarnation, options->incarnation);
  }
  if (place->sequence < recovery->newest.sequence || place->position < recovery->newest.position) {
    return refuse(subject,
                  "commit %" PRIu64 " of position %" PRId64 " follows on commit %" PRIu64 " of position %" PRId64
                  ": two programs have written here; " BRING_BACK,
                  place->sequence, place->position, recovery->newest.sequence, recovery->newest.position);
  }
  return EDDY_RECOVERY_MORE;
}

static enum eddy_recovery_result check_place(const struct subject *subject, const struct eddy_changelog_place *place) {
  struct eddy_recovery *recovery = subject->recovery;
  struct eddy_recovery_options *options = &recovery->options;
  if (recovery->adopting && recovery->newest.sequence == 0) options->changelog.incarnation = place->incarnation;
  enum eddy_recovery_result result = check_order(subject, place);
  if (result != EDDY_RECOVERY_MORE) return result;
  if (place->sequence > options->sequence) return EDDY_RECOVERY_NEWER;
  if (place->position > options->position) return refuse_moved(subject, place);
  return EDDY_RECOVERY_MORE;
}

static enum eddy_recovery_result take_profile(const struct subject *subject, const struct eddy_changelog_record *record) {
  struct eddy_recovery *recovery = subject->recovery;
  struct eddy_engine *engine = recovery->options.changelog.engine;
  uint32_t slot;
  if (eddy_changed_reserve(&recovery->changed, eddy_engine_slots(engine)) != 0) return EDDY_RECOVERY_NOMEM;
  int error = eddy_engine_recover_profile(engine, record->user_id, record->place.position, record->bytes, record->size, &slot);
  if (error != 0) return refuse_error(subject, error, "the bytes of a profile are damaged");
  eddy_changed_profile(&recovery->changed, slot, record->place.sequence);
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
    return refuse_moved(subject, &recovery->place);
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
    if (eddy_changed_gone(&recovery->changed, record->user_id) != 0) return EDDY_RECOVERY_NOMEM;
    eddy_engine_recover_gone(engine, record->user_id);
  }
  if (record->kind == EDDY_CHANGELOG_ERASED) eddy_engine_recover_not_erased(engine, record->hash);
  return EDDY_RECOVERY_MORE; /* nobody deletes layouts or aggregates */
}

static enum eddy_recovery_result take_value(const struct subject *subject, const struct eddy_changelog_record *record) {
  enum eddy_recovery_result result = check_place(subject, &record->place);
  if (result != EDDY_RECOVERY_MORE) return result;
  subject->recovery->newest = record->place;
  eddy_changed_date(&subject->recovery->changed, record->place.sequence);
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

/* Where nothing may be: goes on to the end all the same, so that the newest aggregate can be named. */
static enum eddy_recovery_result take_unexpected(const struct subject *subject, const struct eddy_changelog_record *record) {
  if (record->tombstone || record->kind == EDDY_CHANGELOG_LAYOUT) return EDDY_RECOVERY_MORE;
  subject->recovery->found = true;
  return record->kind == EDDY_CHANGELOG_AGGREGATE ? keep_aggregate(subject, record) : EDDY_RECOVERY_MORE;
}

static enum eddy_recovery_result take_record(const struct subject *subject, const struct eddy_changelog_record *record) {
  if (subject->recovery->options.expect_nothing && !subject->recovery->adopting) return take_unexpected(subject, record);
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

static enum eddy_recovery_result refuse_found(const struct subject *subject) {
  const struct eddy_recovery *recovery = subject->recovery;
  if (!recovery->has_aggregate) {
    return refuse(
        subject,
        "no offset is committed, but the changelog has profiles, and no aggregate that tells their position; " BRING_BACK);
  }
  return refuse(subject,
                "no offset is committed, but the changelog has state up to position %" PRId64 ", commit %" PRIu64
                ": the offsets of the group were lost; restart with --offsets-from-profiles to go on from there, " OTHER_APP,
                recovery->place.position, recovery->place.sequence);
}

/* What was found counts as committed. */
static enum eddy_recovery_result adopt_found(const struct subject *subject) {
  struct eddy_recovery *recovery = subject->recovery;
  if (!recovery->has_aggregate || recovery->newest.sequence != recovery->place.sequence) {
    return refuse(subject, "the newest commit in the changelog, %" PRIu64 ", has no aggregate; " BRING_BACK,
                  recovery->newest.sequence);
  }
  recovery->options.sequence = recovery->place.sequence;
  recovery->options.position = recovery->position = recovery->place.position;
  return adopt_aggregate(subject);
}

enum eddy_recovery_result eddy_recovery_at_end(struct eddy_recovery *recovery, char *why, size_t why_size) {
  struct subject subject = {recovery, -1, why, why_size};
  EDDY_ASSERT(recovery->phase == READING);
  bool nothing = !recovery->found && recovery->newest.sequence == 0;
  if (!recovery->options.expect_nothing) {
    bool wait = EDDY_RULE(WAIT_FOR_SEQUENCE) || !recovery->has_aggregate;
    return wait ? EDDY_RECOVERY_MORE : adopt_aggregate(&subject);
  }
  if (!nothing) return recovery->adopting ? adopt_found(&subject) : refuse_found(&subject);
  recovery->phase = DONE;
  return EDDY_RECOVERY_DONE;
}

/* After reading ------------------------------------------------------------------------------------------------------------*/

bool eddy_recovery_adopted(const struct eddy_recovery *recovery, struct eddy_changelog_place *place) {
  bool adopted = recovery->adopting && recovery->phase == DONE && recovery->has_aggregate;
  if (adopted) *place = recovery->place;
  return adopted;
}

bool eddy_recovery_next_changed(const struct eddy_recovery *recovery, size_t *cursor, struct eddy_str *user_id) {
  const struct eddy_aggregate *aggregate = &recovery->aggregate;
  return recovery->has_aggregate && aggregate->redis.known &&
         eddy_changed_next(&recovery->changed, recovery->options.changelog.engine, aggregate->redis.sequence, cursor, user_id);
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

int64_t eddy_recovery_position(const struct eddy_recovery *recovery) {
  return recovery->position;
}

bool eddy_recovery_skip(struct eddy_recovery *recovery, int64_t offset) {
  const struct eddy_aggregate *aggregate = &recovery->aggregate;
  if (offset < recovery->skip_asked) recovery->skip_at = 0; /* a replay that was paused reads again */
  recovery->skip_asked = offset;
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
                                       .sequence = recovery->has_aggregate ? recovery->options.sequence : 0,
                                       .position = recovery->position};
  struct eddy_aggregate aggregate = recovery->aggregate;
  EDDY_ASSERT(recovery->phase == DONE && recovery->replay_from <= recovery->position);
  aggregate.replay_from = EDDY_RULE(REPLAYED_IS_DIRTY) ? recovery->replay_from : recovery->position; /* rule 25 */
  options.allocator = &recovery->allocator;
  int error =
      eddy_changelog_new(changelog, &options, &place, recovery->has_aggregate ? &aggregate : NULL, recovery->layout_known);
  if (error == 0) eddy_engine_recover_end(options.engine);
  return error;
}
