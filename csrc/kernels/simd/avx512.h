// The vector interface of kernels/simd/README.md on AVX-512 (F, DQ, BW, VL): 16 lanes.
#pragma once

// GCC 12's own intrinsics start from a register they leave undefined on purpose, and warn about it.
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <cstdint>

namespace secateur::simd {
namespace {

constexpr int kLanes = 16;
constexpr int kRegisters = 32;
using Number = float;
using Vec = __m512;
using Mask = __mmask16;

inline __mmask16 first(int n) { return static_cast<__mmask16>((1u << (n < 16 ? n : 16)) - 1u); }

inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
inline void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
inline Vec load_at(const float* p, int64_t bytes) { return load(p + bytes / 4); }
inline void store_at(float* p, int64_t bytes, Vec v) { store(p + bytes / 4, v); }
inline Vec load_n(const float* p, int n) { return _mm512_maskz_loadu_ps(first(n), p); }
inline void store_n(float* p, Vec v, int n) { _mm512_mask_storeu_ps(p, first(n), v); }
inline Vec gather(const float* p, const int32_t* index) {
  return _mm512_i32gather_ps(_mm512_loadu_si512(index), p, 4);
}
inline Vec splat(float x) { return _mm512_set1_ps(x); }
inline Vec zero() { return _mm512_setzero_ps(); }

inline Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
inline Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec fnma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }

// VMAXPS and VMINPS return the second operand when either is NaN.
inline Vec at_least(Vec x, Vec lo) { return _mm512_max_ps(lo, x); }
inline Vec at_most(Vec x, Vec hi) { return _mm512_min_ps(hi, x); }
inline Vec max_nan(Vec a, Vec b) {
  return _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a);
}
inline Vec min_nan(Vec a, Vec b) {
  return _mm512_mask_mov_ps(_mm512_min_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a);
}

inline Mask less(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
inline Mask equal(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
inline Vec select(Mask m, Vec yes, Vec no) { return _mm512_mask_blend_ps(m, no, yes); }
inline Vec abs(Vec x) { return _mm512_abs_ps(x); }
inline Vec with_sign_of(Vec magnitude, Vec sign) {
  const Vec bit = _mm512_set1_ps(-0.f);
  return _mm512_or_ps(_mm512_andnot_ps(bit, magnitude), _mm512_and_ps(bit, sign));
}
inline Vec sqrt(Vec x) { return _mm512_sqrt_ps(x); }

inline Vec round_nearest(Vec x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Vec scale_by_power(Vec p, Vec n) { return _mm512_scalef_ps(p, n); }

inline Vec exponent_of(Vec x) {
  const __m512i bits = _mm512_srli_epi32(_mm512_castps_si512(x), 23);
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(bits, _mm512_set1_epi32(127)));
}

inline float reduce_add(Vec v) { return _mm512_reduce_add_ps(v); }
inline float reduce_max(Vec v) {
  alignas(64) float lane[16];
  _mm512_store_ps(lane, v);
  float best = lane[0];
  for (int i = 1; i < 16; ++i) best = best != best ? best : (best > lane[i] ? best : lane[i]);
  return best;
}

inline void deinterleave(Vec lo, Vec hi, Vec* even, Vec* odd) {
  const __m512i e = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i o = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  *even = _mm512_permutex2var_ps(lo, e, hi);
  *odd = _mm512_permutex2var_ps(lo, o, hi);
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
