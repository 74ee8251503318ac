#include "base/fmath.h"

#include <stdint.h>
#include <string.h>

/* Coefficients: minimax polynomials for the relative error of the whole result, by Remez exchange in 50 digits, rounded to
 * float; in double, the Taylor series, which is as good at that length. Every operation below is one IEEE operation. */

#define LN2 0.69314718055994530942
/* ln 2 = HI + LO: HI has 15 bits, so that k * HI is exact for every exponent k of a float (and of a double with HI_D). */
#define LN2_HI 0x1.62e4p-1f
#define LN2_LO 1.42860682e-6f
#define LN2_HI_D 0x1.62e42fefa38p-1
#define LN2_LO_D 5.497923018708371e-14

static inline uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline uint64_t bits_of_double(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline double double_of(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* 2^x = 2^n 2^f with n the integer nearest to x, |f| <= 1/2, and 2^f = 1 + f q(f): error of q 2.0e-9. */
float eddy_exp2f(float x) {
  if (x < -126) return 0;
  if (x > 0) x = 0;
  float n = (x + 0x1.8p23f) - 0x1.8p23f; /* the sum has no room for a fraction */
  float f = x - n;
  float q = 1.53533616e-4f;
  q = q * f + 1.33988739e-3f;
  q = q * f + 9.61843736e-3f;
  q = q * f + 5.55033247e-2f;
  q = q * f + 2.40226479e-1f;
  q = q * f + 6.93147203e-1f;
  return (1 + f * q) * float_of((uint32_t)((int32_t)n + 127) << 23);
}

/* ln(1 + f) = f - f^2 / 2 + f^3 p(f) for 1 + f in [sqrt(1/2), sqrt(2)]: error of p 5.8e-9 of the result. */
static inline float log1pf_reduced(float f) {
  float p = -7.63227289e-2f;
  p = p * f + 1.27608548e-1f;
  p = p * f - 1.31606348e-1f;
  p = p * f + 1.42018832e-1f;
  p = p * f - 1.66233273e-1f;
  p = p * f + 2.00012207e-1f;
  p = p * f - 2.50008217e-1f;
  p = p * f + 3.33333318e-1f;
  float square = f * f;
  return f + (square * f * p - 0.5f * square);
}

/* ln(1 + x) = k ln 2 + ln(1 + f), 1 + f = (1 + x) / 2^k. f is computed as x / 2^k - (1 - 2^-k), which loses nothing of a small
 * x (k = 0: f = x) and next to nothing of a large one. Without branches, so that the loop over an array becomes SIMD code. */
static inline float log1pf_kernel(float x) {
  x = x > 0 ? x : 0;
  uint32_t k = (bits_of(1 + x) - 0x3f3504f3u) >> 23; /* 0x3f3504f3: sqrt(1/2) */
  int32_t exponent = 127 - (int32_t)k;
  exponent = exponent > 0 ? exponent : 0; /* 2^-k of the two largest k counts as 0 */
  float f = float_of(bits_of(x) - (k << 23)) - (1 - float_of((uint32_t)exponent << 23));
  float n = (float)(int32_t)k;
  return n * LN2_HI + (log1pf_reduced(f) + n * LN2_LO);
}

float eddy_log1pf(float x) { return log1pf_kernel(x); }

void eddy_log1pf_many(const float *in, float *out, size_t count) {
  if (in != out && count > 0) memcpy(out, in, count * sizeof out[0]); /* one array: the compiler needs no test for overlap */
  for (size_t i = 0; i < count; i++) out[i] = log1pf_kernel(out[i]);
}

/* Double --------------------------------------------------------------------------------------------------------------------*/

/* ln m for m in [sqrt(1/2), sqrt(2)]: 2 atanh(s) with s = f / (2 + f), f = m - 1 (the series to s^21), arranged so that the
 * rounding of s touches only what is small against f. */
static double ln_reduced(double m) {
  double f = m - 1;
  double s = f / (2 + f);
  double z = s * s;
  double r = 2.0 / 21;
  for (int odd = 19; odd >= 3; odd -= 2) r = r * z + 2.0 / odd;
  double half_square = 0.5 * f * f;
  return f - (half_square - s * (half_square + r * z));
}

double eddy_ln(double x) {
  int64_t k = 0;
  if (!(x > 0)) x = 0x1p-1074;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    k = -54;
  }
  uint64_t bits = bits_of_double(x);
  int64_t exponent = (int64_t)(bits - UINT64_C(0x3fe6a09e667f3bcd)) >> 52; /* sqrt(1/2) */
  double m = double_of(bits - ((uint64_t)exponent << 52));
  double n = (double)(k + exponent);
  return n * LN2_HI_D + (ln_reduced(m) + n * LN2_LO_D);
}

double eddy_exp2(double x) {
  if (!(x > -1000)) x = -1000;
  if (x > 1000) x = 1000;
  double n = (x + 0x1.8p52) - 0x1.8p52;
  double y = (x - n) * LN2; /* |y| < 0.347: the Taylor series of e^y to y^13 */
  double p = 1;
  for (int i = 13; i >= 1; i--) p = 1 + p * (y / i);
  return p * double_of((uint64_t)((int64_t)n + 1023) << 52);
}
