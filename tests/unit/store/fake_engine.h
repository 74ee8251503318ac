/* An engine for tests of the store: implements eddy/durable.h over a handful of users, so that a test decides what is dirty,
 * gone or erased and sees what it is told. Included by one .c file per program; nothing of the real engine is linked then.
 *
 * A profile is two numbers: `folded`, a hash of the offsets of its events, and `published`, which changes without an event.
 */
#ifndef EDDY_TESTS_FAKE_ENGINE_H
#define EDDY_TESTS_FAKE_ENGINE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "eddy/durable.h"

enum { FAKE_USERS = 64, FAKE_LIST = 256, FAKE_LAYOUT = 5 };

struct fake_profile {
  bool live;
  char id[16];
  unsigned user;
  enum eddy_slot_state state;
  uint64_t folded, published;
};

struct eddy_engine {
  struct fake_profile slots[FAKE_USERS];
  uint32_t used, free[FAKE_USERS], free_count;
  uint32_t write_now[FAKE_LIST];
  size_t write_now_count;
  char gone[FAKE_LIST][16];
  size_t gone_count;
  uint64_t markers[FAKE_LIST];
  size_t marker_count;
  bool erased[FAKE_USERS];
  int64_t erased_at[FAKE_USERS];
  uint64_t state;

  /* recovery */
  bool recovering, live;
  int error; /* the next recover call returns it once, having done nothing */
  int64_t includes[FAKE_USERS], erased_includes[FAKE_USERS];
  unsigned layouts;

  /* what it was told */
  unsigned committed;
  bool all_saved;
};

static inline uint64_t fake_hash(unsigned user) {
  return 1000 + user;
}

static inline struct eddy_str fake_str(const char *id) {
  return (struct eddy_str){id, (uint32_t)strlen(id)};
}

static inline unsigned fake_user(struct eddy_str id) {
  char text[16] = "";
  EDDY_ASSERT(id.len < sizeof text);
  memcpy(text, id.data, id.len);
  return (unsigned)strtoul(text + 1, NULL, 10);
}

static inline struct fake_profile *fake_find(const struct eddy_engine *engine, unsigned user) {
  for (uint32_t slot = 0; slot < engine->used; slot++) {
    const struct fake_profile *profile = &engine->slots[slot];
    if (profile->live && profile->user == user) return (struct fake_profile *)(uintptr_t)profile;
  }
  return NULL;
}

static inline struct fake_profile *fake_find_or_make(struct eddy_engine *engine, unsigned user) {
  struct fake_profile *profile = fake_find(engine, user);
  if (profile != NULL) return profile;
  EDDY_ASSERT(user < FAKE_USERS);
  profile = &engine->slots[engine->free_count > 0 ? engine->free[--engine->free_count] : engine->used++];
  memset(profile, 0, sizeof *profile);
  *profile = (struct fake_profile){.live = true, .user = user, .state = EDDY_SLOT_CLEAN};
  snprintf(profile->id, sizeof profile->id, "u%u", user);
  return profile;
}

static inline void fake_write_now(struct eddy_engine *engine, struct fake_profile *profile) {
  EDDY_ASSERT(engine->write_now_count < FAKE_LIST);
  profile->state = EDDY_SLOT_WRITE_NOW;
  engine->write_now[engine->write_now_count++] = (uint32_t)(profile - engine->slots);
}

static inline void fake_free(struct eddy_engine *engine, struct fake_profile *profile) {
  profile->live = false;
  profile->state = EDDY_SLOT_FREE;
  engine->free[engine->free_count++] = (uint32_t)(profile - engine->slots);
}

static inline void fake_fold(struct fake_profile *profile, int64_t offset) {
  profile->folded = eddy_hash_mix(profile->folded + (uint64_t)offset + 1);
}

/* Live operation -----------------------------------------------------------------------------------------------------------*/

static inline void fake_event(struct eddy_engine *engine, unsigned user, int64_t offset) {
  engine->state++;
  if (engine->erased[user]) return;
  struct fake_profile *profile = fake_find_or_make(engine, user);
  fake_fold(profile, offset);
  if (profile->state == EDDY_SLOT_CLEAN) profile->state = EDDY_SLOT_DIRTY;
}

static inline void fake_publish(struct eddy_engine *engine, unsigned user) {
  struct fake_profile *profile = fake_find(engine, user);
  if (profile == NULL) return;
  profile->published = ++engine->state;
  fake_write_now(engine, profile);
}

static inline void fake_remove(struct eddy_engine *engine, unsigned user) {
  struct fake_profile *profile = fake_find(engine, user);
  if (profile == NULL) return;
  EDDY_ASSERT(engine->gone_count < FAKE_LIST);
  memcpy(engine->gone[engine->gone_count++], profile->id, sizeof profile->id);
  fake_free(engine, profile);
}

