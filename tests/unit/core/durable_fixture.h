/* A durable engine with short ways to commit it, and to read a record back, for unit tests. */
#ifndef EDDY_TESTS_DURABLE_FIXTURE_H
#define EDDY_TESTS_DURABLE_FIXTURE_H

#include "base/hash.h"
#include "eddy/durable.h"
#include "engine_fixture.h"

static const uint64_t erasure_key[2] = {5, 6};

static inline struct eddy_engine *durable_engine(const struct eddy_spec *spec) {
  struct eddy_engine_options options = {
      .spec = spec, .seed = 7, .hash_key = {3, 4}, .erasure_key = {erasure_key[0], erasure_key[1]}, .durable = true};
  struct eddy_engine *engine;
  assert_int_equal(eddy_engine_new(&engine, &options), 0);
  return engine;
}

static inline struct fixture *durable_new(void) {
  struct fixture *fixture = fixture_new();
  fixture->engine = durable_engine(&fixture->spec);
  eddy_effects_init(&fixture->effects, NULL);
  return fixture;
}

static inline void assert_valid(const struct eddy_engine *engine) {
  char why[200];
  if (eddy_engine_validate(engine, why, sizeof why) != 0) fail_msg("%s", why);
}

static inline struct eddy_str name_of(const char *user) {
  return (struct eddy_str){user, (uint32_t)strlen(user)};
}

static inline enum eddy_slot_state state_of(const struct fixture *fixture, const char *user) {
  uint32_t slot = eddy_engine_find(fixture->engine, name_of(user));
  return slot != UINT32_MAX ? eddy_engine_slot_state(fixture->engine, slot) : EDDY_SLOT_FREE;
}

static inline uint64_t hash_of(const char *user) {
  return eddy_hash_keyed(erasure_key, user, strlen(user));
}

static inline void tick_to(struct fixture *fixture, int64_t time) {
  while (eddy_engine_tick(fixture->engine, time, EDDY_TIME_NONE, 100, &fixture->effects) > 0) {
  }
}

/* A commit in which the hand passes every slot. */
static inline void commit_all(struct fixture *fixture, bool all_saved) {
  eddy_engine_mark_passed(fixture->engine, 0, eddy_engine_slots(fixture->engine));
  eddy_engine_mark_committed(fixture->engine, all_saved);
  assert_valid(fixture->engine);
}

/* A commit in which it passes none. */
static inline void commit_now(struct fixture *fixture) {
  eddy_engine_mark_committed(fixture->engine, false);
  assert_valid(fixture->engine);
}

static inline size_t gone_count(const struct fixture *fixture) {
  size_t count = 0;
  struct eddy_str user_id;
  for (size_t cursor = 0; eddy_engine_next_gone(fixture->engine, &cursor, &user_id);) count++;
  return count;
}

static inline size_t marker_changes(const struct fixture *fixture) {
  size_t count;
  eddy_engine_marker_changes(fixture->engine, &count);
  return count;
}

struct bytes {
  size_t size;
  uint8_t data[96 * 1024];
};

static inline void encode_slot(const struct eddy_engine *engine, uint32_t slot, struct eddy_str *id, struct bytes *bytes) {
  bytes->size = eddy_engine_encode_profile(engine, slot, id, bytes->data, sizeof bytes->data);
  assert_true(bytes->size != SIZE_MAX && bytes->size <= eddy_engine_profile_bytes_max(engine));
}

static inline void encode_user(const struct eddy_engine *engine, const char *user, struct bytes *bytes) {
  struct eddy_str id;
  encode_slot(engine, eddy_engine_find(engine, name_of(user)), &id, bytes);
  assert_int_equal(id.len, strlen(user));
}

#endif
