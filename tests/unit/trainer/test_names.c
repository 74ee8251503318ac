/* Names of segments: the strongest features, one per action, unique within the model, never longer than the room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/trainer/trainer_world.h"

enum { D = 5, K = 8, SEED = 77 };

struct fixture {
  struct eddy_spec spec;
  float unit[EDDY_FEATURES_MAX], weight[EDDY_FEATURES_MAX], centroids[EDDY_CLUSTERS_MAX * EDDY_FEATURES_MAX];
  struct eddy_segment_card cards[EDDY_CLUSTERS_MAX];
  struct eddy_model_parts parts;
};

static void fixture_init(struct fixture *f, uint16_t d, uint16_t k) {
  memset(f, 0, sizeof *f);
  world_spec(&f->spec, d);
  for (size_t i = 0; i < d; i++) f->unit[i] = f->weight[i] = 1;
  for (uint32_t slot = 0; slot < k; slot++) f->cards[slot].id = slot + 1;
  f->parts = (struct eddy_model_parts){.version = 1,
                                       .dimensions = d,
                                       .clusters = k,
                                       .mean = f->unit,
                                       .deviation = f->unit,
                                       .weight = f->weight,
                                       .centroids = f->centroids,
                                       .cards = f->cards};
}

static void assert_name(const struct fixture *f, uint16_t slot, const char *expected) {
  char name[2 * EDDY_NAME_MAX];
  eddy_segment_name(&f->spec, &f->parts, slot, name, sizeof name);
  assert_string_equal(name, expected);
}

static void told_by_the_strongest_features(void **state) {
  (void)state;
  static struct fixture f;
  fixture_init(&f, D, K);
  const float centroids[K * D] = {
      0,    0.4f, -0.4f, 0, 0,      /* 0: nothing notable */
      0,    2,    -1,    0, 0,      /* 1 */
      0.5f, 0,    0,     0, -0.49f, /* 2: one notable */
      0.9f, 0,    3,     1, 0,      /* 3: third is told, as 4 has the same first two */
      0,    -.6f, 2,     3, 0,      /* 4 */
      0,    1,    0,     0, -2,     /* 5 and 6: nothing tells them apart but the id */
      0,    2,    0,     0, -1,     /* 6 */
      -1,   -1,   -1,    0, 0,      /* 7: ties go in the order of features */
  };
  memcpy(f.centroids, centroids, sizeof centroids);
  assert_name(&f, 0, "average");
  assert_name(&f, 1, "high f1, low f2");
  assert_name(&f, 2, "high f0");
  assert_name(&f, 3, "high f2, high f3, high f0");
  assert_name(&f, 4, "high f3, high f2, low f1");
  assert_name(&f, 5, "low f4, high f1 #6");
  assert_name(&f, 6, "high f1, low f4 #7");
  assert_name(&f, 7, "low f0, low f1");
}

static void one_word_per_action_and_in_plain_deviations(void **state) {
  (void)state;
  static struct fixture f;
  fixture_init(&f, D, 2);
  f.spec.features[1].on = f.spec.features[0].on;
  f.weight[0] = f.weight[1] = 0.7f;
  const float centroids[2 * D] = {2, 1.9f, 0, 0, -1, /* f1 is the action of f0 again */
                                  0, -.4f, 0, 0, 0}; /* -0.4 / 0.7 is notable */
  memcpy(f.centroids, centroids, sizeof centroids);
  assert_name(&f, 0, "high f0, low f4");
  assert_name(&f, 1, "low f1");
}

static void always_unique_and_terminated(void **state) {
  (void)state;
  static struct fixture f;
  struct eddy_rng rng;
  eddy_rng_seed(&rng, SEED);
  for (int round = 0; round < 30; round++) {
    uint16_t d = (uint16_t)(1 + eddy_rng_below(&rng, 6)), k = 60;
    fixture_init(&f, d, k);
    for (size_t i = 0; i < (size_t)k * d; i++) f.centroids[i] = (float)eddy_rng_normal(&rng);
    for (size_t i = 0; round % 2 && i < d; i++) { /* the longest names there are */
      memset(f.spec.features[i].name, 'x', EDDY_NAME_MAX);
      f.spec.features[i].name[EDDY_NAME_MAX - 1] = (char)('a' + i);
    }
    static char names[60][2 * EDDY_NAME_MAX];
    for (uint16_t slot = 0; slot < k; slot++) {
      eddy_segment_name(&f.spec, &f.parts, slot, names[slot], sizeof names[slot]);
      assert_non_null(memchr(names[slot], 0, sizeof names[slot]));
      for (uint16_t other = 0; other < slot; other++) assert_string_not_equal(names[slot], names[other]);
    }
  }
  char tiny[4] = "zzz", *none = NULL;
  eddy_segment_name(&f.spec, &f.parts, 0, tiny, sizeof tiny);
  assert_non_null(memchr(tiny, 0, sizeof tiny));
  eddy_segment_name(&f.spec, &f.parts, 0, none, 0);
}

int main(void) {
  printf("seed %d\n", SEED);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(told_by_the_strongest_features),
      cmocka_unit_test(one_word_per_action_and_in_plain_deviations),
      cmocka_unit_test(always_unique_and_terminated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