static inline void fake_mark(struct eddy_engine *engine, unsigned user, bool erased, int64_t time) {
  EDDY_ASSERT(engine->marker_count < FAKE_LIST);
  engine->erased[user] = erased;
  engine->erased_at[user] = time;
  engine->markers[engine->marker_count++] = fake_hash(user);
}

static inline void fake_erase(struct eddy_engine *engine, unsigned user, int64_t time) {
  if (engine->erased[user]) return;
  fake_remove(engine, user);
  fake_mark(engine, user, true, time);
}

static inline void fake_consent(struct eddy_engine *engine, unsigned user) {
  if (!engine->erased[user]) return;
  fake_mark(engine, user, false, 0);
  fake_write_now(engine, fake_find_or_make(engine, user));
}

/* eddy/durable.h -----------------------------------------------------------------------------------------------------------*/

uint32_t eddy_engine_slots(const struct eddy_engine *engine) {
  return engine->used;
}

enum eddy_slot_state eddy_engine_slot_state(const struct eddy_engine *engine, uint32_t slot) {
  EDDY_ASSERT(slot < engine->used);
  return engine->slots[slot].state;
}

uint32_t eddy_engine_next_dirty(const struct eddy_engine *engine, uint32_t from, uint32_t to) {
  EDDY_ASSERT(to <= engine->used);
  while (from < to && engine->slots[from].state != EDDY_SLOT_DIRTY) from++;
  return from;
}

void eddy_engine_prefetch(const struct eddy_engine *engine, uint32_t slot) {
  EDDY_ASSERT(slot < engine->used);
}

size_t eddy_engine_dirty(const struct eddy_engine *engine) {
  size_t count = 0;
  for (uint32_t slot = 0; slot < engine->used; slot++) count += engine->slots[slot].state >= EDDY_SLOT_DIRTY;
  return count;
}

const uint32_t *eddy_engine_write_now(const struct eddy_engine *engine, size_t *count) {
  *count = engine->write_now_count;
  return engine->write_now;
}

bool eddy_engine_next_gone(const struct eddy_engine *engine, size_t *cursor, struct eddy_str *user_id) {
  if (*cursor >= engine->gone_count) return false;
  *user_id = fake_str(engine->gone[(*cursor)++]);
  return true;
}

const uint64_t *eddy_engine_marker_changes(const struct eddy_engine *engine, size_t *count) {
  *count = engine->marker_count;
  return engine->markers;
}

bool eddy_engine_erased(const struct eddy_engine *engine, uint64_t hash, int64_t *erased_at) {
  unsigned user = (unsigned)(hash - fake_hash(0));
  if (erased_at != NULL) *erased_at = engine->erased_at[user];
  return engine->erased[user];
}

bool eddy_engine_has_writes(const struct eddy_engine *engine) {
  return engine->write_now_count + engine->gone_count + engine->marker_count > 0;
}

size_t eddy_engine_profile_bytes_max(const struct eddy_engine *engine) {
  (void)engine;
  return 16;
}

size_t eddy_engine_encode_profile(const struct eddy_engine *engine, uint32_t slot, struct eddy_str *user_id, void *buffer,
                                  size_t capacity) {
  const struct fake_profile *profile = &engine->slots[slot];
  struct eddy_writer writer;
  EDDY_ASSERT(profile->live);
  *user_id = fake_str(profile->id);
  eddy_writer_init(&writer, buffer, capacity);
  eddy_write_u64(&writer, profile->folded);
  eddy_write_u64(&writer, profile->published);
  return writer.overflow ? SIZE_MAX : eddy_writer_size(&writer);
}

size_t eddy_engine_encode_state(const struct eddy_engine *engine, void *buffer, size_t capacity) {
  struct eddy_writer writer;
  eddy_writer_init(&writer, buffer, capacity);
  eddy_write_u64(&writer, engine->state);
  return eddy_writer_size(&writer);
}

uint32_t eddy_engine_layout_id(const struct eddy_engine *engine) {
  (void)engine;
  return FAKE_LAYOUT;
}

size_t eddy_engine_encode_layout(const struct eddy_engine *engine, void *buffer, size_t capacity) {
  (void)engine;
  EDDY_ASSERT(capacity >= 6);
  memcpy(buffer, "layout", 6);
  return 6;
}

void eddy_engine_mark_passed(struct eddy_engine *engine, uint32_t from, uint32_t to) {
  EDDY_ASSERT(from < to && to <= engine->used);
  for (uint32_t slot = from; slot < to; slot++) {
    if (engine->slots[slot].state == EDDY_SLOT_DIRTY) engine->slots[slot].state = EDDY_SLOT_CLEAN;
  }
}

