/* exp2 and log1p that give the same bits on every CPU and with every libm: polynomials with the operations written out, no
 * fused multiply-add (the build sets -ffp-contract=off). The array forms compute exactly what the scalar forms compute, so
 * that a vectorised and a scalar build agree.
 */
#ifndef EDDY_BASE_FMATH_H
#define EDDY_BASE_FMATH_H

#include <stddef.h>

/* 2^x for x <= 0 (decay factors): relative error <= 2e-7; 0 for x < -126; x >= 0 gives exactly 1. Not for NaN. */
float eddy_exp2f(float x);
/* ln(1 + x) for finite x >= 0: relative error <= 3e-7; 0 gives exactly 0. Negative x and NaN count as 0, infinity as 2^128. */
float eddy_log1pf(float x);
/* out[i] = eddy_log1pf(in[i]); in and out are the same or do not overlap. */
void eddy_log1pf_many(const float *in, float *out, size_t count);
/* ln(x) for finite x > 0 in double, relative error <= 1e-14: for the trainer, sampling and the generator, not the hot path.
 * x <= 0 and NaN count as the smallest positive number (-744.4). */
double eddy_ln(double x);
/* 2^x in double for |x| <= 1000, relative error <= 1e-14; beyond, x is clamped (NaN as -1000). */
double eddy_exp2(double x);

#endif
