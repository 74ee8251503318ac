/* Arithmetic against libm in double, over dense and random inputs; special values; the bits themselves. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fmath.h"
#include "base/hash.h"
#include "base/rng.h"

enum { DRAWS = 400000 };

static double worse(double worst, double value, double expected) {
  double error = expected == 0 ? fabs(value) : fabs(value - expected) / fabs(expected);
  return error > worst ? error : worst;
}

static float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static void exp2f_is_close(void **state) {
  (void)state;
  struct eddy_rng rng;
  double worst = 0;
  eddy_rng_seed(&rng, 1);
  for (int i = 0; i < DRAWS; i++) {
    float x = (float)(-126 * eddy_rng_unit(&rng));
    worst = worse(worst, eddy_exp2f(x), exp2(x));
  }
  for (uint32_t bits = 0; bits <= 0x42fc0000; bits += 3001) { /* every order of magnitude down to -126 */
    worst = worse(worst, eddy_exp2f(-float_of(bits)), exp2(-(double)float_of(bits)));
  }
  assert_true(worst <= 2e-7);
}

static void exp2f_of_special_values(void **state) {
  (void)state;
  for (int n = 0; n <= 126; n++) assert_true(eddy_exp2f((float)-n) == (float)ldexp(1, -n));
  assert_true(eddy_exp2f(-0.0f) == 1.0f);
  assert_true(eddy_exp2f(5.0f) == 1.0f);
  assert_true(eddy_exp2f(-126.5f) == 0.0f);
  assert_true(eddy_exp2f(-1e30f) == 0.0f);
  assert_true(eddy_exp2f(-INFINITY) == 0.0f);
}

static void log1pf_is_close(void **state) {
  (void)state;
  struct eddy_rng rng;
  double worst = 0;
  eddy_rng_seed(&rng, 2);
  for (int i = 0; i < DRAWS; i++) {
    float x = (float)exp2(180 * eddy_rng_unit(&rng) - 100);
    worst = worse(worst, eddy_log1pf(x), log1p(x));
  }
  for (int i = 1; i < 100000; i++) worst = worse(worst, eddy_log1pf((float)i / 1000), log1p((float)i / 1000));
  for (uint32_t bits = 0x00800000; bits < 0x7f800000; bits += 7001) { /* all normal floats */
    worst = worse(worst, eddy_log1pf(float_of(bits)), log1p(float_of(bits)));
  }
  assert_true(worst <= 3e-7);
}

static void log1pf_of_special_values(void **state) {
  (void)state;
  static const float zeros[] = {0.0f, -0.0f, -3.0f, -1.0f, -INFINITY, NAN};
  for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) assert_true(eddy_log1pf(zeros[i]) == 0.0f);
  assert_true(fabs(eddy_log1pf(INFINITY) - 128 * log(2)) < 1e-4);
  assert_true(fabs(eddy_log1pf(float_of(0x7f7fffff)) - 128 * log(2)) < 1e-4);
  assert_true(eddy_log1pf(float_of(1)) == float_of(1));
}

static void arrays_give_the_bits_of_the_scalar_form(void **state) {
  (void)state;
  struct eddy_rng rng;
  enum { COUNT_MAX = 67 };
  float in[COUNT_MAX], out[COUNT_MAX + 1];
  eddy_rng_seed(&rng, 3);
  for (size_t round = 0; round < 2000; round++) {
    size_t count = round % (COUNT_MAX + 1);
    for (size_t i = 0; i < COUNT_MAX; i++) in[i] = float_of((uint32_t)eddy_rng_below(&rng, 0x7f800001));
    in[round % COUNT_MAX] *= -1;
    out[count] = 12.5f;
    eddy_log1pf_many(in, out, count);
    for (size_t i = 0; i < count; i++) {
      float expected = eddy_log1pf(in[i]);
      assert_memory_equal(&out[i], &expected, sizeof expected);
    }
    assert_true(out[count] == 12.5f);
    eddy_log1pf_many(in, in, count);
    assert_int_equal(memcmp(in, out, count * sizeof in[0]), 0);
  }
}

static void double_forms_are_close(void **state) {
  (void)state;
  struct eddy_rng rng;
  double worst_ln = 0, worst_exp2 = 0;
  eddy_rng_seed(&rng, 4);
  for (int i = 0; i < DRAWS; i++) {
    double x = exp2(2000 * eddy_rng_unit(&rng) - 1000), y = 2000 * eddy_rng_unit(&rng) - 1000;
    double near_one = 1 + (eddy_rng_unit(&rng) - 0.5) * exp2(-50 * eddy_rng_unit(&rng));
    worst_ln = worse(worst_ln, eddy_ln(x), log(x));
    worst_ln = worse(worst_ln, eddy_ln(near_one), log(near_one));
    worst_exp2 = worse(worst_exp2, eddy_exp2(y), exp2(y));
    worst_exp2 = worse(worst_exp2, eddy_exp2(y / 1000), exp2(y / 1000));
  }
  worst_ln = worse(worst_ln, eddy_ln(4.9e-324), log(4.9e-324));
  worst_ln = worse(worst_ln, eddy_ln(3e-310), log(3e-310));
  assert_true(worst_ln <= 1e-14);
  assert_true(worst_exp2 <= 1e-14);
}

static void double_forms_of_special_values(void **state) {
  (void)state;
  assert_true(eddy_ln(1) == 0 && eddy_exp2(0) == 1 && eddy_exp2(10) == 1024);
  assert_true(eddy_ln(0) == eddy_ln(4.9e-324) && eddy_ln(-1) == eddy_ln(0) && eddy_ln(NAN) == eddy_ln(0));
  assert_true(eddy_exp2(1e9) == exp2(1000) && eddy_exp2(-1e9) == exp2(-1000) && eddy_exp2(NAN) == exp2(-1000));
}

/* The same bits under every compiler, level and vector width: a hash of results over a grid, pinned. */
static void bits_are_pinned(void **state) {
  (void)state;
  enum { GRID = 4096 };
  static float floats[2 * GRID];
  static double doubles[2 * GRID];
  for (uint32_t i = 0; i < GRID; i++) {
    floats[i] = eddy_exp2f(-float_of(0x30000000 + i * 75000));
    floats[GRID + i] = float_of(i * 521000);
    doubles[i] = eddy_ln((double)(i * i) + 0.37);
    doubles[GRID + i] = eddy_exp2((double)i * 0.4883 - 1000);
  }
  eddy_log1pf_many(floats + GRID, floats + GRID, GRID);
  assert_int_equal(eddy_hash_stable(floats, sizeof floats), UINT64_C(0x70679d907f037f7d));
  assert_int_equal(eddy_hash_stable(doubles, sizeof doubles), UINT64_C(0xc307e82a5c11b7ff));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exp2f_is_close),
      cmocka_unit_test(exp2f_of_special_values),
      cmocka_unit_test(log1pf_is_close),
      cmocka_unit_test(log1pf_of_special_values),
      cmocka_unit_test(arrays_give_the_bits_of_the_scalar_form),
      cmocka_unit_test(double_forms_are_close),
      cmocka_unit_test(double_forms_of_special_values),
      cmocka_unit_test(bits_are_pinned),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
