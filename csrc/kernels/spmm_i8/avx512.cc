// i8 SpMM for AVX-512 without VNNI: bytes widened to i16, vpmaddwd adds products in pairs, so that
// a position's sum is two i32 side by side and a register holds eight positions.
//
// Registers, mr = 1, nr = 64: sum[8] | x | w.
// Bound by: 16 positions take two vpmovsxbw of x (one a cycle), two vpmaddwd and two vpaddd a row.
#include "kernels/spmm_i8/avx512_lanes.h"

namespace secateur {
namespace {

struct Sum {
  __m512i lo, hi;  // positions 0 to 7, 8 to 15
};

SCT_INLINE Sum start(int32_t v) {
  const __m512i even = _mm512_set1_epi64(static_cast<uint32_t>(v));
  return {even, even};
}

SCT_INLINE I32 total(Sum s) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return _mm512_add_epi32(_mm512_permutex2var_epi32(s.lo, even, s.hi),
                          _mm512_permutex2var_epi32(s.lo, odd, s.hi));
}

SCT_INLINE __m512i widened(const char* p) {
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

SCT_INLINE __m512i weight(int32_t v) { return _mm512_cvtepi8_epi16(_mm256_set1_epi32(v)); }

SCT_INLINE __m512i add_products(__m512i sum, __m512i x, __m512i w) {
  return _mm512_add_epi32(sum, _mm512_madd_epi16(x, w));
}

#define SCT_ROW_LOOP _Pragma("GCC unroll 2")

}  // namespace
}  // namespace secateur

#include "kernels/spmm_i8/spmm_i8_body.h"
#include "kernels/spmm_i8/widening.h"

namespace secateur {

#define SCT_SPMM_I8_AVX512
#define SCT_SPMM_I8(isa, mr, nr)                             \
  void spmm_i8_##isa##_##mr##x##nr(const SpmmI8Args& args) { \
    run_quads<mr, nr / kLanes, Form>(args);                  \
  }
#include "kernels/spmm_i8/kernels.inc"
#undef SCT_SPMM_I8

}  // namespace secateur
