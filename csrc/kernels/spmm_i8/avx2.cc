// i8 SpMM for AVX2: bytes widened to i16, vpmaddwd adds products in pairs, so that a position's sum
// is two i32 side by side and a register holds four positions. (vpmaddubsw would saturate.)
//
// Registers, mr = 1, nr = 32: sum[8] | x | w | product.
// Bound by: 8 positions take two vpmovsxbw of x (one or two a cycle), two vpmaddwd and two vpaddd a
// row: at mr = 1 as many multiply-adds a cycle as f32 has, at mr = 4 nearly twice.
#include "kernels/spmm_i8/avx2_lanes.h"

namespace secateur {
namespace {

struct Sum {
  __m256i lo, hi;  // positions 0 to 3, 4 to 7
};

SCT_INLINE Sum start(int32_t v) {
  const __m256i even = _mm256_set1_epi64x(static_cast<uint32_t>(v));
  return {even, even};
}

SCT_INLINE I32 total(Sum s) {
  return _mm256_permute4x64_epi64(_mm256_hadd_epi32(s.lo, s.hi), 0xd8);
}

SCT_INLINE __m256i widened(const char* p) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

SCT_INLINE __m256i weight(int32_t v) { return _mm256_cvtepi8_epi16(_mm_set1_epi32(v)); }

SCT_INLINE __m256i add_products(__m256i sum, __m256i x, __m256i w) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(x, w));
}

}  // namespace
}  // namespace secateur

#include "kernels/spmm_i8/spmm_i8_body.h"
#include "kernels/spmm_i8/widening.h"

namespace secateur {

#define SCT_SPMM_I8_AVX2
#define SCT_SPMM_I8(isa, mr, nr)                             \
  void spmm_i8_##isa##_##mr##x##nr(const SpmmI8Args& args) { \
    run_quads<mr, nr / kLanes, Form>(args);                  \
  }
#include "kernels/spmm_i8/kernels.inc"
#undef SCT_SPMM_I8

}  // namespace secateur
