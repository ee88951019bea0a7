// What attention of bytes takes of every x86 with AVX2.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace secateur {
namespace {

constexpr uint32_t kFlip = 0;  // dot products are of unsigned with signed bytes

using Quads = const uint32_t*;  // broadcast from memory, one by one
inline Quads load_quads(const uint32_t* p) { return p; }

inline void turned(const uint32_t* x, uint32_t* y) {
  const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(y), _mm_shuffle_epi8(four, order));
}

}  // namespace
}  // namespace secateur
