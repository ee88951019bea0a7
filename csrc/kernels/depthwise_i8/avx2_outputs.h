// The names of depthwise_i8_body.h that kernels of 256 bits have in common: a vector is two
// outputs' four channels.
#pragma once

#include <immintrin.h>

#include "kernels/depthwise_i8/depthwise_i8.h"

namespace secateur {
namespace {

constexpr int kOutputs = 2;
using I32 = __m256i;

inline __m256i both(const void* p) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}

struct Rescale {
  __m256 scale;
  __m256i zero, lo, hi;
  explicit Rescale(const DepthwiseI8Band& b)
      : scale(_mm256_castsi256_ps(both(b.scale))),
        zero(_mm256_set1_epi16(static_cast<int16_t>(b.zero))),
        lo(_mm256_set1_epi8(static_cast<char>(b.lo))),
        hi(_mm256_set1_epi8(static_cast<char>(b.hi))) {}
  // Numbers beyond i32 become INT_MIN: right below, and none are above.
  __m256i nearest(I32 v) const {
    const __m256 t = _mm256_mul_ps(_mm256_cvtepi32_ps(v), scale);
    return _mm256_cvtps_epi32(_mm256_min_ps(t, _mm256_set1_ps(1e6f)));
  }
  __m256i half(I32 a, I32 b) const {
    return _mm256_adds_epi16(_mm256_packs_epi32(nearest(a), nearest(b)), zero);
  }
};

inline void rescale(I32 a, I32 b, I32 c, I32 d, const Rescale& r, int8_t* y) {
  // In each 128-bit lane the lane's output of a, b, c, d.
  __m256i v = _mm256_packs_epi16(r.half(a, b), r.half(c, d));
  v = _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  v = _mm256_min_epi8(_mm256_max_epi8(v, r.lo), r.hi);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), v);
}

// Where two outputs' taps lie within eight columns one load has them all.
inline void group(const DepthwiseI8Row& row) {
  const DepthwiseI8Row r = row;  // groups are bytes, which may be anything else, too
  const __m128i turned = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const auto s = static_cast<int>(r.stride), d = static_cast<int>(r.dilation);
  if (r.stride + 3 * r.dilation < 8) {
    const __m256i taken = _mm256_setr_epi32(0, d, 2 * d, 3 * d, s, s + d, s + 2 * d, s + 3 * d);
    const __m256i turn = _mm256_broadcastsi128_si256(turned);
    for (int64_t j = 0; j < r.outputs; j += 2) {
      const auto* p = reinterpret_cast<const __m256i*>(r.line + 4 * j * r.stride);
      const __m256i v = _mm256_permutevar8x32_epi32(_mm256_loadu_si256(p), taken);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(r.groups + 16 * j),
                          _mm256_shuffle_epi8(v, turn));
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
