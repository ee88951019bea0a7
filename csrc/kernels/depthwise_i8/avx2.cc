// Depthwise convolution of i8 for AVX2: bytes widened to i16, vpmaddwd adds taps in pairs.
// (vpmaddubsw would saturate.)
#include "kernels/depthwise_i8/avx2_outputs.h"

namespace secateur {
namespace {

struct Weight {
  __m256i words;
};
inline Weight weight(const int8_t* p) {
  return {_mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}

// Of an output two i32 a channel.
struct Sum {
  __m256i first, second;
};

inline Sum start(const int32_t* bias) {
  const __m256i b = _mm256_cvtepu32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bias)));
  return {b, b};
}
inline I32 total(Sum s) {
  return _mm256_permute4x64_epi64(_mm256_hadd_epi32(s.first, s.second), 0xd8);
}
inline __m256i products(const int8_t* p, Weight w) {
  const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_madd_epi16(_mm256_cvtepi8_epi16(x), w.words);
}
inline Sum add(Sum s, const int8_t* p, Weight w) {
  s.first = _mm256_add_epi32(s.first, products(p, w));
  s.second = _mm256_add_epi32(s.second, products(p + 16, w));
  return s;
}

}  // namespace
}  // namespace secateur

#include "kernels/depthwise_i8/depthwise_i8_body.h"
#include "kernels/depthwise_i8/direct_avx2.h"

namespace secateur::avx2 {
extern const DepthwiseI8Kernel depthwise_i8 = {Isa::avx2, "avx2", band, group, nullptr, plane3x3};
}  // namespace secateur::avx2
