/* Quality of streaming k-means: bars Q7 (static) and Q9 of ALGORITHMS 15, through deltas and versions as in production. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/fmath.h"
#include "core/assign.h"
#include "unit/trainer/trainer_world.h"

enum { SEED = 20241, GROUPS = 16, D = 32, POINTS = 120000, SEEDS = 3, CONTINGENCY = WORLD_GROUPS_MAX };

static double pairs(double count) {
  return count * (count - 1) / 2;
}

/* Adjusted Rand index of a contingency table (Hubert & Arabie, J. Classification 2, 1985). */
static double adjusted_rand(double table[CONTINGENCY][CONTINGENCY]) {
  double total = 0, cells = 0, rows = 0, columns = 0;
  for (int i = 0; i < CONTINGENCY; i++) {
    double row = 0, column = 0;
    for (int j = 0; j < CONTINGENCY; j++) {
      cells += pairs(table[i][j]);
      row += table[i][j];
      column += table[j][i];
    }
    rows += pairs(row);
    columns += pairs(column);
    total += row;
  }
  double expected = rows * columns / pairs(total);
  return (cells - expected) / ((rows + columns) / 2 - expected);
}

static struct eddy_trainer *new_trainer(const struct eddy_trainer_options *options) {
  struct eddy_trainer *trainer = NULL;
  assert_int_equal(eddy_trainer_new(&trainer, options), EDDY_OK);
  return trainer;
}

/* Shares of the groups from a Dirichlet distribution with parameter 5: gamma variates as sums of exponential ones. */
static void draw_shares(struct world *world) {
  double sum = 0;
  for (size_t group = 0; group < world->groups; group++) {
    world->shares[group] = 0;
    for (int i = 0; i < 5; i++) world->shares[group] -= eddy_ln(1 - eddy_rng_unit(&world->rng));
    sum += world->shares[group];
  }
  for (size_t group = 0; group < world->groups; group++) world->shares[group] /= sum;
}

/* Sixteen groups that stay where they are; each delta is assigned by the version before it, then learnt. */
static double prequential_ari(uint64_t seed) {
  static struct world world;
  static double table[CONTINGENCY][CONTINGENCY];
  memset(table, 0, sizeof table);
  world_init(&world, D, GROUPS, 1.5, 2, seed);
  draw_shares(&world);
  struct eddy_trainer_options options;
  eddy_trainer_options_default(&options, &world.spec);
  options.half_life_ms = EDDY_HOUR_MS;
  struct eddy_trainer *trainer = new_trainer(&options);
  struct eddy_model *model = NULL;
  for (int64_t point = 0; point < POINTS; point += 256) {
    /* 20,000 points per half-life */
    const struct eddy_model_delta *delta = world_next(&world, 256, EDDY_HOUR_MS * 256 / 20000);
    for (size_t i = 0; model && i < delta->count; i++) {
      float z[EDDY_VECTOR_MAX];
      eddy_model_standardise(model, delta->vectors + i * D, z);
      table[world.labels[i]][eddy_model_nearest(model, z).slot]++;
    }
    struct eddy_model_record record;
    assert_int_equal(eddy_trainer_add(trainer, delta, 0, point / 256), EDDY_OK);
    if (eddy_trainer_step(trainer, &record) != 1) continue;
    eddy_model_free(model);
    model = eddy_model_new(&record.parts, NULL);
    assert_non_null(model);
  }
  eddy_model_free(model);
  eddy_trainer_free(trainer);
  return adjusted_rand(table);
}

static void static_groups_are_found(void **state) {
  (void)state;
  double sum = 0;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    double ari = prequential_ari(SEED + seed);
    print_message("seed %d: prequential ARI %.3f\n", (int)(SEED + seed), ari);
    sum += ari;
  }
  assert_true(sum / SEEDS >= 0.90);
}

/* The price of forgetting: a centroid that takes a step eta towards each batch scatters about the true mean with
 * eta / (2 - eta) of a batch mean's variance. */
static void forgetting_costs_what_the_law_says(void **state) {
  (void)state;
  enum { BATCH = 10, EPOCHS = 4000, SETTLE = 400 };
  static struct world world;
  world_init(&world, D, 1, 1, 1, SEED);
  struct eddy_trainer_options options;
  eddy_trainer_options_default(&options, &world.spec);
  options.clusters = 1;
  options.buffer_min = 500;
  options.epoch_contributions = BATCH;
  options.half_life_ms = 1; /* so that the memory of 200 contributions per cluster decides */
  struct eddy_trainer *trainer = new_trainer(&options);
  struct eddy_model_record record;
  double scatter = 0;
  for (int epoch = 0; epoch < EPOCHS + SETTLE; epoch++) {
    const struct eddy_model_delta *delta = world_next(&world, epoch ? BATCH : 250, 1000);
    assert_int_equal(eddy_trainer_add(trainer, delta, 0, epoch), EDDY_OK);
    if (eddy_trainer_step(trainer, &record) != 1 || epoch < SETTLE) continue;
    for (size_t i = 0; i < D; i++) {
      double raw = (double)record.parts.centroids[i] * (double)record.parts.deviation[i] + (double)record.parts.mean[i];
      scatter += pow(raw - (double)world.centres[i], 2) / (D * EPOCHS);
    }
  }
  double eta = 1 - pow(2, -BATCH / 200.0), law = eta / (2 - eta) / BATCH;
  print_message("scatter %.6f, law %.6f\n", scatter, law);
  assert_true(fabs(scatter / law - 1) < 0.25);
  eddy_trainer_free(trainer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(static_groups_are_found),
      cmocka_unit_test(forgetting_costs_what_the_law_says),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
