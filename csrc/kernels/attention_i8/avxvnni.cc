// Attention of bytes for AVX-VNNI: as avx512vnni.cc in half its width and half its registers.
// Registers: 4 x 2 sums | 2 of queries | broadcast.
#include "kernels/attention_i8/x86_quads.h"

namespace secateur {
namespace {

constexpr int kLanes = 8, kRows = 4, kVectors = 2;

using Bytes = __m256i;
using Sums = __m256i;

inline Bytes load_bytes(const uint32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline Sums no_sums() { return _mm256_setzero_si256(); }
template <int i>
inline Sums add_dots(Sums sums, Bytes x, Quads w) {
  return _mm256_dpbusd_avx_epi32(sums, x, _mm256_set1_epi32(static_cast<int>(w[i])));
}
inline void store_sums(int32_t* p, Sums sums) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), sums);
}

}  // namespace
}  // namespace secateur

#define SCT_ISA avxvnni
#include "kernels/attention_i8/attention_i8_body.h"
