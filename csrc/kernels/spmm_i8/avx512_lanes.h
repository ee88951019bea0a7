// The names of spmm_i8_body.h that all AVX-512 kernels have in common: 16 positions a vector.
#pragma once

// GCC 12 warns about its own header's undefined vectors.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include "kernels/spmm_i8/spmm_i8.h"

// Also into functions tuned for another core.
#define SCT_INLINE inline __attribute__((always_inline))

namespace secateur {
namespace {

constexpr int kLanes = 16;
using I32 = __m512i;
using F32 = __m512;
using Half = __m512i;
using Quad = __m512i;

SCT_INLINE I32 load32(const int32_t* p) { return _mm512_loadu_si512(p); }
SCT_INLINE void store32(int32_t* p, I32 v) { _mm512_storeu_si512(p, v); }
SCT_INLINE I32 splat32(int32_t v) { return _mm512_set1_epi32(v); }
SCT_INLINE I32 add32(I32 a, I32 b) { return _mm512_add_epi32(a, b); }

SCT_INLINE F32 splat_f(float v) { return _mm512_set1_ps(v); }
SCT_INLINE F32 to_float(I32 v) { return _mm512_cvtepi32_ps(v); }
SCT_INLINE F32 mul_f(F32 a, F32 b) { return _mm512_mul_ps(a, b); }
SCT_INLINE F32 add_f(F32 a, F32 b) { return _mm512_add_ps(a, b); }
SCT_INLINE F32 below_i32(F32 v) { return _mm512_min_ps(v, _mm512_set1_ps(1e6f)); }
// Numbers beyond i32 become INT_MIN: right below, and below_i32 sees to those above.
SCT_INLINE I32 to_int(F32 v) { return _mm512_cvtps_epi32(v); }

// In each 128-bit lane, four positions: a's, then b's.
SCT_INLINE Half pack16(I32 a, I32 b) { return _mm512_packs_epi32(a, b); }
SCT_INLINE Half add16(Half v, int32_t z) {
  return _mm512_adds_epi16(v, _mm512_set1_epi16(static_cast<int16_t>(z)));
}
SCT_INLINE Quad pack8(Half a, Half b) {
  const __m512i turned = _mm512_set4_epi32(0x0f0b0703, 0x0e0a0602, 0x0d090501, 0x0c080400);
  return _mm512_shuffle_epi8(_mm512_packs_epi16(a, b), turned);
}
SCT_INLINE Quad clamp8(Quad v, int32_t lo, int32_t hi) {
  return _mm512_min_epi8(_mm512_max_epi8(v, _mm512_set1_epi8(static_cast<char>(lo))),
                         _mm512_set1_epi8(static_cast<char>(hi)));
}
SCT_INLINE void store8(int8_t* p, Quad v) { _mm512_storeu_si512(p, v); }
SCT_INLINE I32 residual_row(const int8_t* p, int row) {
  const __m128i left = _mm_cvtsi32_si128(24 - 8 * row);
  return _mm512_srai_epi32(_mm512_sll_epi32(_mm512_loadu_si512(p), left), 24);
}

// Bytes from x to a block's activations.
SCT_INLINE int64_t place(uint16_t code, int shift) { return int64_t{code} << shift; }

}  // namespace
}  // namespace secateur
