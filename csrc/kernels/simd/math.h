// exp, sigmoid, tanh and erf on vectors, written over the vector interface of
// kernels/simd/README.md. Include after one of scalar.h, neon.h, avx2.h, avx512.h. Errors are
// measured and bounded by tests/cpp/kernels/activation_test.cc and stated in docs/numerics.md. NaN
// gives NaN.
#pragma once

namespace secateur::simd {
namespace {

// e^x = 2^n e^r, r = x - n ln 2 with ln 2 split in two (Cody and Waite), e^r by the degree-7
// polynomial of Cephes' expf. 0 below -104, infinity above 88.73, denormal results included.
inline Vec exp(Vec x) {
  x = at_most(at_least(x, splat(-105.f)), splat(89.f));
  const Vec n = round_nearest(mul(x, splat(1.44269504f)));
  Vec r = fnma(n, splat(0.693359375f), x);
  r = fnma(n, splat(-2.12194440e-4f), r);
  Vec p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = add(fma(p, mul(r, r), r), splat(1.f));
  return scale_by_power(p, n);
}

// 1 / (1 + e^-x), by e^-|x|, so that neither tail loses relative accuracy nor overflows.
inline Vec sigmoid(Vec x) {
  const Vec e = exp(sub(zero(), abs(x)));
  const Vec top = select(less(x, zero()), e, splat(1.f));
  return div(top, add(e, splat(1.f)));
}

// Rational minimax fits x P(x^2) / Q(x^2) of relative error 7e-9 (tanh, |x| < 9.02) and 5e-8 (erf,
// |x| < 3.93), found by Lawson's iteration on Chebyshev nodes; +-1 beyond, where f32 has nothing
// else.
inline Vec tanh(Vec x) {
  const Vec a = at_most(abs(x), splat(9.02f)), u = mul(a, a);
  Vec p = splat(-8.4356566e-14f);
  p = fma(p, u, splat(5.2576481e-11f));
  p = fma(p, u, splat(-2.0183748e-8f));
  p = fma(p, u, splat(1.1144216e-5f));
  p = fma(p, u, splat(3.1029985e-3f));
  p = fma(p, u, splat(1.3083155e-1f));
  p = fma(p, u, splat(1.f));
  Vec q = splat(2.5447464e-4f);
  q = fma(q, u, splat(2.4491371e-2f));
  q = fma(q, u, splat(4.6416482e-1f));
  q = fma(q, u, splat(1.f));
  Vec y = at_most(div(mul(a, p), q), splat(1.f));
  y = select(less(splat(9.01f), a), splat(1.f), y);
  return with_sign_of(y, x);
}

inline Vec erf(Vec x) {
  const Vec a = at_most(abs(x), splat(3.93f)), u = mul(a, a);
  Vec p = splat(1.98132664e-8f);
  p = fma(p, u, splat(-1.95509967e-6f));
  p = fma(p, u, splat(1.42460649e-4f));
  p = fma(p, u, splat(3.73570982e-3f));
  p = fma(p, u, splat(5.0686032e-2f));
  p = fma(p, u, splat(2.00783425e-1f));
  p = fma(p, u, splat(1.12837911f));
  Vec q = splat(9.63621392e-4f);
  q = fma(q, u, splat(1.44248359e-2f));
  q = fma(q, u, splat(1.15352214e-1f));
  q = fma(q, u, splat(5.11271293e-1f));
  q = fma(q, u, splat(1.f));
  Vec y = at_most(div(mul(a, p), q), splat(1.f));
  y = select(less(splat(3.92f), a), splat(1.f), y);
  return with_sign_of(y, x);
}

}  // namespace
}  // namespace secateur::simd
