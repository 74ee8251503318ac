/* An engine with the default specification and short ways to feed it, for unit tests. */
#ifndef EDDY_TESTS_ENGINE_FIXTURE_H
#define EDDY_TESTS_ENGINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/engine_world.h"

#define T0 INT64_C(1700000000000)

struct fixture {
  struct eddy_spec spec;
  struct eddy_engine *engine;
  struct eddy_effects effects;
};

static inline void fixture_start(struct fixture *fixture) {
  struct eddy_engine_options options = {.spec = &fixture->spec, .seed = 7, .hash_key = {3, 4}};
  assert_int_equal(eddy_engine_new(&fixture->engine, &options), 0);
  eddy_effects_init(&fixture->effects, NULL);
}

static inline struct fixture *fixture_new(void) {
  struct fixture *fixture = malloc(sizeof *fixture);
  assert_non_null(fixture);
  eddy_spec_default(&fixture->spec);
  return fixture;
}

static inline void fixture_free(struct fixture *fixture) {
  char why[200] = "";
  int broken = eddy_engine_validate(fixture->engine, why, sizeof why);
  assert_string_equal(why, "");
  assert_int_equal(broken, 0);
  eddy_engine_free(fixture->engine);
  eddy_effects_fini(&fixture->effects);
  free(fixture);
}

static inline struct eddy_event event_of(enum eddy_event_type type, const char *user, int64_t time) {
  struct eddy_event event = eddy_event_empty;
  event.type = type;
  event.user_id = (struct eddy_str){user, (uint32_t)strlen(user)};
  event.event_time = time;
  return event;
}

static inline void step(struct fixture *fixture, const struct eddy_event *event) {
  assert_int_equal(eddy_engine_step(fixture->engine, event, EDDY_TIME_NONE, &fixture->effects), 0);
}

static inline void happen(struct fixture *fixture, enum eddy_event_type type, const char *user, int64_t time) {
  struct eddy_event event = event_of(type, user, time);
  step(fixture, &event);
}

static inline struct eddy_user_view view_of(const struct fixture *fixture, const char *user, int64_t time) {
  struct eddy_user_view view;
  assert_int_equal(eddy_engine_user(fixture->engine, (struct eddy_str){user, (uint32_t)strlen(user)}, time, &view), 0);
  return view;
}

static inline unsigned feature_at(const struct fixture *fixture, const char *name) {
  for (unsigned i = 0; i < fixture->spec.feature_count; i++) {
    if (strcmp(fixture->spec.features[i].name, name) == 0) return i;
  }
  fail_msg("no feature %s", name);
  return 0;
}

static inline double feature_of(const struct fixture *fixture, const char *user, int64_t time, const char *name) {
  return (double)view_of(fixture, user, time).features[feature_at(fixture, name)];
}

#endif
