/* Arithmetic against libm in double, over dense and random inputs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fmath.h"
#include "base/rng.h"

enum { DRAWS = 400000 };

static double worse(double worst, double value, double expected) {
  double error = expected == 0 ? fabs(value) : fabs(value - expected) / fabs(expected);
  return error > worst ? error : worst;
}

static void test_exp2f(void **state) {
  struct eddy_rng rng;
  double worst = 0;
  (void)state;
  eddy_rng_seed(&rng, 1);
  for (int i = 0; i < DRAWS; i++) {
    float x = (float)(-126 * eddy_rng_unit(&rng));
    worst = worse(worst, eddy_exp2f(x), exp2(x));
  }
  assert_true(worst <= 2e-7);
  for (int n = 0; n <= 126; n++) assert_true(eddy_exp2f((float)-n) == (float)ldexp(1, -n));
  assert_true(eddy_exp2f(-0.0f) == 1.0f);
  assert_true(eddy_exp2f(-126.5f) == 0.0f);
  assert_true(eddy_exp2f(-1e30f) == 0.0f);
}

static void test_log1pf(void **state) {
  struct eddy_rng rng;
  double worst = 0;
  (void)state;
  eddy_rng_seed(&rng, 2);
  for (int i = 0; i < DRAWS; i++) {
    float x = (float)exp2(180 * eddy_rng_unit(&rng) - 100);
    worst = worse(worst, eddy_log1pf(x), log1p(x));
  }
  for (int i = 1; i < 100000; i++) worst = worse(worst, eddy_log1pf((float)i / 1000), log1p((float)i / 1000));
  assert_true(worst <= 3e-7);
  assert_true(eddy_log1pf(0.0f) == 0.0f);
  assert_true(eddy_log1pf(-3.0f) == 0.0f);
}

static void test_arrays_give_the_bits_of_the_scalar_form(void **state) {
  struct eddy_rng rng;
  float in[67], out[67];
  (void)state;
  eddy_rng_seed(&rng, 3);
  for (int round = 0; round < 2000; round++) {
    for (int i = 0; i < 67; i++) in[i] = (float)exp2(120 * eddy_rng_unit(&rng) - 60);
    eddy_log1pf_many(in, out, 67);
    for (int i = 0; i < 67; i++) {
      float expected = eddy_log1pf(in[i]);
      assert_memory_equal(&out[i], &expected, sizeof expected);
    }
    eddy_log1pf_many(in, in, 67);
    assert_memory_equal(in, out, sizeof in);
  }
}

static void test_double(void **state) {
  struct eddy_rng rng;
  double worst_ln = 0, worst_exp2 = 0;
  (void)state;
  eddy_rng_seed(&rng, 4);
  for (int i = 0; i < DRAWS; i++) {
    double x = exp2(2000 * eddy_rng_unit(&rng) - 1000), y = 2000 * eddy_rng_unit(&rng) - 1000;
    worst_ln = worse(worst_ln, eddy_ln(x), log(x));
    worst_ln = worse(worst_ln, eddy_ln(1 + x * 0x1p-1000), log(1 + x * 0x1p-1000));
    worst_exp2 = worse(worst_exp2, eddy_exp2(y), exp2(y));
  }
  worst_ln = worse(worst_ln, eddy_ln(4.9e-324), log(4.9e-324));
  assert_true(worst_ln <= 1e-14);
  assert_true(worst_exp2 <= 1e-14);
  assert_true(eddy_ln(1) == 0 && eddy_exp2(0) == 1 && eddy_exp2(10) == 1024);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_exp2f),
      cmocka_unit_test(test_log1pf),
      cmocka_unit_test(test_arrays_give_the_bits_of_the_scalar_form),
      cmocka_unit_test(test_double),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
