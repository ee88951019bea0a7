// The vector interface of kernels/simd/README.md on AVX2 with FMA: 8 lanes.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace secateur::simd {
namespace {

constexpr int kLanes = 8;
constexpr int kRegisters = 16;
using Number = float;
using Vec = __m256;
using Mask = __m256;

inline Vec load(const float* p) { return _mm256_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }
alignas(64) constexpr int32_t kTail[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
inline Vec load_at(const float* p, int64_t bytes) { return load(p + bytes / 4); }
inline void store_at(float* p, int64_t bytes, Vec v) { store(p + bytes / 4, v); }
inline Vec load_n(const float* p, int n) {
  if (n >= 8) return load(p);
  const __m256i mask = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kTail + 8 - n));
  return _mm256_maskload_ps(p, mask);
}
// Not VMASKMOVPS, whose store form takes tens of cycles on AMD cores up to Zen 4.
inline void store_n(float* p, Vec v, int n) {
  if (n >= 8) {
    store(p, v);
    return;
  }
  __m128 part = _mm256_castps256_ps128(v);
  if (n & 4) {
    _mm_storeu_ps(p, part);
    part = _mm256_extractf128_ps(v, 1);
    p += 4;
  }
  if (n & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), part);
    part = _mm_movehl_ps(part, part);
    p += 2;
  }
  if (n & 1) _mm_store_ss(p, part);
}
inline Vec gather(const float* p, const int32_t* index) {
  return _mm256_i32gather_ps(p, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(index)), 4);
}
inline Vec splat(float x) { return _mm256_set1_ps(x); }
inline Vec zero() { return _mm256_setzero_ps(); }

inline Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
inline Vec div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec fnma(Vec a, Vec b, Vec c) { return _mm256_fnmadd_ps(a, b, c); }

// MAXPS and MINPS return the second operand when either is NaN.
inline Vec at_least(Vec x, Vec lo) { return _mm256_max_ps(lo, x); }
inline Vec at_most(Vec x, Vec hi) { return _mm256_min_ps(hi, x); }
inline Vec max_nan(Vec a, Vec b) {
  return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
inline Vec min_nan(Vec a, Vec b) {
  return _mm256_blendv_ps(_mm256_min_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}

inline Mask less(Vec a, Vec b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
inline Mask equal(Vec a, Vec b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
inline Vec select(Mask m, Vec yes, Vec no) { return _mm256_blendv_ps(no, yes, m); }
inline Vec abs(Vec x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.f), x); }
inline Vec with_sign_of(Vec magnitude, Vec sign) {
  const Vec bit = _mm256_set1_ps(-0.f);
  return _mm256_or_ps(_mm256_andnot_ps(bit, magnitude), _mm256_and_ps(bit, sign));
}
inline Vec sqrt(Vec x) { return _mm256_sqrt_ps(x); }

inline Vec round_nearest(Vec x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Vec scale_by_power(Vec p, Vec n) {
  const __m256i i = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(i, 1);
  const __m256i bias = _mm256_set1_epi32(127), rest = _mm256_sub_epi32(i, half);
  const Vec a = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
  const Vec b = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
  return mul(mul(p, a), b);
}

inline Vec exponent_of(Vec x) {
  const __m256i bits = _mm256_srli_epi32(_mm256_castps_si256(x), 23);
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(bits, _mm256_set1_epi32(127)));
}

inline float reduce_add(Vec v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
inline float reduce_max(Vec v) {
  alignas(32) float lane[8];
  _mm256_store_ps(lane, v);
  float best = lane[0];
  for (int i = 1; i < 8; ++i) best = best != best ? best : (best > lane[i] ? best : lane[i]);
  return best;
}

inline void deinterleave(Vec lo, Vec hi, Vec* even, Vec* odd) {
  // Shuffles work within 128-bit halves; the permutation of 64-bit pairs puts the halves in order.
  const __m256d e = _mm256_castps_pd(_mm256_shuffle_ps(lo, hi, 0x88));
  const __m256d o = _mm256_castps_pd(_mm256_shuffle_ps(lo, hi, 0xdd));
  *even = _mm256_castpd_ps(_mm256_permute4x64_pd(e, 0xd8));
  *odd = _mm256_castpd_ps(_mm256_permute4x64_pd(o, 0xd8));
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

// Halves inserted from memory in the order that the shuffles want: no permutation across halves.
inline void load_even_odd(const float* p, Vec* even, Vec* odd) {
  const Vec lo =
      _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + 8), 1);
  const Vec hi =
      _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + 4)), _mm_loadu_ps(p + 12), 1);
  *even = _mm256_shuffle_ps(lo, hi, 0x88);
  *odd = _mm256_shuffle_ps(lo, hi, 0xdd);
}

}  // namespace
}  // namespace secateur::simd