void eddy_engine_mark_committed(struct eddy_engine *engine, bool all_saved) {
  for (size_t i = 0; i < engine->write_now_count; i++) {
    struct fake_profile *profile = &engine->slots[engine->write_now[i]];
    if (profile->state == EDDY_SLOT_WRITE_NOW) profile->state = EDDY_SLOT_CLEAN;
  }
  engine->write_now_count = engine->gone_count = engine->marker_count = 0;
  engine->committed++;
  engine->all_saved = all_saved;
  EDDY_ASSERT(!all_saved || eddy_engine_dirty(engine) == 0);
}

bool eddy_engine_member(const struct eddy_engine *engine, uint32_t slot, struct eddy_member *member) {
  const struct fake_profile *profile = &engine->slots[slot];
  if (slot >= engine->used || !profile->live) return false;
  *member = (struct eddy_member){.user_id = fake_str(profile->id)};
  return true;
}

uint32_t eddy_engine_find(const struct eddy_engine *engine, struct eddy_str user_id) {
  const struct fake_profile *profile = fake_find(engine, fake_user(user_id));
  return profile != NULL ? (uint32_t)(profile - engine->slots) : UINT32_MAX;
}

/* The way back -------------------------------------------------------------------------------------------------------------*/

static inline int fake_error(struct eddy_engine *engine) {
  int error = engine->error;
  EDDY_ASSERT(engine->recovering);
  engine->error = 0;
  return error;
}

int eddy_engine_recover_begin(struct eddy_engine *engine) {
  engine->recovering = true;
  return fake_error(engine);
}

int eddy_engine_recover_layout(struct eddy_engine *engine, const void *bytes, size_t size) {
  int error = fake_error(engine);
  if (error != 0) return error;
  engine->layouts++;
  return size == 6 && memcmp(bytes, "layout", 6) == 0 ? 0 : EDDY_E_CORRUPT;
}

int eddy_engine_recover_profile(struct eddy_engine *engine, struct eddy_str user_id, int64_t includes, const void *bytes,
                                size_t size, uint32_t *slot) {
  struct eddy_reader reader;
  int error = fake_error(engine);
  if (error != 0) return error;
  if (size != 16) return EDDY_E_CORRUPT;
  struct fake_profile *profile = fake_find_or_make(engine, fake_user(user_id));
  eddy_reader_init(&reader, bytes, size);
  profile->folded = eddy_read_u64(&reader);
  profile->published = eddy_read_u64(&reader);
  engine->includes[profile->user] = includes;
  *slot = (uint32_t)(profile - engine->slots);
  return 0;
}

void eddy_engine_recover_gone(struct eddy_engine *engine, struct eddy_str user_id) {
  struct fake_profile *profile = fake_find(engine, fake_user(user_id));
  EDDY_ASSERT(engine->recovering);
  if (profile == NULL) return;
  engine->includes[profile->user] = 0;
  fake_free(engine, profile);
}

int eddy_engine_recover_erased(struct eddy_engine *engine, uint64_t hash, int64_t includes, int64_t erased_at) {
  int error = fake_error(engine);
  if (error != 0) return error;
  unsigned user = (unsigned)(hash - fake_hash(0));
  engine->erased[user] = true;
  engine->erased_at[user] = erased_at;
  engine->erased_includes[user] = includes;
  return 0;
}

void eddy_engine_recover_not_erased(struct eddy_engine *engine, uint64_t hash) {
  EDDY_ASSERT(engine->recovering);
  engine->erased[hash - fake_hash(0)] = false;
}

int eddy_engine_recover_state(struct eddy_engine *engine, const void *bytes, size_t size) {
  struct eddy_reader reader;
  int error = fake_error(engine);
  if (error != 0) return error;
  eddy_reader_init(&reader, bytes, size);
  engine->state = eddy_read_u64(&reader);
  return reader.failed ? EDDY_E_CORRUPT : 0;
}

/* Replays one event; erasures and consents are always included in a record or marker. */
static inline void fake_replay(struct eddy_engine *engine, unsigned user, int64_t offset) {
  if (engine->erased[user] || offset < engine->includes[user]) return;
  struct fake_profile *profile = fake_find_or_make(engine, user);
  fake_fold(profile, offset);
  profile->state = EDDY_SLOT_DIRTY;
}

void eddy_engine_recover_end(struct eddy_engine *engine) {
  EDDY_ASSERT(engine->recovering);
  engine->recovering = false;
  engine->live = true;
}

#endif
