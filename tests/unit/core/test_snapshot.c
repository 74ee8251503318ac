/* A snapshot restores to the same bytes; bytes from elsewhere are refused, never believed. */
#include "base/crc32c.h"
#include "engine_fixture.h"

static struct fixture *busy_engine(void) {
  struct fixture *fixture = malloc(sizeof *fixture);
  struct world world;
  static struct world_event event;
  struct world_options options = {
      .users = 30, .step_ms = EDDY_MINUTE_MS, .disorder_ms = EDDY_MINUTE_MS, .percent_gap = 20, .gap_ms = 3 * EDDY_DAY_MS};
  world_spec(&fixture->spec);
  fixture_start(fixture);
  struct eddy_model *model = world_model(&fixture->spec, 1);
  eddy_engine_set_model(fixture->engine, model);
  world_init(&world, 11, &options);
  for (int i = 0; i < 800; i++) {
    world_next(&world, &event);
    step(fixture, &event.event);
    if (i % 5 == 0) eddy_engine_tick(fixture->engine, EDDY_TIME_NONE, EDDY_TIME_NONE, 20, &fixture->effects);
  }
  eddy_engine_set_model(fixture->engine, NULL);
  eddy_model_free(model);
  return fixture;
}

static uint64_t hash_key[2] = {5, 6}; /* another than the fixture's, unless a test says so */

static int restore(const struct eddy_spec *spec, const void *bytes, size_t size, struct eddy_engine **engine) {
  struct eddy_engine_options options = {
      .spec = spec, .seed = 99, .hash_key = {hash_key[0], hash_key[1]}, .memory_max = 64 * 1024 * 1024};
  assert_int_equal(eddy_engine_new(engine, &options), 0);
  return eddy_engine_restore(*engine, bytes, size);
}

static void test_restores_to_the_same_bytes(void **state) {
  (void)state;
  struct fixture *fixture = busy_engine();
  struct eddy_buffer first, second;
  struct eddy_engine *engine;
  world_snapshot(fixture->engine, &first);
  assert_int_equal(restore(&fixture->spec, first.data, first.size, &engine), 0); /* under another key of the index */
  char why[200] = "";
  assert_int_equal(eddy_engine_validate(engine, why, sizeof why), 0);
  world_snapshot(engine, &second);
  assert_int_equal(first.size, second.size);
  assert_memory_equal(first.data, second.data, first.size);
  assert_int_equal(eddy_engine_restore(engine, first.data, first.size), EDDY_E_INVALID); /* it is not empty any more */
  eddy_buffer_fini(&first);
  eddy_buffer_fini(&second);
  eddy_engine_free(engine);
  fixture_free(fixture);
}

/* A full reservoir goes on as if nothing had happened. */
static void test_a_full_reservoir(void **state) {
  (void)state;
  enum { USERS = 400 };
  struct fixture *fixture = fixture_new();
  struct eddy_buffer first, second;
  struct eddy_engine *engine;
  fixture_start(fixture);
  hash_key[0] = 3, hash_key[1] = 4; /* hashes of users stand in the reservoir */
  for (int i = 0; i < 3 * USERS; i++) {
    char user[16];
    snprintf(user, sizeof user, "u%d", i);
    struct eddy_event event = event_of(EDDY_PRODUCT_VIEWED, user, T0 + i);
    if (i == USERS) {
      world_snapshot(fixture->engine, &first);
      assert_int_equal(restore(&fixture->spec, first.data, first.size, &engine), 0);
      eddy_buffer_fini(&first);
    }
    step(fixture, &event);
    if (i >= USERS) assert_int_equal(eddy_engine_step(engine, &event, EDDY_TIME_NONE, &fixture->effects), 0);
  }
  world_snapshot(fixture->engine, &first);
  world_snapshot(engine, &second);
  assert_int_equal(first.size, second.size);
  assert_memory_equal(first.data, second.data, first.size);
  eddy_engine_take_delta(fixture->engine, &fixture->effects);
  assert_int_equal(fixture->effects.items[0].as.delta.offered, 3 * USERS);
  assert_int_equal(fixture->effects.items[0].as.delta.count, EDDY_DELTA_VECTORS_MAX);
  eddy_buffer_fini(&first);
  eddy_buffer_fini(&second);
  eddy_engine_free(engine);
  fixture_free(fixture);
  hash_key[0] = 5, hash_key[1] = 6;
}

static void test_an_empty_engine(void **state) {
  (void)state;
  struct fixture *fixture = fixture_new();
  fixture_start(fixture);
  struct eddy_buffer bytes;
  struct eddy_engine *engine;
  world_snapshot(fixture->engine, &bytes);
  assert_int_equal(restore(&fixture->spec, bytes.data, bytes.size, &engine), 0);
  assert_int_equal(eddy_engine_partition_time(engine), EDDY_TIME_NONE);
  eddy_engine_free(engine);
  eddy_buffer_fini(&bytes);
  fixture_free(fixture);
}

