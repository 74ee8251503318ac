/* A partition that commits into a changelog in memory, for tests of the store. */
#ifndef EDDY_TESTS_COMMIT_WORLD_H
#define EDDY_TESTS_COMMIT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/store/changelog_log.h"
#include "unit/store/fake_engine.h"

enum { INTERVAL_MS = 3000, FLUSH_EVENTS = 1000, START = 500 };

struct world_of_commits {
  struct eddy_engine engine;
  struct eddy_changelog *changelog;
  struct eddy_changelog_commit commit;
  struct log log;
  struct eddy_rejected room[EDDY_REJECTED_MAX];
};

static inline struct eddy_changelog_options options_for(struct eddy_engine *engine, const struct eddy_allocator *allocator) {
  return (struct eddy_changelog_options){.engine = engine,
                                         .partition = 3,
                                         .partition_count = 12,
                                         .incarnation = 99,
                                         .erasure_check = 0xabc,
                                         .flush_interval_ms = INTERVAL_MS,
                                         .flush_events = FLUSH_EVENTS,
                                         .allocator = allocator};
}

static inline struct world_of_commits *begin(void) {
  struct world_of_commits *world = calloc(1, sizeof *world);
  assert_non_null(world);
  struct eddy_changelog_options options = options_for(&world->engine, NULL);
  struct eddy_changelog_place place = {.position = START};
  assert_int_equal(eddy_changelog_new(&world->changelog, &options, &place, NULL, false), 0);
  world->commit = (struct eddy_changelog_commit){.position = START, .records_max = SIZE_MAX};
  log_init(&world->log);
  return world;
}

static inline void end(struct world_of_commits *world) {
  log_fini(&world->log);
  eddy_changelog_free(world->changelog);
  free(world);
}

static inline void write_now(struct world_of_commits *world) {
  assert_int_equal(eddy_changelog_write(world->changelog, &world->commit, log_put, &world->log), 0);
}

static inline void commit(struct world_of_commits *world) {
  write_now(world);
  log_commit(&world->log, world->changelog, &world->commit);
}

static inline void events(struct world_of_commits *world, unsigned users) {
  for (unsigned user = 0; user < users; user++) fake_event(&world->engine, user, world->commit.position++);
}

static inline void reject(struct world_of_commits *world, int64_t offset) {
  assert_int_equal(eddy_changelog_reject(world->changelog, offset), 0);
  if (world->commit.position <= offset) world->commit.position = offset + 1;
}

#endif
