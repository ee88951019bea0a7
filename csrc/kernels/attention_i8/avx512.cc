// Attention of bytes for AVX-512 without VNNI: bytes widened to i16, vpmaddwd adds products in
// pairs, so that a query's sum is two i32 side by side and a register holds eight queries.
// Registers: 8 x 2 halves of sums | 2 halves of queries | weights.
#include "kernels/attention_i8/x86_quads.h"

namespace secateur {
namespace {

constexpr int kLanes = 16, kRows = 8, kVectors = 1;

struct Bytes {
  __m512i lo, hi;  // queries 0 to 7, 8 to 15
};
using Sums = Bytes;

inline __m512i widened(const uint32_t* p) {
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline Bytes load_bytes(const uint32_t* p) { return {widened(p), widened(p + 8)}; }
inline Sums no_sums() { return {_mm512_setzero_si512(), _mm512_setzero_si512()}; }
template <int i>
inline Sums add_dots(Sums sums, Bytes x, Quads w) {
  const __m512i q = _mm512_cvtepi8_epi16(_mm256_set1_epi32(static_cast<int>(w[i])));
  return {_mm512_add_epi32(sums.lo, _mm512_madd_epi16(x.lo, q)),
          _mm512_add_epi32(sums.hi, _mm512_madd_epi16(x.hi, q))};
}
inline void store_sums(int32_t* p, Sums s) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  _mm512_storeu_si512(p, _mm512_add_epi32(_mm512_permutex2var_epi32(s.lo, even, s.hi),
                                          _mm512_permutex2var_epi32(s.lo, odd, s.hi)));
}

}  // namespace
}  // namespace secateur

#define SCT_ISA avx512
#include "kernels/attention_i8/attention_i8_body.h"
