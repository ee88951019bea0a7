// Depthwise convolution of i8 for AVX-512 without VNNI: bytes widened to i16, vpmaddwd adds taps in
// pairs.
#include "kernels/depthwise_i8/avx512_outputs.h"

namespace secateur {
namespace {

using Weight = __m512i;
inline Weight weight(const int8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm512_cvtepi8_epi16(_mm256_broadcastsi128_si256(bytes));
}

// Of an output two i32 a channel.
struct Sum {
  __m512i first, second;
};

inline Sum start(const int32_t* bias) {
  const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bias));
  const __m512i even = _mm512_cvtepu32_epi64(_mm256_broadcastsi128_si256(b));
  return {even, even};
}
inline I32 total(Sum s) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return _mm512_add_epi32(_mm512_permutex2var_epi32(s.first, even, s.second),
                          _mm512_permutex2var_epi32(s.first, odd, s.second));
}
inline __m512i products(const int8_t* p, Weight w) {
  const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_madd_epi16(_mm512_cvtepi8_epi16(x), w);
}
inline Sum add(Sum s, const int8_t* p, Weight w) {
  s.first = _mm512_add_epi32(s.first, products(p, w));
  s.second = _mm512_add_epi32(s.second, products(p + 32, w));
  return s;
}

}  // namespace
}  // namespace secateur

#include "kernels/depthwise_i8/depthwise_i8_body.h"

namespace secateur::avx512 {
extern const DepthwiseI8Kernel depthwise_i8 = {Isa::avx512, "avx512", band, group, nullptr};
}  // namespace secateur::avx512
