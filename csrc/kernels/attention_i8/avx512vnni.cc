// Attention of bytes for AVX-512 with VNNI: vpdpbusd of 16 queries' quads with a broadcast one.
// Registers: 8 x 2 sums | 2 of queries | broadcast.
#include "kernels/attention_i8/x86_quads.h"

namespace secateur {
namespace {

constexpr int kLanes = 16, kRows = 8, kVectors = 2;

using Bytes = __m512i;
using Sums = __m512i;

inline Bytes load_bytes(const uint32_t* p) { return _mm512_loadu_si512(p); }
inline Sums no_sums() { return _mm512_setzero_si512(); }
template <int i>
inline Sums add_dots(Sums sums, Bytes x, Quads w) {
  return _mm512_dpbusd_epi32(sums, x, _mm512_set1_epi32(static_cast<int>(w[i])));
}
inline void store_sums(int32_t* p, Sums sums) { _mm512_storeu_si512(p, sums); }

}  // namespace
}  // namespace secateur

#define SCT_ISA avx512vnni
#include "kernels/attention_i8/attention_i8_body.h"