static void seal(struct eddy_buffer *bytes) {
  uint32_t crc = eddy_crc32c(0, bytes->data, bytes->size - 4);
  for (int i = 0; i < 4; i++) bytes->data[bytes->size - 4 + (size_t)i] = (uint8_t)(crc >> 8 * i);
}

static void test_versions_and_specifications_are_told_apart(void **state) {
  (void)state;
  struct fixture *fixture = busy_engine();
  struct eddy_buffer bytes;
  struct eddy_engine *engine;
  struct eddy_spec other = fixture->spec;
  world_snapshot(fixture->engine, &bytes);
  other.limits.carts++;
  assert_int_equal(restore(&other, bytes.data, bytes.size, &engine), EDDY_E_SPEC_MISMATCH);
  eddy_engine_free(engine);
  bytes.data[8]++;
  assert_int_equal(restore(&fixture->spec, bytes.data, bytes.size, &engine), EDDY_E_VERSION);
  eddy_engine_free(engine);
  bytes.data[8]--;
  bytes.data[0] = 'X';
  assert_int_equal(restore(&fixture->spec, bytes.data, bytes.size, &engine), EDDY_E_CORRUPT);
  eddy_engine_free(engine);
  eddy_buffer_fini(&bytes);
  fixture_free(fixture);
}

static void test_every_truncation_is_refused(void **state) {
  (void)state;
  struct fixture *fixture = busy_engine();
  struct eddy_buffer bytes;
  world_snapshot(fixture->engine, &bytes);
  size_t whole = bytes.size;
  for (size_t size = 0; size < whole; size += size < 600 ? 1 : 97) {
    struct eddy_engine *engine;
    bytes.size = size;
    if (size >= 4) seal(&bytes); /* destroys four bytes, which are beyond the end of the next one anyway or sealed again */
    assert_int_equal(restore(&fixture->spec, bytes.data, size, &engine), EDDY_E_CORRUPT);
    eddy_engine_free(engine);
  }
  eddy_buffer_fini(&bytes);
  fixture_free(fixture);
}

/* Flipped bytes under a correct checksum: refused, or an engine that is sound and goes on. */
static void test_flipped_bytes_do_no_harm(void **state) {
  (void)state;
  struct fixture *fixture = busy_engine();
  struct eddy_buffer bytes;
  struct eddy_rng rng;
  unsigned refused = 0, accepted = 0;
  eddy_rng_seed(&rng, 5);
  world_snapshot(fixture->engine, &bytes);
  for (int i = 0; i < 2500; i++) {
    struct eddy_engine *engine;
    struct eddy_effects effects;
    size_t at = 20 + (size_t)eddy_rng_below(&rng, i % 2 == 0 ? 400 : bytes.size - 24);
    uint8_t old = bytes.data[at];
    bytes.data[at] = (uint8_t)eddy_rng_below(&rng, 256);
    seal(&bytes);
    eddy_effects_init(&effects, NULL);
    int error = restore(&fixture->spec, bytes.data, bytes.size, &engine);
    assert_true(error == 0 || error == EDDY_E_CORRUPT || error == EDDY_E_NOMEM);
    if (error == 0) {
      char why[200] = "";
      if (eddy_engine_validate(engine, why, sizeof why) != 0) fail_msg("byte %zu: %s", at, why);
      for (int calls = 0; calls < 100; calls++) {
        if (eddy_engine_tick(engine, INT64_C(1800000000000), EDDY_TIME_NONE, 20, &effects) <= 0) break;
      }
    }
    *(error == 0 ? &accepted : &refused) += 1;
    eddy_effects_fini(&effects);
    eddy_engine_free(engine);
    bytes.data[at] = old;
  }
  assert_true(accepted > 100 && refused > 100);
  eddy_buffer_fini(&bytes);
  fixture_free(fixture);
}

static int refuse(void *ctx, const void *bytes, size_t size) {
  (void)bytes, (void)size;
  return ++*(int *)ctx == 2 ? -77 : 0;
}

static void test_an_error_of_the_writer_ends_it(void **state) {
  (void)state;
  struct fixture *fixture = busy_engine();
  int calls = 0;
  assert_int_equal(eddy_engine_snapshot(fixture->engine, refuse, &calls), -77);
  assert_int_equal(calls, 2);
  fixture_free(fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_restores_to_the_same_bytes),
      cmocka_unit_test(test_a_full_reservoir),
      cmocka_unit_test(test_an_empty_engine),
      cmocka_unit_test(test_versions_and_specifications_are_told_apart),
      cmocka_unit_test(test_every_truncation_is_refused),
      cmocka_unit_test(test_flipped_bytes_do_no_harm),
      cmocka_unit_test(test_an_error_of_the_writer_ends_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
