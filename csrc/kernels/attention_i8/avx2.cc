// Attention of bytes for AVX2: bytes widened to i16, vpmaddwd adds products in pairs, so that a
// query's sum is two i32 side by side and a register holds four queries. vpmaddubsw would saturate:
// the weights of a softmax take all of a byte.
// Registers: 4 x 2 halves of sums | 2 halves of queries | weights.
#include "kernels/attention_i8/x86_quads.h"

namespace secateur {
namespace {

constexpr int kLanes = 8, kRows = 4, kVectors = 1;

struct Bytes {
  __m256i lo, hi;  // queries 0 to 3, 4 to 7
};
using Sums = Bytes;

inline __m256i widened(const uint32_t* p) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline Bytes load_bytes(const uint32_t* p) { return {widened(p), widened(p + 4)}; }
inline Sums no_sums() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
template <int i>
inline Sums add_dots(Sums sums, Bytes x, Quads w) {
  const __m256i q = _mm256_cvtepi8_epi16(_mm_set1_epi32(static_cast<int>(w[i])));
  return {_mm256_add_epi32(sums.lo, _mm256_madd_epi16(x.lo, q)),
          _mm256_add_epi32(sums.hi, _mm256_madd_epi16(x.hi, q))};
}
inline void store_sums(int32_t* p, Sums s) {
  // vphaddd adds pairs within 128 bits: queries 0 1 4 5 | 2 3 6 7.
  const __m256i mixed = _mm256_hadd_epi32(s.lo, s.hi);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(mixed, 0xd8));
}

}  // namespace
}  // namespace secateur

#define SCT_ISA avx2
#include "kernels/attention_i8/attention_i8_body.h"
