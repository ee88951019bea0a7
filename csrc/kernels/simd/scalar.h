// The vector interface of kernels/simd/README.md with one lane: what a CPU without vectors runs.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace secateur::simd {
namespace {

constexpr int kLanes = 1;
constexpr int kRegisters = 16;
using Number = float;
using Vec = float;
using Mask = bool;

inline Vec load(const float* p) { return *p; }
inline void store(float* p, Vec v) { *p = v; }
inline Vec load_at(const float* p, int64_t bytes) { return load(p + bytes / 4); }
inline void store_at(float* p, int64_t bytes, Vec v) { store(p + bytes / 4, v); }
inline Vec load_n(const float* p, int n) { return n > 0 ? *p : 0.f; }
inline void store_n(float* p, Vec v, int n) {
  if (n > 0) *p = v;
}
inline Vec gather(const float* p, const int32_t* index) { return p[*index]; }
inline Vec splat(float x) { return x; }
inline Vec zero() { return 0.f; }

inline Vec add(Vec a, Vec b) { return a + b; }
inline Vec sub(Vec a, Vec b) { return a - b; }
inline Vec mul(Vec a, Vec b) { return a * b; }
inline Vec div(Vec a, Vec b) { return a / b; }
// Two roundings unless the baseline has a fused instruction: a call into libm would cost far more.
inline Vec fma(Vec a, Vec b, Vec c) {
#if defined(__FP_FAST_FMAF)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
inline Vec fnma(Vec a, Vec b, Vec c) { return fma(-a, b, c); }

inline Vec at_least(Vec x, Vec lo) { return x < lo ? lo : x; }
inline Vec at_most(Vec x, Vec hi) { return x > hi ? hi : x; }
inline Vec max_nan(Vec a, Vec b) { return a != a ? a : (a > b ? a : b); }
inline Vec min_nan(Vec a, Vec b) { return a != a ? a : (a < b ? a : b); }

inline Mask less(Vec a, Vec b) { return a < b; }
inline Mask equal(Vec a, Vec b) { return a == b; }
inline Vec select(Mask m, Vec yes, Vec no) { return m ? yes : no; }
inline Vec abs(Vec x) { return __builtin_fabsf(x); }
inline Vec with_sign_of(Vec magnitude, Vec sign) { return __builtin_copysignf(magnitude, sign); }
inline Vec sqrt(Vec x) { return __builtin_sqrtf(x); }

inline Vec round_nearest(Vec x) {
  constexpr float kShift = 12582912.f;  // 1.5 * 2^23: for |x| < 2^22
  return (x + kShift) - kShift;
}
inline Vec power_of_two(int32_t n) {
  const uint32_t bits = static_cast<uint32_t>(n + 127) << 23;
  float f;
  std::memcpy(&f, &bits, sizeof f);
  return f;
}
inline Vec scale_by_power(Vec p, Vec n) {
  if (!(n > -200.f && n < 200.f)) return p + n;  // only NaN gets here
  const int32_t i = static_cast<int32_t>(n), half = i >> 1;
  return p * power_of_two(half) * power_of_two(i - half);
}

inline Vec exponent_of(Vec x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return static_cast<float>(static_cast<int32_t>(bits >> 23) - 127);
}

inline float reduce_add(Vec v) { return v; }
inline float reduce_max(Vec v) { return v; }

inline void deinterleave(Vec lo, Vec hi, Vec* even, Vec* odd) {
  *even = lo;
  *odd = hi;
}

// Four consecutive floats, each to be multiplied with a whole vector. Here the multiply-add takes a
// broadcast from memory.
struct Four {
  const float* p;
};
inline Four load_four(const float* p) { return {p}; }
template <int i>
inline Vec fma_by(Four f, Vec b, Vec c) {
  return fma(splat(f.p[i]), b, c);
}

inline void load_even_odd(const float* p, Vec* even, Vec* odd) {
  deinterleave(load(p), load(p + kLanes), even, odd);
}

}  // namespace
}  // namespace secateur::simd
