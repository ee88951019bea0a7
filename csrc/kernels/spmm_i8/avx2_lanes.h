// The names of spmm_i8_body.h that both 256-bit kernels have in common: 8 positions a vector.
#pragma once

#include <immintrin.h>

#include "kernels/spmm_i8/spmm_i8.h"

#define SCT_INLINE inline __attribute__((always_inline))

namespace secateur {
namespace {

constexpr int kLanes = 8;
using I32 = __m256i;
using F32 = __m256;
using Half = __m256i;
using Quad = __m256i;

SCT_INLINE __m256i load(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
SCT_INLINE void store(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }

SCT_INLINE I32 load32(const int32_t* p) { return load(p); }
SCT_INLINE void store32(int32_t* p, I32 v) { store(p, v); }
SCT_INLINE I32 splat32(int32_t v) { return _mm256_set1_epi32(v); }
SCT_INLINE I32 add32(I32 a, I32 b) { return _mm256_add_epi32(a, b); }

SCT_INLINE F32 splat_f(float v) { return _mm256_set1_ps(v); }
SCT_INLINE F32 to_float(I32 v) { return _mm256_cvtepi32_ps(v); }
SCT_INLINE F32 mul_f(F32 a, F32 b) { return _mm256_mul_ps(a, b); }
SCT_INLINE F32 add_f(F32 a, F32 b) { return _mm256_add_ps(a, b); }
SCT_INLINE F32 below_i32(F32 v) { return _mm256_min_ps(v, _mm256_set1_ps(1e6f)); }
// Numbers beyond i32 become INT_MIN: right below, and below_i32 sees to those above.
SCT_INLINE I32 to_int(F32 v) { return _mm256_cvtps_epi32(v); }

// In each 128-bit lane, four positions: a's, then b's.
SCT_INLINE Half pack16(I32 a, I32 b) { return _mm256_packs_epi32(a, b); }
SCT_INLINE Half add16(Half v, int32_t z) {
  return _mm256_adds_epi16(v, _mm256_set1_epi16(static_cast<int16_t>(z)));
}
SCT_INLINE Quad pack8(Half a, Half b) {
  const __m256i turned = _mm256_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0,
                                          4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm256_shuffle_epi8(_mm256_packs_epi16(a, b), turned);
}
SCT_INLINE Quad clamp8(Quad v, int32_t lo, int32_t hi) {
  return _mm256_min_epi8(_mm256_max_epi8(v, _mm256_set1_epi8(static_cast<char>(lo))),
                         _mm256_set1_epi8(static_cast<char>(hi)));
}
SCT_INLINE void store8(int8_t* p, Quad v) { store(p, v); }
SCT_INLINE I32 residual_row(const int8_t* p, int row) {
  return _mm256_srai_epi32(_mm256_sll_epi32(load(p), _mm_cvtsi32_si128(24 - 8 * row)), 24);
}

#define SCT_ROW_LOOP _Pragma("GCC unroll 2")

}  // namespace
}  // namespace secateur
