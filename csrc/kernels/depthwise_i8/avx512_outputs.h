// The names of depthwise_i8_body.h that AVX-512's kernels have in common: a vector is four outputs'
// four channels.
#pragma once

// GCC 12 warns about its own header's undefined vectors.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include "kernels/depthwise_i8/depthwise_i8.h"

namespace secateur {
namespace {

constexpr int kOutputs = 4;
using I32 = __m512i;

inline __m512i four(const void* p) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}

struct Rescale {
  __m512 scale;
  __m512i zero, lo, hi;
  explicit Rescale(const DepthwiseI8Band& b)
      : scale(_mm512_castsi512_ps(four(b.scale))),
        zero(_mm512_set1_epi16(static_cast<int16_t>(b.zero))),
        lo(_mm512_set1_epi8(static_cast<char>(b.lo))),
        hi(_mm512_set1_epi8(static_cast<char>(b.hi))) {}
  // Numbers beyond i32 become INT_MIN: right below, and none are above.
  __m512i nearest(I32 v) const {
    const __m512 t = _mm512_mul_ps(_mm512_cvtepi32_ps(v), scale);
    return _mm512_cvtps_epi32(_mm512_min_ps(t, _mm512_set1_ps(1e6f)));
  }
  __m512i half(I32 a, I32 b) const {
    return _mm512_adds_epi16(_mm512_packs_epi32(nearest(a), nearest(b)), zero);
  }
};

inline void rescale(I32 a, I32 b, I32 c, I32 d, const Rescale& r, int8_t* y) {
  // In each 128-bit lane the lane's output of a, b, c, d.
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i v = _mm512_packs_epi16(r.half(a, b), r.half(c, d));
  v = _mm512_permutexvar_epi32(order, v);
  _mm512_storeu_si512(y, _mm512_min_epi8(_mm512_max_epi8(v, r.lo), r.hi));
}

// Where four outputs' taps lie within sixteen columns one load has them all.
inline void group(const DepthwiseI8Row& row) {
  const DepthwiseI8Row r = row;  // groups are bytes, which may be anything else, too
  const __m128i turned = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  if (3 * r.stride + 3 * r.dilation < 16) {
    const __m512i output = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const __m512i tap = _mm512_broadcast_i32x4(_mm_setr_epi32(0, 1, 2, 3));
    const __m512i taken =
        _mm512_add_epi32(_mm512_mullo_epi32(output, _mm512_set1_epi32(static_cast<int>(r.stride))),
                         _mm512_mullo_epi32(tap, _mm512_set1_epi32(static_cast<int>(r.dilation))));
    const __m512i turn = _mm512_broadcast_i32x4(turned);
    for (int64_t j = 0; j < r.outputs; j += 4) {
      const __m512i v =
          _mm512_permutexvar_epi32(taken, _mm512_loadu_si512(r.line + 4 * j * r.stride));
      _mm512_storeu_si512(r.groups + 16 * j, _mm512_shuffle_epi8(v, turn));
    }
    return;
  }
  for (int64_t j = 0; j < r.outputs; j++) {
    const auto* p = reinterpret_cast<const int32_t*>(r.line) + j * r.stride;
    const __m128i v = _mm_setr_epi32(p[0], p[r.dilation], p[2 * r.dilation], p[3 * r.dilation]);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(r.groups + 16 * j), _mm_shuffle_epi8(v, turned));
  }
}

}  // namespace
}  // namespace secateur
