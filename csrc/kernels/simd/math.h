// exp, sigmoid, tanh, erf, logarithms, sine and cosine on vectors, written over the vector
// interface of kernels/simd/README.md. Include after one of scalar.h, neon.h, avx2.h, avx512.h.
// Errors are measured and bounded by tests/cpp/kernels/activation_test.cc and stated in
// docs/numerics.md. NaN gives NaN.
#pragma once

namespace secateur::simd {
namespace {

// e^x = 2^n e^r, r = x - n ln 2 with ln 2 split in two (Cody and Waite), e^r by the degree-7
// polynomial of Cephes' expf. 0 below -104, infinity above 88.73, denormal results included.
// Here e^r - 1 and n.
inline Vec exp_parts(Vec x, Vec* n) {
  x = at_most(at_least(x, splat(-105.f)), splat(89.f));
  *n = round_nearest(mul(x, splat(1.44269504f)));
  Vec r = fnma(*n, splat(0.693359375f), x);
  r = fnma(*n, splat(-2.12194440e-4f), r);
  Vec p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  return fma(p, mul(r, r), r);
}

inline Vec exp(Vec x) {
  Vec n;
  const Vec part = exp_parts(x, &n);
  return scale_by_power(add(part, splat(1.f)), n);
}

// e^x - 1 for x <= 0: 2^n (e^r - 1) + (2^n - 1), so that nothing is lost near 0.
inline Vec expm1_below(Vec x) {
  Vec n;
  const Vec part = exp_parts(at_most(x, zero()), &n), power = scale_by_power(splat(1.f), n);
  return fma(part, power, sub(power, splat(1.f)));
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

// ln x = n ln 2 + ln m, m in [sqrt(1/2), sqrt(2)), ln m by Cephes' logf polynomial of degree 9.
// Denormals included; -infinity at 0, NaN below, infinity at infinity.
inline Vec log(Vec x) {
  const Mask tiny = less(x, splat(1.17549435e-38f));
  const Vec a = abs(select(tiny, mul(x, splat(16777216.f)), x));
  Vec n = exponent_of(a);
  Vec m = scale_by_power(a, sub(zero(), n));
  const Mask high = less(splat(1.41421356f), m);
  m = sub(select(high, mul(m, splat(0.5f)), m), splat(1.f));
  n = add(n, select(high, splat(1.f), zero()));
  n = sub(n, select(tiny, splat(24.f), zero()));
  const Vec square = mul(m, m);
  Vec p = splat(7.0376836292e-2f);
  p = fma(p, m, splat(-1.1514610310e-1f));
  p = fma(p, m, splat(1.1676998740e-1f));
  p = fma(p, m, splat(-1.2420140846e-1f));
  p = fma(p, m, splat(1.4249322787e-1f));
  p = fma(p, m, splat(-1.6668057665e-1f));
  p = fma(p, m, splat(2.0000714765e-1f));
  p = fma(p, m, splat(-2.4999993993e-1f));
  p = fma(p, m, splat(3.3333331174e-1f));
  Vec y = mul(mul(p, m), square);
  y = fma(n, splat(-2.12194440e-4f), y);
  y = fnma(square, splat(0.5f), y);
  y = fma(n, splat(0.693359375f), add(m, y));
  const Vec infinity = splat(__builtin_inff());
  y = select(equal(x, zero()), sub(zero(), infinity), y);
  y = select(less(x, zero()), splat(__builtin_nanf("")), y);
  return select(less(x, infinity), y, add(x, x));  // infinity and NaN are themselves
}

// ln(1 + x) for 0 <= x <= 1: what 1 + x loses is put back.
inline Vec log1p_unit(Vec x) {
  const Vec u = add(x, splat(1.f));
  return add(log(u), div(sub(x, sub(u, splat(1.f))), u));
}

// sin x and cos x: x - q pi/2 with pi/2 in four parts of at most 11 bits but the last, then Cephes'
// polynomials on [-pi/4, pi/4]. An absolute error of 2^-22 for |x| <= 4096 (q then has 12 bits, and
// its products with the parts are exact), of |x| 2^-24 up to 2^20, NaN beyond.
inline Vec sine(Vec x, float quarter) {
  const Vec q = round_nearest(mul(x, splat(0.636619772f)));
  Vec r = fnma(q, splat(1.5703125f), x);
  r = fnma(q, splat(4.837512969970703e-4f), r);
  r = fnma(q, splat(7.549533620476723e-8f), r);
  r = fnma(q, splat(2.5633440682570896e-12f), r);
  const Vec u = mul(r, r);
  Vec s = splat(-1.9515295891e-4f);
  s = fma(s, u, splat(8.3321608736e-3f));
  s = fma(s, u, splat(-1.6666654611e-1f));
  s = fma(mul(s, u), r, r);
  Vec c = splat(2.443315711809948e-5f);
  c = fma(c, u, splat(-1.388731625493765e-3f));
  c = fma(c, u, splat(4.166664568298827e-2f));
  c = fma(mul(c, u), u, fnma(u, splat(0.5f), splat(1.f)));
  // The turn's quarter, 0 to 3: odd ones are cosines, the latter half negative.
  const Vec t = add(q, splat(quarter));
  const Vec half = round_nearest(fma(t, splat(0.5f), splat(-0.25f)));  // floor(t / 2)
  const Vec odd = fnma(half, splat(2.f), t);
  const Vec turn = round_nearest(fma(half, splat(0.5f), splat(-0.25f)));
  const Vec negative = fnma(turn, splat(2.f), half);
  Vec y = select(less(splat(0.5f), odd), c, s);
  y = select(less(splat(0.5f), negative), sub(zero(), y), y);
  const Vec limit = splat(1048576.f);
  y = select(less(limit, abs(x)), splat(__builtin_nanf("")), y);
  return add(y, sub(x, x));  // NaN and infinity give NaN
}
inline Vec sin(Vec x) { return select(equal(x, zero()), x, sine(x, 0.f)); }
inline Vec cos(Vec x) { return sine(x, 1.f); }

// The nearest whole number of any x, halves to the even one: 2^23 + |x| has no bits behind the
// point, and from 2^23 on no float has. round_nearest is for small x alone.
inline Vec round_any(Vec x) {
  const Vec a = abs(x), limit = splat(8388608.f);
  return with_sign_of(select(less(a, limit), sub(add(a, limit), limit), a), x);
}
inline Vec floor(Vec x) {
  const Vec near = round_any(x);
  return select(less(x, near), sub(near, splat(1.f)), near);
}

// Cephes' atanf: |x| brought to [0, tan pi/8] by pi/4 + atan((x - 1) / (x + 1)) and pi/2 - atan(1 /
// x).
inline Vec atan(Vec x) {
  const Vec a = abs(x), one = splat(1.f);
  const Mask high = less(splat(2.41421356f), a), middle = less(splat(0.414213562f), a);
  const Vec top = select(high, splat(-1.f), select(middle, sub(a, one), a));
  const Vec r = div(top, select(high, a, select(middle, add(a, one), one)));
  const Vec base = select(high, splat(1.57079633f), select(middle, splat(0.785398163f), zero()));
  const Vec u = mul(r, r);
  Vec p = splat(8.05374449538e-2f);
  p = fma(p, u, splat(-1.38776856032e-1f));
  p = fma(p, u, splat(1.99777106478e-1f));
  p = fma(p, u, splat(-3.33329491539e-1f));
  return with_sign_of(add(base, fma(mul(p, u), r, r)), x);
}

}  // namespace
}  // namespace secateur::simd
